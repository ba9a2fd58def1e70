"""A small made-up copy of a published layer."""

from __future__ import annotations

import pathlib

import numpy as np

from swath.datasets.catalogue.description import Archive, File, Folder
from swath.datasets.catalogue.layer import PublishedLayer
from swath.datasets.catalogue.patterns import Pattern

__all__ = ["filled_files", "make_layer_miniature"]


def make_layer_miniature(
    kind: type[PublishedLayer], root: pathlib.Path, seed: int = 0
) -> list[dict[str, str]]:
    """Write the files of all of a layer's examples, extracted, below `root`."""
    for number, fields in enumerate(kind.examples):
        for i, part in enumerate(kind.parts):
            part.write(root, fields, number, np.random.default_rng([seed, number, i]))
    return [dict(fields) for fields in kind.examples]


def filled_files(kind: type[PublishedLayer], tree: pathlib.Path) -> list[File]:
    """Those of a layer's published files that its miniature has something for."""
    names = [p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file()]
    return [file for file in kind.published if any(_brings(file, name) for name in names)]


def _brings(file: File, name: str) -> bool:
    if isinstance(file, Folder):
        return name.startswith(file.name + "/")
    if not isinstance(file, Archive):
        return name == file.name
    starts = (Pattern(start + "{anything_else:.*}") for start in file.gives)
    return any(start.match(name) is not None for start in starts)
