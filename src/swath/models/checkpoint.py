"""Checkpoint files: fetched once, verified, and in their place only when they are right."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import re
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from swath.errors import ChecksumError, ConfigError, DownloadError
from swath.fetch import download, file_digest
from swath.fetch.lock import file_lock
from swath.fetch.urls import file_name, redact
from swath.models.unpickle import read_state_dict

__all__ = [
    "checkpoint_folder",
    "checkpoint_path",
    "fetch_checkpoint",
    "fetch_state_dict",
    "read_state_dict",
]

_HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
_DATE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")
#: Fruitless attempts, and seconds before the first: about eight seconds until "no network".
_RETRIES, _BACKOFF = 4, 0.5
#: Digests of this process, where a folder that is read-only takes no mark.
_seen: dict[tuple[str, int, int], str] = {}


def checkpoint_folder() -> pathlib.Path:
    """Where weights are kept: ``$SWATH_HOME/checkpoints``, else PyTorch's hub folder."""
    home = os.environ.get("SWATH_HOME")
    base = pathlib.Path(home).expanduser() if home else pathlib.Path(torch.hub.get_dir())
    return base / "checkpoints"


def named_hash(name: str) -> str | None:
    """The beginning of a file's SHA-256, where its name holds it, as PyTorch's hub has it.

    ``name-1c691b4f.pth``: eight or more hexadecimal digits between a dash and the suffix. Eight
    digits that are a date (``name-20240131.pth``) are taken for one.
    """
    found = _HASH.search(name)
    return found[1] if found and not _DATE.match(found[1]) else None


def checkpoint_path(url: str, *, sha256: str | None = None, apart: bool = False) -> pathlib.Path:
    """Where the file of `url` belongs, whether or not it is there.

    That is `checkpoint_folder` and the URL's last part, as with PyTorch's hub, so that files
    fetched by other libraries are found. A file whose name holds no hash lies in a folder of its
    own, named by the URL, if another URL has taken that place.

    Args:
        url: Of the file.
        sha256: The digest, where it is known: the name can then be shared.
        apart: Nobody vouches that the name is unique: without a hash, take a folder of its own.

    Raises:
        ConfigError: The URL ends in no file name.
    """
    name = file_name(url)
    path = checkpoint_folder() / name
    if sha256 or named_hash(name):
        return path
    mark = _Mark.of(path)
    if apart or (mark is not None and mark.url not in (None, _key(url))):
        return path.parent / _key(url)[:16] / name
    return path


def fetch_checkpoint(
    url: str, *, progress: bool = True, sha256: str | None = None, apart: bool = False
) -> pathlib.Path:
    """The file of `url` in its place (`checkpoint_path`), downloaded if it is not there.

    A file is verified before it gets its place, and a file that is there already before it is
    used; a mark beside it (``.NAME.verified``: size, time of change, digest) saves hashing it
    again as long as it does not change. Downloads that were cut off go on where they stopped; of
    several processes that want a file one downloads it, and the others wait. A folder that is
    read-only does where it has the file.

    Args:
        url: Of the file; eight or more hexadecimal digits before the suffix
            (``name-1c691b4f.pth``) are the beginning of its SHA-256.
        progress: Show a bar on a terminal.
        sha256: The digest or its beginning, where the name does not hold it.
        apart: As in `checkpoint_path`.

    Raises:
        DownloadError: It is not there and cannot be downloaded: the text says what to put where.
        ChecksumError: The file there, or what the URL gives, is not the published one. Nothing
            is deleted that was there before.
    """
    path = checkpoint_path(url, sha256=sha256, apart=apart)
    expected = (sha256 or named_hash(path.name) or "").lower()
    if path.exists():
        return _check(path, url, expected, progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(path.with_name(f".{path.name}.lock")):
            # another process may have put it there, or its namesake, while we waited
            final = checkpoint_path(url, sha256=sha256, apart=apart)
            if final != path:
                return fetch_checkpoint(url, progress=progress, sha256=sha256, apart=True)
            if path.exists():
                return _check(path, url, expected, progress)
            return _download(path, url, expected, progress)
    except DownloadError as error:
        if "could not be downloaded" not in str(error):  # the disk, not the network
            raise
        raise DownloadError(f"{error} {_by_hand(path, url, expected)}") from error
    except ChecksumError:
        raise
    except OSError as error:
        raise DownloadError(
            f"{path.parent} cannot be written ({error.strerror or error}), and {path.name} is not "
            f"in it. Set SWATH_HOME to a folder that can be. {_by_hand(path, url, expected)}"
        ) from error


def fetch_state_dict(
    url: str, *, progress: bool = True, sha256: str | None = None, apart: bool = False
) -> dict[str, Tensor]:
    """`fetch_checkpoint`, read by `read_state_dict`."""
    return read_state_dict(fetch_checkpoint(url, progress=progress, sha256=sha256, apart=apart))


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was found out about a file, true as long as its size and time of change are these."""

    size: int
    changed: int
    sha256: str | None = None
    url: str | None = None

    @classmethod
    def of(cls, path: pathlib.Path) -> _Mark | None:
        """The mark of a file, if it has one that is still true."""
        try:
            mark = cls(**json.loads(_mark_path(path).read_text()))
            now = path.stat()
        except (OSError, ValueError, TypeError):
            return None
        return mark if (mark.size, mark.changed) == (now.st_size, now.st_mtime_ns) else None

    def write(self, path: pathlib.Path) -> None:
        """Beside the file; a folder that takes no mark goes without."""
        place = _mark_path(path)
        beside = place.with_name(f"{place.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            try:
                beside.write_text(json.dumps(asdict(self)))
                os.replace(beside, place)
            finally:
                beside.unlink(missing_ok=True)


def _mark_path(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f".{path.name}.verified")


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _check(path: pathlib.Path, url: str, expected: str, progress: bool) -> pathlib.Path:
    """`path`, if it is a file and has the digest that begins with `expected`."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: expected the file of {redact(url)} there")
    if not expected:
        return path
    found = _digest(path, None, progress)
    if not found.startswith(expected):
        raise ChecksumError(
            f"{path} ({path.stat().st_size} bytes) has the SHA-256 {_short(found)}, expected "
            f"{_short(expected)}: it is damaged or another file. Move it away, and it is "
            f"downloaded again from {redact(url)}"
        )
    return path


def _digest(path: pathlib.Path, url: str | None, progress: bool) -> str:
    """SHA-256 of a file, remembered beside it."""
    before = path.stat()
    memory = (str(path), before.st_size, before.st_mtime_ns)
    mark = _Mark.of(path)
    if mark is not None and mark.sha256:
        return mark.sha256
    if memory not in _seen:
        _seen[memory] = file_digest(path, progress=progress)
        _Mark(before.st_size, before.st_mtime_ns, _seen[memory], url).write(path)
    return _seen[memory]


def _download(path: pathlib.Path, url: str, expected: str, progress: bool) -> pathlib.Path:
    """Fetch into a folder beside, verify, and move in one step. The lock is held."""
    incoming = path.parent / ".incoming" / _key(url)[:16] / path.name
    whole = expected if len(expected) == 64 else None
    download(
        url, incoming, sha256=whole, progress=progress, retries=_RETRIES, backoff=_BACKOFF
    )  # fmt: skip
    found = file_digest(incoming, progress=progress) if expected else None
    if found is not None and not found.startswith(expected):
        size = incoming.stat().st_size
        incoming.unlink()
        raise ChecksumError(
            f"{redact(url)} gave {size} bytes with the SHA-256 {_short(found)}, expected "
            f"{_short(expected)}: nothing was put at {path}. Try again; if it gives the same, "
            "the provider has published another file: look at its page before you trust it"
        )
    os.replace(incoming, path)
    now = path.stat()
    _Mark(now.st_size, now.st_mtime_ns, found, _key(url)).write(path)
    with contextlib.suppress(OSError):
        incoming.parent.rmdir()
    return path


def _short(digest: str) -> str:
    return digest if len(digest) <= 16 else f"{digest[:16]}…"


def _by_hand(path: pathlib.Path, url: str, expected: str) -> str:
    named = f" (its SHA-256 begins with {_short(expected)})" if expected else ""
    return f"Without a network: fetch {redact(url)}{named} on another machine and put it at {path}"
