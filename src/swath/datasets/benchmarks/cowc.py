"""Cars Overhead With Context: is there a car, and how many."""

from __future__ import annotations

from typing import ClassVar

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    Image,
    Info,
    Listed,
    Part,
    Site,
    Value,
)

__all__ = ["COWC", "COWCCounting", "COWCDetection"]

_PLACES = (
    "Toronto_ISPRS", "Selwyn_LINZ", "Potsdam_ISPRS", "Vaihingen_ISPRS", "Columbus_CSUAV_AFRL",
    "Utah_AGRC",
)  # fmt: skip
_SETS = "https://gdo152.llnl.gov/cowc/download/cowc/datasets/patch_sets/"


class _Lists(Listed):
    """Lists that name patches of every place."""

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """As many as there are places at least: each has an archive."""
        found = super().invent(site, max(count, len(_PLACES)), start)
        return [{**row, "folder": site.fields["split"]} for row in found]


def _files(kind: str, ending: str, lists: tuple[str, str], places: str) -> tuple[Archive, ...]:
    named = {
        split: f"COWC_{split}_list_{ending}.txt" for split in ("train", "test")
    }  # fmt: skip
    return (
        *(
            Archive(f"{name}.bz2", f"{_SETS}{kind.lower()}/{name}.bz2", md5=md5, gives=(name,))
            for name, md5 in zip(named.values(), lists, strict=True)
        ),
        *(
            Archive(
                name := f"COWC_{kind}_{place}.tbz", f"{_SETS}{kind.lower()}/{name}", md5=md5,
                gives=(f"{place}/",),
            )
            for place, md5 in zip(_PLACES, places.split(), strict=True)
        ),
    )  # fmt: skip


def _info(what: str) -> Info:
    return Info(
        title=f"Cars Overhead With Context: {what}",
        tasks=("regression",) if what == "counting" else ("classification",),
        source="aerial",
        samples=None,
        size="256x256",
        resolution="0.15",
        licence="-",
        citation="Mundhenk et al. 2016, https://doi.org/10.1007/978-3-319-46487-9_48",
        homepage="https://gdo152.llnl.gov/cowc/",
    )


class COWC(Benchmark):
    """What `COWCCounting` and `COWCDetection` share: patches of six cities and rural areas.

    A sample has ``image`` float32 (3, H, W) and ``label`` (). Vaihingen is colour infrared and
    Columbus grey (as three equal bands).
    """

    splits = ("train", "test")
    parts: ClassVar[tuple[Part, ...]] = (
        Image("{place}/{folder}/{name}.png", size=(64, 64)), Value("label"),
    )  # fmt: skip


class COWCCounting(COWC):
    """How many cars an aerial image shows: ``image`` (3, H, W), ``label`` float32 (), 0 to 63."""

    info = _info("counting")
    files = _files(
        "Counting", "64_class",
        ("187543d20fa6d591b8da51136e8ef8fb", "930cfd6e160a7b36db03146282178807"),
        "bc2613196dfa93e66d324ae43e7c1fdb ea842ae055f5c74d0d933d2194764545 "
        "19a77ab9932b722ef52b197d70e68ce7 4009c1e420566390746f5b4db02afdb9 "
        "daf8033c4e8ceebbf2c3cac3fabb8b10 777ec107ed2a3d54597a739ce74f95ad",
    )  # fmt: skip
    rows = _Lists(
        "COWC_{split}_list_64_class.txt", "{place}/{folder}/{name}.png {label:\\d+}",
        {"place": _PLACES, "label": ("0", "3", "12", "63")},
    )  # fmt: skip


class COWCDetection(COWC):
    """Whether there is a car in the middle of an aerial image: ``image`` (3, H, W), ``label``.

    The label is the number of a class, int64 () of 0 (no car) or 1, as classifiers want it;
    TorchGeo gives the same number as float32.
    """

    info = _info("detection")
    classes = ("no car", "car")
    files = _files(
        "Detection", "detection",
        ("c954a5a3dac08c220b10cfbeec83893c", "c6c2d0a78f12a2ad88b286b724a57c1a"),
        "11af24f43b198b0f13c8e94814008a48 22fd37a86961010f5d519a7da0e1fc72 "
        "bf053545cc1915d8b6597415b746fe48 23945d5b22455450a938382ccc2a8b27 "
        "f40522dc97bea41b10117d4a5b946a6f 195da7c9443a939a468c9f232fd86ee3",
    )  # fmt: skip
    rows = _Lists(
        "COWC_{split}_list_detection.txt", "{place}/{folder}/{name}.png {label:[01]}",
        {"place": _PLACES, "label": ("0", "1")},
    )  # fmt: skip
    parts = (COWC.parts[0], Value("label", dtype="int64"))
