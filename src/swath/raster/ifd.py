"""TIFF and BigTIFF directories (IFDs): tags and their values, read lazily.

TIFF 6.0 (Adobe, 1992), section 2; BigTIFF (Aware Systems, 2007). Nothing here knows what a tag
means beyond where its values lie. Every offset and count is checked against the file's size, so
that a damaged file is an error and never a crash.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import UnreadableFileError
from swath.raster.bytesource import ByteSource

__all__ = ["Directory", "damaged", "is_tiff", "read_directories"]

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Type code -> numpy type without byte order, values per count.
_TYPES = {
    1: ("u1", 1),
    2: ("S1", 1),
    3: ("u2", 1),
    4: ("u4", 1),
    5: ("u4", 2),
    6: ("i1", 1),
    7: ("u1", 1),
    8: ("i2", 1),
    9: ("i4", 1),
    10: ("i4", 2),
    11: ("f4", 1),
    12: ("f8", 1),
    13: ("u4", 1),
    16: ("u8", 1),
    17: ("i8", 1),
    18: ("u8", 1),
}
_DTYPES = {
    order: {
        code: (np.dtype(order + name) if name != "S1" else np.dtype("u1"), per)
        for code, (name, per) in _TYPES.items()
    }
    for order in "<>"
}
_ENTRIES = {
    (order, big): struct.Struct(f"{order}HHQ8s" if big else f"{order}HHI4s")
    for order in "<>"
    for big in (False, True)
}
_MAX_ENTRIES = 4096
_MAX_DIRECTORIES = 512
_SUBIFDS = 330


def damaged(path: str, what: str) -> UnreadableFileError:
    """The error for a file whose bytes contradict themselves."""
    return UnreadableFileError(
        f"{path} is damaged or was cut short: {what}. Download or copy it again, and compare its "
        "size and checksum with the provider's"
    )


def is_tiff(magic: bytes) -> bool:
    """Whether a file that begins with these four bytes is a TIFF or BigTIFF."""
    return magic[:4] in _MAGICS


class Directory:
    """The tags of one image in a TIFF.

    `entries` maps a tag to (type, count, the entry's value field as bytes).
    """

    __slots__ = ("big", "entries", "next", "order", "source")

    def __init__(self, source: ByteSource, offset: int, order: str, big: bool) -> None:
        self.source = source
        self.order = order
        self.big = big
        head, entry, tail = (8, 20, 8) if big else (2, 12, 4)
        raw = source.read(offset, head).tobytes()
        if len(raw) < head:
            raise damaged(source.path, f"a directory would begin at byte {offset} of {source.size}")
        count = struct.unpack(order + ("Q" if big else "H"), raw)[0]
        if count == 0 or count > _MAX_ENTRIES:
            raise damaged(source.path, f"the directory at byte {offset} has {count} entries")
        raw = source.read(offset + head, count * entry + tail).tobytes()
        if len(raw) < count * entry:
            raise damaged(source.path, f"the directory at byte {offset} has no end")
        body = raw[: count * entry]
        self.entries: dict[int, tuple[int, int, bytes]] = {
            tag: (kind, n, value) for tag, kind, n, value in _ENTRIES[order, big].iter_unpack(body)
        }
        end = raw[count * entry :]
        self.next = struct.unpack(order + ("Q" if big else "I"), end)[0] if len(end) == tail else 0

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def array(self, tag: int) -> NDArray[Any] | None:
        """All values of a tag as one array in native byte order; rationals as quotients.

        Text comes as its bytes (uint8). None where the tag is absent.

        Raises:
            UnreadableFileError: The values lie outside the file, or are of no known type.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return None
        kind, count, value = entry
        known = _DTYPES[self.order].get(kind)
        if known is None:
            raise damaged(self.source.path, f"tag {tag} has values of the unknown type {kind}")
        dtype, per = known
        size = dtype.itemsize * per * count
        if size <= len(value):
            found = np.frombuffer(value, dtype, count * per)
        else:
            offset = struct.unpack(self.order + ("Q" if self.big else "I"), value)[0]
            if offset + size > self.source.size:
                raise damaged(
                    self.source.path,
                    f"the values of tag {tag} would lie at bytes {offset} to {offset + size} of "
                    f"{self.source.size}",
                )
            found = np.frombuffer(self.source.read(offset, size).tobytes(), dtype)
        if not dtype.isnative:
            found = found.astype(dtype.newbyteorder("="))
        if per == 2:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = found[0::2] / found[1::2]
        return found

    def ints(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """All values of a tag as Python integers."""
        found = self.array(tag)
        if found is None:
            return default
        if found.dtype.kind not in "iu":
            raise damaged(self.source.path, f"tag {tag} should be whole numbers")
        return tuple(found.tolist())

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag as an integer."""
        entry = self.entries.get(tag)
        if entry is None:
            return default
        kind, count, value = entry
        # The two common cases, without numpy: a header has a dozen of them.
        if count == 1 and kind == 3:
            return int.from_bytes(value[:2], "little" if self.order == "<" else "big")
        if count == 1 and kind == 4:
            return int.from_bytes(value[:4], "little" if self.order == "<" else "big")
        found = self.ints(tag)
        return found[0] if found else default

    def raw(self, tag: int) -> bytes | None:
        """The values of a tag as they lie in the file."""
        found = self.array(tag)
        return None if found is None else found.tobytes()

    def text(self, tag: int) -> str | None:
        """A text tag, up to its first NUL."""
        raw = self.raw(tag)
        if raw is None:
            return None
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def read_directories(source: ByteSource) -> list[Directory]:
    """All directories of a file: the chain, each followed by its sub-directories.

    Raises:
        UnreadableFileError: The file is no TIFF, or its first directory cannot be read. (A later
            directory that cannot be read ends the chain instead: overviews are a convenience.)
    """
    head = source.read(0, 16).tobytes()
    if len(head) < 8 or not is_tiff(head):
        raise damaged(source.path, "it does not begin as a TIFF does")
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    if big:
        if len(head) < 16:
            raise damaged(source.path, "its header has no end")
        first = struct.unpack(order + "Q", head[8:16])[0]
    else:
        first = struct.unpack(order + "I", head[4:8])[0]
    found = [Directory(source, first, order, big)]
    seen = {first}
    offset = found[0].next
    try:
        _append_children(found[0], found, seen)
        while offset and offset not in seen and len(found) < _MAX_DIRECTORIES:
            seen.add(offset)
            directory = Directory(source, offset, order, big)
            found.append(directory)
            _append_children(directory, found, seen)
            offset = directory.next
    except UnreadableFileError:
        pass
    return found


def _append_children(parent: Directory, found: list[Directory], seen: set[int]) -> None:
    for offset in parent.ints(_SUBIFDS) if _SUBIFDS in parent.entries else ():
        if offset and offset not in seen and len(found) < _MAX_DIRECTORIES:
            seen.add(offset)
            found.append(Directory(parent.source, offset, parent.order, parent.big))
