"""Cloud cover detection: clouds in Sentinel-2 images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swath.datasets.catalogue import (
    BandFiles,
    File,
    Folder,
    Info,
    Mask,
    MultispectralBenchmark,
    PerSplit,
    Table,
)
from swath.typing import Path, Sample

__all__ = ["CloudCoverDetection"]

_FOLDERS = {"train": "public/train", "test": "private/test"}
_COLUMNS = {"chip_id": "chip_id", "location": "location", "datetime": "datetime"}


class CloudCoverDetection(MultispectralBenchmark):
    """Cloud Cover Detection Challenge: ``image`` (4, 512, 512) and ``mask`` of clouds.

    Surface reflectance times 10,000. 0 is no cloud, 1 a cloud. What it is published in are
    folders, which the provider's own program copies (``azcopy``).
    """

    info = Info(
        title="Sentinel-2 Cloud Cover Segmentation Dataset",
        tasks=("segmentation",),
        source="Sentinel-2",
        samples=22_728,
        size="512x512",
        resolution="10",
        licence="–",
        citation="Radiant Earth Foundation 2022, https://doi.org/10.34911/RDNT.HFQ6M7",
        homepage="https://source.coop/radiantearth/cloud-cover-detection-challenge",
        account="It is copied with azcopy from https://radiantearth.blob.core.windows.net/mlhub/"
        "ref_cloud_cover_detection_challenge_v1/final",
    )
    splits = ("train", "test")
    files = tuple(
        made
        for split, folder in _FOLDERS.items()
        for made in (
            File(f"{folder}_metadata.csv", when={"split": split}),
            Folder(f"{folder}_features", when={"split": split}),
            Folder(f"{folder}_labels", when={"split": split}),
        )
    )
    classes = ("no cloud", "cloud")
    all_band_names = ("B02", "B03", "B04", "B08")
    rgb_bands = ("B04", "B03", "B02")
    rows = PerSplit(
        train=Table("public/train_metadata.csv", _COLUMNS),
        test=Table("private/test_metadata.csv", _COLUMNS),
    )
    parts = tuple(
        made
        for split, folder in _FOLDERS.items()
        for made in (
            BandFiles(folder + "_features/{chip_id}/{band}.tif", size=(64, 64), dtype="uint16",
                      located=True, crs="EPSG:32753", when={"split": split}),
            Mask(folder + "_labels/{chip_id}.tif", size=(64, 64), crs="EPSG:32753",
                 when={"split": split}),
        )
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        bands: Sequence[str] = all_band_names,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(root, split, bands, transforms, download, **options)
