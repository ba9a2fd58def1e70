"""The same numbers again: with the same seed, after an interruption, in two processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from torch import Tensor
from torch.utils.data import DataLoader

from swath.trainers import SemanticSegmentationTask

pytestmark = pytest.mark.filterwarnings("ignore")

#: Trains nothing: validates three tasks on uneven classes, in one process and in two.
ONE_AND_TWO = """
import json, sys, torch
from lightning.pytorch import Trainer
from torch import nn
from torch.utils.data import DataLoader
from swath.trainers import ClassificationTask, PixelwiseRegressionTask, SemanticSegmentationTask

torch.set_num_threads(1)


def tasks():  # the same ones each time
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return [
        ClassificationTask(net, in_channels=2, num_classes=3),
        SemanticSegmentationTask(nn.Conv2d(2, 3, 1), in_channels=2, num_classes=3, ignore_index=9),
        PixelwiseRegressionTask(nn.Conv2d(2, 1, 1), in_channels=2),
    ]


g = torch.Generator().manual_seed(1)
data = []
for i in range(16):
    image = torch.randn(2, 4, 4, generator=g)
    mask = torch.randint(0, 3, (4, 4), generator=g)
    mask[: i % 4] = 9
    data.append({"image": image, "label": torch.tensor(i % 3 if i < 9 else 0), "mask": mask})
for devices in (1, 2):
    scores = {}
    for task in tasks():
        rows = data
        if isinstance(task, PixelwiseRegressionTask):
            rows = [{"image": d["image"], "mask": d["image"][0] * 3} for d in data]
        trainer = Trainer(
            accelerator="cpu", devices=devices, logger=False, enable_progress_bar=False,
            strategy="ddp_fork" if devices > 1 else "auto", enable_checkpointing=False,
        )
        found = trainer.validate(task, DataLoader(rows, 4), verbose=False)[0]
        scores |= {f"{type(task).__name__}/{k}": v for k, v in found.items()}
    assert trainer.world_size == devices
    print(json.dumps(scores))
"""


def test_two_processes_have_the_scores_of_one() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ONE_AND_TWO],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert set(one) == set(two)
    assert len(one) > 15
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-4, nan_ok=True), name


def data(count: int = 12) -> list[dict[str, Tensor]]:
    g = torch.Generator().manual_seed(0)
    images = torch.rand(count, 2, 8, 8, generator=g)
    return [{"image": x, "mask": (x[0] > 0.5).long()} for x in images]


def fit(epochs: int, folder: Path, workers: int = 0, resume: str | None = None) -> dict:
    seed_everything(7, verbose=False)
    task = SemanticSegmentationTask("fcn", in_channels=2, num_classes=2, num_filters=8, lr=0.01)
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, num_sanity_val_steps=0,
        enable_checkpointing=False,
    )  # fmt: skip
    loader = DataLoader(data(), 4, num_workers=workers)
    trainer.fit(task, loader, DataLoader(data(), 4), ckpt_path=resume, weights_only=True)
    trainer.save_checkpoint(folder / f"{epochs}.ckpt")
    return {k: v.clone() for k, v in task.state_dict().items()}


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    one, two = fit(3, tmp_path), fit(3, tmp_path)
    assert all(torch.equal(one[k], two[k]) for k in one)
    workers = fit(3, tmp_path, workers=2)
    assert all(torch.equal(one[k], workers[k]) for k in one)


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = fit(4, tmp_path)
    fit(2, tmp_path)
    resumed = fit(4, tmp_path, resume=str(tmp_path / "2.ckpt"))
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, msg=name)
