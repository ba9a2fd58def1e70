"""What every task owes: plain settings, a gradient, a place for what it predicts, a way back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

import swath.trainers
from swath.trainers import BaseTask, load_task

pytestmark = pytest.mark.filterwarnings("ignore")

S = 32


def image(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def place(batch: int = 2) -> dict[str, Tensor]:
    transform = torch.tensor([10.0, 0, 5e5, 0, -10, 4e6, 0, 0, 1], dtype=torch.float64)
    return {
        "transform": transform.expand(batch, 9),
        "bounds": torch.zeros(batch, 9, dtype=torch.float64),
    }


BOXES = [torch.tensor([[2.0, 2, 14, 14]]), torch.tensor([[6.0, 4, 20, 22], [1, 1, 9, 9]])]
LABELS = [torch.tensor([1]), torch.tensor([1, 1])]
OUTLINES = [
    torch.stack([torch.zeros(S, S, dtype=torch.uint8).index_fill(0, torch.arange(3, 9), 1)] * n)
    for n in (1, 2)
]
MASK = {"mask": torch.arange(S * S).view(1, S, S).expand(2, S, S) % 2}

#: Of each task: its arguments, and a batch that it trains on.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ClassificationTask": (
        {"model": "test_resnet", "num_classes": 2},
        {"image": image(2, 3, S, S), "label": torch.tensor([0, 1])},
    ),
    "MultiLabelClassificationTask": (
        {"model": "test_resnet", "labels": ["a", "b"]},
        {"image": image(2, 3, S, S), "label": torch.tensor([[0, 1], [1, 1]])},
    ),
    "RegressionTask": (
        {"model": "test_resnet"},
        {"image": image(2, 3, S, S), "label": torch.tensor([0.5, 2])},
    ),
    "PixelwiseRegressionTask": (
        {"model": "fcn", "num_filters": 8},
        {"image": image(2, 3, S, S), "mask": image(2, S, S)},
    ),
    "SemanticSegmentationTask": (
        {"model": "fcn", "num_classes": 2, "num_filters": 8},
        {"image": image(2, 3, S, S), **MASK},
    ),
    "ChangeDetectionTask": (
        {"model": "fcsiamdiff", "backbone": "resnet18"},
        {"image": image(2, 2, 3, S, S), **MASK},
    ),
    "SpatioTemporalSegmentation": (
        {"num_classes": 2, "hidden_dim": 4, "in_channels": 3},
        {"image": image(2, 3, 3, S, S), **MASK},
    ),
    "SpatioTemporalPixelwiseRegression": (
        {"hidden_dim": 4, "in_channels": 3},
        {"image": image(2, 3, 3, S, S), "mask": image(2, S, S)},
    ),
    "TemporalRegression": (
        {"in_channels": 2, "out_steps": 3, "num_outputs": 2, "len_max_seq": 8},
        {"input": image(2, 8, 2), "target": image(2, 3, 2)},
    ),
    "ObjectDetectionTask": (
        {"model": "faster-rcnn", "backbone": "resnet18", "num_classes": 2},
        {"image": image(2, 3, S, S), "bbox_xyxy": BOXES, "label": LABELS},
    ),
    "InstanceSegmentationTask": (
        {"model": "mask-rcnn", "backbone": "resnet18", "num_classes": 2},
        {"image": image(2, 3, S, S), "bbox_xyxy": BOXES, "label": LABELS, "mask": OUTLINES},
    ),
    "MultiTask": (
        {"backbone": "test_resnet", "in_channels": 3, "heads": {
            "cover": {"kind": "segmentation", "num_classes": 2},
            "scene": {"kind": "classification", "num_classes": 2},
        }},
        {"image": image(2, 3, S, S), "label": torch.tensor([0, 1]), **MASK},
    ),
    "BYOLTask": ({"model": "test_resnet"}, {"image": image(2, 3, S, S)}),
    "MoCoTask": (
        {"model": "test_resnet", "hidden_dim": 16, "output_dim": 8, "size": S},
        {"image": image(2, 3, S, S)},
    ),
    "SimCLRTask": (
        {"model": "test_resnet", "hidden_dim": 16, "output_dim": 8, "memory_bank_size": 0,
         "size": S},
        {"image": image(2, 3, S, S)},
    ),
    "MAETask": (
        {"model": "test_vit", "size": S, "decoder_dim": 16, "decoder_num_heads": 2},
        {"image": image(2, 3, S, S)},
    ),
    "IOBenchTask": ({}, {"image": image(2, 3, S, S)}),
}  # fmt: skip

ABSTRACT = {"BaseTask", "SelfSupervisedTask"}


def make(name: str) -> BaseTask:
    torch.manual_seed(0)
    task: BaseTask = getattr(swath.trainers, name)(**CASES[name][0])
    return task


def test_every_task_is_under_contract() -> None:
    tasks = {
        getattr(swath.trainers, n).__name__
        for n in swath.trainers.__all__
        if isinstance(getattr(swath.trainers, n), type)
        and issubclass(getattr(swath.trainers, n), BaseTask)
    }
    assert tasks - ABSTRACT == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_settings_are_plain(name: str, tmp_path) -> None:
    hparams = dict(make(name).hparams)
    assert {"optimizer", "bands", "mean", "std"} <= set(hparams)
    torch.save(hparams, tmp_path / "x.pt")
    again = torch.load(tmp_path / "x.pt", weights_only=True)
    # what was not given stays out of comparisons: NaN is not itself
    assert {k for k in again if again[k] != hparams[k] and again[k] == again[k]} == set()


@pytest.mark.parametrize("name", CASES)
def test_a_step_has_a_gradient_and_every_stage_a_loss(name: str) -> None:
    task, batch = make(name).train(), CASES[name][1]
    loss = task.training_step(batch, 0)
    if name == "IOBenchTask":
        return
    value = loss["loss"] if isinstance(loss, dict) else loss
    assert math.isfinite(float(value.detach()))
    value.backward()
    grads = [p.grad for p in task.parameters() if p.grad is not None]
    assert grads
    assert any(float(g.abs().sum()) > 0 for g in grads)
    assert all(bool(torch.isfinite(g).all()) for g in grads)
    task.eval()
    with torch.no_grad():
        task.validation_step(batch, 0)
        task.test_step(batch, 0)


@pytest.mark.parametrize("name", [n for n in CASES if n != "IOBenchTask"])
def test_predictions_know_where_they_lie(name: str) -> None:
    task, batch = make(name).eval(), {**CASES[name][1], **place()}
    with torch.no_grad():
        found = task.predict_step(batch, 0)
    rows = found if isinstance(found, list) else [found]
    for row in rows:
        assert "transform" in row, f"{name} lost its place: {list(row)}"


@pytest.mark.parametrize("name", [n for n in CASES if n != "IOBenchTask"])
def test_a_checkpoint_brings_the_task_back(name: str, tmp_path) -> None:
    task = make(name)
    trainer = Trainer(logger=False, accelerator="cpu", enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    again = load_task(tmp_path / "x.ckpt")
    assert type(again) is type(task)
    assert not again.training
    mine, theirs = task.state_dict(), again.state_dict()
    assert set(mine) == set(theirs)
    assert all(torch.equal(mine[k], theirs[k]) for k in mine)
    differ = {k for k, v in task.hparams.items() if k != "weights" and again.hparams[k] != v}
    assert differ == set()


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_option_is_an_error(name: str) -> None:
    with pytest.raises((TypeError, ValueError), match="lernrate"):
        getattr(swath.trainers, name)(**CASES[name][0], lernrate=1)


@pytest.mark.parametrize("name", [n for n in CASES if n != "IOBenchTask"])
def test_optimisers_are_configured(name: str) -> None:
    task = make(name)
    task.trainer = Trainer(
        max_epochs=50, logger=False, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    found = task.configure_optimizers()
    trained = {id(p) for g in found["optimizer"].param_groups for p in g["params"]}
    # a momentum encoder follows and is not trained; all else that wants a gradient is
    wanted = {id(p) for p in task.parameters() if p.requires_grad}
    assert trained <= wanted
    assert trained
