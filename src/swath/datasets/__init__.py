"""Layers and their algebra, samples, splits, and the catalogue of sensors and products."""

from swath.datasets.algebra import IntersectionDataset, UnionDataset
from swath.datasets.geo import GeoDataset
from swath.datasets.samples import (
    concat_samples,
    merge_samples,
    stack_samples,
    unbind_samples,
)
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
    "UnionDataset",
    "concat_samples",
    "merge_samples",
    "stack_samples",
    "unbind_samples",
]
