"""Data modules of published datasets with masks: land cover, buildings, floods, change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datamodules.patches import CutPatchDataModule, PatchDataModule
from swath.datasets.benchmarks.etci2021 import ETCI2021
from swath.datasets.benchmarks.gid15 import GID15
from swath.datasets.benchmarks.inria import InriaAerialImageLabeling
from swath.datasets.benchmarks.isprs import Potsdam2D, Vaihingen2D
from swath.datasets.benchmarks.landcoverai import LandCoverAI, LandCoverAI100
from swath.datasets.benchmarks.levircd import LEVIRCD, LEVIRCDPlus
from swath.datasets.benchmarks.seco import SeasonalContrastS2
from swath.datasets.benchmarks.sen12ms import SEN12MS
from swath.datasets.benchmarks.xview2 import XView2, xBD
from swath.errors import ConfigError, nearest

__all__ = [
    "ETCI2021DataModule",
    "GID15DataModule",
    "InriaAerialImageLabelingDataModule",
    "LEVIRCDDataModule",
    "LEVIRCDPlusDataModule",
    "LandCoverAI100DataModule",
    "LandCoverAIDataModule",
    "Potsdam2DDataModule",
    "SEN12MSDataModule",
    "SeasonalContrastS2DataModule",
    "Vaihingen2DDataModule",
    "XView2DataModule",
    "xBDDataModule",
]

#: A split that no dataset has, so that it is cut from the training one.
_CUT = "cut"


class InriaAerialImageLabelingDataModule(PatchDataModule):
    """`InriaAerialImageLabeling`: buildings; its test images have no truth and are predicted."""

    dataset = InriaAerialImageLabeling
    stages: ClassVar[Mapping[str, str]] = {"train": "train", "val": "val", "predict": "test"}


class Potsdam2DDataModule(CutPatchDataModule):
    """`Potsdam2D`."""

    dataset = Potsdam2D
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": _CUT, "test": "test", "predict": "test",
    }  # fmt: skip


class Vaihingen2DDataModule(CutPatchDataModule):
    """`Vaihingen2D`."""

    dataset = Vaihingen2D
    stages = Potsdam2DDataModule.stages


class GID15DataModule(CutPatchDataModule):
    """`GID15`: tested on its validation split, as its test images have no truth."""

    dataset = GID15
    images_per_batch = 4  # its masks are large PNGs, which can only be decoded whole
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": _CUT, "test": "val", "predict": "test",
    }  # fmt: skip


class LEVIRCDDataModule(PatchDataModule):
    """`LEVIRCD`: pairs of patches."""

    dataset = LEVIRCD
    images_per_batch = 4  # PNGs, which can only be decoded whole

    def __init__(
        self,
        batch_size: int = 8,
        patch_size: int | tuple[int, int] = 256,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, patch_size, num_workers, **_few(kwargs))


class LEVIRCDPlusDataModule(CutPatchDataModule):
    """`LEVIRCDPlus`: pairs of patches."""

    dataset = LEVIRCDPlus
    images_per_batch = LEVIRCDDataModule.images_per_batch
    stages = Potsdam2DDataModule.stages

    def __init__(
        self,
        batch_size: int = 8,
        patch_size: int | tuple[int, int] = 256,
        val_split_pct: float = 0.2,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, patch_size, val_split_pct, num_workers, **_few(kwargs))


def _few(kwargs: dict[str, Any]) -> dict[str, Any]:
    # PNGs are decoded whole: four patches in training, and all sixteen of 256 pixels otherwise.
    return {"patches_per_image": 4, "val_patches_per_image": 0, **kwargs}


class LandCoverAIDataModule(BenchmarkDataModule):
    """`LandCoverAI`, in tiles."""

    dataset = LandCoverAI


class LandCoverAI100DataModule(LandCoverAIDataModule):
    """`LandCoverAI100`, in tiles."""

    dataset = LandCoverAI100


class ETCI2021DataModule(BenchmarkDataModule):
    """`ETCI2021`: two labels a pixel, water bodies and floods.

    It is tested on its validation split: where the test images were flooded is not published.
    """

    dataset = ETCI2021
    stages: ClassVar[Mapping[str, str]] = {
        "train": "train", "val": "val", "test": "val", "predict": "test",
    }  # fmt: skip


class xBDDataModule(CutBenchmarkDataModule):  # noqa: N801 - the dataset's name
    """`xBD`: pairs of images; part of the training ones is validated."""

    dataset = xBD
    stages = Potsdam2DDataModule.stages

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        val_split_pct: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, num_workers, val_split_pct, **kwargs)


class XView2DataModule(xBDDataModule):
    """`XView2`."""

    dataset = XView2


class SEN12MSDataModule(CutBenchmarkDataModule):
    """`SEN12MS`: part of the training patches is validated.

    Args:
        batch_size: Patches in a batch.
        num_workers: Processes that read.
        band_set: ``"all"``, ``"s1"``, ``"s2-all"`` or ``"s2-reduced"``.
        **kwargs: Of `CutBenchmarkDataModule` and the dataset.

    Raises:
        ConfigError: There is no such set of bands.
    """

    dataset = SEN12MS
    stages = Potsdam2DDataModule.stages

    def __init__(
        self, batch_size: int = 64, num_workers: int = 0, band_set: str = "all", **kwargs: Any
    ) -> None:
        if band_set not in SEN12MS.BAND_SETS:
            raise ConfigError(
                f"SEN12MS has no band set {band_set!r}: {nearest(band_set, SEN12MS.BAND_SETS)}"
            )
        kwargs.setdefault("bands", SEN12MS.BAND_SETS[band_set])
        super().__init__(batch_size, num_workers, **kwargs)


class SeasonalContrastS2DataModule(CutBenchmarkDataModule):
    """`SeasonalContrastS2`: unlabelled images; a twentieth is kept from training to validate."""

    dataset = SeasonalContrastS2
    stages: ClassVar[Mapping[str, str]] = {
        "train": "", "val": _CUT, "test": _CUT, "predict": _CUT,
    }  # fmt: skip

    def __init__(self, batch_size: int = 64, num_workers: int = 0, **kwargs: Any) -> None:
        shares = {"val_split_pct": 0.05, "test_split_pct": 0.0}
        super().__init__(batch_size, num_workers, **{**shares, **kwargs})

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the images' bands: those of each season, one after the other."""
        once = tuple(self.kwargs.get("bands") or self.dataset.rgb_bands)
        return once * int(self.kwargs.get("seasons", 1))
