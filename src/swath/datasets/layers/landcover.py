"""Land cover and crops of a continent or the world, from models of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.catalogue.description import Archive, File, Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import MaskLayer
from swath.datasets.layers.tables import colour_table
from swath.errors import ConfigError
from swath.raster.info import RasterInfo
from swath.typing import Path

__all__ = ["NCCM", "Esri2020", "SouthAmericaSoybean"]

_ESRI = """
 0 000000 No Data
 1 419bdf Water
 2 397d49 Trees
 3 88b053 Grass
 4 7a87c6 Flooded Vegetation
 5 e49635 Crops
 6 dfc35a Scrub/Shrub
 7 c4281b Built Area
 8 a59b8f Bare Ground
 9 a8ebff Snow/Ice
10 616161 Clouds
"""
# Colours are ours.
_NORTHEAST = """
0 30a0e0 Paddy rice
1 f0c828 Maize
2 3c9632 Soybean
3 a0a0a0 Other crops and lands
4 000000 No data
"""
_SOYBEAN = """
0 dcdcdc Other
1 3c9632 Soybean
"""
_ESRI_NAMES, _ESRI_COLOURS = colour_table(_ESRI)
_NORTHEAST_NAMES, _NORTHEAST_COLOURS = colour_table(_NORTHEAST)
_SOYBEAN_NAMES, _SOYBEAN_COLOURS = colour_table(_SOYBEAN)
_NAME = "io-lulc-model-001-v01-composite-v03-supercell-v02-clip-v01"


class Esri2020(MaskLayer):
    """Esri 2020 Land Cover: ten classes at 10 m, from Sentinel-2, the whole world.

    Tiles are those of UTM (``01C_20200101-20210101.tif``), all in one zip. Holds for all of 2020
    (in the field: for its first day).
    """

    info = Info(
        title="Esri 2020 Land Cover",
        tasks=("segmentation",),
        source="Sentinel-2",
        samples=None,
        size="varies",
        resolution="10",
        licence="CC-BY-4.0",
        citation="Karra et al. 2021, https://doi.org/10.1109/IGARSS47720.2021.9553499",
        homepage="https://www.arcgis.com/home/item.html?id=fc92d38533d440078f17678ebc20e8e2",
    )
    published = (
        Archive(
            f"{_NAME}.zip",
            f"https://ai4edataeuwest.blob.core.windows.net/io-lulc/{_NAME}.zip",
            md5="4932855fcd00735a34b74b1f87db3df0",
            gives=("io-lulc-model-001-v01-composite-v03-supercell-v02-clip-v01/",),
        ),
    )
    whole = False
    filename_glob = "*_20200101-20210101.*"
    filename_regex = r"^(?P<id>\d\d[A-Z])_(?P<start>\d{8})-(?P<stop>\d{8})\."
    classes_by_value = _ESRI_NAMES
    cmap = _ESRI_COLOURS
    default_nodata = 0.0
    parts = (Raster(_NAME + "/{id}_20200101-20210101.tif", values=tuple(_ESRI_NAMES), res=10.0),)
    examples = ({"id": "16S"}, {"id": "16T"})


class _OfYears(MaskLayer):
    """Files of years; a class has no arguments but ``years`` beside those of `MaskLayer`."""

    whole = False
    date_format = "%Y"

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        years: Sequence[int] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        known = [str(f.when["year"]) for f in self.published]
        wrong = [year for year in years or () if str(year) not in known]
        if wrong:
            raise ConfigError(
                f"{type(self).__name__} has no year {wrong[0]}: expected {', '.join(known)}"
            )
        self.years = list(years) if years is not None else [int(year) for year in known]
        self.whole = years is not None
        super().__init__(
            paths, crs, res, transforms, cache, download, checksum, time_series, **options
        )
        if years is not None:
            frame = self.index
            self.index = frame[[left.year in set(years) for left in frame.index.left]]

    def selections(self) -> list[dict[str, str]]:
        """The years."""
        return [{"year": str(year)} for year in self.years]


_CROPS = np.arange(256)
_CROPS[15] = 4


class NCCM(_OfYears):
    """Northeast China Crop Map: rice, maize and soybean at 10 m, 2017 to 2019.

    The files' 15, no data, becomes class 4.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        years: Years to read. By default all that are there; with `download`, all.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the years that are missing.
        checksum: Compare the files' digests with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: A year is not there, and was not to be downloaded.
        ConfigError: There is no such year.
        ChecksumError: A file is not the one that was published.
    """

    info = Info(
        title="Northeast China Crop Map",
        tasks=("segmentation",),
        source="Sentinel-2",
        samples=3,
        size="varies",
        resolution="10",
        licence="-",
        citation="You et al. 2021, https://doi.org/10.1038/s41597-021-00827-9",
        homepage="https://doi.org/10.6084/m9.figshare.13090442",
    )
    published = tuple(
        File(
            f"CDL{year}_clip{'1' if year == 2018 else ''}.tif",
            f"https://api.figshare.com/v2/file/download/{number}",
            md5=md5,
            when={"year": str(year)},
        )
        for year, number, md5 in (
            (2017, 25070582, "d047fbe4a85341fa6248fd7e0badab6c"),
            (2018, 25070624, "b3bb4894478d10786aa798fb11693ec1"),
            (2019, 25070540, "0d062bbd42e483fdc8239d22dba7020f"),
        )
    )
    filename_glob = "CDL*.*"
    filename_regex = r"CDL(?P<date>\d{4})_clip"
    class_map = _CROPS
    default_nodata = 15.0
    classes_by_value = _NORTHEAST_NAMES
    cmap = _NORTHEAST_COLOURS
    parts = (Raster("CDL{year}_clip{version}.tif", values=(0, 1, 2, 3, 15), res=10.0),)
    examples = (
        {"year": "2017", "version": ""},
        {"year": "2018", "version": "1"},
        {"year": "2019", "version": ""},
    )

    def _plan_fills(
        self, first: RasterInfo, fill_value: float | Sequence[float] | None
    ) -> NDArray[np.float64]:
        # Fills are written after the codes are changed.
        return super()._plan_fills(first, 4 if fill_value is None else fill_value)


#: MD5 by year. Those that are known of 2016, 2020 and 2021 have a digit too few: they are not used.
_SOYBEAN_MD5S = {
    2001: "2914b0af7590a0ca4dfa9ccefc99020f",
    2002: "8a4a9dcea54b3ec7de07657b9f2c0893",
    2003: "cad5ed461ff4ab45c90177841aaecad2",
    2004: "f9882ca9c70e054e50172835cb75a8c3",
    2005: "89faae27f9b5afbd06935a465e5fe414",
    2006: "eabaa525414ecbff89301d3d5c706f0b",
    2007: "bb8549b6674163fe20ffd47ec4ce8903",
    2008: "96fc3f737ab3ce9bcd16cbf7761427e2",
    2009: "341387c1bb42a15140c80702e4cca02d",
    2010: "9264532d36ffa93493735a6e44caef0d",
    2011: "b73352ebea3d5658959e9044ec526143",
    2012: "9f3a71097c9836fcff18a13b9ba608b2",
    2013: "0263e19b3cae6fdaba4e3b450cef985e",
    2014: "824ff91c62a4ba9f4ccfd281729830e5",
    2015: "6beb96a61fe0e9ce8c06263e500dde8f",
    2016: None,
    2017: "4d0487ac1105d171e5f506f1766ea777",
    2018: "503c2d0a803c2a2629ebbbd9558a3013",
    2019: "441836493bbcd5e123cff579a58f5a4f",
    2020: None,
    2021: None,
}


class SouthAmericaSoybean(_OfYears):
    """Soybean in South America at 30 m, a map a year, 2001 to 2021.

    Each file holds for its year (in the field: for any time).

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        years: Years to read. By default all that are there; with `download`, all.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the years that are missing.
        checksum: Compare the files' digests with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: A year is not there, and was not to be downloaded.
        ConfigError: There is no such year.
        ChecksumError: A file is not the one that was published.
    """

    info = Info(
        title="South America Soybean",
        tasks=("segmentation",),
        source="Landsat, MODIS",
        samples=21,
        size="varies",
        resolution="30",
        licence="-",
        citation="Song et al. 2021, https://doi.org/10.1038/s41893-021-00729-z",
        homepage="https://glad.umd.edu/projects/commodity-crop-mapping-and-monitoring-south-america",
    )
    published = tuple(
        File(
            f"SouthAmerica_Soybean_{year}.tif",
            f"https://glad.umd.edu/projects/AnnualClassMapsV1/SouthAmerica_Soybean_{year}.tif",
            md5=md5,
            when={"year": str(year)},
        )
        for year, md5 in _SOYBEAN_MD5S.items()
    )
    filename_glob = "SouthAmerica_Soybean_*.*"
    filename_regex = r"SouthAmerica_Soybean_(?P<date>\d{4})"
    classes_by_value = _SOYBEAN_NAMES
    cmap = _SOYBEAN_COLOURS
    parts = (
        Raster("SouthAmerica_Soybean_{year}.tif", values=(0, 1), crs="EPSG:4326", res=0.00025,
               origin=(-55.0, -20.0)),
    )  # fmt: skip
    examples = ({"year": "2019"}, {"year": "2021"})
