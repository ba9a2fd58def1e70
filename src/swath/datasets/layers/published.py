"""Published rasters as layers: labels alone, or images with labels beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.catalogue.layer import PublishedLayer
from swath.datasets.geo import Transform
from swath.datasets.layers.product import Product
from swath.datasets.raster_reading import Part
from swath.raster.info import RasterInfo
from swath.raster.scene import SceneBand
from swath.typing import Path

__all__ = ["LabelledLayer", "MaskLayer"]


class MaskLayer(PublishedLayer, Product):
    """A published raster of labels or of a quantity, whose samples have a ``mask``.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download what is missing, where it can be.
        checksum: Compare published digests.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
        ChecksumError: A file is not the one that was published.
    """

    is_image = False

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        self.paths = options["root"] if options.get("root") is not None else paths
        self.download, self.checksum = download, checksum
        if options.get("index") is None:
            self.obtain()
        bands = options.pop("bands", None)
        super().__init__(paths, crs, res, bands, transforms, cache, time_series, **options)


class LabelledLayer(PublishedLayer, Product):
    """Published images with labels of the same ground: ``image`` and ``mask`` in a sample.

    The row of the index is the image; its labels are found by its name, so that labels of
    another date over the same ground never stand beside it. Images are interpolated where a
    query's grid is not theirs, labels never are. The field has an intersection of two layers here.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        bands: Names of the image's bands that are wanted, in order; all by default.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download what is missing.
        checksum: Compare published digests.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
        ChecksumError: A file is not the one that was published.
        BandError: There is no such band.
    """

    #: Where there is no label.
    no_label: ClassVar[int] = 0

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        bands: Sequence[str] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        self.paths = options["root"] if options.get("root") is not None else paths
        self.download, self.checksum = download, checksum
        if options.get("index") is None:
            self.obtain()
        super().__init__(paths, crs, res, bands, transforms, cache, time_series, **options)

    def label_files(self, path: str) -> list[str]:
        """The files of labels (one band each) that belong to an image."""
        raise TypeError(f"{type(self).__name__} does not say where its labels are")

    def _label_bands(self, path: str, first: int) -> list[SceneBand]:
        return [
            SceneBand(file, 0, first + i, None, 1.0, 0.0)
            for i, file in enumerate(self.label_files(path))
        ]

    def _scene_bands(self, path: str) -> list[SceneBand]:
        images = super()._scene_bands(path)
        return [*images, *self._label_bands(path, len(images))]

    def _plan_fills(
        self, first: RasterInfo, fill_value: float | Sequence[float] | None
    ) -> NDArray[np.float64]:
        labels = len(self.label_files(first.path))
        images = super()._plan_fills(first, fill_value)
        return np.append(images, np.full(labels, float(self.no_label)))

    def _plan_parts(self, first: RasterInfo) -> list[Part]:
        count = len(self._fills)
        images = count - len(self.label_files(first.path))
        return [
            Part("image", 1.0, tuple(range(images))),
            Part("mask", 1.0, tuple(range(images, count))),
        ]


def beside(path: str, folder: str, name: str) -> str:
    """The file `name` in the folder `folder` next to the folder of `path`."""
    return os.path.join(os.path.dirname(os.path.dirname(path)), folder, name)
