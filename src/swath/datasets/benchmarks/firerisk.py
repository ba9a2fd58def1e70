"""FireRisk: how likely wildfire is, seen from the air."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, Glob, Image, Info, Label

__all__ = ["FireRisk"]

_IMAGES = "FireRisk/{split}/{label}/{name}.png"


class FireRisk(Benchmark):
    """FireRisk: ``image`` (3, 320, 320) and ``label`` of seven levels of wildfire risk.

    Images are of the USDA's NAIP, a metre a pixel; labels of the Wildfire Hazard Potential of the
    US Forest Service. Classes are in alphabetical order, and not in the order of risk.
    """

    info = Info(
        title="FireRisk",
        tasks=("classification",),
        source="NAIP",
        samples={"train": 70_331, "val": 21_541},
        size="320x320",
        resolution="1",
        licence="CC-BY-NC-4.0",
        citation="Shen et al. 2023, https://arxiv.org/abs/2303.07035",
        homepage="https://github.com/CharmonyShen/FireRisk",
        bytes=15_200_000_000,
    )
    splits = ("train", "val")
    files = (
        Archive(
            "FireRisk.zip",
            "https://hf.co/datasets/isaaccorley/fire_risk/resolve/"
            "e6046a04350c6f1ab4ad791fb3a40bf8940be269/FireRisk.zip",
            sha256="80d51d5bf5004e4cfffac5a64a23b46c4fb3427ebd1a4f0ac848ca2dbbbf46ac",
            gives=("FireRisk/train/", "FireRisk/val/"),
        ),
    )
    classes = ("High", "Low", "Moderate", "Non-burnable", "Very_High", "Very_Low", "Water")
    rows = Glob(_IMAGES)
    parts = (Image(_IMAGES, size=(64, 64)), Label())
