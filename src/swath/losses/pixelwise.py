"""Losses that look at each pixel alone: cross entropy, focal, ordinal, regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError, GridError
from swath.losses.targets import (
    MODES,
    Mode,
    check_weights,
    class_indices,
    precise,
    truth,
    with_channel,
)

__all__ = [
    "BinaryCrossEntropyLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "OrdinalLoss",
    "RegressionLoss",
]


class CrossEntropyLoss(nn.Module):
    """Cross entropy over classes; the mean over no pixels is 0 and not NaN.

    A patch whose labels are all to be ignored is common where labels are sparse, and must not
    spoil the weights.

    Args:
        class_weights: One a class.
        ignore_index: Truth that does not count.
        label_smoothing: Share of each label that is spread over all classes.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        class_weights: Sequence[float] | Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        weights = check_weights(class_weights, "class_weights")
        self.register_buffer("class_weights", weights, persistent=False)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over the truth that counts, weighted by class.

        Args:
            input: Logits (B, C, …).
            target: Class indices (B, …), or shares of classes (B, C, …).

        Raises:
            GridError: Shapes that do not fit.
            ConfigError: A class index that is not there.
        """
        input = precise(input)
        if target.shape != input.shape:
            index, counted = class_indices(input, target, self.ignore_index)
            if self.class_weights is not None:  # a class may weigh nothing
                counted = counted & (self.class_weights[index] > 0)
            if not bool(counted.any()):
                return input.sum() * 0.0
            return F.cross_entropy(
                input, torch.where(counted, index, -100), self.class_weights, ignore_index=-100,
                label_smoothing=self.label_smoothing,
            )  # fmt: skip
        shares, counted = truth(input, target, "multiclass", self.ignore_index)
        pixels = counted.all(1)
        loss = F.cross_entropy(
            input, shares, self.class_weights, reduction="none",
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        return (loss * pixels).sum() / pixels.sum().clamp_min(1)


class BinaryCrossEntropyLoss(nn.Module):
    """Cross entropy of independent yes-or-no answers.

    Args:
        pos_weight: Weight of the positives, one number or one a label.
        ignore_index: Truth that does not count.
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        pos_weight: float | Sequence[float] | Tensor | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(pos_weight, int | float):
            pos_weight = [float(pos_weight)]
        self.register_buffer("pos_weight", check_weights(pos_weight, "pos_weight"), False)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over the truth that counts.

        Args:
            input: Logits, (B, L, …) or any shape.
            target: 0, 1, or shares between, of the same shape.
        """
        if input.shape != target.shape:
            raise GridError(
                f"the truth has the shape {tuple(target.shape)} and the prediction "
                f"{tuple(input.shape)}: expected the same"
            )
        input = precise(input)
        counted = torch.ones_like(target, dtype=torch.bool)
        if self.ignore_index is not None:
            counted = target != self.ignore_index
        if target.is_floating_point():
            counted = counted & ~target.isnan()
        clean = torch.where(counted, target, 0).clamp(0, 1).to(input.dtype)
        weight = self.pos_weight
        if weight is not None and len(weight) > 1:
            weight = weight.view(1, -1, *([1] * (input.ndim - 2)))
        loss = F.binary_cross_entropy_with_logits(input, clean, pos_weight=weight, reduction="none")
        return (loss * counted).sum() / counted.sum().clamp_min(1)


class FocalLoss(nn.Module):
    """Cross entropy that forgets what is easy: times ``(1 - p)^gamma`` of the true answer.

    Lin et al. 2017, arXiv 1708.02002.

    Args:
        mode: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        gamma: 0 is cross entropy; 2 in the paper.
        class_weights: One a class (the paper's alpha); for ``"binary"`` of no and yes.
        ignore_index: Truth that does not count.

    Raises:
        ConfigError: An unknown mode, a negative gamma.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        mode: Mode = "multiclass",
        gamma: float = 2.0,
        class_weights: Sequence[float] | Tensor | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        if mode not in MODES or gamma < 0:
            raise ConfigError(
                f"mode is {mode!r} and gamma {gamma}: expected one of {MODES}, and gamma ≥ 0"
            )
        self.mode, self.gamma, self.ignore_index = mode, gamma, ignore_index
        self.register_buffer("class_weights", check_weights(class_weights, "class_weights"), False)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over the truth that counts.

        Args:
            input: Logits (B, C, …).
            target: As in `swath.losses.targets.truth`.
        """
        input, target = with_channel(input, target, self.mode)
        shares, counted = truth(input, target, self.mode, self.ignore_index)
        if self.mode == "multiclass":
            log_p = input.log_softmax(1)
            loss = -shares * self._ease(1 - log_p.exp()) * log_p
            loss = loss * self._column(input.ndim)
            return loss.sum(1, keepdim=True)[counted].sum() / counted.sum().clamp_min(1)
        weight: Tensor | float
        yes, no = F.logsigmoid(input), F.logsigmoid(-input)
        loss_yes = -shares * self._ease(no.exp()) * yes
        loss_no = -(1 - shares) * self._ease(yes.exp()) * no
        if self.class_weights is not None and self.mode == "binary":
            loss_no, loss_yes = self.class_weights[0] * loss_no, self.class_weights[-1] * loss_yes
            weight = 1.0
        else:
            weight = self._column(input.ndim)
        return ((loss_yes + loss_no) * weight * counted).sum() / counted.sum().clamp_min(1)

    def _ease(self, wrong: Tensor) -> Tensor:
        """``wrong ** gamma``, whose slope at 0 is infinite for gammas below 1."""
        return wrong.clamp_min(torch.finfo(wrong.dtype).eps) ** self.gamma

    def _column(self, ndim: int) -> Tensor | float:
        if self.class_weights is None:
            return 1.0
        return self.class_weights.view(1, -1, *([1] * (ndim - 2)))


class OrdinalLoss(nn.Module):
    """For classes that have an order (damage, canopy height, age): far mistakes cost more.

    The squared earth mover's distance between predicted and true shares, which compares their
    cumulative sums. Hou et al. 2016, arXiv 1611.05916.

    Args:
        ignore_index: Truth that does not count.
    """

    def __init__(self, ignore_index: int | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over the truth that counts; 0 is right, 1 as wrong as can be.

        Args:
            input: Logits (B, C, …), the classes in their order.
            target: Class indices (B, …), or shares of classes (B, C, …).
        """
        input = precise(input)
        shares, counted = truth(input, target, "multiclass", self.ignore_index)
        apart = input.softmax(1).cumsum(1) - shares.cumsum(1)
        # the last sums are both 1
        distance = (apart**2)[:, :-1].sum(1, keepdim=True) / max(input.shape[1] - 1, 1)
        counted = counted.all(1, keepdim=True)
        return (distance * counted).sum() / counted.sum().clamp_min(1)


class RegressionLoss(nn.Module):
    """Mean squared, absolute or Huber error over the truth that is known.

    Args:
        kind: ``"mse"``, ``"mae"`` or ``"huber"``.
        delta: Where Huber turns from square to straight, in the units of the truth.
        ignore_value: Truth that does not count (a nodata value); NaN never counts.

    Raises:
        ConfigError: An unknown kind.
    """

    def __init__(
        self,
        kind: Literal["mse", "mae", "huber"] = "mse",
        delta: float = 1.0,
        ignore_value: float | None = None,
    ) -> None:
        super().__init__()
        if kind not in ("mse", "mae", "huber"):
            raise ConfigError(f"loss is {kind!r}: expected 'mse', 'mae' or 'huber'")
        self.kind, self.delta, self.ignore_value = kind, delta, ignore_value

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Mean over the truth that counts; both of one shape.

        Raises:
            GridError: The shapes differ: they would be broadcast to something else than meant.
        """
        if input.shape != target.shape:
            raise GridError(
                f"the truth has the shape {tuple(target.shape)} and the prediction "
                f"{tuple(input.shape)}: expected the same"
            )
        input = precise(input)
        counted = ~target.isnan() if target.is_floating_point() else torch.ones_like(target).bool()
        if self.ignore_value is not None:
            counted = counted & (target != self.ignore_value)
        clean = torch.where(counted, target, 0).to(input.dtype)
        error = torch.where(counted, input, 0) - clean
        if self.kind == "mse":
            loss = error**2
        elif self.kind == "mae":
            loss = error.abs()
        else:
            loss = F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=self.delta)
        return loss.sum() / counted.sum().clamp_min(1)
