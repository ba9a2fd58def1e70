"""Augmentations of values, for any number of bands."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from swath.errors import BandError, ConfigError
from swath.transforms.base import IntensityTransform, band_noise, check_probability

__all__ = ["RandomBandDropout", "RandomBandJitter", "RandomGrayscale"]


class RandomGrayscale(IntensityTransform):
    """All bands become one weighted mean of them.

    Args:
        weights: One a band; scaled to the sum 1, so that brightness stays. Equal ones for the mean,
            ``[0.299, 0.587, 0.114]`` for RGB, a first principal component, ….
        p: Share of the images.
        same_on_batch: All images of a batch, or none.
        keepdim: Kept for Kornia.

    Raises:
        ConfigError: Weights whose sum is 0.
    """

    def __init__(
        self, weights: Tensor, p: float = 0.1, same_on_batch: bool = False, keepdim: bool = False
    ) -> None:
        super().__init__(p=check_probability(p), same_on_batch=same_on_batch, keepdim=keepdim)
        weights = torch.as_tensor(weights, dtype=torch.float32)
        if weights.ndim != 1 or float(weights.sum()) == 0:
            raise ConfigError(
                f"weights is {weights.tolist()}: expected one number a band, with a sum that is "
                "not 0"
            )
        self.weights = weights / weights.sum()

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The grey images, with as many bands as before.

        Raises:
            BandError: Another number of bands than weights.
        """
        if input.shape[1] != len(self.weights):
            raise BandError(
                f"the image has {input.shape[1]} bands, RandomGrayscale has {len(self.weights)} "
                "weights: expected one a band"
            )
        weights = self.weights.to(input).view(1, -1, 1, 1).expand_as(input)
        # where bands are missing the mean is of the others
        known = torch.where(input.isnan(), 0, weights)
        total = torch.where(input.isnan() | (weights == 0), 0, input * weights).sum(1, keepdim=True)
        share = known.sum(1, keepdim=True)
        grey = torch.where(share == 0, torch.nan, total / torch.where(share == 0, 1, share))
        return torch.where(input.isnan(), input, grey.expand_as(input))


class RandomBandJitter(IntensityTransform):
    """Each band of each image has its own gain and offset: ``x · gain + offset``.

    Sun, haze and calibration change bands apart from each other, which one brightness for all does
    not imitate.

    Args:
        gain: Gains are between ``1 - gain`` and ``1 + gain``.
        offset: Offsets are between ``-offset`` and ``offset``, in the image's units.
        p: Share of the images.
        same_on_batch: The same numbers for all images of a batch.
        keepdim: Kept for Kornia.
    """

    def __init__(
        self, gain: float = 0.1, offset: float = 0.0, p: float = 0.5,
        same_on_batch: bool = False, keepdim: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(p=check_probability(p), same_on_batch=same_on_batch, keepdim=keepdim)
        if not 0 <= gain < 1 or offset < 0:
            raise ConfigError(
                f"gain is {gain} and offset is {offset}: expected 0 ≤ gain < 1 and offset ≥ 0"
            )
        self.gain, self.offset = gain, offset
        self.flags = {"gain": gain, "offset": offset}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Gain and offset of each band, as numbers from 0 to 1."""
        return {"band_noise": band_noise(batch_shape, 2, self.same_on_batch)}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The jittered images; NaN stays NaN."""
        noise = params["band_noise"].to(input)
        gain = 1 + self.gain * (2 * noise[..., 0] - 1)
        offset = self.offset * (2 * noise[..., 1] - 1)
        return input * gain[..., None, None] + offset[..., None, None]


class RandomBandDropout(IntensityTransform):
    """Whole bands are blotted out, as when a sensor or a download lacks them.

    Args:
        drop: Chance of each band.
        fill: What the band becomes. After normalisation 0 is its mean.
        keep: Bands that are always left, at the least.
        p: Share of the images.
        same_on_batch: The same bands for all images of a batch.
        keepdim: Kept for Kornia.
    """

    def __init__(
        self, drop: float = 0.2, fill: float = 0.0, keep: int = 1, p: float = 0.5,
        same_on_batch: bool = False, keepdim: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(p=check_probability(p), same_on_batch=same_on_batch, keepdim=keepdim)
        self.drop, self.fill, self.keep = check_probability(drop), fill, keep
        self.flags = {"drop": drop, "fill": fill, "keep": keep}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """A number from 0 to 1 a band: it decides."""
        return {"band_noise": band_noise(batch_shape, 1, self.same_on_batch)}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The images without some of their bands; NaN stays NaN."""
        noise = params["band_noise"][..., 0].to(input)
        dropped = noise < self.drop
        # the highest numbers are the last to be dropped
        spared = noise.argsort(1, descending=True)[:, : self.keep]
        dropped = dropped.scatter(1, spared, False)[..., None, None]
        return torch.where(dropped & ~input.isnan(), self.fill, input)
