"""Regular windows that cover every pixel: `GridGeoSampler`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import ConfigError, QueryError
from swath.samplers.areas import TOLERANCE, Areas, row_areas
from swath.samplers.base import BLOCK, GeoSampler
from swath.samplers.corners import Rule
from swath.samplers.units import Size, Units, in_pixels
from swath.samplers.windows import allowed, check_rules
from swath.typing import GeoSlice

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["GridGeoSampler", "Windows"]

_log = logging.getLogger(__name__)
_AT_ONCE = 65536


class Windows:
    """Regular windows over areas; window number k of area a is arithmetic, not a list.

    Along each axis the windows of an area begin at the first pixel of its region, `stride` apart,
    and the last one is moved back to end where the region ends (with `padding` it keeps its
    place and reaches over).
    """

    def __init__(
        self,
        areas: Areas,
        size: tuple[float, float],
        stride: tuple[float, float],
        res: tuple[float, float],
        *,
        total: tuple[float, float, float, float],
        roi: BaseGeometry | None,
        inside: Rule | None,
        min_valid: float,
        padding: bool,
    ) -> None:
        check_rules(inside, min_valid)
        self.areas, self.res, self.stride = areas, res, (stride[1], stride[0])
        self._inside: Rule = inside or "touch"
        flat = shapely.area(areas.footprint) == 0
        self._strict = areas.exclusive & ~flat
        if inside == "patch":
            self._strict = np.ones(len(areas), bool) & ~flat
        scale = np.array([res[0], -res[1]])
        region = shapely.bounds(areas.region).reshape(-1, 4)
        # Along each axis: of the region (snapped outwards), the row, the dataset; in pixels.
        low = (region[:, [0, 3]] - areas.anchor) / scale
        high = (region[:, [2, 1]] - areas.anchor) / scale
        row_low = (areas.bounds[:, [0, 3]] - areas.anchor) / scale
        row_high = (areas.bounds[:, [2, 1]] - areas.anchor) / scale
        all_low = (np.array(total)[[0, 3]] - areas.anchor) / scale
        all_high = (np.array(total)[[2, 1]] - areas.anchor) / scale
        n = len(areas)
        self.first, self.last = np.zeros((n, 2)), np.zeros((n, 2))
        self.extent = np.tile(np.array([size[1], size[0]]), (n, 1))
        self.shape = np.ones((n, 2), dtype=np.int64)
        for axis in (0, 1):
            want = self.extent[:, axis]
            lo = np.floor(low[:, axis] + TOLERANCE)
            hi = np.ceil(high[:, axis] - TOLERANCE)
            # Whole pixels, as long as that does not lead out of the dataset.
            lo = np.where(lo >= all_low[:, axis] - TOLERANCE, lo, row_low[:, axis])
            hi = np.where(hi <= all_high[:, axis] + TOLERANCE, hi, row_high[:, axis])
            strict = self._strict
            lo = np.where(strict, np.ceil(low[:, axis] - TOLERANCE), lo)
            hi = np.where(strict, np.floor(high[:, axis] + TOLERANCE), hi)
            outer_lo = np.where(strict, lo, row_low[:, axis])
            outer_hi = np.where(strict, hi, row_high[:, axis])
            reach = np.full(n, padding) & ~strict
            step = self.stride[axis]
            # More than one window: the region is larger than the patch.
            number = np.maximum(1, np.ceil((hi - lo - want) / step - TOLERANCE) + 1)
            last = np.where(reach, lo + (number - 1) * step, hi - want)
            # One window, or a region smaller than it: stay in the row if it is large enough.
            small = hi - lo < want - TOLERANCE
            middle = np.round((lo + hi - want) / 2)
            in_row = np.clip(middle, outer_lo, np.maximum(outer_hi - want, outer_lo))
            fits_row = outer_hi - outer_lo >= want - TOLERANCE
            in_all = np.clip(
                middle, all_low[:, axis], np.maximum(all_high[:, axis] - want, all_low[:, axis])
            )
            fits_all = (all_high[:, axis] - all_low[:, axis] >= want - TOLERANCE) & ~strict
            alone = np.where(fits_row, in_row, np.where(fits_all & ~flat, in_all, lo))
            centred = (reach & ~fits_row) | flat
            alone = np.where(centred, middle, alone)
            clipped = small & ~fits_row & ~fits_all & ~centred
            self.first[:, axis] = np.where(small, alone, lo)
            self.last[:, axis] = np.where(small, alone, last)
            self.extent[:, axis] = np.where(clipped, hi - lo, want)
            self.shape[:, axis] = np.where(small, 1, number)
        empty = (self.extent <= TOLERANCE).any(axis=1)  # less than a whole pixel of a cut row
        counts = np.where(empty, 0, self.shape.prod(axis=1))
        self._kept: dict[int, NDArray[np.int64]] = {}
        cut = ~shapely.covers(roi, areas.footprint) if roi is not None else np.zeros(n, bool)
        for a in np.flatnonzero((cut | ~areas.whole) & ~flat & (counts > 0)):
            kept = self._keep(int(a), int(counts[a]), min_valid, bool(cut[a]))
            if len(kept) < counts[a]:
                self._kept[int(a)] = kept
                counts[a] = len(kept)
        self.skipped = int((counts == 0).sum())
        self.before = np.concatenate([[0], np.cumsum(counts)])
        self.clipped = int(((self.extent < [size[1], size[0]]).any(axis=1) & (counts > 0)).sum())

    def __len__(self) -> int:
        return int(self.before[-1])

    def _keep(self, a: int, count: int, min_valid: float, cut: bool) -> NDArray[np.int64]:
        """Numbers of the windows of an area that its region and footprint allow."""
        areas = self.areas
        strict = bool(self._strict[a])
        hard = areas.region[a] if strict or cut else None
        rule: Rule = "patch" if strict and self._inside != "centre" else self._inside
        soft = areas.footprint[a] if not areas.whole[a] and not strict else None
        for shape in (hard, soft):
            if shape is not None:
                shapely.prepare(shape)
        parts = []
        for start in range(0, count, _AT_ONCE):
            number = np.arange(start, min(start + _AT_ONCE, count))
            boxes = self.boxes(np.full(len(number), a), number)
            # The rules' tolerance is in pixels: measure in pixels.
            pixels = boxes / np.array([*self.res, *self.res])
            good = allowed(
                np.full(len(number), _scaled(hard, self.res), dtype=object),
                np.full(len(number), _scaled(soft, self.res), dtype=object),
                np.full(len(number), min_valid * float(self.extent[a].prod()) * (1 - 1e-9)),
                pixels, rule,
            )  # fmt: skip
            parts.append(number[good])
        return np.concatenate(parts)

    def boxes(self, which: NDArray[np.intp], number: NDArray[np.int64]) -> NDArray[np.float64]:
        """Bounds (n, 4) in CRS units of windows `number` (n,) of areas `which` (n,)."""
        across = self.shape[which, 0]
        k = np.stack([number % across, number // across], axis=1)
        start = np.minimum(self.first[which] + k * np.array(self.stride), self.last[which])
        stop = start + self.extent[which]
        x, y = self.areas.anchor[which].T
        xres, yres = self.res
        return np.stack(
            [x + start[:, 0] * xres, y - stop[:, 1] * yres,
             x + stop[:, 0] * xres, y - start[:, 1] * yres], axis=1,
        )  # fmt: skip

    def at(self, position: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Areas (n,) and bounds (n, 4) of the windows at `position` (n,) of the whole series."""
        which = np.searchsorted(self.before, position, side="right") - 1
        number = position - self.before[which]
        if self._kept:
            for a in set(which.tolist()) & self._kept.keys():
                mine = which == a
                number[mine] = self._kept[a][number[mine]]
        return which, self.boxes(which, number)


class GridGeoSampler(GeoSampler):
    """Regular windows that cover every pixel of every row at least once, for testing and maps.

    Rows are visited one after the other (each with its own time), their windows from north to
    south and west to east. Nothing outside of the dataset is asked for: the last windows of a row
    are moved back to end where it ends, and a row smaller than a window gives a window that
    reaches into the dataset's bounds around it; where these are smaller than the window too, a
    smaller one. Rows cut by a split are never left: a window that would does not come, or, for
    rows smaller than it, is smaller.

    Args:
        dataset: The layer.
        size: Window size: one number, or (height, width).
        stride: Distance between windows, `size` by default; at most `size`, or pixels are
            missed.
        roi: Region of interest in the dataset's CRS, any polygon.
        toi: Time of interest.
        units: Of `size` and `stride`: pixels of ``dataset.res``, or CRS units.
        inside: Which windows of the `roi` to take: those that "touch" it (so that all of it is
            covered; the default, but for rows cut by a split), those with their "centre" in it,
            or those wholly in it ("patch").
        min_valid: Leave out windows with less than this share on the row's true footprint.
        padding: Keep the stride and the size at the end of rows: windows reach outside, where
            the dataset gives fill values.
        rank: This process's number, by default what torch.distributed says.
        num_replicas: Number of processes that share an epoch.

    Raises:
        QueryError: No row shares ground and time with `roi` and `toi`.
        ConfigError: An argument is out of range.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        size: Size,
        stride: Size | None = None,
        roi: BaseGeometry | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        units: Units = Units.PIXELS,
        *,
        inside: Rule | None = None,
        min_valid: float = 0.0,
        padding: bool = False,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(dataset, roi, toi, rank=rank, num_replicas=num_replicas)
        self.size = in_pixels(size, self.res, units)
        self.stride = self.size if stride is None else in_pixels(stride, self.res, units, "stride")
        self._windows = windows_of(
            dataset, row_areas(dataset, roi, toi), self.size, self.stride,
            roi=roi, inside=inside, min_valid=min_valid, padding=padding,
        )  # fmt: skip

    @property
    def skipped(self) -> int:
        """Rows of the index without any window."""
        return self._windows.areas.skipped + self._windows.skipped

    def _count(self) -> int:
        return len(self._windows)

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        which, boxes = self._windows.at(block * BLOCK + keep)
        times = self._windows.areas.times
        x0, y0, x1, y1 = boxes.T.tolist()
        return [
            (slice(a, b), slice(c, d), times[k])
            for a, b, c, d, k in zip(x0, x1, y0, y1, which.tolist(), strict=True)
        ]

    def _epoch_seed(self) -> int:
        return 0  # nothing is random here: no generator moves


def windows_of(
    dataset: GeoDataset,
    areas: Areas,
    size: tuple[float, float],
    stride: tuple[float, float],
    *,
    roi: BaseGeometry | None,
    inside: Rule | None,
    min_valid: float,
    padding: bool,
) -> Windows:
    """The windows over `areas`, checked.

    Raises:
        ConfigError: A stride below a thousandth of a pixel.
        QueryError: There is no window.
    """
    if min(stride) < 1e-3:
        raise ConfigError(f"stride is {stride} pixels; expected at least one pixel")
    x, y, _ = dataset.bounds
    windows = Windows(
        areas, size, stride, (float(dataset.res[0]), float(dataset.res[1])),
        total=(x.start, y.start, x.stop, y.stop),
        roi=roi, inside=inside, min_valid=min_valid, padding=padding,
    )  # fmt: skip
    if len(windows) == 0:
        raise QueryError(
            f"no window of {size[0]:g} x {size[1]:g} pixels (height x width) satisfies "
            f"inside={inside!r} and min_valid={min_valid} in any of {len(areas)} areas; use a "
            "smaller size or stride, inside='touch', or a smaller min_valid"
        )
    if windows.clipped:
        _log.warning(
            "%d of %d areas are smaller than a window of %g x %g pixels and give smaller ones, "
            "which do not stack with others; padding=True gives whole ones where that is allowed",
            windows.clipped, len(areas), size[0], size[1],
        )  # fmt: skip
    return windows


def _scaled(shape: BaseGeometry | None, res: tuple[float, float]) -> BaseGeometry | None:
    if shape is None:
        return None
    scaled: BaseGeometry = shapely.transform(shape, lambda xy: xy / np.array(res))
    shapely.prepare(scaled)
    return scaled
