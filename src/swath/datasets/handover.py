"""An index on its way to a worker: small ones in the message, large ones in a file beside it.

A worker that is spawned gets its dataset by pickle, and each of them the same. The packed index of
a hundred thousand rows is megabytes; it is written once, named by its content, and the message
carries the name. A pickle that is made for any other reason (a checkpoint, another machine) holds
the whole index, because nobody knows when and where it will be read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing.context
import os
import threading
import time
from pathlib import Path
from typing import Any

from swath.datasets.rows import keep_folder
from swath.errors import FileMissingError, UnreadableFileError

__all__ = ["fetch", "send"]

_LARGE = 1 << 16  # bytes that a message may have without a file
_DAYS = 7.0  # after which a file that no worker was started with any more is removed


class _Elsewhere(str):
    """The file that holds a packed index."""


def send(packed: tuple[Any, ...]) -> Any:
    """What stands in for a packed index in a pickle: itself, or the file it was written to.

    Args:
        packed: What `swath.datasets.frames.pack_frame` gives.
    """
    if multiprocessing.context.get_spawning_popen() is None:
        return packed
    body = _encode(packed)
    if body is None or len(body) <= _LARGE:
        return packed
    place = keep_folder().parent / "handover" / _name(body)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            os.utime(place)
        else:
            _remove_old(place.parent)
            part = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
            part.write_bytes(body)
            os.replace(part, place)
    except OSError:
        return packed  # a full or read-only disk: a longer message does as well
    return _Elsewhere(place)


def fetch(sent: Any) -> Any:
    """The packed index that `send` was given.

    Raises:
        FileMissingError: Somebody has removed the file in between.
        UnreadableFileError: Somebody has changed it.
    """
    if not isinstance(sent, _Elsewhere):
        return sent
    try:
        body = Path(sent).read_bytes()
    except FileNotFoundError:
        raise FileMissingError(
            f"{sent}, which holds the index of a dataset on its way to a worker, is gone; start "
            "the workers again, and do not clear SWATH_HOME meanwhile"
        ) from None
    if _name(body) != Path(sent).name:
        raise UnreadableFileError(f"{sent} is damaged; remove it and start the workers again")
    return _decode(body)


def _encode(packed: tuple[Any, ...]) -> bytes | None:
    """Bytes of a packed index: a line of JSON, then the columns as they are.

    None where a column holds objects that are neither numbers nor texts.
    """
    columns, wkb, numbers, crs = packed
    parts: list[tuple[str, str | None, bytes]] = []
    for name, value in columns.items():
        dtype, data = value if isinstance(value, tuple) else (None, value)
        if not isinstance(data, bytes) or not isinstance(name, str):
            return None
        parts.append((name, dtype, data))
    blobs = [*(data for _, _, data in parts), wkb, numbers]
    head = {
        "crs": crs,
        "columns": [(name, dtype) for name, dtype, _ in parts],
        "sizes": [len(blob) for blob in blobs],
    }
    return b"".join([json.dumps(head).encode(), b"\n", *blobs])


def _decode(body: bytes) -> tuple[Any, ...]:
    line, _, rest = body.partition(b"\n")
    head = json.loads(line)
    blobs = []
    for size in head["sizes"]:
        blobs.append(rest[:size])
        rest = rest[size:]
    columns = {
        name: blob if dtype is None else (dtype, blob)
        for (name, dtype), blob in zip(head["columns"], blobs[:-2], strict=True)
    }
    return columns, blobs[-2], blobs[-1], head["crs"]


def _name(body: bytes) -> str:
    return f"{hashlib.sha256(body).hexdigest()}.index"


def _remove_old(folder: Path) -> None:
    limit = time.time() - _DAYS * 86400
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process was quicker
            if path.stat().st_mtime < limit:
                path.unlink()
