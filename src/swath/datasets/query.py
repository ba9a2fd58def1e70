"""A query, resolved: which ground, which pixels, which time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import QueryError
from swath.geometry import Grid
from swath.typing import GeoSlice

__all__ = ["Field", "Query", "describe_bounds", "parse_slice"]

#: `Timestamp`s closest to the ends of what nanoseconds in 64 bits can say: "any time".
TIME_MIN = pd.Timestamp.min
TIME_MAX = pd.Timestamp.max


@dataclass(frozen=True)
class Field:
    """What a layer contributes to a sample.

    Args:
        key: ``image`` (float32) or ``mask`` (int64); with a suffix (``image_20``) where bands come
            out at several resolutions.
        channels: Number of channels.
        squeeze: Whether a single channel is given without its axis: (H, W).
        ratio: Side of its pixels in pixels of the query.
    """

    key: str
    channels: int
    squeeze: bool = False
    ratio: float = 1.0

    @property
    def dtype(self) -> type[np.float32] | type[np.int64]:
        """Of the array that a layer fills."""
        return np.int64 if self.key.startswith("mask") else np.float32

    @property
    def suffix(self) -> str:
        """What distinguishes its keys (``valid_20``, ``transform_20``) from the query's own."""
        return self.key.removeprefix("image").removeprefix("mask")


@dataclass(frozen=True, slots=True)
class Query:
    """Ground, pixel size and time, all ends given, in the CRS of the dataset that is asked.

    Times are nanoseconds since 1970 (`t0`, `t1`, both ends included), so that a comparison with
    an index of a hundred thousand rows is plain integer arithmetic.
    """

    xmin: float
    xmax: float
    xres: float
    ymin: float
    ymax: float
    yres: float
    t0: int
    t1: int
    tres: float

    @property
    def tmin(self) -> pd.Timestamp:
        """Start of the time that is asked for."""
        return pd.Timestamp(self.t0)

    @property
    def tmax(self) -> pd.Timestamp:
        """End of the time that is asked for."""
        return pd.Timestamp(self.t1)

    @property
    def width(self) -> int:
        """Columns of the answer."""
        return max(1, round((self.xmax - self.xmin) / self.xres))

    @property
    def height(self) -> int:
        """Rows of the answer."""
        return max(1, round((self.ymax - self.ymin) / self.yres))

    @property
    def transform(self) -> Affine:
        """Pixel corners to CRS coordinates, north up."""
        return Affine(self.xres, 0.0, self.xmin, 0.0, -self.yres, self.ymax)

    def grid(self, crs: CRS) -> Grid:
        """The pixels of the answer."""
        return Grid(crs, self.transform, self.width, self.height)

    def coarser(self, ratio: float) -> Query:
        """The same upper left corner, with pixels `ratio` times as large, as many as cover it."""
        if ratio == 1:
            return self
        width = max(1, math.ceil(self.width / ratio - 1e-6))
        height = max(1, math.ceil(self.height / ratio - 1e-6))
        xres, yres = self.xres * ratio, self.yres * ratio
        return replace(
            self, xmax=self.xmin + width * xres, xres=xres,
            ymin=self.ymax - height * yres, yres=yres,
        )  # fmt: skip

    def numbers(self) -> tuple[float, ...]:
        """The nine numbers of a sample's ``bounds``; times in seconds since 1970."""
        return (
            self.xmin,
            self.xmax,
            self.xres,
            self.ymin,
            self.ymax,
            self.yres,
            self.t0 / 1e9,
            self.t1 / 1e9,
            self.tres,
        )


def nanoseconds(value: Any) -> int:
    """Nanoseconds since 1970 of anything pandas takes for a time."""
    try:
        stamp = value if isinstance(value, pd.Timestamp) else pd.Timestamp(value)
        if pd.isna(stamp):
            raise ValueError("not a time")
        if stamp.tzinfo is not None:
            stamp = stamp.tz_convert("UTC").tz_localize(None)
        return int(stamp.value)
    except (ValueError, TypeError, OverflowError) as error:
        raise QueryError(
            f"{value!r} is no time; give a pandas.Timestamp or a date such as '2021-06-01'"
        ) from error


def _axis(part: slice, low: float, high: float, step: float, name: str) -> tuple[float, ...]:
    start = low if part.start is None else part.start
    stop = high if part.stop is None else part.stop
    res = step if part.step is None else part.step
    try:
        start, stop, res = float(start), float(stop), float(res)
    except (TypeError, ValueError) as error:
        raise QueryError(f"{name} of a query is a slice of numbers, got {part}") from error
    if not (math.isfinite(start) and math.isfinite(stop) and res > 0 and math.isfinite(res)):
        raise QueryError(f"{name} of a query needs finite ends and a positive step, got {part}")
    if not stop > start:
        raise QueryError(
            f"{name} of a query is empty: {start} to {stop}; the first number is the smaller one"
        )
    return start, stop, res


def parse_slice(index: GeoSlice, bounds: Sequence[float], res: tuple[float, float]) -> Query:
    """Fill in what a query leaves out.

    Args:
        index: ``x``, ``(x, y)`` or ``(x, y, t)`` as slices; None parts take the dataset's own.
        bounds: (xmin, xmax, ymin, ymax, t0, t1) of the dataset, times in nanoseconds.
        res: The dataset's resolution (x, y).

    Raises:
        QueryError: A part is no slice, is empty, or there are more than three.
    """
    parts: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
    if not 1 <= len(parts) <= 3 or not all(isinstance(p, slice) for p in parts):
        raise QueryError(
            "a query is ds[xmin:xmax:xres, ymin:ymax:yres, tmin:tmax:tres], each part a slice and "
            f"any left out from the end; got {index!r}"
        )
    x = parts[0]
    y = parts[1] if len(parts) > 1 else slice(None)
    t = parts[2] if len(parts) > 2 else slice(None)
    xmin, xmax, xres = _axis(x, bounds[0], bounds[1], res[0], "x")
    ymin, ymax, yres = _axis(y, bounds[2], bounds[3], res[1], "y")
    t0 = int(bounds[4]) if t.start is None else nanoseconds(t.start)
    t1 = int(bounds[5]) if t.stop is None else nanoseconds(t.stop)
    if t1 < t0:
        raise QueryError(f"t of a query is empty: {t.start} to {t.stop}; the first is the earlier")
    tres = 1.0 if t.step is None else float(t.step)
    return Query(xmin, xmax, xres, ymin, ymax, yres, t0, t1, tres)


def describe_bounds(bounds: Sequence[float]) -> str:
    """Bounds (xmin, xmax, ymin, ymax, t0, t1) as a person reads them."""
    x = f"x {bounds[0]:.10g} to {bounds[1]:.10g}, y {bounds[2]:.10g} to {bounds[3]:.10g}"
    if bounds[4] <= TIME_MIN.value and bounds[5] >= TIME_MAX.value:
        return f"{x}, any time"
    return f"{x}, {pd.Timestamp(int(bounds[4]))} to {pd.Timestamp(int(bounds[5]))}"


def interval_nanoseconds(index: pd.Index[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both ends of an index's time intervals, as nanoseconds since 1970."""
    if not isinstance(index, pd.IntervalIndex):
        raise QueryError(
            "the index of a dataset is a pandas.IntervalIndex of times (closed='both', "
            f"name='datetime'), got {type(index).__name__}"
        )
    if len(index) == 0:
        empty = np.empty(0, np.int64)
        return empty, empty
    left = pd.DatetimeIndex(index.left).as_unit("ns").asi8
    right = pd.DatetimeIndex(index.right).as_unit("ns").asi8
    return left, right
