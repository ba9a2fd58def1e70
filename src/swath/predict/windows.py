"""Which windows cover a grid, in the order they are predicted: pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from swath.errors import ConfigError

__all__ = ["Tiling", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A square of `size` pixels whose upper left one is at (row, col) of the grid."""

    row: int
    col: int
    size: int


@dataclass(frozen=True)
class Tiling:
    """Windows of one size that cover a grid and overlap.

    Neighbours share at least `overlap` of their size; the windows are spread evenly, so that all
    of them lie inside the grid. A grid smaller than a window has one, which reaches out of it to
    the right and below.

    Args:
        width: Columns of the grid.
        height: Rows of the grid.
        size: Side of a window in pixels.
        overlap: Fraction of a window that its neighbour shares at least, 0 up to below 1.

    Raises:
        ConfigError: The size or the overlap makes no windows.
    """

    width: int
    height: int
    size: int
    overlap: float = 0.25

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or self.size < 1:
            raise ConfigError(
                f"windows of {self.size} pixels on a grid of {self.height} x {self.width}: all of "
                "these are at least 1"
            )
        if not 0 <= self.overlap < 1:
            raise ConfigError(
                f"overlap is {self.overlap}; it is the fraction of a window that its neighbour "
                "shares, 0 or more and below 1 (0.25 is usual)"
            )

    @property
    def stride(self) -> int:
        """Pixels from one window to the next at most."""
        return max(1, math.floor(self.size * (1 - self.overlap)))

    @property
    def rows(self) -> list[int]:
        """First rows of windows, rising."""
        return _starts(self.height, self.size, self.stride)

    @property
    def cols(self) -> list[int]:
        """First columns of windows, rising."""
        return _starts(self.width, self.size, self.stride)

    def __len__(self) -> int:
        return len(self.rows) * len(self.cols)

    def windows(self, start: int = 0, stop: int | None = None) -> Iterator[Window]:
        """Windows that touch the columns from `start` to before `stop`, row by row."""
        end = self.width if stop is None else stop
        cols = [c for c in self.cols if c < end and c + self.size > start]
        for row in self.rows:
            for col in cols:
                yield Window(row, col, self.size)

    def strips(self, columns: int) -> list[tuple[int, int]]:
        """Cut the grid into upright strips of at most about `columns` columns.

        What is kept in memory while windows are blended grows with a strip's width. Windows that
        touch two strips are predicted for both, so strips are at least four windows wide.

        Returns:
            (first column, column after the last) of each, from the left; of nearly equal width.
        """
        count = max(1, math.ceil(self.width / max(columns, 4 * self.size)))
        edges = [self.width * i // count for i in range(count + 1)]
        return list(pairwise(edges))


def _starts(length: int, size: int, stride: int) -> list[int]:
    if length <= size:
        return [0]
    steps = math.ceil((length - size) / stride)
    return [i * (length - size) // steps for i in range(steps + 1)]
