"""Sensors and products: one file each."""

from swath.datasets.layers.agrifieldnet import AgriFieldNet
from swath.datasets.layers.astergdem import AsterGDEM
from swath.datasets.layers.biomass import (
    AbovegroundLiveWoodyBiomassDensity,
    CMSGlobalMangroveCanopy,
    GlobBiomass,
)
from swath.datasets.layers.canadian_building_footprints import CanadianBuildingFootprints
from swath.datasets.layers.cdl import CDL
from swath.datasets.layers.chesapeake import (
    Chesapeake,
    ChesapeakeDC,
    ChesapeakeDE,
    ChesapeakeMD,
    ChesapeakeNY,
    ChesapeakePA,
    ChesapeakeVA,
    ChesapeakeWV,
)
from swath.datasets.layers.chesapeake_cvpr import ChesapeakeCVPR
from swath.datasets.layers.cloudmasks import L7Irish, L8Biome
from swath.datasets.layers.enmap import EnMAP
from swath.datasets.layers.eudem import EUDEM
from swath.datasets.layers.global_building_map import GlobalBuildingMap
from swath.datasets.layers.landcover import NCCM, Esri2020, SouthAmericaSoybean
from swath.datasets.layers.landcoverai import LandCoverAIGeo
from swath.datasets.layers.landsat import (
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
)
from swath.datasets.layers.naip import NAIP
from swath.datasets.layers.nlcd import NLCD
from swath.datasets.layers.occurrences import GBIF, EDDMapS, INaturalist
from swath.datasets.layers.openbuildings import OpenBuildings
from swath.datasets.layers.paleochannels import Paleochannels
from swath.datasets.layers.product import Product
from swath.datasets.layers.sentinel1 import Sentinel1
from swath.datasets.layers.sentinel2 import Sentinel2
from swath.datasets.layers.worldcover import ESAWorldCover

__all__ = [
    "CDL",
    "EUDEM",
    "GBIF",
    "NAIP",
    "NCCM",
    "NLCD",
    "AbovegroundLiveWoodyBiomassDensity",
    "AgriFieldNet",
    "AsterGDEM",
    "CMSGlobalMangroveCanopy",
    "CanadianBuildingFootprints",
    "Chesapeake",
    "ChesapeakeCVPR",
    "ChesapeakeDC",
    "ChesapeakeDE",
    "ChesapeakeMD",
    "ChesapeakeNY",
    "ChesapeakePA",
    "ChesapeakeVA",
    "ChesapeakeWV",
    "EDDMapS",
    "ESAWorldCover",
    "EnMAP",
    "Esri2020",
    "GlobBiomass",
    "GlobalBuildingMap",
    "INaturalist",
    "L7Irish",
    "L8Biome",
    "LandCoverAIGeo",
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
    "OpenBuildings",
    "Paleochannels",
    "Product",
    "Sentinel1",
    "Sentinel2",
    "SouthAmericaSoybean",
]
