"""Data modules of pairs of satellite images: what was built, what has burned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from swath.datamodules.benchmark import BenchmarkDataModule
from swath.datamodules.patches import CutPatchDataModule, PatchDataModule
from swath.datasets import OSCD, OSCD100, CaBuAr, ChaBuD

__all__ = ["CaBuArDataModule", "ChaBuDDataModule", "OSCD100DataModule", "OSCDDataModule"]

#: Lowest and highest values of ChaBuD's bands, in their order.
_LOW = (0.0, 1.0, 73.0, 39.0, 46.0, 25.0, 26.0, 21.0, 17.0, 1.0, 20.0, 21.0)
_HIGH = (
    1926.0, 2174.0, 2527.0, 2950.0, 3237.0, 3717.0, 4087.0, 4271.0, 4290.0, 4219.0, 4568.0, 3753.0,
)  # fmt: skip


class OSCDDataModule(CutPatchDataModule):
    """`OSCD`: pairs of patches; cities cut off the training ones are validated."""

    dataset = OSCD
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "-", "test": "test", "predict": "test",
    }  # fmt: skip
    images_per_batch = 4  # 26 files each

    def __init__(
        self,
        batch_size: int = 32,
        patch_size: int | tuple[int, int] = 64,
        val_split_pct: float = 0.2,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, patch_size, val_split_pct, num_workers, **kwargs)


class OSCD100DataModule(PatchDataModule):
    """`OSCD100`: pairs of patches."""

    dataset = OSCD100
    images_per_batch = OSCDDataModule.images_per_batch

    def __init__(
        self,
        batch_size: int = 8,
        patch_size: int | tuple[int, int] = 64,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, patch_size, num_workers, **kwargs)


class ChaBuDDataModule(BenchmarkDataModule):
    """`ChaBuD`; ``val`` is tested too, since there is no other. Bands are brought to 0 to 1."""

    dataset: ClassVar[type[ChaBuD]] = ChaBuD
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "val", "test": "val", "predict": "val",
    }  # fmt: skip

    def normalisation(self) -> tuple[list[float], list[float]]:
        """The lowest value of each band, and how far its highest is from it."""
        at = [self.dataset.all_band_names.index(band) for band in self.bands]
        return [_LOW[i] for i in at], [_HIGH[i] - _LOW[i] for i in at]


class CaBuArDataModule(ChaBuDDataModule):
    """`CaBuAr` with its own splits. Bands are brought to 0 to 1."""

    dataset = CaBuAr
    stages = BenchmarkDataModule.stages
