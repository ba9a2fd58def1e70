"""Losses that look at whole regions: how far prediction and truth overlap."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.losses.targets import (
    MODES,
    Mode,
    check_weights,
    probabilities,
    truth,
    with_channel,
)

__all__ = ["DiceLoss", "JaccardLoss", "LovaszLoss", "TverskyLoss"]


class TverskyLoss(nn.Module):
    """``1 - TP / (TP + alpha · FP + beta · FN)``: soft counts over the batch, a class at a time.

    The mean is over the classes that occur in the truth. Salehi et al. 2017, arXiv 1706.05721.

    Args:
        mode: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        alpha: Weight of false positives.
        beta: Weight of false negatives: above `alpha`, little is missed.
        gamma: The loss to this power (focal Tversky).
        class_weights: One a class.
        ignore_index: Truth that does not count.
        smooth: Added to both counts.

    Raises:
        ConfigError: An unknown mode, a negative number.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        mode: Mode = "multiclass",
        alpha: float = 0.5,
        beta: float = 0.5,
        gamma: float = 1.0,
        class_weights: Sequence[float] | Tensor | None = None,
        ignore_index: int | None = None,
        smooth: float = 0.0,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"mode is {mode!r}: expected one of {', '.join(MODES)}")
        if min(alpha, beta, smooth) < 0 or gamma <= 0:
            raise ConfigError(
                f"alpha, beta, smooth, gamma are {alpha}, {beta}, {smooth}, {gamma}: expected "
                "numbers from 0 on, gamma above"
            )
        self.mode, self.alpha, self.beta, self.gamma = mode, alpha, beta, gamma
        self.ignore_index, self.smooth = ignore_index, smooth
        self.register_buffer("class_weights", check_weights(class_weights, "class_weights"), False)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar; 0 where no truth counts.

        Args:
            input: Logits (B, C, …); ``"binary"`` also (B, …) like its truth.
            target: As in `swath.losses.targets.truth`.
        """
        input, target = with_channel(input, target, self.mode)
        shares, counted = truth(input, target, self.mode, self.ignore_index)
        p = probabilities(input, self.mode) * counted
        shares = shares * counted
        over = tuple(d for d in range(p.ndim) if d != 1)
        hit = (p * shares).sum(over)
        false, missed = (p * (1 - shares) * counted).sum(over), ((1 - p) * shares).sum(over)
        whole = hit + self.alpha * false + self.beta * missed
        tiny = torch.finfo(p.dtype).eps
        loss = 1 - (hit + self.smooth) / (whole + self.smooth).clamp_min(tiny)
        # A class that is nowhere in the truth has no overlap to speak of.
        weight = (shares.sum(over) > 0).to(p.dtype)
        if self.class_weights is not None:
            weight = weight * self.class_weights
        return (loss.clamp_min(0) ** self.gamma * weight).sum() / weight.sum().clamp_min(tiny)


class DiceLoss(TverskyLoss):
    """``1 - 2 |A ∩ B| / (|A| + |B|)``. Milletari et al. 2016, arXiv 1606.04797."""

    def __init__(
        self,
        mode: Mode = "multiclass",
        class_weights: Sequence[float] | Tensor | None = None,
        ignore_index: int | None = None,
        smooth: float = 0.0,
    ) -> None:
        super().__init__(mode, 0.5, 0.5, 1.0, class_weights, ignore_index, smooth)


class JaccardLoss(TverskyLoss):
    """``1 - |A ∩ B| / |A ∪ B|``, the loss of the IoU. Rahman and Wang 2016."""

    def __init__(
        self,
        mode: Mode = "multiclass",
        class_weights: Sequence[float] | Tensor | None = None,
        ignore_index: int | None = None,
        smooth: float = 0.0,
    ) -> None:
        super().__init__(mode, 1.0, 1.0, 1.0, class_weights, ignore_index, smooth)


class LovaszLoss(nn.Module):
    """The Lovász extension of the IoU: a loss that falls exactly as the IoU of the labels rises.

    Berman et al. 2018, arXiv 1705.08790.

    Args:
        mode: ``"binary"`` (hinge), ``"multiclass"`` (softmax).
        ignore_index: Truth that does not count.
        class_weights: One a class.

    Raises:
        ConfigError: Another mode.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        mode: Mode = "multiclass",
        ignore_index: int | None = None,
        class_weights: Sequence[float] | Tensor | None = None,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"mode is {mode!r}: expected one of {', '.join(MODES)}")
        self.mode, self.ignore_index = mode, ignore_index
        self.register_buffer("class_weights", check_weights(class_weights, "class_weights"), False)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar; 0 where no truth counts.

        Args:
            input: Logits (B, C, …); ``"binary"`` also (B, …) like its truth.
            target: As in `swath.losses.targets.truth`, without soft labels.
        """
        input, target = with_channel(input, target, self.mode)
        shares, counted = truth(input, target, self.mode, self.ignore_index)
        counted = counted.expand_as(shares)
        losses, weights = [], []
        for c in range(shares.shape[1]):
            keep = counted[:, c]
            found, yes = input[:, c][keep], shares[:, c][keep] > 0.5
            if self.mode == "multiclass":
                if not bool(yes.any()):
                    continue  # a class that is nowhere in the truth has no IoU
                error = (yes.to(input.dtype) - input.softmax(1)[:, c][keep]).abs()
            else:
                error = (1 - found * (2.0 * yes - 1)).relu()
            if not len(error):
                continue
            ordered, rank = error.sort(descending=True)
            losses.append((ordered * _steps(yes[rank].to(input.dtype))).sum())
            weights.append(1.0 if self.class_weights is None else float(self.class_weights[c]))
        if not losses:
            return input.sum() * 0.0
        scale = torch.tensor(weights, dtype=input.dtype, device=input.device)
        return (torch.stack(losses) * scale).sum() / scale.sum().clamp_min(1e-12)


def _steps(yes: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each further mistake, worst first; `yes` (N,)."""
    total = yes.sum()
    kept = total - yes.cumsum(0)
    union = total + (1 - yes).cumsum(0)
    jaccard = 1 - kept / union.clamp_min(1e-12)
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
