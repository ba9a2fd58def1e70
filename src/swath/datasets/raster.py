"""`RasterDataset`: layers of raster files in any CRS and resolution."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.files import find_files
from swath.datasets.geo import Transform
from swath.datasets.query import TIME_MAX, TIME_MIN
from swath.datasets.raster_reading import Merge, Part, RasterReading
from swath.datasets.rows import build_index, cut_to_valid, index_from_frame, resolution_in
from swath.errors import (
    BandError,
    ConfigError,
    DatasetNotFoundError,
    FileMissingError,
    SwathError,
)
from swath.raster.info import RasterInfo
from swath.raster.scene import Scene, SceneBand
from swath.raster.source import read_info
from swath.typing import Path

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

__all__ = ["RasterDataset"]

_MERGES = ("first", "last", "newest", "oldest", "least_nodata")


class RasterDataset(RasterReading):
    """A layer of raster files.

    Each file keeps its own CRS and resolution; a query is answered by warping each file that it
    touches once, straight to the query's grid. Where a query's grid and a file's agree, pixels are
    copied.

    Subclass it to describe a product (class attributes below), or use it as it is on a folder of
    files that each hold all bands.

    Args:
        paths: Files, folders (searched to any depth), zip or tar archives, URLs, or anything GDAL
            opens (``/vsicurl/…``). `root` is another name of it.
        crs: CRS of queries and samples. Default: that of the first file.
        res: Resolution (or x and y resolution) of queries that give none, in units of `crs`.
            Default: that of the first file.
        bands: Names of the bands to read, in this order. Default: all of the product.
        transforms: Called with each sample.
        cache: Keep files open and their tables at hand between queries.
        time_series: Give every date as a frame of its own, (T, C, H, W), oldest first, instead of
            merging all dates into one picture.
        nodata: Value that marks invalid pixels, for all bands or one a band. Default: what the
            files say. Invalid pixels never mix into interpolated ones.
        fill_value: Value of pixels where no file has data. Default: the nodata value, or 0.
        merge: Which of several files that cover a pixel is seen: ``first`` or ``last`` in the
            order of the index, ``newest`` or ``oldest`` by date, or the one with the
            ``least_nodata`` in the query; the others fill its holes.
        valid_mask: Add ``valid`` (H, W) bool to samples: where any file had data.
        on_error: ``raise`` on a file that cannot be read, or ``skip`` it: counted and logged.
        overviews: Read from overviews where a query is coarser than the files.
        native_resolution: Give bands of different pixel size (Sentinel-2's 10, 20 and 60 m) as
            tensors of their own: ``image`` holds those of the finest pixels, at the query's
            resolution, ``image_20`` those of pixels of 20 (units of the files' CRS), as many
            times coarser, from the same upper left corner, as many as cover the query.
            ``transform_20`` says where they lie. Pixel sizes are those of the first file.
        footprints: ``grid``: a row of the index covers the whole of its file; ``valid``: only the
            outline of its valid pixels, so that samplers keep out of empty corners. Each file (of
            several bands in files of their own, that of the first band) is read for it once, from
            an overview where it has one, and the outlines are kept beside the headers.
        index: Rows of the layer instead of a search through `paths`: a GeoDataFrame with a
            ``filepath`` column, footprints, and optionally times (an IntervalIndex, or the columns
            ``start`` and ``stop`` or ``datetime``).

    Raises:
        DatasetNotFoundError: No file was found.
        FileMissingError, UnreadableFileError, CRSError: A file is missing, damaged or without CRS.
        BandError: A band does not exist.
    """

    #: Shell pattern of file names; with `separate_files`, ``{}`` stands for the band.
    filename_glob = "*"
    #: Verbose regular expression of file names, with the groups ``date`` (or ``start`` and
    #: ``stop``) and ``band``, as far as there are any. Other files do not belong to the layer.
    filename_regex = ".*"
    #: How dates are written in file names (`datetime.datetime.strptime`).
    date_format = "%Y%m%d"
    #: Times of files whose names carry none.
    mint: pd.Timestamp = TIME_MIN
    maxt: pd.Timestamp = TIME_MAX
    #: Pictures (``image``, float32) or labels (``mask``, int64).
    is_image = True
    #: One file a band, instead of one file for all.
    separate_files = False
    #: Names of all bands, in the order in which a file of all bands holds them.
    all_bands: Sequence[str] = ()
    #: Bands read when `bands` is not given. Default: `all_bands`.
    default_bands: Sequence[str] = ()
    #: Bands shown as red, green and blue.
    rgb_bands: Sequence[str] = ()
    #: Colour of each class, (red, green, blue, alpha) 0-255.
    cmap: dict[int, tuple[int, int, int, int]] = {}  # noqa: RUF012
    #: Centre wavelength of each band in micrometres.
    wavelengths: dict[str, float] = {}  # noqa: RUF012
    #: New class of each class value, as an array; None leaves them.
    class_map: NDArray[np.int64] | None = None

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        bands: Sequence[str] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        time_series: bool = False,
        *,
        root: Path | Iterable[Path] | None = None,
        nodata: float | Sequence[float] | None = None,
        fill_value: float | Sequence[float] | None = None,
        merge: Merge = "first",
        valid_mask: bool = False,
        on_error: Literal["raise", "skip"] = "raise",
        overviews: bool = True,
        native_resolution: bool = False,
        footprints: Literal["grid", "valid"] = "grid",
        index: GeoDataFrame | None = None,
    ) -> None:
        if footprints not in ("grid", "valid"):
            raise ConfigError(f"footprints is 'grid' or 'valid', got {footprints!r}")
        if merge not in _MERGES:
            raise ConfigError(f"merge is one of {', '.join(_MERGES)}, got {merge!r}")
        if on_error not in ("raise", "skip"):
            raise ConfigError(f"on_error is 'raise' or 'skip', got {on_error!r}")
        self.paths = paths if root is None else root
        self.transforms = transforms
        self.cache = cache
        self.time_series = time_series
        self.merge = merge
        self.valid_mask = valid_mask
        self.on_error = on_error
        self.overviews = overviews
        self.skipped_files: list[str] = []
        if bands is not None and len(bands) == 0:
            raise BandError("bands is empty; leave it out to read all of them")
        self.bands: Sequence[str] = self._check_bands(bands)
        self._scenes: OrderedDict[tuple[str, int], Scene] = OrderedDict()
        self._state = None
        target = None if crs is None else CRS.from_user_input(crs)
        if index is not None:
            frame = index_from_frame(index, target, self.mint, self.maxt)
        else:
            frame = build_index(
                self._find(),
                regex=self.filename_regex,
                date_format=self.date_format,
                mint=self.mint,
                maxt=self.maxt,
                crs=target,
                on_error=on_error,
                skipped=self.skipped_files,
                where=self.paths,
                kind=type(self).__name__,
                pattern=self._patterns(),
            )
        self.index = frame
        first = self._first_info()
        self.res = resolution_in(first.grid, self._crs) if res is None else res
        self._channels = self._plan_channels(first)
        count = len(self._channels)
        self._nodata = _per_band(nodata, count, "nodata")
        self._fills = self._plan_fills(first, fill_value)
        self.native_resolution = native_resolution
        self._parts = self._plan_parts(first)
        if footprints == "valid":
            used = [0] if self.separate_files else [number for _, number in self._channels]
            values = [None] * len(used) if self._nodata is None else self._nodata[: len(used)]
            self.index = cut_to_valid(self._index, used, values, on_error, self.skipped_files)

    # ---- files and bands ---------------------------------------------------------------------

    def _check_bands(self, bands: Sequence[str] | None) -> Sequence[str]:
        if bands is None:
            return list(self.default_bands or self.all_bands)
        known = list(self.all_bands)
        missing = [b for b in bands if known and b not in known]
        if missing:
            raise BandError(
                f"{type(self).__name__} has no band {', '.join(map(repr, missing))}; "
                f"its bands are {', '.join(known)}"
            )
        return list(bands)

    def _patterns(self) -> list[str]:
        """Shell patterns of the files that make the rows of the index (first band's files)."""
        if self.separate_files and self.bands:
            return [self.filename_glob.format(self.bands[0])]
        return [self.filename_glob]

    def _find(self) -> list[str]:
        try:
            return find_files(self.paths, self._patterns())
        except FileMissingError as error:
            raise DatasetNotFoundError(f"{type(self).__name__}: {error}") from error

    def _band_path(self, path: str, band: str) -> str:
        """The file of another band of the same scene, by the group ``band`` of the file name."""
        folder, name = os.path.split(path)
        match = re.match(self.filename_regex, name, re.VERBOSE)
        if match is None or "band" not in match.groupdict() or match.start("band") < 0:
            return path
        new = name[: match.start("band")] + band + name[match.end("band") :]
        return os.path.join(folder, new)

    def _scaling(self, path: str, band: str | None) -> tuple[float, float]:
        """Factor and summand from stored numbers to the sample's, for a file's band."""
        return 1.0, 0.0

    def _plan_channels(self, first: RasterInfo) -> list[tuple[str | None, int]]:
        """Name and number in its file of each channel."""
        if self.separate_files:
            if not self.bands:
                raise BandError(
                    f"{type(self).__name__} has one file a band (separate_files) and no bands; "
                    "set all_bands or pass bands=…"
                )
            return [(band, 0) for band in self.bands]
        if not self.bands:
            return [(name, i) for i, name in enumerate(first.descriptions)]
        names = list(self.all_bands) or [
            name or str(i + 1) for i, name in enumerate(first.descriptions)
        ]
        missing = [b for b in self.bands if b not in names]
        if missing:
            raise BandError(
                f"{first.path} has no band {', '.join(map(repr, missing))}; "
                f"its bands are {', '.join(names)}"
            )
        return [(band, names.index(band)) for band in self.bands]

    def _scene_bands(self, path: str) -> list[SceneBand]:
        """What to read for the row of the index whose file is `path`."""
        parts = []
        for channel, (name, number) in enumerate(self._channels):
            file = self._band_path(path, name) if self.separate_files and name else path
            scale, offset = self._scaling(file, name)
            value = None if self._nodata is None else self._nodata[channel]
            parts.append(SceneBand(file, number, channel, value, scale, offset))
        return parts

    def _plan_fills(
        self, first: RasterInfo, fill_value: float | Sequence[float] | None
    ) -> NDArray[np.float64]:
        count = len(self._channels)
        given = _per_band(fill_value, count, "fill_value")
        if given is not None:
            return np.array(given, np.float64)
        if self._nodata is not None:
            return np.array(self._nodata, np.float64)
        found = [
            first.nodata[0 if self.separate_files else min(number, first.count - 1)]
            for _, number in self._channels
        ]
        return np.array([0.0 if v is None else v for v in found], np.float64)

    def _first_info(self) -> RasterInfo:
        """Header of the first file that can be read."""
        for path in self._index["filepath"]:
            try:
                return read_info(str(path))
            except SwathError as error:
                if self.on_error == "raise":
                    raise
                self._skip(str(path), error)
        raise DatasetNotFoundError(
            f"none of the {len(self._index)} files of {type(self).__name__} can be read"
        )

    def _plan_parts(self, first: RasterInfo) -> list[Part]:
        """What comes out as tensors of their own, the finest pixels first."""
        key = "image" if self.is_image else "mask"
        everything = Part(key, 1.0, tuple(range(len(self._channels))))
        if not self.native_resolution or not self.separate_files:
            return [everything]
        by_size: dict[float, list[int]] = {}
        for band in self._scene_bands(first.path):
            side = float(f"{min(read_info(band.path).grid.res):.6g}")
            by_size.setdefault(side, []).append(band.channel)
        finest = min(by_size)
        return [
            Part(
                key if side == finest else f"{key}_{side:g}",
                side / finest,
                tuple(channels),
            )
            for side, channels in sorted(by_size.items())
        ]


def _per_band(value: float | Sequence[float] | None, count: int, name: str) -> list[float] | None:
    if value is None:
        return None
    if isinstance(value, int | float | np.number):
        return [float(value)] * count
    values = [float(v) for v in value]
    if len(values) != count:
        raise BandError(f"{name} has {len(values)} values for {count} bands")
    return values
