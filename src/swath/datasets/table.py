"""An index as arrays: what a query is compared with, without touching a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from swath.datasets.query import Query, interval_nanoseconds

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["Table"]

_TREE_FROM = 1024  # rows from which a tree beats comparing all rows


@njit(nogil=True, cache=True)
def _touching(
    boxes: Any, t0: Any, t1: Any, xmin: Any, ymin: Any, xmax: Any, ymax: Any, start: Any, stop: Any
) -> Any:
    """Rows that share ground and time. Points and upright lines have no inside to share."""
    hits = np.empty(len(boxes), np.intp)
    n = 0
    for i in range(len(boxes)):
        x0, y0, x1, y1 = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        if t0[i] > stop or t1[i] < start or x0 > xmax or x1 < xmin or y0 > ymax or y1 < ymin:
            continue
        inside = x0 < xmax and x1 > xmin and y0 < ymax and y1 > ymin
        if inside or x0 == x1 or y0 == y1:
            hits[n] = i
            n += 1
    return hits[:n].copy()


class Table:
    """Boxes and times of an index's rows.

    Attributes:
        boxes: (N, 4) float64, xmin, ymin, xmax, ymax of each footprint.
        t0, t1: (N,) int64, nanoseconds since 1970.
        total: (xmin, xmax, ymin, ymax, t0, t1) of all rows.
    """

    def __init__(self, frame: GeoDataFrame) -> None:
        shapes = np.asarray(frame.geometry.values, dtype=object)
        self.boxes: NDArray[np.float64] = shapely.bounds(shapes).reshape(-1, 4)
        self.t0, self.t1 = interval_nanoseconds(frame.index)
        self.paths: list[str] = frame["filepath"].tolist() if "filepath" in frame else []
        self.total: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0, 0)
        if len(frame):
            xmin, ymin = np.nanmin(self.boxes[:, :2], axis=0)
            xmax, ymax = np.nanmax(self.boxes[:, 2:], axis=0)
            ends = (int(self.t0.min()), int(self.t1.max()))
            self.total = (float(xmin), float(xmax), float(ymin), float(ymax), *ends)
        self._shapes = shapes
        self._tree: shapely.STRtree | None = None

    def touching(self, q: Query) -> NDArray[np.intp]:
        """Positions of the rows that share ground and time with a query, in order."""
        box = (q.xmin, q.ymin, q.xmax, q.ymax, q.t0, q.t1)
        if len(self.boxes) < _TREE_FROM:
            return _touching(self.boxes, self.t0, self.t1, *box)
        if self._tree is None:
            self._tree = shapely.STRtree(self._shapes)
        near = np.sort(self._tree.query(shapely.box(*box[:4])))
        return near[_touching(self.boxes[near], self.t0[near], self.t1[near], *box)]
