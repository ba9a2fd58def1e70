"""FAIR1M: fine-grained objects with oriented boxes."""

from __future__ import annotations

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    Glob,
    Image,
    Info,
    PerSplit,
    PointObjects,
)
from swath.datasets.catalogue.hosts import google_drive

__all__ = ["FAIR1M"]


def _zip(name: str, number: str, md5: str | None, folder: str, split: str) -> Archive:
    return Archive(name, google_drive(number), md5=md5, gives=(folder,), when={"split": split})


class FAIR1M(Benchmark):
    """Aircraft, ships, vehicles, courts and roads of 37 kinds, with oriented boxes (FAIR1M).

    A sample has ``image`` float32 (3, H, W), and, in ``train`` and ``val``, ``bbox`` float32
    (N, 8), the corners x1, y1 to x4, y4, ``bbox_xyxy`` float32 (N, 4), the upright boxes around
    them, and ``label`` int64 (N,) of 0 to 36. TorchGeo puts closed rings (N, 5, 2) under
    ``bbox_xyxy``, which are no such boxes, and gives ``image`` as uint8.

    The digests in circulation of the labels of ``val`` and of the last archive of ``test`` are the
    same, so that one of them is wrong: neither is compared.
    """

    info = Info(
        title="FAIR1M",
        tasks=("detection",),
        source="Gaofen, Google Earth",
        samples=None,
        size="1000-10000",
        resolution="0.3-0.8",
        licence="CC-BY-NC-SA-3.0",
        citation="Sun et al. 2022, https://doi.org/10.1016/j.isprsjprs.2021.12.004",
        homepage="https://www.gaofen-challenge.com/benchmark",
    )
    splits = ("train", "val", "test")
    classes = (
        "Passenger Ship", "Motorboat", "Fishing Boat", "Tugboat", "other-ship", "Engineering Ship",
        "Liquid Cargo Ship", "Dry Cargo Ship", "Warship", "Small Car", "Bus", "Cargo Truck",
        "Dump Truck", "other-vehicle", "Van", "Trailer", "Tractor", "Excavator", "Truck Tractor",
        "Boeing737", "Boeing747", "Boeing777", "Boeing787", "ARJ21", "C919", "A220", "A321", "A330",
        "A350", "other-airplane", "Baseball Field", "Basketball Court", "Football Field",
        "Tennis Court", "Roundabout", "Intersection", "Bridge",
    )  # fmt: skip
    files = (
        _zip("train/part1/images.zip", "1LWT_ybL-s88Lzg9A9wHpj0h2rJHrqrVf",
             "a460fe6b1b5b276bf856ce9ac72d6568", "train/part1/images/", "train"),
        _zip("train/part1/labelXml.zip", "1CnOuS8oX6T9JMqQnfFsbmf7U38G6Vc8u",
             "80f833ff355f91445c92a0c0c1fa7414", "train/part1/labelXml/", "train"),
        _zip("train/part2/images.zip", "1cx4MRfpmh68SnGAYetNlDy68w0NgKucJ",
             "ad237e61dba304fcef23cd14aa6c4280", "train/part2/images/", "train"),
        _zip("train/part2/labelXmls.zip", "1RFVjadTHA_bsB7BJwSZoQbiyM7KIDEUI",
             "5c5948e68cd0f991a0d73f10956a3b05", "train/part2/labelXml/", "train"),
        _zip("validation/images.zip", "1lSSHOD02B6_sUmr2b-R1iqhgWRQRw-S9",
             "dce782be65405aa381821b5f4d9eac94", "validation/images/", "val"),
        _zip("validation/labelXmls.zip", "1sTTna1C5n3Senpfo-73PdiNilnja1AV4", None,
             "validation/labelXml/", "val"),
        _zip("test/images0.zip", "1HtOOVfK9qetDBjE7MM0dK_u5u7n4gdw3",
             "fb8ccb274f3075d50ac9f7803fbafd3d", "test/images/", "test"),
        _zip("test/images1.zip", "1iXKCPmmJtRYcyuWCQC35bk97NmyAsasq",
             "dc9bbbdee000e97f02276aa61b03e585", "test/images/", "test"),
        _zip("test/images2.zip", "1oUc25FVf8Zcp4pzJ31A1j1sOLNHu63P0", None, "test/images/", "test"),
    )  # fmt: skip
    rows = PerSplit(
        train=Glob("train/{part}/images/{name}.tif", examples={"part": ("part1", "part2")}),
        val=Glob("validation/images/{name}.tif"),
        test=Glob("test/images/{name}.tif"),
    )
    parts = (
        Image("train/{part}/images/{name}.tif", size=(48, 64), when={"split": "train"}),
        Image("validation/images/{name}.tif", size=(48, 64), when={"split": "val"}),
        Image("test/images/{name}.tif", size=(48, 64), when={"split": "test"}),
        PointObjects("train/{part}/labelXml/{name}.xml", corners="bbox", size=(48, 64),
                     when={"split": "train"}),
        PointObjects("validation/labelXml/{name}.xml", corners="bbox", size=(48, 64),
                     when={"split": "val"}),
    )  # fmt: skip
