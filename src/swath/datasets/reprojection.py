"""Footprints in another CRS: bent edges, the antimeridian, ground beyond a projection's area."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely import affinity

from swath.errors import CRSError
from swath.geometry.transform import transformer

__all__ = ["reproject_footprints"]

_PARTS = 16  # pieces of the longer side of a footprint, so that straight lines may bend
_LONLAT = CRS.from_epsg(4326)
# Degrees around the area that a projection is made for, in which scenes may still be
_EAST, _NORTH = 10.0, 3.0


def reproject_footprints(geometry: Any, source: CRS, target: CRS) -> NDArray[Any]:
    """Footprints in another CRS, their edges densified so that straight lines may bend.

    A footprint that crosses the antimeridian becomes two parts in longitude and latitude. Of one
    that reaches far beyond the area of the target CRS (the whole world, in a UTM zone), the part
    in that area is given.

    Args:
        geometry: (N,) footprints in `source`.
        source: Their CRS.
        target: The CRS they are to be in.

    Raises:
        CRSError: A footprint cannot be expressed in the target CRS.
    """
    shapes = np.asarray(geometry, dtype=object)
    if len(shapes) == 0:
        return shapes
    moved = _move(shapes, source, target)
    for i in np.flatnonzero(~_sound(moved)).tolist():
        part = _inside(shapes[i], source, target)
        if part is None:
            raise CRSError(
                f"footprints cannot be expressed in {target.to_string()}: "
                f"{tuple(shapely.bounds(shapes[i]).tolist())} in {source.to_string()}, the first "
                f"of {len(shapes)} that {'is' if len(shapes) == 1 else 'are'} not; choose a CRS "
                "that is defined there (crs=…)"
            )
        moved[i] = part
    return moved


def _sound(shapes: NDArray[Any]) -> NDArray[np.bool_]:
    ends = shapely.bounds(shapes).reshape(-1, 4)
    return np.isfinite(ends).all(axis=1) & shapely.is_valid(shapes)


def _move(shapes: NDArray[Any], source: CRS, target: CRS) -> NDArray[Any]:
    boxes = shapely.bounds(shapes).reshape(-1, 4)
    step = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / _PARTS
    dense = shapely.segmentize(shapes, np.where(step > 0, step, 1.0))
    change = transformer(source, target)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = change.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    moved = np.asarray(shapely.transform(dense, move), dtype=object)
    if target.is_geographic and not source.is_geographic:
        # Only then neighbours on the ground can be a turn apart in their numbers.
        ends = shapely.bounds(moved).reshape(-1, 4)
        for i in np.flatnonzero(ends[:, 2] - ends[:, 0] > 180).tolist():
            moved[i] = _unrolled(moved[i])
    return moved


def _unrolled(shape: Any) -> Any:
    """A footprint across the antimeridian or over a pole, in longitudes from -180 to 180."""
    start = float(shapely.get_coordinates(shape)[0, 0])

    def near(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x = xy[:, 0] - 360.0 * np.round((xy[:, 0] - start) / 360.0)
        return np.column_stack([x, xy[:, 1]])

    rolled = shapely.transform(shape, near)
    xy, ring = shapely.get_coordinates(shapely.boundary(rolled)), shapely.bounds(rolled)
    if (np.abs(np.diff(xy[:, 0])) > 180).any():  # it goes around a pole
        north = ring[1] + ring[3] > 0
        return shapely.box(-180.0, ring[1] if north else -90.0, 180.0, 90.0 if north else ring[3])
    parts = []
    for turn in (-360.0, 0.0, 360.0):
        window = shapely.box(turn - 180.0, -90.0, turn + 180.0, 90.0)
        parts.append(affinity.translate(shapely.intersection(rolled, window), -turn))
    return shapely.union_all([p for p in parts if not shapely.is_empty(p)])


def _inside(shape: Any, source: CRS, target: CRS) -> Any:
    """The part of a footprint in the area of the target CRS; None if there is none."""
    area = target.area_of_use
    if area is None or not shapely.is_valid(shape) or area.west > area.east:
        return None
    west, east = max(area.west - _EAST, -180.0), min(area.east + _EAST, 180.0)
    south, north = max(area.south - _NORTH, -89.0), min(area.north + _NORTH, 89.0)
    if source.is_geographic:  # longitudes may run from 0 to 360
        clips = [shapely.box(west + t, south, east + t, north) for t in (-360.0, 0.0, 360.0)]
    else:
        clips = list(_move(np.array([shapely.box(west, south, east, north)]), _LONLAT, source))
    if not _sound(np.array(clips)).all():
        return None
    part = shapely.intersection(shape, shapely.union_all(clips))
    if shapely.is_empty(part) or shapely.area(part) == 0:
        return None
    moved = _move(np.array([part]), source, target)
    return moved[0] if _sound(moved)[0] else None
