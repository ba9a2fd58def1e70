"""What all samplers share: epochs, ranks, resuming, and the interface of the field."""

from __future__ import annotations

import abc
import inspect
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DistributedSampler

from swath.errors import ConfigError
from swath.samplers.seeds import AnyGenerator, SeedSource, mix
from swath.typing import GeoSlice

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["BLOCK", "BatchGeoSampler", "GeoSampler", "Stream"]

T = TypeVar("T")

#: Positions that are made together. A stream's block is a function of its seed and number alone.
BLOCK = 1024


class Stream(Generic[T], abc.ABC):
    """An epoch of `_count()` items, any block of which can be made from a seed.

    **Seeds.** Each epoch takes one seed from the generator. Once `set_epoch` was called (Lightning
    does) or there are several ranks and no generator was given, the seed is a function of a base
    seed and the epoch instead, so that all ranks agree and an epoch can be repeated. The base is
    drawn once from the generator; for several ranks without one it is Lightning's global seed
    (``PL_GLOBAL_SEED``) or 0, because PyTorch's default generator may differ from rank to rank.

    **Ranks.** Every rank takes ``ceil(count / ranks)`` items. Random streams go on past `count`,
    so parts are disjoint; finite ones are cut into runs, and the last run is filled up with the
    first items (fewer than there are ranks) so that no rank waits for another.

    **Resuming.** `state_dict` and `load_state_dict`, also in the middle of an epoch.
    """

    #: Whether positions past the count are fresh draws.
    _endless = False

    _epoch: int | None = None
    _base: int | None = None
    _passes = 0
    _seed: int | None = None
    _position = 0
    _resume: dict[str, Any] | None = None

    def _init_stream(
        self, generator: AnyGenerator, rank: int | None, num_replicas: int | None
    ) -> None:
        if (rank is None) != (num_replicas is None):
            raise ConfigError(
                f"rank is {rank} and num_replicas is {num_replicas}; give both, or neither to take "
                "them from torch.distributed"
            )
        if rank is not None and num_replicas is not None and not 0 <= rank < num_replicas:
            raise ConfigError(f"rank is {rank}; expected 0 <= rank < num_replicas = {num_replicas}")
        self._source = SeedSource(generator)
        self._place = None if rank is None or num_replicas is None else (rank, num_replicas)

    # ---- what a sampler implements -----------------------------------------------------------

    def _count(self) -> int:
        """Items of one epoch over all ranks."""
        raise TypeError(f"{type(self).__name__} implements neither __iter__ and __len__ nor _count")

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[T]:
        """Items number `keep` (ascending, within [0, BLOCK)) of a block of the stream `seed`."""
        raise TypeError(f"{type(self).__name__} implements neither __iter__ nor _block")

    # ---- ranks -------------------------------------------------------------------------------

    def _ranks(self) -> tuple[int, int]:
        """(rank, number of ranks), looked up when needed: groups start after samplers are made."""
        if self._place is not None:
            return self._place
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    def _own(self, start: int, stop: int, total: int) -> NDArray[np.int64]:
        """Positions in the stream of this rank's items `start` to `stop`."""
        rank, ranks = self._ranks()
        steps = np.arange(start, stop, dtype=np.int64)
        if self._endless:
            return steps * ranks + rank
        return (steps + rank * -(-total // ranks)) % total

    def __len__(self) -> int:
        """Number of items that one epoch gives to this rank."""
        return -(-self._count() // self._ranks()[1])

    # ---- epochs ------------------------------------------------------------------------------

    def set_epoch(self, epoch: int) -> None:
        """Make the next iteration that of epoch `epoch`: the same epoch, the same items."""
        self._epoch = int(epoch)

    def _epoch_seed(self) -> int:
        alone = self._ranks()[1] == 1 or self._source.given
        if self._epoch is None and alone:
            return self._source.draw()
        if self._base is None:
            self._base = (
                self._source.draw() if alone else int(os.environ.get("PL_GLOBAL_SEED", "0") or 0)
            )
        return mix(self._base, self._passes if self._epoch is None else self._epoch)

    def _begin(self) -> tuple[int, int]:
        resume, self._resume = self._resume, None
        if resume is not None and resume["epoch"] == self._epoch:
            return resume["seed"], resume["position"]
        seed = self._epoch_seed()
        self._passes += 1
        return seed, 0

    def __iter__(self) -> Iterator[T]:
        """Yield this rank's items of one epoch."""
        seed, start = self._begin()
        self._seed, self._position = seed, start
        return self._items(seed, start)

    def _items(self, seed: int, start: int) -> Iterator[T]:
        total, length = self._count(), len(self)
        while start < length:
            stop = min(start + BLOCK, length)
            own = self._own(start, stop, total)
            cuts = np.flatnonzero(np.diff(own // BLOCK)) + 1
            for part in np.split(own, cuts):
                number = int(part[0]) // BLOCK
                for item in self._block(seed, number, part - number * BLOCK):
                    start += 1
                    self._position = start
                    yield item
        self._seed, self._position = None, 0

    # ---- resuming ----------------------------------------------------------------------------

    def state_dict(self, *, position: int | None = None) -> dict[str, Any]:
        """Where this sampler stands, to be saved with a checkpoint.

        Args:
            position: Number of items of this epoch that were used. By default the number handed
                out, which with worker processes is ahead of the training by what they prefetch:
                then give ``batches done * batch size``.
        """
        seed = self._seed
        place = self._position if position is None else int(position)
        if seed is None or place >= len(self):
            seed, place = None, 0  # between epochs
        return {
            "seed": seed,
            "position": place,
            "epoch": self._epoch,
            "base": self._base,
            "passes": self._passes,
            "generator": self._source.state(),
            "ranks": self._ranks()[1],
            "count": self._count(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`: the next iteration gives the rest of that epoch.

        A `set_epoch` to another epoch before that iteration drops the rest. A generator that was
        given continues too; PyTorch's default generator is its owner's to restore.

        Raises:
            ConfigError: The state is of another number of ranks or of another stream.
        """
        if missing := {"seed", "position", "epoch", "base", "ranks", "count"} - set(state):
            raise ConfigError(
                f"the sampler state lacks {sorted(missing)}; expected what "
                f"{type(self).__name__}.state_dict returned"
            )
        for key, here in (("ranks", self._ranks()[1]), ("count", self._count())):
            if state[key] != here:
                raise ConfigError(
                    f"the sampler state was saved with {key} = {state[key]} and this sampler has "
                    f"{here}; resume with the same dataset, arguments and number of ranks, or "
                    "start the epoch anew"
                )
        self._epoch, self._base = state["epoch"], state["base"]
        self._passes = state.get("passes", 0)
        self._source.restore(state.get("generator"))
        self._resume = None if state["seed"] is None else dict(state)
        self._seed, self._position = state["seed"], state["position"]


class GeoSampler(Stream[GeoSlice], DistributedSampler[GeoSlice]):  # type: ignore[misc]
    """Base of samplers that yield one query (x, y, t) at a time.

    It is a `DistributedSampler`, so that Lightning and others leave it in place under distributed
    training: it finds its rank by itself. Subclasses of users may simply implement `__iter__` and
    `__len__`.

    Args:
        dataset: The layer to sample from; `index`, `res` and `crs` are read.
        roi: Region of interest in the dataset's CRS.
        toi: Time of interest.
        generator: Source of all randomness; None is PyTorch's default generator.
        rank: This process's number among `num_replicas`; by default what torch.distributed says.
        num_replicas: Number of processes that share the epoch.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        roi: BaseGeometry | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        *,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        self._init_stream(generator, rank, num_replicas)
        # Names that DistributedSampler has and its users read. The dataset itself is not kept:
        # a sampler needs its rows only.
        self.res = (float(dataset.res[0]), float(dataset.res[1]))
        self.crs = dataset.crs
        self.roi = roi
        self.toi = toi
        self.shuffle = self._endless
        self.drop_last = False

    def set_epoch(self, epoch: int) -> None:
        """Make the next iteration that of epoch `epoch`: the same epoch, the same items."""
        Stream.set_epoch(self, epoch)
        self.epoch = self._epoch or 0

    @property
    def num_replicas(self) -> int:  # type: ignore[override]
        """Number of processes that share an epoch."""
        return self._ranks()[1]

    @property
    def rank(self) -> int:  # type: ignore[override]
        """Number of the process this is, among them."""
        return self._ranks()[0]


class BatchGeoSampler(Stream[list[GeoSlice]], BatchSampler):  # type: ignore[misc]
    """Base of samplers that yield a batch (a list) of queries at a time.

    Give it to a DataLoader as ``batch_sampler``. Arguments as for `GeoSampler`.
    """

    batch_size: int = 1
    drop_last: bool = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep the arguments where Lightning looks for them.

        Under distributed training it makes batch samplers anew with a sampler of its own (which is
        ignored, see `RandomBatchGeoSampler`), and captures the arguments only of those that were
        made inside of a data module's loader methods.
        """
        self = super().__new__(cls)
        try:
            bound = inspect.signature(cls).bind(*args, **kwargs).arguments
        except TypeError:  # __init__ says it better
            return self
        for name, value in (
            ("args", ()), ("kwargs", dict(bound)), ("arg_names", ()),
            ("default_kwargs", {"sampler": None}),
        ):  # fmt: skip
            setattr(self, f"__pl_saved_{name}", value)
        return self

    def __init__(
        self,
        dataset: GeoDataset,
        roi: BaseGeometry | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        *,
        generator: AnyGenerator = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        self._init_stream(generator, rank, num_replicas)
        self.res = (float(dataset.res[0]), float(dataset.res[1]))
        self.crs = dataset.crs
        self.roi = roi
        self.toi = toi

    @property
    def sampler(self) -> Any:  # type: ignore[override]
        """The sampler itself: training loops call ``batch_sampler.sampler.set_epoch``."""
        return self
