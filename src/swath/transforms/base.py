"""What the intensity transforms here share: samples as well as tensors, dates, and nodata."""

from __future__ import annotations

from typing import Any

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from torch import Tensor

from swath.errors import BandError, ConfigError

__all__ = ["IntensityTransform", "band_noise", "check_probability"]


class IntensityTransform(IntensityAugmentationBase2D):
    """A Kornia intensity augmentation that also takes samples and time series.

    Takes (C, H, W), (B, C, H, W), (B, T, C, H, W), or a sample or batch whose ``image`` is one;
    each date of a series is treated as an image of its own. Elements that are NaN (nodata) stay
    NaN.
    """

    def forward(self, input: Any, params: dict[str, Tensor] | None = None, **kwargs: Any) -> Any:
        """The transformed image, or the sample with it."""
        if isinstance(input, dict):
            return {**input, "image": self(input["image"], params, **kwargs)}
        if input.ndim == 5:
            lead = input.shape[:2]
            out: Tensor = super().forward(input.flatten(0, 1), params, **kwargs)
            return out.view(*lead, *out.shape[1:])
        if input.ndim == 3:  # Kornia would give a batch of one
            return super().forward(input[None], params, **kwargs)[0]
        return super().forward(input, params, **kwargs)


def take(image: Tensor, index: int, name: str, transform: str) -> Tensor:
    """Channel `index` of (B, C, H, W), kept as (B, 1, H, W).

    Raises:
        BandError: There is no such channel.
    """
    channels = image.shape[1]
    if not -channels <= index < channels:
        raise BandError(
            f"{transform}: {name} is {index} and the image has {channels} channels: expected 0 "
            f"to {channels - 1}"
        )
    index %= channels
    return image[:, index : index + 1]


def check_probability(p: float) -> float:
    """`p`, if it is a probability.

    Raises:
        ConfigError: It is not.
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"p is {p}: expected a probability, 0 to 1")
    return p


def band_noise(shape: tuple[int, ...], numbers: int, same_on_batch: bool | None) -> Tensor:
    """(B, C, numbers) uniform from 0 to 1 for images of `shape` (B, C, H, W)."""
    batch, channels = shape[0], shape[1]
    noise = torch.rand(1 if same_on_batch else batch, channels, numbers)
    return noise.expand(batch, -1, -1)
