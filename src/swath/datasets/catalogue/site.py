"""Where a dataset lies and which part of it is wanted."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swath.datasets.catalogue.patterns import Pattern
from swath.errors import UnreadableFileError

__all__ = ["Site"]

_patterns: dict[str, Pattern] = {}


def pattern(text: str) -> Pattern:
    """A pattern, compiled once."""
    found = _patterns.get(text)
    if found is None:
        found = _patterns[text] = Pattern(text)
    return found


@dataclass(frozen=True)
class Site:
    """One dataset on disk, as its rows and parts see it.

    Attributes:
        root: The folder.
        fields: The split and the other choices of the constructor.
        bands: Names of the wanted bands, in order.
        all_bands: Names of all bands, in the files' order.
        classes: Names of the classes.
        window: (top, left, height, width) in pixels, where only that part of images and masks is
            wanted.
        kept: What a row source or a part wants to have read only once.
    """

    root: pathlib.Path
    fields: Mapping[str, str]
    bands: tuple[str, ...] = ()
    all_bands: tuple[str, ...] = ()
    classes: Sequence[str] = ()
    window: tuple[int, int, int, int] | None = None
    kept: dict[Any, Any] = field(default_factory=dict)

    def path(self, text: str, row: Mapping[str, str] | None = None) -> str:
        """The path of a pattern with the fields of the site and of a row.

        Raises:
            UnreadableFileError: It leads out of the root: a list or table names it so.
        """
        name = pattern(text).format({**self.fields, **(row or {})})
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            raise UnreadableFileError(
                f"{self.root} has a list that names {name!r}, which leads out of the dataset's "
                "folder: it is not what was published"
            )
        return os.path.join(self.root, name)
