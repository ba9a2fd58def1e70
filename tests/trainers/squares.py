"""Squares of two kinds in noise, small detectors, and average precision written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import timm
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.retinanet import RetinaNetHead

from swath.datasets import stack_samples
from swath.models import detection_model
from swath.trainers import ObjectDetectionTask

#: Few proposals, and few of them looked at.
FEW = {
    "box_batch_size_per_image": 32, "rpn_batch_size_per_image": 64,
    "rpn_pre_nms_top_n_train": 100, "rpn_post_nms_top_n_train": 50,
    "rpn_pre_nms_top_n_test": 100, "rpn_post_nms_top_n_test": 50,
}  # fmt: skip
ANCHORS = (8, 16, 32, 64, 128)
NUMBERS = {"mean": [105.0] * 2, "std": [30.0] * 2, "in_channels": 2, "classes": ["barn", "silo"]}


def squares(count: int = 8, size: int = 64) -> list[dict[str, Tensor]]:
    """Two squares an image, bright in the first band (label 1) or the second (label 2)."""
    g = torch.Generator().manual_seed(0)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=g))

    found = []
    for _ in range(count):
        image = torch.rand(2, size, size, generator=g) * 10 + 100
        boxes, labels, masks = [], [], []
        for half in range(2):
            side, label = draw(18, 28), draw(1, 3)
            x = draw(0, size // 2 - side + 1) + half * size // 2
            y = draw(0, size - side)
            image[label - 1, y : y + side, x : x + side] += 100
            mask = torch.zeros(size, size, dtype=torch.uint8)
            mask[y : y + side, x : x + side] = 1
            boxes.append([float(x), float(y), float(x + side), float(y + side)])
            labels.append(label)
            masks.append(mask)
        found.append({
            "image": image, "bbox_xyxy": torch.tensor(boxes), "label": torch.tensor(labels),
            "mask": torch.stack(masks),
        })  # fmt: skip
    return found


def narrow_detector(kind: str, channels: int, trunk: nn.Module | None = None) -> nn.Module:
    """A detector with heads that a processor trains in seconds."""
    if trunk is None:
        trunk = timm.create_model("test_convnext", in_chans=2, num_classes=0)
    options: dict[str, Any] = {}
    classes: Any = 3
    if kind == "fcos":
        pass
    elif kind == "retinanet":  # without norms its narrow head begins with vanishing signals
        norm = partial(nn.GroupNorm, 8)
        options = {"head": RetinaNetHead(channels, 9, 3, norm_layer=norm)}
    else:
        classes = None  # the predictors say it
        options = FEW | {
            "box_head": TwoMLPHead(channels * 49, 64), "box_predictor": FastRCNNPredictor(64, 3)
        }  # fmt: skip
        if kind == "mask-rcnn":
            options["mask_head"] = MaskRCNNHeads(channels, (16, 16), 1)
            options["mask_predictor"] = MaskRCNNPredictor(16, 16, 3)
    return detection_model(
        trunk, kind, classes, channels=channels, anchor_sizes=ANCHORS, options=options
    )


def loader(samples: list[dict[str, Tensor]], **options: Any) -> DataLoader[Any]:
    return DataLoader(samples, 4, collate_fn=stack_samples, **options)  # type: ignore[arg-type]


def learn(task: ObjectDetectionTask, epochs: int, folder: object) -> Trainer:
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(folder), num_sanity_val_steps=0,
        enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(task, loader(squares(), shuffle=True))
    return trainer


def box_overlap(found: dict[str, Tensor], truth: dict[str, Tensor]) -> NDArray[np.float64]:
    a, b = found["boxes"].double().numpy()[:, None], truth["boxes"].double().numpy()[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = sides.clip(0).prod(-1)
    area = [(x[..., 2:] - x[..., :2]).prod(-1) for x in (a, b)]
    return both / (area[0] + area[1] - both)


def mask_overlap(found: dict[str, Tensor], truth: dict[str, Tensor]) -> NDArray[np.float64]:
    a, b = (d["masks"].bool().flatten(1).double().numpy() for d in (found, truth))
    both = a @ b.T
    return both / (a.sum(1)[:, None] + b.sum(1)[None] - both)


def average_precision(
    found: list[dict[str, Tensor]],
    truth: list[dict[str, Tensor]],
    label: int,
    threshold: float,
    overlap: Callable[..., NDArray[np.float64]],
) -> float:
    """As COCO defines it: the most certain first, 101 recalls, the best precision from there on."""
    marks: list[tuple[float, bool]] = []
    count = 0
    for f, t in zip(found, truth, strict=True):
        order = torch.argsort(f["scores"], descending=True, stable=True)
        order = order[f["labels"][order] == label]
        one = {k: v[order] for k, v in f.items()}
        other = {k: v[t["labels"] == label] for k, v in t.items()}
        count += len(other["labels"])
        free = np.ones(len(other["labels"]), bool)
        shared = overlap(one, other)
        for i, score in enumerate(one["scores"].tolist()):
            near = np.where(free, shared[i], -1.0)
            hit = len(near) > 0 and bool(near.max() >= threshold)
            if hit:
                free[near.argmax()] = False
            marks.append((score, hit))
    marks.sort(key=lambda m: -m[0])
    hits = np.cumsum([m[1] for m in marks])
    recall, precision = hits / count, hits / np.arange(1, len(hits) + 1)
    best = [precision[recall >= r].max(initial=0.0) for r in np.linspace(0, 1, 101)]
    return float(np.mean(best))
