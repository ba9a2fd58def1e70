"""Square blocks of so many metres in any CRS, and the ground that parts made of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import SplitError
from swath.geometry.transform import transformer

__all__ = ["Blocks", "metres_per_unit", "metric_blocks"]

Floats = NDArray[np.float64]

_MOST = 4_000_000
_SAMPLES = 5


def metres_per_unit(crs: CRS, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Metres on the ellipsoid for one CRS unit of x and of y, at points (n,).

    A CRS without a place on Earth (a local one) is taken at its axes' own units.
    """
    x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    base, geod = crs.geodetic_crs, crs.get_geod()
    if base is None or geod is None:
        factor = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return np.full(x.shape, factor), np.full(x.shape, factor)
    # About ten metres to either side: a scale, not a distance.
    step = 1e-4 if crs.is_geographic else 10.0 / crs.axis_info[0].unit_conversion_factor
    lonlat = transformer(crs, CRS.from_epsg(4326) if base is None else base)
    scales = []
    for dx, dy in ((step, 0.0), (0.0, step)):
        lon0, lat0 = lonlat.transform(x - dx, y - dy)
        lon1, lat1 = lonlat.transform(x + dx, y + dy)
        distance = np.asarray(geod.inv(lon0, lat0, lon1, lat1)[2], dtype=np.float64)
        scales.append(distance / (2 * step))
    return scales[0], scales[1]


@dataclass(frozen=True)
class Blocks:
    """Blocks that hold ground.

    Attributes:
        boxes: (k, 4) xmin, ymin, xmax, ymax; neighbours share their borders.
        ground: (k,) square metres of rows in each (rows that overlap count each), or the number
            of rows where these are points or lines.
        margin: (k, 2) half of the buffer in CRS units of x and of y.
    """

    boxes: Floats
    ground: Floats
    margin: Floats

    def pieces(self, part: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Rectangles of ground, and the part of each, for blocks given to parts (k,).

        A block loses half of the buffer on sides where a block of another part lies, so it stays
        a rectangle; those that still meet and are of one part become one where they make a
        rectangle.
        """
        boxes = self.boxes.copy()
        if self.margin.any():
            reach = 2 * self.margin * (1 - 1e-9)
            wide = shapely.box(
                boxes[:, 0] - reach[:, 0], boxes[:, 1] - reach[:, 1],
                boxes[:, 2] + reach[:, 0], boxes[:, 3] + reach[:, 1],
            )  # fmt: skip
            tree = shapely.STRtree(np.asarray(shapely.box(*self.boxes.T)))
            a, b = tree.query(wide, predicate="intersects")
            a = np.concatenate([a, b])
            b = np.concatenate([b, a[: len(b)]])  # a conflict is one for both
            foe = part[a] != part[b]
            a, b = a[foe], b[foe]
            mine, other = self.boxes[a], self.boxes[b]
            common = np.minimum(mine[:, 2], other[:, 2]) - np.maximum(mine[:, 0], other[:, 0])
            above = common > 1e-9 * (mine[:, 2] - mine[:, 0])
            # Neighbours at a corner are parted sideways: that keeps blocks rectangles.
            right = ~above & (other[:, 0] > mine[:, 0])
            left = ~above & ~right
            up = above & (other[:, 1] > mine[:, 1])
            down = above & ~up
            for side, hit, sign in ((2, right, -1), (0, left, 1), (3, up, -1), (1, down, 1)):
                which = np.unique(a[hit])
                boxes[which, side] += sign * self.margin[which, side % 2]
        owner = part.copy()
        for low, high, across in ((0, 2, (1, 3)), (1, 3, (0, 2))):
            boxes, owner = _joined(boxes, owner, low, high, across)
        return np.asarray(shapely.box(*boxes.T)), owner


def metric_blocks(geometry: NDArray[Any], crs: CRS, size: float, buffer: float) -> Blocks:
    """Blocks of `size` metres over geometries (n,), with room for a buffer in metres.

    Where the CRS has one scale over the whole ground (to 1 %), the blocks are one regular grid;
    else they lie in bands, each as high and its blocks as wide as `size` is there.

    Raises:
        SplitError: A size or buffer out of range, or more blocks than can be handled.
    """
    if not size > 0:
        raise SplitError(f"block_size is {size} metres; expected more than 0")
    if not 0 <= buffer < size:
        raise SplitError(
            f"buffer is {buffer} metres; expected at least 0 and less than block_size = {size}"
        )
    xmin, ymin, xmax, ymax = shapely.total_bounds(geometry).tolist()
    columns = np.linspace(xmin, xmax, _SAMPLES)
    gx, gy = np.meshgrid(columns, np.linspace(ymin, ymax, _SAMPLES))
    mx, my = metres_per_unit(crs, gx.ravel(), gy.ravel())
    regular = all(np.nanmax(m) <= 1.01 * np.nanmin(m) for m in (mx, my))
    boxes: list[Floats] = []
    margins: list[Floats] = []
    number, low = 0, ymin
    while low < ymax or not boxes:
        if not regular:
            mx, my = metres_per_unit(crs, columns, np.full(_SAMPLES, low))
            high = low + size / float(np.median(my))
            tops = metres_per_unit(crs, columns, np.full(_SAMPLES, min(high, ymax)))
            mx, my = np.concatenate([mx, tops[0]]), np.concatenate([my, tops[1]])
        else:
            high = low + size / float(np.median(my))
        wide = size / float(np.median(mx))
        count = max(1, int(np.ceil((xmax - xmin) / wide - 1e-9)))
        number += count
        if number > _MOST or not np.isfinite(high) or high <= low:
            raise SplitError(
                f"blocks of {size:g} m over the dataset's bounds {(xmin, ymin, xmax, ymax)} in "
                f"{crs.to_string()} are more than {_MOST:,}; use larger blocks"
            )
        left = xmin + np.arange(count) * wide
        band = np.column_stack(
            [left, np.full(count, low), np.append(left[1:], left[-1] + wide), np.full(count, high)]
        )
        boxes.append(band)
        # The scale that gives the widest margin: nowhere is the buffer narrower than asked for.
        half = np.array([buffer / 2 / np.nanmin(mx), buffer / 2 / np.nanmin(my)]) * (1 + 1e-6)
        margins.append(np.tile(half, (count, 1)))
        low = high
    return _with_ground(np.concatenate(boxes), np.concatenate(margins), geometry, crs)


def _with_ground(boxes: Floats, margin: Floats, geometry: NDArray[Any], crs: CRS) -> Blocks:
    shapes = np.asarray(shapely.box(*boxes.T))
    rows, found = shapely.STRtree(shapes).query(geometry, predicate="intersects")
    area = shapely.area(shapely.intersection(geometry[rows], shapes[found]))
    if area.sum() > 0:
        middle = (boxes[found, :2] + boxes[found, 2:]) / 2
        mx, my = metres_per_unit(crs, *middle.T)
        weight = area * mx * my
    else:
        weight = np.ones(len(rows))
    ground = np.bincount(found, weights=weight, minlength=len(boxes)).astype(np.float64)
    kept = ground > 0
    return Blocks(boxes[kept], ground[kept], margin[kept])


def _joined(
    boxes: Floats, owner: NDArray[np.intp], low: int, high: int, across: Sequence[int]
) -> tuple[Floats, NDArray[np.intp]]:
    """Boxes that follow each other along one axis, with the same sides, become one."""
    order = np.lexsort((boxes[:, low], boxes[:, across[1]], boxes[:, across[0]], owner))
    boxes, owner = boxes[order], owner[order]
    same = (
        (owner[1:] == owner[:-1])
        & (boxes[1:, low] == boxes[:-1, high])
        & (boxes[1:][:, across] == boxes[:-1][:, across]).all(axis=1)
    )
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    last = np.append(first[1:], len(boxes)) - 1
    merged = boxes[first].copy()
    merged[:, high] = boxes[last, high]
    return merged, owner[first]
