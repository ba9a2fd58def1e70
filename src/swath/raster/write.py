"""Pixels out: rasters written by windows, in bounded memory, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from math import prod
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import ArrayLike, DTypeLike, NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from swath import __version__
from swath.errors import BandError, ConfigError, GridError, UnsupportedDataError, WriteError
from swath.geometry import Grid
from swath.raster.casting import cast_pixels, holds
from swath.raster.rawvrt import GDAL_TYPES, raw_vrt
from swath.raster.scratch import Scratch
from swath.raster.style import qml_style
from swath.typing import Path

__all__ = ["RasterWriter", "write_raster"]

_COMPRESSIONS = ("deflate", "zstd", "lzw", "none")
_RESAMPLINGS = ("nearest", "mode", "average", "bilinear", "cubic", "lanczos", "rms")
_TILE = 512
_CHUNK = 1 << 24
_GDAL_CACHE = 1 << 26

Resampling = Literal["auto", "nearest", "mode", "average", "bilinear", "cubic", "lanczos", "rms"]


class RasterWriter:
    """Writes a raster window by window; it appears, complete, when the context ends.

    Windows go uncompressed to a file in a hidden directory beside the target (see
    `swath.raster.scratch.Scratch`), whose room on the disk is taken at the start: a full disk is
    an error before the work, not after it. At the end GDAL's COG driver copies it to a
    cloud-optimised GeoTIFF with overviews (BigTIFF where needed), which is then renamed to its
    place. After an exception nothing is at the place, or what was there before. Memory does not
    depend on the raster's size. Windows may come in any order and overlap (the last one wins);
    what none of them covers is `nodata`, or 0 without a nodata value. Threads may write at the
    same time.

    Args:
        path: The file to write. Directories above it are made.
        grid: Where its pixels lie.
        count: Number of bands.
        dtype: Any real dtype of 8 to 64 bits; bool is written as uint8.
        nodata: A value that the dtype can hold.
        colormap: (red, green, blue[, alpha]) from 0 to 255 by value; one band of uint8 or uint16.
        descriptions: Band names.
        tags: Metadata of the file.
        compress: deflate, zstd, lzw or none; all of them lossless.
        overview_resampling: auto is mode where there are a colour table or classes, average for
            floating point and for images of several bands, and nearest else, which invents no
            value.
        cog: False writes a tiled GeoTIFF without overviews.
        classes: Names by value. They go into the file's metadata (``CLASS_<value>``), and beside
            it: ``<file>.aux.xml`` for GDAL and, with a colour table, ``<name>.qml`` for QGIS.
        qml: Whether the style for QGIS is written.

    Raises:
        WriteError: The disk is full or the place not writable; nothing is left.
        UnsupportedDataError: The dtype is complex or none that GeoTIFF has.
        ConfigError: Options that contradict one another or the dtype.
    """

    def __init__(
        self,
        path: Path,
        grid: Grid,
        *,
        count: int = 1,
        dtype: DTypeLike = "uint8",
        nodata: float | None = None,
        colormap: Mapping[int, Sequence[int]] | None = None,
        descriptions: Sequence[str] | None = None,
        tags: Mapping[str, object] | None = None,
        compress: str = "deflate",
        overview_resampling: Resampling = "auto",
        cog: bool = True,
        classes: Mapping[int, str] | None = None,
        qml: bool = True,
    ) -> None:
        self.path = os.fspath(path)
        self.grid = grid
        self.count = int(count)
        self.dtype = np.dtype(np.uint8 if np.dtype(dtype) == bool else dtype)
        self.nodata = nodata
        self.cog = cog
        self._descriptions = list(descriptions or ())
        self._tags = {str(k): str(v) for k, v in (tags or {}).items()}
        self._classes = {int(v): str(n) for v, n in (classes or {}).items()}
        self._colours = {int(v): tuple(map(int, c)) for v, c in (colormap or {}).items()}
        self._qml = qml
        self._compress = compress.lower()
        self._check(overview_resampling)
        self._resampling = self._choose(overview_resampling)
        self._scratch = Scratch(path)
        self._file = -1
        try:
            self._file = os.open(self._scratch.path("pixels.raw"), os.O_RDWR | os.O_CREAT, 0o644)
            self._reserve()
        except OSError as error:
            self.abort()
            raise self._failure(error) from error

    # -- the context ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, array: ArrayLike, row: int, col: int) -> None:
        """Put pixels at their place.

        Args:
            array: (h, w) for one band, or (count, h, w). Whole numbers of another dtype are
                taken where their values fit; floating point is never rounded to whole numbers.
            row: First row of the window.
            col: First column of the window.

        Raises:
            GridError: The window reaches outside the grid.
            BandError: The number of bands is not `count`.
            UnsupportedDataError: The values do not fit the dtype.
            WriteError: The disk is full.
        """
        if self._file < 0:
            raise WriteError(f"{self.path}: the writer is closed; open another one")
        data = np.asarray(array)
        if data.ndim == 2:
            data = data[None]
        if data.ndim != 3 or len(data) != self.count:
            raise BandError(
                f"{self.path}: a window has shape {np.shape(array)}, expected "
                f"{'(h, w) or ' if self.count == 1 else ''}({self.count}, h, w)"
            )
        _, height, width = data.shape
        if row < 0 or col < 0 or row + height > self.grid.height or col + width > self.grid.width:
            raise GridError(
                f"{self.path}: the window of {height} x {width} pixels at row {row}, column {col} "
                f"reaches outside the raster of {self.grid.height} x {self.grid.width}"
            )
        data = np.ascontiguousarray(cast_pixels(data, self.dtype, self.path))
        if data.size == 0:
            return
        try:
            for band in range(self.count):
                start = (band * self.grid.height + row) * self.grid.width + col
                if width == self.grid.width:  # whole rows are one piece of the file
                    self._put(data[band], start)
                else:
                    for line in range(height):
                        self._put(data[band, line], start + line * self.grid.width)
        except OSError as error:
            self.abort()
            raise self._failure(error) from error

    def close(self) -> None:
        """Make the file and give it its name."""
        if self._file < 0:
            return
        try:
            os.close(self._file)
            self._file = -1
            self._scratch.path("raster.vrt").write_text(self._describe(), encoding="utf-8")
            self._copy()
            self._publish()
        except (OSError, RasterioError, rasterio._err.CPLE_BaseError) as error:
            raise self._failure(error) from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Give up: remove what was written, leave the place as it was."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._scratch.remove()

    # -- options -------------------------------------------------------------------------------

    def _check(self, resampling: str) -> None:
        if self.dtype.name not in GDAL_TYPES:
            raise UnsupportedDataError(
                f"{self.path}: pixels of {self.dtype} cannot be written; convert them to one of "
                f"{', '.join(GDAL_TYPES)}"
            )
        if self.count < 1:
            raise ConfigError(f"{self.path}: a raster has at least one band, got {self.count}")
        if self._compress not in _COMPRESSIONS:
            raise ConfigError(
                f"{self.path}: unknown compression {self._compress!r}; choose one of "
                f"{', '.join(_COMPRESSIONS)}"
            )
        if resampling not in ("auto", *_RESAMPLINGS):
            raise ConfigError(
                f"{self.path}: unknown overview_resampling {resampling!r}; choose auto or one of "
                f"{', '.join(_RESAMPLINGS)}"
            )
        if self._descriptions and len(self._descriptions) != self.count:
            raise ConfigError(
                f"{self.path}: {len(self._descriptions)} band names for {self.count} bands"
            )
        if self.nodata is not None and not holds(self.dtype, self.nodata):
            raise ConfigError(
                f"{self.path}: nodata {self.nodata} is no value of {self.dtype}; choose one that "
                "it can hold"
            )
        if self._colours:
            if self.count != 1 or self.dtype.name not in ("uint8", "uint16"):
                raise ConfigError(
                    f"{self.path}: a colour table needs one band of uint8 or uint16, got "
                    f"{self.count} of {self.dtype}"
                )
            for value, colour in self._colours.items():
                right = len(colour) in (3, 4) and all(0 <= c <= 255 for c in colour)
                if not right or not holds(self.dtype, value):
                    raise ConfigError(
                        f"{self.path}: colour {colour} of value {value}: expected (red, green, "
                        f"blue[, alpha]) from 0 to 255 for a value of {self.dtype}"
                    )
        names = (*self._tags, *self._tags.values(), *self._descriptions, *self._classes.values())
        for text in names:
            if any(ord(c) < 32 and c not in "\t\n\r" for c in text):
                raise ConfigError(f"{self.path}: control characters in {text!r}")

    def _choose(self, resampling: str) -> str:
        if resampling != "auto":
            return resampling
        if self._colours or self._classes:
            return "mode"
        return "average" if self.dtype.kind == "f" or self.count > 1 else "nearest"

    # -- the file of pixels --------------------------------------------------------------------

    def _reserve(self) -> None:
        size = self.count * prod(self.grid.shape) * self.dtype.itemsize
        fill = np.zeros(1, self.dtype)
        if self.nodata is not None:
            fill[:] = self.nodata
        if any(fill.tobytes()):
            pixels = self.count * prod(self.grid.shape)
            chunk = np.full(min(pixels, _CHUNK // self.dtype.itemsize), fill[0], self.dtype)
            for start in range(0, pixels, chunk.size):
                self._put(chunk[: pixels - start], start)
        elif hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file, 0, size)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise
                os.truncate(self._file, size)
        else:
            os.truncate(self._file, size)

    def _put(self, piece: NDArray[Any], start: int) -> None:
        view = memoryview(piece.data).cast("B")
        offset = start * self.dtype.itemsize
        while view:
            done = os.pwrite(self._file, view, offset)
            view, offset = view[done:], offset + done

    def _describe(self) -> str:
        classes = {f"CLASS_{value}": name for value, name in self._classes.items()}
        return raw_vrt(
            "pixels.raw",
            self.grid,
            self.dtype,
            self.count,
            nodata=self.nodata,
            descriptions=self._descriptions,
            colours=self._colours,
            classes=self._classes,
            tags={
                "AREA_OR_POINT": "Area",
                "TIFFTAG_SOFTWARE": f"Swath {__version__}",
                **classes,
                **self._tags,
            },
        )

    # -- the GeoTIFF ---------------------------------------------------------------------------

    def _copy(self) -> None:
        options: dict[str, object] = {
            "COMPRESS": self._compress.upper(),
            "BIGTIFF": "IF_SAFER",
            "NUM_THREADS": "ALL_CPUS",
        }
        continuous = self._resampling not in ("mode", "nearest") and self._compress != "none"
        if self.cog:
            options |= {"driver": "COG", "BLOCKSIZE": _TILE}
            options["OVERVIEW_RESAMPLING"] = self._resampling.upper()
            options["PREDICTOR"] = "YES" if continuous else "NO"
        else:
            options |= {"driver": "GTiff", "TILED": "YES", "BLOCKXSIZE": _TILE, "BLOCKYSIZE": _TILE}
            if continuous:
                options["PREDICTOR"] = 3 if self.dtype.kind == "f" else 2
        made = str(self._scratch.path("raster.tif"))
        # GDAL's own default is a twentieth of the machine's memory; more than this buys nothing.
        cache = {} if "GDAL_CACHEMAX" in os.environ else {"GDAL_CACHEMAX": _GDAL_CACHE}
        with rasterio.Env(**cache):
            rasterio.shutil.copy(str(self._scratch.path("raster.vrt")), made, **options)
        # Full resolution lies last in the file, so its last pixel shows that all of it is there.
        with rasterio.open(made) as dataset:
            dataset.read(window=Window(self.grid.width - 1, self.grid.height - 1, 1, 1))

    def _publish(self) -> None:
        place = self._scratch.target
        # What described the raster that is being replaced, statistics for one, is wrong now.
        for suffix in (".aux.xml", ".ovr", ".msk"):
            place.with_name(place.name + suffix).unlink(missing_ok=True)
        if self._scratch.path("raster.tif.aux.xml").exists():
            self._scratch.publish("raster.tif.aux.xml", place.with_name(place.name + ".aux.xml"))
        if self._qml and self._classes and self._colours:
            style = qml_style(self._classes, self._colours)
            self._scratch.path("raster.qml").write_text(style, encoding="utf-8")
            self._scratch.publish("raster.qml", place.with_suffix(".qml"))
        self._scratch.publish("raster.tif", place)  # the raster itself comes last

    def _failure(self, error: BaseException) -> WriteError:
        place = self._scratch.target
        need = 2.5 * self.count * prod(self.grid.shape) * self.dtype.itemsize
        number = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
        reason = getattr(error, "strerror", None) or str(error)
        # GDAL tells what it could not do, not why; and it has removed some of its files by now.
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(place.parent).free
            if number == errno.EIO and free < need:
                number = errno.ENOSPC
                reason = f"{os.strerror(number)}: only {free / 1e6:,.0f} MB are free; {reason}"
        return WriteError(
            number,
            f"could not be written ({reason}); nothing is left of it. It needs up to "
            f"{need / 1e6:,.0f} MB free in {place.parent} while it is made: free some room there "
            "or choose another place",
            str(place),
        )


def write_raster(path: Path, array: ArrayLike, grid: Grid, **options: Any) -> None:
    """Write a whole array as a cloud-optimised GeoTIFF, atomically.

    Args:
        path: The file to write.
        array: (H, W) or (C, H, W) of the grid's shape.
        grid: Where its pixels lie.
        options: As `RasterWriter` has them; `count` and, unless given, `dtype` are the array's.

    Raises:
        GridError: The array's shape is not the grid's.
        WriteError: The disk is full or the place not writable; nothing is left.
    """
    data = np.asarray(array)
    if data.ndim == 2:
        data = data[None]
    if data.ndim != 3 or data.shape[1:] != grid.shape:
        raise GridError(
            f"{os.fspath(path)}: the array has shape {np.shape(array)}, expected (H, W) or "
            f"(C, H, W) with the grid's {grid.shape}"
        )
    with RasterWriter(path, grid, **{"dtype": data.dtype, **options, "count": len(data)}) as out:
        out.write(data, 0, 0)
