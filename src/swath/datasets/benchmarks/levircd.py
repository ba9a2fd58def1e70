"""LEVIR-CD and LEVIR-CD+: buildings that appeared between two dates."""

from __future__ import annotations

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    Dates,
    Glob,
    Image,
    Info,
    Mask,
    MaskStack,
)

__all__ = ["LEVIRCD", "LEVIRCDPlus"]

_HUB = "https://huggingface.co/datasets/satellite-image-deep-learning/LEVIR-CD/resolve/"
_CITATION = "Chen and Shi 2020, https://doi.org/10.3390/rs12101662"


def _parts(folder: str, name: str) -> tuple[Dates, MaskStack]:
    size = (64, 64)
    return (
        Dates(
            [Image(f"{folder}A/{name}.png", size=size), Image(f"{folder}B/{name}.png", size=size)]
        ),
        MaskStack([Mask(f"{folder}label/{name}.png", threshold=0, size=size)]),
    )


class LEVIRCD(Benchmark):
    """LEVIR-CD: ``image`` (2, 3, 1024, 1024), before and after, and ``mask`` (1, 1024, 1024).

    From Google Earth, 20 regions in Texas between 2002 and 2018, 5 to 14 years apart. 1 is where a
    building appeared or vanished, 0 is everything else.
    """

    info = Info(
        title="LEVIR-CD",
        tasks=("change detection",),
        source="Google Earth",
        samples={"train": 445, "val": 64, "test": 128},
        size="1024x1024",
        resolution="0.5",
        licence="-",
        citation=_CITATION,
        homepage="https://justchenhao.github.io/LEVIR/",
    )
    splits = ("train", "val", "test")
    classes = ("no change", "change")
    colours = ((0, 0, 0), (255, 255, 255))
    files = tuple(
        Archive(
            f"{split}.zip",
            f"{_HUB}6a6bb0a5b389403d81c05e33bf08bc0b9e5f13a6/{split}.zip",
            md5=digest,
            gives=(f"A/{split}_", f"B/{split}_", f"label/{split}_"),
            when={"split": split},
        )
        for split, digest in (
            ("train", "a638e71f480628652dea78d8544307e4"),
            ("val", "f7b857978524f9aa8c3bf7f94e3047a4"),
            ("test", "07d5dd89e46f5c1359e2eca746989ed9"),
        )
    )
    rows = Glob("A/{split}_{number:[0-9]+}.png")
    parts = _parts("", "{split}_{number}")


class LEVIRCDPlus(Benchmark):
    """LEVIR-CD+: `LEVIRCD` with more pairs, in two splits of its own."""

    info = Info(
        title="LEVIR-CD+",
        tasks=("change detection",),
        source="Google Earth",
        samples={"train": 637, "test": 348},
        size="1024x1024",
        resolution="0.5",
        licence="-",
        citation=_CITATION,
        homepage="https://github.com/S2Looking/Dataset",
    )
    splits = ("train", "test")
    classes = LEVIRCD.classes
    colours = LEVIRCD.colours
    files = (
        Archive(
            "LEVIR-CD+.zip",
            f"{_HUB}d4f83dcbb571ee7573079129a5c327d18592a849/LEVIR-CD+.zip",
            md5="1adf156f628aa32fb2e8fe6cada16c04",
            gives=("LEVIR-CD+/",),
        ),
    )
    rows = Glob("LEVIR-CD+/{split}/A/{name}.png")
    parts = _parts("LEVIR-CD+/{split}/", "{name}")
