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
from swath.errors import CRSError
from swath.geometry.transform import transformer

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


def reproject_footprints(geometry: Any, source: CRS, target: CRS) -> NDArray[Any]:
    """Footprints in another CRS, their edges densified so that straight lines may bend.

    Raises:
        CRSError: A footprint cannot be expressed in the target CRS.
    """
    shapes = np.asarray(geometry, dtype=object)
    if len(shapes) == 0:
        return shapes
    boxes = shapely.bounds(shapes).reshape(-1, 4)
    step = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 16
    dense = shapely.segmentize(shapes, np.where(step > 0, step, 1.0))
    change = transformer(source, target)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = change.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    moved = shapely.transform(dense, move)
    ends = shapely.bounds(moved).reshape(-1, 4)
    bad = ~np.isfinite(ends).all(axis=1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise CRSError(
            f"{int(bad.sum())} of {len(shapes)} footprints cannot be expressed in "
            f"{target.to_string()}, the first is {tuple(boxes[i])} in {source.to_string()}; choose "
            "a CRS that is defined there (crs=…)"
        )
    return np.asarray(moved, dtype=object)


def _pack_column(column: Any) -> Any:
    values = np.asarray(column)
    if values.dtype.kind in "fiub":
        return values.dtype.str, zlib.compress(values.tobytes(), 1)
    texts = list(column)
    if all(isinstance(v, str) for v in texts):
        return zlib.compress(json.dumps(texts).encode(), 1)
    return texts


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
