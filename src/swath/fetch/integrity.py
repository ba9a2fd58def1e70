"""Are these the published bytes? Sizes and digests of files, read in a stream."""

from __future__ import annotations

import hashlib
import os
import pathlib

from swath.errors import ChecksumError, ConfigError, FileMissingError
from swath.typing import Path

__all__ = ["check_digests", "check_integrity", "file_digest", "verify_file"]

_CHUNK = 1 << 20
#: Files from this size on show a progress bar: hashing 1 GiB takes a second or more.
_BIG = 1 << 30
_LENGTHS = {"md5": 32, "sha256": 64}


def file_digest(path: Path, algorithm: str = "sha256", *, progress: bool = True) -> str:
    """Hexadecimal digest of a file's bytes, read in pieces of 1 MiB.

    Args:
        path: A local file.
        algorithm: ``md5``, ``sha256`` or any other name that `hashlib` knows.
        progress: Show a bar for files of 1 GiB and more, on a terminal.

    Raises:
        FileMissingError: There is no such file.
    """
    try:
        # MD5 guards against damage here, not against an enemy
        digest = hashlib.new(algorithm, usedforsecurity=False)
    except ValueError as exc:
        raise ConfigError(
            f"Unknown digest {algorithm!r}: expected one of md5, sha1, sha256, sha512 or another "
            "name in hashlib.algorithms_available."
        ) from exc
    try:
        stream = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as exc:
        raise FileMissingError(
            f"{os.fspath(path)} does not exist, so it cannot be checked."
        ) from exc
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if not (progress and size >= _BIG):
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
            return digest.hexdigest()
        from tqdm import tqdm

        name = pathlib.Path(path).name
        with tqdm(
            total=size, desc=f"checking {name}", unit="B", unit_scale=True, disable=None
        ) as bar:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                bar.update(len(chunk))
    return digest.hexdigest()


def check_digests(*, md5: str | None = None, sha256: str | None = None) -> None:
    """Raise ConfigError for a digest that cannot be one, before anything long is begun."""
    for algorithm, expected in (("md5", md5), ("sha256", sha256)):
        if expected is None:
            continue
        wanted = expected.strip().lower()
        if len(wanted) != _LENGTHS[algorithm] or not set(wanted) <= set("0123456789abcdef"):
            raise ConfigError(
                f"{expected!r} is no {algorithm} digest: expected {_LENGTHS[algorithm]} "
                "hexadecimal digits."
            )


def check_integrity(
    path: Path,
    md5: str | None = None,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: bool = True,
) -> bool:
    """Whether a file exists and has this size in bytes, MD5 and SHA-256 (those that are given)."""
    try:
        verify_file(path, md5=md5, sha256=sha256, size=size, progress=progress)
    except (ChecksumError, FileMissingError):
        return False
    return True


def verify_file(
    path: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    progress: bool = True,
    source: str | None = None,
) -> None:
    """Raise unless a file has this size in bytes, MD5 and SHA-256 (those that are given).

    Args:
        path: A local file.
        md5: Hexadecimal digest, in either case.
        sha256: Hexadecimal digest, in either case.
        size: Bytes.
        progress: As in `file_digest`.
        source: Where the file came from, for the message.

    Raises:
        FileMissingError: There is no such file.
        ChecksumError: It is another file, or a damaged one.
        ConfigError: A digest that is none.
    """
    check_digests(md5=md5, sha256=sha256)
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise FileMissingError(f"{name} does not exist, so it cannot be checked.")
    origin = f" (from {source})" if source else ""
    remedy = (
        "Delete it and download it again; if that gives the same bytes, the provider has "
        "published a new version: look at the product page before you trust it."
    )
    if size is not None and (got := os.path.getsize(name)) != size:
        raise ChecksumError(f"{name}{origin} has {got} bytes, expected {size}. {remedy}")
    for algorithm, expected in (("md5", md5), ("sha256", sha256)):
        if expected is None:
            continue
        wanted = expected.strip().lower()
        found = file_digest(name, algorithm, progress=progress)
        if found != wanted:
            raise ChecksumError(
                f"{name}{origin} has {algorithm} {found}, expected {wanted}. {remedy}"
            )
