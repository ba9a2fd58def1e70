"""What is known of a sample, and what was predicted, as words and as objects to draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from swath.datasets.catalogue.objects import Objects
from swath.typing import Sample

if TYPE_CHECKING:
    from swath.datasets.catalogue.benchmark import Benchmark

__all__ = ["label_text", "objects_of"]

_BOXES = ("bbox_xyxy", "boxes", "bbox")
_LABELS = ("label", "labels")
_DRAWN = ("boxes", "corners", "labels", "scores", "masks")

Drawn = Mapping[str, Any]


def objects_of(dataset: Benchmark, sample: Sample) -> tuple[Drawn | None, Drawn | None]:
    """Objects that are known and objects that were found, as `swath.plot.draw_objects` has them.

    Found ones are ``prediction_boxes``, ``prediction_labels``, ``prediction_scores`` and
    ``prediction_masks``, or a ``prediction`` that holds ``boxes``, ``labels`` and so on.
    """
    parts = (p for p in dataset.parts if isinstance(p, Objects) and p.there(dataset.site))
    drawn: tuple[Drawn | None, Drawn | None] | None
    drawn = next((d for p in parts if (d := p.drawn(sample)) is not None), None)
    truth, found = drawn or (_by_keys(sample), predicted_objects(sample))
    said = sample.get("prediction")
    if isinstance(said, Mapping) and found is None:
        found = {k: said[k] for k in _DRAWN if k in said}
    return truth, found


def predicted_objects(sample: Sample) -> Drawn | None:
    """Of the keys ``prediction_boxes`` and so on."""
    found = {n: sample[f"prediction_{n}"] for n in _DRAWN if f"prediction_{n}" in sample}
    return found if "boxes" in found or "corners" in found else None


def _by_keys(sample: Sample) -> Drawn | None:
    for key in _BOXES:
        value = sample.get(key)
        if not isinstance(value, Tensor) or value.ndim != 2 or value.shape[1] not in (4, 8):
            continue
        truth: dict[str, Any] = {"boxes" if value.shape[1] == 4 else "corners": value}
        labels = (sample.get(k) for k in _LABELS)
        for label in labels:
            if isinstance(label, Tensor) and label.shape == value.shape[:1]:
                truth["labels"] = label
        for masks in (sample.get("masks"), sample.get("mask")):
            if isinstance(masks, Tensor) and masks.ndim == 3 and len(masks) == len(value):
                truth["masks"] = masks
        return truth
    return None


def label_text(dataset: Benchmark, sample: Sample) -> tuple[str, bool | None]:
    """What a sample's label says, what was predicted, and whether that is right.

    Returns:
        ``"Forest"``, or ``"River (truth: Forest)"``; "" without a label. True or False where
        truth and prediction can be compared.
    """
    label = next((sample[k] for k in _LABELS if k in sample), None)
    truth = None if label is None else _told(dataset, label)
    said = sample.get("prediction")
    if not isinstance(said, Tensor) or said.ndim > 1:
        return truth or "", None
    if said.ndim == 1 and isinstance(label, Tensor) and label.ndim == 0 and (
        len(said) == len(dataset.classes)
    ):  # fmt: skip
        said = said.argmax()  # scores of each class
    found = _told(dataset, said)
    if truth is None:
        return found, None
    counted = isinstance(label, Tensor) and not label.is_floating_point()
    if not counted:
        return f"{found} (truth: {truth})", None
    return (found, True) if found == truth else (f"{found} (truth: {truth})", False)


def _told(dataset: Benchmark, label: Any) -> str:
    names = list(dataset.classes)
    if not isinstance(label, Tensor):
        return str(label)
    if label.ndim == 0:
        number = label.item()
        if isinstance(number, float):
            return f"{number:.4g}"
        return str(names[int(number)]) if 0 <= int(number) < len(names) else str(int(number))
    if label.ndim > 1:
        return ""
    shares = not label.is_floating_point() or bool(((label >= 0) & (label <= 1)).all())
    if len(label) == len(names) > 0 and shares:
        present = torch.nonzero(label > 0.5).flatten().tolist()
        return ", ".join(str(names[i]) for i in present) or "none of the classes"
    numbers = [f"{v:.4g}" for v in label.flatten().tolist()]
    return ", ".join(numbers[:6]) + (", …" if len(numbers) > 6 else "")
