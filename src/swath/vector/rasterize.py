"""Features to pixels: label masks, instance masks and boxes on a grid.

A pixel belongs to a polygon when its centre lies inside (GDAL's rule); to a line or a point when
these pass through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import DTypeLike, NDArray

from swath.geometry import Grid

__all__ = ["boxes", "burn", "instance_masks", "rasterize", "to_pixels"]

_MANY_VERTICES = 256  # from here on cutting a shape to the grid costs less than burning it whole


def to_pixels(shapes: NDArray[Any] | Sequence[Any], transform: Affine) -> NDArray[Any]:
    """Shapes in pixel coordinates: x to the right and y down from the grid's first corner.

    Args:
        shapes: Shapely geometries in the coordinates of a grid.
        transform: The grid's affine, rotated or south-up ones too.
    """
    t = ~transform
    matrix = np.array([[t.a, t.d], [t.b, t.e]])
    # Relative to the corner first: large northings leave no digits for fractions of a pixel.
    corner = np.array([transform.c, transform.f])
    return np.asarray(
        shapely.transform(np.asarray(shapes, dtype=object), lambda xy: (xy - corner) @ matrix),
        dtype=object,
    )


def _cut(shapes: NDArray[Any], width: int, height: int, margin: float) -> NDArray[Any]:
    """Shapes of many vertices cut to the grid and a margin; the others as they are."""
    box = shapely.bounds(shapes).reshape(-1, 4)
    outside = (
        (box[:, 0] < -margin)
        | (box[:, 1] < -margin)
        | (box[:, 2] > width + margin)
        | (box[:, 3] > height + margin)
    )
    large = outside & (shapely.get_num_coordinates(shapes) > _MANY_VERTICES)
    if large.any():
        shapes = shapes.copy()
        shapes[large] = shapely.clip_by_rect(
            shapes[large], -margin, -margin, width + margin, height + margin
        )
    return shapes


def burn(
    shapes: NDArray[Any], height: int, width: int, *, all_touched: bool = False
) -> NDArray[np.int32]:
    """Which shape is on top in each pixel.

    Args:
        shapes: Shapely geometries in pixel coordinates (see `to_pixels`).
        height: Rows.
        width: Columns.
        all_touched: Every pixel that a polygon touches belongs to it.

    Returns:
        int32 (height, width): 1 + the position of the last shape that covers a pixel, 0 where
        there is none.
    """
    from rasterio import features

    out = np.zeros((height, width), np.int32)
    shapes = _cut(np.asarray(shapes, dtype=object), width, height, 2.0)
    pairs = [
        (shape, i + 1) for i, shape in enumerate(shapes) if shape is not None and not shape.is_empty
    ]
    if pairs:
        features.rasterize(pairs, out=out, transform=Affine.identity(), all_touched=all_touched)
    return out


def rasterize(
    shapes: NDArray[Any] | Sequence[Any],
    grid: Grid,
    values: NDArray[Any] | Sequence[float] | float = 1,
    *,
    fill: float = 0,
    dtype: DTypeLike = np.int64,
    all_touched: bool = False,
) -> NDArray[Any]:
    """Burn shapes into an array; later ones cover earlier ones.

    Args:
        shapes: Polygons, lines, points, in the CRS of `grid`.
        grid: Where the pixels lie.
        values: The value of each shape, or one of all.
        fill: Value where there is no shape.
        dtype: Of the result.
        all_touched: Every pixel that a polygon touches belongs to it, instead of those whose
            centre it covers.

    Returns:
        (H, W) of `dtype`.
    """
    top = burn(to_pixels(shapes, grid.transform), grid.height, grid.width, all_touched=all_touched)
    table = np.empty(len(shapes) + 1, dtype)
    table[0] = fill
    table[1:] = values
    return table[top]


def boxes(
    shapes: NDArray[Any] | Sequence[Any], grid: Grid
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Boxes around the part of each shape that lies on the grid.

    Args:
        shapes: Polygons, lines, points, in the CRS of `grid`.
        grid: Where the pixels lie.

    Returns:
        Boxes float32 (N, 4): xmin, ymin, xmax, ymax in pixels, x to the right and y down from the
        corner of the first pixel; and the position of each box's shape. Shapes that share no area
        with the grid (or, lines and points, whose box is flat) have none.
    """
    pixels = to_pixels(shapes, grid.transform)
    if len(pixels) == 0:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.intp)
    box = shapely.bounds(pixels).reshape(-1, 4)
    w, h = grid.width, grid.height
    inside = (box[:, 0] >= 0) & (box[:, 1] >= 0) & (box[:, 2] <= w) & (box[:, 3] <= h)
    apart = (box[:, 0] >= w) | (box[:, 1] >= h) | (box[:, 2] <= 0) | (box[:, 3] <= 0)
    part = np.flatnonzero(~inside & ~apart & np.isfinite(box).all(axis=1))
    if len(part):
        cut = shapely.intersection(pixels[part], shapely.box(0, 0, w, h))
        # Where a polygon only touches the grid's edge, its cut has no area there.
        lost = (shapely.get_dimensions(pixels[part]) == 2) & (shapely.area(cut) == 0)
        cut[lost] = shapely.Polygon()
        box[part] = shapely.bounds(cut).reshape(-1, 4)
    box[apart] = np.nan
    with np.errstate(invalid="ignore"):
        keep = np.flatnonzero((box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1]))
    return box[keep].astype(np.float32), keep


def instance_masks(shapes: NDArray[Any] | Sequence[Any], grid: Grid) -> NDArray[np.uint8]:
    """One mask a shape.

    Args:
        shapes: Polygons, lines, points, in the CRS of `grid`.
        grid: Where the pixels lie.

    Returns:
        uint8 (N, H, W): 1 where the shape is. A polygon that is on the grid and too small or too
        thin to cover any pixel's centre marks the pixels that it touches, so that no instance is
        without a pixel.
    """
    pixels = to_pixels(shapes, grid.transform)
    out = np.zeros((len(pixels), grid.height, grid.width), np.uint8)
    for i, shape in enumerate(pixels):
        part, where = _window(shape, grid.height, grid.width)
        if part is None:
            continue
        rows, columns = where
        size = rows.stop - rows.start, columns.stop - columns.start
        found = burn(part, *size)
        if not found.any():
            found = burn(part, *size, all_touched=True)
        out[i, rows, columns] = found
    return out


def _window(shape: Any, height: int, width: int) -> tuple[NDArray[Any] | None, tuple[slice, slice]]:
    """A shape shifted to the part of the grid that its box covers: burning costs by the pixel."""
    nothing = None, (slice(0, 0), slice(0, 0))
    if shape is None or shape.is_empty:
        return nothing
    x0, y0, x1, y1 = shapely.bounds(shape)
    left, top = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0)
    right, bottom = min(int(np.floor(x1)) + 1, width), min(int(np.floor(y1)) + 1, height)
    if right <= left or bottom <= top:
        return nothing
    moved = shapely.transform(np.array([shape], dtype=object), lambda xy: xy - [left, top])
    return np.asarray(moved, dtype=object), (slice(top, bottom), slice(left, right))
