"""Mean and deviation of channels, and shares of classes, from streams of pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.datasets.geo import GeoDataset
from swath.datasets.query import interval_nanoseconds
from swath.typing import GeoSlice

__all__ = ["ChannelStatistics", "LabelCounts", "windows"]


class ChannelStatistics:
    """Running mean and deviation of each channel; pixels that are not valid do not count.

    Blocks are merged by the parallel form of Welford's method (Chan, Golub, LeVeque 1979), which
    does not lose digits as a sum of squares would.

    Args:
        channels: Number of channels.
    """

    def __init__(self, channels: int) -> None:
        self.count = np.zeros(channels, np.int64)
        self.mean = np.zeros(channels)
        self._squares = np.zeros(channels)
        self.low = np.full(channels, np.inf)
        self.high = np.full(channels, -np.inf)

    def update(self, image: NDArray[np.floating], valid: NDArray[np.bool_] | None = None) -> None:
        """Count an image (C, H, W); `valid` (H, W) says which pixels are data. NaN never is."""
        for c, channel in enumerate(image):
            values = channel[valid] if valid is not None else channel.ravel()
            values = values[np.isfinite(values)].astype(np.float64)
            n = values.size
            if n == 0:
                continue
            mean, squares = values.mean(), values.var() * n
            total = self.count[c] + n
            delta = mean - self.mean[c]
            self._squares[c] += squares + delta**2 * self.count[c] * n / total
            self.mean[c] += delta * n / total
            self.count[c] = total
            self.low[c] = min(self.low[c], values.min())
            self.high[c] = max(self.high[c], values.max())

    @property
    def std(self) -> NDArray[np.float64]:
        """Deviation of the whole (the count below it, not the count less one)."""
        return np.sqrt(self._squares / np.maximum(self.count, 1))


class LabelCounts:
    """How many pixels each label code has."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def update(self, mask: NDArray[np.integer], valid: NDArray[np.bool_] | None = None) -> None:
        """Count a mask (H, W)."""
        codes, counts = np.unique(mask if valid is None else mask[valid], return_counts=True)
        self.counts.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))


def windows(
    dataset: GeoDataset, size: int, limit: int, seed: int = 0
) -> Iterator[tuple[GeoSlice, int]]:
    """Queries of `size` × `size` pixels over the rows of a dataset, each with its row's position.

    All that touch a row's footprint if there are at most `limit`; else `limit` of them by chance,
    shared among the rows by their number of windows.
    """
    import pandas as pd

    xres, yres = dataset.res
    found: list[tuple[float, float, int]] = []
    for row, shape in enumerate(dataset.index.geometry.values):
        xmin, ymin, xmax, ymax = shape.bounds
        xs = np.arange(xmin, xmax, size * xres)
        ys = np.arange(ymax, ymin, -size * yres)
        gx, gy = (a.ravel() for a in np.meshgrid(xs, ys))
        cells = shapely.box(gx, gy - size * yres, gx + size * xres, gy)
        hit = shapely.intersects(shape, cells) & ~shapely.touches(shape, cells)
        found += [(float(x), float(y), row) for x, y in zip(gx[hit], gy[hit], strict=True)]
    if len(found) > limit:
        chosen = np.random.default_rng(seed).choice(len(found), limit, replace=False)
        found = [found[i] for i in sorted(chosen)]
    starts, stops = interval_nanoseconds(dataset.index.index)
    for x, y, row in found:
        time = slice(pd.Timestamp(int(starts[row])), pd.Timestamp(int(stops[row])))
        across = slice(x, x + size * xres, xres)
        yield (across, slice(y - size * yres, y, yres), time), row
