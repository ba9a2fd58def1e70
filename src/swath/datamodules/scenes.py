"""Data modules of published datasets with labels of whole images: scenes, zones, land cover."""

from __future__ import annotations

from typing import Any, ClassVar

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datasets import Benchmark
from swath.datasets.benchmarks.advance import ADVANCE
from swath.datasets.benchmarks.bigearthnet import BigEarthNet
from swath.datasets.benchmarks.bigearthnet_v2 import BigEarthNetV2
from swath.datasets.benchmarks.eurosat import EuroSAT, EuroSAT100, EuroSATRGB, EuroSATSpatial
from swath.datasets.benchmarks.patternnet import PatternNet
from swath.datasets.benchmarks.resisc45 import RESISC45
from swath.datasets.benchmarks.so2sat import So2Sat
from swath.datasets.benchmarks.ucmerced import UCMerced
from swath.errors import ConfigError, nearest

__all__ = [
    "ADVANCEDataModule",
    "BigEarthNetDataModule",
    "BigEarthNetV2DataModule",
    "EuroSAT100DataModule",
    "EuroSATDataModule",
    "EuroSATRGBDataModule",
    "EuroSATSpatialDataModule",
    "PatternNetDataModule",
    "RESISC45DataModule",
    "So2SatDataModule",
    "UCMercedDataModule",
]

#: What Sentinel-2's numbers are divided by to give reflectance.
_REFLECTANCE = 10_000.0


class EuroSATDataModule(BenchmarkDataModule):
    """`EuroSAT`. Reflectance is normalised by 0 and 1 where a task is not told otherwise."""

    dataset = EuroSAT
    default_std = _REFLECTANCE


class EuroSATSpatialDataModule(EuroSATDataModule):
    """`EuroSATSpatial`."""

    dataset = EuroSATSpatial


class EuroSAT100DataModule(EuroSATDataModule):
    """`EuroSAT100`."""

    dataset = EuroSAT100


class EuroSATRGBDataModule(BenchmarkDataModule):
    """`EuroSATRGB`."""

    dataset = EuroSATRGB


class RESISC45DataModule(BenchmarkDataModule):
    """`RESISC45`."""

    dataset = RESISC45


class PatternNetDataModule(CutBenchmarkDataModule):
    """`PatternNet`, which has no splits: they are cut by lot."""

    dataset = PatternNet


class ADVANCEDataModule(CutBenchmarkDataModule):
    """`ADVANCE`, which has no splits: they are cut by lot."""

    dataset = ADVANCE


class UCMercedDataModule(BenchmarkDataModule):
    """`UCMerced`."""

    dataset = UCMerced


class So2SatDataModule(CutBenchmarkDataModule):
    """`So2Sat`. Version 2 has its own validation samples; version 3's are cut from training.

    Args:
        batch_size: Samples in a batch.
        num_workers: Processes that read.
        band_set: ``"all"``, ``"s1"``, ``"s2"`` or ``"rgb"``.
        val_split_pct: Share of version 3's training samples that is validated.
        **kwargs: Arguments of `So2Sat`.

    Raises:
        ConfigError: There is no such band set, or `val_split_pct` is no share.
    """

    dataset = So2Sat
    stages = {  # noqa: RUF012
        "train": "train", "val": "validation", "test": "test", "predict": "test",
    }  # fmt: skip
    default_std = 1.0  # reflectance and backscatter, as they are

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        band_set: str = "all",
        val_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        if band_set not in So2Sat.BAND_SETS:
            raise ConfigError(
                f"So2Sat has no band set {band_set!r}: {nearest(band_set, So2Sat.BAND_SETS)}"
            )
        kwargs.setdefault("bands", So2Sat.BAND_SETS[band_set])
        super().__init__(batch_size, num_workers, val_split_pct, 0.0, **kwargs)
        if kwargs.get("version", "2") != "2":
            self.shares = {"val": val_split_pct}


class BigEarthNetDataModule(BenchmarkDataModule):
    """`BigEarthNet`: reflectance and decibels become numbers of about 1."""

    dataset: ClassVar[type[Benchmark]] = BigEarthNet

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the images' bands."""
        return self.dataset.BAND_SETS[self.kwargs.get("bands", "all")]

    def normalisation(self) -> tuple[list[float], list[float]]:
        """0, and the unit of each band."""
        radar = self.dataset.BAND_SETS["s1"]
        scale = [10.0 if band in radar else _REFLECTANCE for band in self.bands]
        return [0.0] * len(scale), scale


class BigEarthNetV2DataModule(BigEarthNetDataModule):
    """`BigEarthNetV2`, Sentinel-2 alone unless ``bands`` says otherwise."""

    dataset = BigEarthNetV2

    def __init__(self, batch_size: int = 64, num_workers: int = 0, **kwargs: Any) -> None:
        kwargs.setdefault("bands", "s2")
        super().__init__(batch_size, num_workers, **kwargs)
