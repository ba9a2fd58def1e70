"""The loss of a segmentation, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError

__all__ = ["segmentation_loss"]

LOSSES = ("ce", "bce", "jaccard", "focal", "dice")


class CrossEntropy(nn.CrossEntropyLoss):
    """Cross entropy whose mean over no pixels is 0 and not NaN.

    A patch whose labels are all to be ignored is common where labels are sparse, and must not
    spoil the weights.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over the pixels of `target` (B, H, W) that are not ignored."""
        if bool((target == self.ignore_index).all()):
            return input.sum() * 0.0
        return super().forward(input, target)


class BinaryCrossEntropy(nn.Module):
    """Cross entropy of independent yes-or-no answers, over the truth that is not ignored."""

    pos_weight: Tensor | None

    def __init__(self, pos_weight: Tensor | None, ignore_index: int | None) -> None:
        super().__init__()
        self.register_buffer("pos_weight", pos_weight, persistent=False)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over logits and truth of one shape."""
        loss = F.binary_cross_entropy_with_logits(
            input, target.clamp(0, 1).to(input.dtype), pos_weight=self.pos_weight, reduction="none"
        )
        if self.ignore_index is None:
            return loss.mean()
        counted = target != self.ignore_index
        return (loss * counted).sum() / counted.sum().clamp(min=1)


def segmentation_loss(
    loss: str,
    task: str,
    class_weights: Sequence[float] | None = None,
    ignore_index: int | None = None,
    pos_weight: Sequence[float] | None = None,
) -> nn.Module:
    """A criterion of (logits, truth).

    Args:
        loss: ``"ce"``, ``"bce"``, ``"jaccard"``, ``"focal"`` or ``"dice"``.
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        class_weights: One a class, for ``"ce"``.
        ignore_index: Truth that gives no loss.
        pos_weight: Weight of the positives, for ``"bce"``.

    Raises:
        ConfigError: An unknown loss, or one that does not go with the task or `ignore_index`.
    """
    if loss not in LOSSES:
        raise ConfigError(f"loss is {loss!r}; the losses are {', '.join(LOSSES)}")
    if loss == "ce" and task != "multiclass":
        raise ConfigError(f"loss 'ce' is for task 'multiclass', not {task!r}: use 'bce'")
    if loss == "bce" and task == "multiclass":
        raise ConfigError("loss 'bce' is for tasks 'binary' and 'multilabel': use 'ce'")
    if loss == "jaccard" and ignore_index is not None:
        raise ConfigError(
            f"loss 'jaccard' cannot leave out ignore_index={ignore_index}: use 'ce' or 'dice'"
        )
    if loss == "ce":
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        return CrossEntropy(
            weight=weight, ignore_index=-100 if ignore_index is None else ignore_index
        )
    if loss == "bce":
        positive = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float32)
        return BinaryCrossEntropy(positive, ignore_index)
    import segmentation_models_pytorch as smp

    ignoring: dict[str, Any] = {} if loss == "jaccard" else {"ignore_index": ignore_index}
    kind = {"jaccard": "JaccardLoss", "focal": "FocalLoss", "dice": "DiceLoss"}[loss]
    criterion: nn.Module = getattr(smp.losses, kind)(mode=task, **ignoring)
    return criterion
