"""Layers over folders that nobody wrote a class for: scenes and label rasters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from pyproj import CRS

from swath.datasets.discover import ImageLayout, LabelLayout
from swath.datasets.raster import RasterDataset
from swath.errors import CRSError
from swath.raster import read_info

__all__ = ["NO_LABEL", "LabelFolder", "SceneFolder", "set_dates"]

#: What a label is where no label file has data: no code of any product.
NO_LABEL = -32768

_ALWAYS = (pd.Timestamp.min, pd.Timestamp.max)
_Date = tuple[pd.Timestamp, pd.Timestamp] | None


class SceneFolder(RasterDataset):
    """Imagery as `discover_images` found it.

    Args:
        layout: What `discover_images` found.
        bands: Names of bands; all of them by default.
        crs: Of queries; by default the one that most scenes have.
        res: Pixel size; by default the finest of the bands, in a scene of that CRS.
    """

    is_image = True

    def __init__(
        self,
        layout: ImageLayout,
        bands: Sequence[str] | None = None,
        crs: Any = None,
        res: float | tuple[float, float] | None = None,
    ) -> None:
        names = layout.check_bands(bands)
        self.separate_files = layout.separate_files
        self.filename_regex = layout.filename_regex
        self.all_bands = layout.bands
        files = layout.files_of(names)
        if crs is None or res is None:
            crs, res = _common_grid(files, crs, res)
        # 0 and not the files' nodata: 65535 or -32768 is a blow to any network at a scene's edge.
        super().__init__(files, CRS.from_user_input(crs), res, bands=names, fill_value=0)
        set_dates(self, dict(zip(files, (scene.date for scene in layout.scenes), strict=True)))


class LabelFolder(RasterDataset):
    """Label rasters as `discover_labels` found them; `NO_LABEL` where there is none."""

    is_image = False

    def __init__(
        self, layout: LabelLayout, crs: Any, res: float | tuple[float, float] | None
    ) -> None:
        super().__init__(list(layout.files), crs, res, fill_value=NO_LABEL)
        set_dates(self, dict(zip(layout.files, layout.dates, strict=True)))


def _common_grid(files: Sequence[str], crs: Any, res: Any) -> tuple[CRS, Any]:
    """The commonest CRS of `files` where `crs` is None, and the finest pixel size in it."""
    infos = [read_info(path) for path in files]
    for info in infos:
        if info.crs is None:
            raise CRSError(
                f"{info.path} has no CRS: set it (gdal_edit.py -a_srs EPSG:… or QGIS, Assign "
                "projection) and try again"
            )
    counts = Counter(info.crs.to_wkt() for info in infos if info.crs is not None)
    chosen = CRS.from_user_input(crs) if crs is not None else CRS(counts.most_common(1)[0][0])
    if res is None:
        own = [info.grid.res for info in infos if info.crs == chosen]
        if not own:
            raise CRSError(
                f"no file has the CRS {chosen.to_string()}, so the pixel size is unknown: give res "
                f"in its units ({chosen.axis_info[0].unit_name})"
            )
        res = min(own)
    return chosen, res


def set_dates(dataset: Any, dates: dict[str, _Date]) -> None:
    """Put the dates that the layout found (in folders too) into the index."""
    frame = dataset.index.copy()
    spans = [dates.get(path) or _ALWAYS for path in frame["filepath"]]
    frame.index = pd.IntervalIndex.from_tuples(spans, closed="both", name="datetime")
    dataset.index = frame
