"""The SpaceNet challenges of roads: 3 and 5 (https://spacenet.ai)."""

from __future__ import annotations

from typing import ClassVar

from swath.datasets.benchmarks.spacenet import SpaceNet
from swath.datasets.benchmarks.spacenet_files import (
    MULTISPECTRAL,
    PAN,
    RGB,
    Product,
    both,
    info,
    tarballs,
)

__all__ = ["SpaceNet3", "SpaceNet5"]


class SpaceNet3(SpaceNet):
    """Centre lines of roads of four cities. Products have other names in the split ``test``."""

    info = info(3, "road network detection", "WorldView-3", "0.3-1.24", "spacenet-roads-dataset")
    classes = ("background", "road")
    roads = True
    dataset_id = "SN3_roads"
    valid_aois: ClassVar = both((2, 3, 4, 5))
    valid_images: ClassVar = {
        "train": ("MS", "PS-MS", "PAN", "PS-RGB"),
        "test": ("MUL", "MUL-PanSharpen", "PAN", "RGB-PanSharpen"),
    }
    valid_masks = ("geojson_roads", "geojson_roads_speed")
    products: ClassVar = {
        "MS": MULTISPECTRAL, "PS-MS": Product(), "PAN": PAN, "PS-RGB": RGB,
        "MUL": MULTISPECTRAL, "MUL-PanSharpen": Product(), "RGB-PanSharpen": RGB,
    }  # fmt: skip
    invented_chip: ClassVar = {
        "train": "AOI_{area}/<product>/SN3_roads_train_AOI_{area}_<product>_img{n}.tif",
        "test": "AOI_{area}/<product>/SN3_roads_test_public_AOI_{area}_<product>_img{n}.tif",
    }
    invented_labels = "AOI_{area}/<product>/SN3_roads_train_AOI_{area}_<product>_img{n}.geojson"
    files = (
        *tarballs(
            "SN3_roads",
            "train",
            "SN3_roads_train_AOI_{area}.tar.gz",
            "AOI_{area}/{product:MS|PS-MS|PAN|PS-RGB|geojson_roads}/",
            {
                "2_Vegas": "06317255b5e0c6df2643efd8a50f22ae",
                "3_Paris": "c13baf88ee10fe47870c303223cabf82",
                "4_Shanghai": "ef3de027c3da734411d4333bee9c273b",
                "5_Khartoum": "46f327b550076f87babb5f7b43f27c68",
            },
        ),
        *tarballs(
            "SN3_roads",
            "train",
            "SN3_roads_train_AOI_{area}_geojson_roads_speed.tar.gz",
            "AOI_{area}/geojson_roads_speed/",
            {
                "2_Vegas": "4acf7846ed8121db1319345cfe9fdca9",
                "3_Paris": "abc8199d4c522d3a14328f4f514702ad",
                "4_Shanghai": "f1db36bd17b2be2281f5f7d369e9e25d",
                "5_Khartoum": "d969693760d59401a84bd9215375a636",
            },
        ),
        *tarballs(
            "SN3_roads",
            "test",
            "SN3_roads_test_public_AOI_{area}.tar.gz",
            "AOI_{area}/",
            {
                "2_Vegas": "e9eb2220888ba38cab175fc6db6799a2",
                "3_Paris": "21098cfe471dba6208c92b37b8203ae9",
                "4_Shanghai": "2e7438b870ffd33d4453366db1c5b317",
                "5_Khartoum": "f367c79fa0fc1d38e63a0fdd065ed957",
            },
        ),
    )


class SpaceNet5(SpaceNet):
    """Centre lines of roads of Moscow, Mumbai and, in the split ``test``, San Juan."""

    info = info(5, "road network and travel time", "WorldView-3", "0.3-1.24", "sn5-challenge")
    classes = ("background", "road")
    roads = True
    dataset_id = "SN5_roads"
    valid_aois: ClassVar = {"train": (7, 8), "test": (9,)}
    valid_images: ClassVar = both(("MS", "PAN", "PS-MS", "PS-RGB"))
    valid_masks = ("geojson_roads_speed",)
    file_regex = r"_chip(\d+)\."
    products: ClassVar = {"MS": MULTISPECTRAL, "PAN": PAN, "PS-MS": Product(), "PS-RGB": RGB}
    invented_chip: ClassVar = {
        "train": "AOI_{area}/<product>/SN5_roads_train_AOI_{area}_<product>_chip{n}.tif",
        "test": "AOI_{area}/<product>/SN5_roads_test_public_AOI_{area}_<product>_chip{n}.tif",
    }
    invented_labels = "AOI_{area}/<product>/SN5_roads_train_AOI_{area}_<product>_chip{n}.geojson"
    files = (
        *tarballs(
            "SN5_roads",
            "train",
            "SN5_roads_train_AOI_{area}.tar.gz",
            "AOI_{area}/",
            {
                "7_Moscow": "03082d01081a6d8df2bc5a9645148d2a",
                "8_Mumbai": "1ee20ba781da6cb7696eef9a95a5bdcc",
            },
        ),
        *tarballs(
            "SN5_roads",
            "test",
            "SN5_roads_test_public_AOI_{area}.tar.gz",
            "AOI_{area}/",
            {
                "9_San_Juan": "fc45afef219dfd3a20f2d4fc597f6882",
            },
        ),
    )
