"""SEN12MS: Sentinel-1, Sentinel-2 and land cover of all seasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    File,
    Image,
    Info,
    Listed,
    Mask,
    Sensors,
    Site,
)
from swath.typing import Path, Sample

__all__ = ["SEN12MS"]

_S1 = ("VV", "VH")
_S2 = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12",
)  # fmt: skip
_LISTS = (
    "https://raw.githubusercontent.com/schmitt-muc/SEN12MS/"
    "3a41236a28d08d253ebe2fa1a081e5e32aa7eab4/splits/"
)
_DIGESTS = {
    "ROIs1158_spring": (
        "6e2e8fa8b8cba77ddab49fd20ff5c37b",
        "fba019bb27a08c1db96b31f718c34d79",
        "d58af2c15a16f376eb3308dc9b685af2",
    ),
    "ROIs1868_summer": (
        "2c5bd80244440b6f9d54957c6b1f23d4",
        "01044b7f58d33570c6b57fec28a3d449",
        "4dbaf72ecb704a4794036fe691427ff3",
    ),
    "ROIs1970_fall": (
        "9b126a68b0e3af260071b3139cb57cee",
        "19132e0aab9d4d6862fd42e8e6760847",
        "b8f117818878da86b5f5e06400eb1866",
    ),
    "ROIs2017_winter": (
        "0fa0420ef7bcfe4387c7e6fe226dc728",
        "bb8cbfc16b95a4f054a3d5380e0130ed",
        "3807545661288dcca312c9c538537b63",
    ),
}
_SCENE = "{season}/%s_{scene}/{season}_%s_{scene}_p{patch}.tif"


def _file(kind: str) -> str:
    return _SCENE % (kind, kind)


class _Scenes(Listed):
    """Patches; in miniatures some of every season, as each has archives of its own."""

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        return super().invent(site, max(count, len(_DIGESTS)), start)


class SEN12MS(Benchmark):
    """SEN12MS: ``image`` (15, 256, 256) of Sentinel-1 and Sentinel-2, ``mask`` of land cover.

    VV and VH are backscatter in decibels, the bands of Sentinel-2 are reflectance times 10,000.
    The mask is the IGBP scheme of MODIS, in its published numbers (1 to 17). Bands come in the
    order in which they are asked for; files of which none is wanted are not opened. The lists of
    training and test name the patches by their images of Sentinel-2.
    """

    info = Info(
        title="SEN12MS",
        tasks=("segmentation", "multi-modal"),
        source="Sentinel-1, Sentinel-2, MODIS",
        samples=180_662,
        size="256x256",
        resolution="10",
        licence="CC-BY-4.0",
        citation="Schmitt et al. 2019, https://doi.org/10.5194/isprs-annals-IV-2-W7-153-2019",
        homepage="https://mediatum.ub.tum.de/1474000",
        account="Its archives are served by FTP, from dataserv.ub.tum.de as user m1474000 with the "
        "password m1474000",
    )
    splits = ("train", "test")
    classes = (
        "no data", "evergreen needleleaf forest", "evergreen broadleaf forest",
        "deciduous needleleaf forest", "deciduous broadleaf forest", "mixed forest",
        "closed shrublands", "open shrublands", "woody savannas", "savannas", "grasslands",
        "permanent wetlands", "croplands", "urban and built-up", "cropland/vegetation mosaics",
        "snow and ice", "barren", "water",
    )  # fmt: skip
    all_band_names = (*_S1, *_S2)
    rgb_bands = ("B04", "B03", "B02")
    BAND_SETS = {  # noqa: RUF012
        "all": all_band_names,
        "s1": _S1,
        "s2-all": _S2,
        "s2-reduced": ("B02", "B03", "B04", "B08", "B10", "B11"),
    }
    std = dict.fromkeys(_S1, -25.0) | dict.fromkeys(_S2, 10_000.0)
    mean = dict.fromkeys(all_band_names, 0.0)
    files = (
        *(
            Archive(
                f"{season}_{kind}.tar.gz",
                md5=digest,
                gives=(f"{season}/{kind}_",),
            )
            for season, digests in _DIGESTS.items()
            for kind, digest in zip(("lc", "s1", "s2"), digests, strict=True)
        ),
        *(
            File(f"{split}_list.txt", f"{_LISTS}{split}_list.txt", md5=digest,
                 when={"split": split})
            for split, digest in (
                ("train", "0a68d4e1eb24f128fccdb930000b2546"),
                ("test", "c7faad064001e646445c4c634169484d"),
            )
        ),
    )  # fmt: skip
    rows = _Scenes(
        "{split}_list.txt",
        "{season:ROIs[0-9]+_[a-z]+}_s2_{scene:[0-9]+}_p{patch:[0-9]+}.tif",
        examples={"season": tuple(_DIGESTS)},
    )
    parts = (
        Sensors([
            Image(_file("s1"), bands=_S1, dtype="float32", located=True, size=(64, 64),
                  crs="EPSG:32737"),
            Image(_file("s2"), bands=_S2, dtype="uint16", located=True, size=(64, 64),
                  crs="EPSG:32737"),
        ]),
        Mask(_file("lc"), written=range(1, 18), dtype="uint16", size=(64, 64),
             crs="EPSG:32737"),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        bands: Sequence[str] = BAND_SETS["all"],
        transforms: Callable[[Sample], Sample] | None = None,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, split, transforms, checksum=checksum, bands=bands, **options)
