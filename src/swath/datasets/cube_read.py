"""Windows of cubes, resampled once to the grid of a query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.cube import Channel, Cube
from swath.errors import UnreadableFileError
from swath.geometry.transform import same_crs, transformer

__all__ = ["METHODS", "read_cube"]

METHODS = ("nearest", "bilinear", "cubic", "average")
_WIDEN = 1 / 0.95  # from this ratio on kernels are widened (the same as GDAL's)
_PAD = 2


def read_cube(
    cube: Cube,
    channels: Sequence[Channel],
    steps: NDArray[np.intp] | None,
    crs: CRS,
    source_crs: CRS,
    transform: Affine,
    shape: tuple[int, int],
    method: str,
) -> NDArray[np.float32]:
    """Resample planes of a cube to a grid, once, from the part of the file that lies under it.

    Args:
        cube: The file.
        channels: The planes.
        steps: Positions of the times; None where the cube has no time axis.
        crs: CRS of the grid.
        source_crs: CRS of the cube.
        transform: Of the grid, pixel corners to coordinates, north up.
        shape: (height, width) of the grid.
        method: ``nearest``, ``bilinear``, ``cubic`` or ``average``.

    Returns:
        float32 (T, C, H, W), T = 1 without a time axis; NaN where the file has no data. Missing
        values never mix into others.
    """
    height, width = shape
    count = 1 if steps is None else len(steps)
    out = np.full((count * len(channels), height, width), np.nan, np.float32)
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x: NDArray[np.float64] = transform.a * column + transform.c
    y: NDArray[np.float64] = transform.e * row + transform.f
    if not same_crs(crs, source_crs):
        moved = transformer(crs, source_crs).transform(x, y)
        x, y = np.asarray(moved[0], np.float64), np.asarray(moved[1], np.float64)
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return out.reshape(count, len(channels), height, width)
    turns = [0.0]
    if source_crs.is_geographic:
        middle = x[height // 2, width // 2]
        middle = middle if np.isfinite(middle) else np.median(x[good])
        with np.errstate(invalid="ignore"):
            x = x - 360.0 * np.round((x - middle) / 360.0)
        if not cube.whole_turn:
            turns = [-360.0, 0.0, 360.0]
    corner, step = (cube.transform.c, cube.transform.f), (cube.transform.a, cube.transform.e)
    filled = np.zeros((height, width), np.uint8)
    for turn in turns:
        px, py = (x + turn - corner[0]) / step[0], (y - corner[1]) / step[1]
        _resample(cube, channels, steps, px, py, method, out, filled)
    return out.reshape(count, len(channels), height, width)


def _resample(
    cube: Cube,
    channels: Sequence[Channel],
    steps: NDArray[np.intp] | None,
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    method: str,
    out: NDArray[np.float32],
    filled: NDArray[np.uint8],
) -> None:
    """Read where the pixel coordinates (`px`, `py`) lie in the cube; see `read_cube`."""
    from swath.raster import areal, kernels

    with np.errstate(invalid="ignore"):
        inside = (py >= 0) & (py <= cube.height)
        if not cube.whole_turn:
            inside &= (px >= 0) & (px <= cube.width)
    if not inside.any():
        return
    wide_x, wide_y = _ratio(px), _ratio(py)
    pad_x, pad_y = (_PAD + math.ceil(2 * wide) for wide in (wide_x, wide_y))
    c0, c1 = math.floor(px[inside].min()) - pad_x, math.ceil(px[inside].max()) + pad_x
    r0, r1 = math.floor(py[inside].min()) - pad_y, math.ceil(py[inside].max()) + pad_y
    r0, r1 = max(r0, 0), min(r1, cube.height)
    if cube.whole_turn:
        columns = np.arange(c0, c1) % cube.width
    else:
        c0, c1 = max(c0, 0), min(c1, cube.width)
        columns = np.arange(c0, c1)
    window = _window(cube, channels, steps, slice(r0, r1), columns)
    # A centre on the last edge belongs to the last pixel.
    px = np.where(px == cube.width, np.nextafter(px, 0), px) if not cube.whole_turn else px
    py = np.where(py == cube.height, np.nextafter(py, 0), py)
    exact = np.stack([px - c0, py - r0])
    exact[:, ~inside] = -1.0
    nothing = np.empty((0, 4), np.int64), np.empty((0, 4, 4)), np.empty((0, 4, 4))
    limits = np.array([0.0, c1 - c0, 0.0, r1 - r0])
    fills = np.full(len(out), np.nan)
    if method == "nearest":
        no_mask, no_nodata = np.empty((0, 0), np.uint8), np.zeros(len(out), np.bool_)
        kernels.nearest(
            window, no_mask, *nothing, exact, limits, fills, no_nodata, fills, out, filled
        )
    elif method == "average":
        areal.average(
            window, *nothing, exact, limits, max(wide_x, 1.0), max(wide_y, 1.0), fills, out, filled
        )
    else:
        wide_x, wide_y = (wide if wide > _WIDEN else 1.0 for wide in (wide_x, wide_y))
        kernels.convolve(
            window, *nothing, exact, limits, wide_x, wide_y, method == "cubic", fills, out, filled
        )


def _ratio(values: NDArray[np.float64]) -> float:
    """Source pixels, along one of their axes, that a pixel of the answer spans."""
    steps = [np.abs(np.diff(values, axis=k)) for k in (0, 1) if values.shape[k] > 1]
    finite = [float(np.median(s[np.isfinite(s)])) for s in steps if np.isfinite(s).any()]
    return max(finite, default=1.0)


def _window(
    cube: Cube,
    channels: Sequence[Channel],
    steps: NDArray[np.intp] | None,
    rows: slice,
    columns: NDArray[np.intp],
) -> NDArray[np.float32]:
    """(T * C, h, w) float32, NaN where values are missing; each variable is read once."""
    count = 1 if steps is None else len(steps)
    shape = (count, len(channels), rows.stop - rows.start, len(columns))
    out = np.empty(shape, np.float32)
    plain = len(columns) > 0 and columns[-1] - columns[0] == len(columns) - 1
    wanted: Any = slice(int(columns[0]), int(columns[-1]) + 1) if plain else np.unique(columns)
    for name in dict.fromkeys(channel.variable for channel in channels):
        array = cube.data[name].isel({cube.y: rows, cube.x: wanted})
        timed = cube.t is not None and cube.t in array.dims
        if timed:
            array = array.isel({cube.t: steps})
        more = [d for d in array.dims if d not in (cube.x, cube.y, cube.t)]
        lead = [cube.t] if timed else []
        try:
            values = array.transpose(*lead, *more, cube.y, cube.x).values
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise UnreadableFileError(
                f"variable {name!r} of {cube.path} cannot be read: {error}; fetch the file again"
            ) from error
        if not plain:
            values = values[..., np.searchsorted(wanted, columns)]
        if not timed:
            values = values[None]
        for i, channel in enumerate(channels):
            if channel.variable == name:
                out[:, i] = values[(slice(None), *(k for _, k in channel.place))]
    return out.reshape(-1, *shape[2:])
