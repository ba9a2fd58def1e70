"""Decoded tiles as files: shared by processes, mapped into memory, bounded in bytes.

A file is written under another name and renamed, so that a process that is killed leaves at most
a fragment that no one reads. Before it writes, a process books the bytes in the folder's ledger;
what is booked and never written only makes the next tidying come sooner, and tidying counts
anew. Whatever goes wrong here costs the caching of a tile and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import logging
import os
import shutil
import struct
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.raster.bytesource import map_file
from swath.typing import Path

__all__ = ["DiskCache"]

logger = logging.getLogger(__name__)

_MAGIC = b"SWATHT1\0"
_HEAD = struct.Struct("<8s8s3Q24x")  # magic, dtype, rows, columns, samples (0: two dimensions)
_SUFFIX = ".tile"
_MAP_FROM = 1 << 16  # bytes; smaller tiles are read, for maps are limited in number
_ROOM = 0.9  # tidying leaves this share of the limit


class DiskCache:
    """Tiles in a folder, the oldest of which go when the limit of bytes is reached.

    Args:
        directory: The folder; created where missing. Only files that end in ``.tile`` and the
            ledger are touched in it.
        max_bytes: Limit of all tiles together; default 32 GiB, or half of the free space (what
            the folder holds already counted as free) where that is less.

    Raises:
        ConfigError: The folder cannot be made, or the limit is negative.
    """

    def __init__(self, directory: Path, max_bytes: int | None = None) -> None:
        self.directory = os.path.abspath(os.fspath(directory))
        try:
            os.makedirs(self.directory, exist_ok=True)
            free = shutil.disk_usage(self.directory).free
        except OSError as error:
            raise ConfigError(
                f"the folder for decoded tiles {self.directory} cannot be used: {error.strerror}; "
                "name another one (SWATH_CACHE_DIR, directory=), or none"
            ) from error
        if max_bytes is None:
            max_bytes = min(32 << 30, (free + self.scan()[0]) // 2)
        if max_bytes < 0:
            raise ConfigError(f"directory_bytes is a number of bytes >= 0, got {max_bytes}")
        self.max_bytes = int(max_bytes)
        self._ledger = os.path.join(self.directory, "ledger")
        self._gate = os.path.join(self.directory, "gate")
        self._serial = itertools.count()
        self._warned = False
        with contextlib.suppress(OSError), self._locked(self._gate, fcntl.LOCK_EX):
            # Another process may have been killed between booking and writing, or writing.
            self._tidy(self.max_bytes)

    def get(self, key: Hashable) -> NDArray[Any] | None:
        """The kept tile, read-only, or None."""
        try:
            fd = os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return _load(fd)
        except (OSError, ValueError, TypeError):
            return None
        finally:
            os.close(fd)

    def put(self, key: Hashable, tile: NDArray[Any]) -> None:
        """Keep a tile; silently does not where the disk is full or the folder is gone."""
        if tile.ndim not in (2, 3) or tile.dtype.kind not in "uif":
            return
        size = _HEAD.size + tile.nbytes
        if size > self.max_bytes:
            return
        path = self._path(key)
        # Unique among processes and threads; a leftover is removed when the folder is tidied.
        part = f"{path[: -len(_SUFFIX)]}.{os.getpid()}-{next(self._serial)}.part{_SUFFIX}"
        try:
            with self._locked(self._gate, fcntl.LOCK_SH) as fd:
                if not self._book(size):
                    # Tidying waits until nobody writes, so that it counts whole files.
                    fcntl.flock(fd, fcntl.LOCK_EX)
                    self._tidy(int(self.max_bytes * _ROOM) - size)
                    self._book(size)
                try:
                    _save(part, tile)
                    os.replace(part, path)
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.unlink(part)
                    raise
        except OSError as error:
            if not self._warned:
                self._warned = True
                logger.warning(
                    "a decoded tile was not kept in %s: %s (reported once)", self.directory, error
                )

    def scan(self) -> tuple[int, list[tuple[int, int, str]]]:
        """Bytes of all tiles, and (time, bytes, path) of each."""
        found = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    with contextlib.suppress(OSError):
                        stat = entry.stat()
                        found.append((stat.st_mtime_ns, stat.st_size, entry.path))
        return sum(size for _, size, _ in found), found

    def _path(self, key: Hashable) -> str:
        name = hashlib.blake2b(repr(key).encode(), digest_size=16).hexdigest()
        return os.path.join(self.directory, name + _SUFFIX)

    @contextlib.contextmanager
    def _locked(self, path: str, kind: int) -> Iterator[int]:
        # A lock belongs to one opening of the file: threads exclude each other as processes do,
        # and the system lets go of the locks of a killed process.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, kind)
            yield fd
        finally:
            os.close(fd)

    def _book(self, size: int) -> bool:
        """Add to the ledger; False if that would exceed the limit."""
        with self._locked(self._ledger, fcntl.LOCK_EX) as fd:
            raw = os.pread(fd, 8, 0)
            total = int.from_bytes(raw, "little") if len(raw) == 8 else self.max_bytes + 1
            if total + size > self.max_bytes:
                return False
            os.pwrite(fd, (total + size).to_bytes(8, "little"), 0)
            return True

    def _tidy(self, limit: int) -> None:
        """Remove fragments, then the oldest tiles down to `limit`, and write the true sum.

        The caller holds the gate alone, so no file is being written.
        """
        total, files = self.scan()
        for _, size, path in sorted(files, key=lambda f: (not f[2].endswith(f".part{_SUFFIX}"), f)):
            if total <= limit and not path.endswith(f".part{_SUFFIX}"):
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            total -= size
        with self._locked(self._ledger, fcntl.LOCK_EX) as fd:
            os.pwrite(fd, total.to_bytes(8, "little"), 0)


def _save(path: str, tile: NDArray[Any]) -> None:
    rows, columns, samples = (*tile.shape, 0)[:3]
    head = _HEAD.pack(_MAGIC, tile.dtype.str.encode(), rows, columns, samples)
    body = np.ascontiguousarray(tile).reshape(-1).view(np.uint8).data
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        written = os.writev(fd, [head, body])
        while written < len(head) + len(body):
            written += os.write(fd, body[written - len(head) :])
    finally:
        os.close(fd)


def _load(fd: int) -> NDArray[Any] | None:
    size = os.fstat(fd).st_size
    head = os.pread(fd, _HEAD.size, 0)
    if len(head) < _HEAD.size:
        return None
    magic, name, rows, columns, samples = _HEAD.unpack(head)
    if magic != _MAGIC:
        return None
    dtype = np.dtype(name.rstrip(b"\0").decode())
    shape = (rows, columns, samples) if samples else (rows, columns)
    if size != _HEAD.size + dtype.itemsize * rows * columns * max(samples, 1):
        return None
    raw: NDArray[np.uint8] | None = None
    if size >= _MAP_FROM:
        # Out of maps: read instead.
        with contextlib.suppress(OSError):
            raw = map_file(fd, size)[_HEAD.size :]
    if raw is None:
        raw = np.frombuffer(os.pread(fd, size - _HEAD.size, _HEAD.size), np.uint8)
    return raw.view(dtype).reshape(shape)
