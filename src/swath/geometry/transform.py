"""Exact coordinate transforms, one object a pair of CRSs and process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from swath.errors import CRSError
from swath.geometry.grid import Bounds

__all__ = ["crs_key", "same_crs", "same_units", "transform_bounds", "transformer"]


@lru_cache(maxsize=512)
def _same(a: str, b: str) -> bool:
    return CRS.from_wkt(a).equals(CRS.from_wkt(b), ignore_axis_order=True)


def crs_key(crs: CRS) -> str:
    """A string that is the same for the same CRS object text, cheap to compare and to hash."""
    key: str = crs.srs if crs.srs else crs.to_wkt()
    return key


def same_crs(a: CRS, b: CRS) -> bool:
    """Whether two CRSs give the same coordinates to the same point (axis order aside).

    Swath always means x = easting or longitude, whatever order an authority writes.
    """
    if a is b or a.srs == b.srs:
        return True
    return _same(a.to_wkt(), b.to_wkt())


def same_units(a: CRS, b: CRS) -> bool:
    """Whether coordinates of two CRSs are in the same unit (both in metres, say)."""
    units = [[axis.unit_conversion_factor for axis in crs.axis_info[:2]] for crs in (a, b)]
    return a.is_geographic == b.is_geographic and units[0] == units[1]


@lru_cache(maxsize=256)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def transformer(source: CRS, target: CRS) -> Transformer:
    """The transformer from one CRS to another, x before y, kept for the next call.

    pyproj's transformers may be used by any thread (each has its own PROJ context).

    Raises:
        CRSError: There is no way from one to the other.
    """
    try:
        return _transformer(crs_key(source), crs_key(target))
    except ProjError as error:
        raise CRSError(
            f"no transformation from {source.to_string()} to {target.to_string()}: {error}"
        ) from error


def transform_bounds(source: CRS, target: CRS, bounds: Bounds, points: int = 21) -> Bounds:
    """Bounds that hold the whole of a box in another CRS, its edges sampled at `points` places.

    Raises:
        CRSError: None of the box can be expressed in the target CRS.
    """
    if same_crs(source, target):
        return bounds
    xmin, ymin, xmax, ymax = bounds
    u = np.linspace(0.0, 1.0, points)
    x = np.concatenate([xmin + u * (xmax - xmin)] * 2 + [np.full(points, v) for v in (xmin, xmax)])
    y = np.concatenate([np.full(points, v) for v in (ymin, ymax)] + [ymin + u * (ymax - ymin)] * 2)
    px, py = transformer(source, target).transform(x, y)
    ok: NDArray[np.bool_] = np.isfinite(px) & np.isfinite(py)
    if not ok.any():
        raise CRSError(
            f"bounds {bounds} in {source.to_string()} cannot be expressed in {target.to_string()}"
        )
    return (
        float(px[ok].min()),
        float(py[ok].min()),
        float(px[ok].max()),
        float(py[ok].max()),
    )
