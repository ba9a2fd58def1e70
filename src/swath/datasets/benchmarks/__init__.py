"""Published datasets, one file each."""

from swath.datasets.benchmarks.advance import ADVANCE
from swath.datasets.benchmarks.bigearthnet import BigEarthNet
from swath.datasets.benchmarks.bigearthnet_v2 import BigEarthNetV2
from swath.datasets.benchmarks.cowc import COWC, COWCCounting, COWCDetection
from swath.datasets.benchmarks.eurosat import EuroSAT, EuroSAT100, EuroSATRGB, EuroSATSpatial
from swath.datasets.benchmarks.inria import InriaAerialImageLabeling
from swath.datasets.benchmarks.levircd import LEVIRCD, LEVIRCDPlus
from swath.datasets.benchmarks.patternnet import PatternNet
from swath.datasets.benchmarks.resisc45 import RESISC45
from swath.datasets.benchmarks.so2sat import So2Sat
from swath.datasets.benchmarks.tropical_cyclone import TropicalCyclone
from swath.datasets.benchmarks.ucmerced import UCMerced
from swath.datasets.benchmarks.vhr10 import VHR10
from swath.datasets.benchmarks.zuericrop import ZueriCrop

__all__ = [
    "ADVANCE",
    "COWC",
    "LEVIRCD",
    "RESISC45",
    "VHR10",
    "BigEarthNet",
    "BigEarthNetV2",
    "COWCCounting",
    "COWCDetection",
    "EuroSAT",
    "EuroSAT100",
    "EuroSATRGB",
    "EuroSATSpatial",
    "InriaAerialImageLabeling",
    "LEVIRCDPlus",
    "PatternNet",
    "So2Sat",
    "TropicalCyclone",
    "UCMerced",
    "ZueriCrop",
]
