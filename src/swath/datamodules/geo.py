"""The skeleton of data modules over layers: samplers by stage, batches to the device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Sampler

from swath.datasets import GeoDataset, stack_samples
from swath.datasets.folder import NO_LABEL
from swath.errors import ConfigError
from swath.typing import Sample

__all__ = ["BaseDataModule", "GeoDataModule", "parts_of"]


class BaseDataModule(LightningDataModule):
    """What data modules share: options, loaders by stage, the move to the device.

    Augmentations are attributes: ``train_aug``, ``val_aug``, ``test_aug``, ``predict_aug``, and
    ``aug`` for the stages that have none; each takes a batch (`swath.transforms.Augmentation`) and
    runs where the model is.

    Args:
        dataset_class: What `setup` makes, with `kwargs` and the split.
        batch_size: Samples in a batch.
        num_workers: Processes that read; 0 reads in the main one.
        kwargs: Arguments of `dataset_class`.
    """

    def __init__(
        self, dataset_class: type[Any], batch_size: int = 1, num_workers: int = 0, **kwargs: Any
    ) -> None:
        super().__init__()
        if batch_size < 1 or num_workers < 0:
            raise ConfigError(
                f"batch_size is at least 1 and num_workers at least 0; got {batch_size} and "
                f"{num_workers}"
            )
        self.dataset_class = dataset_class
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.kwargs = kwargs
        self.train_dataset: Any = None
        self.val_dataset: Any = None
        self.test_dataset: Any = None
        self.predict_dataset: Any = None
        self.aug: Any = None
        self.train_aug: Any = None
        self.val_aug: Any = None
        self.test_aug: Any = None
        self.predict_aug: Any = None

    def prepare_data(self) -> None:
        """Download where that was asked for: once, in one process."""
        if self.kwargs.get("download"):
            self.dataset_class(**self.kwargs)

    def transfer_batch_to_device(
        self, batch: Sample, device: torch.device, dataloader_idx: int
    ) -> Sample:
        """Tensors go to the device; names, paths and lists of them stay what they are."""
        moved: Sample = {}
        for key, value in batch.items():
            # float64 coordinates are not known to every accelerator, and no network eats them.
            stays = not isinstance(value, torch.Tensor) or key in {"bounds", "transform"}
            moved[key] = value if stays else value.to(device, non_blocking=True)
        return moved

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """The batch, augmented as its stage wants it."""
        stage = self._stage()
        if stage is None:
            return batch
        chosen = getattr(self, f"{stage}_aug")
        augment = chosen if chosen is not None else self.aug
        augmented: Sample = batch if augment is None else augment(batch)
        return augmented

    def _stage(self) -> str | None:
        trainer = self.trainer
        if trainer is None:
            return None
        if trainer.training:
            return "train"
        if trainer.validating or trainer.sanity_checking:
            return "val"
        return "test" if trainer.testing else "predict" if trainer.predicting else None

    def _part(self, stage: str) -> Any:
        dataset = getattr(self, f"{stage}_dataset")
        if dataset is None:
            raise ConfigError(
                f"{type(self).__name__} has no data for stage {stage!r}: setup() made none"
            )
        return dataset


class GeoDataModule(BaseDataModule):
    """Random patches in training, a grid of patches over everything else.

    Args:
        dataset_class: A `GeoDataset` with an argument `split`; a subclass with splits of its own
            overrides `setup`, which sets ``train_dataset``, ``val_dataset`` and so on.
        batch_size: Patches in a batch.
        patch_size: Side of a patch in pixels: one number or (height, width).
        length: Patches in an epoch of training; by default as many as cover the ground once.
        num_workers: Processes that read.
        kwargs: Arguments of `dataset_class`.
    """

    def __init__(
        self,
        dataset_class: type[GeoDataset],
        batch_size: int = 1,
        patch_size: int | tuple[int, int] = 64,
        length: int | None = None,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset_class, batch_size, num_workers, **kwargs)
        self.patch_size = patch_size
        self.length = length
        self.generator: torch.Generator | None = None

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage (fit, validate, test, predict) needs."""
        for part in parts_of(stage):
            setattr(self, f"{part}_dataset", self.dataset_class(split=part, **self.kwargs))

    def train_dataloader(self) -> DataLoader[Sample]:
        """Random patches."""
        from swath.samplers import RandomGeoSampler

        dataset = self._part("train")
        sampler = RandomGeoSampler(
            dataset, self.patch_size, length=self.length, generator=self.generator
        )
        return self._loader(dataset, sampler)

    def val_dataloader(self) -> DataLoader[Sample]:
        """A grid of patches."""
        return self._grid("val")

    def test_dataloader(self) -> DataLoader[Sample]:
        """A grid of patches."""
        return self._grid("test")

    def predict_dataloader(self) -> DataLoader[Sample]:
        """A grid of patches."""
        return self._grid("predict")

    def _grid(self, stage: str) -> DataLoader[Sample]:
        from swath.samplers import GridGeoSampler

        dataset = self._part(stage)
        size = self.patch_size
        shape = (size, size) if isinstance(size, int) else (size[0], size[1])
        return self._loader(dataset, GridGeoSampler(dataset, size, size), shape)

    def _loader(
        self, dataset: GeoDataset, sampler: Sampler[Any], shape: tuple[int, int] | None = None
    ) -> DataLoader[Sample]:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=stack_samples if shape is None else partial(stack_padded, shape=shape),
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
        )


def parts_of(stage: str) -> tuple[str, ...]:
    """The datasets of a stage, by name. Lightning's own stages are texts that print otherwise."""
    name = str(getattr(stage, "value", stage))
    return {"fit": ("train", "val"), "validate": ("val",)}.get(name, (name,))


def stack_padded(samples: Sequence[Sample], shape: tuple[int, int]) -> Sample:
    """Stack samples of which some are smaller than `shape`, as at the edges of a split's parts.

    Such a sample is filled up to the right and below: images with 0, ``valid`` with False, masks
    with `NO_LABEL`; those of numbers (float) with NaN, those of objects (N, H, W) with 0.
    """
    if all(sample["image"].shape[-2:] == shape for sample in samples):
        return stack_samples(samples)
    keys = ("image", "mask", "valid")
    padded = []
    for sample in samples:
        mask = sample.get("mask")
        if mask is not None and mask.ndim == 2 and mask.dtype in (torch.uint8, torch.bool):
            sample = {**sample, "mask": mask.long()}  # room for NO_LABEL
        height, width = sample["image"].shape[-2:]
        beyond = (0, shape[1] - width, 0, shape[0] - height)
        padded.append(
            {
                key: torch.nn.functional.pad(value, beyond, value=_beyond(key, value))
                if key in keys
                else value
                for key, value in sample.items()
            }
        )
    return stack_samples(padded)


def _beyond(key: str, value: torch.Tensor) -> float:
    """What is where nothing was read."""
    if key != "mask" or (value.ndim == 3 and value.dtype in (torch.uint8, torch.bool)):
        return 0
    return torch.nan if value.is_floating_point() else NO_LABEL
