"""Windows of large images: only the tiles and rows of a file that a window touches are read."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from swath.datasets.catalogue.pixels import open_tiff, read_pixels
from swath.datasets.catalogue.site import Site
from swath.errors import BandError, QueryError, UnreadableFileError
from swath.geometry import Grid

__all__ = ["Window", "image_shape", "pixels_of", "read_window", "window_grid"]

#: (top, left, height, width) in pixels.
Window = tuple[int, int, int, int]

_TIFFS = (".tif", ".tiff")
#: Bytes of decoded images that are kept: formats that can only be decoded as a whole.
_KEPT = 256 * 2**20


def pixels_of(
    site: Site, path: str, bands: Sequence[int] | None = None, *, located: bool = False
) -> NDArray[Any]:
    """The part of an image that `site` wants; all of it if that has no window.

    Args:
        site: The dataset.
        path: Of the image.
        bands: Numbers (from 0) of the wanted bands, in that order; all by default.
        located: Whether its place is asked for as well.
    """
    if site.window is None:
        return read_pixels(path, bands, located=located)
    return read_window(path, site.window, bands)


def numbers_of(site: Site, path: str, band: int = 0) -> NDArray[Any]:
    """Class numbers (H, W), where pixels are numbers and no colours: what a mask is read by.

    Of a PNG with a palette they are the palette's places (its colours are for the eye), and of one
    with a bit a pixel 0 and 1.
    """
    if not _places(path):
        found: NDArray[Any] = pixels_of(site, path, (band,))[0]
        return found
    from PIL import Image

    try:
        with Image.open(path) as picture:
            numbers = np.asarray(picture).astype(np.uint8)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            f"{path} cannot be read as an image: {error}. It may be cut short: fetch it again"
        ) from error
    if site.window is None:
        return numbers
    top, left, height, width = site.window
    return numbers[top : top + height, left : left + width]


def _places(path: str) -> bool:
    """Whether a file is a PNG with a palette, or with a bit a pixel."""
    if not path.lower().endswith(".png") or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        head = file.read(26)
    return head[:4] == b"\x89PNG" and (head[25:26] == b"\3" or head[24:26] == b"\1\0")


def read_window(path: str, window: Window, bands: Sequence[int] | None = None) -> NDArray[Any]:
    """A window of an image file as (C, H, W) in its own type, smaller where the image ends.

    Args:
        path: A TIFF, of which only the tiles under the window are read; another format is decoded
            as a whole, and kept for the next window if it is not too large.
        window: (top, left, height, width), which begins inside the image.
        bands: Numbers (from 0) of the bands that are wanted, in that order; all by default.

    Raises:
        QueryError: The window begins outside the image.
        FileMissingError, UnreadableFileError, BandError: As `read_pixels`.
    """
    top, left, height, width = window
    high, wide = image_shape(path)
    if not (0 <= top < high and 0 <= left < wide and height > 0 and width > 0):
        raise QueryError(
            f"{path} is {high} rows by {wide} columns: a window of {height} by {width} at row "
            f"{top}, column {left} is not in it"
        )
    rows, columns = slice(top, min(top + height, high)), slice(left, min(left + width, wide))
    if path.lower().endswith(_TIFFS):
        return _tiff(path, rows, columns, bands)
    whole = _whole(path)
    if bands is not None and len(bands) and max(bands) >= len(whole):
        raise BandError(
            f"{path} has {len(whole)} bands and band {max(bands) + 1} is asked for: it is not the "
            "file that was published"
        )
    chosen = whole if bands is None else whole[list(bands)]
    return chosen[:, rows, columns]


def image_shape(path: str) -> tuple[int, int]:
    """(height, width) of an image file, from its header alone.

    Raises:
        FileMissingError, UnreadableFileError: There is no such file, or it is damaged.
    """
    if path.lower().endswith(_TIFFS):
        info = open_tiff(path).info
        return info.height, info.width
    try:
        state = os.stat(path)
    except OSError:
        return read_pixels(path).shape[-2:]  # says what is wrong
    key = (os.path.abspath(path), state.st_size, state.st_mtime_ns)
    found = _shapes.get(key)
    if found is None:
        from PIL import Image

        try:
            with Image.open(path) as picture:
                found = picture.height, picture.width
        except (OSError, ValueError, Image.DecompressionBombError):
            # Formats that Pillow lacks, and scenes that it takes for an attack.
            found = read_pixels(path).shape[-2:]
        if len(_shapes) > 100_000:
            _shapes.clear()
        _shapes[key] = found
    return found


def window_grid(grid: Grid, window: Window) -> Grid:
    """The grid of a window of an image, cut off where the image ends."""
    top, left, height, width = window
    return Grid(
        grid.crs, grid.transform @ Affine.translation(left, top),
        min(width, grid.width - left), min(height, grid.height - top),
    )  # fmt: skip


def _tiff(path: str, rows: slice, columns: slice, bands: Sequence[int] | None) -> NDArray[Any]:
    source = open_tiff(path)
    info = source.info
    wanted = range(info.count) if bands is None else bands
    level = info.levels[0]
    high, wide = level.tile_height, level.tile_width
    out = np.empty((len(wanted), rows.stop - rows.start, columns.stop - columns.start), info.dtype)
    for i, band in enumerate(wanted):
        for ty in range(rows.start // high, -(-rows.stop // high)):
            y0, y1 = max(rows.start, ty * high), min(rows.stop, (ty + 1) * high)
            for tx in range(columns.start // wide, -(-columns.stop // wide)):
                x0, x1 = max(columns.start, tx * wide), min(columns.stop, (tx + 1) * wide)
                tile = source.tile(0, band, ty, tx)
                part = tile[y0 - ty * high : y1 - ty * high, x0 - tx * wide : x1 - tx * wide]
                y, x = y0 - rows.start, x0 - columns.start
                out[i, y : y + y1 - y0, x : x + x1 - x0] = part
    return out


_shapes: dict[tuple[str, int, int], tuple[int, int]] = {}
_images: OrderedDict[tuple[str, int, int], NDArray[Any]] = OrderedDict()
_lock = threading.Lock()


def _whole(path: str) -> NDArray[Any]:
    """A decoded image; the last ones are kept, so that windows of one image decode it once."""
    try:
        state = os.stat(path)
        key = (path, state.st_size, state.st_mtime_ns)
    except OSError:
        return read_pixels(path)  # says what is wrong
    with _lock:
        found = _images.get(key)
        if found is not None:
            _images.move_to_end(key)
            return found
    found = read_pixels(path)
    with _lock:
        _images[key] = found
        while len(_images) > 1 and sum(image.nbytes for image in _images.values()) > _KEPT:
            _images.popitem(last=False)
    return found


def _after_fork() -> None:
    # The parent's lock may be held by a thread that the child does not have.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
