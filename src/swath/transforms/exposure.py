"""Brighter, darker, flatter, steeper: all bands together, on any scale of values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from swath.errors import ConfigError
from swath.transforms.base import IntensityTransform, check_probability

__all__ = ["RandomExposure"]


class RandomExposure(IntensityTransform):
    """Brightness and contrast relative to an image's own mean and spread.

    Each band becomes ``(x - mean) · f + mean + b · std`` with its own mean and standard deviation
    and with one f and one b for all bands of an image. So it does the same to reflectances, digital
    numbers and normalised values (also negative ones), and nothing is cut off at 0 and 1.

    Args:
        brightness: b is between ``-brightness`` and ``brightness``.
        contrast: f is between ``1 - contrast`` and ``1 + contrast``.
        p: Share of the images.
        same_on_batch: The same numbers for all images of a batch.
        keepdim: Kept for Kornia.

    Raises:
        ConfigError: Numbers out of range.
    """

    def __init__(
        self, brightness: float = 0.4, contrast: float = 0.4, p: float = 0.8,
        same_on_batch: bool = False, keepdim: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(p=check_probability(p), same_on_batch=same_on_batch, keepdim=keepdim)
        if brightness < 0 or not 0 <= contrast < 1:
            raise ConfigError(
                f"brightness is {brightness} and contrast is {contrast}: expected brightness ≥ 0 "
                "and 0 ≤ contrast < 1"
            )
        self.brightness, self.contrast = brightness, contrast
        self.flags = {"brightness": brightness, "contrast": contrast}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Two numbers from 0 to 1 an image."""
        noise = torch.rand(1 if self.same_on_batch else batch_shape[0], 2)
        return {"exposure_noise": noise.expand(batch_shape[0], -1)}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The images in another light; NaN stays NaN and is counted nowhere."""
        noise = 2 * params["exposure_noise"].to(input) - 1
        steeper, brighter = noise[:, :, None, None, None].unbind(1)
        mean = input.nanmean((-2, -1), keepdim=True)
        spread = (input - mean).square().nanmean((-2, -1), keepdim=True).sqrt()
        return (
            (input - mean) * (1 + self.contrast * steeper)
            + mean
            + self.brightness * brighter * spread
        )
