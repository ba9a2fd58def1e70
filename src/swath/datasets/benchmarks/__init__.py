"""Published datasets, one file each."""

from swath.datasets.benchmarks.advance import ADVANCE
from swath.datasets.benchmarks.benin import BeninSmallHolderCashews
from swath.datasets.benchmarks.bigearthnet import BigEarthNet
from swath.datasets.benchmarks.bigearthnet_v2 import BigEarthNetV2
from swath.datasets.benchmarks.burned_areas import CaBuAr, ChaBuD
from swath.datasets.benchmarks.cloudcoverdetection import CloudCoverDetection
from swath.datasets.benchmarks.cowc import COWC, COWCCounting, COWCDetection
from swath.datasets.benchmarks.cv4a import CV4AKenyaCropType
from swath.datasets.benchmarks.deepglobelandcover import DeepGlobeLandCover
from swath.datasets.benchmarks.dfc2022 import DFC2022
from swath.datasets.benchmarks.dior import DIOR
from swath.datasets.benchmarks.dota import DOTA
from swath.datasets.benchmarks.etci2021 import ETCI2021
from swath.datasets.benchmarks.eurosat import EuroSAT, EuroSAT100, EuroSATRGB, EuroSATSpatial
from swath.datasets.benchmarks.everwatch import EverWatch
from swath.datasets.benchmarks.fair1m import FAIR1M
from swath.datasets.benchmarks.firerisk import FireRisk
from swath.datasets.benchmarks.forest_damage import ForestDamage
from swath.datasets.benchmarks.geonrw import GeoNRW
from swath.datasets.benchmarks.gid15 import GID15
from swath.datasets.benchmarks.hyspecnet import HySpecNet11k
from swath.datasets.benchmarks.inria import InriaAerialImageLabeling
from swath.datasets.benchmarks.isprs import Potsdam2D, Vaihingen2D
from swath.datasets.benchmarks.landcoverai import LandCoverAI, LandCoverAI100
from swath.datasets.benchmarks.levircd import LEVIRCD, LEVIRCDPlus
from swath.datasets.benchmarks.loveda import LoveDA
from swath.datasets.benchmarks.nasa_marine_debris import NASAMarineDebris
from swath.datasets.benchmarks.oscd import OSCD, OSCD100
from swath.datasets.benchmarks.patternnet import PatternNet
from swath.datasets.benchmarks.reforestree import ReforesTree
from swath.datasets.benchmarks.resisc45 import RESISC45
from swath.datasets.benchmarks.seco import SeasonalContrastS2
from swath.datasets.benchmarks.sen12ms import SEN12MS
from swath.datasets.benchmarks.skippd import SKIPPD
from swath.datasets.benchmarks.so2sat import So2Sat
from swath.datasets.benchmarks.soda import SODAA
from swath.datasets.benchmarks.solarplantsbrazil import SolarPlantsBrazil
from swath.datasets.benchmarks.spacenet import SpaceNet
from swath.datasets.benchmarks.spacenet_buildings import (
    SpaceNet1,
    SpaceNet2,
    SpaceNet6,
    SpaceNet7,
    SpaceNet8,
)
from swath.datasets.benchmarks.spacenet_offnadir import SpaceNet4
from swath.datasets.benchmarks.spacenet_roads import SpaceNet3, SpaceNet5
from swath.datasets.benchmarks.substation import Substation
from swath.datasets.benchmarks.tropical_cyclone import TropicalCyclone
from swath.datasets.benchmarks.ucmerced import UCMerced
from swath.datasets.benchmarks.usavars import USAVars
from swath.datasets.benchmarks.vhr10 import VHR10
from swath.datasets.benchmarks.xview2 import XView2, xBD
from swath.datasets.benchmarks.zuericrop import ZueriCrop

__all__ = [
    "ADVANCE",
    "COWC",
    "DFC2022",
    "DIOR",
    "DOTA",
    "ETCI2021",
    "FAIR1M",
    "GID15",
    "LEVIRCD",
    "OSCD",
    "OSCD100",
    "RESISC45",
    "SEN12MS",
    "SKIPPD",
    "SODAA",
    "VHR10",
    "BeninSmallHolderCashews",
    "BigEarthNet",
    "BigEarthNetV2",
    "COWCCounting",
    "COWCDetection",
    "CV4AKenyaCropType",
    "CaBuAr",
    "ChaBuD",
    "CloudCoverDetection",
    "DeepGlobeLandCover",
    "EuroSAT",
    "EuroSAT100",
    "EuroSATRGB",
    "EuroSATSpatial",
    "EverWatch",
    "FireRisk",
    "ForestDamage",
    "GeoNRW",
    "HySpecNet11k",
    "InriaAerialImageLabeling",
    "LEVIRCDPlus",
    "LandCoverAI",
    "LandCoverAI100",
    "LoveDA",
    "NASAMarineDebris",
    "PatternNet",
    "Potsdam2D",
    "ReforesTree",
    "SeasonalContrastS2",
    "So2Sat",
    "SolarPlantsBrazil",
    "SpaceNet",
    "SpaceNet1",
    "SpaceNet2",
    "SpaceNet3",
    "SpaceNet4",
    "SpaceNet5",
    "SpaceNet6",
    "SpaceNet7",
    "SpaceNet8",
    "Substation",
    "TropicalCyclone",
    "UCMerced",
    "USAVars",
    "Vaihingen2D",
    "XView2",
    "ZueriCrop",
    "xBD",
]
