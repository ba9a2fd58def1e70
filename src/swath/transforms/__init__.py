"""Transforms of batches, on the device where they are: indices, scaling, augmentation."""

from swath.transforms.augment import Augmentation
from swath.transforms.colour import RandomBandDropout, RandomBandJitter, RandomGrayscale
from swath.transforms.exposure import RandomExposure
from swath.transforms.indices import (
    AppendBNDVI,
    AppendEVI,
    AppendGBNDVI,
    AppendGNDVI,
    AppendGRNDVI,
    AppendMNDWI,
    AppendNBR,
    AppendNDBI,
    AppendNDRE,
    AppendNDSI,
    AppendNDVI,
    AppendNDWI,
    AppendNormalizedDifferenceIndex,
    AppendRBNDVI,
    AppendSAVI,
    AppendSWI,
    AppendTriBandNormalizedDifferenceIndex,
)
from swath.transforms.layout import Rearrange
from swath.transforms.radar import LeeFilter
from swath.transforms.scaling import FromDecibel, Normalize, Scale, ToDecibel, ToReflectance
from swath.transforms.slidemix import SatSlideMix
from swath.transforms.temporal import (
    RandomTemporalDropout,
    RandomTemporalMask,
    RandomTemporalShuffle,
)
from swath.transforms.weather import RandomClouds, RandomHaze, RandomShadow

__all__ = [
    "AppendBNDVI",
    "AppendEVI",
    "AppendGBNDVI",
    "AppendGNDVI",
    "AppendGRNDVI",
    "AppendMNDWI",
    "AppendNBR",
    "AppendNDBI",
    "AppendNDRE",
    "AppendNDSI",
    "AppendNDVI",
    "AppendNDWI",
    "AppendNormalizedDifferenceIndex",
    "AppendRBNDVI",
    "AppendSAVI",
    "AppendSWI",
    "AppendTriBandNormalizedDifferenceIndex",
    "Augmentation",
    "FromDecibel",
    "LeeFilter",
    "Normalize",
    "RandomBandDropout",
    "RandomBandJitter",
    "RandomClouds",
    "RandomExposure",
    "RandomGrayscale",
    "RandomHaze",
    "RandomShadow",
    "RandomTemporalDropout",
    "RandomTemporalMask",
    "RandomTemporalShuffle",
    "Rearrange",
    "SatSlideMix",
    "Scale",
    "ToDecibel",
    "ToReflectance",
]
