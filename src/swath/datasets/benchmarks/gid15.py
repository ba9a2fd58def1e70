"""GID-15: land cover of China in images of Gaofen-2."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, Glob, Image, Info, Mask
from swath.datasets.catalogue.hosts import google_drive

__all__ = ["GID15"]

_NAME = "GF2_PMS{camera}__L1A{number}-MSS{camera}"


class GID15(Benchmark):
    """GID-15: ``image`` (3, 6800, 7200) and ``mask`` of 15 kinds of land; 0 is the background.

    Images of the split ``test`` have no ``mask``: their truth is not published.
    """

    info = Info(
        title="GID-15",
        tasks=("segmentation",),
        source="Gaofen-2",
        samples=150,
        size="6800x7200",
        resolution="3",
        licence="-",
        citation="Tong et al. 2020, https://doi.org/10.1016/j.rse.2019.111322",
        homepage="https://captain-whu.github.io/GID15/",
    )
    splits = ("train", "val", "test")
    classes = (
        "background", "industrial_land", "urban_residential", "rural_residential", "traffic_land",
        "paddy_field", "irrigated_land", "dry_cropland", "garden_plot", "arbor_woodland",
        "shrub_land", "natural_grassland", "artificial_grassland", "river", "lake", "pond",
    )  # fmt: skip
    files = (
        Archive(
            "gid-15.zip",
            google_drive("1zbkCEXPEKEV6gq19OKmIbaT8bXXfWW6u"),
            md5="615682bf659c3ed981826c6122c10c83",
            gives=("GID/",),
        ),
    )
    rows = Glob(
        "GID/img_dir/{split}/GF2_PMS{camera:[12]}__L1A{number:[0-9]+}-MSS{camera}.tif",
        examples={"camera": ("1", "2")},
    )
    parts = (
        Image("GID/img_dir/{split}/" + _NAME + ".tif", size=(64, 64)),
        Mask("GID/ann_dir/{split}/" + _NAME + "_15label.png", size=(64, 64),
             when={"split": ("train", "val")}),
    )  # fmt: skip
