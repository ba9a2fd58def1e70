"""DIOR: twenty kinds of objects with upright boxes."""

from __future__ import annotations

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    File,
    Image,
    Info,
    PathTable,
    PerSplit,
    VocObjects,
)

__all__ = ["DIOR"]

_HUB = "https://hf.co/datasets/torchgeo/dior/resolve/0b8439a538b66457e553a8bd9105ef093cce8169/"


def _spelt(name: str) -> str:
    """``Expressway-toll-station``, as it was first published, is ``expresswaytollstation``."""
    return name.lower().replace("-", "").replace(" ", "").replace("_", "")


def _samples(folder: str, labels: str) -> PathTable:
    return PathTable(
        "sample_df.csv",
        {
            "image": ("image_path", f"Images/{folder}/{{number}}.jpg"),
            "objects": ("label_path", labels),
        },
        where={"split": "{split}"},
    )


class DIOR(Benchmark):
    """Objects of twenty kinds in optical images of 800 x 800 (DIOR).

    A sample has ``image`` float32 (3, H, W), and, in ``train`` and ``val``, ``bbox_xyxy`` float32
    (N, 4) and ``label`` int64 (N,) of 0 to 19. Classes are understood in the spelling of the paper
    too.
    """

    info = Info(
        title="DIOR",
        tasks=("detection",),
        source="Google Earth",
        samples={"train": 5862, "val": 5863, "test": 11738},
        size="800x800",
        resolution="0.5-30",
        licence="-",
        citation="Li et al. 2020, https://doi.org/10.1016/j.isprsjprs.2019.11.023",
        homepage="http://www.escience.cn/people/gongcheng/DIOR.html",
    )
    splits = ("train", "val", "test")
    classes = (
        "airplane", "airport", "baseballfield", "basketballcourt", "bridge", "chimney", "dam",
        "expresswayservicearea", "expresswaytollstation", "golffield", "groundtrackfield",
        "harbor", "overpass", "ship", "stadium", "storagetank", "tenniscourt", "trainstation",
        "vehicle", "windmill",
    )  # fmt: skip
    files = (
        Archive(
            "Images_trainval.zip", _HUB + "Images_trainval.zip", gives=("Images/trainval/",),
            when={"split": ("train", "val")},
        ),
        Archive(
            "Annotations_trainval.zip", _HUB + "Annotations_trainval.zip",
            gives=("Annotations/trainval/",), when={"split": ("train", "val")},
        ),
        Archive(
            "Images_test.zip", _HUB + "Images_test.zip", gives=("Images/test/",),
            when={"split": "test"},
        ),
        File("sample_df.csv", _HUB + "sample_df.csv"),
    )  # fmt: skip
    rows = PerSplit(
        train=_samples("trainval", "Annotations/trainval/{number}.xml"),
        val=_samples("trainval", "Annotations/trainval/{number}.xml"),
        test=_samples("test", ""),
    )
    parts = (
        Image("{image}", size=(48, 64)),
        VocObjects("{objects}", spelt=_spelt, size=(48, 64), when={"split": ("train", "val")}),
    )
