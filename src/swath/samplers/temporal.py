"""When, wherever: timestamps, periods and sliding windows of a layer's times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swath.errors import ConfigError, QueryError
from swath.samplers.base import BLOCK, GeoSampler
from swath.samplers.random import check_length
from swath.samplers.seeds import AnyGenerator, block_rng
from swath.typing import GeoSlice

if TYPE_CHECKING:
    from swath.datasets.geo import GeoDataset

__all__ = [
    "RandomPeriodSampler",
    "RandomTimedeltaSampler",
    "RandomTimestampSampler",
    "SequentialPeriodSampler",
    "SequentialTimedeltaSampler",
    "SequentialTimestampSampler",
    "TemporalSampler",
]

Times = NDArray[np.int64]  # nanoseconds since 1970
_MICRO = 1000


class TemporalSampler(GeoSampler):
    """Base of strategies that say when: they yield (:, :, t).

    Rows outside of `toi` do not count, the others' times are cut to it. A window without any row
    is never asked for.

    A subclass gives the times of some rows in order (`sequence`) or at random (`draw`).
    """

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        toi: pd.Interval[pd.Timestamp] | None = None,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, toi=toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        index = dataset.index.index
        start = _nanoseconds(index.left)
        stop = _nanoseconds(index.right)
        self._limits: tuple[int, int] | None = None
        inside = np.ones(len(start), bool)
        if toi is not None:
            low, high = _nanoseconds(pd.DatetimeIndex([toi.left, toi.right])).tolist()
            low, high = low + toi.open_left, high - toi.open_right
            inside = (start <= high) & (stop >= low)
            start, stop = np.maximum(start, low), np.minimum(stop, high)
            self._limits = (low, high)
        if not inside.any():
            raise QueryError(
                f"none of the {len(index)} rows of {type(dataset).__name__} shares time with toi "
                f"{toi}; they lie between {index.left.min()} and {index.right.max()}"
            )
        self._inside, self._start, self._stop = inside, start, stop
        self._zone = index.left.tz

    @property
    def strategy(self) -> Literal["random", "sequential"]:
        """How it combines: two random ones are zipped, any other pair makes a product."""
        return "random" if self._endless else "sequential"

    def sequence(self, start: Times, stop: Times) -> NDArray[np.int64]:
        """Windows (n, 2) in order, in nanoseconds, over rows from `start` to `stop`."""
        raise TypeError(f"{type(self).__name__} is random: it has no sequence")

    def draw(self, rng: np.random.Generator, n: int, start: Times, stop: Times) -> Times:
        """`n` random windows (n, 2), in nanoseconds, over rows from `start` to `stop`."""
        raise TypeError(f"{type(self).__name__} is sequential: it draws nothing")

    def draws(self, start: Times, stop: Times) -> int:
        """How many windows a place with these rows gives (in a product)."""
        return len(self.sequence(start, stop))

    def windows_at(self, seed: int, place: int, rows: NDArray[np.intp], n: int) -> list[slice]:
        """The windows of place number `place`, of which `rows` of the index are: all, or `n`."""
        start, stop = self._start[rows], self._stop[rows]
        if self._endless:
            return self._slices(self.draw(block_rng(seed, place), n, start, stop))
        return self._slices(self.sequence(start, stop))

    def plot(self, limit: int = 100) -> Any:
        """An animation (`matplotlib.animation.FuncAnimation`) of the first `limit` windows.

        It draws the next epoch's, from the sampler's own generator.
        """
        from swath.plot.samplers import animate_times

        return animate_times(*self._rows(), self, limit)

    def _rows(self) -> tuple[Times, Times]:
        return self._start[self._inside], self._stop[self._inside]

    def _slices(self, windows: Times) -> list[slice]:
        if self._limits is not None:
            windows = np.clip(windows, *self._limits)
        stamps = pd.DatetimeIndex(windows.ravel().view("datetime64[ns]"))
        if self._zone is not None:
            stamps = stamps.tz_localize("UTC").tz_convert(self._zone)
        return [slice(a, b) for a, b in zip(stamps[::2], stamps[1::2], strict=True)]

    def _epoch_seed(self) -> int:
        return super()._epoch_seed() if self._endless else 0

    def _count(self) -> int:
        return self.draws(*self._rows())

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        if self._endless:
            windows = self.draw(block_rng(seed, block), BLOCK, *self._rows())
        else:
            windows = self.sequence(*self._rows())[block * BLOCK : (block + 1) * BLOCK]
        every = slice(None)
        return [(every, every, t) for t in self._slices(windows[keep])]


class SequentialTimestampSampler(TemporalSampler):
    """Each distinct time of the rows once, in order."""

    def sequence(self, start: Times, stop: Times) -> Times:
        """Distinct times (n, 2) in order."""
        return np.unique(np.stack([start, stop], axis=1), axis=0)


class RandomTimestampSampler(TemporalSampler):
    """A random time of a row; an epoch gives each distinct time once, in random order.

    In a product with places, each place gets one random time of its rows for each that it has.
    """

    _endless = True

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        toi: pd.Interval[pd.Timestamp] | None = None,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, toi=toi, generator=generator, rank=rank, num_replicas=num_replicas
        )

    def draws(self, start: Times, stop: Times) -> int:
        """Number of distinct times."""
        return len(np.unique(np.stack([start, stop], axis=1), axis=0))

    def draw(self, rng: np.random.Generator, n: int, start: Times, stop: Times) -> Times:
        """Random distinct times; all of them before any comes again."""
        times = np.unique(np.stack([start, stop], axis=1), axis=0)
        rounds = [rng.permutation(len(times)) for _ in range(-(-n // len(times)))]
        return np.asarray(times[np.concatenate(rounds)[:n]])

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        # One order for the whole epoch, so that every time comes once over all blocks and ranks.
        position = block * BLOCK + keep
        windows = self.draw(block_rng(seed, 0), int(position[-1]) + 1, *self._rows())
        every = slice(None)
        return [(every, every, t) for t in self._slices(windows[position])]


class _Periods(TemporalSampler):
    """Calendar windows: days, months, quarters that hold a row."""

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        freq: str,
        toi: pd.Interval[pd.Timestamp] | None = None,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, toi=toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        try:
            pd.Period("2020-01-01", freq=freq)
        except ValueError as error:
            raise ConfigError(
                f"freq is {freq!r}, which is no period of pandas ({error}); expected 'D', 'M', "
                "'Q', 'Y' or another period alias"
            ) from error
        self.freq = freq

    def _periods(self, start: Times, stop: Times) -> Times:
        pairs = np.unique(np.stack([start, stop], axis=1), axis=0)
        stamps = pd.DatetimeIndex(pairs.ravel().view("datetime64[ns]")).to_period(self.freq)
        first, last = stamps[::2], stamps[1::2]
        ordinals = np.unique(
            np.concatenate(
                [
                    np.arange(a, b + 1)
                    for a, b in zip(first.asi8.tolist(), last.asi8.tolist(), strict=True)
                ]
            )
        )
        found = pd.PeriodIndex.from_ordinals(ordinals, freq=self.freq)  # type: ignore[attr-defined]
        begin, end = _nanoseconds(found.start_time), _nanoseconds(found.end_time)
        # Whole microseconds: seconds as float64 hold no more.
        return np.stack([begin, end - end % _MICRO], axis=1)


class SequentialPeriodSampler(_Periods):
    """Calendar windows that hold a row, in order.

    Args:
        freq: Period alias of pandas: "D", "W", "M", "Q", "Y", …

    Others as for `TemporalSampler`.
    """

    def sequence(self, start: Times, stop: Times) -> Times:
        """Periods (n, 2) in order."""
        return self._periods(start, stop)


class RandomPeriodSampler(_Periods):
    """Random calendar windows that hold a row, each as likely as any other.

    Args:
        freq: Period alias of pandas: "D", "W", "M", "Q", "Y", …
        length: Windows an epoch; by default the number of periods that hold a row.

    Others as for `TemporalSampler`.
    """

    _endless = True

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        freq: str,
        length: int | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, freq=freq, toi=toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        self.length = check_length(length) or len(self._periods(*self._rows()))

    def draws(self, start: Times, stop: Times) -> int:
        """`length`, whatever the rows."""
        return self.length

    def draw(self, rng: np.random.Generator, n: int, start: Times, stop: Times) -> Times:
        """Random periods (n, 2)."""
        periods = self._periods(start, stop)
        return np.asarray(periods[rng.integers(len(periods), size=n)])


class SequentialTimedeltaSampler(TemporalSampler):
    """Windows of one duration, in order, from the first time on; those without a row are left out.

    A window ends a microsecond before its duration is over, so that no time is in two windows
    that follow each other.

    Args:
        delta: Duration of a window.
        stride: Time between the beginnings of windows, `delta` by default.

    Others as for `TemporalSampler`.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        delta: pd.Timedelta,
        stride: pd.Timedelta | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(dataset, toi=toi, rank=rank, num_replicas=num_replicas)
        self.delta = _duration(delta, "delta")
        self.stride = self.delta if stride is None else _duration(stride, "stride")

    def sequence(self, start: Times, stop: Times) -> Times:
        """Windows (n, 2) in order; they are counted from the first time of the whole layer."""
        origin = int(self._rows()[0].min())
        # Window k holds a row from s to e if k * stride <= e and k * stride + delta > s.
        first = np.maximum(0, (start - origin - self.delta) // self.stride + 1)
        last = (stop - origin) // self.stride
        pairs = np.unique(np.stack([first, last], axis=1), axis=0)
        runs = [np.arange(a, b + 1) for a, b in pairs.tolist()]
        begin = origin + np.unique(np.concatenate(runs)) * self.stride
        return np.stack([begin, begin + self.delta - _MICRO], axis=1)


class RandomTimedeltaSampler(TemporalSampler):
    """Windows of one duration that begin at any time, and hold a row.

    Args:
        delta: Duration of a window; a layer of shorter time gives its whole time.
        length: Windows an epoch; by default about as many as cover the layer's time once.

    Others as for `TemporalSampler`.
    """

    _endless = True

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        delta: pd.Timedelta,
        length: int | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, toi=toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        self.delta = _duration(delta, "delta")
        start, stop = self._rows()
        span = int(stop.max()) - int(start.min())
        self.length = check_length(length) or max(1, -(-span // self.delta))

    def draws(self, start: Times, stop: Times) -> int:
        """`length`, whatever the rows."""
        return self.length

    def draw(self, rng: np.random.Generator, n: int, start: Times, stop: Times) -> Times:
        """Random windows (n, 2), begun at any time from which they hold a row."""
        low, high = int(start.min()), int(stop.max())
        if high - low <= self.delta:
            return np.tile(np.array([low, high], dtype=np.int64), (n, 1))
        # The times at which a window may begin, as intervals that do not overlap.
        begin = np.maximum(start - self.delta, low)
        end = np.minimum(stop, high - self.delta)
        order = np.argsort(begin, kind="stable")
        begin, end = begin[order], np.maximum.accumulate(end[order])
        new = np.concatenate([[True], begin[1:] > end[:-1]])
        begin, end = begin[new], end[np.concatenate([np.flatnonzero(new)[1:] - 1, [len(end) - 1]])]
        room = np.cumsum((end - begin + 1).astype(np.float64))
        which = np.minimum(
            np.searchsorted(room, rng.random(n) * room[-1], side="right"), len(room) - 1
        )
        at = begin[which] + (rng.random(n) * (end[which] - begin[which])).astype(np.int64)
        at -= at % _MICRO
        at = np.maximum(at, begin[which])
        return np.stack([at, at + self.delta], axis=1)


def _nanoseconds(stamps: pd.DatetimeIndex) -> Times:
    # asi8 of an index with a time zone is UTC already.
    return np.asarray(stamps.as_unit("ns").asi8)


def _duration(delta: pd.Timedelta, name: str) -> int:
    value = pd.Timedelta(delta)
    if not value > pd.Timedelta(0):  # NaT is not either
        raise ConfigError(f"{name} is {delta!r}; expected a duration above 0")
    return int(value.as_unit("ns").value)
