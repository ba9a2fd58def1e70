"""Each detector learns a tiny set by heart on transformers; on convolutions in the tasks' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from squares import NUMBERS, learn, loader, narrow_detector, squares
from torch import nn

from swath.models import swin_t
from swath.trainers import InstanceSegmentationTask, ObjectDetectionTask

pytestmark = pytest.mark.filterwarnings("ignore")


def swin() -> nn.Module:
    return swin_t(
        in_chans=2, num_classes=0, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4],
        stochastic_depth_prob=0.0,
    )  # fmt: skip


def vit() -> nn.Module:
    return timm.create_model(
        "test_vit", in_chans=2, num_classes=0, img_size=64, patch_size=8, dynamic_img_size=True
    )


@pytest.mark.parametrize(
    ("kind", "trunk", "lr", "epochs"),
    [
        ("faster-rcnn", swin, 4e-3, 30),
        ("retinanet", vit, 3e-3, 40),
        ("fcos", vit, 3e-3, 30),
        ("mask-rcnn", swin, 4e-3, 40),
    ],
)
def test_squares(
    kind: str, trunk: Callable[[], nn.Module], lr: float, epochs: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    masks = kind == "mask-rcnn"
    build = InstanceSegmentationTask if masks else ObjectDetectionTask
    task = build(
        narrow_detector(kind, 64 if kind == "fcos" else 32, trunk()),
        lr=lr,
        schedule="cosine",
        **NUMBERS,
    )
    trainer = learn(task, epochs, tmp_path)
    scores = trainer.validate(task, loader(squares()), verbose=False)[0]
    assert scores["val_segm_map_50" if masks else "val_map_50"] > 0.9
