"""The bytes of a file: the seam between where a file lies and what is in it.

The TIFF reader asks for nothing but a `ByteSource`. Here is the local one, a read-only memory
map that keeps no file descriptor open, so that thousands of files can stay mapped. (If another
program cuts a file short while it is mapped, the operating system ends the process with SIGBUS:
replace files by renaming, as every careful writer does.)
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swath.errors import FileMissingError, UnreadableFileError

__all__ = ["ByteSource", "MappedBytes", "map_file", "open_bytes"]


class ByteSource(Protocol):
    """Random access to the bytes of one file."""

    path: str
    size: int

    def read(self, offset: int, length: int) -> NDArray[np.uint8]:
        """Bytes ``[offset, offset + length)``; fewer where the file ends before."""
        ...

    @property
    def mapped(self) -> NDArray[np.uint8] | None:
        """All bytes as one array over a memory map, or None for a source without one."""
        ...


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_libc.munmap.restype = ctypes.c_int
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_FAILED = ctypes.c_void_p(-1).value


class _Region:
    """Owner of one mapping; arrays made from it hold it as their base and keep it alive."""

    __slots__ = ("__array_interface__", "__weakref__")

    def __init__(self, address: int, size: int) -> None:
        self.__array_interface__: dict[str, Any] = {
            "shape": (size,),
            "typestr": "|u1",
            "data": (address, True),
            "version": 3,
        }
        # The finalizer is a plain C call without state: it may run in any thread, and in a child
        # after fork it only drops the child's own copy of the mapping.
        weakref.finalize(self, _libc.munmap, address, size).atexit = False


def map_file(fd: int, size: int) -> NDArray[np.uint8]:
    """Map `size` bytes of an open file, read-only. The descriptor may be closed afterwards.

    Raises:
        OSError: The operating system refused.
    """
    if size == 0:
        return np.empty(0, np.uint8)
    address = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    if address is None or address == _FAILED:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return np.asarray(_Region(address, size))


class MappedBytes:
    """A local file, memory-mapped."""

    __slots__ = ("_map", "mtime_ns", "path", "size")

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise FileMissingError(missing(path)) from None
        except OSError as error:
            raise UnreadableFileError(
                f"{path} cannot be opened: {error.strerror}; check that it is a file and that "
                "you may read it"
            ) from error
        try:
            stat = os.fstat(fd)
            self.size = stat.st_size
            self.mtime_ns = stat.st_mtime_ns
            self._map = map_file(fd, self.size)
        except OSError as error:
            raise UnreadableFileError(
                f"{path} cannot be memory-mapped: {error.strerror}; is it a regular file?"
            ) from error
        finally:
            os.close(fd)

    def read(self, offset: int, length: int) -> NDArray[np.uint8]:
        """A view of the map."""
        return self._map[offset : offset + length]

    @property
    def mapped(self) -> NDArray[np.uint8]:
        """The whole map."""
        return self._map


def open_bytes(path: str) -> MappedBytes:
    """The byte source for a local path.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It may not be read, or is no regular file.
    """
    return MappedBytes(path)


def missing(path: str) -> str:
    """Message for a file that is not there."""
    return (
        f"{path} does not exist; check the spelling and, if the path is relative, the working "
        f"directory ({os.getcwd()})"
    )
