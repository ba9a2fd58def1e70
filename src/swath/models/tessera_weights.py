"""Tessera's published weights, and its input: series of one pixel.

Source: Feng et al. 2025, https://arxiv.org/abs/2506.20380.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models.weights import WeightsEnum, weight

__all__ = ["S1_SERIES", "S2_SERIES", "SeriesPreset", "Tessera_Weights", "pixel_series"]

#: Channels of each sensor's series; the last is the day of the year.
S2_SERIES = ("B4", "B2", "B3", "B8", "B8A", "B5", "B6", "B7", "B11", "B12", "S2_DOY")
S1_SERIES = ("VV", "VH", "S1_DOY")
_S2_MEAN = (
    1711.0938, 1308.8511, 1546.4543, 3010.1293, 3106.5083, 2068.3044, 2685.0845, 2931.5889,
    2514.6928, 1899.4922, 0.0,
)  # fmt: skip
_S2_STD = (
    1926.1026, 1862.9751, 1803.1792, 1741.7837, 1677.4543, 1888.7862, 1736.309, 1715.8104,
    1514.5199, 1398.4779, 1.0,
)  # fmt: skip
_S1_MEAN, _S1_STD = (5484.0407, 3003.7812, 0.0), (1871.2334, 1726.067, 1.0)


class SeriesPreset(nn.Module):
    """Normalise a pixel's time series: value -> (value - mean) / std, channel by channel.

    Days of the year have mean 0 and std 1: they stay as they are.

    Args:
        mean: One number a channel.
        std: One number a channel.
        bands: Names of the channels; they are told in errors.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], bands: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.mean, self.std, self.bands = tuple(mean), tuple(std), tuple(bands)

    def forward(self, x: Any) -> Any:
        """Series (T, C) or (B, T, C), or images (..., C, H, W), or a sample whose ``image`` is one.

        Three axes are read as series, and as one image where the last axis does not fit. Images
        stay images: `pixel_series` makes series of them.

        Raises:
            BandError: Another number of channels.
        """
        if isinstance(x, dict):
            return {**x, "image": self(x["image"])}
        count = len(self.mean)
        found = tuple(x.shape)
        series = x.ndim in (2, 3) and found[-1] == count
        if not series and (x.ndim < 3 or found[-3] != count):
            raise BandError(
                f"the series has the shape {found}: expected (B, T, C) or images (..., C, H, W) "
                f"with C = {count} ({', '.join(self.bands)})"
            )
        x = x if x.is_floating_point() else x.float()
        mean, std = x.new_tensor(self.mean), x.new_tensor(self.std)
        if not series:
            mean, std = mean.view(-1, 1, 1), std.view(-1, 1, 1)
        return (x - mean) / std

    def extra_repr(self) -> str:
        """What it does, for print."""
        return f"mean={self.mean}, std={self.std}"


class Tessera_Weights(WeightsEnum):
    """Published weights of `tessera`, for series of a year.

    Sentinel-2 are level 2A digital numbers, without the offset of processing baseline 04.00; the
    order of the bands is the provider's own. Sentinel-1 are terrain-corrected decibels (ascending
    and descending in one series), stretched to integers by the provider's preprocessing, whose
    formula its documentation does not give: make them with it. Days of the year are from 1 to 366.
    The provider's licence for the weights is CC0-1.0 (of the code MIT).
    """

    TESSERA = weight(
        "https://hf.co/isaaccorley/tessera/resolve/a8afffd0f48ccce1dab060a7c532d3fde05ae580/"
        "model-44f8d7fe.pth",
        SeriesPreset(_S2_MEAN + _S1_MEAN, _S2_STD + _S1_STD, S2_SERIES + S1_SERIES),
        model="Tessera",
        dataset="TESSERA",
        publication="https://arxiv.org/abs/2506.20380",
        repo="https://github.com/ucam-eo/tessera",
        license="CC0-1.0",
        bands=S2_SERIES + S1_SERIES,
        units="s2_dn",
        sar_units="s1_tessera",
        embed_dim=128,
    )
    TESSERA_SENTINEL2_ENCODER = weight(
        "https://hf.co/isaaccorley/tessera/resolve/1c723278ef8211d4917f8edf4a9cd5dcddc85e44/"
        "s2_encoder-28537a8e.pth",
        SeriesPreset(_S2_MEAN, _S2_STD, S2_SERIES),
        model="Tessera",
        dataset="TESSERA",
        publication="https://arxiv.org/abs/2506.20380",
        repo="https://github.com/ucam-eo/tessera",
        license="CC0-1.0",
        sensor="sentinel2",
        bands=S2_SERIES,
        units="s2_dn",
        embed_dim=512,
    )
    TESSERA_SENTINEL1_ENCODER = weight(
        "https://hf.co/isaaccorley/tessera/resolve/2b2a1059878f5d371ea595620f47b6ded73e6ea9/"
        "s1_encoder-6cb3ba6a.pth",
        SeriesPreset(_S1_MEAN, _S1_STD, S1_SERIES),
        model="Tessera",
        dataset="TESSERA",
        publication="https://arxiv.org/abs/2506.20380",
        repo="https://github.com/ucam-eo/tessera",
        license="CC0-1.0",
        sensor="sentinel1",
        bands=S1_SERIES,
        units="s1_tessera",
        embed_dim=512,
    )


def pixel_series(images: Tensor, *days: Tensor | Sequence[float]) -> Tensor:
    """Series of every pixel of a stack of images, as `SeriesPreset` and the encoders want them.

    Args:
        images: (T, C, H, W).
        *days: Day of the year of each image, T numbers, which become the last channel.

    Returns:
        (H · W, T, C) or, with days, (H · W, T, C + 1), pixels row by row.

    Raises:
        ConfigError: Another shape, or another number of days than images.
    """
    if images.ndim != 4:
        raise ConfigError(f"images has the shape {tuple(images.shape)}: expected (T, C, H, W)")
    series = images.flatten(2).permute(2, 0, 1).float()
    for numbers in days:
        day = torch.as_tensor(numbers, dtype=series.dtype, device=series.device)
        if day.shape != (images.shape[0],):
            raise ConfigError(
                f"there are {tuple(day.shape)} days and {images.shape[0]} images: expected a day "
                "for each"
            )
        series = torch.cat((series, day.view(1, -1, 1).expand(len(series), -1, 1)), -1)
    return series
