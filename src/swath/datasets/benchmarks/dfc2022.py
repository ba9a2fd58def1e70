"""DFC2022: land cover of French cities, with images that nobody has labelled."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, ByHandBenchmark, Glob, Image, Info, Mask, Sensors

__all__ = ["DFC2022"]

_FOLDER = "{split}/{region}/"
_RGB = _FOLDER + "BDORTHO/{tile}.tif"
_CRS = "EPSG:2154"


class DFC2022(ByHandBenchmark):
    """DFC2022: ``image`` (4, H, W) of red, green, blue and height, and ``mask`` of 15 classes.

    0 is no information. Heights are brought to the images' pixels bilinearly. The splits
    ``train-unlabeled`` and ``val`` have no ``mask``.
    """

    info = Info(
        title="IEEE GRSS Data Fusion Contest 2022",
        tasks=("segmentation",),
        source="aerial",
        samples=None,
        size="about 2000x2000",
        resolution="0.5",
        licence="–",
        citation="IEEE GRSS Image Analysis and Data Fusion Technical Committee 2022, "
        "https://ieee-dataport.org/competitions/data-fusion-contest-2022-dfc2022",
        homepage="https://www.grss-ieee.org/community/technical-committees/"
        "2022-ieee-grss-data-fusion-contest/",
        account="It is given out by IEEE DataPort, where an account is needed",
    )
    splits = ("train", "train-unlabeled", "val")
    split_names = {"train": "labeled_train", "train-unlabeled": "unlabeled_train"}  # noqa: RUF012
    files = tuple(
        Archive(f"{name}.zip", md5=digest, gives=(f"{name}/",), when={"split": name})
        for name, digest in (
            ("labeled_train", "2e87d6a218e466dd0566797d7298c7a9"),
            ("unlabeled_train", "1016d724bc494b8c50760ae56bb0585e"),
            ("val", "6ddd9c0f89d8e74b94ea352d4002073f"),
        )
    )
    classes = (
        "No information", "Urban fabric",
        "Industrial, commercial, public, military, private and transport units",
        "Mine, dump and construction sites", "Artificial non-agricultural vegetated areas",
        "Arable land (annual crops)", "Permanent crops", "Pastures",
        "Complex and mixed cultivation patterns", "Orchards at the fringe of urban classes",
        "Forests", "Herbaceous vegetation associations",
        "Open spaces with little or no vegetation", "Wetlands", "Water", "Clouds and Shadows",
    )  # fmt: skip
    colours = tuple(
        (code >> 16, code >> 8 & 255, code & 255)
        for code in (
            0x231F20, 0xDB5F57, 0xDB9757, 0xDBD057, 0xADDB57, 0x75DB57, 0x7BC47B, 0x58B158,
            0xD4F6D4, 0xB0E2B0, 0x008000, 0x58B0A7, 0x995D13, 0x579BDB, 0x0062FF, 0x231F20,
        )
    )  # fmt: skip
    all_band_names = ("R", "G", "B", "DEM")
    rows = Glob(_RGB, examples={"region": ("Nice", "Nantes_Saint-Nazaire")})
    parts = (
        Sensors([
            Image(_RGB, bands=("R", "G", "B"), located=True, size=(64, 64), crs=_CRS),
            Image(_FOLDER + "RGEALTI/{tile}_RGEALTI.tif", bands=("DEM",), size=(64, 64),
                  dtype="float32", crs=_CRS),
        ]),
        Mask(_FOLDER + "UrbanAtlas/{tile}_UA2012.tif", size=(64, 64), crs=_CRS,
             when={"split": "labeled_train"}),
    )  # fmt: skip
