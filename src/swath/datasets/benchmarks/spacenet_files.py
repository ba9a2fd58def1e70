"""What the SpaceNet challenges publish: areas, products, tarballs, and what is known of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from swath.datasets.catalogue import (
    Archive,
    Info,
)

__all__ = ["CITIES", "MULTISPECTRAL", "PAN", "RGB", "Product", "both", "info", "tarballs"]

_T = TypeVar("_T")

_BUCKET = "https://spacenet-dataset.s3.amazonaws.com/spacenet"
_WORLDVIEW = ("Coastal", "Blue", "Green", "Yellow", "Red", "Red Edge", "NIR1", "NIR2")
#: Areas of interest by number.
CITIES = {
    1: "Rio", 2: "Vegas", 3: "Paris", 4: "Shanghai", 5: "Khartoum", 6: "Atlanta", 7: "Moscow",
    8: "Mumbai", 9: "San Juan", 10: "Dar Es Salaam", 11: "Rotterdam",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    """One kind of image that a challenge has of each chip.

    Attributes:
        bands: Their names.
        dtype: Of its files.
        side: Of its chips in miniatures.
        chip: (height, width) that every sample is brought to; as in the file if None.
    """

    bands: tuple[str, ...] = _WORLDVIEW
    dtype: str = "uint16"
    side: int = 32
    chip: tuple[int, int] | None = None


PAN = Product(("PAN",))
RGB = Product(("Red", "Green", "Blue"))
MULTISPECTRAL = Product(_WORLDVIEW, side=16)


@dataclass(frozen=True, slots=True)
class AreaArchive(Archive):
    """A tarball of one area of interest.

    Attributes:
        aoi: The area's number.
    """

    aoi: int = 0


def tarballs(
    dataset_id: str, split: str, name: str, gives: str, areas: Mapping[str, str | None]
) -> tuple[AreaArchive, ...]:
    """One tarball of each area.

    Args:
        dataset_id: The challenge's folder.
        split: Of the tarballs.
        name: Their path in the bucket, with ``{area}`` for ``"2_Vegas"``.
        gives: Beginnings of what they bring below the split's folder, with blanks between.
        areas: Area (its number first) -> MD5; None where none is published.
    """
    folder = f"{dataset_id}/{split}"
    return tuple(
        AreaArchive(
            f"{folder}/{os.path.basename(name)}".replace("{area}", area),
            f"{_BUCKET}/{dataset_id}/tarballs/{name}".replace("{area}", area),
            md5=md5,
            gives=tuple(f"{folder}/{b}".replace("{area}", area) for b in gives.split()),
            when={"split": split},
            aoi=int(area.split("_")[0]),
        )
        for area, md5 in areas.items()
    )


def both(value: _T) -> dict[str, _T]:
    """The same in training and test."""
    return {"train": value, "test": value}


def info(
    number: int, title: str, source: str, resolution: str, page: str, citation: str = ""
) -> Info:
    """What is known of a challenge."""
    return Info(
        title=f"SpaceNet {number}: {title}",
        tasks=("segmentation",),
        source=source,
        samples=None,
        size="varies",
        resolution=resolution,
        licence="CC-BY-SA-4.0",
        citation=citation or "Van Etten et al. 2018, https://arxiv.org/abs/1807.01232",
        homepage=f"https://spacenet.ai/{page}/",
    )
