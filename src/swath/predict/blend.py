"""Overlapping windows made one picture, in memory that does not grow with its height."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.errors import ConfigError
from swath.predict.windows import Window

__all__ = ["Blend", "Blender", "window_weights"]

Blend = Literal["cosine", "linear", "none"]

#: Takes finished rows: values (C, h, w) float64, known (h, w) bool, first row, first column.
Emit = Callable[[NDArray[np.float64], NDArray[np.bool_], int, int], None]

_LEVELS = 255


def window_weights(size: int, blend: Blend = "cosine") -> Tensor:
    """How much each pixel of a window counts: most in the middle, never nothing.

    The weights are whole numbers. Products of them with 24-bit floats, and sums of those, are
    exact in float64; so where all windows say the same, the blend says exactly that too.

    Args:
        size: Side of the window.
        blend: cosine (a squared sine over the window), linear (a pyramid), or none (all equal).

    Returns:
        (size, size) float64, from 1 to 255².

    Raises:
        ConfigError: Another blend.
    """
    middle = (np.arange(size) + 0.5) / size
    if blend == "cosine":
        line = np.sin(np.pi * middle) ** 2
    elif blend == "linear":
        line = 1 - np.abs(2 * middle - 1)
    elif blend == "none":
        line = np.ones(size)
    else:
        raise ConfigError(f"blend is {blend!r}; choose cosine, linear or none")
    steps = np.maximum(1, np.rint(_LEVELS * line / line.max()))
    return torch.from_numpy(np.outer(steps, steps))


class Blender:
    """Weighted mean of windows that come row by row.

    Rows that no later window can touch are handed out and forgotten: what is kept is one window
    high and a strip wide, channels x size x columns x 8 bytes.

    Args:
        channels: Channels of each window.
        height: Rows of the grid.
        start: First column that is handed out; what windows hold left of it is dropped.
        stop: Column after the last that is handed out.
        weights: (size, size) from `window_weights`.
        emit: Called with finished rows. `known` is False where no window had anything to say;
            the values there are 0.
    """

    def __init__(
        self, channels: int, height: int, start: int, stop: int, weights: Tensor, emit: Emit
    ) -> None:
        self._height, self._start, self._stop = height, start, stop
        self._weights = weights
        self._emit = emit
        self._size = len(weights)
        self._top = 0
        width = stop - start
        self._sums = torch.zeros((channels, self._size, width), dtype=torch.float64)
        self._total = torch.zeros((self._size, width), dtype=torch.float64)

    def add(self, window: Window, values: Tensor, valid: Tensor | None = None) -> None:
        """Take a window.

        Args:
            window: Its place; its row is not above that of the window before.
            values: (C, size, size), finite.
            valid: (size, size) of bool: where it is False the window has nothing to say.
        """
        self.flush(window.row)
        left, right = max(window.col, self._start), min(window.col + self._size, self._stop)
        rows = min(self._size, self._height - window.row)
        if left >= right or rows <= 0:
            return
        here = (slice(0, rows), slice(left - window.col, right - window.col))
        there = (slice(0, rows), slice(left - self._start, right - self._start))
        weights = self._weights[here]
        if valid is not None:
            weights = weights * valid[here]
        part = values[(slice(None), *here)].to(torch.float64)
        self._sums[(slice(None), *there)].addcmul_(part, weights.expand_as(part))
        self._total[there] += weights

    def flush(self, row: int) -> None:
        """Hand out all rows above `row`."""
        count = min(row - self._top, self._size)
        if count <= 0:
            return
        total = self._total[:count]
        known = total > 0
        if known.any():
            mean = self._sums[:, :count] / torch.where(known, total, 1.0)
            self._emit(_numpy(mean), _numpy(known), self._top, self._start)
        keep = self._size - count
        # Rows move up; clone, for the two ranges overlap.
        self._sums[:, :keep] = self._sums[:, count:].clone()
        self._total[:keep] = self._total[count:].clone()
        self._sums[:, keep:] = 0
        self._total[keep:] = 0
        self._top = row

    def finish(self) -> None:
        """Hand out what is left."""
        self.flush(self._height)


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return tensor.numpy()
