"""Two processes learn what one learns from both their images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, warnings
warnings.filterwarnings("ignore")
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.utils.data import DataLoader
from swath.trainers import MoCoTask, SimCLRTask

torch.set_num_threads(1)


def make(name):
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    options = dict(size=8, output_dim=6, in_channels=3, lr=0.5, optimizer="sgd",
                   schedule="constant", warmup_epochs=0, temperature=0.3, gather_distributed=True,
                   memory_bank_size=0)
    if name == "simclr":
        task = SimCLRTask(backbone, augmentations=nn.Identity(), **options)
    else:
        if name == "moco1":
            options["memory_bank_size"] = 32
        views = dict(augmentation1=nn.Identity(), augmentation2=nn.Identity())
        task = MoCoTask(backbone, version=int(name[-1]), hidden_dim=8, **options, **views)
    # batch norms differ between processes, and are not what is compared
    task.model.projector = nn.Linear(8, 6)
    if task.model.predictor is not None:
        task.model.predictor = nn.Linear(6, 6)
    if task.model.momentum_encoder is not None:
        task.model.momentum_encoder.projector = nn.Linear(8, 6).requires_grad_(False)
    return task


def fit(name, devices):
    task = make(name)
    g = torch.Generator().manual_seed(0)
    data = [{"image": torch.randn(6, 8, 8, generator=g), "label": torch.tensor(i % 2)}
            for i in range(16)]
    run = Trainer(
        max_epochs=3, accelerator="cpu", devices=devices, logger=False,
        strategy="ddp_fork" if devices > 1 else "auto", enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )
    # one batch of all images: which process has which makes no difference
    run.fit(task, DataLoader(data, 16 // devices), DataLoader(data, 16 // devices))
    return task.state_dict(), {k: float(v) for k, v in run.callback_metrics.items()}


for name in ("simclr", "moco3", "moco1"):
    (two, scores2), (one, scores1) = fit(name, 2), fit(name, 1)
    for key, value in one.items():
        if key.endswith("queue"):  # the same keys, in another order
            a, b = value.sort(0).values, two[key].sort(0).values
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
        else:
            torch.testing.assert_close(two[key], value, rtol=1e-3, atol=1e-5, msg=f"{name} {key}")
    for key in ("train_loss", "val_std", "val_knn_accuracy"):
        assert abs(scores1[key] - scores2[key]) < 1e-4, (name, key, scores1, scores2)
print("same")
"""


def test_two_processes_are_one(tmp_path: Path) -> None:
    script = tmp_path / "both.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("same")
