"""What a sample is made of: images, masks, labels, values. Each part reads one thing of a sample.

Each part can also write what it reads, which makes miniatures.
"""

from __future__ import annotations

import abc
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.datasets.catalogue.description import When, applies
from swath.datasets.catalogue.pixels import grid_of
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.windows import Window, window_grid
from swath.errors import BandError
from swath.geometry import Grid

__all__ = ["Part", "Row", "check_bands", "float_tensor", "noise", "one_crs", "place_of", "place_on"]

Row = Mapping[str, str]


class Part(abc.ABC):
    """One part of a sample.

    Args:
        key: Its name in the sample.
        when: For which splits and choices it is there; always by default.
    """

    def __init__(self, key: str, when: When | None = None) -> None:
        self.key, self.when = key, dict(when or {})

    def there(self, site: Site) -> bool:
        """Whether samples of this split and these choices have it."""
        return applies(self.when, site.fields)

    @abc.abstractmethod
    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """Tensors by their names in the sample."""

    @abc.abstractmethod
    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Write a made-up file that `read` would read, if it reads one."""


def float_tensor(pixels: NDArray[Any]) -> Tensor:
    """Pixels of any type as float32."""
    return torch.from_numpy(pixels.astype(np.float32, order="C"))


def place_of(path: str, window: Window | None = None) -> dict[str, Tensor]:
    """``bounds`` and ``transform`` of an image or a window of it, as in samples of layers."""
    grid = grid_of(path)
    if grid is not None and window is not None:
        grid = window_grid(grid, window)
    return place_on(grid)


def place_on(grid: Grid | None) -> dict[str, Tensor]:
    """``bounds`` and ``transform`` of a grid, as in samples of layers; NaN where it is unknown."""
    if grid is None:
        nowhere = torch.full((9,), torch.nan, dtype=torch.float64)
        return {"bounds": nowhere, "transform": nowhere.clone()}
    xmin, ymin, xmax, ymax = grid.bounds
    xres, yres = grid.res
    # x, y and time as start, stop, step; an image of a benchmark has no time
    bounds = [xmin, xmax, xres, ymin, ymax, yres, torch.nan, torch.nan, torch.nan]
    return {
        "bounds": torch.tensor(bounds, dtype=torch.float64),
        "transform": torch.tensor([*grid.transform], dtype=torch.float64),
    }


def one_crs(crs: str | Sequence[str] | None, row: Row) -> str | None:
    """The CRS of a miniature's sample, if there are several to choose from."""
    if crs is None or isinstance(crs, str):
        return crs
    return crs[zlib.crc32(repr(sorted(row.items())).encode()) % len(crs)]


def noise(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Random pixels of a type."""
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(1, min(np.iinfo(dtype).max, 4000), shape).astype(dtype)


def check_bands(name: str, bands: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Names of bands that are all there.

    Raises:
        BandError: One is not; says which there are.
    """
    unknown = [b for b in bands if b not in known]
    if unknown or not bands:
        raise BandError(
            f"{name} has no band {', '.join(map(repr, unknown)) or 'named'}: expected some of "
            f"{', '.join(known)}"
        )
    if len(set(bands)) != len(bands):
        raise BandError(f"bands are {list(bands)}: each may be named once")
    return tuple(bands)
