"""Whole small images read fast: TIFFs by our own reader, others by Pillow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.datasets.nongeo import read_image
from swath.errors import BandError, FileMissingError
from swath.geometry import Grid
from swath.raster import open_source, read_info

__all__ = ["grid_of", "read_pixels"]

_TIFFS = (".tif", ".tiff")


def read_pixels(path: str, bands: Sequence[int] | None = None) -> NDArray[Any]:
    """All pixels of an image file as (C, H, W) in its own type.

    Args:
        path: A TIFF, or whatever `swath.datasets.nongeo.read_image` reads.
        bands: Numbers (from 0) of the bands that are wanted, in that order; all by default.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is damaged or no image.
        BandError: It has no band of that number.
    """
    if path.lower().endswith(_TIFFS):
        return _tiff(path, bands)
    if not os.path.isfile(path):
        raise FileMissingError(
            f"{path} is missing from the dataset: fetch it again (swath datasets verify says what "
            "else is)"
        )
    pixels = read_image(path)
    if bands is None or list(bands) == list(range(len(pixels))):
        return pixels
    _check(path, bands, len(pixels))
    return pixels[list(bands)]


def _tiff(path: str, bands: Sequence[int] | None) -> NDArray[Any]:
    source = open_source(path)
    info = source.info
    wanted = range(info.count) if bands is None else bands
    _check(path, wanted, info.count)
    level = info.levels[0]
    out = np.empty((len(wanted), info.height, info.width), info.dtype)
    high, wide = level.tile_height, level.tile_width
    for i, band in enumerate(wanted):
        for ty in range(level.tiles_down):
            rows = slice(ty * high, min((ty + 1) * high, info.height))
            for tx in range(level.tiles_across):
                columns = slice(tx * wide, min((tx + 1) * wide, info.width))
                tile = source.tile(0, band, ty, tx)
                out[i, rows, columns] = tile[
                    : rows.stop - rows.start, : columns.stop - columns.start
                ]
    return out


def _check(path: str, bands: Sequence[int] | range, count: int) -> None:
    if len(bands) and max(bands) >= count:
        raise BandError(
            f"{path} has {count} bands and band {max(bands) + 1} is asked for: it is not the file "
            "that was published"
        )


def grid_of(path: str) -> Grid | None:
    """Where an image lies: its CRS and transform; None if it does not say."""
    info = read_info(path)
    return info.grid if info.crs is not None else None
