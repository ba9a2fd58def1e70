"""Sentinel-2: thirteen bands at 10, 20 and 60 m."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from pyproj import CRS

from swath.datasets.geo import Transform
from swath.datasets.layers.product import Product
from swath.datasets.layers.safe import SafeName, baseline_of
from swath.typing import Path

__all__ = ["Sentinel2"]

log = logging.getLogger(__name__)

#: Everything acquired from this day on was processed with baseline 04.00 or later.
_SINCE = pd.Timestamp("2022-01-25")


class Sentinel2(Product):
    """Sentinel-2 MSI, level 1C (top of atmosphere) and 2A (surface): a file a band.

    Files are those of the SAFE format, as JPEG 2000 or converted to TIFF or COG, in their folders
    (``….SAFE/GRANULE/…/IMG_DATA/R10m/T26EMU_20220414T110751_B02_10m.jp2``) or anywhere else;
    ``T26EMU_20220414T110751_B02.tif`` without the resolution is fine too.

    Each band is read at its own resolution (10, 20 or 60 m) and resampled once, to the query's
    grid. Where level 2A holds a band at several resolutions, its own is taken, or the finest
    there is.

    Values are digital numbers, reflectance times 10,000; 0 is nodata. Since processing baseline
    04.00 (January 2022) the provider adds 1000 to them. It is subtracted here, so that scenes of
    all years mean the same; dark pixels may come out slightly negative. The baseline is read from
    the product's name (``_N0400_``) in the path, else from the metadata file (``MTD_MSI….xml``)
    in one of the folders above; where neither is there, it is decided by the date of acquisition:
    04.00 or later from 25 January 2022 on (older scenes that were processed again, Collection 1,
    are then not recognised). The log says when it was decided so.

    Args:
        paths: As in `RasterDataset`; ``.SAFE`` folders or their zips, folders of them, files.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        bands: As in `RasterDataset`. By default all that the product has: level 2A has no B10.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        time_series: As in `RasterDataset`.
        baseline_offset: Subtract the 1000. Set it to False to get the stored numbers, or for files
            from which somebody has subtracted it already.
        options: The other arguments of `RasterDataset`.
    """

    title = "Sentinel-2 MSI"
    product_page = "https://sentiwiki.copernicus.eu/web/s2-mission"
    citation = (
        "Contains modified Copernicus Sentinel data. Drusch, M. et al. (2012). Sentinel-2: ESA's "
        "optical high-resolution mission for GMES operational services. Remote Sensing of "
        "Environment 120, 25-36. https://doi.org/10.1016/j.rse.2011.11.026"
    )
    licence = "Copernicus Sentinel data: free, full and open, with attribution"

    filename_glob = "T*_*_{}*.*"
    filename_regex = r"""
        ^T(?P<tile>\d{2}[A-Z]{3})
        _(?P<date>\d{8}T\d{6})
        _(?P<band>B(?:0[1-9]|1[0-2]|8A))
        (?:_(?P<resolution>10m|20m|60m))?
        \.(?i:jp2|tiff?|vrt|img)$
    """
    date_format = "%Y%m%dT%H%M%S"
    separate_files = True
    default_nodata = 0.0
    archive_globs = ("S2?_MSIL*.zip", "S2?_MSIL*.tar")
    all_bands = (
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12",
    )  # fmt: skip
    rgb_bands = ("B04", "B03", "B02")
    #: The band's own ground sampling distance, as file names of level 2A write it.
    resolutions = {  # noqa: RUF012
        "B01": "60m", "B02": "10m", "B03": "10m", "B04": "10m", "B05": "20m", "B06": "20m",
        "B07": "20m", "B08": "10m", "B8A": "20m", "B09": "60m", "B10": "60m", "B11": "20m",
        "B12": "20m",
    }  # fmt: skip
    #: Of Sentinel-2A; B and C differ by less than 0.02 µm.
    wavelengths = {  # noqa: RUF012
        "B01": 0.4427, "B02": 0.4927, "B03": 0.5598, "B04": 0.6646, "B05": 0.7041, "B06": 0.7405,
        "B07": 0.7828, "B08": 0.8328, "B8A": 0.8647, "B09": 0.9451, "B10": 1.3735, "B11": 1.6137,
        "B12": 2.2024,
    }  # fmt: skip

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = 10,
        bands: Sequence[str] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        time_series: bool = False,
        *,
        baseline_offset: bool = True,
        **options: Any,
    ) -> None:
        self.baseline_offset = baseline_offset
        self._named_bands = bands is not None
        super().__init__(paths, crs, res, bands, transforms, cache, time_series, **options)
        if baseline_offset:
            self._report()

    def _find(self) -> list[str]:
        found = [SafeName.parse(path) for path in super()._find()]
        scenes: dict[tuple[str, ...], list[SafeName]] = {}
        for name in found:
            if name is not None:
                scenes.setdefault(name.scene, []).append(name)
        files = []
        for names in scenes.values():
            own = self.resolutions[names[0].band]
            files.append(min(names, key=lambda name: name.rank(own)).path)
        if not self._named_bands and any(name is not None and name.level2a for name in found):
            self.bands = [band for band in self.bands if band != "B10"]
        return sorted(files)

    def _band_path(self, path: str, band: str) -> str:
        name = SafeName.parse(path)
        return path if name is None else name.file_of(band, self.resolutions[band])

    def _scaling(self, path: str, band: str | None) -> tuple[float, float]:
        if self.baseline_offset and self._baseline(path) >= 400:
            return 1.0, -1000.0
        return 1.0, 0.0

    def _baseline(self, path: str) -> int:
        """Processing baseline, 400 for 04.00; told by the date where nothing else tells it."""
        baseline = baseline_of(path)
        if baseline is not None:
            return baseline
        name = SafeName.parse(path)
        return 400 if name is not None and name.date >= _SINCE else 0

    def _report(self) -> None:
        """Say for how many scenes the date had to tell the baseline."""
        unknown = [path for path in self.files if baseline_of(path) is None]
        if unknown:
            log.warning(
                "Sentinel2: no processing baseline in the paths of %d of %d scenes (%s, …) nor in "
                "metadata beside them: 1000 is subtracted from those acquired since %s. Give "
                "baseline_offset=False if it was subtracted already.",
                len(unknown), len(self), unknown[0], _SINCE.date(),
            )  # fmt: skip
