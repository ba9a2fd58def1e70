"""DOTA: oriented boxes of 15 to 18 kinds of objects in large aerial images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    DotaObjects,
    File,
    Image,
    Info,
    PathTable,
)
from swath.typing import Path, Sample

__all__ = ["DOTA"]

_HUB = "https://hf.co/datasets/isaaccorley/dota/resolve/672e63236622f7da6ee37fca44c50ac368b77cab/"
_IMAGES = {
    ("1.0", "train"): "2fd69eeb9ba0c775db007c7fe11d7708fb905a67ca3a663874147434db68e7ac",
    ("1.0", "val"): "f7ab9c570b3aba66d07d6ec91801f76c840fde2ffc12b4f8efa02c90aeb32c83",
    ("2.0", "train"): "ceccafe50e4e49c5f1ad6b0bce917e356c4df29321fd79037c77912bad594989",
    ("2.0", "val"): "76005d65bc1d0e8ee2dd4b4c2922b47fddc73d07dd93a87eb5f022d22727a0fd",
}
_LABELS = {
    ("1.0", "train"): "79096d14f5065e1582af47817b5d7c2d1c1611cadc7f1ccc3f868ded1c41a9f6",
    ("1.0", "val"): "879e8f013a5231cb52c3dc95b5ade7d4aeb3a0d3e600cb658a5a4d13ea7116c2",
    ("1.5", "train"): "0c8fe411f50331dcb0d1aeef90606045e24d6f34b225630f8b98af3044c469fc",
    ("1.5", "val"): "d9a5c8412f0094fcba088c8b41e1f214e5dbc22da415beba32289d6b9f32e2a5",
    ("2.0", "train"): "f142824f6eafef3b1922f7ff1583375e4d59d2a841d4670c312be854652631a6",
    ("2.0", "val"): "66cde2e76f131a55243904884b68ef450a73b1404668001df92bc94dde4a2e25",
}


def _tarball(what: str, version: str, split: str, digest: str, gives: str) -> Archive:
    # Version 1.5 is of the same images as 1.0.
    shared = what == "images" and version == "1.0"
    name = f"dotav{version}_{what}_{split}.tar.gz"
    when = {"split": split, "version": ("1.0", "1.5") if shared else version}
    return Archive(name, _HUB + name, sha256=digest, gives=(gives,), when=when)


class DOTA(Benchmark):
    """Objects in large aerial images, with oriented or upright boxes (DOTA).

    A sample has ``image`` float32 (3, H, W), ``labels`` int64 (N,) of 0 to 17, and ``bbox``
    float32 (N, 8), x1, y1 to x4, y4 clockwise from the object's own upper left corner, or, for
    ``bbox_orientation="horizontal"``, ``bbox_xyxy`` float32 (N, 4) around them.

    Args:
        root: The dataset's folder.
        split: ``"train"`` or ``"val"``.
        version: ``"1.0"`` (15 classes), ``"1.5"`` (tiny objects and cranes too) or ``"2.0"``
            (more images, airports and helipads too).
        bbox_orientation: ``"oriented"`` or ``"horizontal"``.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.
        **options: ``bands``.
    """

    info = Info(
        title="DOTA",
        tasks=("detection",),
        source="Google Earth, Gaofen-2, Jilin-1, aerial",
        samples=None,
        size="800-20000",
        resolution="-",
        licence="academic use only",
        citation="Ding et al. 2021, https://doi.org/10.1109/TPAMI.2021.3117983",
        homepage="https://captain-whu.github.io/DOTA/dataset.html",
    )
    splits = ("train", "val")
    choices: ClassVar = {
        "version": ("2.0", "1.0", "1.5"), "bbox_orientation": ("oriented", "horizontal"),
    }  # fmt: skip
    classes = (
        "plane", "ship", "storage-tank", "baseball-diamond", "tennis-court", "basketball-court",
        "ground-track-field", "harbor", "bridge", "large-vehicle", "small-vehicle", "helicopter",
        "roundabout", "soccer-ball-field", "swimming-pool", "container-crane", "airport",
        "helipad",
    )  # fmt: skip
    files = (
        File("samples.csv", _HUB + "samples.csv"),
        *(
            _tarball("images", version, split, digest, f"{split}/images/")
            for (version, split), digest in _IMAGES.items()
        ),
        *(
            _tarball("annotations", version, split, digest,
                     f"{split}/annotations/version{version}/")
            for (version, split), digest in _LABELS.items()
        ),
    )  # fmt: skip
    rows = PathTable(
        "samples.csv",
        {
            "image": ("image_path", "{split}/images/P{number}.png"),
            "objects": ("annotation_path", "{split}/annotations/version{version}/P{number}.txt"),
        },
        where={"split": "{split}", "version": "{version}"},
    )
    parts = (
        Image("{image}", size=(48, 64)),
        DotaObjects(
            "{objects}", boxes=None, corners="bbox", label="labels", size=(48, 64),
            when={"bbox_orientation": "oriented"},
        ),
        DotaObjects(
            "{objects}", label="labels", size=(48, 64), when={"bbox_orientation": "horizontal"}
        ),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        version: str = "2.0",
        bbox_orientation: str = "oriented",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, split, transforms, download, checksum, version=version,
                         bbox_orientation=bbox_orientation, **options)  # fmt: skip
