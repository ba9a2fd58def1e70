"""Chesapeake Bay land use and land cover at 1 m, a layer a state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer import OfClass, PublishedLayer
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.product import Product
from swath.datasets.layers.tables import colour_table
from swath.errors import ConfigError
from swath.typing import Path

__all__ = [
    "Chesapeake",
    "ChesapeakeDC",
    "ChesapeakeDE",
    "ChesapeakeMD",
    "ChesapeakeNY",
    "ChesapeakePA",
    "ChesapeakeVA",
    "ChesapeakeWV",
]

# Names are those of the 54 classes where a code is one of them beyond doubt, else of the group of
# classes (18 in all) that has the colour.
_TABLE = """
11 005ce6 Water: estuarine/marine
12 005ce6 Water: lakes and reservoirs
13 005ce6 Water: riverine ponds
14 005ce6 Water: terrene ponds
15 005ce6 Water: lotic
21 000000 Roads
22 eb0602 Structures
23 595959 Other impervious
24 8a8a88 Tree canopy over roads
25 8a8a88 Tree canopy over structures
26 8a8a88 Tree canopy over other impervious
27 737300 Tree canopy over turf grass
28 e9ffbe Turf grass
29 ffff73 Pervious developed, other (29)
41 267300 Forest
42 38a800 Other tree canopy
51 ffff73 Pervious developed, other (51)
52 ffff73 Pervious developed, other (52)
53 ffff73 Pervious developed, other (53)
54 aaff00 Natural succession (54)
55 aaff00 Natural succession (55)
56 aaff00 Natural succession (56)
62 4dd194 Wetlands, riverine, non-forested (62)
63 4dd194 Wetlands, riverine, non-forested (63)
64 38a800 Wetlands, riverine: tree canopy
65 267300 Wetlands, riverine: forest
72 baf5d9 Wetlands, terrene, non-forested (72)
73 baf5d9 Wetlands, terrene, non-forested (73)
74 38a800 Wetlands, terrene: tree canopy
75 267300 Wetlands, terrene: forest
83 ffd37f Agriculture (83)
84 ffd37f Agriculture (84)
85 ffd37f Agriculture (85)
91 00a884 Wetlands, tidal, non-forested (91)
92 00a884 Wetlands, tidal, non-forested (92)
93 00a884 Wetlands, tidal, non-forested (93)
94 38a800 Wetlands, tidal: tree canopy
95 267300 Wetlands, tidal: forest
"""
_NAMES, _COLOURS = colour_table(_TABLE)


def _info(state: str) -> Info:
    return Info(
        title=f"Chesapeake Bay Land Use and Land Cover Database, 2022 edition: {state}",
        tasks=("segmentation",),
        source="aerial",
        samples=None,
        size="varies",
        resolution="1",
        licence="Public domain (USGS data release)",
        citation=(
            "Chesapeake Bay Program (2023). Chesapeake Bay Land Use and Land Cover (LULC) Database "
            "2022 Edition: U.S. Geological Survey data release. https://doi.org/10.5066/P981GV1L"
        ),
        homepage=(
            "https://www.chesapeakeconservancy.org/projects/cbp-land-use-land-cover-data-project"
        ),
    )


class Chesapeake(PublishedLayer, Product):
    """Chesapeake Bay Land Use and Land Cover Database, 2022 edition: 54 classes at 1 m.

    One class a state (`ChesapeakeMD` …); join them with ``|``. Files are
    ``md_lulc_2018_2022-Edition.tif`` (Albers, USGS version), from the zip of that name; there are
    two years a state, from NAIP of 2013/14 and 2017/18. The sample's ``mask`` holds the codes of
    the files.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the years that are missing (about 0.1 to 3 GB each).
        checksum: Compare the digests of archives with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
    """

    # Not `info`: it is its states that are listed.
    title, product_page = _info("all").title, _info("all").homepage
    citation, licence = _info("all").citation, _info("all").licence

    is_image = False
    date_format = "%Y"
    filename_glob = "{state}_lulc_*_2022-Edition.tif"
    filename_regex = r"^{state}_lulc_(?P<date>\d{{4}})_2022-Edition\.tif$"
    default_nodata = 0.0
    classes_by_value = _NAMES
    cmap = _COLOURS
    #: ``{state}`` and ``{year}`` are filled in.
    url: ClassVar[str] = (
        "https://hf.co/datasets/torchgeo/chesapeake/resolve/"
        "1e0370eda6a24d93af4153745e54fd383d015bf5/{state}_lulc_{year}_2022-Edition.zip"
    )
    state: ClassVar[str] = ""
    #: Of the archives, by year.
    sha256s: ClassVar[dict[int, str]] = {}
    published = OfClass(  # type: ignore[assignment]
        lambda cls: tuple(
            Archive(
                f"{cls.state}_lulc_{year}_2022-Edition.zip",
                cls.url.format(state=cls.state, year=year),
                sha256=sha256,
                gives=(f"{cls.state}_lulc_{year}_2022-Edition.tif",),
            )
            for year, sha256 in cls.sha256s.items()
        )
    )
    whole = False
    parts = (
        Raster("{state}_lulc_{year}_2022-Edition.tif", values=(11, 21, 28, 41), crs="EPSG:5070",
               res=1.0),
    )  # fmt: skip
    examples = OfClass(  # type: ignore[assignment]
        lambda cls: tuple({"state": cls.state, "year": str(year)} for year in cls.sha256s)
    )

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        if not self.state:
            raise ConfigError(
                "Chesapeake is what its states have in common: use ChesapeakeDC, ChesapeakeDE, "
                "ChesapeakeMD, ChesapeakeNY, ChesapeakePA, ChesapeakeVA or ChesapeakeWV"
            )
        self.filename_glob = type(self).filename_glob.format(state=self.state)
        self.filename_regex = type(self).filename_regex.format(state=self.state)
        self.paths = options["root"] if options.get("root") is not None else paths
        self.download, self.checksum = download, checksum
        if options.get("index") is None:
            self.obtain()
        super().__init__(paths, crs, res, None, transforms, cache, time_series, **options)


class ChesapeakeDC(Chesapeake):
    """District of Columbia."""

    info = _info("District of Columbia")
    state = "dc"
    sha256s = {  # noqa: RUF012
        2013: "13c776f8690a19c4088df6f4c143bca9650ce6cfe5c4091f3b774441eab8805a",
        2017: "f71ae8836bbbf7e4b60e4edf99e3a6eee16f62473dcb2c7f20ba5836c7a108c8",
    }


class ChesapeakeDE(Chesapeake):
    """Delaware."""

    info = _info("Delaware")
    state = "de"
    sha256s = {  # noqa: RUF012
        2013: "ced3e274bfd8531915cb21d1a3faad31c9de859648feb8b8daec245f343c0b5c",
        2018: "4b996051cbd532dc4e43642d4ecbdf2dd55456a927edc35983b427f137145273",
    }


class ChesapeakeMD(Chesapeake):
    """Maryland."""

    info = _info("Maryland")
    state = "md"
    sha256s = {  # noqa: RUF012
        2013: "e5a6a2c02f50295f6f13539092ce801c94263bd7ac304203cc2da2d4d774dd18",
        2018: "d3b70ae09737e119f5292b071f752add4c44c1f0a0b959a26305f2ceb0c583ec",
    }


class ChesapeakeNY(Chesapeake):
    """New York."""

    info = _info("New York")
    state = "ny"
    sha256s = {  # noqa: RUF012
        2013: "2b861e5893f9340fc792c3df2dedfd0230ee35b1cd22fb53cc258fa7a97f4d33",
        2017: "eceaae776c49636730a51b5abe93ec123000535e92aee37cf9594c8ba52cd41e",
    }


class ChesapeakePA(Chesapeake):
    """Pennsylvania."""

    info = _info("Pennsylvania")
    state = "pa"
    sha256s = {  # noqa: RUF012
        2013: "5f197d18765ff8e0c837433c2eba285f97a1c5ac68c12d8c06fc4854c5df3d8c",
        2017: "f699ea705ae5bcda04e0eaa5c14369bccc1cec7ad65b1c4946134e8c55b84737",
    }


class ChesapeakeVA(Chesapeake):
    """Virginia."""

    info = _info("Virginia")
    state = "va"
    sha256s = {  # noqa: RUF012
        2014: "9e71799f70c4c994eadeb126e4923e7b843dff335b46cb27a4785f1551660226",
        2018: "c7dd3514268f83fe8a3d650b3e686f4a7bce091b04f6e16a84e4f3d475bf19e9",
    }


class ChesapeakeWV(Chesapeake):
    """West Virginia."""

    info = _info("West Virginia")
    state = "wv"
    sha256s = {  # noqa: RUF012
        2014: "a882edc5e71acae0da953e44266562a0a957c8b139a885a20bbd33b22fe43d42",
        2018: "84c3577680bba0c2da179b0def119f014581cdf08d16039188d6e482a997cb8d",
    }
