"""EverWatch: wading birds of the Everglades."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, Image, Info, TableBoxes, TableImages

__all__ = ["EverWatch"]

_TABLE, _IMAGE = "everwatch-benchmark/{split}.csv", "{name}.png"


class EverWatch(Benchmark):
    """Boxes around birds of eight kinds in drone images of colonies in Florida (EverWatch).

    A sample has ``image`` float32 (3, H, W), ``bbox_xyxy`` float32 (N, 4) and ``label`` int64
    (N,) of 0 to 7.
    """

    info = Info(
        title="EverWatch",
        tasks=("detection",),
        source="drone",
        samples=None,
        size="1500x1500",
        resolution="0.01",
        licence="CC0-1.0",
        citation="Garner et al. 2024, https://doi.org/10.5281/zenodo.11165946",
        homepage="https://zenodo.org/records/11165946",
    )
    splits = ("train", "test")
    classes = (
        "White Ibis", "Great Egret", "Great Blue Heron", "Snowy Egret", "Wood Stork",
        "Roseate Spoonbill", "Anhinga", "Unknown White",
    )  # fmt: skip
    files = (
        Archive(
            "everwatch-benchmark.zip",
            "https://zenodo.org/records/11165946/files/everwatch-benchmark.zip?download=1",
            md5="ab34b0873b659656e36a9b41648f98db",
            gives=("everwatch-benchmark/",),
        ),
    )
    rows = TableImages(_TABLE, _IMAGE)
    parts = (
        Image("everwatch-benchmark/{name}.png", size=(48, 64)),
        TableBoxes(_TABLE, _IMAGE, size=(48, 64)),
    )
