"""Where, whatever the time: patches and windows over the union of all rows' ground."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from swath.samplers.areas import merged_areas
from swath.samplers.base import BLOCK, GeoSampler
from swath.samplers.corners import Rule
from swath.samplers.grid import windows_of
from swath.samplers.random import Patches, check_length
from swath.samplers.seeds import AnyGenerator, block_rng
from swath.samplers.units import Size, Units, in_pixels
from swath.typing import GeoSlice

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["GriddedPatchSampler", "RandomPatchSampler", "SpatialSampler"]


class SpatialSampler(GeoSampler):
    """Base of strategies that say where: they yield (x, y).

    Combine one with a `TemporalSampler` by `SpatioTemporalSampler`.

    Attributes:
        footprints: Geometry of each row of the dataset's index.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        roi: BaseGeometry | None = None,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(dataset, roi, generator=generator, rank=rank, num_replicas=num_replicas)
        self._areas = merged_areas(dataset, roi)
        self.footprints = np.asarray(dataset.index.geometry.values, dtype=object)

    @property
    def strategy(self) -> Literal["random", "sequential"]:
        """How it combines: two random ones are zipped, any other pair makes a product."""
        return "random" if self._endless else "sequential"

    def locations(self, seed: int) -> list[GeoSlice]:
        """All places of the epoch of a seed, of all ranks together."""
        if type(self)._count is GeoSampler._count:  # a user's subclass that only iterates
            return list(self)
        items: list[GeoSlice] = []
        count = self._count()
        for start in range(0, count, BLOCK):
            keep = np.arange(min(BLOCK, count - start), dtype=np.int64)
            items += self._block(seed, start // BLOCK, keep)
        return items

    def __iter__(self) -> Iterator[GeoSlice]:
        """Yield the places (x, y) of one epoch."""
        return super().__iter__()

    def plot(self, limit: int = 100) -> Any:
        """An animation (`matplotlib.animation.FuncAnimation`) of the first `limit` places.

        It draws the next epoch's, from the sampler's own generator.
        """
        from swath.plot.samplers import animate_places

        return animate_places(self._areas.footprint, self, limit)


class RandomPatchSampler(SpatialSampler):
    """Random patches over the union of all rows' ground: overlapping rows count once.

    Arguments as for `RandomGeoSampler`; `length` is by default about the number of patches that
    would cover the ground once.
    """

    _endless = True

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        size: Size,
        length: int | None = None,
        roi: BaseGeometry | None = None,
        units: Units = Units.PIXELS,
        generator: AnyGenerator = None,
        inside: Rule = "patch",
        min_valid: float = 1.0,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, roi=roi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        self.size = in_pixels(size, self.res, units)
        self._patches = Patches(
            self._areas, self.size, self.res,
            roi=roi, inside=inside, min_valid=min_valid, by_row=None, weights=None,
        )  # fmt: skip
        self.length = check_length(length) or self._patches.default_length()

    def _count(self) -> int:
        return self.length

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        which, boxes = self._patches.draw(block_rng(seed, block), BLOCK)
        return [query[:2] for query in self._patches.slices(which[keep], boxes[keep])]  # type: ignore[index]


class GriddedPatchSampler(SpatialSampler):
    """Regular windows over the union of all rows' ground: each place once, whatever the times.

    Arguments as for `GridGeoSampler`.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        size: Size,
        stride: Size | None = None,
        roi: BaseGeometry | None = None,
        units: Units = Units.PIXELS,
        inside: Rule | None = None,
        min_valid: float = 0.0,
        padding: bool = False,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(dataset, roi=roi, rank=rank, num_replicas=num_replicas)
        self.size = in_pixels(size, self.res, units)
        self.stride = self.size if stride is None else in_pixels(stride, self.res, units, "stride")
        self._windows = windows_of(
            dataset, self._areas, self.size, self.stride,
            roi=roi, inside=inside, min_valid=min_valid, padding=padding,
        )  # fmt: skip

    def _count(self) -> int:
        return len(self._windows)

    def _epoch_seed(self) -> int:
        return 0  # nothing is random here: no generator moves

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        _, boxes = self._windows.at(block * BLOCK + keep)
        return [(slice(a, c), slice(b, d)) for a, b, c, d in boxes.tolist()]
