"""Index frames: rows of footprint and time, built, reprojected, and packed for a worker."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.query import interval_nanoseconds
from swath.datasets.reprojection import reproject_footprints

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["make_frame", "pack_frame", "reproject_footprints", "unpack_frame"]


def time_index(t0: NDArray[np.int64], t1: NDArray[np.int64]) -> pd.IntervalIndex[Any]:
    """An IntervalIndex named ``datetime``, closed on both sides, from nanoseconds since 1970."""
    return pd.IntervalIndex.from_arrays(
        pd.DatetimeIndex(np.asarray(t0).astype("M8[ns]")),
        pd.DatetimeIndex(np.asarray(t1).astype("M8[ns]")),
        closed="both",
        name="datetime",
    )


def make_frame(
    columns: dict[str, Sequence[Any]],
    geometry: NDArray[Any],
    t0: NDArray[np.int64],
    t1: NDArray[np.int64],
    crs: CRS,
) -> GeoDataFrame:
    """An index frame out of its parts; times in nanoseconds since 1970."""
    from geopandas import GeoDataFrame

    return GeoDataFrame(columns, index=time_index(t0, t1), geometry=geometry, crs=crs)


def _pack_column(column: Any) -> Any:
    values = np.asarray(column)
    if values.dtype.kind in "fiub":
        return values.dtype.str, zlib.compress(values.tobytes(), 1)
    rows = list(column)
    if all(v is None or type(v) in (str, int, float, bool) for v in rows):
        return zlib.compress(json.dumps(rows).encode(), 1)
    return rows


def _unpack_column(packed: Any) -> Any:
    if isinstance(packed, tuple):
        return np.frombuffer(zlib.decompress(packed[1]), packed[0]).copy()
    return json.loads(zlib.decompress(packed)) if isinstance(packed, bytes) else packed


def pack_frame(frame: GeoDataFrame) -> tuple[Any, ...]:
    """An index as few bytes, for sending to a worker: texts and footprints compressed."""
    name = frame.geometry.name
    columns = {c: _pack_column(frame[c]) for c in frame.columns if c != name}
    left, right = interval_nanoseconds(frame.index)
    wkb = shapely.to_wkb(np.asarray(frame.geometry.values, dtype=object)).tolist()
    sizes = np.array([len(w) for w in wkb], np.int64)
    return (
        columns,
        zlib.compress(b"".join(wkb), 1),
        zlib.compress(np.concatenate([sizes, left, right]).tobytes(), 1),
        frame.crs.to_wkt() if frame.crs is not None else None,
    )


def unpack_frame(packed: tuple[Any, ...]) -> GeoDataFrame:
    """The inverse of `pack_frame`."""
    from geopandas import GeoDataFrame

    columns, wkb, numbers, crs = packed
    sizes, left, right = np.frombuffer(zlib.decompress(numbers), np.int64).reshape(3, -1)
    body = zlib.decompress(wkb)
    ends = np.cumsum(sizes)
    shapes = shapely.from_wkb(
        [body[e - s : e] for s, e in zip(sizes.tolist(), ends.tolist(), strict=True)]
    )
    plain = {c: _unpack_column(v) for c, v in columns.items()}
    return GeoDataFrame(plain, index=time_index(left, right), geometry=list(shapes), crs=crs)
