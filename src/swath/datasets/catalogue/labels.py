"""What a row says of a sample: a class, several classes, a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.parts import (
    Part,
    Row,
)
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError

__all__ = ["Label", "Labels", "Value"]


class Label(Part):
    """The number of a class: int64 ().

    Args:
        field: Of the row: the class's name, or its number.
        key: Its name in the sample.
        classes: Name -> number; by default the dataset's ``classes`` in order. Numbers are taken
            as they are.
        offset: Added to numbers: -1 where the first class is published as 1.
        when: As in `Part`.
    """

    def __init__(
        self,
        field: str = "label",
        key: str = "label",
        *,
        classes: Mapping[str, int] | None = None,
        offset: int = 0,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.field, self.classes, self.offset = field, classes, offset

    def number(self, site: Site, row: Row) -> int:
        """The class's number.

        Raises:
            UnreadableFileError: There is no such class.
        """
        name = row[self.field]
        table = self.classes if self.classes is not None else _numbers(site)
        if name in table:
            return table[name]
        if re.fullmatch(r"-?[0-9]+", name):
            number = int(name) + self.offset
            if self.classes is not None or not table or 0 <= number < len(table):
                return number
        raise UnreadableFileError(
            f"{site.root} has a sample of the class {name!r}: expected one of "
            f"{', '.join(list(table)[:30])}"
        )

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The label."""
        return {self.key: torch.tensor(self.number(site, row))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: it is in the row."""


class Labels(Part):
    """Which of the classes an image shows: int64 (classes,) of 0 and 1.

    Args:
        field: Of the row: the classes' names, or numbers, with `separator` between them.
        key: Its name in the sample.
        separator: Between names.
        when: As in `Part`.
    """

    def __init__(
        self, field: str = "labels", key: str = "label", *, separator: str = ";",
        when: When | None = None,
    ) -> None:  # fmt: skip
        super().__init__(key, when)
        self.field, self.separator = field, separator

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The labels."""
        found = torch.zeros(len(site.classes), dtype=torch.int64)
        table = _numbers(site)
        for name in map(str.strip, row[self.field].split(self.separator)):
            if name.isdigit() and int(name) < len(found):
                found[int(name)] = 1
            elif name in table:
                found[table[name]] = 1
            else:
                raise UnreadableFileError(
                    f"{site.root} has a sample of the class {name!r}: expected one of "
                    f"{', '.join(list(table)[:30])}"
                )
        return {self.key: found}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: it is in the row."""


class Value(Part):
    """A number of the row: float32 (), or int64 () as a `dtype` of ``"int64"``."""

    def __init__(
        self, field: str, key: str = "label", *, dtype: str = "float32", when: When | None = None
    ) -> None:
        super().__init__(key, when)
        self.field, self.dtype = field, dtype

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The number."""
        try:
            number = float(row[self.field])
        except ValueError as error:
            raise UnreadableFileError(
                f"{site.root} has a sample with {self.field} {row[self.field]!r}: expected a number"
            ) from error
        return {self.key: torch.tensor(number, dtype=getattr(torch, self.dtype))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: it is in the row."""


def _numbers(site: Site) -> dict[str, int]:
    table: dict[str, int] | None = site.kept.get("class numbers")
    if table is None:
        table = site.kept["class numbers"] = {name: i for i, name in enumerate(site.classes)}
    return table
