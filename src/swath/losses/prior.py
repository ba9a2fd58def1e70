"""Learning from a belief about each pixel instead of a label.

Rolf, Malkin et al. 2022, "Resolving label uncertainty with implicit posterior models",
arXiv 2202.14000.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, GridError

__all__ = ["QRLoss", "RQLoss"]


class _PriorLoss(nn.Module, ABC):
    """Compares predicted probabilities q with beliefs p, both (B, C, H, W).

    Args:
        eps: Added inside logarithms.
    """

    def __init__(self, eps: float = 1e-8) -> None:
        super().__init__()
        if eps < 0:
            raise ConfigError(f"eps is {eps}: expected a number from 0 on")
        self.eps = eps

    def forward(self, probs: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            probs: Predicted probabilities (B, C, H, W), not logits.
            target: Beliefs (B, C, H, W); they sum to 1 over the classes.

        Raises:
            GridError: The shapes differ.
        """
        if probs.shape != target.shape or probs.ndim < 2:
            raise GridError(
                f"predictions are {tuple(probs.shape)} and beliefs {tuple(target.shape)}: expected "
                "both as (B, C, H, W)"
            )
        return self.compare(probs, target)

    @abstractmethod
    def compare(self, q: Tensor, p: Tensor) -> Tensor:
        """The loss of matching shapes."""


def _over_pixels(q: Tensor) -> tuple[int, ...]:
    return tuple(d for d in range(q.ndim) if d != 1)


class QRLoss(_PriorLoss):
    """Forward: the cross entropy of the prediction under the belief, less the entropy of the mean.

    ``mean_i Σ_c -q log p + Σ_c q̄ log q̄``, with q̄ the mean prediction over the batch's pixels: a
    prediction must be likely under the beliefs, and all classes together must not collapse to one.
    """

    def compare(self, q: Tensor, p: Tensor) -> Tensor:
        """The loss of matching shapes."""
        mean = q.mean(_over_pixels(q))
        entropy = (mean * (mean + self.eps).log()).sum()
        return entropy - (q * (p + self.eps).log()).sum(1).mean()


class RQLoss(_PriorLoss):
    """Backward: KL(r ‖ q), with the posterior r ∝ p · q / q̄ that the beliefs imply.

    Gradients flow through r as well as through q.
    """

    def compare(self, q: Tensor, p: Tensor) -> Tensor:
        """The loss of matching shapes."""
        tiny = max(self.eps, torch.finfo(q.dtype).tiny)
        total = q.sum(_over_pixels(q), keepdim=True).clamp_min(tiny)
        r = p * q / total
        r = r / r.sum(1, keepdim=True).clamp_min(tiny * tiny if q.dtype == torch.double else tiny)
        return (r * ((r + self.eps).log() - (q + self.eps).log())).sum(1).mean()
