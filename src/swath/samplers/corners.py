"""Where the upper left corner of a patch may lie: erosion and dilation of polygons by a box.

All coordinates are pixels, x to the right and y down; a patch at corner (x, y) is the box
[x, x + w] × [y, y + h].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.samplers.areas import TOLERANCE

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["Leaf", "Rule", "corner_region", "leaves", "to_pixels"]

#: What of a patch lies in a polygon: all of it, its centre, or any part of it.
Rule = Literal["patch", "centre", "touch"]

#: Corners (first column, last column, first row, last row), whole pixels, both ends included.
Leaf = tuple[int, int, int, int]

_FULL_ENOUGH = 0.4  # share of a leaf's corners that may be good before it is worth splitting
_MOST_LEAVES = 4096


def to_pixels(
    geometry: NDArray[Any], anchor: NDArray[np.float64], res: tuple[float, float]
) -> NDArray[Any]:
    """Geometries (n,) in pixels from their anchors (n, 2), y down."""
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    pixels = (coordinates - anchor[owner]) / np.array([res[0], -res[1]])
    return shapely.set_coordinates(geometry.copy(), pixels)


def corner_region(polygon: BaseGeometry, w: float, h: float, rule: Rule) -> BaseGeometry:
    """The corners at which a patch of w × h satisfies `rule` with a polygon.

    For "patch" that is the erosion of the polygon by the box: what of it no edge's sweep of the
    box reaches. The box is made smaller by the rounding tolerance, so that a corridor just as
    wide as the patch keeps a sliver of corners.
    """
    if rule == "centre":
        return _moved(polygon, -w / 2, -h / 2)
    if rule == "patch":
        w, h = w - 2 * TOLERANCE, h - 2 * TOLERANCE
        shift = TOLERANCE
    else:
        shift = 0.0
    if shapely.get_num_interior_rings(polygon) == 0 and _convex(polygon):
        copies = [_moved(polygon, -x, -y) for x in (0.0, w) for y in (0.0, h)]
        if rule == "patch":
            region = shapely.intersection_all(copies)
        else:
            region = shapely.convex_hull(shapely.union_all(copies))
    else:
        swept = shapely.union_all(_sweeps(polygon, w, h))
        if rule == "patch":
            region = shapely.difference(polygon, swept)
        else:
            region = shapely.union(polygon, swept)
    return _moved(region, -shift, -shift) if shift else region


def leaves(region: BaseGeometry, limits: Leaf) -> list[Leaf]:
    """Rectangles of whole-pixel corners, disjoint, that hold all corners of a region in `limits`.

    They are split until a fair share of each is in the region, so that drawing from them and
    testing needs few tries.
    """
    done: list[Leaf] = []
    todo: list[tuple[Leaf, BaseGeometry]] = [(limits, region)]
    while todo:
        (i0, i1, j0, j1), shape = todo.pop()
        if i1 < i0 or j1 < j0:
            continue
        shape = shapely.intersection(shape, shapely.box(i0 - 0.25, j0 - 0.25, i1 + 0.25, j1 + 0.25))
        if shapely.is_empty(shape):
            continue
        x0, y0, x1, y1 = shapely.bounds(shape)
        i0, i1 = max(i0, _up(x0)), min(i1, _down(x1))
        j0, j1 = max(j0, _up(y0)), min(j1, _down(y1))
        count = (i1 - i0 + 1) * (j1 - j0 + 1)
        if i1 < i0 or j1 < j0:
            continue
        box = max(x1 - x0, TOLERANCE) * max(y1 - y0, TOLERANCE)
        full = shapely.area(shape) / box
        if full >= _FULL_ENOUGH or count <= 4 or len(done) + len(todo) >= _MOST_LEAVES:
            done.append((i0, i1, j0, j1))
        elif i1 - i0 >= j1 - j0:
            middle = (i0 + i1) // 2
            todo += [((middle + 1, i1, j0, j1), shape), ((i0, middle, j0, j1), shape)]
        else:
            middle = (j0 + j1) // 2
            todo += [((i0, i1, middle + 1, j1), shape), ((i0, i1, j0, middle), shape)]
    return done


def _up(value: float) -> int:
    return int(np.ceil(value - 2 * TOLERANCE))


def _down(value: float) -> int:
    return int(np.floor(value + 2 * TOLERANCE))


def _moved(polygon: BaseGeometry, dx: float, dy: float) -> BaseGeometry:
    moved: BaseGeometry = shapely.transform(polygon, lambda xy: xy + np.array([dx, dy]))
    return moved


def _convex(polygon: BaseGeometry) -> bool:
    hull = shapely.area(shapely.convex_hull(polygon))
    return bool(hull - shapely.area(polygon) <= 1e-9 * hull)


def _sweeps(polygon: BaseGeometry, w: float, h: float) -> NDArray[Any]:
    """For each edge, the corners at which a patch touches it: a hexagon (edge ⊕ reflected box)."""
    edges = []
    for ring in shapely.get_parts(shapely.boundary(shapely.get_parts(polygon))):
        xy = shapely.get_coordinates(ring)
        edges.append(np.stack([xy[:-1], xy[1:]], axis=1))
    ends = np.concatenate(edges)  # (edges, 2, 2)
    box = np.array([(0.0, 0.0), (-w, 0.0), (-w, -h), (0.0, -h)])
    points = (ends[:, :, None, :] + box).reshape(len(ends), 8, 2)
    return np.asarray(shapely.convex_hull(shapely.multipoints(points)))
