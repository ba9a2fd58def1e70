"""Lightning data modules: which data goes into which stage, and how."""

from swath.datamodules.geo import BaseDataModule, GeoDataModule
from swath.datamodules.nongeo import FolderDataModule, NonGeoDataModule
from swath.datamodules.raster import RasterDataModule

__all__ = [
    "BaseDataModule",
    "FolderDataModule",
    "GeoDataModule",
    "NonGeoDataModule",
    "RasterDataModule",
]
