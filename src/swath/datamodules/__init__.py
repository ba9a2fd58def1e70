"""Lightning data modules: which data goes into which stage, and how."""

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datamodules.geo import BaseDataModule, GeoDataModule
from swath.datamodules.nongeo import FolderDataModule, NonGeoDataModule
from swath.datamodules.patches import CutPatchDataModule, PatchDataModule
from swath.datamodules.pixels import (
    ETCI2021DataModule,
    GID15DataModule,
    InriaAerialImageLabelingDataModule,
    LandCoverAI100DataModule,
    LandCoverAIDataModule,
    LEVIRCDDataModule,
    LEVIRCDPlusDataModule,
    Potsdam2DDataModule,
    SeasonalContrastS2DataModule,
    SEN12MSDataModule,
    Vaihingen2DDataModule,
    XView2DataModule,
    xBDDataModule,
)
from swath.datamodules.raster import RasterDataModule

__all__ = [
    "BaseDataModule",
    "BenchmarkDataModule",
    "CutBenchmarkDataModule",
    "CutPatchDataModule",
    "ETCI2021DataModule",
    "FolderDataModule",
    "GID15DataModule",
    "GeoDataModule",
    "InriaAerialImageLabelingDataModule",
    "LEVIRCDDataModule",
    "LEVIRCDPlusDataModule",
    "LandCoverAI100DataModule",
    "LandCoverAIDataModule",
    "NonGeoDataModule",
    "PatchDataModule",
    "Potsdam2DDataModule",
    "RasterDataModule",
    "SEN12MSDataModule",
    "SeasonalContrastS2DataModule",
    "Vaihingen2DDataModule",
    "XView2DataModule",
    "xBDDataModule",
]
