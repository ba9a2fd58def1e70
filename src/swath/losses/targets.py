"""What losses share: which truth counts, and truth as shares of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import ConfigError, GridError

__all__ = [
    "Mode",
    "check_weights",
    "class_indices",
    "precise",
    "probabilities",
    "truth",
    "with_channel",
]

Mode = Literal["binary", "multiclass", "multilabel"]
MODES = ("binary", "multiclass", "multilabel")


def check_weights(weights: Sequence[float] | Tensor | None, name: str) -> Tensor | None:
    """Weights as a tensor (classes,).

    Raises:
        ConfigError: One is negative, or all are 0.
    """
    if weights is None:
        return None
    found = torch.as_tensor(weights, dtype=torch.float32).flatten()
    if bool((found < 0).any()) or float(found.sum()) == 0:
        raise ConfigError(f"{name} is {found.tolist()}: expected numbers from 0 on, not all 0")
    return found


def probabilities(logits: Tensor, mode: Mode) -> Tensor:
    """Logits (B, C, …) as probabilities of the same shape; binary has one channel."""
    return logits.softmax(1) if mode == "multiclass" else logits.sigmoid()


def with_channel(input: Tensor, target: Tensor, mode: Mode) -> tuple[Tensor, Tensor]:
    """Binary predictions in the very shape of their truth, as both with one channel; precise."""
    input = precise(input)
    if mode == "binary" and input.shape == target.shape:
        return input.unsqueeze(1), target.unsqueeze(1)
    return input, target


def precise(logits: Tensor) -> Tensor:
    """Logits in float32 at least: sums over pixels overflow half precision."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def class_indices(
    logits: Tensor, target: Tensor, ignore_index: int | None
) -> tuple[Tensor, Tensor]:
    """Class indices (B, …) for logits (B, C, …), 0 where they do not count, and which of them do.

    Raises:
        GridError: Shapes that do not fit.
        ConfigError: A class index that is not there.
    """
    if target.shape != (logits.shape[0], *logits.shape[2:]):
        raise GridError(_misfit(logits, target))
    counted = torch.ones_like(target, dtype=torch.bool)
    if ignore_index is not None:
        counted = target != ignore_index
    classes = logits.shape[1]
    index = torch.where(counted, target, 0).long()
    if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < classes:
        wrong = int(index.max() if int(index.max()) >= classes else index.min())
        raise ConfigError(
            f"the truth has class {wrong} and the model {classes} classes (0 to "
            f"{classes - 1}): if it stands for no label, say ignore_index={wrong}"
        )
    return index, counted


def truth(
    logits: Tensor, target: Tensor, mode: Mode, ignore_index: int | None
) -> tuple[Tensor, Tensor]:
    """Truth in the shape of `logits` (B, C, …) as shares, and which of it counts.

    Args:
        logits: (B, C, …); C is 1 for ``"binary"``.
        target: Class indices (B, …); labels of 0 and 1 in the shape of `logits` (or without its
            channel, for ``"binary"``); or shares from 0 to 1 in the shape of `logits` (soft
            labels).
        mode: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        ignore_index: Value of a target that does not count; NaN never counts.

    Returns:
        Shares (B, C, …), and a mask of bool that broadcasts to them.

    Raises:
        GridError: Shapes that do not fit.
        ConfigError: A class index that is not there.
    """
    soft = target.shape == logits.shape and (mode != "multiclass" or target.is_floating_point())
    if mode == "multiclass" and not soft:
        index, counted = class_indices(logits, target, ignore_index)
        shares = F.one_hot(index, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
        return shares, counted.unsqueeze(1)
    if mode == "binary" and target.ndim == logits.ndim - 1:
        target = target.unsqueeze(1)
    if target.shape != logits.shape:
        raise GridError(_misfit(logits, target))
    counted = torch.ones_like(target, dtype=torch.bool)
    if ignore_index is not None:
        counted = target != ignore_index
    if target.is_floating_point():
        counted = counted & ~target.isnan()
    if mode == "multiclass":  # shares of one pixel belong together
        counted = counted.all(1, keepdim=True)
    return torch.where(counted, target, 0).to(logits.dtype).clamp(0, 1), counted


def _misfit(logits: Tensor, target: Tensor) -> str:
    b, *rest = logits.shape
    return (
        f"the truth has the shape {tuple(target.shape)} and the prediction {tuple(logits.shape)}: "
        f"expected {(b, *rest[1:])} with class indices, or {tuple(logits.shape)} with shares"
    )
