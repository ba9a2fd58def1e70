"""Several numbers that are known of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.parts import Part, Row
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError

__all__ = ["Numbers"]


class Numbers(Part):
    """Numbers of the row: float32 (N,), NaN where a cell is empty.

    Args:
        fields: Their fields. Those that rows do not have are left out, and the others are in the
            rows' order: so a dataset decides by its rows which of them it gives.
        key: Its name in the sample.
        when: As in `Part`.
    """

    def __init__(
        self, fields: Sequence[str], key: str = "labels", *, when: When | None = None
    ) -> None:
        super().__init__(key, when)
        self.fields = tuple(fields)

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The numbers.

        Raises:
            UnreadableFileError: One is none.
        """
        found = []
        for field, text in row.items():
            if field not in self.fields:
                continue
            try:
                found.append(float(text) if text.strip() else np.nan)
            except ValueError as error:
                raise UnreadableFileError(
                    f"{site.root} has a sample with {field} {text!r}: expected a number"
                ) from error
        return {self.key: torch.tensor(found, dtype=torch.float32)}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: they are in the row."""
