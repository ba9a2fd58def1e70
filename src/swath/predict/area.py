"""Where a map lies: its grid, its area of interest, and which windows have anything to read."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from swath.datasets import GeoDataset
from swath.datasets.frames import reproject_footprints
from swath.errors import ConfigError, GridError, NoOverlapError
from swath.geometry import Bounds, Grid
from swath.predict.windows import Window

__all__ = ["inside", "map_grid", "query_of", "region", "reporting", "worth_reading"]

_AT_ONCE = 1 << 14  # windows whose boxes are held at a time


def region(roi: Any, crs: CRS) -> BaseGeometry | None:
    """An area of interest as one polygon in `crs`.

    Args:
        roi: A polygon in `crs`, or a GeoDataFrame or GeoSeries in any CRS.
        crs: Of the map.

    Raises:
        ConfigError: It is something else, or has no area.
    """
    if roi is None:
        return None
    if isinstance(roi, BaseGeometry):
        shape = roi
    elif hasattr(roi, "geometry") and hasattr(roi, "crs"):
        if roi.crs is None:
            raise ConfigError("roi has no CRS; set it (set_crs), so that it is sure where it lies")
        moved = reproject_footprints(
            roi.geometry.values, CRS.from_user_input(roi.crs), CRS.from_user_input(crs)
        )
        shape = shapely.union_all(moved)
    else:
        raise ConfigError(
            f"roi is a {type(roi).__name__}; give a shapely polygon in the map's CRS, or a "
            "GeoDataFrame or GeoSeries"
        )
    if shape.area <= 0:
        raise ConfigError(f"roi has no area ({shape.geom_type}); give a polygon")
    return shape


def map_grid(
    dataset: GeoDataset,
    *,
    crs: Any = None,
    res: float | tuple[float, float] | None = None,
    bounds: Bounds | None = None,
    roi: Any = None,
) -> tuple[Grid, BaseGeometry | None]:
    """The grid of a map, and its area of interest in that grid's CRS.

    Args:
        dataset: Gives CRS, resolution and bounds where they are left out.
        crs: CRS of the map.
        res: Pixel size in units of `crs`.
        bounds: (xmin, ymin, xmax, ymax) in `crs`; by default the dataset's, within `roi`. Then
            the pixels are those that a grid over the whole dataset has.
        roi: See `region`.

    Raises:
        NoOverlapError: The area of interest and the dataset share no ground.
    """
    target = dataset.crs if crs is None else CRS.from_user_input(crs)
    shape = region(roi, target)
    view = copy.copy(dataset)
    view.crs = target
    if res is None:
        res = dataset.res if target == dataset.crs else _resolution(dataset, target)
    xres, yres = (res, res) if isinstance(res, int | float) else res
    if bounds is not None:
        return Grid.from_bounds(target, bounds, (xres, yres)), shape
    if not (xres > 0 and yres > 0):
        raise GridError(f"a resolution is positive, got {res}")
    x, y, _ = view.bounds
    left, bottom, right, top = x.start, y.start, x.stop, y.stop
    if shape is not None:
        a, b, c, d = shape.bounds
        if a >= right or c <= left or b >= top or d <= bottom:
            raise NoOverlapError(
                f"roi, bounds {shape.bounds}, shares no ground with the dataset, bounds "
                f"{(left, bottom, right, top)}, both in {target.to_string()}"
            )
        # Outward to whole pixels, counted from the dataset's corner.
        right = min(right, left + math.ceil((c - left) / xres) * xres)
        bottom = max(bottom, top - math.ceil((top - b) / yres) * yres)
        left += max(0, math.floor((a - left) / xres)) * xres
        top -= max(0, math.floor((top - d) / yres)) * yres
    width = max(1, math.ceil((right - left) / xres - 1e-6))
    height = max(1, math.ceil((top - bottom) / yres - 1e-6))
    return Grid(target, Affine(xres, 0.0, left, 0.0, -yres, top), width, height), shape


def _resolution(dataset: GeoDataset, target: CRS) -> tuple[float, float]:
    """What GDAL suggests: the pixel size that keeps the number of pixels on the diagonal."""
    from rasterio.warp import calculate_default_transform

    x, y, _ = dataset.bounds
    xres, yres = dataset.res
    width = max(1, round((x.stop - x.start) / xres))
    height = max(1, round((y.stop - y.start) / yres))
    transform, _, _ = calculate_default_transform(
        dataset.crs.to_wkt(),
        target.to_wkt(),
        width,
        height,
        left=x.start,
        bottom=y.start,
        right=x.stop,
        top=y.stop,
    )
    return float(transform.a), float(-transform.e)


def reporting(dataset: GeoDataset, crs: CRS) -> GeoDataset:
    """A shallow copy in `crs` whose samples say where there was data; the dataset stays as is."""
    view = copy.copy(dataset)
    view.crs = crs
    view.valid_mask = True
    parts = getattr(view, "datasets", None)
    if isinstance(parts, tuple):
        view.datasets = tuple(reporting(part, crs) for part in parts)  # type: ignore[attr-defined]
    return view


def query_of(window: Window, grid: Grid, time: slice) -> tuple[slice, slice, slice]:
    """The query that reads a window of a north-up grid."""
    t = grid.transform
    return (
        slice(t.c + window.col * t.a, t.c + (window.col + window.size) * t.a, t.a),
        slice(t.f + (window.row + window.size) * t.e, t.f + window.row * t.e, -t.e),
        time,
    )


def worth_reading(
    windows: Sequence[Window], grid: Grid, footprints: NDArray[Any], roi: BaseGeometry | None
) -> list[Window]:
    """The windows that share ground with a footprint and with the area of interest."""
    tree = shapely.STRtree(footprints)
    if roi is not None:
        shapely.prepare(roi)
    t = grid.transform
    little = 1e-6  # of a pixel: windows that only touch share no ground
    kept: list[Window] = []
    for start in range(0, len(windows), _AT_ONCE):
        part = windows[start : start + _AT_ONCE]
        row, col, size = np.array([(w.row, w.col, w.size) for w in part], np.float64).T
        boxes = shapely.box(
            t.c + (col + little) * t.a,
            t.f + (row + size - little) * t.e,
            t.c + (col + size - little) * t.a,
            t.f + (row + little) * t.e,
        )
        keep = np.zeros(len(part), bool)
        keep[tree.query(boxes, predicate="intersects")[0]] = True
        if roi is not None:
            keep &= shapely.intersects(roi, boxes)
        kept += [window for window, wanted in zip(part, keep, strict=True) if wanted]
    return kept


def inside(
    shapes: Sequence[BaseGeometry], grid: Grid, row: int, col: int, height: int, width: int
) -> NDArray[np.bool_]:
    """Which pixels of a part of a north-up grid have their centre in a shape: (height, width)."""
    from rasterio.features import geometry_mask

    t = grid.transform
    place = Affine(t.a, 0.0, t.c + col * t.a, 0.0, t.e, t.f + row * t.e)
    near = shapely.box(place.c, place.f + height * place.e, place.c + width * place.a, place.f)
    touching = [shape for shape in shapes if shape.intersects(near)]
    if not touching:
        return np.zeros((height, width), bool)
    return geometry_mask(touching, (height, width), place, invert=True)
