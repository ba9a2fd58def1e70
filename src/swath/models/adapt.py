"""Fit a checkpoint to the bands that the user has: its first layer, and its normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from swath.errors import BandError
from swath.models.presets import Preset
from swath.models.weights import WeightsEnum

__all__ = ["BandFit", "adapt_kernel", "fit_bands"]


@dataclass(frozen=True, eq=False)
class BandFit:
    """How a checkpoint's bands become the user's.

    Attributes:
        source: The checkpoint's bands.
        target: The user's bands, in order.
        mixing: (targets, sources): row i has the weights by which the sources' kernels make the
            kernel of target i.
        transforms: The checkpoint's preset for the user's bands; None if it has none.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    mixing: Tensor
    transforms: Preset | None = None


def fit_bands(weights: WeightsEnum, bands: Sequence[str | float]) -> BandFit:
    """How the checkpoint `weights` fits an image with `bands`.

    Raises:
        BandError: A band has no counterpart in the checkpoint.
    """
    source = weights.bands
    mixing = torch.zeros(len(bands), len(source))
    for i, band in enumerate(bands):
        if band not in source:
            raise BandError(f"{weights!r} has no band {band!r}: it has {', '.join(source)}")
        mixing[i, source.index(str(band))] = 1
    preset = weights.transforms if isinstance(weights.transforms, Preset) else None
    names = tuple(str(b) for b in bands)
    return BandFit(source, names, mixing, preset.select(mixing, names) if preset else None)


def adapt_kernel(kernel: Tensor, fit: BandFit) -> Tensor:
    """(out, sources, …) to (out, targets, …)."""
    mixed = torch.einsum("ts,os...->ot...", fit.mixing.to(kernel.dtype), kernel)
    return mixed.contiguous()
