"""NASA tropical storm wind speed: how strong a cyclone is, seen from above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from swath.datasets.catalogue import (
    Benchmark,
    File,
    Folder,
    Image,
    Info,
    Joined,
    Site,
    Table,
    Value,
)

__all__ = ["TropicalCyclone"]


class _Frame(Image):
    """One infrared frame, as three equal bands of 366 x 366."""

    side = 366

    def read(self, site: Site, row: Mapping[str, str]) -> dict[str, Any]:
        """The image; the few of another size are resampled bilinearly."""
        image = super().read(site, row)[self.key]
        if len(image) == 1:
            image = image.expand(3, -1, -1)
        if tuple(image.shape[-2:]) != (self.side, self.side):
            image = torch.nn.functional.interpolate(
                image[None], (self.side, self.side), mode="bilinear", align_corners=False,
                antialias=True,
            )[0].round().clamp(0, 255)  # fmt: skip
        return {self.key: image.contiguous()}

    def write(self, site: Site, row: Mapping[str, str], rng: np.random.Generator) -> None:
        """Grey, as most frames are."""
        from swath.datasets.catalogue.parts import noise
        from swath.datasets.catalogue.writing import write_picture

        write_picture(self.files(site, row)[0], noise(rng, (1, *self.size), "uint8"))


class TropicalCyclone(Benchmark):
    """Infrared frames of tropical storms, half an hour apart, and their wind speed.

    A sample has ``image`` float32 (3, 366, 366) of GOES' 10.3 micrometre channel (three equal
    bands, 0 to 255), ``label`` int64 (): the maximum sustained wind in knots; ``relative_time``
    int64 (): seconds since the storm's first frame; and ``ocean`` int64 (): 1 Atlantic, 2 East
    Pacific.
    """

    info = Info(
        title="NASA Tropical Storm Wind Speed Competition",
        tasks=("regression", "time series"),
        source="GOES",
        samples={"train": 70257, "test": 44377},
        size="366x366",
        resolution="-",
        licence="CC-BY-4.0",
        citation="Maskey et al. 2020, https://doi.org/10.1109/JSTARS.2020.3011907",
        homepage="https://www.drivendata.org/competitions/72/predict-wind-speeds/",
        account="Its files lie one by one in an Azure store, "
        "https://radiantearth.blob.core.windows.net/mlhub/nasa-tropical-storm-challenge: copy them "
        "with 'azcopy sync'",
    )
    splits = ("train", "test")
    split_names: ClassVar[Mapping[str, str]] = {"train": "training"}
    files = (
        *(
            File(f"{name}_set_{what}.csv", when={"split": name})
            for name in ("training", "test")
            for what in ("features", "labels")
        ),
        Folder("train", when={"split": "training"}),
        Folder("test", when={"split": "test"}),
    )
    rows = Joined(
        "name",
        Table(
            "{split}_set_features.csv",
            {"name": "Image ID", "storm": "Storm ID", "time": "Relative Time", "ocean": "Ocean"},
            examples={"time": ("0", "1800", "3600"), "ocean": ("1", "2")},
        ),
        Table(
            "{split}_set_labels.csv", {"name": "Image ID", "speed": "Wind Speed"},
            examples={"speed": ("34", "61", "110")},
        ),
    )  # fmt: skip
    parts = (
        _Frame("train/{name}.jpg", when={"split": "training"}, size=(366, 366)),
        _Frame("test/{name}.jpg", when={"split": "test"}, size=(366, 366)),
        Value("time", "relative_time", dtype="int64"),
        Value("ocean", "ocean", dtype="int64"),
        Value("speed", "label", dtype="int64"),
    )
