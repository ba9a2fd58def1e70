"""Substations of power grids in series of Sentinel-2 images."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from swath.datasets.catalogue import Archive, Glob, Info, Part, Site, UnsplitBenchmark
from swath.datasets.catalogue.files import need
from swath.datasets.catalogue.parts import Row, float_tensor, noise
from swath.errors import ConfigError, UnreadableFileError
from swath.typing import Path, Sample

__all__ = ["Substation"]

_STORE = (
    "https://storage.googleapis.com/tz-ml-public/"
    "substation-over-10km2-csv-main-444e360fd2b6444b9018d509d0e4f36e/"
)
_SUBSTATION = 3


def _load(path: str) -> NDArray[Any]:
    need(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            found: NDArray[Any] = file["arr_0"]
            return found
    except Exception as error:  # zip, header, size, pickle: as many kinds as there are damages
        raise UnreadableFileError(f"{path} cannot be read: {error}. Fetch it again") from error


def _save(path: str, array: NDArray[Any]) -> None:
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, array)


class _Series(Part):
    """The last dates (T, C, H, W) of an array, or what is made of them."""

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path("image_stack/{name}.npz", row)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The image."""
        series = _load(self.files(site, row)[0])
        bands = [site.all_bands.index(band) for band in site.bands]
        dates = float_tensor(series[-site.kept.get("dates", 4) :][:, bands])
        how = site.fields["timepoint_aggregation"]
        if how == "concat":
            dates = dates.flatten(0, 1)
        elif how == "median":
            dates = dates.quantile(0.5, dim=0)
        elif how == "first":
            dates = dates[0]
        elif how == "random":
            dates = dates[int(torch.randint(len(dates), ()))]
        return {self.key: dates}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Five dates of noise."""
        shape = (5, len(site.all_bands), 32, 32)
        _save(self.files(site, row)[0], noise(rng, shape, "float32"))


class _Substations(Part):
    """Where the array is 3: int64 (H, W); or float32 (2, H, W) of background and substation."""

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path("mask/{name}.npz", row)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The mask."""
        found = torch.from_numpy(_load(self.files(site, row)[0]) == _SUBSTATION)
        if site.fields["mask_2d"] == "True":
            return {self.key: torch.stack([~found, found]).float()}
        return {self.key: found.long()}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Some pixels of each kind."""
        _save(self.files(site, row)[0], rng.integers(0, 4, (32, 32)).astype("float64"))


class Substation(UnsplitBenchmark):
    """Series of Sentinel-2 images around substations of power grids, and their outlines.

    A sample has ``image`` float32 (T, bands, H, W) and ``mask`` float32 (2, H, W), background and
    substation.

    Args:
        root: The dataset's folder.
        bands: Names of the bands that are wanted.
        mask_2d: False gives ``mask`` int64 (H, W) of 1 on substations.
        num_of_timepoints: How many dates are read: the last ones of the file.
        timepoint_aggregation: None keeps the dates; ``"concat"`` gives (T x bands, H, W),
            ``"median"``, ``"first"`` and ``"random"`` one image (bands, H, W).
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.

    Raises:
        ConfigError: Another kind of aggregation, or no dates.
    """

    info = Info(
        title="Substation",
        tasks=("segmentation", "time series"),
        source="Sentinel-2",
        samples=None,
        size="228x228",
        resolution="10",
        licence="-",
        citation="Power substation dataset, TransitionZero",
        homepage="https://github.com/Lindsay-Lab/substation-seg",
    )
    classes = ("background", "substation")
    all_band_names = (
        "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12",
    )  # fmt: skip
    rgb_bands = ("B4", "B3", "B2")
    choices: ClassVar = {
        "mask_2d": ("True", "False"),
        "timepoint_aggregation": ("None", "concat", "median", "first", "random"),
    }
    files = (
        Archive(
            "image_stack.tar.gz", _STORE + "image_stack.tar.gz",
            md5="948706609864d0283f74ee7015f9d032", gives=("image_stack/",),
        ),
        Archive(
            "mask.tar.gz", _STORE + "mask.tar.gz", md5="baa369ececdc2ff80e6ba2b4c7fe147c",
            gives=("mask/",),
        ),
    )  # fmt: skip
    rows = Glob("image_stack/{name}.npz")
    parts = (_Series("image"), _Substations("mask"))

    def __init__(
        self,
        root: Path = "data",
        bands: Sequence[str] | None = None,
        mask_2d: bool = True,
        num_of_timepoints: int = 4,
        timepoint_aggregation: str | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        if num_of_timepoints < 1:
            raise ConfigError(f"num_of_timepoints is {num_of_timepoints}: expected 1 or more")
        super().__init__(
            root, transforms, download, checksum, bands=bands, mask_2d=str(mask_2d),
            timepoint_aggregation=str(timepoint_aggregation), **options,
        )  # fmt: skip
        self.site.kept["dates"] = num_of_timepoints
