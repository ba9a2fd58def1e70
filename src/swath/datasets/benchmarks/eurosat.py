"""EuroSAT: land use and land cover of Europe in Sentinel-2's bands, and its other splits."""

from __future__ import annotations

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    File,
    Glob,
    Image,
    Info,
    Label,
    Listed,
    MultispectralBenchmark,
    Seeded,
)

__all__ = ["EuroSAT", "EuroSAT100", "EuroSATRGB", "EuroSATSpatial"]

_HOST = "https://hf.co/datasets/torchgeo/eurosat/resolve/1ce6f1bfb56db63fd91b6ecc466ea67f2509774c/"
_FOLDER = "ds/images/remote_sensing/otherDatasets/sentinel_2/tif/"
_IMAGES = _FOLDER + "{label}/{name}.tif"
_CITATION = "Helber et al. 2019, https://doi.org/10.1109/JSTARS.2019.2918242"
_HOMEPAGE = "https://github.com/phelber/EuroSAT"


def _lists(begin: str, train: str, val: str, test: str) -> tuple[File, ...]:
    return tuple(
        File(f"{begin}-{s}.txt", f"{_HOST}{begin}-{s}.txt", sha256=d, when={"split": s})
        for s, d in (("train", train), ("val", val), ("test", test))
    )


def _listed(begin: str) -> Glob:
    # Lists of some releases name the JPEGs that the same samples have in the other archive.
    line = "{name}.{ending:tif|jpg}"
    return Glob(_IMAGES, listed=Listed(begin + "-{split}.txt", line, examples={"ending": ("tif",)}))


_ALL_BANDS = Archive(
    "EuroSATallBands.zip",
    _HOST + "EuroSATallBands.zip",
    sha256="751f070f9bffa2eed48b24ca2dd0b02959280c08837e8c9a5532a67ba611df59",
    gives=(_FOLDER,),
)


class EuroSAT(MultispectralBenchmark):
    """EuroSAT: ``image`` (13, 64, 64), ``label`` of ten kinds of land, ``bounds``, ``transform``.

    Level 1C of Sentinel-2, top-of-atmosphere reflectance times 10,000. Bands are in the files'
    order, in which B8A comes last; ``bands=EuroSAT.BAND_SETS["rgb"]`` gives a picture. Each image
    lies in its own UTM zone.

    The splits are those of Neumann et al. 2019 (https://arxiv.org/abs/1911.06721), by lot.
    """

    info = Info(
        title="EuroSAT",
        tasks=("classification",),
        source="Sentinel-2",
        samples={"train": 16_200, "val": 5_400, "test": 5_400},
        size="64x64",
        resolution="10",
        licence="MIT",
        citation=_CITATION,
        homepage=_HOMEPAGE,
    )
    splits = ("train", "val", "test")
    files = (
        _ALL_BANDS,
        *_lists(
            "eurosat",
            train="1c1d2e855f95deee605a3d992f914d113fddbecf422ec61648057d029a37d695",
            val="b385741f31daa9f1250cf1e1fe03adfab394e1172e0693df40141af004f60330",
            test="cf37948894c12bd953930ff54ee9b7abf0b31478abb8d25fd2c6c721db74c592",
        ),
    )
    classes = (
        "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture",
        "PermanentCrop", "Residential", "River", "SeaLake",
    )  # fmt: skip
    all_band_names = (
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A",
    )  # fmt: skip
    rgb_bands = ("B04", "B03", "B02")
    BAND_SETS = {"all": all_band_names, "rgb": rgb_bands}  # noqa: RUF012
    rows = _listed("eurosat")
    parts = (
        Image(_IMAGES, located=True, size=(64, 64), dtype="uint16",
              crs=("EPSG:32632", "EPSG:32635")),
        Label(),
    )  # fmt: skip


class EuroSATSpatial(EuroSAT):
    """`EuroSAT` with splits by longitude, so that training and test share no region."""

    info = Info(
        title="EuroSAT, split by longitude",
        tasks=("classification",),
        source="Sentinel-2",
        samples=27_000,
        size="64x64",
        resolution="10",
        licence="MIT",
        citation=_CITATION,
        homepage=_HOMEPAGE,
    )
    files = (
        _ALL_BANDS,
        *_lists(
            "eurosat-spatial",
            train="2db7d455afb8dcbca898ea19a00f1f90c091734efdbba89e22aaf24056da243f",
            val="6c758477604b7057a0fd990d7f6327b63b99a6725aac11a6a9d0174a7fdd8f0b",
            test="de22dec83d350cac3b3e4ca8e285cb6733c81ab94bf5bcf9213a567993402452",
        ),
    )
    rows = _listed("eurosat-spatial")


class EuroSAT100(EuroSAT):
    """A hundred images of `EuroSAT`, to try things out."""

    info = Info(
        title="EuroSAT, 100 images of it",
        tasks=("classification",),
        source="Sentinel-2",
        samples=100,
        size="64x64",
        resolution="10",
        licence="MIT",
        citation=_CITATION,
        homepage=_HOMEPAGE,
    )
    files = (
        Archive(
            "EuroSAT100.zip",
            _HOST + "EuroSAT100.zip",
            sha256="2ed4bb4a6808004c98691f64b366827f7783c76a49151e7c2b70423eb77a5b76",
            gives=(_FOLDER,),
        ),
        *_lists(
            "eurosat-100",
            train="7f2416377fc379d43197512ef2f7582e87f62c7b2b63ac576bd5c18f110e0a20",
            val="09e4744d15299c0e5b39a5bb211ce245b8dbaeafc5353ce3372f5db69f6e59d8",
            test="576738254dffa4fd3cdefed1763ecbd9f6e2b4de0f5ec8a9aa4ff301a6d8e00e",
        ),
    )
    rows = _listed("eurosat-100")


_PICTURES = "2750/{label}/{name}.jpg"


class EuroSATRGB(Benchmark):
    """The JPEG edition of `EuroSAT`: ``image`` (3, 64, 64) of 0 to 255, and ``label``.

    It comes without coordinates, in the folder ``2750``. The splits are by lot: 60, 20 and 20 % of
    the images, the same on every machine.
    """

    info = Info(
        title="EuroSAT in colours",
        tasks=("classification",),
        source="Sentinel-2",
        samples={"train": 16_200, "val": 5_400, "test": 5_400},
        size="64x64",
        resolution="10",
        licence="MIT",
        citation=_CITATION,
        homepage=_HOMEPAGE,
    )
    splits = ("train", "val", "test")
    files = (
        Archive(
            "EuroSAT.zip",
            "https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
            "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
            md5="c8fa014336c82ac7804f0398fcb19387",
            gives=("2750/",),
        ),
    )
    classes = EuroSAT.classes
    rows = Seeded(Glob(_PICTURES), {"train": 0.6, "val": 0.2, "test": 0.2})
    parts = (Image(_PICTURES, size=(64, 64)), Label())
