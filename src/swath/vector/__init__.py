"""Features in and out: read, reproject, keep, rasterise, vectorise."""

from swath.vector.polygons import polygonize
from swath.vector.rasterize import boxes, burn, instance_masks, rasterize, to_pixels
from swath.vector.read import (
    VectorInfo,
    list_layers,
    read_attributes,
    read_features,
    read_info,
)
from swath.vector.reproject import reproject, reproject_box, without_defects
from swath.vector.store import Features, FeatureStore, feature_store, set_feature_store

__all__ = [
    "FeatureStore",
    "Features",
    "VectorInfo",
    "boxes",
    "burn",
    "feature_store",
    "instance_masks",
    "list_layers",
    "polygonize",
    "rasterize",
    "read_attributes",
    "read_features",
    "read_info",
    "reproject",
    "reproject_box",
    "set_feature_store",
    "to_pixels",
    "without_defects",
]
