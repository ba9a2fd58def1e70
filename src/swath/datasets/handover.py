"""An index on its way to a worker: small ones in the message, large ones in a file beside it.

A worker that is spawned gets its dataset by pickle, and each of them the same. The packed index of
a hundred thousand rows is megabytes; it is written once, named by its content, and the message
carries the name. A pickle that is made for any other reason (a checkpoint, another machine) holds
the whole index, because nobody knows when and where it will be read.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing.context
import os
import pickle
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


def send(packed: Any) -> Any:
    """What stands in for a packed index in a pickle: itself, or the file it was written to."""
    if multiprocessing.context.get_spawning_popen() is None:
        return packed
    body = pickle.dumps(packed, pickle.HIGHEST_PROTOCOL)
    if len(body) <= _LARGE:
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
    return pickle.loads(body)  # noqa: S301 (the bytes that the parent process wrote, by their hash)


def _name(body: bytes) -> str:
    return f"{hashlib.sha256(body).hexdigest()}.index"


def _remove_old(folder: Path) -> None:
    limit = time.time() - _DAYS * 86400
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process was quicker
            if path.stat().st_mtime < limit:
                path.unlink()
