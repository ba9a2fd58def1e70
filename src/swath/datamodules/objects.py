"""Data modules of published datasets of objects, counts and winds."""

from __future__ import annotations

import abc
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Subset

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datasets import (
    FAIR1M,
    VHR10,
    COWCCounting,
    NASAMarineDebris,
    SpaceNet,
    SpaceNet1,
    SpaceNet6,
    SpaceNet7,
    TropicalCyclone,
)
from swath.errors import ConfigError
from swath.typing import Sample

__all__ = [
    "COWCCountingDataModule",
    "FAIR1MDataModule",
    "FitObjects",
    "GroupedDataModule",
    "NASAMarineDebrisDataModule",
    "SpaceNet1DataModule",
    "SpaceNet6DataModule",
    "SpaceNetBaseDataModule",
    "TropicalCycloneDataModule",
    "VHR10DataModule",
]


class FitObjects:
    """Brings an image and its objects to one size, so that images of any size make a batch.

    The image keeps its proportions: it is scaled bilinearly until its longer side fits, and what
    is left at the right and below is 0. Boxes and masks go with it.

    Args:
        size: (height, width), or the side of a square.
        then: Called with the result.

    Raises:
        ConfigError: A size that is not positive.
    """

    def __init__(
        self, size: tuple[int, int] | int, then: Callable[[Sample], Sample] | None = None
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.then = then
        if len(self.size) != 2 or min(self.size) < 1:
            raise ConfigError(
                f"patch_size is {size}: expected a side, or (height, width), in pixels"
            )

    def __call__(self, sample: Sample) -> Sample:
        """The sample at its new size."""
        out = dict(sample)
        high, wide = sample["image"].shape[-2:]
        scale = min(self.size[0] / high, self.size[1] / wide)
        inner = max(round(high * scale), 1), max(round(wide * scale), 1)
        pad = (0, self.size[1] - inner[1], 0, self.size[0] - inner[0])
        image = functional.interpolate(
            sample["image"][None], inner, mode="bilinear", align_corners=False, antialias=True
        )[0]
        out["image"] = functional.pad(image, pad)
        if "bbox_xyxy" in sample:
            factors = torch.tensor([inner[1] / wide, inner[0] / high])
            out["bbox_xyxy"] = sample["bbox_xyxy"] * factors.repeat(2)
        if "mask" in sample:
            mask = sample["mask"]
            if len(mask):
                mask = functional.interpolate(mask[None], inner, mode="nearest-exact")[0]
            else:
                mask = mask.new_zeros((0, *inner))
            out["mask"] = functional.pad(mask, pad)
        return out if self.then is None else self.then(out)


class VHR10DataModule(CutBenchmarkDataModule):
    """NWPU VHR-10: the images with objects, cut into train, val and test by lot.

    Args:
        batch_size: Samples in a batch.
        patch_size: Images are brought to this (height, width), or to a square (`FitObjects`).
        num_workers: Processes that read.
        val_split_pct: Share of the images that is validated.
        test_split_pct: Share that is tested.
        **kwargs: ``seed``, and arguments of `swath.datasets.VHR10`.
    """

    dataset = VHR10
    source = "positive"
    stages: ClassVar[Mapping[str, str]] = {
        "train": "positive", "val": "-", "test": "-", "predict": "-",
    }  # fmt: skip

    def __init__(
        self,
        batch_size: int = 64,
        patch_size: tuple[int, int] | int = 512,
        num_workers: int = 0,
        val_split_pct: float = 0.2,
        test_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        fit = FitObjects(patch_size, kwargs.pop("transforms", None))
        super().__init__(
            batch_size, num_workers, val_split_pct, test_split_pct, transforms=fit, **kwargs
        )


class _Detection(FitObjects):
    """As `FitObjects`, for detectors: classes count from 1, and boxes are upright."""

    def __call__(self, sample: Sample) -> Sample:
        """The sample with labels of 1 and more; where there is one class, all of them are 1."""
        count = len(sample.get("bbox_xyxy", ()))
        out = {key: value for key, value in sample.items() if key != "bbox"}
        if "bbox_xyxy" in sample:
            out["label"] = sample.get("label", torch.zeros(count, dtype=torch.int64)) + 1
        return super().__call__(out)


class FAIR1MDataModule(BenchmarkDataModule):
    """FAIR1M with its own splits; ``test`` has no labels, and is predicted.

    For detectors ``label`` counts from 1 (the dataset's from 0), ``bbox_xyxy`` are the upright
    boxes, and the oriented ones are left out.

    Args:
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        patch_size: Images are brought to this (height, width), or to a square (`FitObjects`).
        **kwargs: Arguments of `swath.datasets.FAIR1M`.
    """

    dataset = FAIR1M
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "val", "test": "val", "predict": "test",
    }  # fmt: skip

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        patch_size: tuple[int, int] | int = 1024,
        **kwargs: Any,
    ) -> None:
        fit = _Detection(patch_size, kwargs.pop("transforms", None))
        super().__init__(batch_size, num_workers, transforms=fit, **kwargs)


class NASAMarineDebrisDataModule(CutBenchmarkDataModule):
    """NASA Marine Debris, cut into train, val and test by lot; all objects have the label 1."""

    dataset = NASAMarineDebris
    stages: ClassVar[Mapping[str, str]] = {"train": "-", "val": "-", "test": "-", "predict": "-"}

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        val_split_pct: float = 0.2,
        test_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        fit = _Detection(256, kwargs.pop("transforms", None))
        super().__init__(
            batch_size, num_workers, val_split_pct, test_split_pct, transforms=fit, **kwargs
        )


class GroupedDataModule(CutBenchmarkDataModule, abc.ABC):
    """A dataset whose samples come in groups that must not be on both sides of a cut."""

    @abc.abstractmethod
    def groups(self, whole: Any) -> Sequence[str]:
        """The group of each sample: what shows the same storm, or the same ground."""

    def _cut(self) -> dict[str, Any]:
        whole = self._split(self.source)
        names, group = np.unique(np.asarray(self.groups(whole)), return_inverse=True)
        order = np.random.default_rng(self.seed).permutation(len(names))
        cut, start = {}, 0
        for stage, share in self.shares.items():
            stop = start + round(share * len(names))
            chosen = np.isin(group, order[start:stop])
            cut[stage] = Subset(whole, np.flatnonzero(chosen).tolist())
            start = stop
        cut["train"] = Subset(whole, np.flatnonzero(np.isin(group, order[start:])).tolist())
        if not len(cut["train"]):
            raise ConfigError(f"{len(names)} groups leave none to train on: use smaller shares")
        return cut


class COWCCountingDataModule(CutBenchmarkDataModule):
    """Cars Overhead With Context, counting: a share of the training patches is validated."""

    dataset = COWCCounting
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "-", "test": "test", "predict": "test",
    }  # fmt: skip


class TropicalCycloneDataModule(GroupedDataModule):
    """Tropical Cyclone: a share of the training storms is validated, each with all its frames."""

    dataset = TropicalCyclone
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "-", "test": "test", "predict": "test",
    }  # fmt: skip

    def groups(self, whole: TropicalCyclone) -> Sequence[str]:
        """Storms."""
        return whole.sample_rows.columns["storm"].tolist()


class SpaceNetBaseDataModule(GroupedDataModule):
    """A SpaceNet challenge: val and test are cut from what has labels.

    Images that share their labels (SpaceNet 4, 8), or show one place in several months
    (SpaceNet 7), stay on one side. Prediction is over the challenge's own test images.

    Args:
        spacenet_ds_class: The challenge.
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        val_split_pct: Share of the chips that is validated.
        test_split_pct: Share that is tested.
        **kwargs: ``seed``, and arguments of the dataset.
    """

    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "-", "test": "-", "predict": "test",
    }  # fmt: skip

    def __init__(
        self,
        spacenet_ds_class: type[SpaceNet],
        batch_size: int = 64,
        num_workers: int = 0,
        val_split_pct: float = 0.1,
        test_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        vars(self)["dataset"] = spacenet_ds_class
        super().__init__(batch_size, num_workers, val_split_pct, test_split_pct, **kwargs)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the product's bands."""
        kind: type[SpaceNet] = vars(self)["dataset"]
        product = kind.products[self.kwargs.get("image") or kind.valid_images["train"][0]]
        return tuple(self.kwargs.get("bands") or product.bands)

    def groups(self, whole: SpaceNet) -> Sequence[str]:
        """Places."""
        labels: list[str] = whole.sample_rows.columns["labels"].tolist()
        series = isinstance(whole, SpaceNet7)
        return [os.path.dirname(path) for path in labels] if series else labels

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage needs."""
        if stage == "predict":
            self.predict_dataset = self._split(self.stages["predict"])
        else:
            super().setup(stage)


class SpaceNet1DataModule(SpaceNetBaseDataModule):
    """SpaceNet 1: buildings of Rio de Janeiro; see `SpaceNetBaseDataModule`."""

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        val_split_pct: float = 0.1,
        test_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            SpaceNet1, batch_size, num_workers, val_split_pct, test_split_pct, **kwargs
        )


class SpaceNet6DataModule(SpaceNetBaseDataModule):
    """SpaceNet 6: buildings of Rotterdam, by radar or optically; see `SpaceNetBaseDataModule`."""

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        val_split_pct: float = 0.1,
        test_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            SpaceNet6, batch_size, num_workers, val_split_pct, test_split_pct, **kwargs
        )
