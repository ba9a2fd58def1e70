"""ETCI 2021: floods in Sentinel-1 images."""

from __future__ import annotations

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    Glob,
    Image,
    Info,
    Mask,
    MaskStack,
    Sensors,
)
from swath.datasets.catalogue.hosts import google_drive

__all__ = ["ETCI2021"]

_TILES = "{split}/{event}/tiles/"
_VV, _VH = ("VV1", "VV2", "VV3"), ("VH1", "VH2", "VH3")


class ETCI2021(Benchmark):
    """ETCI 2021: ``image`` (6, 256, 256) and ``mask`` (2, 256, 256) of water bodies and of floods.

    Each polarisation is a picture of three equal channels: VV three times, then VH three times. In
    both masks 1 is water. Tiles of the split ``test`` have one mask, (1, 256, 256), of water
    bodies: where they were flooded is not published.
    """

    info = Info(
        title="ETCI 2021 flood detection",
        tasks=("segmentation",),
        source="Sentinel-1",
        samples={"train": 33_405, "val": 10_400, "test": 12_348},
        size="256x256",
        resolution="5x20",
        licence="-",
        citation="NASA IMPACT and IEEE GRSS 2021, https://nasa-impact.github.io/etci2021/",
        homepage="https://nasa-impact.github.io/etci2021/",
    )
    splits = ("train", "val", "test")
    split_names = {"val": "test", "test": "test_internal"}  # noqa: RUF012
    classes = ("no water", "water")
    all_band_names = (*_VV, *_VH)
    rgb_bands = _VV
    mean = dict.fromkeys(_VV, 128.0225372314453) | dict.fromkeys(_VH, 128.11221313476562)
    std = dict.fromkeys(_VV, 89.81450653076172) | dict.fromkeys(_VH, 95.27978515625)
    files = tuple(
        Archive(
            name,
            google_drive(number),
            md5=digest,
            gives=(f"{folder}/",),
            when={"split": folder},
        )
        for name, number, folder, digest in (
            ("train.zip", "14HqNW5uWLS92n7KrxKgDwUTsSEST6LCr", "train",
             "1e95792fe0f6e3c9000abdeab2a8ab0f"),
            ("val_with_ref_labels.zip", "19sriKPHCZLfJn_Jmk3Z_0b3VaCBVRVyn", "test",
             "fd18cecb318efc69f8319f90c3771bdf"),
            ("test_without_ref_labels.zip", "1rpMVluASnSHBfm2FhpPDio0GyCPOqg7E", "test_internal",
             "da9fa69e1498bd49d5c766338c6dac3d"),
        )
    )  # fmt: skip
    rows = Glob(
        _TILES + "vv/{event}_x-{x:[0-9]+}_y-{y:[0-9]+}_vv.png",
        examples={"event": ("nebraska_20170108t002112", "florence_20180510t231343")},
    )
    parts = (
        Sensors([
            Image(_TILES + "vv/{event}_x-{x}_y-{y}_vv.png", bands=_VV, size=(64, 64)),
            Image(_TILES + "vh/{event}_x-{x}_y-{y}_vh.png", bands=_VH, size=(64, 64)),
        ]),
        MaskStack([
            Mask(_TILES + "water_body_label/{event}_x-{x}_y-{y}.png", threshold=0, size=(64, 64)),
            Mask(_TILES + "flood_label/{event}_x-{x}_y-{y}.png", threshold=0, size=(64, 64),
                 when={"split": ("train", "test")}),
        ]),
    )  # fmt: skip
