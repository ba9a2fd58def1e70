"""A dataset's files: what is to be fetched, and whether what is there is what was published."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence

from swath.cli.datasets_chosen import Chosen, refuse_miniature
from swath.cli.datasets_show import volumes
from swath.cli.text import keyed, say
from swath.datasets.catalogue import Archive, File, published_files
from swath.datasets.catalogue.description import size_text
from swath.datasets.catalogue.states import missing_files, verify_files
from swath.errors import ConfigError, DiskSpaceError

__all__ = ["download", "verify"]


def download(chosen: Chosen, *, checksum: bool = True) -> int:
    """Fetch and extract what is not there, and count the samples.

    Raises:
        ConfigError: The folder holds a miniature.
        DiskSpaceError: There is not even room for the download.
        SwathError: As the dataset does.
    """
    root = chosen.root
    refuse_miniature(root)
    files = chosen.files()
    lost = missing_files(root, files, checksum=False)
    say(_plan(chosen, files, lost))
    # a dataset whose files are fetched by hand says itself how
    counts = {s: len(chosen.make(s, download=True, checksum=checksum)) for s in chosen.splits}
    told = ", ".join(f"{split} {count:,}" for split, count in counts.items() if split)
    total = f"{sum(counts.values()):,} {chosen.unit}"
    say([f"{chosen}: {total}{f' ({told})' if told else ''} are ready in {root}"])
    return 0


def _plan(chosen: Chosen, files: Sequence[File], lost: Sequence[File]) -> Iterator[str]:
    root, single = chosen.root, volumes(lost)
    if not lost:
        yield f"{chosen}: its files are in {root}."
        return
    count = f"{len(lost)} of {len(files)} files" if len(files) > 1 else "its file"
    yield f"{chosen}: {count} {'are' if len(files) > 1 else 'is'} not in {root} yet."
    for file in single:
        size = f", {size_text(file.size)}" if file.size else ""
        begun = root / f"{file.name}.part"
        there = f", {size_text(begun.stat().st_size)} of it are there" if begun.is_file() else ""
        yield from keyed("", f"{file.name}{size}{there}", 2)
    need = _need(chosen, files, lost)
    free = shutil.disk_usage(_existing(root)).free
    packed = any(isinstance(f, Archive) for f in lost)
    more = ", and extracting takes about as much again or more" if packed else ""
    if need is None:
        yield f"Its size is not published. {size_text(free)} are free there."
        return
    yield f"{size_text(need)} to download{more}. {size_text(free)} are free there."
    if need > free:
        raise DiskSpaceError(
            f"{chosen} needs {size_text(need)} for the download alone, and {_existing(root)} has "
            f"{size_text(free)} free: make room, or choose another --root"
        )


def _need(chosen: Chosen, files: Sequence[File], lost: Sequence[File]) -> int | None:
    """Bytes to fetch; None where nobody says how many."""
    sizes = [f.size for f in volumes(lost)]
    if all(s is not None for s in sizes):
        begun = (chosen.root / f"{f.name}.part" for f in volumes(lost))
        done = sum(p.stat().st_size for p in begun if p.is_file())
        return max(sum(s or 0 for s in sizes) - done, 0)
    whole = len(lost) == len(files) == len(published_files(chosen.kind))
    return chosen.kind.info.bytes if whole else None


def _existing(folder: pathlib.Path) -> pathlib.Path:
    """The folder, or the first above it that is there."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def verify(chosen: Chosen) -> int:
    """Say of each file whether it is right; 1 unless all are.

    Raises:
        ConfigError: The folder is not there, or holds a miniature.
    """
    root = chosen.root
    if not root.is_dir():
        raise ConfigError(f"there is no folder {root}: expected the one that {chosen} is in")
    refuse_miniature(root)
    files = chosen.files()
    found = verify_files(root, files)
    say(_states(root, found))
    bad = [file for file, problem in found if problem]
    if bad:
        count = f"{len(bad)} of {len(found)} files" if len(found) > 1 else "its file"
        say(["", f"{chosen}: {count} {'are' if len(bad) > 1 else 'is'} wrong or not there.",
             f"`swath datasets download {chosen.kind.__name__} --root {root}` fetches what is "
             "missing, and replaces what is wrong."])  # fmt: skip
        return 1
    say(["", f"{chosen}: all {len(found)} files are right." if len(found) != 1 else
         f"{chosen}: its file is right."])  # fmt: skip
    return 0


def _states(root: pathlib.Path, found: Sequence[tuple[File, str]]) -> Iterator[str]:
    width = max((len(file.name) for file, _ in found), default=0)
    for file, problem in found:
        state, why = _state(root, file, problem)
        line = f"{file.name:<{width}}  {state}"
        yield line.rstrip()
        if why:
            yield from keyed("", why, 4)


def _state(root: pathlib.Path, file: File, problem: str) -> tuple[str, str]:
    there = all((root / v.name).is_file() for v in volumes([file]))
    if problem == "not there":
        return problem, ""
    if problem.startswith("not extracted"):
        return problem, ""
    if problem:
        return "wrong", problem
    if not there:
        return "extracted (the archive is gone: its bytes cannot be compared)", ""
    if not any(v.md5 or v.sha256 for v in volumes([file])):
        size = os.path.getsize(root / file.name)
        return f"there, {size_text(size)} (no digest is published to compare it with)", ""
    return "right", ""
