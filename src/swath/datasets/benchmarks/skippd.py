"""SKIPP'D: the sky, and what a solar plant below it yields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swath.datasets.catalogue import (
    Archive,
    ArrayImage,
    ArrayRows,
    ArrayValue,
    Benchmark,
    Info,
    Site,
)
from swath.datasets.catalogue.parts import Row
from swath.typing import Path, Sample

__all__ = ["SKIPPD"]

_FILE = "2017_2019_images_pv_processed_{task}.hdf5"


class _Sky(ArrayImage):
    """Pictures of a row one after the other in the channels."""

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        image = super().read(site, row)[self.key]
        return {self.key: image.flatten(0, -3)}


class SKIPPD(Benchmark):
    """SKIPP'D: ``image`` (3, 64, 64) of the sky by a fish-eye camera, and ``label`` in kW.

    For the task ``nowcast`` the label is the power at that minute. For ``forecast`` the image is
    (48, 64, 64), 16 minutes one after the other, and the label (16,), the power in the next ones.

    Args:
        root: The dataset's folder.
        split: ``"trainval"`` or ``"test"``.
        task: ``"nowcast"`` or ``"forecast"``.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.
        **options: As in `Benchmark`.
    """

    info = Info(
        title="SKy Images and Photovoltaic Power Dataset (SKIPP'D)",
        tasks=("regression", "time series"),
        source="camera on the ground",
        samples=None,
        size="64x64",
        resolution="-",
        licence="CC-BY-4.0",
        citation="Nie et al. 2023, https://doi.org/10.48550/arXiv.2207.00913",
        homepage="https://purl.stanford.edu/dj417rh1007",
    )
    splits = ("trainval", "test")
    choices = {"task": ("nowcast", "forecast")}  # noqa: RUF012
    files = tuple(
        Archive(
            f"2017_2019_images_pv_processed_{task}.zip",
            "https://hf.co/datasets/torchgeo/skippd/resolve/"
            f"a16c7e200b4618cd93be3143cdb973e3f21498fa/2017_2019_images_pv_processed_{task}.zip",
            sha256=digest,
            gives=(f"2017_2019_images_pv_processed_{task}.hdf5",),
            when={"task": task},
        )
        for task, digest in (
            ("nowcast", "5c2e8d0dbece6f50ac299e76c69b6fced437d75cd121a9948ddc12611a6fd603"),
            ("forecast", "c9d9695291838ac73e3ee4177dc9cb3fa2178cf132814767436e4df9db11ee8d"),
        )
    )
    rows = ArrayRows(_FILE, "{split}/pv_log")
    parts = (
        _Sky(_FILE, {"{split}/images_log": ("R", "G", "B")}, size=(64, 64), dtype="uint8",
             when={"task": "nowcast"}),
        _Sky(_FILE, {"{split}/images_log": ("R", "G", "B")}, size=(16, 64, 64), dtype="uint8",
             when={"task": "forecast"}),
        ArrayValue(_FILE, "{split}/pv_log", when={"task": "nowcast"}),
        ArrayValue(_FILE, "{split}/pv_log", size=(16,), when={"task": "forecast"}),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "trainval",
        task: str = "nowcast",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, split, transforms, download, checksum, task=task, **options)
