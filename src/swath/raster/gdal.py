"""Every format that is not a plain local TIFF: windows of GDAL as tiles.

A GDAL handle serves one thread at a time, so each source lends its handles out and opens one
more when all are lent. A forked child opens its own: the parent's are never touched there.
"""

from __future__ import annotations

import dataclasses
import html
import os
import re
import threading
import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from swath.errors import BandError, FileMissingError, UnreadableFileError, UnsupportedDataError
from swath.raster.cache import tile_cache
from swath.raster.geotiff import wkt_crs
from swath.raster.info import Level, MaskKind, RasterInfo
from swath.raster.pieces import group_rows
from swath.raster.protocol import DirectTiles

__all__ = ["GdalSource", "crs_of_bytes", "read_gdal_info"]

# A file without georeference is an error in Swath where a CRS is needed, and fine elsewhere.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

_SIDE = 512
# rasterio lets some of GDAL's own errors through, and texts that are no UTF-8.
_ERRORS = (RasterioError, CPLE_BaseError, ValueError)
_FORKED: list[Any] = []  # handles of the parent: never used nor closed in the child


def _pyproj(crs: Any) -> CRS | None:
    return None if not crs else wkt_crs(crs.to_wkt(version="WKT2_2019"))


def crs_of_bytes(tiff: bytes) -> CRS | None:
    """GDAL's reading of the CRS of a TIFF in memory."""
    with MemoryFile(tiff) as memory, memory.open(driver="GTiff") as dataset:
        return _pyproj(dataset.crs)


def _open(path: str, level: int) -> Any:
    try:
        if level == 0:
            return rasterio.open(path)
        return rasterio.open(path, overview_level=level - 1)
    except _ERRORS as error:
        text = str(error)
        if "No such file" in text or "does not exist in the file system" in text:
            raise FileMissingError(
                f"{path} does not exist or cannot be reached ({text}); check the spelling, and "
                "for a remote file the network and the credentials that GDAL uses"
            ) from error
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path} cannot be read: {error}. Check that it is complete (compare its size and checksum "
        "with the provider's, copy it again) and of a raster format that GDAL reads (rio info FILE)"
    )


def _cut(dataset: Any) -> Level:
    """Tiles of about 512 pixels that follow the blocks of the format."""
    width, height = dataset.width, dataset.height
    rows, columns = dataset.block_shapes[0]
    if columns >= width and rows < height and rows <= _SIDE:
        return Level(width, height, width, min(height, group_rows(width, rows)))
    tile_width = columns * max(1, _SIDE // columns) if columns <= 2 * _SIDE else _SIDE
    tile_height = rows * max(1, _SIDE // rows) if rows <= 2 * _SIDE else _SIDE
    return Level(width, height, min(tile_width, width), min(tile_height, height))


def _mask_kind(dataset: Any) -> MaskKind:
    flags = dataset.mask_flag_enums[0]
    if MaskFlags.nodata in flags:
        return "nodata"
    if MaskFlags.alpha in flags:
        return "alpha"
    return "band" if MaskFlags.per_dataset in flags else "none"


def read_gdal_info(path: str) -> RasterInfo:
    """Header of any file that GDAL opens.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: GDAL cannot open it, or it only holds sub-datasets.
        UnsupportedDataError: Complex pixels.
    """
    with _open(path, 0) as dataset:
        try:
            return _describe(path, dataset)
        except _ERRORS as error:
            raise _unreadable(path, error) from error


_SOURCE = re.compile(r"<SourceFilename([^>]*)>([^<]+)</SourceFilename>")


def _check_sources(path: str) -> None:
    """Raise if a local VRT names a local file that is not there.

    GDAL reports such a source once and reads zeros in its place afterwards.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    for about, name in set(_SOURCE.findall(text)):
        source = html.unescape(name)
        if ":" in source or source.startswith("/vsi"):
            continue
        if 'relativeToVRT="1"' in about:
            source = os.path.join(os.path.dirname(path), source)
        if not os.path.exists(source):
            raise FileMissingError(
                f"{path} is made of other files, and one of them does not exist: {source}; put it "
                "there, or build the VRT again"
            )


def _describe(path: str, dataset: Any) -> RasterInfo:
    if dataset.driver == "VRT" and os.path.isfile(path):
        _check_sources(path)
    if dataset.count == 0:
        inner = ", ".join(dataset.subdatasets[:5])
        raise UnreadableFileError(
            f"{path} has no bands of its own"
            + (f"; name one of its sub-datasets instead: {inner}" if inner else "")
        )
    if any("complex" in name for name in dataset.dtypes):
        raise UnsupportedDataError(
            f"{path} has complex pixels, which Swath does not read; write amplitude and "
            "phase, or the real and imaginary parts, as bands of real numbers first"
        )
    levels = [_cut(dataset)]
    for i in range(len(dataset.overviews(1))):
        with _open(path, i + 1) as overview:
            levels.append(_cut(overview))
    try:
        colors = dataset.colormap(1) if ColorInterp.palette in dataset.colorinterp else None
    except ValueError:
        colors = None
    tags = dataset.tags()
    return RasterInfo(
        path=path,
        driver=dataset.driver,
        crs=_pyproj(dataset.crs),
        transform=dataset.transform,
        width=dataset.width,
        height=dataset.height,
        count=dataset.count,
        dtype=np.result_type(*dataset.dtypes),
        nodata=tuple(None if v is None else float(v) for v in dataset.nodatavals),
        levels=tuple(levels),
        descriptions=tuple(dataset.descriptions),
        colormap=colors,
        mask=_mask_kind(dataset),
        scales=tuple(dataset.scales),
        offsets=tuple(dataset.offsets),
        tags=tags,
    )


class GdalSource:
    """A file read by GDAL; see `swath.raster.Source`."""

    def __init__(self, path: str, key: Hashable, name: str | None = None) -> None:
        self.info = dataclasses.replace(read_gdal_info(path), path=name or path)
        self.key = key
        self._path = path
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: dict[int, list[Any]] = {}

    @contextmanager
    def _handle(self, level: int) -> Iterator[Any]:
        if os.getpid() != self._pid:
            _FORKED.append(self._idle)
            self._lock, self._idle, self._pid = threading.Lock(), {}, os.getpid()
        with self._lock:
            idle = self._idle.setdefault(level, [])
            handle = idle.pop() if idle else None
        if handle is None:
            handle = _open(self._path, level)
        try:
            yield handle
        except _ERRORS as error:
            handle.close()
            raise _unreadable(self._path, error) from error
        with self._lock:
            idle.append(handle)

    def _window(self, level: int, ty: int, tx: int) -> Window:
        cut = self.info.levels[level]
        if not (0 <= ty < cut.tiles_down and 0 <= tx < cut.tiles_across):
            raise BandError(
                f"{self._path} has {cut.tiles_down} x {cut.tiles_across} tiles at level {level}, "
                f"asked for tile ({ty}, {tx})"
            )
        top, left = ty * cut.tile_height, tx * cut.tile_width
        return Window(
            left, top, min(cut.tile_width, cut.width - left), min(cut.tile_height, cut.height - top)
        )

    def tile(self, level: int, band: int, ty: int, tx: int) -> NDArray[Any]:
        """Pixels of one tile; see `Source.tile`."""
        if not 0 <= band < self.info.count:
            raise BandError(
                f"{self._path} has {self.info.count} bands, asked for band {band + 1} (from 1)"
            )
        return tile_cache().fetch((self.key, level, band, ty, tx), self._read, level, band, ty, tx)

    def _read(self, level: int, band: int, ty: int, tx: int) -> NDArray[Any]:
        window = self._window(level, ty, tx)
        with self._handle(level) as dataset:
            pixels = dataset.read(band + 1, window=window)
        return np.asarray(pixels, self.info.dtype)

    def mask_tile(self, level: int, ty: int, tx: int) -> NDArray[np.uint8] | None:
        """Validity of one tile; see `Source.mask_tile`."""
        if self.info.mask not in ("band", "alpha"):
            return None
        return tile_cache().fetch((self.key, level, -1, ty, tx), self._read_mask, level, ty, tx)

    def _read_mask(self, level: int, ty: int, tx: int) -> NDArray[np.uint8]:
        window = self._window(level, ty, tx)
        with self._handle(level) as dataset:
            return np.asarray(dataset.read_masks(1, window=window), np.uint8)

    def direct(self, level: int, band: int) -> DirectTiles | None:
        """None: GDAL's pixels are never read in place."""
        return None
