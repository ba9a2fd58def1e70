"""Layers and their algebra, samples, splits, and the catalogue of sensors and products."""

from swath.datasets import benchmarks, layers
from swath.datasets.algebra import IntersectionDataset, UnionDataset
from swath.datasets.benchmarks import *  # noqa: F403 - its __all__ is added below
from swath.datasets.catalogue import Benchmark, dataset_class, list_datasets, make_miniature
from swath.datasets.geo import GeoDataset
from swath.datasets.ground import SharedGround, shares_ground
from swath.datasets.layers import *  # noqa: F403
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
    "Benchmark",
    "DatasetNotFoundError",
    "DependencyNotFoundError",
    "GeoDataset",
    "IntersectionDataset",
    "NonGeoClassificationDataset",
    "NonGeoDataset",
    "RGBBandsMissingError",
    "RasterDataset",
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
__all__ += layers.__all__
