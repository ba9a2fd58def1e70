"""Data modules of published datasets whose images are too large to be read whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch.utils.data import DataLoader, Sampler

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datasets.catalogue.patches import Patches
from swath.errors import ConfigError
from swath.typing import Sample

__all__ = ["CutPatchDataModule", "PatchDataModule", "PatchOrder"]


class PatchOrder(Sampler[int]):
    """Patches in an order in which each batch is from few images, and all images come up.

    Args:
        patches: Random patches, those of an image with consecutive numbers.
        batch_size: Patches in a batch.
        images: Images that a batch is from, at most.
    """

    def __init__(self, patches: Patches, batch_size: int, images: int) -> None:
        self.patches = patches
        self.share = max(1, batch_size // images)

    def __len__(self) -> int:
        return len(self.patches)

    def __iter__(self) -> Iterator[int]:
        """Runs of patches of one image, in random order; from PyTorch's generator."""
        each = self.patches.per_image or 1
        starts = [
            (image * each + first, min(self.share, each - first))
            for image in range(len(self.patches.images))
            for first in range(0, each, self.share)
        ]
        for i in torch.randperm(len(starts)).tolist():
            first, count = starts[i]
            yield from range(first, first + count)


class PatchDataModule(BenchmarkDataModule):
    """Random patches of large images in training, a grid of them otherwise.

    Only the patches are read, and not the images around them. The grid of the test and of
    prediction covers the images; in validation it is thinned.

    Args:
        batch_size: Patches in a batch.
        patch_size: Of a patch in pixels: one number, or (height, width).
        num_workers: Processes that read.
        patches_per_image: Random patches of an image in an epoch of training; a batch of them by
            default.
        val_patches_per_image: Of an image that are validated, spread evenly over it; as many as in
            training by default, and 0 for all.
        **kwargs: Arguments of the dataset.

    Raises:
        ConfigError: There is nothing to test on: the truth is not published.
    """

    #: Images that the patches of a training batch are from: some variety, and few files to open.
    images_per_batch: ClassVar[int] = 16

    def __init__(
        self,
        batch_size: int = 64,
        patch_size: int | tuple[int, int] = 64,
        num_workers: int = 0,
        patches_per_image: int | None = None,
        val_patches_per_image: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, num_workers, **kwargs)
        self._patches(patch_size, patches_per_image, val_patches_per_image)

    def _patches(
        self,
        size: int | tuple[int, int],
        per_image: int | None,
        val_per_image: int | None,
    ) -> None:
        self.patch_size = size
        self.patches_per_image = per_image or self.batch_size
        self.val_patches_per_image = (
            self.patches_per_image if val_per_image is None else val_per_image or None
        )

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage needs."""
        if stage not in ("fit", "validate") and stage not in self.stages:
            raise ConfigError(
                f"{type(self).__name__} has nothing for the stage {stage!r}: no images of "
                f"{self.dataset.__name__} are published for it with their truth. It has "
                f"{', '.join(self.stages)}"
            )
        super().setup(stage)
        counts = {"train": self.patches_per_image, "val": self.val_patches_per_image}
        for part in ("train", "val", "test", "predict"):
            dataset = getattr(self, f"{part}_dataset")
            if dataset is not None and not isinstance(dataset, Patches):
                cut = Patches(dataset, self.patch_size, counts.get(part), random=part == "train")
                setattr(self, f"{part}_dataset", cut)

    def train_dataloader(self) -> DataLoader[Sample]:
        """Random patches; a last batch of one is left out, which batch norms could not bear."""
        dataset: Patches = self._part("train")
        alone = len(dataset) > 1 and len(dataset) % self.batch_size == 1
        order = PatchOrder(dataset, self.batch_size, self.images_per_batch)
        return self._loader(dataset, sampler=order, drop_last=alone)


class CutPatchDataModule(PatchDataModule, CutBenchmarkDataModule):
    """A `PatchDataModule` that cuts images off the training ones for validation.

    Args:
        batch_size: Patches in a batch.
        patch_size: As in `PatchDataModule`.
        val_split_pct: Share of the training images that is validated.
        num_workers: Processes that read.
        patches_per_image: As in `PatchDataModule`.
        val_patches_per_image: As in `PatchDataModule`.
        seed: Decides which images.
        **kwargs: Arguments of the dataset.
    """

    def __init__(
        self,
        batch_size: int = 64,
        patch_size: int | tuple[int, int] = 64,
        val_split_pct: float = 0.2,
        num_workers: int = 0,
        patches_per_image: int | None = None,
        val_patches_per_image: int | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        CutBenchmarkDataModule.__init__(
            self, batch_size, num_workers, val_split_pct, seed=seed, **kwargs
        )
        self._patches(patch_size, patches_per_image, val_patches_per_image)
