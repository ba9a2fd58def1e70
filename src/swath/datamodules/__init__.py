"""Lightning data modules: which data goes into which stage, and how."""

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datamodules.chesapeake import ChesapeakeCVPRDataModule
from swath.datamodules.geo import BaseDataModule, GeoDataModule
from swath.datamodules.ground import (
    CellsDataModule,
    L7IrishDataModule,
    L8BiomeDataModule,
    LandsatCDLDataModule,
    NAIPChesapeakeDataModule,
    PairDataModule,
    Sentinel2CDLDataModule,
)
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
    "CellsDataModule",
    "ChesapeakeCVPRDataModule",
    "CutBenchmarkDataModule",
    "CutPatchDataModule",
    "ETCI2021DataModule",
    "FolderDataModule",
    "GID15DataModule",
    "GeoDataModule",
    "InriaAerialImageLabelingDataModule",
    "L7IrishDataModule",
    "L8BiomeDataModule",
    "LEVIRCDDataModule",
    "LEVIRCDPlusDataModule",
    "LandCoverAI100DataModule",
    "LandCoverAIDataModule",
    "LandsatCDLDataModule",
    "NAIPChesapeakeDataModule",
    "NonGeoDataModule",
    "PairDataModule",
    "PatchDataModule",
    "Potsdam2DDataModule",
    "RasterDataModule",
    "SEN12MSDataModule",
    "SeasonalContrastS2DataModule",
    "Sentinel2CDLDataModule",
    "Vaihingen2DDataModule",
    "XView2DataModule",
    "xBDDataModule",
]
