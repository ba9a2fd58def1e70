"""Open raster files: by our own TIFF reader where possible, by GDAL otherwise."""

from __future__ import annotations

import os
import re
import resource
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable

from swath.errors import FileMissingError, UnreadableFileError
from swath.raster.bytesource import missing
from swath.raster.ifd import is_tiff
from swath.raster.info import RasterInfo
from swath.raster.protocol import DirectTiles, Source
from swath.raster.tiff import Unusual, open_tiff
from swath.typing import Path

__all__ = ["DirectTiles", "Source", "open_source", "read_info"]

_MAX_OPEN = 4096  # maps hold no descriptors; GDAL's handles are bounded by `_MAX_GDAL`
_MAX_GDAL = max(16, min(256, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 8))
_RECHECK = 1.0  # seconds for which a file is taken to be unchanged
_ARCHIVES = {".zip": "/vsizip/", ".tar": "/vsitar/", ".tgz": "/vsitar/", ".gz": "/vsitar/"}
# "zip+https://…", "s3://…", and GDAL's own 'NETCDF:"file":variable'.
_NAMED = re.compile(r"[A-Za-z][A-Za-z0-9+_.-]+:.")
# GDAL's paths into archives, "/vsizip//data/a.zip/b.tif", and rasterio's, "zip://data/a.zip!b.tif".
_INSIDE = re.compile(r"(?:/vsi(?:zip|tar)/|(?:zip|tar)://)([^!]*)")

Stat = tuple[int, int]


class _Open:
    __slots__ = ("checked", "source", "stat")

    def __init__(self, source: Source, stat: Stat | None) -> None:
        self.source = source
        self.stat = stat
        self.checked = time.monotonic()


_open: OrderedDict[str, _Open] = OrderedDict()
_gdal: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def _after_fork() -> None:
    # Sources themselves survive a fork: maps are inherited, GDAL's handles are opened anew.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def read_info(path: Path) -> RasterInfo:
    """Header of a raster file, without its pixels.

    Args:
        path: A local path, a path into an archive (``a.zip/inner.tif``, ``zip://a.zip!inner.tif``),
            a URL, or anything else that GDAL opens (``/vsicurl/…``, ``NETCDF:"a.nc":v``).

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is damaged, cut short, or no raster.
        UnsupportedDataError: Its pixels are complex numbers.
    """
    name = os.fspath(path)
    with _lock:
        entry = _open.get(name)
    # Always compared with the file: a table of headers keeps the answer for good.
    if entry is not None and entry.stat is not None and entry.stat == file_stat(name):
        return entry.source.info
    return _make(name)[0].info


def open_source(path: Path) -> Source:
    """The open file, shared by all who ask for the same path in this process.

    Files stay open (the least recently used are closed when there are many); a file that has
    changed on disk is opened anew, which is noticed within a second. For paths and errors see
    `read_info`.
    """
    name = os.fspath(path)
    with _lock:
        entry = _open.get(name)
        if entry is not None:
            now = time.monotonic()
            if now - entry.checked < _RECHECK:
                _open.move_to_end(name)
                return entry.source
    if entry is not None and entry.stat == file_stat(name):
        entry.checked = now
        return entry.source
    source, stat = _make(name)
    with _lock:
        _open[name] = _Open(source, stat)
        _open.move_to_end(name)
        _gdal.pop(name, None)
        if source.key[0] == "gdal":  # type: ignore[index]
            _gdal[name] = None
            while len(_gdal) > _MAX_GDAL:
                old, _ = _gdal.popitem(last=False)
                _open.pop(old, None)
        while len(_open) > _MAX_OPEN:
            old, _ = _open.popitem(last=False)
            _gdal.pop(old, None)
    return source


def file_stat(name: str) -> Stat | None:
    """Size and time of a local file (of the archive, for a path into one); None for the rest."""
    try:
        found = os.stat(name)
    except OSError:
        place = _INSIDE.match(name)
        inside = _archive(place[1] if place else name)
        if inside is None:
            return None
        found = os.stat(inside[0])
    return found.st_size, found.st_mtime_ns


def _archive(name: str) -> tuple[str, str] | None:
    """(archive, GDAL's path) for a path that runs through a local archive file."""
    parent = name
    while parent and parent != os.path.dirname(parent):
        if os.path.isfile(parent):
            prefix = _ARCHIVES.get(os.path.splitext(parent)[1].lower())
            if prefix is None:
                return None
            full = os.path.abspath(parent)
            return parent, f"{prefix}{full}{name[len(parent) :]}"
        parent = os.path.dirname(parent)
    return None


def _make(name: str) -> tuple[Source, Stat | None]:
    if name.startswith("file://"):
        name = name[len("file://") :]
    try:
        with open(name, "rb", buffering=0) as file:
            magic = file.read(4)
            found = os.fstat(file.fileno())
    except IsADirectoryError:
        return _make_gdal(name, name), None
    except (FileNotFoundError, NotADirectoryError):
        inside = _archive(name)
        if inside is not None:
            return _make_gdal(name, inside[1]), file_stat(name)
        if name.startswith("/vsi") or _NAMED.match(name):
            return _make_gdal(name, name), None
        raise FileMissingError(missing(name)) from None
    except OSError as error:
        raise UnreadableFileError(
            f"{name} cannot be opened: {error.strerror}; check that you may read it"
        ) from error
    stat = (found.st_size, found.st_mtime_ns)
    if not found.st_size:
        raise UnreadableFileError(f"{name} is empty (0 bytes); download or copy it again")
    if is_tiff(magic):
        try:
            return open_tiff(name), stat
        except Unusual:
            pass
    return _make_gdal(name, name), stat


def _make_gdal(name: str, path: str) -> Source:
    from swath.raster.gdal import GdalSource

    key: Hashable = ("gdal", name, *(file_stat(name) or ()))
    return GdalSource(path, key, name)
