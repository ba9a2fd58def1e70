"""Lightning data modules: which data goes into which stage, and how."""

from swath.datamodules.benchmark import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datamodules.geo import BaseDataModule, GeoDataModule
from swath.datamodules.nongeo import FolderDataModule, NonGeoDataModule
from swath.datamodules.raster import RasterDataModule

__all__ = [
    "BaseDataModule",
    "BenchmarkDataModule",
    "CutBenchmarkDataModule",
    "FolderDataModule",
    "GeoDataModule",
    "NonGeoDataModule",
    "RasterDataModule",
]
