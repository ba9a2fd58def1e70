"""Data modules of further published datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datamodules.patches import CutPatchDataModule, PatchDataModule
from swath.datasets import (
    SKIPPD,
    DeepGlobeLandCover,
    FireRisk,
    LoveDA,
    SolarPlantsBrazil,
    USAVars,
)

__all__ = [
    "DeepGlobeLandCoverDataModule",
    "FireRiskDataModule",
    "LoveDADataModule",
    "SKIPPDDataModule",
    "SolarPlantsBrazilDataModule",
    "USAVarsDataModule",
]

_CUT = "cut from the training split"


class FireRiskDataModule(BenchmarkDataModule):
    """`FireRisk`: tested on its validation split, as there is no other."""

    dataset = FireRisk
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "val", "test": "val", "predict": "val",
    }  # fmt: skip


class LoveDADataModule(BenchmarkDataModule):
    """`LoveDA`: tested on its validation split, as its test images have no truth."""

    dataset = LoveDA
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "val", "test": "val", "predict": "test",
    }  # fmt: skip

    def __init__(self, batch_size: int = 32, num_workers: int = 0, **kwargs: Any) -> None:
        super().__init__(batch_size, num_workers, **kwargs)


class DeepGlobeLandCoverDataModule(CutPatchDataModule):
    """`DeepGlobeLandCover`: images for validation are cut off the training ones."""

    dataset = DeepGlobeLandCover
    images_per_batch = 4  # its masks are PNGs, which can only be decoded whole
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": _CUT, "test": "test", "predict": "test",
    }  # fmt: skip


class SolarPlantsBrazilDataModule(PatchDataModule):
    """`SolarPlantsBrazil`: patches as large as its images by default."""

    dataset = SolarPlantsBrazil

    def __init__(
        self,
        batch_size: int = 16,
        patch_size: int | tuple[int, int] = 256,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        kwargs = {"patches_per_image": 1, "val_patches_per_image": 0, **kwargs}
        super().__init__(batch_size, patch_size, num_workers, **kwargs)


class SKIPPDDataModule(CutBenchmarkDataModule):
    """`SKIPPD`: samples for validation are cut off the others by lot."""

    dataset = SKIPPD
    source = "trainval"
    stages: ClassVar[Mapping[str, str]] = {
        "train": "trainval", "val": _CUT, "test": "test", "predict": "test",
    }  # fmt: skip


class USAVarsDataModule(BenchmarkDataModule):
    """`USAVars`: the numbers are ``labels``, in the order in which they are asked for."""

    dataset = USAVars
