"""Data modules over ready-made samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Subset

from swath.datamodules.geo import BaseDataModule, parts_of
from swath.datasets import (
    NonGeoClassificationDataset,
    NonGeoDataset,
    stack_samples,
    stratified_split,
)
from swath.errors import ConfigError
from swath.typing import Sample

__all__ = ["FolderDataModule", "NonGeoDataModule"]


class NonGeoDataModule(BaseDataModule):
    """Shuffled samples in training, all of them in order otherwise.

    Args:
        dataset_class: A `NonGeoDataset` with an argument `split`; a subclass with splits of its own
            overrides `setup`, which sets ``train_dataset``, ``val_dataset`` and so on.
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        **kwargs: Arguments of `dataset_class`.
    """

    def __init__(
        self,
        dataset_class: type[NonGeoDataset],
        batch_size: int = 1,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset_class, batch_size, num_workers, **kwargs)

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage (fit, validate, test, predict) needs."""
        for part in parts_of(stage):
            setattr(self, f"{part}_dataset", self.dataset_class(split=part, **self.kwargs))  # type: ignore[call-arg]

    def train_dataloader(self) -> DataLoader[Sample]:
        """Shuffled; a last batch of one sample is left out, which batch norms could not bear."""
        dataset = self._part("train")
        alone = len(dataset) > 1 and len(dataset) % self.batch_size == 1
        return self._loader(dataset, shuffle=True, drop_last=alone)

    def val_dataloader(self) -> DataLoader[Sample]:
        """In order."""
        return self._loader(self._part("val"))

    def test_dataloader(self) -> DataLoader[Sample]:
        """In order."""
        return self._loader(self._part("test"))

    def predict_dataloader(self) -> DataLoader[Sample]:
        """In order."""
        return self._loader(self._part("predict"))

    def _loader(self, dataset: Dataset[Sample], **options: Any) -> DataLoader[Sample]:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            collate_fn=stack_samples,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
            **options,
        )


class FolderDataModule(NonGeoDataModule):
    """Images in a folder a class, split by class into train, val and test.

    Args:
        root: A folder with a folder a class (`NonGeoClassificationDataset`).
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        fractions: Of train, val and test.
        seed: Decides which image goes where; independent of the training's seed.
        **kwargs: Of `NonGeoClassificationDataset`.

    Raises:
        ConfigError: Not three fractions.
    """

    def __init__(
        self,
        root: str = "data",
        batch_size: int = 64,
        num_workers: int = 0,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(NonGeoClassificationDataset, batch_size, num_workers, root=root, **kwargs)
        if len(fractions) != 3:
            raise ConfigError(f"fractions is {list(fractions)}: expected train, val and test")
        self.fractions, self.seed = tuple(fractions), seed

    def setup(self, stage: str) -> None:
        """Read the folders and split them; prediction is over all images."""
        if self.train_dataset is not None:
            return
        whole = NonGeoClassificationDataset(**self.kwargs)
        self.classes = whole.classes
        parts = stratified_split(whole.targets, self.fractions, self.seed)
        for name, part in zip(("train", "val", "test"), parts, strict=True):
            setattr(self, f"{name}_dataset", Subset(whole, part.tolist()))
        self.predict_dataset = whole
