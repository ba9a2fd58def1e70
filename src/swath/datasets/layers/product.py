"""What every published product says of itself, and how a sample of it is drawn."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.datasets.files import find_files, path_list
from swath.datasets.raster import RasterDataset
from swath.raster.info import RasterInfo
from swath.raster.scene import SceneBand
from swath.raster.source import open_source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Product"]


class Product(RasterDataset):
    """A published sensor or product: a `RasterDataset` with its papers in order.

    Class attributes say what it is: `title`, `product_page` (URL), `citation` (how the provider
    asks to be cited, with the DOI where there is one), `licence`, `classes` (name by class value
    in the files) for labels, `wavelengths` (centre of each band in micrometres) for images.
    """

    title: ClassVar[str] = ""
    product_page: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    #: Name of each class, by its value in the files.
    classes_by_value: ClassVar[dict[int, str]] = {}
    #: Unit of a mask that is a quantity and no class.
    quantity: ClassVar[str | None] = None
    #: What the provider writes where there is no data, for files that don't say it themselves.
    default_nodata: ClassVar[float | None] = None
    #: Shell patterns of archives that hold scenes, looked into when they lie in a folder.
    archive_globs: ClassVar[Sequence[str]] = ()

    def _first_names(self) -> list[str]:
        """Names that the first band may have in files: of these there is a row a scene."""
        return [self.bands[0]] if self.separate_files and self.bands else []

    def _find(self) -> list[str]:
        files = super()._find()
        folders = [path for path in path_list(self.paths) if os.path.isdir(path)]
        globs = self._archive_patterns()
        if globs and folders:
            archives = find_files(folders, globs)
            # a scene that is there both as an archive and extracted is read from its files
            there = {os.path.basename(path) for path in files}
            members = find_files(archives, self._patterns()) if archives else []
            files += [path for path in members if os.path.basename(path) not in there]
        names = self._first_names()
        # files that were named one by one may be those of all bands
        return [path for path in files if self._band_of(path) in names] if names else files

    def _archive_patterns(self) -> Sequence[str]:
        return self.archive_globs

    def _band_of(self, path: str) -> str:
        """The band that a file's name says, or nothing."""
        match = re.match(self.filename_regex, os.path.basename(path), re.VERBOSE)
        return match["band"] if match else ""

    def _scene_bands(self, path: str) -> list[SceneBand]:
        bands = super()._scene_bands(path)
        if self.default_nodata is None:
            return bands
        return [
            replace(band, nodata=self.default_nodata)
            if band.nodata is None and _silent(open_source(band.path).info, band.band)
            else band
            for band in bands
        ]

    def _plan_fills(
        self, first: RasterInfo, fill_value: float | Sequence[float] | None
    ) -> NDArray[np.float64]:
        fills = super()._plan_fills(first, fill_value)
        said = fill_value is not None or self._nodata is not None
        if not said and self.default_nodata is not None and _silent(first, 0):
            fills[:] = self.default_nodata
        return fills

    def plot(
        self,
        sample: Mapping[str, Any],
        show_titles: bool = True,
        suptitle: str | None = None,
    ) -> Figure:
        """Draw a sample of this layer: its image or mask, and ``prediction`` beside it.

        Args:
            sample: What indexing the layer (or an intersection with it) gives, unbatched.
            show_titles: Whether each panel has a title.
            suptitle: Title of the figure.

        Returns:
            A `matplotlib.figure.Figure`; save it with `swath.plot.save_figure`.

        Raises:
            RGBBandsMissingError: The bands that make the picture were not read.
        """
        from swath.plot.layers import plot_layer

        return plot_layer(
            sample,
            classes=self._class_names(),
            colours=self._class_colours(),
            show_titles=show_titles,
            suptitle=suptitle,
            **self._plot_options(),
        )

    def _class_names(self) -> dict[int, str] | None:
        """Name of each class, by its value in samples."""
        return self.classes_by_value or None

    def _class_colours(self) -> dict[int, tuple[int, int, int, int]]:
        """Colour of each class, by its value in samples."""
        return self.cmap

    def _plot_options(self) -> dict[str, Any]:
        nodata = float(self._fills[0])
        if not self.is_image:
            named = self._class_names() or {}
            return {"continuous": self.quantity, "nodata": None if nodata in named else nodata}
        return {"bands": list(self.bands), "rgb_bands": self._shown(), "nodata": nodata}

    def _shown(self) -> list[str] | None:
        """Bands to show as red, green and blue; a single band is shown grey."""
        if len(self.bands) == 1:
            return list(self.bands)
        return list(self.rgb_bands) or None


def _silent(info: RasterInfo, band: int) -> bool:
    """Whether a file has no word on which pixels of a band are valid."""
    return info.mask == "none" and (band >= info.count or info.nodata[band] is None)
