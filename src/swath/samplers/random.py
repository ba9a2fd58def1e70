"""Random patches: anywhere (`RandomGeoSampler`), or a batch from one row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError, QueryError
from swath.samplers.areas import Areas, row_areas
from swath.samplers.base import BLOCK, BatchGeoSampler, GeoSampler
from swath.samplers.chips import steps
from swath.samplers.corners import Rule
from swath.samplers.placement import Placement
from swath.samplers.seeds import AnyGenerator, block_rng
from swath.samplers.units import Size, Units, in_pixels
from swath.samplers.weights import Weights, row_weights
from swath.samplers.windows import check_rules
from swath.typing import GeoSlice

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["Patches", "RandomBatchGeoSampler", "RandomGeoSampler"]

_log = logging.getLogger(__name__)

#: Places from which one is chosen by a function of weights.
_POOL = 8


class Patches:
    """Random patches of areas, in bulk."""

    def __init__(
        self,
        areas: Areas,
        size: tuple[float, float],
        res: tuple[float, float],
        *,
        roi: BaseGeometry | None,
        inside: Rule,
        min_valid: float,
        by_row: NDArray[np.float64] | None,
        weights: Weights,
    ) -> None:
        check_rules(inside, min_valid)
        place = Placement(areas, size, res, roi=roi, inside=inside, min_valid=min_valid)
        cell = size[0] * size[1] * res[0] * res[1]
        # Points and lines have no area; each counts as much as the patch around it.
        mass = np.where(areas.area > 0, areas.area, cell)
        if by_row is not None:
            mass = mass * by_row[areas.rows]
        mass = np.where(place.possible, mass, 0.0)
        if not mass.any():
            raise QueryError(
                f"no patch of {size[0]:g} x {size[1]:g} pixels (height x width) fits in any of "
                f"the {len(areas)} areas with inside={inside!r} and min_valid={min_valid}; use a "
                "smaller size, inside='centre', or a smaller min_valid"
            )
        impossible = int((~place.possible).sum())
        if impossible:
            _log.warning(
                "%d of %d areas hold no patch of %g x %g pixels and are never sampled",
                impossible, len(areas), size[0], size[1],
            )  # fmt: skip
        self.areas, self.size, self.res, self.place = areas, size, res, place
        self.cumulated = np.cumsum(mass)
        self.weigh = weights if callable(weights) else None
        self.skipped = areas.skipped + impossible
        self.usable = np.flatnonzero(mass)

    def default_length(self) -> int:
        """About the number of patches that would cover the areas once."""
        h, w = self.size
        total = 0
        for a in self.usable:
            b = self.areas.bounds[a] if self.areas.whole[a] else self.areas.region[a].bounds
            rows = steps((b[3] - b[1]) / self.res[1], h, h)
            columns = steps((b[2] - b[0]) / self.res[0], w, w)
            box = (b[2] - b[0]) * (b[3] - b[1])
            share = self.areas.area[a] / box if box > 0 else 1.0
            total += max(1, round(rows * columns * share)) if share < 1 - 1e-9 else rows * columns
        return total

    def choose(self, rng: np.random.Generator, n: int) -> NDArray[np.intp]:
        """Numbers (n,) of areas, as likely as they are large."""
        target = rng.random(n) * self.cumulated[-1]
        area = np.searchsorted(self.cumulated, target, side="right")
        return np.minimum(area, self.usable[-1])

    def boxes(self, which: NDArray[np.intp], i: Any, j: Any) -> NDArray[np.float64]:
        """Bounds (n, 4) of patches with corners (i, j) pixels from their anchors."""
        (h, w), (xres, yres) = self.size, self.res
        x, y = self.areas.anchor[which].T
        return np.stack(
            [x + i * xres, y - (j + h) * yres, x + (i + w) * xres, y - j * yres], axis=1
        )

    def draw(
        self, rng: np.random.Generator, n: int, group: int = 1
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Areas (n * group,) and bounds (n * group, 4), `group` patches from each chosen area."""
        if self.weigh is None:
            which = np.repeat(self.choose(rng, n), group)
            return which, self.boxes(which, *self.place.draw(rng, which))
        first = self.choose(rng, n * _POOL)
        which = np.repeat(first, group)
        boxes = self.boxes(which, *self.place.draw(rng, which))
        value = np.asarray(self.weigh(boxes, self.areas.rows[which]), dtype=np.float64)
        if value.shape != which.shape or not np.isfinite(value).all() or (value < 0).any():
            raise ConfigError(
                f"the weights function returned shape {value.shape} for {len(which)} places; "
                "expected one finite number >= 0 for each"
            )
        if not value.any():
            raise ConfigError(
                f"the weights function gave 0 to all of {len(which)} random places; give a small "
                "weight to every place that may be asked for"
            )
        if group == 1:
            chosen = rng.choice(len(which), n, p=value / value.sum())
            return which[chosen], boxes[chosen]
        # A batch stays in one area: areas by the weight of their places, then places in it.
        value = value.reshape(-1, group)
        total = value.sum(axis=1)
        picked = rng.choice(len(total), n, p=total / total.sum())
        inner = np.concatenate(
            [p * group + rng.choice(group, group, p=value[p] / total[p]) for p in picked]
        )
        return which[inner], boxes[inner]

    def slices(self, which: NDArray[np.intp], boxes: NDArray[np.float64]) -> list[GeoSlice]:
        """Queries (x, y, t) of patches."""
        times = self.areas.times
        x0, y0, x1, y1 = boxes.T.tolist()
        return [
            (slice(a, b), slice(c, d), times[k])
            for a, b, c, d, k in zip(x0, x1, y0, y1, which.tolist(), strict=True)
        ]


class RandomGeoSampler(GeoSampler):
    """Random patches of a layer, for training.

    A row is as likely as its ground (footprint ∩ roi) is large, times its weight; within a row
    every place is as likely as any other. Places lie a whole number of pixels from the row's own
    corner, so that files in the dataset's CRS and resolution are read without resampling. The
    time asked for is the row's own, cut to `toi`.

    Args:
        dataset: The layer.
        size: Patch size: one number, or (height, width).
        length: Patches an epoch over all ranks; by default about as many as would cover the
            ground once.
        roi: Region of interest in the dataset's CRS, any polygon.
        toi: Time of interest.
        units: Of `size`: pixels of ``dataset.res``, or CRS units.
        generator: Source of all randomness (`torch.Generator`, numpy generator, integer seed);
            None is PyTorch's default generator.
        inside: What of a patch lies in `roi` (and in rows cut by a split): all of it ("patch"),
            its "centre", or any part of it ("touch").
        min_valid: Least share of a patch that lies on the row's true footprint: 1 keeps out of
            the empty corners of scenes, 0 takes any patch within their bounds that touches it.
        weights: One number a row of the index, the name of such a column, or a function of
            (boxes, rows) that weighs places (see `swath.samplers.weights`); `rarity_weights`
            makes some from class counts. They multiply the area-true probability. A function
            chooses among 8 times as many random places, so a weight is not exact where good
            places are rarer than one in a few thousand.
        rank: This process's number, by default what torch.distributed says.
        num_replicas: Number of processes that share an epoch.

    A row smaller than the patch gives a patch centred on it; a point gives the patch around it.
    Rows in which no patch fits are counted in `skipped` and logged.

    Raises:
        QueryError: No row shares ground and time with `roi` and `toi`, or no patch fits.
        ConfigError: An argument is out of range.
    """

    _endless = True

    def __init__(
        self,
        dataset: GeoDataset,
        size: Size,
        length: int | None = None,
        roi: BaseGeometry | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        units: Units = Units.PIXELS,
        generator: AnyGenerator = None,
        *,
        inside: Rule = "patch",
        min_valid: float = 1.0,
        weights: Weights = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, roi, toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        self.size = in_pixels(size, self.res, units)
        self._patches = Patches(
            row_areas(dataset, roi, toi), self.size, self.res,
            roi=roi, inside=inside, min_valid=min_valid,
            by_row=row_weights(dataset, weights), weights=weights,
        )  # fmt: skip
        self.length = check_length(length) or self._patches.default_length()

    @property
    def skipped(self) -> int:
        """Rows of the index that are never sampled: outside, or no patch fits."""
        return self._patches.skipped

    def _count(self) -> int:
        return self.length

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        which, boxes = self._patches.draw(block_rng(seed, block), BLOCK)
        return self._patches.slices(which[keep], boxes[keep])


class RandomBatchGeoSampler(BatchGeoSampler):
    """Batches of random patches, each batch from one row: its files are opened once.

    Arguments as for `RandomGeoSampler`, and:

    Args:
        batch_size: Patches in a batch.
        length: Patches an epoch over all ranks; it has ``length // batch_size`` batches, at
            least one.
        sampler: Ignored. Lightning gives a sampler when it makes a batch sampler anew for
            distributed training; this one finds its rank by itself.
    """

    _endless = True

    def __init__(
        self,
        dataset: GeoDataset,
        size: Size,
        batch_size: int,
        length: int | None = None,
        roi: BaseGeometry | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        units: Units = Units.PIXELS,
        generator: AnyGenerator = None,
        *,
        inside: Rule = "patch",
        min_valid: float = 1.0,
        weights: Weights = None,
        rank: int | None = None,
        num_replicas: int | None = None,
        sampler: Any = None,
    ) -> None:
        super().__init__(
            dataset, roi, toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        if not (isinstance(batch_size, int) and batch_size > 0):
            raise ConfigError(f"batch_size is {batch_size!r}; expected a whole number above 0")
        self.batch_size = batch_size
        self.size = in_pixels(size, self.res, units)
        self._patches = Patches(
            row_areas(dataset, roi, toi), self.size, self.res,
            roi=roi, inside=inside, min_valid=min_valid,
            by_row=row_weights(dataset, weights), weights=weights,
        )  # fmt: skip
        self.length = check_length(length) or self._patches.default_length()

    @property
    def skipped(self) -> int:
        """Rows of the index that are never sampled: outside, or no patch fits."""
        return self._patches.skipped

    def _count(self) -> int:
        return max(1, self.length // self.batch_size)

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[list[GeoSlice]]:
        # A batch has its own generator: making one batch must not cost those of a whole block.
        batches = []
        for k in keep.tolist():
            rng = block_rng(seed, block * BLOCK + k)
            which, boxes = self._patches.draw(rng, 1, self.batch_size)
            batches.append(self._patches.slices(which, boxes))
        return batches


def check_length(length: int | None) -> int | None:
    """`length`, or ConfigError where it is not a whole number above 0."""
    if length is None:
        return None
    if int(length) != length or length < 1:
        raise ConfigError(f"length is {length!r}; expected a whole number above 0, or None")
    return int(length)
