"""ESA WorldCover: land cover of the world at 10 m."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from typing import Any

from pyproj import CRS

from swath.datasets.catalogue.description import File, Info
from swath.datasets.catalogue.layer import PublishedLayer
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.product import Product
from swath.datasets.layers.tables import colour_table
from swath.errors import ConfigError, DownloadError
from swath.typing import Path

__all__ = ["ESAWorldCover"]

log = logging.getLogger(__name__)

_TABLE = """
 10 006400 Tree cover
 20 ffbb22 Shrubland
 30 ffff4c Grassland
 40 f096ff Cropland
 50 fa0000 Built-up
 60 b4b4b4 Bare / sparse vegetation
 70 f0f0f0 Snow and ice
 80 0064c8 Permanent water bodies
 90 0096a0 Herbaceous wetland
 95 00cf75 Mangroves
100 fae6a0 Moss and lichen
"""
_NAMES, _COLOURS = colour_table(_TABLE)
_VERSIONS = {2020: "v100", 2021: "v200"}


class ESAWorldCover(PublishedLayer, Product):
    """ESA WorldCover: eleven classes at 10 m, 2020 (v100) and 2021 (v200).

    Files are tiles of 3 x 3 degrees (EPSG:4326) named by their south-western corner, such as
    ``ESA_WorldCover_10m_2021_v200_N00E006_Map.tif``. The sample's ``mask`` holds the official
    codes (10, 20 … 100), 0 where there is no data. The two years were made with different
    algorithms: differences between them are not change alone.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        years: Years to read. By default all that are there; with `download`, 2021.
        tiles: Names of tiles to have (``N00E006``).
        area: Longitudes and latitudes (west, south, east, north) whose tiles to have. Tiles that
            the provider does not have are taken to be all sea, and the log names them.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the tiles of `tiles` or `area` that are missing, 1 to 100 MB each. The
            provider publishes no checksums.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Tiles are not there, and were not to be downloaded.
        ConfigError: A year or tile that cannot be.
    """

    info = Info(
        title="ESA WorldCover",
        tasks=("segmentation",),
        source="Sentinel-1, Sentinel-2",
        samples=None,
        size="36000x36000",
        resolution="10",
        licence="CC-BY-4.0",
        citation=(
            "2021: Zanaga, D. et al. (2022). ESA WorldCover 10 m 2021 v200. "
            "https://doi.org/10.5281/zenodo.7254221; 2020: Zanaga, D. et al. (2021). ESA "
            "WorldCover 10 m 2020 v100. https://doi.org/10.5281/zenodo.5571936"
        ),
        homepage="https://esa-worldcover.org",
    )

    is_image = False
    filename_glob = "ESA_WorldCover_10m_*_Map.tif"
    filename_regex = r"""
        ^ESA_WorldCover_10m
        _(?P<date>\d{4})
        _(?P<version>v\d{3})
        _(?P<tile>[NS]\d{2}[EW]\d{3})
        _Map\.tif$
    """
    date_format = "%Y"
    default_nodata = 0.0
    whole = False
    parts = (
        Raster("ESA_WorldCover_10m_2021_v200_{tile}_Map.tif", values=tuple(_NAMES),
               crs="EPSG:4326", res=0.09375, origin=(6.0, 3.0)),
    )  # fmt: skip
    examples = ({"tile": "N00E006"},)
    classes_by_value = _NAMES
    cmap = _COLOURS
    #: ``{version}``, ``{year}`` and ``{tile}`` are filled in.
    url = (
        "https://esa-worldcover.s3.eu-central-1.amazonaws.com/{version}/{year}/map/"
        "ESA_WorldCover_10m_{year}_{version}_{tile}_Map.tif"
    )

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        years: Sequence[int] | None = None,
        tiles: Sequence[str] | None = None,
        area: tuple[float, float, float, float] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        self.paths = options["root"] if options.get("root") is not None else paths
        self.download, self.checksum = download, False
        wrong = [year for year in years or () if year not in _VERSIONS]
        if wrong:
            raise ConfigError(f"ESAWorldCover has no year {wrong[0]}: expected 2020 or 2021")
        named = list(tiles or ())
        around = [tile for tile in tiles_of(area) if tile not in named] if area else []
        if download and not named and not around:
            raise ConfigError(
                "download=True needs tiles=['N00E006', …] or area=(west, south, east, north): the "
                "whole product is 120 GB a year"
            )
        for year in years or (2021,):
            for tile in (*named, *around):
                try:
                    self._obtain(year, tile)
                except DownloadError as error:
                    if tile in named or error.status not in (403, 404):
                        raise
                    log.warning("ESAWorldCover has no tile %s for %d: all sea there", tile, year)
        super().__init__(paths, crs, res, None, transforms, cache, time_series, **options)
        if years is not None:
            frame = self.index
            self.index = frame[[left.year in set(years) for left in frame.index.left]]

    def _obtain(self, year: int, tile: str) -> None:
        url = self.url.format(version=_VERSIONS[year], year=year, tile=tile)
        self.have([File(url.rpartition("/")[2], url)], fetch=self.download, required=True)


def tiles_of(area: tuple[float, float, float, float]) -> list[str]:
    """Names of the 3-degree tiles that share ground with (west, south, east, north) in degrees.

    Raises:
        ConfigError: That is no area.
    """
    west, south, east, north = area
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ConfigError(
            f"area={area}: expected (west, south, east, north) in degrees with west < east and "
            "south < north; an area across the antimeridian is two areas"
        )
    rows = range(math.floor(south / 3) * 3, math.ceil(north / 3) * 3, 3)
    columns = range(math.floor(west / 3) * 3, math.ceil(east / 3) * 3, 3)
    return [
        f"{'N' if lat >= 0 else 'S'}{abs(lat):02d}{'E' if lon >= 0 else 'W'}{abs(lon):03d}"
        for lat in rows
        for lon in columns
    ]
