"""Label values to class numbers, in place."""

# Compiled code: Numba infers the types of what happens inside these functions.
from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["NOTHING", "relabel"]


@njit(nogil=True, cache=True)
def relabel(labels, table, before, filled):
    """Replace each value by its entry in `table`, where a pixel has just been read.

    Args:
        labels: (B, C, H, W) int64.
        table: (N,) int64; values outside of it become 0.
        before, filled: (B, H, W) uint8, what had been read before and is read now; `before` may
            be of size 0 where nothing had.
    """
    n = len(table)
    fresh = before.size == 0
    for k in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            for y in range(labels.shape[2]):
                row, now = labels[k, c, y], filled[k, y]
                for x in range(row.shape[0]):
                    if now[x] and (fresh or before[k, y, x] == 0):
                        v = row[x]
                        row[x] = table[v] if 0 <= v < n else 0


NOTHING = np.empty((0, 0, 0), np.uint8)
