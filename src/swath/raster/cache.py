"""Decoded tiles, kept: in memory under a limit of bytes, and if wished on disk as well."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.typing import Path

__all__ = ["TileCache", "set_tile_cache", "tile_cache"]

Tile = NDArray[Any]


class _Pending:
    """A tile that one thread decodes while others wait for it."""

    __slots__ = ("done", "error", "tile")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.tile: Tile | None = None
        self.error: BaseException | None = None


class TileCache:
    """Least-recently-used tiles under a limit of bytes.

    Safe for threads: each tile is decoded once, however many ask for it at the same time. After
    a fork the child starts with an empty cache of the same limit.

    Args:
        max_bytes: Limit for the memory of all kept tiles. 0 keeps nothing.
        directory: Folder where decoded tiles are kept as files too, for later epochs and for
            the other processes of this machine. It is created where it is missing.
        directory_bytes: Limit for the files of that folder; the oldest go first. Default: 32
            GiB, or half of the disk's free space where that is less.

    Raises:
        ConfigError: A limit is negative.
    """

    def __init__(
        self,
        max_bytes: int,
        directory: Path | None = None,
        directory_bytes: int | None = None,
    ) -> None:
        if max_bytes < 0:
            raise ConfigError(f"max_bytes is a number of bytes >= 0, got {max_bytes}")
        self.max_bytes = int(max_bytes)
        self.disk = None
        if directory is not None:
            from swath.raster.diskcache import DiskCache

            self.disk = DiskCache(directory, directory_bytes)
        self.decoded = 0  # tiles made, not found: what tests and reports count
        self._start()
        _caches.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()
        self._pending: dict[Hashable, _Pending] = {}
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._tiles)

    def clear(self) -> None:
        """Forget the tiles in memory; those on disk stay."""
        with self._lock:
            self._tiles.clear()
            self.nbytes = 0

    def get(self, key: Hashable) -> Tile | None:
        """The tile if it is in memory, now the most recently used one."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def fetch(self, key: Hashable, make: Callable[..., Tile], *args: Any) -> Tile:
        """The kept tile, or else ``make(*args)``, which is then kept.

        Raises whatever `make` raises, in every thread that waits for the tile.
        """
        while True:
            with self._lock:
                tile = self._tiles.get(key)
                if tile is not None:
                    self._tiles.move_to_end(key)
                    return tile
                pending = self._pending.get(key)
                mine = pending is None
                if pending is None:
                    pending = self._pending[key] = _Pending()
            if mine:
                return self._make(key, pending, make, args)
            pending.done.wait()
            if pending.tile is not None:
                return pending.tile
            if isinstance(pending.error, Exception):
                raise pending.error
            # The other thread was interrupted (Ctrl-C): that is its matter, so try again here.

    def _make(
        self, key: Hashable, pending: _Pending, make: Callable[..., Tile], args: tuple[Any, ...]
    ) -> Tile:
        try:
            tile = self.disk.get(key) if self.disk is not None else None
            if tile is None:
                tile = make(*args)
                tile.flags.writeable = False
                self.decoded += 1
                if self.disk is not None:
                    self.disk.put(key, tile)
            pending.tile = tile
            self._keep(key, tile)
        except BaseException as error:
            pending.error = error
            raise
        finally:
            with self._lock:
                self._pending.pop(key, None)
            pending.done.set()
        return tile

    def _keep(self, key: Hashable, tile: Tile) -> None:
        size = tile.nbytes
        if size > self.max_bytes:
            return
        with self._lock:
            tiles = self._tiles
            while tiles and self.nbytes + size > self.max_bytes:
                _, old = tiles.popitem(last=False)
                self.nbytes -= old.nbytes
            tiles[key] = tile
            self.nbytes += size


_caches: weakref.WeakSet[TileCache] = weakref.WeakSet()
_current: TileCache | None = None
_current_lock = threading.Lock()


def _after_fork() -> None:
    global _current_lock
    _current_lock = threading.Lock()
    for cache in list(_caches):
        cache._start()


os.register_at_fork(after_in_child=_after_fork)


def _memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its control group's."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            total = min(total, int(file.read()))
    except (OSError, ValueError):
        pass
    return total


def _default_bytes() -> int:
    text = os.environ.get("SWATH_CACHE_BYTES")
    if text is None:
        # A sixteenth, so that sixteen worker processes with full caches still fit the machine.
        return int(np.clip(_memory() // 16, 256 << 20, 4 << 30))
    try:
        return int(float(text))
    except ValueError:
        raise ConfigError(
            f"SWATH_CACHE_BYTES is a number of bytes such as 1000000000, got {text!r}"
        ) from None


def tile_cache() -> TileCache:
    """The cache of this process, made on first use.

    Its limit is ``SWATH_CACHE_BYTES``, or else a sixteenth of the memory (at least 256 MiB, at
    most 4 GiB); its folder is ``SWATH_CACHE_DIR``, or else none.
    """
    global _current
    cache = _current
    if cache is None:
        with _current_lock:
            if _current is None:
                _current = TileCache(_default_bytes(), os.environ.get("SWATH_CACHE_DIR") or None)
            cache = _current
    return cache


def set_tile_cache(
    max_bytes: int | None = None,
    directory: Path | None = None,
    directory_bytes: int | None = None,
) -> TileCache:
    """Replace the cache of this process (and of those forked from it later).

    Args:
        max_bytes: Limit in memory; None for the default, see `tile_cache`.
        directory: Folder for decoded tiles; None for no folder.
        directory_bytes: Limit of that folder.
    """
    global _current
    cache = TileCache(
        _default_bytes() if max_bytes is None else max_bytes, directory, directory_bytes
    )
    with _current_lock:
        _current = cache
    return cache
