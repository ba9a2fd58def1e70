"""ISPRS 2D semantic labelling: Potsdam and Vaihingen."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, ByHandBenchmark, Glob, Image, Info, Mask, PerSplit

__all__ = ["Potsdam2D", "Vaihingen2D"]

_CITATION = "Rottensteiner et al. 2012, https://doi.org/10.5194/isprsannals-I-3-293-2012"
_PAGES = "https://www.isprs.org/resources/datasets/benchmarks/UrbanSemLab/"
_CLASSES = (
    "Clutter/background", "Impervious surfaces", "Building", "Low Vegetation", "Tree", "Car",
)  # fmt: skip
_COLOURS = (
    (255, 0, 0), (255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0),
)  # fmt: skip
#: The benchmark's own tiles for training and test; a tile that is in neither is of no split.
_POTSDAM = {
    "train": (
        "2_10", "2_11", "2_12", "3_10", "3_11", "3_12", "4_10", "4_11", "4_12", "5_10", "5_11",
        "5_12", "6_10", "6_11", "6_12", "6_7", "6_8", "6_9", "7_10", "7_11", "7_12", "7_7", "7_8",
        "7_9",
    ),
    "test": (
        "5_15", "6_15", "6_13", "3_13", "4_14", "6_14", "5_14", "2_13", "4_15", "2_14", "5_13",
        "4_13", "3_14", "7_13",
    ),
}  # fmt: skip
_VAIHINGEN = {
    "train": (
        "1", "11", "13", "15", "17", "21", "23", "26", "28", "3", "30", "32", "34", "37", "5", "7",
    ),
    "test": (
        "6", "24", "35", "16", "14", "22", "10", "4", "2", "20", "8", "31", "33", "27", "38", "12",
        "29",
    ),
}  # fmt: skip


def _tiles(pattern: str, tiles: dict[str, tuple[str, ...]]) -> PerSplit:
    return PerSplit(**{split: Glob(pattern % "|".join(names)) for split, names in tiles.items()})


class _ISPRS(ByHandBenchmark):
    splits = ("train", "test")
    classes = _CLASSES
    colours = _COLOURS


class Potsdam2D(_ISPRS):
    """Potsdam: ``image`` (4, 6000, 6000) of R, G, B and near infrared, ``mask`` of six classes.

    Orthophotos of 5 cm, from the archives ``4_Ortho_RGBIR.zip`` and ``5_Labels_all.zip``. For the
    second no whole digest is published, so that it is not verified. The splits are the contest's.
    """

    info = Info(
        title="ISPRS Potsdam, 2D semantic labelling",
        tasks=("segmentation",),
        source="aerial",
        samples={"train": 24, "test": 14},
        size="6000x6000",
        resolution="0.05",
        licence="-",
        citation=_CITATION,
        homepage=_PAGES + "2d-sem-label-potsdam.aspx",
        account="It is handed out on request",
    )
    all_band_names = ("R", "G", "B", "NIR")
    files = (
        Archive(
            "4_Ortho_RGBIR.zip",
            md5="c4a8f7d8c7196dd4eba4addd0aae10c1",
            gives=("4_Ortho_RGBIR/",),
        ),
        Archive("5_Labels_all.zip", gives=("top_potsdam_",)),
    )
    rows = _tiles("4_Ortho_RGBIR/top_potsdam_{tile:%s}_RGBIR.tif", _POTSDAM)
    parts = (
        Image("4_Ortho_RGBIR/top_potsdam_{tile}_RGBIR.tif", located=True, size=(64, 64),
              crs="EPSG:32633"),
        Mask("top_potsdam_{tile}_label.tif", colours=dict(zip(_COLOURS, range(6), strict=True)),
             size=(64, 64)),
    )  # fmt: skip


class Vaihingen2D(_ISPRS):
    """Vaihingen: ``image`` (3, H, W) of near infrared, R and G, ``mask`` of six classes.

    Orthophotos of 9 cm and of about 2500 by 2000 pixels. The splits are the contest's.
    """

    info = Info(
        title="ISPRS Vaihingen, 2D semantic labelling",
        tasks=("segmentation",),
        source="aerial",
        samples={"train": 16, "test": 17},
        size="varies",
        resolution="0.09",
        licence="-",
        citation=_CITATION,
        homepage=_PAGES + "2d-sem-label-vaihingen.aspx",
        account="It is handed out on request",
    )
    all_band_names = ("NIR", "R", "G")
    rgb_bands = ("NIR", "R", "G")
    files = (
        Archive(
            "ISPRS_semantic_labeling_Vaihingen.zip",
            md5="462b8dca7b6fa9eaf729840f0cdfc7f3",
            gives=("top/",),
        ),
        Archive(
            "ISPRS_semantic_labeling_Vaihingen_ground_truth_COMPLETE.zip",
            md5="4802dd6326e2727a352fb735be450277",
            gives=("top_mosaic_",),
        ),
    )
    rows = _tiles("top/top_mosaic_09cm_area{area:%s}.tif", _VAIHINGEN)
    parts = (
        Image("top/top_mosaic_09cm_area{area}.tif", size=(64, 48)),
        Mask("top_mosaic_09cm_area{area}.tif", colours=dict(zip(_COLOURS, range(6), strict=True)),
             size=(64, 48)),
    )  # fmt: skip
