"""A backbone with its heads, and the slowly following copy that gives it its targets."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError, GridError

__all__ = ["Encoder", "Siamese", "mlp", "momentum_at", "pooled"]


def mlp(widths: Sequence[int], *, norm: bool = True, last_norm: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them; the last has none.

    Args:
        widths: Of the input, and of each layer's output.
        norm: A batch norm after each layer but the last.
        last_norm: One after the last too, without gain and offset.
    """
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(itertools.pairwise(widths), 2):
        last = number == len(widths)
        has_norm = last_norm if last else norm
        layers.append(nn.Linear(before, after, bias=not has_norm))
        if has_norm:
            layers.append(nn.BatchNorm1d(after, affine=not last))
        if not last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def pooled(features: Any, source: nn.Module) -> Tensor:
    """(B, F) of what a backbone gives: (B, F) as it is, the mean of (B, F, H, W) or (B, N, F).

    Of several maps the last, which is the deepest, counts.

    Raises:
        GridError: Something else.
    """
    if isinstance(features, list | tuple) and features:
        features = features[-1]
    if not isinstance(features, Tensor) or features.ndim not in (2, 3, 4):
        found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise GridError(
            f"{type(source).__name__} gave {found}: expected features (B, F), (B, F, H, W) or "
            "(B, N, F)"
        )
    if features.ndim == 4:
        return features.mean((2, 3))
    return features.mean(1) if features.ndim == 3 else features


def momentum_at(base: float, step: int, total: float) -> float:
    """`base` at the first step, 1 at the last, along a cosine; `base` if nobody knows the last.

    ``1 - (1 - base) (cos(π step / total) + 1) / 2`` (https://arxiv.org/abs/2006.07733, section 3.2;
    MoCo v3 does the same).
    """
    if not math.isfinite(total) or total <= 0:
        return base
    share = min(step / total, 1.0)
    return 1 - (1 - base) * (math.cos(math.pi * share) + 1) / 2


class Encoder(nn.Module):
    """Backbone and projector: (B, C, H, W) -> features (B, F) and embedding (B, D)."""

    def __init__(self, backbone: nn.Module, projector: nn.Module) -> None:
        super().__init__()
        self.backbone, self.projector = backbone, projector

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Features and embedding."""
        features = pooled(self.backbone(image), self.backbone)
        return features, self.projector(features)


class Siamese(Encoder):
    """The trained encoder, perhaps with a predictor, a momentum encoder and a queue of its keys.

    ``forward`` gives the backbone's features (B, F), which is what remains after the training.

    Args:
        backbone: (B, C, H, W) -> (B, F).
        projector: (B, F) -> (B, D).
        predictor: (B, D) -> (B, D), of the trained side alone.
        momentum: Whether there is a momentum encoder: a copy whose parameters want no gradient.
        width: D.
        bank: Keys that the queue holds; it starts with random ones.

    Raises:
        ConfigError: A queue of a negative length.
    """

    queue: Tensor
    queue_ptr: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        projector: nn.Module,
        predictor: nn.Module | None = None,
        *,
        momentum: bool = False,
        width: int = 0,
        bank: int = 0,
    ) -> None:
        super().__init__(backbone, projector)
        if bank < 0:
            raise ConfigError(f"memory_bank_size is {bank}: expected 0 or more")
        self.predictor = predictor
        self.momentum_encoder: Encoder | None = None
        if momentum:
            twin = Encoder(copy.deepcopy(backbone), copy.deepcopy(projector))
            self.momentum_encoder = twin.requires_grad_(False)
        if bank:
            self.register_buffer("queue", F.normalize(torch.randn(bank, width), dim=1))
            self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @property
    def bank(self) -> Tensor | None:
        """(K, D): the queue, if there is one."""
        return self._buffers.get("queue")

    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        """(B, F)."""
        return pooled(self.backbone(image), self.backbone)

    def online(self, image: Tensor) -> Tensor:
        """(B, D) of the trained encoder: what the predictor makes of the embedding, if any does."""
        embedding: Tensor = self.projector(self(image))
        return embedding if self.predictor is None else self.predictor(embedding)

    @torch.no_grad()
    def target(self, image: Tensor) -> Tensor:
        """(B, D) of the momentum encoder, without a gradient."""
        if self.momentum_encoder is None:
            raise ConfigError("this network has no momentum encoder")
        embedding: Tensor = self.momentum_encoder(image)[1]
        return embedding.detach()

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """``copy = momentum · copy + (1 - momentum) · trained``, for every parameter.

        Statistics of batch norms are the copy's own, as in the papers.
        """
        if self.momentum_encoder is None:
            return
        for part in ("backbone", "projector"):
            pairs = zip(
                getattr(self.momentum_encoder, part).parameters(),
                getattr(self, part).parameters(),
                strict=True,
            )
            for slow, fast in pairs:
                slow.lerp_(fast.detach().to(slow.dtype), 1 - momentum)

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Put keys (B, D) over the oldest ones, around the end of the queue."""
        if self.bank is None:
            return
        size = len(self.queue)
        start = int(self.queue_ptr)
        after = (start + len(keys)) % size
        if len(keys) > size:  # only the last ones would remain
            start, keys = (start + len(keys) - size) % size, keys[-size:]
        places = (start + torch.arange(len(keys), device=keys.device)) % size
        self.queue[places] = F.normalize(keys.detach().float(), dim=1).to(self.queue.dtype)
        self.queue_ptr.fill_(after)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the backbones: they are called from more than one place."""
        self.backbone.compile(*args, **kwargs)
        if self.momentum_encoder is not None:
            self.momentum_encoder.backbone.compile(*args, **kwargs)
