"""One process at a time: a lock file whose lock dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pathlib
from collections.abc import Iterator

from swath.typing import Path

__all__ = ["file_lock"]

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` while the block runs; wait for it if need be.

    The kernel gives the lock up when the holder ends in whatever way, so a killed process never
    leaves others waiting; the file that it leaves behind is harmless. Between threads of one
    process the lock works as well. Where the file system has no locks (some network mounts), a
    warning is logged and the block runs without.

    Raises:
        OSError: The file cannot be made (a folder that is read-only, say).
    """
    name = pathlib.Path(path)
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _acquire(descriptor, name)
            # The holder before us removes the file while it still has the lock. Whoever waited
            # for that one holds a file without a name, which the next comer would not see.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(name)):
                    break
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            name.unlink()
        os.close(descriptor)


def _acquire(descriptor: int, name: pathlib.Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.info("Waiting for another process that works on %s", name)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as exc:
        logger.warning("%s cannot be locked (%s): run one process at a time here.", name, exc)
