"""A place beside a file, where the file is made before it takes its name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
import weakref
from pathlib import Path as LocalPath

from swath.errors import WriteError
from swath.typing import Path

__all__ = ["Scratch", "remove_stale_scratch"]

_LOCK = "lock"
_GRACE = 60.0  # seconds that a directory without its lock counts as just being made


class Scratch:
    """A hidden directory ``.<name>.swath-<random>`` beside the file `target`.

    It lies on the target's file system, so that a rename from it is atomic. It goes with
    `remove`, with the object, or at the interpreter's end. After a kill -9 it stays and is removed
    by the next `Scratch` of the same target: a lock, which the kernel releases when the process
    is gone, tells an abandoned directory from one in use.

    Raises:
        WriteError: The target's directory cannot be made or written to.
    """

    def __init__(self, target: Path) -> None:
        self.target = LocalPath(os.path.abspath(os.fspath(target)))
        self.directory = self.target.with_name(f".{self.target.name}.swath-{secrets.token_hex(4)}")
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            if self.target.is_dir():
                raise IsADirectoryError("a directory has this name")
            remove_stale_scratch(self.target)
            self.directory.mkdir()
            self._lock = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise WriteError(
                f"{self.target}: cannot be written: {error.strerror or error}; give a path in a "
                "directory that you may write to"
            ) from error
        with contextlib.suppress(OSError):  # a file system without locks: the age decides alone
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._finalizer = weakref.finalize(self, _remove, self.directory, self._lock, os.getpid())

    def path(self, name: str) -> LocalPath:
        """Path of a file in the directory."""
        return self.directory / name

    def publish(self, name: str, target: LocalPath) -> None:
        """Give the file `name` its place, in one step, after its bytes are on the disk."""
        source = self.path(name)
        with open(source, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(source, target)
        with contextlib.suppress(OSError):  # not every file system syncs directories
            handle = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def remove(self) -> None:
        """Remove the directory and all in it. Safe to call twice."""
        self._finalizer()


def _remove(directory: LocalPath, lock: int, owner: int) -> None:
    if os.getpid() != owner:  # a forked child must not take its parent's files away
        return
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.close(lock)


def remove_stale_scratch(target: Path) -> list[str]:
    """Remove what killed processes left beside `target`; return the names of what went."""
    place = LocalPath(os.path.abspath(os.fspath(target)))
    prefix = f".{place.name}.swath-"
    gone = []
    with os.scandir(place.parent) as entries:
        found = [e.path for e in entries if e.name.startswith(prefix) and e.is_dir()]
    for directory in found:
        if _abandoned(directory):
            shutil.rmtree(directory, ignore_errors=True)
            gone.append(os.path.basename(directory))
    return gone


def _abandoned(directory: str) -> bool:
    try:
        handle = os.open(os.path.join(directory, _LOCK), os.O_RDWR)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            return time.time() - os.stat(directory).st_mtime > _GRACE
        return False
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
