"""Clouds drawn by hand: the Landsat scenes on which cloud masks are validated."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import LabelledLayer
from swath.datasets.layers.tables import colour_table
from swath.errors import FileMissingError
from swath.typing import Path

__all__ = ["L7Irish", "L8Biome"]

#: Value in the files of each class, in order.
_VALUES = (0, 64, 128, 192, 255)
# The colours are ours: white would be where nothing is.
_NAMES, _COLOURS = colour_table("""
0 000000 Fill
1 404040 Cloud Shadow
2 228b22 Clear
3 a8c8eb Thin Cloud
4 4678c8 Cloud
""")
_PLACES = np.zeros(256, np.int64)
_PLACES[list(_VALUES)] = range(5)

#: SHA-256 of the archive of each.
_ZONES = dict(
    line.split()
    for line in """
austral 9b025debb20791cd3279cbc56f39dcd42fa7f20f172608a750e06b31c153457e
boreal 7d5bf24420e7606b71669c39e7ffc7fbef0605224845e6c6995572d3fadffff2
mid_latitude_north 7ab40faee550f941da41365093cf604c304641343c9777bbe9dba46d050e4a4f
mid_latitude_south 8b74d7debd5229d03fe210c6ce813a7e4a8b2ece7acc3a8f8d2af8100e6e034d
polar_north 0eb82d2c5a46600b7d4ffe1e67e4f0858947707e183dc29c00027b3f7caae3d1
polar_south 1d1b89e232af2d2685355713c1a11eb8de351ca7dc8e34d82b87a6a4237d47f4
subtropical_north 48f5cbd08b6095ae853f632e5660ade0d99be5c713d5a05b49302fbe5070860d
subtropical_south ad88b32b992fcf88aab9c7e83c678c8e71f75547bdf7d66baec00aafdb0fdcad
tropical 659c5f528b81f9e8626a3b88ce47b844484522a3316cbc62be7a0cdfd994a7b4
""".strip().splitlines()
)

#: SHA-256 of the archive of each.
_BIOMES = dict(
    line.split()
    for line in """
barren 96104e03b50e6fed6a7e0d695133653c2b30893b6c25b4e06fe2f0947a2c96ea
forest 55b3728ae82a2cc67dec25cd0a262eb1f3e78f65d101b9f9a3c06577c851c912
grass_crops 86a436d51bb511022352b029f8acc8f9a308f390982cbbd3ae5024dd23ebf24c
shrubland 5a4891ebe03c45e97407e59b8101b0467317235015fc3ab12ca32c7e915a6be9
snow_ice b8ef5ce0b3442a7444b48b6b4076bf975567d6d7764fc1c5bd60700936c0eb3f
urban 19e05ab8d80082f0ea6a6c53ab9989d6c7b5cbc93a3c18deebda8ca56bc43e9d
water d9b6d554b1c8f7987d53ab81fa8fbd565bb73a87a702cc3cb161bf6a9373f83a
wetlands ae8ad56992ca314ba6c10ba5e360f77b9590bb1d7b455032e5937bc078ffc8cc
""".strip().splitlines()
)


class CloudMasks(LabelledLayer):
    """What L7 Irish and L8 Biome share: scenes all over the world, five classes."""

    classes_by_value = _NAMES
    cmap = _COLOURS
    class_map = _PLACES
    default_nodata = 0.0
    whole = False

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        bands: Sequence[str] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        # Scenes lie in many zones: no one of them would do for the others.
        super().__init__(
            paths, "EPSG:3857" if crs is None else crs, res, bands, transforms, cache, download,
            checksum, time_series, **options,
        )  # fmt: skip


class L7Irish(CloudMasks):
    """L7 Irish: 206 Landsat 7 ETM+ scenes in nine zones of latitude, and their clouds.

    All bands are on one grid of 30 m in a file (Pre-Collection Level 1G, 8 bits). The sample's
    ``mask`` holds places in `classes`. By default in EPSG:3857, as in the field: scenes are in many
    UTM zones.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`; EPSG:3857 by default.
        res: As in `RasterDataset`.
        bands: Names of the bands that are wanted, in order; all nine by default.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the zones that are missing.
        checksum: Compare the digests of archives with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
        ChecksumError: An archive is not the one that was published.
        BandError: There is no such band.
    """

    info = Info(
        title="L7 Irish: Landsat 7 cloud cover assessment validation data",
        tasks=("segmentation",),
        source="Landsat 7 ETM+",
        samples=206,
        size="about 8000x7000",
        resolution="30",
        licence="CC0 1.0",
        citation="U.S. Geological Survey 2016, https://doi.org/10.5066/F7XD0ZWC; Scaramuzza, "
        "Bouchard and Dwyer 2012, https://doi.org/10.1109/TGRS.2011.2164087",
        homepage="https://www.usgs.gov/landsat-missions/"
        "landsat-7-cloud-cover-assessment-validation-data",
    )
    published = tuple(
        Archive(
            f"{zone}.tar.gz",
            "https://hf.co/datasets/torchgeo/l7irish/resolve/"
            f"6807e0b22eca7f9a8a3903ea673b31a115837464/{zone}.tar.gz",
            sha256=sha256,
            gives=(f"l7irish/{zone}/",),
        )
        for zone, sha256 in _ZONES.items()
    )
    filename_glob = "L71*.TIF"
    filename_regex = r"^L71\d{6}_(?P<row>\d{3})(?P<date>\d{8})\.TIF$"
    all_bands = ("B10", "B20", "B30", "B40", "B50", "B61", "B62", "B70", "B80")
    rgb_bands = ("B30", "B20", "B10")
    parts = (
        Raster(
            "l7irish/{zone}/p{p}_r{r}{again}/L71{p3}0{r}_0{r}{date}.TIF",
            bands=9, crs="EPSG:{crs}",
        ),
        Raster(
            "l7irish/{zone}/p{p}_r{r}{again}/L7_p{p}_r{r}_newmask2015.TIF",
            values=_VALUES, crs="EPSG:{crs}",
        ),
    )  # fmt: skip
    examples = tuple(
        dict(zip(("zone", "p", "p3", "r", "again", "date", "crs"), row.split(), strict=True))
        | ({"again": ""} if row.split()[4] == "-" else {})
        for row in (
            "austral 226 226 98 - 20011112 32619",
            "austral 231 231 93 _2 20010507 32619",
            "boreal 2 002 27 - 20010604 32619",
        )
    )

    def label_files(self, path: str) -> list[str]:
        """The mask in the scene's folder."""
        folder = os.path.dirname(path)
        place = re.match(r"p\d+_r\d+", os.path.basename(folder))
        if place is None:
            raise FileMissingError(
                f"{path} is in no folder such as p226_r98, by which its mask would be found: keep "
                "the folders of the archives"
            )
        return [os.path.join(folder, f"L7_{place[0]}_newmask2015.TIF")]


class L8Biome(CloudMasks):
    """L8 Biome: 96 Landsat 8 scenes in eight biomes, and their clouds.

    All bands are in one file. The sample's ``mask`` holds places in `classes`. By default in
    EPSG:3857, as in the field: scenes are in many UTM zones.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`; EPSG:3857 by default.
        res: As in `RasterDataset`.
        bands: Names of the bands that are wanted, in order; all eleven by default.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the biomes that are missing.
        checksum: Compare the digests of archives with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
        ChecksumError: An archive is not the one that was published.
        BandError: There is no such band.
    """

    info = Info(
        title="L8 Biome: Landsat 8 cloud cover assessment validation data",
        tasks=("segmentation",),
        source="Landsat 8 OLI and TIRS",
        samples=96,
        size="about 9000x9000",
        resolution="30",
        licence="CC0 1.0",
        citation="U.S. Geological Survey 2016, https://doi.org/10.5066/F7251GDH; Foga et al. 2017, "
        "https://doi.org/10.1016/j.rse.2017.03.026",
        homepage="https://www.usgs.gov/landsat-missions/"
        "landsat-8-cloud-cover-assessment-validation-data",
    )
    published = tuple(
        Archive(
            f"{biome}.tar.gz",
            "https://hf.co/datasets/torchgeo/l8biome/resolve/"
            f"f76df19accce34d2acc1878d88b9491bc81f94c8/{biome}.tar.gz",
            sha256=sha256,
            gives=(f"l8biome/{biome}/",),
        )
        for biome, sha256 in _BIOMES.items()
    )
    filename_glob = "LC8*.TIF"
    filename_regex = r"^LC8\d{6}(?P<date>\d{7})LGN\d{2}\.TIF$"
    date_format = "%Y%j"
    all_bands = tuple(f"B{i}" for i in range(1, 12))
    rgb_bands = ("B4", "B3", "B2")
    parts = (
        Raster("l8biome/{biome}/{scene}/{scene}.TIF", bands=11, crs="EPSG:{crs}"),
        Raster("l8biome/{biome}/{scene}/{scene}_fixedmask.TIF", values=_VALUES, crs="EPSG:{crs}"),
    )
    examples = (
        {"biome": "barren", "scene": "LC80420082013220LGN00", "crs": "32615"},
        {"biome": "forest", "scene": "LC80070662014234LGN00", "crs": "32615"},
    )

    def label_files(self, path: str) -> list[str]:
        """The mask beside the scene."""
        return [path.removesuffix(".TIF") + "_fixedmask.TIF"]
