"""NWPU-RESISC45: aerial scenes of 45 kinds."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, File, Glob, Image, Info, Label, Listed

__all__ = ["RESISC45"]

_HOST = (
    "https://hf.co/datasets/isaaccorley/resisc45/resolve/883edc0eee77b2c84225472f10f126e3ed83fa6e/"
)
_IMAGES = "NWPU-RESISC45/{label}/{name}.jpg"


class RESISC45(Benchmark):
    """NWPU-RESISC45: ``image`` (3, 256, 256) and ``label`` of 45 scenes, 700 images each.

    From Google Earth. The splits are those of Neumann et al. 2019
    (https://arxiv.org/abs/1911.06721).
    """

    info = Info(
        title="NWPU-RESISC45",
        tasks=("classification",),
        source="Google Earth",
        samples={"train": 18_900, "val": 6_300, "test": 6_300},
        size="256x256",
        resolution="0.2-30",
        licence="-",
        citation="Cheng, Han and Lu 2017, https://doi.org/10.1109/JPROC.2017.2675998",
        homepage="http://www.escience.cn/people/JunweiHan/NWPU-RESISC45.html",
    )
    splits = ("train", "val", "test")
    files = (
        Archive(
            "NWPU-RESISC45.zip",
            _HOST + "NWPU-RESISC45.zip",
            sha256="beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6fba3faaf1f53",
            gives=("NWPU-RESISC45/",),
        ),
        *(
            File(f"resisc45-{split}.txt", _HOST + f"resisc45-{split}.txt", sha256=digest,
                 when={"split": split})
            for split, digest in (
                ("train", "ecfa963be4d85eac83665f8be8634abcb4fe6f3546472cc0e87999e2cab4449b"),
                ("val", "08d81f642526bec240589000af7f49a47e8d071a6e7925b0f36246a78ab64342"),
                ("test", "e0927e80130b47317a2f18520d98382b6fc56f0d3edd3345140f7d02267c3805"),
            )
        ),
    )  # fmt: skip
    classes = (
        "airplane", "airport", "baseball_diamond", "basketball_court", "beach", "bridge",
        "chaparral", "church", "circular_farmland", "cloud", "commercial_area",
        "dense_residential", "desert", "forest", "freeway", "golf_course", "ground_track_field",
        "harbor", "industrial_area", "intersection", "island", "lake", "meadow",
        "medium_residential", "mobile_home_park", "mountain", "overpass", "palace", "parking_lot",
        "railway", "railway_station", "rectangular_farmland", "river", "roundabout", "runway",
        "sea_ice", "ship", "snowberg", "sparse_residential", "stadium", "storage_tank",
        "tennis_court", "terrace", "thermal_power_station", "wetland",
    )  # fmt: skip
    mean = {"R": 93.8939208984375, "G": 97.11226654052734, "B": 87.56775665283203}  # noqa: RUF012
    std = {"R": 51.84919738769531, "G": 47.23659133911133, "B": 47.063087463378906}  # noqa: RUF012
    rows = Glob(_IMAGES, listed=Listed("resisc45-{split}.txt", "{name}.jpg"))
    parts = (Image(_IMAGES, size=(64, 64)), Label())
