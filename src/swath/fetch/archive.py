"""Download an archive and extract it, in one call."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Mapping, Sequence

from swath.fetch.download import download
from swath.fetch.extract import extract_archive, is_extracted
from swath.fetch.urls import file_name
from swath.typing import Path

__all__ = ["fetch_and_extract"]


def fetch_and_extract(
    url: str,
    root: Path,
    *,
    filename: str | None = None,
    extract_to: Path | None = None,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    mirrors: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    max_ratio: float | None = 200.0,
    remove: bool = False,
    progress: bool = True,
) -> pathlib.Path:
    """Download an archive to the folder `root` and extract it; do what is still to be done.

    Run again after whatever happened, it goes on where it stopped; when all is there it does
    nothing, and does not need the archive any more.

    Args:
        url: Of the archive.
        root: Folder for the archive.
        filename: The archive's name there; by default the URL's last part.
        extract_to: Folder for its members; by default `root`.
        md5: Published MD5 of the archive.
        sha256: Published SHA-256 of the archive.
        size: Published size of the archive in bytes.
        mirrors: Other URLs of the same bytes.
        headers: Sent with each request.
        max_ratio: As in `extract_archive`.
        remove: Delete the archive once it is extracted.
        progress: Show bars, on a terminal.

    Returns:
        The folder with the members.

    Raises:
        DownloadError, ChecksumError, ArchiveError, DiskSpaceError: As `download` and
            `extract_archive` do.
    """
    archive = pathlib.Path(root) / (filename or file_name(url))
    target = pathlib.Path(extract_to) if extract_to is not None else archive.parent
    if is_extracted(archive, target):
        return target
    download(
        url,
        archive,
        md5=md5,
        sha256=sha256,
        size=size,
        mirrors=mirrors,
        headers=headers,
        progress=progress,
    )
    extract_archive(archive, target, max_ratio=max_ratio, progress=progress)
    if remove:
        with contextlib.suppress(FileNotFoundError):
            archive.unlink()
    return target
