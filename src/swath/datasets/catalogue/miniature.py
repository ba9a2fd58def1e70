"""A small made-up copy of a published dataset: its names, folders, formats, shapes, and noise.

With it a training is tried out from start to end before a hundred gigabytes are downloaded, and
every dataset's class is tested without them.
"""

from __future__ import annotations

import bz2
import io
import pathlib
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np

from swath.datasets.catalogue.benchmark import Benchmark
from swath.datasets.catalogue.description import Archive, File, Folder, applies
from swath.datasets.catalogue.layer import PublishedLayer
from swath.datasets.catalogue.layer_miniature import make_layer_miniature
from swath.datasets.catalogue.patterns import Pattern
from swath.datasets.catalogue.site import Site
from swath.errors import ConfigError
from swath.typing import Path

__all__ = ["files_of", "make_miniature", "pack_miniature"]

_ZIPS = (".zip",)
_TARS = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".tbz": "w:bz2",
         ".xz": "w:xz"}  # fmt: skip


def make_miniature(
    kind: type[Benchmark] | type[PublishedLayer],
    root: Path,
    count: int = 3,
    seed: int = 0,
    **choices: str,
) -> list[dict[str, str]]:
    """Write a miniature of a dataset, extracted, below the folder `root`.

    Args:
        kind: The dataset's class.
        root: The folder; made if it is not there.
        count: Samples of each split; a layer has a few files.
        seed: Of the noise.
        **choices: The dataset's own choices (a version, say); the first of each by default.

    Returns:
        What was made of each sample, split by split, with the split beside it.

    Raises:
        ConfigError: There is no such choice.
    """
    place = pathlib.Path(root)
    place.mkdir(parents=True, exist_ok=True)
    unknown = [n for n, v in choices.items() if v not in kind.choices.get(n, ())]
    if unknown:
        raise ConfigError(f"{kind.__name__} has no {unknown[0]} {choices[unknown[0]]!r}")
    if issubclass(kind, PublishedLayer):
        return make_layer_miniature(kind, place, seed)
    chosen = {name: choices.get(name, values[0]) for name, values in kind.choices.items()}
    made: list[dict[str, str]] = []
    for number, split in enumerate(kind.splits or ("",)):
        fields = dict(chosen)
        if split:
            fields["split"] = kind.split_names.get(split, split)
        site = Site(place, fields, kind.all_band_names, kind.all_band_names, tuple(kind.classes))
        rows = kind.rows.invent(site, count, 1 + number * count)
        for row in rows:
            rng = np.random.default_rng([seed, zlib.crc32(repr(sorted(row.items())).encode())])
            for part in kind.parts:
                if part.there(site):
                    part.write(site, row, rng)
        kind.rows.write(site, rows)
        made += [{**row, "split": split} for row in rows]
    return made


def files_of(kind: type[Benchmark], **choices: str) -> list[File]:
    """What the provider publishes for all splits of a dataset and some choices."""
    chosen = {name: choices.get(name, values[0]) for name, values in kind.choices.items()}
    splits = [kind.split_names.get(split, split) for split in kind.splits]
    sites = [{**chosen, "split": split} for split in splits] or [chosen]
    return [file for file in kind.files if any(applies(file.when, fields) for fields in sites)]


def pack_miniature(files: Sequence[File], tree: Path, out: Path) -> None:
    """Pack an extracted miniature as its provider would: archives and single files.

    Args:
        files: What the provider publishes (the dataset's ``files``).
        tree: The extracted miniature.
        out: The folder that gets the files of that name.

    Raises:
        ConfigError: Something in the miniature is in no archive, or an archive is empty: the
            description's ``gives`` is wrong.
    """
    source, target = pathlib.Path(tree), pathlib.Path(out)
    names = sorted(p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file())
    taken = set()
    for file in files:
        if isinstance(file, Archive):
            chosen = [n for n in names if any(_begins(n, b) for b in file.gives)]
            _pack(file, source, target, chosen)
        elif isinstance(file, Folder):
            chosen = [n for n in names if n.startswith(file.name + "/")]
            for name in chosen:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, target / name)
        else:
            chosen = [n for n in names if n == file.name]
            if chosen:
                (target / file.name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file.name, target / file.name)
        if not chosen:
            raise ConfigError(
                f"{file.name} would bring nothing of {names[:8]}: what it gives is described wrong"
            )
        taken |= set(chosen)
    left = [n for n in names if n not in taken]
    if left:
        raise ConfigError(f"no file or archive brings {left[:5]}: the description lacks it")


def _begins(name: str, beginning: str) -> bool:
    return Pattern(beginning + "{anything_else:.*}").match(name) is not None


def _pack(file: Archive, source: pathlib.Path, target: pathlib.Path, names: list[str]) -> None:
    folder = pathlib.PurePosixPath(file.into or pathlib.PurePosixPath(file.name).parent)
    inside = {n: pathlib.PurePosixPath(n).relative_to(folder).as_posix() for n in names}
    packed = io.BytesIO()
    # The first of several volumes ends in "aa": .tar.gzaa, .tar.gzab
    suffix = pathlib.Path(file.name).suffix.removesuffix("aa")
    if suffix in _ZIPS:
        with zipfile.ZipFile(packed, "w") as archive:
            for name in names:
                archive.write(source / name, inside[name])
    elif suffix == ".bz2" and not file.name.endswith(".tar.bz2"):  # a file, and no archive of it
        packed.write(bz2.compress((source / names[0]).read_bytes()))
    elif suffix in _TARS:
        with tarfile.open(fileobj=packed, mode=_TARS[suffix]) as tar:  # type: ignore[call-overload]
            for name in names:
                tar.add(source / name, inside[name])
    else:
        raise ConfigError(f"{file.name}: no way is known to pack {suffix!r}")
    data = packed.getvalue()
    volumes: list[File] = [file, *file.volumes]
    step = -(-len(data) // len(volumes))
    for i, volume in enumerate(volumes):
        path = target / volume.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[i * step : (i + 1) * step])
