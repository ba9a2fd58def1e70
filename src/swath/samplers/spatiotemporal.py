"""Where and when together: `SpatioTemporalSampler`."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.samplers.base import BLOCK, GeoSampler
from swath.samplers.seeds import SeedSource, mix
from swath.samplers.spatial import SpatialSampler
from swath.samplers.temporal import TemporalSampler
from swath.typing import GeoSlice

__all__ = ["SpatioTemporalSampler"]


class SpatioTemporalSampler(GeoSampler):
    """Places from one strategy, and at each place times from another, of the rows that are there.

    Two random strategies are zipped: each place gets one time. Any other pair makes a product:
    each place gets all times of a sequential strategy, or as many random ones as that strategy
    gives. A place without a row in the time of interest gives nothing.

    Args:
        spatial_sampler: Where.
        temporal_sampler: When, over the same dataset.
        rank: This process's number, by default what torch.distributed says.
        num_replicas: Number of processes that share an epoch.

    Where the places are random, an epoch's length may differ from the last one's; `len` is that of
    the epoch that comes next, or of the one being iterated.

    Raises:
        ConfigError: Not a spatial and a temporal sampler of the same rows.
    """

    def __init__(
        self,
        spatial_sampler: SpatialSampler,
        temporal_sampler: TemporalSampler,
        *,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        if not isinstance(spatial_sampler, SpatialSampler) or not isinstance(
            temporal_sampler, TemporalSampler
        ):
            raise ConfigError(
                f"got {type(spatial_sampler).__name__} and {type(temporal_sampler).__name__}; "
                "expected a SpatialSampler and a TemporalSampler"
            )
        rows = spatial_sampler.footprints
        if len(rows) != len(temporal_sampler._start):
            raise ConfigError(
                f"the spatial sampler's dataset has {len(rows)} rows and the temporal sampler's "
                f"{len(temporal_sampler._start)}; make both from the same dataset"
            )
        super().__init__(spatial_sampler, spatial_sampler.roi, temporal_sampler.toi,  # type: ignore[arg-type]
                         rank=rank, num_replicas=num_replicas)  # fmt: skip
        self.spatial_sampler = spatial_sampler
        self.temporal_sampler = temporal_sampler
        self._source = _Both(spatial_sampler, temporal_sampler)
        self._fixed = "random" not in (spatial_sampler.strategy, temporal_sampler.strategy)
        self._zipped = {spatial_sampler.strategy, temporal_sampler.strategy} == {"random"}
        self.shuffle = not self._fixed
        usable = temporal_sampler._inside & ~shapely.is_missing(rows)
        self._numbers = np.flatnonzero(usable)
        self._tree = shapely.STRtree(rows[usable])
        self._ahead: tuple[tuple[int | None, int], int] | None = None
        self._plan: _Plan | None = None

    def plot(self, limit: int = 100) -> Any:
        """An animation (`matplotlib.animation.FuncAnimation`) of the first `limit` queries.

        It draws the next epoch's, from the samplers' own generators.
        """
        from swath.plot.samplers import animate_both

        return animate_both(
            self.spatial_sampler._areas.footprint, *self.temporal_sampler._rows(), self, limit
        )

    # ---- the epoch ---------------------------------------------------------------------------

    def _epoch_seed(self) -> int:
        seed = self._coming()
        self._ahead = None
        return seed

    def _coming(self) -> int:
        """The seed of the next epoch: `len` needs it before the iteration takes it."""
        if self._fixed:
            return 0
        key = (self._epoch, self._passes)
        if self._ahead is None or self._ahead[0] != key:
            self._ahead = key, super()._epoch_seed()
        return self._ahead[1]

    def _count(self) -> int:
        seed = self._seed
        if seed is None:
            seed = self._resume["seed"] if self._resume else self._coming()
        return int(self._planned(seed).before[-1])

    def _planned(self, seed: int) -> _Plan:
        if self._plan is None or self._plan.seed != seed:
            self._plan = self._make(seed)
        return self._plan

    def _make(self, seed: int) -> _Plan:
        places = self.spatial_sampler.locations(mix(seed, 1))
        boxes = np.array([[q[0].start, q[1].start, q[0].stop, q[1].stop] for q in places])  # type: ignore[index]
        place, hit = self._tree.query(shapely.box(*boxes.T), predicate="intersects")
        shared = ~np.asarray(
            shapely.touches(self._tree.geometries[hit], shapely.box(*boxes[place].T))
        ) | (shapely.area(self._tree.geometries[hit]) == 0)
        place, row = place[shared], self._numbers[hit[shared]]
        order = np.lexsort((row, place))
        place, row = place[order], row[order]
        cuts = np.searchsorted(place, np.arange(len(places) + 1))
        numbers = np.zeros(len(places), dtype=np.int64)
        known: dict[bytes, int] = {}
        for k in range(len(places)):
            rows = row[cuts[k] : cuts[k + 1]]
            if len(rows) == 0:
                continue
            key = rows.tobytes()
            if key not in known:
                t = self.temporal_sampler
                known[key] = 1 if self._zipped else t.draws(t._start[rows], t._stop[rows])
            numbers[k] = known[key]
        return _Plan(seed, places, row, cuts, np.concatenate([[0], np.cumsum(numbers)]))

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        plan, time_seed = self._planned(seed), mix(seed, 2)
        position = block * BLOCK + keep
        where = np.searchsorted(plan.before, position, side="right") - 1
        items: list[GeoSlice] = []
        last, times = -1, []
        for k, p in zip(where.tolist(), position.tolist(), strict=True):
            if k != last:
                rows = plan.rows[plan.cuts[k] : plan.cuts[k + 1]]
                n = int(plan.before[k + 1] - plan.before[k])
                times, last = self.temporal_sampler.windows_at(time_seed, k, rows, n), k
            items.append((*plan.places[k], times[p - int(plan.before[k])]))  # type: ignore[misc]
        return items


class _Plan:
    """An epoch: its places, the rows at each, and how many items came before each."""

    def __init__(
        self,
        seed: int,
        places: list[GeoSlice],
        rows: NDArray[np.intp],
        cuts: NDArray[np.intp],
        before: NDArray[np.int64],
    ) -> None:
        self.seed, self.places, self.rows, self.cuts, self.before = seed, places, rows, cuts, before


class _Both(SeedSource):
    """The generators of two samplers as one: only those of random ones move."""

    def __init__(self, *samplers: GeoSampler) -> None:
        self._parts = [s._source for s in samplers if s._endless]
        self.given = any(part.given for part in self._parts)

    def draw(self) -> int:
        return mix(0, *(part.draw() for part in self._parts))

    def state(self) -> Any:
        return [part.state() for part in self._parts]

    def restore(self, state: Any) -> None:
        for part, value in zip(self._parts, state or [], strict=False):
            part.restore(value)
