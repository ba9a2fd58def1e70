"""Onera Satellite Change Detection: what was built between two Sentinel-2 images of a city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from swath.datasets.catalogue import (
    Archive,
    BandFiles,
    Dates,
    Glob,
    Info,
    Mask,
    MaskStack,
    MultispectralBenchmark,
    Site,
)
from swath.datasets.catalogue.files import write_text

__all__ = ["OSCD", "OSCD100"]

_NAME = "Onera Satellite Change Detection dataset - "
_HUB = "https://hf.co/datasets/hkristen/"
_SIZE = (64, 64)


def _files(address: str, digests: dict[str, str]) -> tuple[Archive, ...]:
    """The archive of the images and those of the labels of each split."""
    return tuple(
        Archive(
            name := f"{_NAME}{what}.zip",
            _HUB + address + name.replace(" ", "%20"),
            sha256=digest,
            gives=(f"{_NAME}{what}/",),
            when={} if what == "Images" else {"split": what.split()[0]},
        )
        for what, digest in digests.items()
    )


class _Cities(Glob):
    """Cities with labels; beside their images lie the dates."""

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """The dates of miniatures."""
        for row in rows:
            path = site.path(_NAME + "Images/{city}/dates.txt", row)
            write_text(path, "date_1: 20161130\ndate_2: 20170829\n")


class OSCD(MultispectralBenchmark):
    """Pairs of Sentinel-2 images of cities, and what was built in between (OSCD).

    A sample has ``image`` float32 (2, bands, H, W), before and after, in the files' values (top of
    atmosphere reflectance times 10,000, all bands at 10 m), and ``mask`` int64 (1, H, W) of 1
    where something has changed. Cities differ in size.
    """

    info = Info(
        title="Onera Satellite Change Detection",
        tasks=("change detection",),
        source="Sentinel-2",
        samples={"train": 14, "test": 10},
        size="varies",
        resolution="10",
        licence="CC-BY-NC-SA-4.0",
        citation="Daudt et al. 2018, https://doi.org/10.1109/IGARSS.2018.8518015",
        homepage="https://rcdaudt.github.io/oscd/",
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    split_names: ClassVar = {"train": "Train", "val": "Val", "test": "Test"}
    classes = ("no change", "change")
    all_band_names = (
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12",
    )  # fmt: skip
    rgb_bands = ("B04", "B03", "B02")
    files = _files(
        "oscd/resolve/4958d786c1389ede1511d91a6ecf1a75c4074933/",
        {
            "Images": "940b87887511058a933e67cd6d0e43e2eb825a55d8e79a50983dee7f23003656",
            "Test Labels": "2e195eaa1b788b99fa93ea8073e3780bc0b763000b0c49dbf70548acf1e5d67d",
            "Train Labels": "89fb54cd12ad0dbea6c447528139dec305b865294215434bf6dd170fb8fd3ca5",
        },
    )
    rows = _Cities(_NAME + "{split} Labels/{city}/cm/cm.png")
    parts = (
        Dates(
            [
                BandFiles(_NAME + "Images/{city}/imgs_1_rect/{band}.tif", size=_SIZE,
                          dtype="uint16"),
                BandFiles(_NAME + "Images/{city}/imgs_2_rect/{band}.tif", size=_SIZE,
                          dtype="uint16"),
            ]
        ),
        MaskStack([Mask(_NAME + "{split} Labels/{city}/cm/cm.png", threshold=0, size=_SIZE)]),
    )  # fmt: skip


class OSCD100(OSCD):
    """A hundred small pairs of `OSCD`, to try things out."""

    info = Info(
        title="Onera Satellite Change Detection 100",
        tasks=("change detection",),
        source="Sentinel-2",
        samples=None,
        size="varies",
        resolution="10",
        licence="CC-BY-NC-SA-4.0",
        citation=OSCD.info.citation,
        homepage="https://huggingface.co/datasets/hkristen/oscd100",
    )
    splits = ("train", "val", "test")
    files = _files(
        "oscd100/resolve/81edcad799419465bf9ca137281bb72a6f4e4b34/",
        {
            "Images": "6c88242b15f3295a1062bea90adffb76af87a4e8b386a0cbb82e5a01663f9480",
            "Test Labels": "425571643f1c456caf3cb250f13cbfbbeee247838dfc1e0c50cdb712d8bbf383",
            "Train Labels": "84145c36f55753f182a782c00e62107495e0a44effce90086fad1c5efe5b3d98",
            "Val Labels": "3a7e8cecacc9be4a12a6d2fc7f7926871039d78c346969c709690869c322f596",
        },
    )
