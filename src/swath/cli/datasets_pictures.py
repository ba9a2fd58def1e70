"""Sheets of a dataset's samples, and miniatures to try it with."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from swath.cli.datasets_chosen import Chosen
from swath.datasets.catalogue import dataset_class, make_miniature
from swath.datasets.catalogue.description import MADE_UP
from swath.errors import ConfigError, DatasetNotFoundError

__all__ = ["miniature", "plot", "sample_picture"]

_NOISE = "made up: names, shapes and types are right, pixels are noise"

_NOTE = """\
This is a made-up miniature of {title} ({name}).
Names, folders, formats and types are those of the published files; pixels and labels are noise,
and sizes may be smaller. Nothing can be learned from it: it is for trying a program.

    from swath.datasets import {name}
    dataset = {name}({root!r}, checksum=False)

Made by: swath datasets mini. The published data are at {homepage}
"""


def sample_picture(name: str, root: str, out: str) -> str:
    """Write a sheet of samples, of real data if they are there; says what was written.

    Raises:
        ConfigError: There is no such dataset.
    """
    kind = dataset_class(name)
    chosen = Chosen(kind, pathlib.Path(root))
    try:
        dataset = chosen.make(chosen.splits[0], checksum=False)
    except DatasetNotFoundError:
        with tempfile.TemporaryDirectory() as folder:
            make_miniature(kind, folder, 4)
            small = Chosen(kind, pathlib.Path(folder))
            with _quiet():
                dataset = small.make(small.splits[0], checksum=False)
            _sheet(small, dataset, 4, f"{kind.__name__}, {_NOISE}", out)
        return f"Written: {out} ({_NOISE}; no published ones are in {root!r})"
    made_up = (pathlib.Path(root) / MADE_UP).is_file()
    count = _sheet(
        chosen, dataset, 12, f"{kind.__name__}, {_NOISE}" if made_up else kind.__name__, out
    )
    return f"Written: {out} ({count} of {len(dataset):,} {chosen.unit})"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that samples are missing: it is known."""
    logger = logging.getLogger("swath.datasets.catalogue")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def plot(chosen: Chosen, number: int, out: str) -> Iterator[str]:
    """Write a sheet of samples, spread evenly over a split.

    Raises:
        SwathError: As the dataset does.
    """
    split = chosen.splits[0]
    dataset = chosen.make(split, checksum=False)
    made_up = f", {_NOISE}" if (chosen.root / MADE_UP).is_file() else ""
    title = f"{chosen.kind.__name__}{f' {split}' * bool(split)}{made_up}"
    count = _sheet(chosen, dataset, number, title, out)
    yield f"Written: {out} ({count} of {len(dataset):,} {chosen.unit})"


def _sheet(found: Chosen, dataset: Any, number: int, title: str, out: str) -> int:
    from swath.plot import contact_sheet, save_figure

    count = min(number, len(dataset))
    chosen = np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)).tolist()
    save_figure(
        contact_sheet([dataset.plot(found.sample(dataset, i)) for i in chosen], title=title), out
    )
    return len(chosen)


def miniature(chosen: Chosen, number: int, _: str = "") -> Iterator[str]:
    """Write a miniature into an empty folder.

    Raises:
        ConfigError: The folder is not empty, or a choice is none of a miniature's.
    """
    kind, root = chosen.kind, chosen.root
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConfigError(
            f"{root} is not empty, and a miniature must not be mixed with anything: name a folder "
            "that is not there yet"
        )
    fixed = [name for name in chosen.arguments if name not in kind.choices]
    if fixed:
        raise ConfigError(
            f"a miniature of {kind.__name__} cannot be made for one {fixed[0]} only: leave "
            f"--{fixed[0]} out; it has what all of them need"
        )
    root.mkdir(parents=True, exist_ok=True)
    note = _NOTE.format(title=kind.info.title, name=kind.__name__, root=str(root),
                        homepage=kind.info.homepage)  # fmt: skip
    (root / MADE_UP).write_text(note, encoding="utf-8")
    choices: dict[str, Any] = {k: str(v) for k, v in chosen.arguments.items()}
    made = make_miniature(kind, root, number, **choices)
    more = "".join(f", {k}={v!r}" for k, v in chosen.arguments.items())
    splits = f" ({', '.join(kind.splits)})" if kind.splits else ""
    yield f"{len(made)} made-up samples{splits} of {kind.__name__} are in {root}"
    yield f"  from swath.datasets import {kind.__name__}"
    yield f"  dataset = {kind.__name__}({str(root)!r}, checksum=False{more})"
