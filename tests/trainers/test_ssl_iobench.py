"""What reading costs: counted, timed, and apart from everything else."""

from __future__ import annotations

import time

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from swath.trainers import IOBenchTask, load_task

pytestmark = pytest.mark.filterwarnings("ignore")


class Slow(Dataset[dict[str, Tensor]]):
    def __init__(self, count: int, seconds: float) -> None:
        self.count, self.seconds = count, seconds

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        time.sleep(self.seconds)
        return {"image": torch.zeros(2, 50, 50)}


def test_reading_is_timed(tmp_path) -> None:
    task = IOBenchTask()
    run = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(tmp_path), num_sanity_val_steps=0,
    )  # fmt: skip
    begun = time.perf_counter()
    run.fit(task, DataLoader(Slow(10, 0.02), 4), DataLoader(Slow(8, 0.05), 4))
    whole = time.perf_counter() - begun
    train, val = task.report["train"], task.report["val"]
    assert (train["samples"], val["samples"]) == (10, 8)
    # 10 × 20 ms and 8 × 50 ms of sleep are all there is to wait for
    assert train["wait"] == pytest.approx(0.2, abs=0.12)
    assert val["wait"] == pytest.approx(0.4, abs=0.15)
    assert train["seconds"] + val["seconds"] < whole
    assert train["samples_per_second"] == pytest.approx(10 / train["seconds"])
    assert train["megabytes_per_second"] == pytest.approx(10 * 20_000 / 1e6 / train["seconds"])
    logged = {k: float(v) for k, v in run.callback_metrics.items()}
    assert logged["train_samples_per_second"] == pytest.approx(train["samples_per_second"])
    assert logged["val_wait"] == pytest.approx(val["wait"])
    assert run.global_step == 3
    run.save_checkpoint(tmp_path / "x.ckpt")
    assert isinstance(load_task(tmp_path / "x.ckpt"), IOBenchTask)
    run.test(task, DataLoader(Slow(4, 0.0), 4), verbose=False)
    assert task.report["test"]["samples"] == 4
    assert run.predict(task, DataLoader(Slow(4, 0.0), 4)) == [{}]
