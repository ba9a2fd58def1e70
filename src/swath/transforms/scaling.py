"""From what a file holds to physical units, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError

__all__ = ["PRODUCTS", "FromDecibel", "Normalize", "Scale", "ToDecibel", "ToReflectance"]

#: Scale and offset of reflectance products: reflectance = DN · scale + offset.
PRODUCTS: dict[str, tuple[float, float]] = {
    # https://sentiwiki.copernicus.eu/web/s2-products: BOA/RADIO_ADD_OFFSET -1000 since 04.00
    "sentinel2": (1e-4, 0.0),
    "sentinel2-04.00": (1e-4, -0.1),
    # https://www.usgs.gov/faqs/how-do-i-use-a-scale-factor-landsat-level-2-science-products
    "landsat-c2-sr": (2.75e-5, -0.2),
    "landsat-c1-sr": (1e-4, 0.0),
    "hls": (1e-4, 0.0),
    "modis": (1e-4, 0.0),
}


class _Pointwise(nn.Module, ABC):
    """A function of each value, of tensors and of samples' images."""

    def forward(self, input: Any) -> Any:
        """A tensor (…, C, H, W), or a sample whose ``image`` is one. NaN stays NaN."""
        if isinstance(input, dict):
            return {**input, "image": self(input["image"])}
        return self.apply_to(input if input.is_floating_point() else input.float())

    @abstractmethod
    def apply_to(self, image: Tensor) -> Tensor:
        """The function."""


class Scale(_Pointwise):
    """``x · scale + offset``, one pair for all bands or one a band; then limited to `clip`.

    Args:
        scale: One number, or one a band.
        offset: One number, or one a band.
        clip: Lowest and highest result.
        nodata: A value that stands for missing data: it becomes NaN instead.
    """

    def __init__(
        self, scale: float | Sequence[float] = 1.0, offset: float | Sequence[float] = 0.0,
        clip: tuple[float, float] | None = None, nodata: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.scale, self.offset = _numbers(scale), _numbers(offset)
        lengths = {len(self.scale), len(self.offset)} - {1}
        if len(lengths) > 1:
            raise ConfigError(
                f"{len(self.scale)} scales and {len(self.offset)} offsets: expected as many of each"
            )
        self.clip, self.nodata = clip, nodata

    def apply_to(self, image: Tensor) -> Tensor:
        """The scaled image.

        Raises:
            BandError: Another number of bands than scales.
        """
        out = image * _column(self.scale, image) + _column(self.offset, image)
        if self.clip is not None:
            out = out.clamp(*self.clip)
        return out if self.nodata is None else torch.where(image == self.nodata, torch.nan, out)

    def extra_repr(self) -> str:
        """The numbers."""
        return f"scale={self.scale}, offset={self.offset}, clip={self.clip}, nodata={self.nodata}"


class ToReflectance(Scale):
    """Digital numbers of a product to reflectance (0 to 1, a little more over snow and cloud).

    Args:
        product: A name of `PRODUCTS`: ``"sentinel2"`` (before processing baseline 04.00 of January
            2022), ``"sentinel2-04.00"`` (since), ``"landsat-c2-sr"``, ….
        clip: Lowest and highest result.
        nodata: A value that stands for missing data: it becomes NaN instead. 0 in most products.

    Raises:
        ConfigError: An unknown product.
    """

    def __init__(
        self, product: str, clip: tuple[float, float] | None = None, nodata: float | None = None
    ) -> None:
        if product not in PRODUCTS:
            raise ConfigError(f"there is no product {product!r}: there are {', '.join(PRODUCTS)}")
        super().__init__(*PRODUCTS[product], clip=clip, nodata=nodata)


class Normalize(Scale):
    """``(x - mean) / std`` with one number a band.

    Args:
        mean: One number, or one a band.
        std: One number, or one a band.

    Raises:
        ConfigError: A std of 0.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        means, stds = _numbers(mean), _numbers(std)
        if any(s == 0 for s in stds):
            raise ConfigError(f"std is {stds}: a constant band has std 1, not 0")
        if len(means) != len(stds) and 1 not in (len(means), len(stds)):
            raise ConfigError(f"{len(means)} means and {len(stds)} stds: expected as many of each")
        count = max(len(means), len(stds))
        means, stds = (n * count if len(n) == 1 else n for n in (means, stds))
        super().__init__([1 / s for s in stds], [-m / s for m, s in zip(means, stds, strict=True)])


class ToDecibel(_Pointwise):
    """Radar intensity (linear power) to decibel: ``10 · log10(x)``.

    Args:
        floor: What 0 and less become (no echo has no logarithm); NaN keeps them as nodata.
    """

    def __init__(self, floor: float = -50.0) -> None:
        super().__init__()
        self.floor = floor

    def apply_to(self, image: Tensor) -> Tensor:
        """The image in dB, not below the floor."""
        low = torch.tensor(self.floor, dtype=image.dtype, device=image.device)
        decibel = 10 * image.clamp_min(1e-30).log10()
        if not torch.isnan(low):
            decibel = torch.maximum(decibel, low)
        return torch.where(image <= 0, low, decibel)


class FromDecibel(_Pointwise):
    """Decibel to radar intensity: ``10 ** (x / 10)``."""

    def apply_to(self, image: Tensor) -> Tensor:
        """The image as linear power."""
        return torch.pow(10.0, image / 10)


def _numbers(value: float | Sequence[float]) -> tuple[float, ...]:
    return (float(value),) if isinstance(value, int | float) else tuple(map(float, value))


def _column(numbers: tuple[float, ...], image: Tensor) -> Tensor:
    if len(numbers) > 1 and (image.ndim < 3 or image.shape[-3] != len(numbers)):
        raise BandError(
            f"the image has the shape {tuple(image.shape)} and there are numbers for "
            f"{len(numbers)} bands: expected (…, {len(numbers)}, H, W)"
        )
    return torch.tensor(numbers, dtype=image.dtype, device=image.device).view(-1, 1, 1)
