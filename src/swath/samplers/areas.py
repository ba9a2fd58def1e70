"""The rows of an index as arrays: where and when there is something to sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from swath.errors import QueryError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["Areas", "merged_areas", "row_areas"]

#: Pixels by which positions may be off through rounding: far below what a warp resolves.
TOLERANCE = 1e-6


@dataclass
class Areas:
    """Areas to sample from, in the dataset's CRS. All arrays have one entry an area.

    Attributes:
        rows: Position of the row in ``dataset.index``.
        footprint: The row's geometry.
        bounds: (n, 4) xmin, ymin, xmax, ymax of the footprint.
        region: Footprint ∩ region of interest.
        area: Its area in squared CRS units; 0 for points and lines.
        anchor: (n, 2) x and y of the upper left corner of a pixel of the row's own grid.
        whole: The footprint is its own bounding box (or has no area).
        exclusive: The footprint was cut by a split: what lies outside belongs to another part.
        times: The time slice of each area's queries, made once.
        skipped: Rows that share nothing with the region or time of interest.
    """

    rows: NDArray[np.intp]
    footprint: NDArray[Any]
    bounds: NDArray[np.float64]
    region: NDArray[Any]
    area: NDArray[np.float64]
    anchor: NDArray[np.float64]
    whole: NDArray[np.bool_]
    exclusive: NDArray[np.bool_]
    times: list[slice]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, keep: NDArray[Any]) -> Areas:
        """Some of the areas, by mask or position."""
        places = np.flatnonzero(keep) if keep.dtype == bool else keep
        return Areas(
            self.rows[places], self.footprint[places], self.bounds[places], self.region[places],
            self.area[places], self.anchor[places], self.whole[places], self.exclusive[places],
            [self.times[i] for i in places], self.skipped + len(self) - len(places),
        )  # fmt: skip


def row_areas(
    dataset: GeoDataset,
    roi: BaseGeometry | None = None,
    toi: pd.Interval[pd.Timestamp] | None = None,
) -> Areas:
    """One area for each row of the index that shares ground with `roi` and time with `toi`.

    Raises:
        QueryError: There is none.
    """
    index = dataset.index
    geometry = np.asarray(index.geometry.values, dtype=object)
    keep = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    starts, stops = index.index.left, index.index.right
    if toi is not None:
        early = (starts < toi.right) if toi.open_right else (starts <= toi.right)
        late = (stops > toi.left) if toi.open_left else (stops >= toi.left)
        keep &= np.asarray(early) & np.asarray(late)
    region = geometry
    if roi is not None:
        roi = ground_of(roi)
        region = geometry.copy()
        shapely.prepare(roi)
        keep &= shapely.intersects(roi, geometry)
        cut = keep & ~shapely.covers(roi, geometry)
        region[cut] = shapely.intersection(geometry[cut], roi)
        # A footprint that only touches the region of interest shares no ground with it.
        keep &= (shapely.area(region) > 0) | (shapely.area(geometry) == 0)
    rows = np.flatnonzero(keep)
    if len(rows) == 0:
        raise QueryError(
            f"none of the {len(index)} rows of {type(dataset).__name__} shares ground with roi "
            f"{_bounds_of(roi)} and time with toi {toi}; its bounds are {dataset.bounds} in "
            f"{dataset.crs}: give roi in that CRS"
        )
    bounds = shapely.bounds(geometry[rows]).reshape(-1, 4)
    anchor = bounds[:, [0, 3]].copy()
    if {"grid_x", "grid_y"} <= set(index.columns):
        given = index[["grid_x", "grid_y"]].to_numpy(dtype=np.float64)[rows]
        known = np.isfinite(given).all(axis=1)
        anchor[known] = given[known]
    exclusive = np.zeros(len(rows), bool)
    if "exclusive" in index.columns:
        exclusive = np.array([value is True or value == 1 for value in index["exclusive"]])[rows]
    full = (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    return Areas(
        rows, geometry[rows], bounds, region[rows], shapely.area(region[rows]), anchor,
        np.abs(full - shapely.area(geometry[rows])) <= 1e-9 * full, exclusive,
        _times(starts[rows], stops[rows], toi), len(index) - len(rows),
    )  # fmt: skip


def ground_of(roi: BaseGeometry) -> BaseGeometry:
    """A region without the lines and points that a collection may hold beside its polygons."""
    if roi.geom_type != "GeometryCollection" or roi.area == 0:
        return roi
    return shapely.union_all([part for part in shapely.get_parts(roi) if part.area > 0])


def merged_areas(dataset: GeoDataset, roi: BaseGeometry | None = None) -> Areas:
    """The ground of all rows as areas that do not overlap, whatever their time.

    Each connected piece of the union is one area. Points and lines stay as they are. Rows cut by
    a split make exclusive areas.

    Raises:
        QueryError: No row shares ground with `roi`.
    """
    rows = row_areas(dataset, roi)
    flat = rows.area == 0
    pieces = shapely.get_parts(shapely.union_all(rows.footprint[~flat]))
    points = {shape.wkb: shape for shape in rows.footprint[flat]}  # one place, however often seen
    pieces = np.array([*pieces[shapely.area(pieces) > 0], *points.values()], dtype=object)
    shapely.prepare(pieces)
    # An area takes the grid of the first row in it: rows of one grid then agree with it.
    tree = shapely.STRtree(rows.footprint)
    piece, row = tree.query(pieces, predicate="intersects")
    first = np.full(len(pieces), len(rows), dtype=np.intp)
    np.minimum.at(first, piece, row)
    exclusive = np.zeros(len(pieces), bool)
    np.logical_or.at(exclusive, piece, rows.exclusive[row])
    region = pieces if roi is None else shapely.intersection(pieces, roi)
    bounds = shapely.bounds(pieces).reshape(-1, 4)
    full = (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    areas = Areas(
        rows.rows[first], pieces, bounds, region, shapely.area(region), rows.anchor[first],
        np.abs(full - shapely.area(pieces)) <= 1e-9 * full, exclusive,
        [slice(None)] * len(pieces), rows.skipped,
    )  # fmt: skip
    return areas.take(~shapely.is_empty(region) & ((areas.area > 0) | (full == 0)))


def _times(
    starts: pd.DatetimeIndex, stops: pd.DatetimeIndex, toi: pd.Interval[pd.Timestamp] | None
) -> list[slice]:
    """Slices of the rows' times cut to `toi`; rows of one time share one slice."""
    made: dict[tuple[Any, Any], slice] = {}
    times = []
    for start, stop in zip(starts, stops, strict=True):
        if toi is not None:
            start, stop = max(start, toi.left), min(stop, toi.right)
        key = (start, stop)
        if key not in made:
            made[key] = slice(start, stop)
        times.append(made[key])
    return times


def _bounds_of(roi: BaseGeometry | None) -> object:
    return None if roi is None else tuple(roi.bounds)
