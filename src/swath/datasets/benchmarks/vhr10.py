"""NWPU VHR-10: ten kinds of objects with boxes and outlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swath.datasets.catalogue import Archive, Benchmark, CocoObjects, File, Glob, Image, Info
from swath.typing import Path, Sample

__all__ = ["VHR10"]

_FOLDER = "NWPU VHR-10 dataset"
_HUB = "https://hf.co/datasets/isaaccorley/vhr10/resolve/"


class VHR10(Benchmark):
    """Aerial and satellite images of ten kinds of objects, with boxes and outlines (NWPU VHR-10).

    A sample has ``image`` float32 (3, H, W), of differing size; those of the split ``positive``
    have ``bbox_xyxy`` float32 (N, 4), ``label`` int64 (N,) of 1 to 10 (0 is the background) and
    ``mask`` uint8 (N, H, W) of each object. Images of the split ``negative`` show none of them and
    have nothing but ``image``. Boxes are float32 always, whether or not the file has whole
    numbers. Masks are by the pixels' centres.
    """

    info = Info(
        title="NWPU VHR-10",
        tasks=("detection", "instance segmentation"),
        source="Google Earth, Vaihingen (colour infrared)",
        samples={"positive": 650, "negative": 150},
        size="varies",
        resolution="0.08-2",
        licence="-",
        citation="Cheng et al. 2014, https://doi.org/10.1016/j.isprsjprs.2014.10.002; "
        "outlines: Su et al. 2019, https://doi.org/10.1109/IGARSS.2019.8898573",
        homepage="https://github.com/chaozhong2010/VHR-10_dataset_coco",
    )
    splits = ("positive", "negative")
    categories = (
        "background", "airplane", "ship", "storage tank", "baseball diamond", "tennis court",
        "basketball court", "ground track field", "harbor", "bridge", "vehicle",
    )  # fmt: skip
    classes = categories
    files = (
        Archive(
            f"{_FOLDER}.zip",
            _HUB + "60ecc4be33609184e2224606858cd00b7daba8df/NWPU%20VHR-10%20dataset.zip",
            sha256="3e8c0299bad6b5d2b4d4034095c3581f50a02bc0dcb97fca70f6ad739f7cbf53",
            gives=(f"{_FOLDER}/positive image set/", f"{_FOLDER}/negative image set/"),
        ),
        File(
            f"{_FOLDER}/annotations.json",
            _HUB + "7e7968ad265dadc4494e0ca4a079e0b63dc6f3f8/annotations.json",
            sha256="dde27d9362d9c6aa358a1cab160c9e075e57405d3fe876de049973c6e6150f0e",
            when={"split": "positive"},
        ),
    )
    rows = Glob(
        _FOLDER + "/{split} image set/{name:\\d+}.jpg", examples={"name": ("001", "002", "003")}
    )
    parts = (
        Image(_FOLDER + "/{split} image set/{name}.jpg", size=(48, 64)),
        CocoObjects(
            f"{_FOLDER}/annotations.json", "{name}.jpg", masks="mask", size=(48, 64),
            numbers=range(1, 11), when={"split": "positive"},
        ),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "positive",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, split, transforms, download, checksum, **options)
