"""From whatever lies in a root to what a dataset needs: extracted, packed, nothing, or half."""

from __future__ import annotations

import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence

from swath.datasets.catalogue.description import Archive, File, Folder, Info, size_text
from swath.datasets.catalogue.patterns import Pattern, hidden
from swath.errors import DatasetNotFoundError, SwathError, WriteError
from swath.fetch import check_integrity, download, extract_archive, is_extracted, verify_file

__all__ = ["is_ready", "missing_files", "not_found", "obtain_files", "verify_files"]

logger = logging.getLogger(__name__)
_seen: set[tuple[str, int]] = set()


def obtain_files(
    name: str,
    info: Info,
    root: pathlib.Path,
    files: Iterable[File],
    *,
    fetch: bool,
    checksum: bool,
    progress: bool = True,
    ready: Callable[[File], bool] | None = None,
) -> None:
    """Make sure that everything which is needed lies in `root`.

    An archive that was extracted is left alone, by the mark that extraction left, or, where the
    archive is gone and has left no mark, by what it brings. Whatever is not there is extracted
    from its archive, which is verified first; what is not there at all is downloaded, if that was
    asked for.

    Args:
        name: Of the dataset, for messages.
        info: Of the dataset.
        root: Its folder.
        files: What is needed.
        fetch: Download what is not there.
        checksum: Compare published digests.
        progress: Show bars, on a terminal.
        ready: Whether a file needs nothing done; `is_ready` by default.

    Raises:
        DatasetNotFoundError: Something is not there, and was not to be downloaded or cannot be.
        ChecksumError: A file is not the one that was published.
        ArchiveError: An archive is damaged or unsafe.
        DownloadError, DiskSpaceError, WriteError: It could not be fetched or written.
    """
    wanted = list(files)
    done = ready or (lambda file: is_ready(root, file, checksum=checksum))
    lost = missing_files(root, wanted, checksum=checksum, ready=done)
    by_hand = [f for f in lost if any(u is None for u in _addresses(f))]
    if (lost and not fetch) or by_hand:
        raise DatasetNotFoundError(not_found(name, info, root, by_hand if fetch else lost))
    try:
        for file in wanted:
            if not done(file):
                # What is there and wrong is replaced, if downloading was asked for.
                _obtain(root, file, fetch=fetch, checksum=checksum, progress=progress)
    except SwathError:
        raise
    except OSError as error:
        raise WriteError(
            f"{name} cannot be made ready in {root}: {error}. Extracting writes into the dataset's "
            "folder: make it writable, or copy the archives to one that is"
        ) from error


def missing_files(
    root: pathlib.Path,
    files: Iterable[File],
    *,
    checksum: bool,
    ready: Callable[[File], bool] | None = None,
) -> list[File]:
    """Those that are neither extracted nor there as they were published."""
    done = ready or (lambda file: is_ready(root, file, checksum=checksum))
    return [
        f
        for f in files
        if not done(f) and not all((root / p).is_file() for p in [f.name, *_others(f)])
    ]


def verify_files(root: pathlib.Path, files: Iterable[File]) -> list[tuple[File, str]]:
    """Each file, and what is wrong with it: "" where it is right, "not there" and so on."""
    found = []
    for file in files:
        problem = ""
        there = [v for v in _volumes(file) if (root / v.name).is_file()]
        if there:
            for volume in there:
                try:
                    verify_file(root / volume.name, md5=volume.md5, sha256=volume.sha256,
                                size=volume.size, source=volume.url or "its provider")  # fmt: skip
                except SwathError as error:
                    problem = str(error)
        elif not is_ready(root, file, checksum=False):
            problem = "not there"
        if not problem and isinstance(file, Archive) and not is_ready(root, file, checksum=False):
            problem = "not extracted, or files are missing since"
        found.append((file, problem))
    return found


def _addresses(file: File) -> list[str | None]:
    return [file.url, *(v.url for v in (file.volumes if isinstance(file, Archive) else ()))]


def _others(file: File) -> list[str]:
    return [v.name for v in file.volumes] if isinstance(file, Archive) else []


def _mark(root: pathlib.Path, archive: Archive) -> pathlib.Path:
    """The file that a finished extraction has left."""
    return _folder(root, archive) / f".{pathlib.Path(archive.name).name}.extracted"


def _folder(root: pathlib.Path, archive: Archive) -> pathlib.Path:
    return root / archive.into if archive.into else (root / archive.name).parent


def is_ready(root: pathlib.Path, file: File, *, checksum: bool) -> bool:
    """Whether a file is there, or an archive extracted, so that nothing has to be done.

    A file that is used as it is must be the published one, if `checksum` says so.
    """
    path = root / file.name
    if isinstance(file, Folder):
        return _any_below(root, file.name + "/")
    if not isinstance(file, Archive):
        return path.is_file() and (not checksum or _verified(path, file))
    folder = _folder(root, file)
    mark = _mark(root, file)
    if mark.is_file():
        # Looking at a million files again for each split takes long: once a process is enough.
        key = (str(mark), mark.stat().st_mtime_ns)
        if key not in _seen and is_extracted(path, folder):
            _seen.add(key)
        return key in _seen
    if path.is_file():
        # Extracted by hand, perhaps in part: extracting again is safe where it can be done.
        unwritable = not os.access(folder, os.W_OK)
        if unwritable and _brought(root, file):
            logger.warning(
                "%s has no mark of a finished extraction and its folder is read-only: its files "
                "are used as they are", path,
            )  # fmt: skip
            return True
        return False
    return _brought(root, file)


def _brought(root: pathlib.Path, archive: Archive) -> bool:
    return all(_any_below(root, beginning) for beginning in archive.gives)


def _any_below(root: pathlib.Path, beginning: str) -> bool:
    """Whether some path below `root` begins so."""
    if beginning.endswith("/"):
        beginning += "{anything}"
        parts = beginning.split("/")
    else:
        parts = beginning.split("/")
        parts[-1] += "{anything:.*}"
    return _matches(root, parts)


def _matches(folder: pathlib.Path, parts: Sequence[str]) -> bool:
    shape = Pattern(parts[0])
    try:
        with os.scandir(folder) as entries:
            fitting = [e for e in entries if not hidden(e.name) and shape.match(e.name) is not None]
    except (FileNotFoundError, NotADirectoryError):
        return False
    if len(parts) == 1:
        return bool(fitting)
    return any(e.is_dir() and _matches(pathlib.Path(e.path), parts[1:]) for e in fitting)


def _verified(path: pathlib.Path, file: File) -> bool:
    """Whether a file is the published one; a large one is read once and remembered as such."""
    if file.md5 is None and file.sha256 is None:
        return file.size is None or path.stat().st_size == file.size
    state = path.stat()
    note = {"size": state.st_size, "changed": state.st_mtime_ns, "md5": file.md5,
            "sha256": file.sha256}  # fmt: skip
    mark = path.with_name(f".{path.name}.verified")
    try:
        if json.loads(mark.read_text()) == note:
            return True
    except (OSError, ValueError):
        pass
    if not check_integrity(path, file.md5, sha256=file.sha256, size=file.size):
        return False
    try:
        part = mark.with_name(mark.name + ".tmp")
        part.write_text(json.dumps(note))
        os.replace(part, mark)
    except OSError:
        logger.debug("%s is read-only: %s is verified each time", path.parent, path.name)
    return True


def _obtain(root: pathlib.Path, file: File, *, fetch: bool, checksum: bool, progress: bool) -> None:
    for volume in _volumes(file):
        path = root / volume.name
        md5, sha256 = (volume.md5, volume.sha256) if checksum else (None, None)
        if fetch and volume.url is not None:
            download(volume.url, path, md5=md5, sha256=sha256, size=volume.size if checksum
                     else None, mirrors=volume.mirrors, progress=progress)  # fmt: skip
        elif checksum:
            # Raises what is wrong with it.
            verify_file(path, md5=md5, sha256=sha256, size=volume.size, progress=progress,
                        source=volume.url or "its provider")  # fmt: skip
    if isinstance(file, Archive):
        extract_archive(
            root / file.name, _folder(root, file), progress=progress,
            volumes=[root / v.name for v in file.volumes],
        )  # fmt: skip


def _volumes(file: File) -> list[File]:
    return [file, *(file.volumes if isinstance(file, Archive) else ())]


def _lacking(root: pathlib.Path, file: File, volume: File) -> str:
    """A file's name, its size, and whether it was extracted once."""
    told = [size_text(volume.size)] if volume.size else []
    if isinstance(file, Archive) and _mark(root, file).is_file():
        told.append("it was extracted, and files are gone since")
    return f"{volume.name} ({', '.join(told)})" if told else volume.name


def not_found(name: str, info: Info, root: pathlib.Path | str, lost: Sequence[File]) -> str:
    """What to tell somebody whose files are not there, and how to get them."""
    place = pathlib.Path(root)
    if place.is_file():
        return f"{root} is a file: expected the folder of {name}"
    names = [_lacking(place, f, v) for f in lost for v in _volumes(f)
             if not (place / v.name).exists()] or [f.name for f in lost]  # fmt: skip
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    are = "is" if len(names) == 1 else "are"
    text = f"{name} is not complete in {root}: {shown} {are} not there, as published or extracted"
    if any(u is None for f in lost for u in _addresses(f)):
        how = info.account or "It has no address that can be downloaded without a browser"
        return f"{text}. {how}: fetch it from {info.homepage} and put it into {root}"
    return (
        f"{text}. Download it with download=True or 'swath datasets download {name} --root "
        f"{root}', or put the files there by hand; see {info.homepage}"
    )
