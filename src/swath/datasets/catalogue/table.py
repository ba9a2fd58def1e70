"""Many samples' fields in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows"]


class Rows:
    """What is known of each sample: named texts, a column a field.

    Columns are arrays and not lists of objects, so that worker processes share them: counting
    references to a million strings would copy every page of them into every worker.

    Args:
        rows: A mapping a sample, all with the same names.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        listed = list(rows)
        names = list(listed[0]) if listed else []
        self.columns: dict[str, NDArray[np.str_]] = {
            name: np.array([row[name] for row in listed], dtype=np.str_) for name in names
        }
        self._length = len(listed)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, str]:
        return {name: str(column[index]) for name, column in self.columns.items()}

    def __iter__(self) -> Iterator[dict[str, str]]:
        return (self[i] for i in range(len(self)))

    def take(self, numbers: Sequence[int] | NDArray[np.int64]) -> Rows:
        """Some of the rows, in the order of `numbers`."""
        some = Rows([])
        chosen = np.asarray(numbers, dtype=np.int64)
        some.columns = {name: column[chosen] for name, column in self.columns.items()}
        some._length = len(chosen)
        return some
