"""NLCD: land cover of the United States."""

from __future__ import annotations

from swath.datasets.catalogue.description import Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.layers.tables import colour_table
from swath.datasets.layers.yearly import YearlyClasses

__all__ = ["NLCD"]

#: Code, colour in the published files, and name of each class.
_TABLE = """
 11 466b9f Open Water
 12 d1def8 Perennial Ice/Snow
 21 dec5c5 Developed, Open Space
 22 d99282 Developed, Low Intensity
 23 eb0000 Developed, Medium Intensity
 24 ab0000 Developed, High Intensity
 31 b3ac9f Barren Land
 41 68ab5f Deciduous Forest
 42 1c5f2c Evergreen Forest
 43 b5c58f Mixed Forest
 52 ccb879 Shrub/Scrub
 71 dfdfc2 Grassland/Herbaceous
 81 dcd939 Pasture/Hay
 82 ab6c28 Cultivated Crops
 90 b8d9eb Woody Wetlands
 95 6c9fb8 Emergent Herbaceous Wetlands
250 000000 Background
"""
_NAMES, _COLOURS = colour_table(_TABLE)


class NLCD(YearlyClasses):
    """Annual National Land Cover Database, Collection 1: 30 m, 1985 to 2024, 16 classes.

    Files are ``Annual_NLCD_LndCov_2024_CU_C1V1.tif`` (EPSG:5070), from the zip of that name, 1.3 to
    1.5 GB a year. Files of version C1V0 are read too; those downloaded are C1V1. Code 250, outside
    the country, is the background: with `classes` given, all codes that are not among them become
    the background's number (and never open water's, which comes first).
    """

    info = Info(
        title="Annual National Land Cover Database",
        tasks=("segmentation",),
        source="Landsat",
        samples=None,
        size="varies",
        resolution="30",
        licence="Public domain (USGS)",
        citation=(
            "U.S. Geological Survey (2024). Annual National Land Cover Database (NLCD) Collection "
            "1 Science Products. U.S. Geological Survey data release. "
            "https://doi.org/10.5066/P94UXNTS"
        ),
        homepage="https://www.usgs.gov/centers/eros/science/annual-national-land-cover-database",
    )

    filename_glob = "Annual_NLCD_LndCov_*_CU_C1V?.tif"
    filename_regex = r"^Annual_NLCD_LndCov_(?P<date>\d{4})_CU_C1V\d\.tif$"
    url = (
        "https://www.mrlc.gov/downloads/sciweb1/shared/mrlc/data-bundles/"
        "Annual_NLCD_LndCov_{}_CU_C1V1.zip"
    )
    archive_name = "Annual_NLCD_LndCov_{}_CU_C1V1.zip"
    raster_name = "Annual_NLCD_LndCov_{}_CU_C1V{version:\\d}.tif"
    parts = (
        Raster("Annual_NLCD_LndCov_{year}_CU_C1V1.tif", values=(11, 41, 82, 250), crs="EPSG:5070"),
    )
    examples = ({"year": "2023"}, {"year": "2024"})
    default_year = 2024
    default_nodata = 250.0
    background = 250
    valid_classes = tuple(_NAMES)
    classes_by_value = _NAMES
    cmap = _COLOURS
    md5s = {  # noqa: RUF012
        1985: "f7f743f805ab7ae7936b0800ecbef7db",
        1986: "d93907e9a5492eeffe7cbf6723ddcc44",
        1987: "b70033acf5db6e31b2a55d345e6aec5a",
        1988: "9259716eb6271c23318175e0f9b2ff87",
        1989: "38d18b76359a920a5380bc95ae25fd5b",
        1990: "73395f3d7eb407aa7174b2d8b0db3f15",
        1991: "b5f0b2b7e9a4df2aaf52613111a441f6",
        1992: "8d7fe907c70ff272fcb5fc0ac8c73316",
        1993: "4418f8e4b01461491918575b1a460464",
        1994: "2291e36a8cbe8d7196796e51ceb6cba4",
        1995: "482e2a5c5f8c2fd1640aff7b4e72b3f2",
        1996: "e811f432d5313951b2d05cf1501e306b",
        1997: "2cab84eaafaea4772bbf826a530dd54e",
        1998: "81ecc39e1bd449cd4d64e3c530f7786c",
        1999: "a08ef94f6a4e40c48ccec8f582200370",
        2000: "57567a28b5f630aae56975f77f7d6dc1",
        2001: "ee2b75def58a680fc61a754833ef37c5",
        2002: "a48508b6bc8baead07c6d7d63168c16a",
        2003: "445eb671d1073c44fe036931b7ab5243",
        2004: "2cb5e27862f1ff338dd5fba0b04e8aa0",
        2005: "2e0649de53505720a28a662d5a936998",
        2006: "59b7a8351d9653e81d14a7b74e8bc0c9",
        2007: "36ba9129c569efa83f32bedba7c4b99a",
        2008: "c574c8ac75a8474d29313d421e4d0b5b",
        2009: "2e6573190078bd47153bf33014d0cbc1",
        2010: "651107f0236d733e0ebd501862793370",
        2011: "55e95a40118c7c4509e4ab833aa35d80",
        2012: "95e2e3276f5cddf30790a18547c981aa",
        2013: "e7ffdafbca94de9e2c3d6b160cdac2f4",
        2014: "984e2fb078ae67bdfe4cf81700d36754",
        2015: "2d1b623da4b1a76c5163948b001d3c98",
        2016: "6af6c05ddd87bd1cee7d49c4d08a6f61",
        2017: "46e12333ed2ab0170666344e9e6da406",
        2018: "fbde066fdbc325de4157c53c2d294117",
        2019: "cb707a4cfec22c743338282b60d08f79",
        2020: "986cb81ca0483d3ee52c4904682b2c4d",
        2021: "63b859744b5b12ffbd13b9896a587428",
        2022: "68514fedcf928b44fc562d166d938f02",
        2023: "2ac10a23e6a1ccef47b2a8e15ec3ba3c",
        2024: "3e0ded4eb7bb5d355743abe9552b3588",
    }
