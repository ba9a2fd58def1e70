"""Where to look next: an index and a seed become a stream of queries."""

from swath.samplers.base import BatchGeoSampler, GeoSampler
from swath.samplers.chips import get_random_bounding_box, tile_to_chips
from swath.samplers.grid import GridGeoSampler
from swath.samplers.prechipped import PreChippedGeoSampler
from swath.samplers.random import RandomBatchGeoSampler, RandomGeoSampler
from swath.samplers.spatial import GriddedPatchSampler, RandomPatchSampler, SpatialSampler
from swath.samplers.spatiotemporal import SpatioTemporalSampler
from swath.samplers.temporal import (
    RandomPeriodSampler,
    RandomTimedeltaSampler,
    RandomTimestampSampler,
    SequentialPeriodSampler,
    SequentialTimedeltaSampler,
    SequentialTimestampSampler,
    TemporalSampler,
)
from swath.samplers.units import Units
from swath.samplers.weights import rarity_weights

__all__ = [
    "BatchGeoSampler",
    "GeoSampler",
    "GridGeoSampler",
    "GriddedPatchSampler",
    "PreChippedGeoSampler",
    "RandomBatchGeoSampler",
    "RandomGeoSampler",
    "RandomPatchSampler",
    "RandomPeriodSampler",
    "RandomTimedeltaSampler",
    "RandomTimestampSampler",
    "SequentialPeriodSampler",
    "SequentialTimedeltaSampler",
    "SequentialTimestampSampler",
    "SpatialSampler",
    "SpatioTemporalSampler",
    "TemporalSampler",
    "Units",
    "get_random_bounding_box",
    "rarity_weights",
    "tile_to_chips",
]
