"""Features in another CRS: edges stay where they are on the ground, nothing is torn unnoticed.

An edge of a feature is straight in the CRS of its file. In another CRS it is a curve, so vertices
are put into it until the straight pieces between them are within a tolerance of the curve.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import CRSError
from swath.geometry.transform import same_crs, transformer

__all__ = ["reproject", "reproject_box", "without_defects"]

log = logging.getLogger(__name__)

_ROUNDS = 12
_MOST_PIECES = 64  # of an edge in one round
_MOST_VERTICES = 20_000  # along the longer side of a shape
_LON_LAT = CRS.from_user_input("OGC:CRS84")


def without_defects(shapes: NDArray[Any], where: str, level: int = logging.WARNING) -> NDArray[Any]:
    """Shapes with the invalid ones repaired (counted and logged); None and empty ones are None.

    A repaired polygon keeps its areas: the lines and points that a repair may leave behind are
    dropped. `level` is that of the log's entry.
    """
    shapes = np.array(shapes, dtype=object, copy=True)
    blank = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    shapes[blank] = None
    bad = ~blank & ~shapely.is_valid(shapes)
    if bad.any():
        kinds = shapely.get_dimensions(shapes[bad])
        mended = shapely.make_valid(shapes[bad])
        shapes[bad] = [
            _of_dimension(shape, int(kind)) for shape, kind in zip(mended, kinds, strict=True)
        ]
        log.log(
            level,
            "%s: %d of %d features were invalid (self-crossing rings and the like) and have been "
            "repaired", where, int(bad.sum()), len(shapes),
        )  # fmt: skip
    return shapes


def _of_dimension(shape: Any, dimension: int) -> Any:
    """The parts of a shape that have a dimension (2: areas), or None."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    kept = parts[shapely.get_dimensions(parts) == dimension]
    if len(kept) == 0:
        return None
    return shapely.union_all(kept) if len(kept) > 1 else kept[0]


def flat(shapes: NDArray[Any]) -> NDArray[Any]:
    """A copy of shapes without heights."""
    high = shapely.has_z(shapes)
    out = np.array(shapes, dtype=object, copy=True)
    out[high] = shapely.force_2d(out[high])
    return out


def reproject_box(shape: Any, source: CRS, target: CRS, where: str) -> Any:
    """A file's bounds in another CRS, its sides bent as they are there to about a kilometre.

    Returns:
        A polygon, or None where nothing of it can be expressed in `target`.

    Raises:
        CRSError: It would be torn by a seam of `target`.
    """
    xmin, ymin, xmax, ymax = shapely.bounds(shape)
    size = max(xmax - xmin, ymax - ymin)
    dense = shapely.segmentize(np.array([shape], dtype=object), size / 16 if size > 0 else 1.0)
    unit = float(target.axis_info[0].unit_conversion_factor or 1.0) if target.axis_info else 1.0
    tolerance = 0.01 if target.is_geographic else 1000.0 / unit
    return reproject(dense, source, target, tolerance, where, logging.DEBUG)[0]


def reproject(
    shapes: NDArray[Any],
    source: CRS,
    target: CRS,
    tolerance: float,
    where: str = "features",
    level: int = logging.WARNING,
) -> NDArray[Any]:
    """Shapes in another CRS.

    Args:
        shapes: Shapely geometries; None stays None.
        source: Their CRS.
        target: The CRS wanted.
        tolerance: How far, in units of `target`, an edge may lie from the true one.
        where: Names the shapes in messages.
        level: Of the log's entries.

    Returns:
        As many geometries. Those that cross the antimeridian are cut there where `target` has its
        seam there; those that reach out of the area where `target` is defined are cut to it, and
        are None when nothing is left (counted and logged).

    Raises:
        CRSError: A shape would be torn by a seam of `target` elsewhere.
    """
    shapes = np.array(shapes, dtype=object, copy=True)
    if same_crs(source, target) or len(shapes) == 0:
        return shapes
    some = ~shapely.is_missing(shapes)
    moved, whole = _move_flat(shapes[some], source, target, tolerance)
    if not whole.all():
        moved[~whole] = _cut_and_move(
            shapes[some][~whole], source, target, tolerance, where, len(shapes), level
        )
    shapes[some] = moved
    # Rounding may make two edges of a sliver cross.
    return without_defects(shapes, f"{where}, reprojected", level)


def _move(
    shapes: NDArray[Any], source: CRS, target: CRS, tolerance: float
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Shapes in the target CRS, and which of them came through whole."""
    change = transformer(source, target)

    def go(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = change.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    dense = flat(shapes)
    open_ = np.arange(len(dense))  # those not known to be fine
    whole = np.ones(len(dense), dtype=np.bool_)
    for _ in range(_ROUNDS):
        pieces, broken = _pieces(dense[open_], go, tolerance)
        whole[open_[broken]] = False
        again = np.isfinite(pieces) & ~broken
        open_, pieces = open_[again], pieces[again]
        if len(open_) == 0:
            break
        dense[open_] = shapely.segmentize(dense[open_], pieces)
    else:
        whole[open_] = False  # an edge that does not get straight however short: a seam
    moved = dense.copy()
    moved[whole] = shapely.transform(dense[whole], go)
    moved[~whole] = None
    return moved, whole


def _move_flat(
    shapes: NDArray[Any], source: CRS, target: CRS, tolerance: float
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """As `_move`; shapes that a projection folds over far from where it is meant are not whole."""
    moved, whole = _move(shapes, source, target, tolerance)
    folded = np.flatnonzero(whole)[~shapely.is_valid(moved[whole])]
    whole[folded] = _within_area(shapes[folded], source, target)
    return moved, whole


def _pieces(
    shapes: NDArray[Any], go: Any, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """For each shape the longest edge it may have (inf: as it is), and whether it is broken."""
    longest = np.full(len(shapes), np.inf)
    broken = np.zeros(len(shapes), dtype=np.bool_)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    areas = shapely.get_type_id(parts) == 3
    rings, ring_owner = shapely.get_rings(parts[areas], return_index=True)
    lines = np.concatenate([parts[~areas], rings])
    owner = np.concatenate([owner[~areas], owner[areas][ring_owner]])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    ends = go(xy)
    lost = ~np.isfinite(ends).all(axis=1)
    broken[owner[line[lost]]] = True
    first = np.flatnonzero(line[1:] == line[:-1])
    a, b = xy[first], xy[first + 1]
    p, q = ends[first], ends[first + 1]
    worst = np.zeros(len(first))
    for u in (0.25, 0.5, 0.75):
        on_curve = go(a + u * (b - a))
        with np.errstate(invalid="ignore"):
            off = np.hypot(*(on_curve - (p + u * (q - p))).T)
        worst = np.fmax(worst, np.where(np.isfinite(off), off, 0.0))
        broken[owner[line[first[~np.isfinite(off)]]]] = True
    bent = worst > tolerance
    # Halving an edge quarters its deviation.
    count = np.minimum(np.ceil(np.sqrt(worst[bent] / tolerance)), _MOST_PIECES)
    length = np.hypot(*(b - a)[bent].T) / np.maximum(count, 2) * (1 + 1e-9)
    np.minimum.at(longest, owner[line[first[bent]]], length)
    boxes = shapely.bounds(shapes).reshape(-1, 4)
    sides = np.fmax(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    # A true curve is straight long before; an edge across a seam never gets there.
    broken |= longest < sides / _MOST_VERTICES
    return longest, broken


def _cut_and_move(
    shapes: NDArray[Any],
    source: CRS,
    target: CRS,
    tolerance: float,
    where: str,
    total: int,
    level: int,
) -> NDArray[Any]:
    """Shapes that do not come through whole: cut at the antimeridian and to the CRS's area."""
    globe = _lon_lat(shapes, source)
    lost = ~np.isfinite(shapely.bounds(globe).reshape(-1, 4)).all(axis=1)
    if lost.any():
        i = int(np.flatnonzero(lost)[0])
        raise CRSError(
            f"{where}: {int(lost.sum())} of {total} features lie where {source.to_string()} has no "
            f"meaning; the first has the bounds {tuple(shapely.bounds(shapes[i]))}; is that "
            "the CRS of these coordinates?"
        )
    round_ = np.array([_on_one_side(s) for s in globe], dtype=object)
    out, whole = _move_flat(round_, _LON_LAT, target, tolerance)
    area = target.area_of_use
    if not whole.all() and area is not None and not target.is_geographic:
        rest = np.flatnonzero(~whole)
        cut = shapely.intersection(shapely.make_valid(round_[rest]), _area(area.bounds))
        left = ~shapely.is_empty(cut)
        out[rest[left]], whole[rest[left]] = _move(cut[left], _LON_LAT, target, tolerance)
        whole[rest[~left]] = True
        log.log(
            level,
            "%s: %d of %d features reach beyond where %s is defined and have been cut to its "
            "area of use; %d of them lie outside of it altogether",
            where, len(rest), total, target.to_string(), int((~left).sum()),
        )  # fmt: skip
    if not whole.all():
        i = int(np.flatnonzero(~whole)[0])
        box = tuple(round(float(v), 6) for v in shapely.bounds(round_[i]))
        raise CRSError(
            f"{where}: {int((~whole).sum())} of {total} features cannot be expressed in "
            f"{target.to_string()}, or are torn apart by its seam; the first covers longitude and "
            f"latitude {box}; choose a CRS made for that place (crs=…), a UTM zone for instance"
        )
    return out


def _lon_lat(shapes: NDArray[Any], source: CRS) -> NDArray[Any]:
    """Shapes in longitude and latitude, dense enough, longitudes without a jump (up to ±540)."""
    change = transformer(source, _LON_LAT)
    boxes = shapely.bounds(shapes).reshape(-1, 4)
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    dense = shapely.segmentize(flat(shapes), np.where(sides > 0, sides / 64, 1.0))

    def go(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = change.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([lon, lat])

    moved = shapely.transform(dense, go)
    if source.is_geographic:
        return np.asarray(moved, dtype=object)
    out = np.asarray(moved, dtype=object)
    for i, shape in enumerate(out):
        lon = shapely.get_coordinates(shape)[:, 0]
        if not np.isfinite(lon).all():
            continue  # `reproject` says that this shape cannot be expressed
        # A map's features are smaller than half the globe: a wide one has jumped.
        wide = lon.max() - lon.min() > 180
        out[i] = shapely.transform(shape, _unwrapped) if wide else shape
    return out


def _unwrapped(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.where(xy[:, 0] < 0, xy[:, 0] + 360, xy[:, 0]), xy[:, 1]])


def _on_one_side(shape: Any) -> Any:
    """A shape with longitudes brought to -180 … 180, cut where it crosses the antimeridian."""
    xmin, _, xmax, _ = shapely.bounds(shape)
    if not (xmin < -180 or xmax > 180):
        return shape
    shape = shapely.make_valid(shape)
    parts = []
    for turn in (-360.0, 0.0, 360.0):
        part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
        parts.append(shapely.affinity.translate(part, -turn))
    return shapely.union_all([part for part in parts if not part.is_empty])


def _within_area(shapes: NDArray[Any], source: CRS, target: CRS) -> NDArray[np.bool_]:
    """Whether shapes lie where a CRS is meant to be used: elsewhere it may fold them over."""
    area = target.area_of_use
    if len(shapes) == 0 or area is None or target.is_geographic:
        return np.ones(len(shapes), dtype=np.bool_)
    inside = _area(area.bounds)
    boxes = shapely.bounds(_lon_lat(shapes, source)).reshape(-1, 4)
    return np.array([shapely.covers(inside, _on_one_side(shapely.box(*b))) for b in boxes])


def _area(bounds: tuple[float, float, float, float]) -> Any:
    """A CRS's area of use in longitude and latitude, with a margin for neighbouring data."""
    west, south, east, north = bounds
    margin = 6.0
    south, north = max(south - margin, -90.0), min(north + margin, 90.0)
    if east < west:  # across the antimeridian
        east += 360
    if east - west + 2 * margin >= 360:
        return shapely.box(-180, south, 180, north)
    return _on_one_side(shapely.box(west - margin, south, east + margin, north))
