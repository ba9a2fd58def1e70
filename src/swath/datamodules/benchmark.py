"""Data modules of published datasets: a class and its splits are all that one has to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from torch.utils.data import Subset

from swath.datamodules.geo import parts_of
from swath.datamodules.nongeo import NonGeoDataModule
from swath.datasets import Benchmark
from swath.errors import ConfigError

__all__ = ["BenchmarkDataModule", "CutBenchmarkDataModule"]


class BenchmarkDataModule(NonGeoDataModule):
    """A published dataset with its own splits. Training images are flipped and turned at random.

    A task that is told no mean and std (and has no published weights that say them) normalises by
    those of the dataset; where none are published, by 0 and 255.

    Args:
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        **kwargs: Arguments of the dataset: ``root``, ``download``, ``checksum``, ``bands``, …
    """

    #: What it is a data module of.
    dataset: ClassVar[type[Benchmark]]
    #: Stage -> split of the dataset.
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "val", "test": "test", "predict": "test",
    }  # fmt: skip
    #: What is subtracted from and divides each band, where the dataset says nothing.
    default_mean: ClassVar[float] = 0.0
    default_std: ClassVar[float] = 255.0

    def __init__(self, batch_size: int = 64, num_workers: int = 0, **kwargs: Any) -> None:
        if "split" in kwargs:
            raise ConfigError(
                f"{type(self).__name__} was given split={kwargs['split']!r}: it chooses the split "
                f"by stage ({dict(self.stages)})"
            )
        super().__init__(self.dataset, batch_size, num_workers, **kwargs)
        self.train_aug = self.train_augmentation()

    def train_augmentation(self) -> Any:
        """What batches of training go through; another class may choose something else."""
        from kornia.augmentation import RandomHorizontalFlip, RandomVerticalFlip

        from swath.transforms import Augmentation

        return Augmentation(RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5))

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, by number."""
        for stage in ("train", "val", "test", "predict"):
            dataset = getattr(self, f"{stage}_dataset")
            if dataset is not None:
                found: Sequence[str] = getattr(dataset, "dataset", dataset).classes
                return found
        return self.dataset.classes if isinstance(self.dataset.classes, Sequence) else ()

    @property
    def colours(self) -> Sequence[tuple[int, ...]]:
        """(red, green, blue) of each class, if they are published."""
        return self.dataset.colours

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the images' bands."""
        return tuple(self.kwargs.get("bands") or self.dataset.all_band_names)

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each band, in the files' values."""
        return (
            [self.dataset.mean.get(band, self.default_mean) for band in self.bands],
            [self.dataset.std.get(band, self.default_std) for band in self.bands],
        )

    def prepare_data(self) -> None:
        """Download every split where that was asked for: once, in one process."""
        if self.kwargs.get("download"):
            for split in dict.fromkeys(self.stages.values()):
                self._split(split)

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage (fit, validate, test, predict) needs."""
        for part in parts_of(stage):
            setattr(self, f"{part}_dataset", self._split(self.stages[part]))

    def _split(self, split: str) -> Any:
        options = {"split": split} if self.dataset.splits else {}
        return self.dataset_class(**options, **self.kwargs)


class CutBenchmarkDataModule(BenchmarkDataModule):
    """A published dataset that lacks splits: those it lacks are cut from the training one by lot.

    Args:
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        val_split_pct: Share of the samples that is validated, where there is no such split.
        test_split_pct: Share that is tested, where there is no such split.
        seed: Decides which; independent of the training's seed.
        **kwargs: Arguments of the dataset.

    Raises:
        ConfigError: Shares that leave nothing to train on.
    """

    #: The split that others are cut from; the whole dataset where there are no splits.
    source: ClassVar[str] = "train"

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        val_split_pct: float = 0.2,
        test_split_pct: float = 0.2,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, num_workers, **kwargs)
        shares = {"val": val_split_pct, "test": test_split_pct}
        self.shares = {
            stage: share for stage, share in shares.items()
            if self.stages[stage] not in self.dataset.splits
        }  # fmt: skip
        if any(not 0 <= s < 1 for s in shares.values()) or sum(self.shares.values()) >= 1:
            raise ConfigError(
                f"val_split_pct is {val_split_pct} and test_split_pct {test_split_pct}: expected "
                "shares from 0 to 1 that leave something to train on"
            )
        self.seed = seed

    def prepare_data(self) -> None:
        """Download where that was asked for: once, in one process."""
        if self.kwargs.get("download"):
            there = [s for s in dict.fromkeys(self.stages.values()) if s in self.dataset.splits]
            for split in there or [self.source]:
                self._split(split)

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage needs; the same parts in every stage."""
        cut = self._cut()
        for part in parts_of(stage):
            name = "test" if part == "predict" else part
            setattr(self, f"{part}_dataset", cut[name] if name in cut
                    else self._split(self.stages[part]))  # fmt: skip

    def _cut(self) -> dict[str, Any]:
        whole = self._split(self.source)
        order = np.random.default_rng(self.seed).permutation(len(whole))
        cut, start = {}, 0
        for name, share in self.shares.items():
            stop = start + round(share * len(whole))
            cut[name] = Subset(whole, sorted(order[start:stop].tolist()))
            start = stop
        cut["train"] = Subset(whole, sorted(order[start:].tolist()))
        empty = [name for name, part in cut.items() if not len(part)]
        if "train" in empty:
            raise ConfigError(f"{len(whole)} samples leave none to train on: use smaller shares")
        return cut
