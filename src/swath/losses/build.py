"""Losses by name, alone or added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.losses.overlap import DiceLoss, JaccardLoss, LovaszLoss, TverskyLoss
from swath.losses.pixelwise import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    FocalLoss,
    OrdinalLoss,
)

__all__ = ["LOSSES", "CombinedLoss", "classification_loss"]

#: Names that `classification_loss` knows.
LOSSES = ("ce", "bce", "jaccard", "focal", "dice", "tversky", "lovasz", "ordinal")


class CombinedLoss(nn.Module):
    """A weighted sum of losses, each a function of (prediction, truth).

    Args:
        losses: By name.
        weights: By name; 1 if left out.

    Raises:
        ConfigError: No loss, or a weight of none.
    """

    def __init__(
        self, losses: Mapping[str, nn.Module], weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        weights = dict(weights or {})
        if not losses or set(weights) - set(losses):
            raise ConfigError(
                f"the losses are {list(losses)} and the weights are of {list(weights)}: expected "
                "at least one loss, and weights of losses that are there"
            )
        self.losses = nn.ModuleDict(dict(losses))
        self.weights = {name: float(weights.get(name, 1.0)) for name in losses}

    def parts(self, input: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Each loss by name, before it is weighted."""
        return {name: loss(input, target) for name, loss in self.losses.items()}

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The weighted sum."""
        parts = [self.weights[n] * value for n, value in self.parts(input, target).items()]
        return sum(parts[1:], parts[0])


def classification_loss(
    loss: str | Mapping[str, float] | nn.Module,
    task: str = "multiclass",
    class_weights: Sequence[float] | Tensor | None = None,
    ignore_index: int | None = None,
    pos_weight: Sequence[float] | Tensor | float | None = None,
    num_classes: int | None = None,
) -> nn.Module:
    """A criterion of (logits, truth) for classes, of images or of pixels.

    Args:
        loss: A name of `LOSSES`; several with their weights, ``{"ce": 1, "dice": 0.5}``; or any
            module, which is given back as it is.
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        class_weights: One a class.
        ignore_index: Truth that gives no loss.
        pos_weight: Weight of the positives, for ``"bce"``.
        num_classes: Classes or labels that weights are counted against, if it is known.

    Raises:
        ConfigError: An unknown loss, or one that does not go with the task; weights of another
            number of classes.
    """
    if isinstance(loss, nn.Module):
        return loss
    if num_classes is not None:
        count = 2 if task == "binary" else num_classes
        _check_count("class_weights", class_weights, (count,))
        _check_count("pos_weight", pos_weight, (1,) if task == "binary" else (1, num_classes))
    if isinstance(loss, Mapping):
        parts = {
            name: classification_loss(
                name, task, class_weights, ignore_index, pos_weight, num_classes
            )
            for name in loss
        }
        return CombinedLoss(parts, loss)
    if loss not in LOSSES:
        raise ConfigError(f"loss is {loss!r}; the losses are {', '.join(LOSSES)}")
    if loss in ("ce", "ordinal") and task != "multiclass":
        raise ConfigError(f"loss {loss!r} is for task 'multiclass', not {task!r}: use 'bce'")
    if loss == "bce" and task == "multiclass":
        raise ConfigError("loss 'bce' is for tasks 'binary' and 'multilabel': use 'ce'")
    if class_weights is not None and loss in ("bce", "ordinal"):
        raise ConfigError(
            f"loss {loss!r} has no class_weights: "
            + ("use pos_weight" if loss == "bce" else "use 'ce', 'focal', 'dice' or 'jaccard'")
        )
    if class_weights is not None and task == "binary" and loss != "focal":
        raise ConfigError(
            f"loss {loss!r} of task 'binary' is of one class, which class_weights cannot weigh "
            "against another: use 'focal', or 'bce' with pos_weight"
        )
    if loss == "ce":
        return CrossEntropyLoss(class_weights, ignore_index)
    if loss == "bce":
        return BinaryCrossEntropyLoss(pos_weight, ignore_index)
    if loss == "ordinal":
        return OrdinalLoss(ignore_index)
    kinds: dict[str, Any] = {
        "jaccard": JaccardLoss, "focal": FocalLoss, "dice": DiceLoss, "tversky": TverskyLoss,
        "lovasz": LovaszLoss,
    }  # fmt: skip
    criterion: nn.Module = kinds[loss](
        mode=task, class_weights=class_weights, ignore_index=ignore_index
    )
    return criterion


def _check_count(
    name: str, weights: Sequence[float] | Tensor | float | None, counts: tuple[int, ...]
) -> None:
    if weights is None:
        return
    found = torch.as_tensor(weights).numel()
    if found not in counts:
        wanted = " or ".join(str(count) for count in dict.fromkeys(counts))
        raise ConfigError(f"{name} has {found} entries: expected {wanted}, one a class")
