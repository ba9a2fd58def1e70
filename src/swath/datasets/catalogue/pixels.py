"""Whole small images read fast: TIFFs by our own reader, plain JPEGs and PNGs by their codecs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from swath.datasets.nongeo import read_image
from swath.errors import BandError, FileMissingError, UnreadableFileError
from swath.geometry import Grid
from swath.raster import Source, open_source, read_info
from swath.raster.ifd import is_tiff
from swath.raster.tiff import TiffSource, plain_tiff

__all__ = ["grid_of", "open_tiff", "read_pixels"]

_TIFFS = (".tif", ".tiff")
_PNG = b"\x89PNG\r\n\x1a\n"
# Bits and kind: grey and colours; of colours Pillow would keep 8 bits of 16.
_PLAIN = (b"\x08\0", b"\x08\2", b"\x10\2")
# Its stubs know fewer buffer types than it takes.
_codecs: Any = imagecodecs


def read_pixels(
    path: str, bands: Sequence[int] | None = None, *, located: bool = False
) -> NDArray[Any]:
    """All pixels of an image file as (C, H, W) in its own type, not to be written to.

    An uncompressed TIFF is not read but looked at where it lies in the memory map, so that
    converting its pixels is the only pass over them.

    Args:
        path: A TIFF, or whatever `swath.datasets.nongeo.read_image` reads.
        bands: Numbers (from 0) of the bands that are wanted, in that order; all by default.
        located: Whether its place is asked for as well: its whole header is then read, once.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is damaged or no image.
        BandError: It has no band of that number.
    """
    if path.lower().endswith(_TIFFS):
        return _tiff(path, bands, located)
    if not os.path.isfile(path):
        raise FileMissingError(
            f"{path} is missing from the dataset: fetch it again (swath datasets verify says what "
            "else is)"
        )
    pixels = _decoded(path)
    if pixels is None:
        pixels = read_image(path)
    if bands is None or list(bands) == list(range(len(pixels))):
        return pixels
    _check(path, bands, len(pixels))
    return pixels[list(bands)]


def _decoded(path: str) -> NDArray[Any] | None:
    """A plain JPEG or PNG, in a fraction of the time that Pillow takes to set out; None for others.

    Those that are cut short, have a palette, transparency, four inks or other numbers of bits are
    left to Pillow, which says what is wrong with them or turns them into colours.
    """
    kind = path.lower().rsplit(".", 1)[-1]
    if kind not in ("jpg", "jpeg", "png"):
        return None
    with open(path, "rb") as file:
        data = file.read()
    try:
        if data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9":
            found = _codecs.jpeg8_decode(data)
        elif data[:8] == _PNG and data[24:26] in _PLAIN and b"tRNS" not in data:
            found = _codecs.png_decode(data)
        else:
            return None
    except Exception:  # whatever a decoder says: Pillow says it in its own words
        return None
    if found.dtype not in (np.uint8, np.uint16):
        return None
    if found.ndim == 2:
        return found[None]
    return found.transpose(2, 0, 1) if found.shape[2] == 3 else None


def _tiff(path: str, bands: Sequence[int] | None, located: bool) -> NDArray[Any]:
    whole = plain_tiff(path) if not located and os.path.isfile(path) else None
    if whole is None:
        source = open_tiff(path)
        whole = source.whole() if isinstance(source, TiffSource) else None
    if whole is not None:
        if bands is None:
            return whole
        _check(path, bands, len(whole))
        return whole[list(bands)]
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


def open_tiff(path: str) -> Source:
    """An open TIFF of a dataset, which must be one by its first bytes as well.

    GDAL would take a text of that name for a virtual raster, and read whatever files and addresses
    it names.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is something else.
    """
    _must_be_tiff(path)
    return open_source(path)


def _must_be_tiff(path: str) -> None:
    if os.path.isfile(path):
        with open(path, "rb", buffering=0) as file:
            head = file.read(4)
        if head and not is_tiff(head):
            raise UnreadableFileError(
                f"{path} does not begin as a TIFF does, but with {head!r}: it is not the file that "
                "was published"
            )


def _check(path: str, bands: Sequence[int] | range, count: int) -> None:
    if len(bands) and max(bands) >= count:
        raise BandError(
            f"{path} has {count} bands and band {max(bands) + 1} is asked for: it is not the file "
            "that was published"
        )


def grid_of(path: str) -> Grid | None:
    """Where an image lies: its CRS and transform; None if it does not say."""
    if path.lower().endswith(_TIFFS):
        _must_be_tiff(path)
    info = read_info(path)
    return info.grid if info.crs is not None else None
