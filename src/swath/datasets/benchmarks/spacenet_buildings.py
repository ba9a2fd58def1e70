"""The SpaceNet challenges of buildings: 1, 2, 6, 7 and 8 (https://spacenet.ai)."""

from __future__ import annotations

from typing import ClassVar

from swath.datasets.benchmarks.spacenet import SpaceNet
from swath.datasets.benchmarks.spacenet_files import PAN, RGB, Product, both, info, tarballs

__all__ = ["SpaceNet1", "SpaceNet2", "SpaceNet6", "SpaceNet7", "SpaceNet8"]


class SpaceNet1(SpaceNet):
    """Buildings of Rio de Janeiro; ``image`` is ``"3band"`` (pan-sharpened) or ``"8band"``."""

    info = info(1, "building detection", "WorldView-2", "0.5-2", "spacenet-buildings-dataset-v1")
    dataset_id = "SN1_buildings"
    valid_aois: ClassVar = both((1,))
    valid_images: ClassVar = both(("3band", "8band"))
    valid_masks = ("geojson",)
    directory_glob = "{product}"
    products: ClassVar = {
        "3band": Product(RGB.bands, "uint8", chip=(406, 439)),
        "8band": Product(side=16, chip=(102, 110)),
    }
    invented_chip: ClassVar = both("<product>/<product>_AOI_1_RIO_img{n}.tif")
    invented_labels = "<product>/Geo_AOI_1_RIO_img{n}.geojson"
    files = (
        *tarballs(
            "SN1_buildings",
            "train",
            "SN1_buildings_train_AOI_{area}_3band.tar.gz",
            "3band/",
            {
                "1_Rio": "279e334a2120ecac70439ea246174516",
            },
        ),
        *tarballs(
            "SN1_buildings",
            "train",
            "SN1_buildings_train_AOI_{area}_8band.tar.gz",
            "8band/",
            {
                "1_Rio": "6440a9eedbd7c4fe9741875135362c8c",
            },
        ),
        *tarballs(
            "SN1_buildings",
            "train",
            "SN1_buildings_train_AOI_{area}_geojson_buildings.tar.gz",
            "geojson/",
            {
                "1_Rio": "b6e02fbd727f252ea038abe4f77a77b3",
            },
        ),
        *tarballs(
            "SN1_buildings",
            "test",
            "SN1_buildings_test_AOI_{area}_3band.tar.gz",
            "3band/",
            {
                "1_Rio": "18283d78b21c239bc1831f3bf1d2c996",
            },
        ),
        *tarballs(
            "SN1_buildings",
            "test",
            "SN1_buildings_test_AOI_{area}_8band.tar.gz",
            "8band/",
            {
                "1_Rio": "732b3a40603b76e80aac84e002e2b3e8",
            },
        ),
    )


class SpaceNet2(SpaceNet):
    """Buildings of four cities, in four products of WorldView-3."""

    info = info(2, "building detection", "WorldView-3", "0.3-1.24", "spacenet-buildings-dataset-v2")
    dataset_id = "SN2_buildings"
    valid_aois: ClassVar = both((2, 3, 4, 5))
    valid_images: ClassVar = both(("MUL", "MUL-PanSharpen", "PAN", "RGB-PanSharpen"))
    valid_masks = ("geojson/buildings",)
    products: ClassVar = {
        "MUL": Product(side=16, chip=(163, 163)), "MUL-PanSharpen": Product(), "PAN": PAN,
        "RGB-PanSharpen": RGB,
    }  # fmt: skip
    invented_chip: ClassVar = {
        "train": "AOI_{area}_Train/<product>/<product>_AOI_{area}_img{n}.tif",
        "test": "AOI_{area}_Test_public/<product>/<product>_AOI_{area}_img{n}.tif",
    }
    invented_labels = "AOI_{area}_Train/<product>/buildings_AOI_{area}_img{n}.geojson"
    files = (
        *tarballs(
            "SN2_buildings",
            "train",
            "SN2_buildings_train_AOI_{area}.tar.gz",
            "AOI_{area}_Train/",
            {
                "2_Vegas": "307da318bc43aaf9481828f92eda9126",
                "3_Paris": "4db469e3e4e7bf025368ad730aec0888",
                "4_Shanghai": "986129eecd3e842ebc2063d43b407adb",
                "5_Khartoum": "462b4bf0466c945d708befabd4d9115b",
            },
        ),
        *tarballs(
            "SN2_buildings",
            "test",
            "AOI_{area}_Test_public.tar.gz",
            "AOI_{area}_Test_public/",
            {
                "2_Vegas": "d45405afd6629e693e2f9168b1291ea3",
                "3_Paris": "2eaee95303e88479246e4ee2f2279b7f",
                "4_Shanghai": "f51dc51fa484dc7fb89b3697bd15a950",
                "5_Khartoum": "037d7be10530f0dd1c43d4ef79f3236e",
            },
        ),
    )


class SpaceNet6(SpaceNet):
    """Buildings of Rotterdam in radar (HH, HV, VH, VV) and optical images."""

    info = info(
        6, "multi-sensor all-weather mapping", "Capella SAR, WorldView-2", "0.5-2", "sn6-challenge",
        "Shermeyer et al. 2020, https://arxiv.org/abs/2004.06500",
    )  # fmt: skip
    crs = "EPSG:32631"
    dataset_id = "SN6_buildings"
    valid_aois: ClassVar = both((11,))
    valid_images: ClassVar = {
        "train": ("PAN", "PS-RGB", "PS-RGBNIR", "RGBNIR", "SAR-Intensity"),
        "test": ("SAR-Intensity",),
    }
    valid_masks = ("geojson_buildings",)
    file_regex = r"_tile_(\d+)\."
    products: ClassVar = {
        "PAN": PAN,
        "PS-RGB": Product(RGB.bands, "uint8"),
        "PS-RGBNIR": Product((*RGB.bands, "NIR")),
        "RGBNIR": Product((*RGB.bands, "NIR"), side=16),
        "SAR-Intensity": Product(("HH", "HV", "VH", "VV"), "float32"),
    }
    invented_chip: ClassVar = {
        "train": "train/AOI_11_Rotterdam/<product>/SN6_Train_AOI_11_Rotterdam_<product>_"
        "20190804111224_20190804111453_tile_{n}.tif",
        "test": "test_public/AOI_11_Rotterdam/<product>/SN6_Test_Public_AOI_11_Rotterdam_<product>_"
        "20190804111224_20190804111453_tile_{n}.tif",
    }
    invented_labels = (
        "train/AOI_11_Rotterdam/<product>/SN6_Train_AOI_11_Rotterdam_Buildings_"
        "20190804111224_20190804111453_tile_{n}.geojson"
    )
    files = (
        *tarballs(
            "SN6_buildings",
            "train",
            "SN6_buildings_AOI_{area}_train.tar.gz",
            "train/AOI_{area}/",
            {
                "11_Rotterdam": "10ca26d2287716e3b6ef0cf0ad9f946e",
            },
        ),
        *tarballs(
            "SN6_buildings",
            "test",
            "SN6_buildings_AOI_{area}_test_public.tar.gz",
            "test_public/AOI_{area}/",
            {
                "11_Rotterdam": "a07823a5e536feeb8bb6b6f0cb43cf05",
            },
        ),
    )


class SpaceNet7(SpaceNet):
    """Buildings of a hundred places, month by month.

    The mask is of the footprints (``*_Buildings.geojson``); in the images of ``"images_masked"``
    clouds are blanked out.
    """

    info = info(
        7, "multi-temporal urban development", "Planet", "4", "sn7-challenge",
        "Van Etten et al. 2021, https://arxiv.org/abs/2102.04420",
    )  # fmt: skip
    crs = "EPSG:3857"
    dataset_id = "SN7_buildings"
    valid_aois: ClassVar = both((0,))
    valid_images: ClassVar = {
        "train": ("images", "images_masked"),
        "test": ("images_masked",),
    }
    valid_masks = ("labels", "labels_match", "labels_match_pix")
    directory_glob = "**/{product}"
    mask_glob = "*_Buildings.geojson"
    file_regex = r"global_monthly_(\d+.*\d+)"
    products: ClassVar = {
        name: Product((*RGB.bands, "Alpha"), "uint8", chip=(1024, 1024))
        for name in ("images", "images_masked")
    }
    invented_chip: ClassVar = {
        "train": "train/L15-0331E-1257N_1327_3160_{n}/<product>/"
        "global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_{n}.tif",
        "test": "test_public/L15-0369E-1244N_1479_3214_{n}/<product>/"
        "global_monthly_2017_08_mosaic_L15-0369E-1244N_1479_3214_{n}.tif",
    }
    invented_labels = (
        "train/L15-0331E-1257N_1327_3160_{n}/<product>/"
        "global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_{n}_Buildings.geojson"
    )
    files = (
        *tarballs(
            "SN7_buildings",
            "train",
            "SN7_buildings_train.tar.gz",
            "train/",
            {
                "0": "6eda13b9c28f6f5cdf00a7e8e218c1b1",
            },
        ),
        *tarballs(
            "SN7_buildings",
            "test",
            "SN7_buildings_test_public.tar.gz",
            "test_public/",
            {
                "0": "b3bde95a0f8f32f3bfeba49464b9bc97",
            },
        ),
    )


class SpaceNet8(SpaceNet):
    """Buildings and roads of places that were flooded, before and after.

    The mask is 1 on buildings and roads, flooded or not. The digest that is in circulation for the
    test archive is that of an empty file, so that archive is not compared with any.
    """

    info = info(
        8, "flooded roads and buildings", "Maxar", "0.3-0.8", "sn8-challenge",
        "Haensch et al. 2022, SpaceNet 8: The Detection of Flooded Roads and Buildings",
    )  # fmt: skip
    classes = ("background", "building or road")
    dataset_id = "SN8_floods"
    valid_aois: ClassVar = both((0,))
    valid_images: ClassVar = both(("PRE-event", "POST-event"))
    valid_masks = ("annotations",)
    directory_glob = "{product}"
    file_regex = r"(\d+_\d+_\d+)\."
    products: ClassVar = {
        "PRE-event": Product(RGB.bands, "uint8", chip=(1300, 1300)),
        "POST-event": Product(RGB.bands, "uint8", side=16, chip=(1300, 1300)),
    }
    invented_chip: ClassVar = {
        "train": "<product>/10500500C4DD7000_{place}_15_{n}.tif",
        "test": "<product>/10300100AF395C00_2_18_{n}.tif",
    }
    invented_labels = "annotations/{place}_15_{n}.geojson"
    files = (
        *tarballs(
            "SN8_floods",
            "train",
            "Germany_Training_Public.tar.gz",
            "PRE-event/{image}_0_ POST-event/{image}_0_ annotations/0_",
            {
                "0": "81383a9050b93e8f70c8557d4568e8a2",
            },
        ),
        *tarballs(
            "SN8_floods",
            "train",
            "Louisiana-East_Training_Public.tar.gz",
            "PRE-event/{image}_1_ POST-event/{image}_1_ annotations/1_",
            {
                "0": "fa40ae3cf6ac212c90073bf93d70bd95",
            },
        ),
        *tarballs(
            "SN8_floods",
            "test",
            "Louisiana-West_Test_Public.tar.gz",
            "PRE-event/ POST-event/",
            {
                "0": None,
            },
        ),
    )

    @classmethod
    def invented(cls, split: str, aoi: int, number: int, turn: int) -> list[dict[str, str]]:
        """Chips of both places."""
        return cls.invented_rows(split, aoi, {"place": str(turn % 2), "n": str(number)})
