"""PatternNet: aerial scenes of 38 kinds, made for retrieval."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Glob, Image, Info, Label, UnsplitBenchmark

__all__ = ["PatternNet"]

_IMAGES = "PatternNet/images/{label}/{name}.jpg"


class PatternNet(UnsplitBenchmark):
    """PatternNet: ``image`` (3, 256, 256) and ``label`` of 38 scenes, 800 images each.

    From Google Earth and Google Maps over cities of the USA. It has no splits.
    """

    info = Info(
        title="PatternNet",
        tasks=("classification",),
        source="Google Earth",
        samples=30_400,
        size="256x256",
        resolution="0.06-5",
        licence="-",
        citation="Zhou et al. 2018, https://doi.org/10.1016/j.isprsjprs.2018.01.004",
        homepage="https://sites.google.com/view/zhouwx/dataset",
    )
    files = (
        Archive(
            "PatternNet.zip",
            "https://hf.co/datasets/torchgeo/PatternNet/resolve/"
            "2dbd901b00e301967a5c5146b25454f5d3455ad0/PatternNet.zip",
            sha256="456dd031950b0429518b8ec7d30a5c4b3f6456261ee1dd573a3eee43efb29958",
            gives=("PatternNet/images/",),
        ),
    )
    classes = (
        "airplane", "baseball_field", "basketball_court", "beach", "bridge", "cemetery",
        "chaparral", "christmas_tree_farm", "closed_road", "coastal_mansion", "crosswalk",
        "dense_residential", "ferry_terminal", "football_field", "forest", "freeway",
        "golf_course", "harbor", "intersection", "mobile_home_park", "nursing_home",
        "oil_gas_field", "oil_well", "overpass", "parking_lot", "parking_space", "railway",
        "river", "runway", "runway_marking", "shipping_yard", "solar_panel",
        "sparse_residential", "storage_tank", "swimming_pool", "tennis_court",
        "transformer_station", "wastewater_treatment_plant",
    )  # fmt: skip
    mean = {"R": 91.4800033569336, "G": 91.77999877929688, "B": 81.2300033569336}  # noqa: RUF012
    std = {"R": 49.7400016784668, "G": 47.18000030517578, "B": 45.43000030517578}  # noqa: RUF012
    rows = Glob(_IMAGES)
    parts = (Image(_IMAGES, size=(64, 64)), Label())
