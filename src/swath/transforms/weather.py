"""What stands between the ground and the sensor: haze, clouds, and their shadows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.transforms.base import IntensityTransform, check_probability

__all__ = ["RandomClouds", "RandomHaze", "RandomShadow"]


class _Veil(IntensityTransform):
    """A smooth random field over each image, drawn once and the same for all of its bands.

    Args:
        scale: Size of the larger lumps, as a share of the image's side.
        p: Share of the images.
        same_on_batch: The same field for all images of a batch.
    """

    def __init__(self, scale: float, p: float, same_on_batch: bool) -> None:
        super().__init__(p=check_probability(p), same_on_batch=same_on_batch)
        if not 0 < scale <= 1:
            raise ConfigError(f"scale is {scale}: expected a share of the side, 0 < scale ≤ 1")
        self.scale = scale

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """(B, 1, H, W) field with all values from 0 to 1 equally common, and a number an image."""
        b, h, w = batch_shape[0], batch_shape[-2], batch_shape[-1]
        count = 1 if self.same_on_batch else b
        field = torch.zeros(count, 1, h, w)
        cells, weight = max(2, round(1 / self.scale) + 1), 1.0
        while weight > 0.05:  # each octave half as large and half as strong, as in real clouds
            noise = torch.randn(count, 1, min(cells, h), min(cells, w))
            field += weight * F.interpolate(noise, (h, w), mode="bicubic", align_corners=True)
            cells, weight = cells * 2, weight / 2
        rank = field.flatten(1).argsort(1).argsort(1).view_as(field)
        field = rank / max(h * w - 1, 1)
        amount = torch.rand(count)
        return {"field": field.expand(b, 1, h, w), "amount": amount.expand(b)}


class RandomClouds(_Veil):
    """Bright lumps that hide the ground, with soft edges.

    Args:
        cover: Range of the share of the image that is covered.
        brightness: What a cloud's pixels become, in the image's units: one number, or one a band.
        softness: Width of the edges, as a share of the cover's range of heights (0: hard).
        scale: Size of the larger lumps, as a share of the image's side.
        p: Share of the images.
        same_on_batch: The same clouds for all images of a batch.
    """

    def __init__(
        self, cover: tuple[float, float] = (0.05, 0.4), brightness: float | Sequence[float] = 1.0,
        softness: float = 0.1, scale: float = 0.3, p: float = 0.3, same_on_batch: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(scale, p, same_on_batch)
        if not 0 <= cover[0] <= cover[1] <= 1:
            raise ConfigError(f"cover is {cover}: expected shares, 0 ≤ low ≤ high ≤ 1")
        self.cover, self.softness = cover, softness
        self.brightness = torch.as_tensor(brightness, dtype=torch.float32).flatten()
        self.flags = {"cover": cover}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The clouded images; NaN stays NaN."""
        opacity = _opacity(params, self.cover, self.softness, input)
        bright = _per_band(self.brightness, input, "brightness")
        return input + opacity * (bright - input)


class RandomShadow(_Veil):
    """Lumps of ground in shadow, as under clouds beside the image.

    Args:
        cover: Range of the share of the image that is shaded.
        strength: Share of the light that a shadow takes, of each image between 0 and this.
        softness: Width of the edges.
        scale: Size of the larger lumps, as a share of the image's side.
        p: Share of the images.
        same_on_batch: The same shadows for all images of a batch.
    """

    def __init__(
        self, cover: tuple[float, float] = (0.05, 0.3), strength: float = 0.7,
        softness: float = 0.1, scale: float = 0.3, p: float = 0.3, same_on_batch: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(scale, p, same_on_batch)
        if not 0 <= cover[0] <= cover[1] <= 1:
            raise ConfigError(f"cover is {cover}: expected shares, 0 ≤ low ≤ high ≤ 1")
        if not 0 <= strength <= 1:
            raise ConfigError(f"strength is {strength}: expected a share of the light, 0 to 1")
        self.cover, self.strength, self.softness = cover, strength, softness
        self.flags = {"cover": cover, "strength": strength}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The shaded images; NaN stays NaN."""
        return input * (1 - self.strength * _opacity(params, self.cover, self.softness, input))


class RandomHaze(_Veil):
    """Thin haze: each band is pulled towards the sky's light, short waves more than long ones.

    Args:
        strength: Highest share of the light that is the sky's, in the first band.
        wavelengths: Centre of each band in micrometres: a band's share falls with the fourth power
            (Rayleigh) of its wavelength to the shortest; the same share for all if left out.
        sky: What a pixel tends to, in the image's units: one number, or one a band.
        scale: Size of the larger lumps, as a share of the image's side.
        p: Share of the images.
        same_on_batch: The same haze for all images of a batch.
    """

    def __init__(
        self, strength: float = 0.3, wavelengths: Sequence[float] | None = None,
        sky: float | Sequence[float] = 1.0, scale: float = 1.0, p: float = 0.3,
        same_on_batch: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(scale, p, same_on_batch)
        if not 0 <= strength <= 1:
            raise ConfigError(f"strength is {strength}: expected a share of the light, 0 to 1")
        self.strength = strength
        self.sky = torch.as_tensor(sky, dtype=torch.float32).flatten()
        lengths = torch.as_tensor(wavelengths or [1.0], dtype=torch.float32)
        self.share = (lengths.min() / lengths) ** 4
        self.flags = {"strength": strength}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The hazy images; NaN stays NaN."""
        amount = params["amount"].to(input).view(-1, 1, 1, 1)
        # thicker here and thinner there, nowhere gone
        local = 0.5 + 0.5 * params["field"].to(input)
        veil = self.strength * amount * local * _per_band(self.share, input, "wavelengths")
        return input + veil * (_per_band(self.sky, input, "sky") - input)


def _opacity(
    params: dict[str, Tensor], cover: tuple[float, float], softness: float, like: Tensor
) -> Tensor:
    """(B, 1, H, W) from 0 to 1: above the height that leaves the wanted share."""
    share = cover[0] + (cover[1] - cover[0]) * params["amount"].to(like).view(-1, 1, 1, 1)
    height = params["field"].to(like) - (1 - share)
    if softness <= 0:
        return (height > 0).to(like.dtype)
    return (height / softness + 0.5).clamp(0, 1) * (share > 0)


def _per_band(numbers: Tensor, image: Tensor, name: str) -> Tensor:
    if len(numbers) not in (1, image.shape[1]):
        raise BandError(
            f"{name} has {len(numbers)} numbers and the image {image.shape[1]} bands: expected one "
            "a band, or one for all"
        )
    return numbers.to(image).view(1, -1, 1, 1)
