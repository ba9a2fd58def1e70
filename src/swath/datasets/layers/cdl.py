"""CDL: crops of the United States."""

from __future__ import annotations

from swath.datasets.catalogue.description import Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.layers.tables import colour_table
from swath.datasets.layers.yearly import YearlyClasses

__all__ = ["CDL"]

#: Code, colour in the published files, and name of each class.
_TABLE = """
  0 000000 Background
  1 ffd300 Corn
  2 ff2525 Cotton
  3 00a8e2 Rice
  4 ff9e09 Sorghum
  5 256f00 Soybeans
  6 ffff00 Sunflower
 10 6fa600 Peanuts
 11 00af49 Tobacco
 12 dea609 Sweet Corn
 13 dea609 Pop or Orn Corn
 14 7cd3ff Mint
 21 e2007c Barley
 22 896053 Durum Wheat
 23 d9b56b Spring Wheat
 24 a66f00 Winter Wheat
 25 d59ebc Other Small Grains
 26 6f6f00 Dbl Crop WinWht/Soybeans
 27 ab007c Rye
 28 a05889 Oats
 29 6f0049 Millet
 30 d59ebc Speltz
 31 d1ff00 Canola
 32 7c99ff Flaxseed
 33 d5d500 Safflower
 34 d1ff00 Rape Seed
 35 00af49 Mustard
 36 ffa6e2 Alfalfa
 37 a6f18b Other Hay/Non Alfalfa
 38 00af49 Camelina
 39 d59ebc Buckwheat
 41 a800e2 Sugarbeets
 42 a60000 Dry Beans
 43 6f2500 Potatoes
 44 00af49 Other Crops
 45 af7cff Sugarcane
 46 6f2500 Sweet Potatoes
 47 ff6666 Misc Vegs & Fruits
 48 ff6666 Watermelons
 49 ffcc66 Onions
 50 ff6666 Cucumbers
 51 00af49 Chick Peas
 52 00deaf Lentils
 53 53ff00 Peas
 54 f1a278 Tomatoes
 55 ff6666 Caneberries
 56 00af49 Hops
 57 7cd3ff Herbs
 58 e8beff Clover/Wildflowers
 59 afffde Sod/Grass Seed
 60 00af49 Switchgrass
 61 bebe78 Fallow/Idle Cropland
 63 93cc93 Forest
 64 c6d59e Shrubland
 65 ccbea2 Barren
 66 ff00ff Cherries
 67 ff8fab Peaches
 68 b9004f Apples
 69 6f4589 Grapes
 70 007878 Christmas Trees
 71 af996f Other Tree Crops
 72 ffff7c Citrus
 74 b56f5c Pecans
 75 00a682 Almonds
 76 e8d5af Walnuts
 77 af996f Pears
 81 f1f1f1 Clouds/No Data
 82 999999 Developed
 83 496fa2 Water
 87 7cafaf Wetlands
 88 e8ffbe Nonag/Undefined
 92 00ffff Aquaculture
111 496fa2 Open Water
112 d3e2f9 Perennial Ice/Snow
121 999999 Developed/Open Space
122 999999 Developed/Low Intensity
123 999999 Developed/Med Intensity
124 999999 Developed/High Intensity
131 ccbea2 Barren
141 93cc93 Deciduous Forest
142 93cc93 Evergreen Forest
143 93cc93 Mixed Forest
152 c6d59e Shrubland
176 e8ffbe Grassland/Pasture
190 7cafaf Woody Wetlands
195 7cafaf Herbaceous Wetlands
204 00ff8b Pistachios
205 d59ebc Triticale
206 ff6666 Carrots
207 ff6666 Asparagus
208 ff6666 Garlic
209 ff6666 Cantaloupes
210 ff8fab Prunes
211 334933 Olives
212 e26f25 Oranges
213 ff6666 Honeydew Melons
214 ff6666 Broccoli
215 66994d Avocados
216 ff6666 Peppers
217 af996f Pomegranates
218 ff8fab Nectarines
219 ff6666 Greens
220 ff8fab Plums
221 ff6666 Strawberries
222 ff6666 Squash
223 ff8fab Apricots
224 00af49 Vetch
225 ffd300 Dbl Crop WinWht/Corn
226 ffd300 Dbl Crop Oats/Corn
227 ff6666 Lettuce
228 ffd300 Dbl Crop Triticale/Corn
229 ff6666 Pumpkins
230 896053 Dbl Crop Lettuce/Durum Wht
231 ff6666 Dbl Crop Lettuce/Cantaloupe
232 ff2525 Dbl Crop Lettuce/Cotton
233 e2007c Dbl Crop Lettuce/Barley
234 ff9e09 Dbl Crop Durum Wht/Sorghum
235 ff9e09 Dbl Crop Barley/Sorghum
236 a66f00 Dbl Crop WinWht/Sorghum
237 ffd300 Dbl Crop Barley/Corn
238 a66f00 Dbl Crop WinWht/Cotton
239 256f00 Dbl Crop Soybeans/Cotton
240 256f00 Dbl Crop Soybeans/Oats
241 ffd300 Dbl Crop Corn/Soybeans
242 000099 Blueberries
243 ff6666 Cabbage
244 ff6666 Cauliflower
245 ff6666 Celery
246 ff6666 Radishes
247 ff6666 Turnips
248 ff6666 Eggplants
249 ff6666 Gourds
250 ff6666 Cranberries
254 256f00 Dbl Crop Barley/Soybeans
"""
_NAMES, _COLOURS = colour_table(_TABLE)


class CDL(YearlyClasses):
    """Cropland Data Layer: what grew on each 30 m pixel of the conterminous United States, a year.

    Files are ``2023_30m_cdls.tif`` (EPSG:5070), from ``2023_30m_cdls.zip``, 1.5 to 2.5 GB a year.
    Since 2024 there is a 10 m layer too, which has other names and is not read here. Code 0 is
    background; 134 codes in all.
    """

    info = Info(
        title="Cropland Data Layer",
        tasks=("segmentation",),
        source="Landsat and others",
        samples=None,
        size="varies",
        resolution="30",
        licence="Public domain (USDA NASS)",
        citation=(
            "USDA National Agricultural Statistics Service Cropland Data Layer. USDA-NASS, "
            "Washington, DC. Boryan, C. et al. (2011). Monitoring US agriculture: the US "
            "Department of Agriculture, National Agricultural Statistics Service, Cropland Data "
            "Layer Program. Geocarto International 26(5), 341-358. https://doi.org/10.1080/10106049.2011.562309"
        ),
        homepage="https://www.nass.usda.gov/Research_and_Science/Cropland/SARS1a.php",
    )

    filename_glob = "*_30m_cdls.tif"
    filename_regex = r"^(?P<date>\d{4})_30m_cdls\..*$"
    url = "https://www.nass.usda.gov/Research_and_Science/Cropland/Release/datasets/{}_30m_cdls.zip"
    archive_name = "{}_30m_cdls.zip"
    raster_name = "{}_30m_cdls.tif"
    parts = (Raster("{year}_30m_cdls.tif", values=(0, 1, 5, 176), crs="EPSG:5070"),)
    examples = ({"year": "2022"}, {"year": "2023"})
    default_year = 2023
    default_nodata = 0.0
    background = 0
    valid_classes = tuple(_NAMES)
    classes_by_value = _NAMES
    cmap = _COLOURS
    md5s = {  # noqa: RUF012
        2008: "0610f2f17ab60a9fbb3baeb7543993a4",
        2009: "663c8a5fdd92ebfc0d6bee008586d19a",
        2010: "98d354c5a62c9e3e40ccadce265c721c",
        2011: "517bad1a99beec45d90abb651fb1f0e3",
        2012: "286504ff0512e9fe1a1975c635a1bec2",
        2013: "7be66c650416dc7c4a945dd7fd93c5b7",
        2014: "50bdf9da84ebd0457ddd9e0bf9bbcc1f",
        2015: "2e92038ab62ba75e1687f60eecbdd055",
        2016: "fddc5dff0bccc617d70a12864c993e51",
        2017: "d173f942a70f94622f9b8290e7548684",
        2018: "4ad0d7802a9bb751685eb239b0fa8609",
        2019: "a5168a2fc93acbeaa93e24eee3d8c696",
        2020: "483ee48c503aa81b684225179b402d42",
        2021: "27606eab08fe975aa138baad3e5dfcd8",
        2022: "754cf50670cdfee511937554785de3e6",
        2023: "8c7685d6278d50c554f934b16a6076b7",
        2024: "841cd0cb8d4a9129cb1e4cfa0e40c286",
    }
