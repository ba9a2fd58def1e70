"""Many samples' fields in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

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
        self.columns: dict[str, NDArray[Any]] = {
            name: _column([row[name] for row in listed]) for name in names
        }
        self._length = len(listed)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, str]:
        return {name: _text(column[index]) for name, column in self.columns.items()}

    def __iter__(self) -> Iterator[dict[str, str]]:
        return (self[i] for i in range(len(self)))

    def take(self, numbers: Sequence[int] | NDArray[np.int64]) -> Rows:
        """Some of the rows, in the order of `numbers`."""
        some = Rows([])
        chosen = np.asarray(numbers, dtype=np.int64)
        some.columns = {name: column[chosen] for name, column in self.columns.items()}
        some._length = len(chosen)
        return some


def _column(texts: list[str]) -> NDArray[Any]:
    try:
        return np.array(texts, dtype=np.bytes_)  # a quarter of the memory
    except UnicodeEncodeError:
        return np.array(texts, dtype=np.str_)


def _text(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)
