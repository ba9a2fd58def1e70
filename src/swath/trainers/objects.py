"""Objects of a batch, checked: boxes, labels and masks of each image, as detectors take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from swath.errors import ConfigError, GridError

__all__ = ["objects_of"]


def objects_of(
    batch: Mapping[str, Any], num_classes: int, masks: bool = False
) -> tuple[list[dict[str, Tensor]], list[str]]:
    """What is in each image: ``boxes`` (N, 4) float32, ``labels`` (N,) int64, ``masks`` (N, H, W).

    Images without objects have N = 0. Where boxes and labels are tensors (B, N, …) and not lists,
    rows of label -1, and rows of nothing but zeros, are padding. Boxes without width or height, as
    cutting and rounding leave them, enclose no pixel: they are left out, and told.

    Args:
        batch: With ``image`` (B, C, H, W), ``bbox_xyxy`` (xmin, ymin, xmax, ymax in pixels from
            the upper left corner of the image), ``label``, and ``mask`` where `masks` is set.
        num_classes: With the background.
        masks: Take the instances' masks as well.

    Returns:
        The objects, and what was left out, in words.

    Raises:
        ConfigError: Something is missing, or a label is none of 1 to `num_classes` - 1.
        GridError: A box whose right is left of its left, or that is not finite; boxes, labels and
            masks whose numbers do not agree.
    """
    keys = ("bbox_xyxy", "label", "mask") if masks else ("bbox_xyxy", "label")
    images = batch["image"]
    for key in keys:
        if key not in batch:
            raise ConfigError(
                f"the batch has no {key!r} ({', '.join(batch)}): expected one tensor an image"
            )
        if len(batch[key]) != len(images):
            raise GridError(f"{key!r} has {len(batch[key])} entries for {len(images)} images")
    found, left_out = [], []
    for i, image in enumerate(images):
        name = _name(batch, i)
        boxes, labels = batch["bbox_xyxy"][i], batch["label"][i].long()
        boxes = boxes.float().reshape(-1, 4) if boxes.numel() == 0 else boxes.float()
        shapes = [mask := batch["mask"][i]] if masks else []
        if masks and mask.numel() == 0:
            shapes = [mask.reshape(len(boxes), *image.shape[-2:])]
        _check_numbers(name, boxes, labels, shapes, image)
        if isinstance(batch["bbox_xyxy"], Tensor):
            real = (labels != -1) & ~((labels == 0) & (boxes == 0).all(1))
            boxes, labels, shapes = boxes[real], labels[real], [s[real] for s in shapes]
        _check_labels(name, labels, num_classes)
        sides = boxes[:, 2:] - boxes[:, :2]
        if not bool(((sides >= 0) & sides.isfinite()).all()):
            wrong = boxes[~((sides >= 0) & sides.isfinite()).all(1)][0]
            raise GridError(
                f"{name} has the box {wrong.tolist()}: expected (xmin, ymin, xmax, ymax) in pixels "
                "(boxes as corner, width and height: torchvision.ops.box_convert)"
            )
        whole = (sides > 0).all(1)
        if not bool(whole.all()):
            left_out += [f"{name} has the box {b}, without area" for b in boxes[~whole].tolist()]
            boxes, labels, shapes = boxes[whole], labels[whole], [s[whole] for s in shapes]
        target = {"boxes": boxes, "labels": labels}
        if masks:
            target["masks"] = (shapes[0] > 0).to(torch.uint8)
        found.append(target)
    return found, left_out


def _name(batch: Mapping[str, Any], i: int) -> str:
    for key in ("filename", "filepath", "path"):
        names = batch.get(key)
        if isinstance(names, list | tuple) and len(names) > i:
            return f"image {i} of the batch ({names[i]})"
    return f"image {i} of the batch"


def _check_numbers(
    name: str, boxes: Tensor, labels: Tensor, masks: list[Tensor], image: Tensor
) -> None:
    shapes = f"bbox_xyxy {tuple(boxes.shape)}, label {tuple(labels.shape)}"
    fits = boxes.ndim == 2 and boxes.shape[1] == 4 and labels.shape == boxes.shape[:1]
    expected = "(N, 4), (N,)"
    for mask in masks:
        shapes += f", mask {tuple(mask.shape)}"
        expected += f", (N, {image.shape[-2]}, {image.shape[-1]})"
        fits = fits and mask.shape == (len(boxes), *image.shape[-2:])
    if not fits:
        raise GridError(f"{name} has {shapes}: expected {expected}")


def _check_labels(name: str, labels: Tensor, num_classes: int) -> None:
    wrong = labels[(labels < 1) | (labels >= num_classes)]
    if len(wrong):
        raise ConfigError(
            f"{name} has the label {int(wrong[0])}: expected 1 to {num_classes - 1} (num_classes "
            f"is {num_classes} with the background, which is 0 and no object's label; add 1 to "
            "labels that count from 0)"
        )
