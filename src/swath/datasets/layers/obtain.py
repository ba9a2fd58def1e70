"""Files that a layer's provider publishes: found, extracted or downloaded."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from swath.datasets.files import find_files, path_list
from swath.errors import DatasetNotFoundError, FileMissingError
from swath.fetch import download, extract_archive, fetch_and_extract, verify_file
from swath.typing import Path

__all__ = ["Published", "obtain"]


@dataclass(frozen=True, slots=True)
class Published:
    """One file that a provider publishes: an archive, or the raster itself.

    Attributes:
        url: Where.
        filename: How it is called there and on disk.
        brings: Shell pattern of the rasters' names that it brings.
        md5: Of the file.
        sha256: Of the file.
    """

    url: str
    filename: str
    brings: str
    md5: str | None = None
    sha256: str | None = None

    @property
    def packed(self) -> bool:
        """Whether it is an archive."""
        return not fnmatch(self.filename, self.brings)


def obtain(
    paths: Path | Iterable[Path],
    wanted: Sequence[Published],
    *,
    download_missing: bool,
    checksum: bool,
    required: bool,
    kind: str,
    remedy: str,
    fits: str = "",
) -> None:
    """Make sure that the rasters of `wanted` are there.

    What is there already is left alone; an archive beside it is extracted; the rest is
    downloaded, if that was asked for, into `paths`, which then must be one folder.

    Args:
        paths: Where the layer looks for its files.
        wanted: What to have.
        download_missing: Download what is not there.
        checksum: Compare digests of archives with the published ones before extracting.
        required: All of `wanted` must be there; otherwise it is enough that something is.
        kind: Name of the layer, for messages.
        remedy: What to do when files are missing.
        fits: Shell pattern of the layer's rasters, those of `wanted` or not.

    Raises:
        DatasetNotFoundError: Something is missing and was not to be downloaded.
        ChecksumError, ArchiveError, DownloadError: As `swath.fetch` does.
    """
    roots = path_list(paths)
    root = pathlib.Path(roots[0]) if len(roots) == 1 and not os.path.isfile(roots[0]) else None
    try:
        patterns = [item.brings for item in wanted] + ([fits] if fits else [])
        there = {os.path.basename(path) for path in find_files(paths, patterns)}
    except FileMissingError:
        there = set()
    missing = []
    for item in wanted:
        if any(fnmatch(name, item.brings) for name in there):
            continue
        md5, sha256 = (item.md5, item.sha256) if checksum else (None, None)
        archive = None if root is None else root / item.filename
        if archive is not None and item.packed and archive.is_file():
            verify_file(archive, md5=md5, sha256=sha256, source=item.url)
            extract_archive(archive)
        elif download_missing and root is not None:
            if item.packed:
                fetch_and_extract(item.url, root, filename=item.filename, md5=md5, sha256=sha256)
            else:
                download(item.url, root / item.filename, md5=md5, sha256=sha256)
        else:
            missing.append(item.filename)
    other = bool(fits) and any(fnmatch(name, fits) for name in there)
    if missing and (required or (len(missing) == len(wanted) and not other)):
        place = ", ".join(roots[:3])
        raise DatasetNotFoundError(
            f"{kind}: {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''} not found in "
            f"{place}, neither extracted nor as published. {remedy}"
        )
