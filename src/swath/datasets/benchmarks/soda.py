"""SODA-A: small objects in aerial images, with oriented boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    File,
    Image,
    Info,
    PathTable,
    PolygonObjects,
)
from swath.typing import Path, Sample

__all__ = ["SODAA"]

_HUB = "https://hf.co/datasets/torchgeo/soda-a/resolve/b082b9555ea9960d614b54a8cecde4cc63ec5481/"


class SODAA(Benchmark):
    """Small objects in aerial images, with upright or oriented boxes (SODA-A).

    A sample has ``image`` float32 (3, H, W), ``label`` int64 (N,) of 0 to 9, and ``bbox_xyxy``
    float32 (N, 4), or, for ``bbox_orientation="oriented"``, ``bbox`` float32 (N, 8): the corners
    x1, y1 to x4, y4 in the order in which they are published. TorchGeo turns them into the
    smallest rectangle around and gives ``image`` as uint8.
    """

    info = Info(
        title="SODA-A",
        tasks=("detection",),
        source="Google Earth",
        samples=None,
        size="varies",
        resolution="-",
        licence="-",
        citation="Cheng et al. 2023, https://doi.org/10.1109/TPAMI.2023.3290594",
        homepage="https://shaunyuan22.github.io/SODA/",
    )
    splits = ("train", "val", "test")
    choices: ClassVar = {"bbox_orientation": ("horizontal", "oriented")}
    classes = (
        "airplane", "helicopter", "small-vehicle", "large-vehicle", "ship", "container",
        "storage-tank", "swimming-pool", "windmill", "other",
    )  # fmt: skip
    files = (
        Archive("Images.zip", _HUB + "Images.zip", gives=("Images/",)),
        Archive("Annotations.zip", _HUB + "Annotations.zip", gives=("Annotations/",)),
        File("sample_df.csv", _HUB + "sample_df.csv"),
    )
    rows = PathTable(
        "sample_df.csv",
        {
            "image": ("image_path", "Images/{number}.jpg"),
            "objects": ("label_path", "Annotations/{split}/{number}.json"),
        },
        where={"split": "{split}"},
    )
    parts = (
        Image("{image}", size=(48, 64)),
        PolygonObjects("{objects}", size=(48, 64), when={"bbox_orientation": "horizontal"}),
        PolygonObjects(
            "{objects}", boxes=None, corners="bbox", size=(48, 64),
            when={"bbox_orientation": "oriented"},
        ),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        bbox_orientation: str = "horizontal",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, split, transforms, download, checksum,
                         bbox_orientation=bbox_orientation, **options)  # fmt: skip
