"""Layers and their algebra, samples, splits, and the catalogue of sensors and products."""

from swath.datasets import benchmarks
from swath.datasets.algebra import IntersectionDataset, UnionDataset
from swath.datasets.benchmarks import *  # noqa: F403 - its __all__ is added below
from swath.datasets.catalogue import Benchmark, dataset_class, list_datasets, make_miniature
from swath.datasets.geo import GeoDataset
from swath.datasets.ground import SharedGround, shares_ground
from swath.datasets.layers import (
    CDL,
    NAIP,
    NLCD,
    AsterGDEM,
    CanadianBuildingFootprints,
    Chesapeake,
    ChesapeakeDC,
    ChesapeakeDE,
    ChesapeakeMD,
    ChesapeakeNY,
    ChesapeakePA,
    ChesapeakeVA,
    ChesapeakeWV,
    EnMAP,
    ESAWorldCover,
    Landsat,
    Landsat1,
    Landsat2,
    Landsat3,
    Landsat4MSS,
    Landsat4TM,
    Landsat5MSS,
    Landsat5TM,
    Landsat7,
    Landsat8,
    Landsat9,
    OpenBuildings,
    Sentinel1,
    Sentinel2,
)
from swath.datasets.nongeo import (
    NonGeoClassificationDataset,
    NonGeoDataset,
    stratified_split,
)
from swath.datasets.raster import RasterDataset
from swath.datasets.samples import (
    concat_samples,
    merge_samples,
    stack_samples,
    unbind_samples,
)
from swath.datasets.splits import (
    random_bbox_assignment,
    random_bbox_splitting,
    random_grid_cell_assignment,
    roi_split,
    spatial_block_split,
    time_series_split,
)
from swath.datasets.vector import VectorDataset
from swath.datasets.xarray import XarrayDataset
from swath.errors import (
    DatasetNotFoundError,
    DependencyNotFoundError,
    RGBBandsMissingError,
)

__all__ = [
    "CDL",
    "NAIP",
    "NLCD",
    "AsterGDEM",
    "Benchmark",
    "CanadianBuildingFootprints",
    "Chesapeake",
    "ChesapeakeDC",
    "ChesapeakeDE",
    "ChesapeakeMD",
    "ChesapeakeNY",
    "ChesapeakePA",
    "ChesapeakeVA",
    "ChesapeakeWV",
    "DatasetNotFoundError",
    "DependencyNotFoundError",
    "ESAWorldCover",
    "EnMAP",
    "GeoDataset",
    "IntersectionDataset",
    "Landsat",
    "Landsat1",
    "Landsat2",
    "Landsat3",
    "Landsat4MSS",
    "Landsat4TM",
    "Landsat5MSS",
    "Landsat5TM",
    "Landsat7",
    "Landsat8",
    "Landsat9",
    "NonGeoClassificationDataset",
    "NonGeoDataset",
    "OpenBuildings",
    "RGBBandsMissingError",
    "RasterDataset",
    "Sentinel1",
    "Sentinel2",
    "SharedGround",
    "UnionDataset",
    "VectorDataset",
    "XarrayDataset",
    "concat_samples",
    "dataset_class",
    "list_datasets",
    "make_miniature",
    "merge_samples",
    "random_bbox_assignment",
    "random_bbox_splitting",
    "random_grid_cell_assignment",
    "roi_split",
    "shares_ground",
    "spatial_block_split",
    "stack_samples",
    "stratified_split",
    "time_series_split",
    "unbind_samples",
]
__all__ += benchmarks.__all__
