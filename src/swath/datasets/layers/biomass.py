"""Biomass and height of forests, from files fetched by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pandas as pd
from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import MaskLayer
from swath.datasets.layers.published_tables import COUNTRIES, GLOBBIOMASS_MD5S
from swath.errors import ConfigError, nearest
from swath.raster.info import RasterInfo
from swath.raster.scene import SceneBand
from swath.typing import Path

__all__ = [
    "AbovegroundLiveWoodyBiomassDensity",
    "CMSGlobalMangroveCanopy",
    "GlobBiomass",
]


class GlobBiomass(MaskLayer):
    """GlobBiomass: biomass or stem volume of the world's forests in 2010 at 100 m.

    The sample's ``mask`` (2, H, W), int64 (in the field: int32), holds the quantity and its
    standard error, in Mg/ha (``agb``, above-ground biomass) or m³/ha (``gsv``, growing stock
    volume). Tiles of 40 degrees are published in zips, which have to be fetched by hand.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        measurement: ``"agb"`` or ``"gsv"``.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        checksum: Compare the digests of archives with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: No file is there.
        ConfigError: There is no such measurement.
        ChecksumError: An archive is not the one that was published.
    """

    info = Info(
        title="GlobBiomass: global datasets of forest biomass",
        tasks=("pixelwise regression",),
        source="ALOS PALSAR, Envisat ASAR, Landsat 7",
        samples=29,
        size="45000x45000",
        resolution="100",
        licence="-",
        citation="Santoro 2018, https://doi.org/10.1594/PANGAEA.894711",
        homepage="https://doi.org/10.1594/PANGAEA.894711",
        account="It has no address that a program could download from",
    )
    published = tuple(
        Archive(
            f"{name}.zip", md5=md5, gives=(f"{name}.tif", f"{name}_err.tif"),
            when={"measurement": name[-3:]},
        )
        for name, md5 in GLOBBIOMASS_MD5S.items()
    )  # fmt: skip
    whole = False
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"measurement": ("agb", "gsv")}
    quantity = "Mg/ha or m³/ha"
    mint, maxt = pd.Timestamp(2010, 1, 1), pd.Timestamp(2010, 12, 31, 23, 59, 59, 999999)
    parts = tuple(
        Raster("{tile}_" + end, "int32", crs="EPSG:4326", res=0.00089, origin=(20.0, 40.0))
        for end in ("agb.tif", "agb_err.tif", "gsv.tif", "gsv_err.tif")
    )
    examples = ({"tile": "N00E020"},)

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        measurement: str = "agb",
        transforms: Transform | None = None,
        cache: bool = True,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        known = self.choices["measurement"]
        if measurement not in known:
            raise ConfigError(f"there is no measurement {measurement!r}: expected {known}")
        self.measurement = measurement
        self.filename_glob = f"*_{measurement}.tif"
        super().__init__(
            paths, crs, res, transforms, cache, False, checksum, time_series, **options
        )

    def selections(self) -> list[dict[str, str]]:
        """The measurement."""
        return [{"measurement": self.measurement}]

    def _plan_channels(self, first: RasterInfo) -> list[tuple[str | None, int]]:
        return [(None, 0), (None, 0)]

    def _scene_bands(self, path: str) -> list[SceneBand]:
        quantity = super()._scene_bands(path)[0]
        error = path.removesuffix(".tif") + "_err.tif"
        return [quantity, SceneBand(error, 0, 1, quantity.nodata)]


class CMSGlobalMangroveCanopy(MaskLayer):
    """Global mangroves in 2000: biomass and height of their canopy at 30 m, a file a country.

    The sample's ``mask`` holds, by `measurement`: ``agb`` above-ground biomass (Mg/ha), ``hba95``
    basal-area weighted height (m), ``hmax95`` height of the tallest trees (m). The zip has to be
    fetched by hand with a NASA Earthdata account.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        measurement: ``"agb"``, ``"hba95"`` or ``"hmax95"``.
        country: One of ``all_countries``.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        checksum: Compare the archive's digest with the published one.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: The country's file is not there.
        ConfigError: There is no such measurement or country.
        ChecksumError: The archive is not the one that was published.
    """

    info = Info(
        title="CMS Global Map of Mangrove Canopy",
        tasks=("pixelwise regression",),
        source="SRTM, ICESat",
        samples=None,
        size="varies",
        resolution="30",
        licence="-",
        citation="Simard et al. 2019, https://doi.org/10.3334/ORNLDAAC/1665",
        homepage="https://doi.org/10.3334/ORNLDAAC/1665",
        account="It has to be downloaded with a NASA Earthdata account",
    )
    published = (
        Archive(
            "CMS_Global_Map_Mangrove_Canopy_1665.zip",
            md5="3e7f9f23bf971c25e828b36e6c5496e3",
            gives=("CMS_Global_Map_Mangrove_Canopy_1665/data/",),
        ),
    )
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "measurement": ("agb", "hba95", "hmax95"),
        "country": COUNTRIES,
    }
    all_countries: ClassVar[tuple[str, ...]] = COUNTRIES
    measurements: ClassVar[tuple[str, ...]] = ("agb", "hba95", "hmax95")
    quantity = "Mg/ha or m"
    parts = (
        Raster(
            "CMS_Global_Map_Mangrove_Canopy_1665/data/Mangrove_{measurement}_{country}.tif",
            "int32", values=(0, 5, 80), crs="EPSG:4326", res=0.00027, origin=(93.0, 12.0),
        ),
    )  # fmt: skip
    examples = tuple(
        {"measurement": m, "country": "AndamanAndNicobar"} for m in ("agb", "hba95", "hmax95")
    )

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        measurement: str = "agb",
        country: str = "AndamanAndNicobar",
        transforms: Transform | None = None,
        cache: bool = True,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        for name, value in (("measurement", measurement), ("country", country)):
            if value not in self.choices[name]:
                raise ConfigError(
                    f"there is no {name} {value!r}: {nearest(value, self.choices[name])}"
                )
        self.measurement, self.country = measurement, country
        self.filename_glob = f"Mangrove_{measurement}_{country}.tif"
        super().__init__(
            paths, crs, res, transforms, cache, False, checksum, time_series, **options
        )


class AbovegroundLiveWoodyBiomassDensity(MaskLayer):
    """Above-ground live woody biomass in 2000 at 30 m: Mg/ha, tiles of 10 degrees.

    Files are named by their north-western corner, ``00N_010E.tif``. (The field finds those of the
    north-east alone.) Only the list of tiles can be downloaded by a program; it says where they
    are.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        transforms: As in `RasterDataset`.
        download: Refused: says where the tiles are.
        cache: As in `RasterDataset`.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: No tile is there.
        ConfigError: `download` is True.
    """

    info = Info(
        title="Aboveground Live Woody Biomass Density",
        tasks=("pixelwise regression",),
        source="Landsat, ICESat",
        samples=None,
        size="40000x40000",
        resolution="30",
        licence="-",
        citation="Harris et al. 2021, https://doi.org/10.1038/s41558-020-00976-6",
        homepage="https://data.globalforestwatch.org/datasets/gfw::"
        "aboveground-live-woody-biomass-density/about",
    )
    whole = False
    quantity = "Mg/ha"
    mint, maxt = pd.Timestamp(2000, 1, 1), pd.Timestamp(2000, 12, 31, 23, 59, 59, 999999)
    filename_glob = "[0-9][0-9][NS]_[0-9][0-9][0-9][EW]*"
    filename_regex = r"^(?P<latitude>\d\d[NS])_(?P<longitude>\d{3}[EW]).*\.(?i:tiff?)$"
    #: The list of tiles and their addresses.
    url = (
        "https://opendata.arcgis.com/api/v3/datasets/e4bdbe8d6d8d4e32ace7d36a4aec7b93_0/downloads/"
        "data?format=geojson&spatialRefId=4326"
    )
    parts = (
        Raster("{tile}.tif", "int32", values=(0, 20, 180), crs="EPSG:4326", res=0.00025,
               origin=(0.0, 0.0)),
    )  # fmt: skip
    examples = ({"tile": "00N_000E"}, {"tile": "10S_070W"})

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        transforms: Transform | None = None,
        download: bool = False,
        cache: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        if download:
            raise ConfigError(
                f"the tiles are listed at {self.url}, and each has an address there: fetch those "
                f"that you need ; see {self.product_page}"
            )
        super().__init__(paths, crs, res, transforms, cache, False, True, time_series, **options)
