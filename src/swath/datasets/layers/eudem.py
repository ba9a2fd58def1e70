"""EU-DEM: heights of Europe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import MaskLayer
from swath.datasets.layers.published_tables import EUDEM_MD5S
from swath.typing import Path

__all__ = ["EUDEM"]


class EUDEM(MaskLayer):
    """EU-DEM v1.1: heights of Europe above sea level at 25 m (EPSG:3035), in metres.

    The sample's ``mask`` holds whole metres, as in the field. Files are
    ``eu_dem_v11_E30N10.TIF`` from zips that have to be fetched by hand.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        checksum: Compare the digests of archives with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: No file is there.
        ChecksumError: An archive is not the one that was published.
    """

    info = Info(
        title="European Digital Elevation Model v1.1",
        tasks=("pixelwise regression",),
        source="SRTM, ASTER GDEM",
        samples=27,
        size="40000x40000",
        resolution="25",
        licence="-",
        citation="European Union, Copernicus Land Monitoring Service, European Environment Agency, "
        "https://land.copernicus.eu",
        homepage="https://land.copernicus.eu/imagery-in-situ/eu-dem/eu-dem-v1.1",
        account="It has to be downloaded from Copernicus Land with an account",
    )
    published = tuple(
        Archive(f"{name}.zip", md5=md5, gives=(f"{name}.TIF",)) for name, md5 in EUDEM_MD5S.items()
    )
    whole = False
    quantity = "elevation (m)"
    filename_glob = "eu_dem_v11_*.TIF"
    filename_regex = r"(?P<name>eu_dem_v11)_(?P<id>[A-Z0-9]{6})\.TIF$"
    parts = (
        Raster("eu_dem_v11_{tile}.TIF", "float32", values=(0.0, 12.0, 250.0), crs="EPSG:3035",
               res=25.0, origin=(3e6, 2e6)),
    )  # fmt: skip
    examples = ({"tile": "E30N10"},)

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            paths, crs, res, transforms, cache, False, checksum, time_series, **options
        )
