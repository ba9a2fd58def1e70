"""SpaceNet 4: one city seen under many angles (https://spacenet.ai)."""

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

__all__ = ["SpaceNet4"]

#: Each pass over Atlanta in SpaceNet 4, and the MD5 of its tarball.
_VIEWS = tuple(
    (f"Atlanta_nadir{angle}_catid_{catalogue}", md5)
    for angle, catalogue, md5 in (
        ("7", "1030010003D22F00", "d41ab6ec087b07e1e046c55d1fa5754b"),
        ("8", "10300100023BC100", "72f04a7c0c34dd4595c181ee1ae6cb4c"),
        ("10", "1030010003993E00", "89559f42ac11a8de570cef9802a577ad"),
        ("10", "1030010003CAF100", "5489ac756249c336ea506ef0acb3c09d"),
        ("13", "1030010002B7D800", "bd9ed231cedd8631683ea51ea0602de1"),
        ("14", "10300100039AB000", "c497a8a448ed7ccdf63e7706507c0603"),
        ("16", "1030010002649200", "45d54eeecefdc60aa38320be6f29a17c"),
        ("19", "1030010003C92000", "611528c0188bbc7e9cdf98609c6b0c49"),
        ("21", "1030010003127500", "532fbf1ca73d3d2e8b03c585f61b7316"),
        ("23", "103001000352C200", "538f48429b0968b6cfad97eb61fa8de1"),
        ("25", "103001000307D800", "3c48e94bc6d9e66e27c3a9bc8d35d65d"),
        ("27", "1030010003472200", "b78cdf951e7bf4fedbe9259abd1e047a"),
        ("29", "1030010003315300", "f307ce3c623d12d5a2fd5acb1e0607e0"),
        ("30", "10300100036D5200", "9a17574332cd5513d68a0bcc9c607bdd"),
        ("32", "103001000392F600", "fe905ca809f7bd2ceef75bde23c326f3"),
        ("34", "1030010003697400", "d9f2e4a5c8462f6f9f7d5c573d9a1dc6"),
        ("36", "1030010003895500", "f9425ff38dc82bf0e8f25a6287ff1ad1"),
        ("39", "1030010003832800", "7a6005d6fd972d5ce04caf9b42b36897"),
        ("42", "10300100035D1B00", "7c5aa16bb64cacf766cf88f89b3093bd"),
        ("44", "1030010003CCD700", "8f7e959eb0156ad2dfb0b966a1de06a9"),
        ("46", "1030010003713C00", "62c4babcbe70034b7deb7c14d5ff61c2"),
        ("47", "10300100033C5200", "8001d75f67534edf6932242324b8c1a7"),
        ("49", "1030010003492700", "bc299cb5de432b5f5a1ce65a3bdb0abc"),
        ("50", "10300100039E6200", "d7640eda7c4efaf825665e853037bec9"),
        ("52", "1030010003BDDC00", "d4e1931551e9d3c6fd9bf1d8adfd07a0"),
        ("53", "1030010003193D00", "b313e23ead8fe6e2c8671a49f2c9de37"),
        ("53", "1030010003CD4300", "3bd8f07ad57bff841d0cf91c91c6f5ed"),
    )
)


class SpaceNet4(SpaceNet):
    """Buildings of Atlanta, seen under 27 angles of 7 to 54 degrees off nadir.

    Every image of a chip is a sample; TorchGeo keeps one of the 27 that share their labels.
    """

    info = info(
        4, "off-nadir buildings", "WorldView-2", "0.5-2", "off-nadir-building-detection",
        "Weir et al. 2019, https://arxiv.org/abs/1903.12239",
    )  # fmt: skip
    crs = "EPSG:32616"
    dataset_id = "SN4_buildings"
    valid_aois: ClassVar = both((6,))
    valid_images: ClassVar = both(("MS", "PAN", "Pan-Sharpen"))
    valid_masks = ("geojson/spacenet-buildings",)
    directory_glob = "**/{product}"
    file_regex = r"_(\d+_\d+)\."
    products: ClassVar = {
        "MS": MULTISPECTRAL, "PAN": PAN, "Pan-Sharpen": Product((*RGB.bands, "NIR")),
    }  # fmt: skip
    invented_chip: ClassVar = both("{view}/<product>/<product>_{view}_{n}.tif")
    invented_labels = "geojson/<product>/spacenet-buildings_{n}.geojson"
    files = (
        *(
            file
            for view, md5 in _VIEWS
            for file in tarballs(
                "SN4_buildings", "train", f"train/{view}.tar.gz", f"{view}/", {"6_Atlanta": md5}
            )
        ),
        *tarballs(
            "SN4_buildings",
            "train",
            "train/geojson.tar.gz",
            "geojson/",
            {
                "6_Atlanta": "2556339e26a09e57559452eb240ef29c",
            },
        ),
        *tarballs(
            "SN4_buildings",
            "test",
            "SN4_buildings_AOI_{area}_test_public.tar.gz",
            "Atlanta_",
            {
                "6_Atlanta": "0ec3874bfc19aed63b33ac47b039aace",
            },
        ),
    )

    @classmethod
    def invented(cls, split: str, aoi: int, number: int, turn: int) -> list[dict[str, str]]:
        """A chip seen in a third of the passes; three chips are in all."""
        found = []
        for view, _ in _VIEWS[turn % 3 :: 3] if split == "train" else _VIEWS[:1]:
            fields = {"view": view, "n": f"{732701 + 450 * number}_3730589"}
            found += cls.invented_rows(split, aoi, fields)
        return found
