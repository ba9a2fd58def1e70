"""Pixels to features: the areas of a label mask as polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import ConfigError, GridError
from swath.geometry import Grid

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["polygonize"]


def polygonize(
    mask: NDArray[Any],
    grid: Grid,
    *,
    background: Sequence[int] = (0,),
    classes: Mapping[int, str] | Sequence[str] | None = None,
    min_area: float = 0.0,
    simplify: float = 0.0,
) -> GeoDataFrame:
    """Polygons of the areas of equal value in a mask (pixels that share an edge).

    Args:
        mask: (H, W) of whole numbers (or bool).
        grid: Where the pixels lie.
        background: Values that become no polygon.
        classes: Names by value, or in order from 0; they fill the column ``class``.
        min_area: Smaller areas (in pixels) are dropped, and smaller holes are closed.
        simplify: How coarse edges may become, in pixels: corners that take less than its square
            off an area go. 0 leaves the steps of the pixels. Polygons side by side keep one
            common edge.

    Returns:
        Rows of ``value`` (int64), ``class`` (where `classes` is given), ``pixels`` (how many), and
        the polygon in the CRS of `grid`; valid polygons, each of one area, rows in the order of
        their first pixel.

    Raises:
        GridError: The mask does not have the grid's shape.
        ConfigError: The mask holds no whole numbers, or an option is negative.
    """
    import geopandas as gpd
    from rasterio import features

    array = np.asarray(mask)
    if array.shape != grid.shape:
        raise GridError(f"a mask of shape {array.shape} does not lie on a grid of {grid.shape}")
    if array.dtype.kind not in "biu":
        raise ConfigError(f"a mask holds whole numbers (classes), got {array.dtype}")
    if not (min_area >= 0 and simplify >= 0):
        raise ConfigError(
            f"min_area and simplify are not negative, got {min_area} and {simplify} pixels"
        )
    # Whatever the integer type, numbers of the distinct values fit what GDAL traces.
    values, numbers = np.unique(array, return_inverse=True)
    numbers = numbers.reshape(array.shape).astype(np.int32)
    wanted = ~np.isin(array, np.asarray(list(background)))
    shapes, found = [], []
    for geometry, number in features.shapes(numbers, mask=wanted, connectivity=4):
        shell, *holes = geometry["coordinates"]
        shapes.append(shapely.Polygon(shell, holes))
        found.append(int(values[int(number)]))
    polygons = np.array(shapes, dtype=object)
    value = np.array(found, np.int64)
    area = shapely.area(polygons) if len(polygons) else np.zeros(0)
    if min_area > 0 and len(polygons):
        keep = area >= min_area
        polygons, value, area = polygons[keep], value[keep], area[keep]
        polygons = np.array([_close(p, min_area) for p in polygons], dtype=object)
        area = shapely.area(polygons) if len(polygons) else area
    order = _reading_order(polygons)
    polygons, value, area = polygons[order], value[order], area[order]
    if simplify > 0 and len(polygons):
        polygons = _simplified(polygons, simplify)
        left = ~shapely.is_empty(polygons)
        polygons, value, area = polygons[left], value[left], area[left]
    columns: dict[str, Any] = {"value": value}
    if classes is not None:
        names = dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))
        columns["class"] = [names.get(int(v), str(v)) for v in value]
    columns["pixels"] = np.rint(area).astype(np.int64)
    t = grid.transform
    matrix, corner = np.array([[t.a, t.d], [t.b, t.e]]), np.array([t.c, t.f])
    placed = shapely.transform(polygons, lambda xy: xy @ matrix + corner)
    return gpd.GeoDataFrame(columns, geometry=np.asarray(placed, dtype=object), crs=grid.crs)


def _close(polygon: Any, min_area: float) -> Any:
    """A polygon without its holes smaller than `min_area`."""
    kept = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= min_area]
    return (
        polygon if len(kept) == len(polygon.interiors) else shapely.Polygon(polygon.exterior, kept)
    )


def _reading_order(polygons: NDArray[Any]) -> NDArray[np.intp]:
    """By the row and then the column of a polygon's first pixel."""
    if len(polygons) == 0:
        return np.zeros(0, np.intp)
    xy, owner = shapely.get_coordinates(polygons, return_index=True)
    first = np.lexsort((xy[:, 0], xy[:, 1], owner))
    _, start = np.unique(owner[first], return_index=True)
    corner = xy[first[start]]
    return np.lexsort((corner[:, 0], corner[:, 1]))


def _simplified(polygons: NDArray[Any], tolerance: float) -> NDArray[Any]:
    """Simplified together, so that neighbours stay neighbours without gaps or overlaps."""
    return np.asarray(shapely.coverage_simplify(polygons, tolerance), dtype=object)
