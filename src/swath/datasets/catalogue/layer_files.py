"""A layer's published files: found anywhere below its paths, extracted or downloaded."""

from __future__ import annotations

import fnmatch
import os
import pathlib
import re
from collections.abc import Iterable, Sequence

from swath.datasets.catalogue.description import Archive, File, Folder, Info
from swath.datasets.catalogue.patterns import Pattern
from swath.datasets.catalogue.states import is_ready, missing_files, not_found, obtain_files
from swath.datasets.files import find_files, is_remote, path_list
from swath.errors import DatasetNotFoundError, FileMissingError
from swath.fetch import is_extracted
from swath.typing import Path

__all__ = ["obtain_layer"]


def obtain_layer(
    paths: Path | Iterable[Path],
    files: Sequence[File],
    *,
    info: Info,
    name: str,
    fetch: bool,
    checksum: bool,
    required: bool = True,
    fits: str = "",
) -> None:
    """Make sure that a layer's files are there.

    What is there already, at any depth below any of `paths`, is left alone; an archive in the
    folder `paths` is extracted; the rest is downloaded into that folder, if that was asked for.

    Args:
        paths: Where the layer looks for its files.
        files: What to have.
        info: Of the layer.
        name: Of the layer, for messages.
        fetch: Download what is not there.
        checksum: Compare published digests.
        required: All of `files` must be there; otherwise it is enough that something is.
        fits: Shell pattern of files that are enough, where not all are required.

    Raises:
        DatasetNotFoundError: Something is missing and was not to be downloaded.
        ChecksumError, ArchiveError, DownloadError, WriteError: As `obtain_files` does.
    """
    roots = path_list(paths)
    single = len(roots) == 1 and not os.path.isfile(roots[0]) and not is_remote(roots[0])
    root = pathlib.Path(roots[0]) if single else None
    try:
        there = [path.replace(os.sep, "/") for path in find_files(roots, ["*"])]
    except FileMissingError:
        there = []

    def ready(file: File) -> bool:
        if root is not None and not isinstance(file, Archive) and (root / file.name).is_file():
            return is_ready(root, file, checksum=checksum)
        if root is not None and isinstance(file, Archive) and _halved(root, file):
            return False
        return all(_below(there, start) for start in _starts(file))

    wanted = list(files)
    place = ", ".join(roots[:3])
    lost = (
        [f for f in wanted if not ready(f)]
        if root is None
        else missing_files(root, wanted, checksum=checksum, ready=ready)
    )
    if not required and (root is None or not fetch):
        enough = bool(fits) and any(fnmatch.fnmatch(os.path.basename(p), fits) for p in there)
        if len(lost) < len(wanted) or enough:
            wanted, lost = [f for f in wanted if f not in lost], []
    if root is not None:
        obtain_files(name, info, root, wanted, fetch=fetch, checksum=checksum, ready=ready)
    elif lost:
        raise DatasetNotFoundError(not_found(name, info, place, lost))


def _starts(file: File) -> list[str]:
    """Regular expressions of (parts of) paths: one must be there for each."""
    if isinstance(file, Archive):
        return [Pattern(beginning).regex for beginning in file.gives]
    if isinstance(file, Folder):
        return [Pattern(file.name).regex + "/"]
    return [Pattern(file.name).regex + "$"]


def _below(there: Sequence[str], start: str) -> bool:
    """Whether some path has a part, from a folder's or file's start, that fits so."""
    fits = re.compile("(?:^|/)" + start)
    return any(fits.search(path) for path in there)


def _halved(root: pathlib.Path, archive: Archive) -> bool:
    """Whether an archive that is there has left a mark and some of its files are gone since."""
    path = root / archive.name
    folder = root / archive.into if archive.into else path.parent
    marked = (folder / f".{path.name}.extracted").is_file()
    return marked and path.is_file() and not is_extracted(path, folder)
