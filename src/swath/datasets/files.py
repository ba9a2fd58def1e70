"""The files of a layer: found by pattern, dated by name."""

from __future__ import annotations

import fnmatch
import os
import re
import tarfile
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swath.datasets.query import TIME_MAX, TIME_MIN
from swath.errors import ArchiveError, ConfigError, FileMissingError
from swath.typing import Path

__all__ = ["find_files", "is_remote", "parse_dates", "path_list"]

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# The finest part of a date format says how long the time is that it names.
_STEPS = (
    ("%f", pd.DateOffset(microseconds=1)),
    ("%S", pd.DateOffset(seconds=1)),
    ("%M", pd.DateOffset(minutes=1)),
    ("%H", pd.DateOffset(hours=1)),
    ("%d", pd.DateOffset(days=1)),
    ("%j", pd.DateOffset(days=1)),
    ("%m", pd.DateOffset(months=1)),
    ("%b", pd.DateOffset(months=1)),
    ("%B", pd.DateOffset(months=1)),
    ("%y", pd.DateOffset(years=1)),
    ("%Y", pd.DateOffset(years=1)),
)


def is_remote(path: str) -> bool:
    """Whether a path is no plain local file: a URL, or one of GDAL's virtual file systems."""
    return path.startswith("/vsi") or "://" in path


def path_list(paths: Path | Iterable[Path]) -> list[str]:
    """One path or many, as texts."""
    if isinstance(paths, str | os.PathLike):
        return [os.fspath(paths)]
    return [os.fspath(p) for p in paths]


def _walk(folder: str) -> Iterable[tuple[str, str]]:
    """Name and path of each file below a folder."""
    pending = [folder]
    linked: set[tuple[int, int]] = set()  # a link may lead to a folder above it
    while pending:
        current = pending.pop()
        with os.scandir(current) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=True):
                    if entry.name.startswith("."):  # an archive being extracted, perhaps
                        continue
                    if entry.is_symlink():
                        place = entry.stat()
                        if (place.st_dev, place.st_ino) in linked or _above(entry.path):
                            continue
                        linked.add((place.st_dev, place.st_ino))
                    pending.append(entry.path)
                else:
                    yield entry.name, entry.path


def _above(link: str) -> bool:
    """Whether a link leads to a folder that it lies in."""
    target = os.path.realpath(link)
    return os.path.commonpath([target, os.path.realpath(os.path.dirname(link))]) == target


def _members(path: str) -> Iterable[str]:
    """Files inside an archive, as paths that GDAL and Swath open."""
    try:
        if path.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if not name.endswith("/"):
                        yield f"/vsizip/{os.path.abspath(path)}/{name}"
        else:
            with tarfile.open(path) as archive:
                for member in archive.getmembers():
                    if member.isfile():
                        yield f"/vsitar/{os.path.abspath(path)}/{member.name}"
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ArchiveError(
            f"{path} cannot be read as an archive: {error}; fetch it again or remove it"
        ) from error


def is_archive(path: str) -> bool:
    """Whether a path names a zip or tar archive (by its ending)."""
    return path.lower().endswith((".zip", *_TAR))


def find_files(paths: Path | Iterable[Path], patterns: Sequence[str]) -> list[str]:
    """Files under `paths` whose name fits any of `patterns`, each once, sorted.

    A folder is searched to any depth (hidden folders apart), and an archive by its members. A file
    that is named itself belongs to the layer whatever its name is.

    Args:
        paths: Files, folders, archives, URLs, or paths of GDAL's virtual file systems.
        patterns: Shell patterns of file names, such as ``LC08_*_SR_B2.*``.

    Raises:
        FileMissingError: A local path does not exist.
        ArchiveError: An archive is damaged.
    """
    found: set[str] = set()
    fits = re.compile("|".join(fnmatch.translate(p) for p in patterns)).match
    for path in path_list(paths):
        if is_remote(path):
            found.add(path)
        elif os.path.isdir(path):
            found.update(p for name, p in _walk(path) if fits(name))
        elif os.path.isfile(path):
            if is_archive(path):
                found.update(p for p in _members(path) if fits(os.path.basename(p)))
            else:
                found.add(path)
        elif not _inside_archive(path):
            raise FileMissingError(
                f"{path} does not exist; paths= takes files, folders, archives, URLs and GDAL's "
                "/vsi… paths"
            )
        else:
            found.add(path)
    return sorted(found)


def _inside_archive(path: str) -> bool:
    """Whether a path such as ``scenes.zip/a/b.tif`` leads through an existing archive."""
    parent = os.path.dirname(path)
    while parent and parent != os.path.dirname(parent):
        if os.path.isfile(parent):
            return is_archive(parent)
        parent = os.path.dirname(parent)
    return False


def _fits(text: str, date_format: str) -> bool:
    try:
        pd.to_datetime(text, format=date_format)
    except ValueError:
        return False
    return True


def parse_dates(
    start: Sequence[str | None],
    stop: Sequence[str | None],
    date_format: str,
    names: Sequence[str],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Dates as written in file names to intervals of nanoseconds since 1970, both ends included.

    ``2021`` read with ``%Y`` is the whole of 2021, ``20210622`` with ``%Y%m%d`` that day. A file
    without a date is there at any time.

    Raises:
        ConfigError: A text does not fit the format, or an interval ends before it begins.
    """
    n = len(start)
    t0 = np.full(n, TIME_MIN.value, np.int64)
    t1 = np.full(n, TIME_MAX.value, np.int64)
    step = next((s for code, s in _STEPS if code in date_format), pd.DateOffset(days=1))
    for texts, out, shift in ((start, t0, False), (stop, t1, True)):
        rows = [i for i, text in enumerate(texts) if text is not None]
        if not rows:
            continue
        unique = sorted({str(texts[i]) for i in rows})
        try:
            times = pd.DatetimeIndex(pd.to_datetime(unique, format=date_format)).as_unit("ns")
        except ValueError as error:
            bad = next((names[i] for i in rows if not _fits(str(texts[i]), date_format)), names[0])
            raise ConfigError(
                f"the date in the name of {bad} does not fit the date format {date_format!r}: "
                "set date_format or filename_regex"
            ) from error
        if times.tz is not None:
            times = times.tz_convert("UTC").tz_localize(None)
        if shift:
            times = pd.DatetimeIndex([t + step for t in times]).as_unit("ns")
            times = times - pd.Timedelta(1, "us")
        table = dict(zip(unique, times.asi8.tolist(), strict=True))
        out[rows] = [table[str(texts[i])] for i in rows]
    wrong = np.flatnonzero(t1 < t0)
    if len(wrong):
        raise ConfigError(f"the time in the name of {names[int(wrong[0])]} ends before it begins")
    return t0, t1
