"""Layers and their algebra, samples, splits, and the catalogue of sensors and products."""

from swath.datasets.algebra import IntersectionDataset, UnionDataset
from swath.datasets.geo import GeoDataset
from swath.datasets.ground import SharedGround, shares_ground
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
from swath.errors import (
    DatasetNotFoundError,
    DependencyNotFoundError,
    RGBBandsMissingError,
)

__all__ = [
    "DatasetNotFoundError",
    "DependencyNotFoundError",
    "GeoDataset",
    "IntersectionDataset",
    "RGBBandsMissingError",
    "RasterDataset",
    "SharedGround",
    "UnionDataset",
    "VectorDataset",
    "concat_samples",
    "merge_samples",
    "random_bbox_assignment",
    "random_bbox_splitting",
    "random_grid_cell_assignment",
    "roi_split",
    "shares_ground",
    "spatial_block_split",
    "stack_samples",
    "time_series_split",
    "unbind_samples",
]
