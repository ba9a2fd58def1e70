"""GeoNRW: land cover, heights and aerial images of North Rhine-Westphalia."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, Glob, Image, Info, Mask, PerSplit

__all__ = ["GeoNRW"]

_TRAIN = (
    "aachen", "bergisch", "bielefeld", "bochum", "bonn", "borken", "bottrop", "coesfeld",
    "dortmund", "dueren", "duisburg", "ennepetal", "erftstadt", "essen", "euskirchen",
    "gelsenkirchen", "guetersloh", "hagen", "hamm", "heinsberg", "herford", "hoexter", "kleve",
    "koeln", "krefeld", "leverkusen", "lippetal", "lippstadt", "lotte", "moenchengladbach",
    "moers", "muelheim", "muenster", "oberhausen", "paderborn", "recklinghausen", "remscheid",
    "siegen", "solingen", "wuppertal",
)  # fmt: skip
_TEST = ("duesseldorf", "herne", "neuss")


def _of(cities: tuple[str, ...]) -> Glob:
    return Glob("{city:" + "|".join(cities) + "}/{tile}_rgb.jp2", examples={"tile": ("365_5620",)})


class GeoNRW(Benchmark):
    """GeoNRW: ``image`` (3, 1000, 1000), ``dem`` (1, 1000, 1000) in metres, ``mask``.

    The mask has ten classes, and 0 for background. The test cities are Düsseldorf, Herne and
    Neuss. Images have the files' values, 0 to 255; other libraries divide them by 255.
    """

    info = Info(
        title="GeoNRW",
        tasks=("segmentation", "multi-modal"),
        source="aerial, lidar",
        samples={"train": 7298, "test": 485},
        size="1000x1000",
        resolution="1",
        licence="CC-BY-4.0",
        citation="Baier et al. 2021, https://ieeexplore.ieee.org/document/9406194",
        homepage="https://ieee-dataport.org/open-access/geonrw",
        bytes=32_400_000_000,
    )
    splits = ("train", "test")
    files = (
        Archive(
            "nrw_dataset.tar.gz",
            "https://hf.co/datasets/torchgeo/geonrw/resolve/"
            "3cb6bdf2a615b9e526c7dcff85fd1f20728081b7/nrw_dataset.tar.gz",
            sha256="de3cdda6a5718a8ae7f0e1479829a06c0fcebdab4eaf70274c56adfde696b972",
            gives=("{city}/{tile}_rgb.jp2", "{city}/{tile}_dem.tif", "{city}/{tile}_seg.tif"),
        ),
    )
    classes = (
        "background", "forest", "water", "agricultural", "residential,commercial,industrial",
        "grassland,swamp,shrubbery", "railway,trainstation", "highway,squares",
        "airport,shipyard", "roads", "buildings",
    )  # fmt: skip
    rows = PerSplit(train=_of(_TRAIN), test=_of(_TEST))
    parts = (
        Image("{city}/{tile}_rgb.jp2", size=(64, 64)),
        Image("{city}/{tile}_dem.tif", "dem", bands=("dem",), size=(64, 64), dtype="float32"),
        Mask("{city}/{tile}_seg.tif", size=(64, 64)),
    )
