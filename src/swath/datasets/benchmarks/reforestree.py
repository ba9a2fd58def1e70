"""ReforesTree: trees of agroforestry sites in Ecuador, and the carbon in them."""

from __future__ import annotations

from swath.datasets.catalogue import (
    Archive,
    Glob,
    Image,
    Info,
    TableBoxes,
    UnsplitBenchmark,
)

__all__ = ["ReforesTree"]


class ReforesTree(UnsplitBenchmark):
    """Boxes around trees in drone images of six plantations, with their biomass (ReforesTree).

    A sample has ``image`` float32 (3, H, W), ``bbox_xyxy`` float32 (N, 4), ``label`` int64 (N,)
    of 0 to 5, and ``agb`` float32 (N,), the above-ground biomass of each tree in kg.
    """

    info = Info(
        title="ReforesTree",
        tasks=("detection", "regression"),
        source="drone",
        samples=100,
        size="4000x4000",
        resolution="0.02",
        licence="CC-BY-4.0",
        citation="Reiersen et al. 2022, https://doi.org/10.1609/aaai.v36i11.21471",
        homepage="https://zenodo.org/records/6813783",
    )
    classes = ("other", "banana", "cacao", "citrus", "fruit", "timber")
    files = (
        Archive(
            "reforesTree.zip",
            "https://zenodo.org/records/6813783/files/reforesTree.zip?download=1",
            md5="f6a4a1d8207aeaa5fbab7b21b683a302",
            gives=("tiles/", "mapping/"),
        ),
    )
    rows = Glob("tiles/{site}/{name}.png")
    parts = (
        Image("tiles/{site}/{name}.png", size=(48, 64)),
        TableBoxes(
            "mapping/final_dataset.csv", "{name}.png", column="img_path", name="group",
            values={"agb": "AGB"}, size=(48, 64),
        ),
    )  # fmt: skip
