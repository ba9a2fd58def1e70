"""Burned areas in California: ChaBuD, and CaBuAr which it was made from."""

from __future__ import annotations

from typing import ClassVar

from swath.datasets.catalogue import File, Info, MultispectralBenchmark
from swath.datasets.catalogue.grouped import GroupDates, GroupMask, GroupRows

__all__ = ["CaBuAr", "ChaBuD"]

_CABUAR = (
    "https://huggingface.co/datasets/DarthReca/california_burned_areas/resolve/main/raw/patched/"
)
_TRAIN, _VAL = (1, 2, 3, 4), (0,)


def _info(title: str, citation: str, homepage: str) -> Info:
    return Info(
        title=title,
        tasks=("change detection",),
        source="Sentinel-2",
        samples=None,
        size="512x512",
        resolution="20",
        licence="OpenRAIL",
        citation=citation,
        homepage=homepage,
    )


class ChaBuD(MultispectralBenchmark):
    """Sentinel-2 before and after wildfires in California, and what has burned (ChaBuD).

    A sample has ``image`` float32 (2, bands, 512, 512), before and after the fire, in the file's
    values, and ``mask`` int64 (1, 512, 512) of 1 where it has burned. It is read from HDF5
    (``pip install 'swath[hdf5]'``).
    """

    info = _info(
        "ChaBuD: Change detection for burned area delineation",
        "ChaBuD challenge, ECML-PKDD 2023, https://huggingface.co/datasets/chabud-team/chabud-ecml-pkdd2023",
        "https://huggingface.co/spaces/competitions/ChaBuD-ECML-PKDD2023",
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "val")
    classes = ("not burned", "burned")
    all_band_names = (
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12",
    )  # fmt: skip
    rgb_bands = ("B04", "B03", "B02")
    files: ClassVar[tuple[File, ...]] = (
        File(
            "train_eval.hdf5",
            "https://hf.co/datasets/chabud-team/chabud-ecml-pkdd2023/resolve/"
            "de222d434e26379aa3d4f3dd1b2caf502427a8b2/train_eval.hdf5",
            sha256="7aaf771259e81131e08671c9ecaeb2902378530957771a35fd142b157cb09931",
        ),
    )
    rows = GroupRows(
        {"train": "train_eval.hdf5", "val": "train_eval.hdf5"},
        {"train": _TRAIN, "val": _VAL},
        ("pre_fire", "post_fire"),
    )
    parts = (GroupDates(("pre_fire", "post_fire")), GroupMask())


class CaBuAr(ChaBuD):
    """`ChaBuD` with more fires, and a test split (CaBuAr).

    Fires of which there is no image from before are left out.
    """

    info = _info(
        "CaBuAr: California burned areas",
        "Cambrin et al. 2023, https://doi.org/10.1109/MGRS.2023.3292467",
        "https://huggingface.co/datasets/DarthReca/california_burned_areas",
    )
    splits = ("train", "val", "test")
    files = (
        File(
            "512x512.hdf5", _CABUAR + "512x512.hdf5", md5="15d78fb825f9a81dad600db828d22c08",
            when={"split": ("train", "val")},
        ),
        File(
            "chabud_test.h5", _CABUAR + "chabud_test.h5", md5="a70bb7e4a2788657c2354c4c3d9296fe",
            when={"split": "test"},
        ),
    )  # fmt: skip
    rows = GroupRows(
        {"train": "512x512.hdf5", "val": "512x512.hdf5", "test": "chabud_test.h5"},
        {"train": _TRAIN, "val": _VAL, "test": ("chabud",)},
        ("pre_fire", "post_fire"),
    )
