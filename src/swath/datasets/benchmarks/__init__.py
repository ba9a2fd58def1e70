"""Published datasets, one file each."""

from swath.datasets.benchmarks.eurosat import EuroSAT, EuroSAT100, EuroSATRGB, EuroSATSpatial
from swath.datasets.benchmarks.patternnet import PatternNet
from swath.datasets.benchmarks.resisc45 import RESISC45
from swath.datasets.benchmarks.ucmerced import UCMerced
from swath.datasets.benchmarks.vhr10 import VHR10

__all__ = [
    "RESISC45",
    "VHR10",
    "EuroSAT",
    "EuroSAT100",
    "EuroSATRGB",
    "EuroSATSpatial",
    "PatternNet",
    "UCMerced",
]
