"""What the heads are taught with: checked against what the head can learn, before the loss is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from swath.errors import ConfigError

__all__ = ["binary_targets", "box_targets", "class_targets", "value_targets"]


def class_targets(
    targets: Any, shape: Sequence[int], classes: int, ignore: int, device: torch.device
) -> Tensor:
    """Class numbers of the given shape, as int64.

    Raises:
        ConfigError: Another shape, or a value that is no class and not `ignore`.
    """
    found = _tensor(targets, "class numbers", shape, device)
    classed = found.long()
    if found.is_floating_point() and not torch.equal(classed.to(found.dtype), found):
        raise ConfigError("the targets have fractions: expected class numbers")
    wrong = (classed != ignore) & ((classed < 0) | (classed >= classes))
    if wrong.any():
        values = torch.unique(classed[wrong]).tolist()[:8]
        raise ConfigError(
            f"the targets hold {values}: expected classes from 0 to {classes - 1}, or {ignore} "
            "where nothing is known (head_options={'ignore_index': …} changes that number)"
        )
    return classed


def binary_targets(
    targets: Any, shape: Sequence[int], ignore: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Zeros and ones of the given shape as float32, and where they are known (bool).

    NaN and `ignore` are unknown.

    Raises:
        ConfigError: Another shape, or another value.
    """
    found = _tensor(targets, "zeros and ones", shape, device).float()
    known = ~found.isnan() & (found != ignore)
    found = found.where(known, 0)
    if ((found != 0) & (found != 1)).any():
        values = torch.unique(found[(found != 0) & (found != 1)]).tolist()[:8]
        raise ConfigError(
            f"the targets hold {values}: expected 0, 1, or {ignore} where nothing is known"
        )
    return found, known


def value_targets(
    targets: Any, shape: Sequence[int], ignore: float | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Numbers of the given shape as float32, and where they are known (neither NaN nor `ignore`).

    Raises:
        ConfigError: Another shape.
    """
    found = _tensor(targets, "numbers", shape, device).float()
    known = ~found.isnan()
    if ignore is not None:
        known &= found != ignore
    return found.where(known, 0), known


def box_targets(
    targets: Any, batch: int, size: Sequence[int], classes: int, *, masks: bool,
    device: torch.device,
) -> list[dict[str, Tensor]]:  # fmt: skip
    """One dictionary an image, on `device`.

    Raises:
        ConfigError: A key is missing, shapes contradict each other, a label is no class, a box is
            empty.
    """
    if not isinstance(targets, Sequence) or len(targets) != batch:
        raise ConfigError(
            f"the targets are {_kind(targets)}: expected a list of {batch} dictionaries, one an "
            "image, with 'boxes' (N, 4) and 'labels' (N,)" + (" and 'masks' (N, H, W)" * masks)
        )
    wanted = ("boxes", "labels", "masks")[: 2 + masks]
    checked = []
    for i, target in enumerate(targets):
        lacking = [k for k in wanted if not isinstance(target, Mapping) or k not in target]
        if lacking:
            raise ConfigError(f"target {i} has no {', '.join(lacking)}: expected {wanted}")
        boxes = torch.as_tensor(target["boxes"], device=device).float().reshape(-1, 4)
        labels = torch.as_tensor(target["labels"], device=device).long()
        count = boxes.shape[0]
        if labels.shape != (count,):
            raise ConfigError(f"target {i} has {count} boxes and labels {tuple(labels.shape)}")
        if count and (int(labels.min()) < 1 or int(labels.max()) >= classes):
            raise ConfigError(
                f"target {i} has the labels {torch.unique(labels).tolist()[:8]}: expected 1 to "
                f"{classes - 1} (0 is the background, and num_categories counts it)"
            )
        if (boxes[:, 2:] <= boxes[:, :2]).any():
            raise ConfigError(
                f"target {i} has boxes without an area: expected (xmin, ymin, xmax, ymax) in pixels"
            )
        one = {"boxes": boxes, "labels": labels}
        if masks:
            mask = torch.as_tensor(target["masks"], device=device)
            if mask.shape != (count, *size):
                raise ConfigError(
                    f"target {i} has masks {tuple(mask.shape)}: expected {(count, *size)}"
                )
            one["masks"] = mask.to(torch.uint8)
        checked.append(one)
    return checked


def _tensor(targets: Any, what: str, shape: Sequence[int], device: torch.device) -> Tensor:
    if isinstance(targets, list | tuple) and {isinstance(t, Tensor) for t in targets} == {True}:
        targets = torch.stack(list(targets))
    if not isinstance(targets, Tensor) or targets.shape != torch.Size(shape):
        raise ConfigError(
            f"the targets are {_kind(targets)}: expected {what} of the shape {tuple(shape)}"
        )
    return targets.to(device)


def _kind(targets: Any) -> str:
    if isinstance(targets, Tensor):
        return f"a tensor {tuple(targets.shape)}"
    size = f" of {len(targets)}" if isinstance(targets, Sequence) else ""
    return f"a {type(targets).__name__}{size}"
