"""Boxes of all images in one table: a row an object."""

from __future__ import annotations

import csv
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from swath.datasets.catalogue.files import read_text
from swath.datasets.catalogue.objects import Found, Objects, invent_boxes
from swath.datasets.catalogue.parts import Row
from swath.datasets.catalogue.rows import RowSource, example
from swath.datasets.catalogue.site import Site, pattern
from swath.datasets.catalogue.table import Rows
from swath.errors import UnreadableFileError

__all__ = ["TableBoxes", "TableImages"]

_SIDES = ("xmin", "ymin", "xmax", "ymax")


class TableBoxes(Objects):
    """Rows of a CSV table with ``xmin``, ``ymin``, ``xmax``, ``ymax``, an image and a class.

    Args:
        file: Pattern of the table's path.
        image: Pattern of what the table calls an image.
        column: The column with the images.
        name: The column with the classes.
        values: Key in the sample -> column of further numbers of each object, float32 (N,).
        size: (height, width) of a miniature's images.
        **options: Of `Objects`.
    """

    def __init__(
        self,
        file: str,
        image: str,
        *,
        column: str = "image_path",
        name: str = "label",
        values: Mapping[str, str] | None = None,
        size: tuple[int, int] = (32, 32),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.file, self.image, self.column, self.name = file, image, column, name
        self.values, self.size = dict(values or {}), size

    def found(self, site: Site, row: Row) -> Found:
        """The image's rows."""
        lines = self._lines(site, row)
        try:
            boxes = [[float(line[side]) for side in _SIDES] for line in lines]
        except ValueError as error:
            raise UnreadableFileError(
                f"{site.path(self.file, row)} has a box that is no numbers: {error}; fetch it again"
            ) from error
        names = [line[self.name] for line in lines]
        return Found(names, np.array(boxes, dtype=np.float64).reshape(-1, 4))

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """Boxes and classes, and further numbers."""
        import torch

        found = super().read(site, row)
        lines = self._lines(site, row)
        for key, column in self.values.items():
            found[key] = torch.tensor([float(line[column]) for line in lines])
        return found

    def _lines(self, site: Site, row: Row) -> list[dict[str, str]]:
        path = site.path(self.file, row)
        table = site.kept.get(path)
        if table is None:
            table = site.kept[path] = _by_image(
                path, self.column, (*_SIDES, self.name, *self.values.values())
            )
        name = pattern(self.image).format({**site.fields, **row})
        found: list[dict[str, str]] = table.get(name, [])
        return found

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two objects."""
        path = pathlib.Path(site.path(self.file, row))
        path.parent.mkdir(parents=True, exist_ok=True)
        new, known = not path.exists(), self.names(site)
        columns = [self.column, *_SIDES, self.name, *self.values.values()]
        with path.open("a", newline="") as file:
            table = csv.writer(file)
            if new:
                table.writerow(columns)
            for box in invent_boxes(rng, self.size, 2).astype(int).tolist():
                label = known[int(rng.integers(len(known)))]
                numbers = [f"{v:.2f}" for v in rng.uniform(1, 50, len(self.values))]
                image = pattern(self.image).format({**site.fields, **row})
                table.writerow([image, *box, label, *numbers])


class TableImages(RowSource):
    """The images that a table of boxes has, in the order of their first rows.

    Args:
        file: Pattern of the table's path.
        image: Pattern of what the table calls an image.
        column: The column with the images.
        examples: Of fields, for miniatures.
    """

    def __init__(
        self,
        file: str,
        image: str,
        *,
        column: str = "image_path",
        examples: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.file, self.image, self.column = file, image, column
        self.examples = dict(examples or {})

    def find(self, site: Site) -> Rows:
        """The images."""
        path = site.path(self.file)
        rows = []
        for name in _by_image(path, self.column, _SIDES):
            fields = pattern(self.image).match(name, site.fields)
            if fields is None:
                raise UnreadableFileError(
                    f"{path} names the image {name!r}: expected one like {self.image!r}"
                )
            rows.append(fields)
        return Rows(rows)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Images that would fit."""
        return example(site, self.image, count, start, self.examples)


def _by_image(path: str, column: str, needed: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """The rows of each image, of the needed columns."""
    lines = csv.DictReader(read_text(path).splitlines())
    lost = [name for name in (column, *needed) if name not in (lines.fieldnames or ())]
    if lost:
        raise UnreadableFileError(
            f"{path} has no column {', '.join(lost)}: expected it beside "
            f"{', '.join(lines.fieldnames or ())}; fetch {os.path.basename(path)} again"
        )
    table: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        table.setdefault(line[column], []).append({name: line[name] or "" for name in needed})
    return table
