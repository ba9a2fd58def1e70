"""Splits of a dataset into parts that share no time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
import pandas as pd

from swath.datasets.cutting import make_parts, shares
from swath.errors import SplitError

if TYPE_CHECKING:
    from swath.datasets.geo import GeoDataset

__all__ = ["time_series_split"]

D = TypeVar("D", bound="GeoDataset")

_MICRO = pd.Timedelta(1, "us")


def time_series_split(
    dataset: D,
    lengths: Sequence[float] | Sequence[pd.Timedelta] | Sequence[pd.Interval[pd.Timestamp]],
    *,
    straddle: Literal["assign", "cut"] = "assign",
) -> list[D]:
    """Cut the dataset's time into parts that follow each other.

    No instant is in two parts: a part ends a microsecond before the next begins.

    Args:
        dataset: The dataset; it is not changed.
        lengths: Fractions of its time that sum to 1; durations, from its first time on; or
            intervals that do not overlap.
        straddle: What becomes of a row whose time crosses from one part into another. "assign"
            gives it, cut to that part's time, to the part in which the larger share of it lies:
            one image is never on both sides. "cut" gives each part its share, for labels that
            hold for a long time.

    Raises:
        SplitError: Lengths that do not sum up, overlap, or are of mixed kinds; an empty part.
    """
    frame = dataset.index
    left, right = frame.index.left, frame.index.right
    spans = _spans(list(lengths), left.min(), right.max())
    start = np.array([[max(t, a) for a, _ in spans] for t in left], dtype=object)
    stop = np.array([[min(t, b) for _, b in spans] for t in right], dtype=object)
    inside = (start <= stop).reshape(len(frame), len(spans))
    share = np.array(
        [
            [(b - a).value if ok else -1 for a, b, ok in zip(*row, strict=True)]
            for row in zip(start, stop, inside, strict=True)
        ],
        dtype=np.int64,
    ).reshape(inside.shape)
    if straddle == "assign":
        best = share.argmax(axis=1)
        inside &= np.arange(len(spans)) == best[:, None]
    elif straddle != "cut":
        raise SplitError(f"straddle is {straddle!r}; expected 'assign' or 'cut'")
    frames = []
    for k in range(len(spans)):
        rows = np.flatnonzero(inside[:, k])
        piece = frame.iloc[rows].copy()
        piece.index = pd.IntervalIndex.from_arrays(
            pd.DatetimeIndex(start[rows, k]).as_unit(left.unit),
            pd.DatetimeIndex(stop[rows, k]).as_unit(left.unit),
            closed="both",
            name=frame.index.name,
        )
        frames.append(piece)
    return make_parts(dataset, frames, "time_series_split")


def _spans(
    lengths: list[Any], first: pd.Timestamp, last: pd.Timestamp
) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """The parts' first and last instants, which no two share."""
    if all(isinstance(x, pd.Interval) for x in lengths) and lengths:
        spans = [(x.left, x.right) for x in lengths]
    elif all(isinstance(x, pd.Timedelta) for x in lengths) and lengths:
        total = sum(lengths, pd.Timedelta(0))
        if min(lengths) <= pd.Timedelta(0) or total > last - first + _MICRO:
            raise SplitError(
                f"durations {lengths} sum to {total}; expected positive ones, together at most "
                f"the dataset's {last - first}"
            )
        edges = [first]
        for x in lengths:
            edges.append(edges[-1] + x)
        spans = list(itertools.pairwise(edges))
    elif not any(isinstance(x, pd.Interval | pd.Timedelta) for x in lengths):
        ends = np.cumsum(shares(cast(Sequence[float], lengths), "lengths"))
        edges = [first, *(first + (last - first) * float(e) for e in ends[:-1]), last]
        spans = list(itertools.pairwise(edges))
    else:
        raise SplitError(f"lengths {lengths} are of mixed kinds; give fractions, or durations, …")
    order = sorted(range(len(spans)), key=lambda k: spans[k])
    for a, b in itertools.pairwise(order):
        if spans[a][1] > spans[b][0]:
            raise SplitError(f"intervals {lengths[a]} and {lengths[b]} overlap: parts share time")
        if spans[a][1] == spans[b][0]:
            spans[a] = (spans[a][0], spans[a][1] - _MICRO)
    return spans
