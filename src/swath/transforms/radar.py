"""Speckle, the noise of every radar image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import ConfigError, UnsupportedDataError
from swath.transforms.base import IntensityTransform, check_probability

__all__ = ["LeeFilter"]


class LeeFilter(IntensityTransform):
    """Lee's adaptive filter: flat ground is averaged, edges and bright points are kept.

    A pixel becomes ``m + w (x - m)`` with the mean m and variance v of the window around it and
    ``w = 1 - (1 / num_looks) / (v / m²)``, limited to 0 … 1. Input is intensity (linear power),
    never dB or amplitude. NaN is left out of the windows and stays NaN. Beyond the border the image
    is mirrored. Lee 1980, doi:10.1109/TPAMI.1980.4766994.

    Args:
        window_size: Side of the window in pixels, odd.
        num_looks: Looks that the product averaged (1 for single-look; about 4.4 for Sentinel-1 GRD
            IW high resolution).
        p: Share of the images that are filtered.
        same_on_batch: All images of a batch, or none.
        keepdim: Kept for Kornia.

    Raises:
        ConfigError: An even window, or not a positive number of looks.
    """

    def __init__(
        self, window_size: int = 7, num_looks: float = 1.0, p: float = 1.0,
        same_on_batch: bool = False, keepdim: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(p=check_probability(p), same_on_batch=same_on_batch, keepdim=keepdim)
        if window_size < 3 or window_size % 2 == 0:
            raise ConfigError(f"window_size is {window_size}: expected an odd number from 3 on")
        if num_looks <= 0:
            raise ConfigError(f"num_looks is {num_looks}: expected a positive number")
        self.flags = {"window_size": window_size, "num_looks": num_looks}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The filtered images (B, C, H, W).

        Raises:
            UnsupportedDataError: A value is negative: dB, not intensity.
        """
        if bool((input < 0).any()):
            low = float(input[input < 0].min())
            raise UnsupportedDataError(
                f"LeeFilter got the value {low:.4g}: speckle multiplies intensity, which is never "
                "negative. Turn dB into intensity first: 10 ** (dB / 10)"
            )
        known = ~input.isnan()
        value = input.nan_to_num(0.0)
        size: int = flags["window_size"]
        count = _window_sum(known.to(value.dtype), size).clamp_min(1)
        mean = _window_sum(value, size) / count
        square = _window_sum(value * value, size) / count
        variance = (square - mean * mean).clamp_min(0)
        speckle = mean * mean / flags["num_looks"]
        share = torch.where(variance > 0, 1 - speckle / variance.clamp_min(1e-30), 0).clamp(0, 1)
        return torch.where(known, mean + share * (value - mean), input)


def _window_sum(image: Tensor, size: int) -> Tensor:
    """Sums over windows of (B, C, H, W), mirrored at the border where the image is large enough."""
    half = size // 2
    mode = "reflect" if min(image.shape[-2:]) > half else "replicate"
    padded = F.pad(image, (half,) * 4, mode=mode)
    return F.avg_pool2d(padded, size, stride=1) * size**2
