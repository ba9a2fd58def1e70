"""Resampling by areas: the mean, or the commonest value, of what lies under each pixel.

A pixel's footprint is the box around its four corners in the source, and a source pixel counts by
the area of it that the box covers. (GDAL takes the box of two opposite corners, which is the same
where the grids are not rotated against each other, and counts whole pixels for the mode.) The
mapping and what is nodata are as in `swath.raster.kernels`.
"""

# Compiled code: Numba infers the types of what happens inside these functions.
from __future__ import annotations

import math

import numpy as np
from numba import njit

from swath.raster.kernels import coordinates

__all__ = ["average", "mode"]


@njit(nogil=True, cache=True)
def _corner_lines(r, blocks, px, py, exact, half_x, half_y, xs, ys, left, right):
    """Boxes (2, W) of low and high corners of the footprints of row r."""
    width = xs.shape[0]
    coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
    for c in range(width):
        left[0, c], right[0, c] = xs[c] - half_x, xs[c] + half_x
        left[1, c], right[1, c] = ys[c] - half_y, ys[c] + half_y
    if exact.shape[0] > 0:
        return
    for corner in range(4):
        coordinates(r, blocks, px, py, exact, xs, ys, corner // 2, corner % 2)
        for c in range(width):
            if corner == 0:
                left[0, c] = right[0, c] = xs[c]
                left[1, c] = right[1, c] = ys[c]
            else:
                left[0, c], right[0, c] = min(left[0, c], xs[c]), max(right[0, c], xs[c])
                left[1, c], right[1, c] = min(left[1, c], ys[c]), max(right[1, c], ys[c])


@njit(nogil=True, cache=True)
def average(window, blocks, px, py, exact, limits, scale_x, scale_y, fills, out, filled):
    """Mean of the valid source pixels under each pixel, weighted by the area that it covers.

    The footprint is the box around the pixel's four corners in the source. Arguments as for
    `convolve`.
    """
    bands, height, width = out.shape
    xs, ys = np.empty(width), np.empty(width)
    low, high = np.empty((2, width)), np.empty((2, width))
    for r in range(height):
        _corner_lines(r, blocks, px, py, exact, scale_x / 2, scale_y / 2, xs, ys, low, high)
        for c in range(width):
            if filled[r, c]:
                continue
            xa, xb = max(low[0, c], limits[0]), min(high[0, c], limits[1])
            ya, yb = max(low[1, c], limits[2]), min(high[1, c], limits[3])
            if not (xa < xb and ya < yb):
                continue
            good = 0
            for b in range(bands):
                total, weight = 0.0, 0.0
                for j in range(int(ya), int(math.ceil(yb))):
                    wy = min(yb, j + 1.0) - max(ya, float(j))
                    for i in range(int(xa), int(math.ceil(xb))):
                        v = window[b, j, i]
                        if v == v:
                            w = wy * (min(xb, i + 1.0) - max(xa, float(i)))
                            total += w * v
                            weight += w
                if weight > 0.0:
                    out[b, r, c] = total / weight
                    good += 1
                else:
                    out[b, r, c] = fills[b]
            if good:
                filled[r, c] = 1


@njit(nogil=True, cache=True)
def mode(
    window, valid, blocks, px, py, exact, limits, scale_x, scale_y,
    nodata, has_nodata, fills, out, filled,
):  # fmt: skip
    """The value that covers most of each pixel; of two that cover the same, the one met first.

    The footprint is the box around the pixel's four corners in the source. Arguments as for
    `nearest`.
    """
    bands, height, width = out.shape
    xs, ys = np.empty(width), np.empty(width)
    low, high = np.empty((2, width)), np.empty((2, width))
    room = 64
    values = np.empty(room, window.dtype)
    shares = np.empty(room)
    masked = valid.size > 0
    for r in range(height):
        _corner_lines(r, blocks, px, py, exact, scale_x / 2, scale_y / 2, xs, ys, low, high)
        for c in range(width):
            if filled[r, c]:
                continue
            xa, xb = max(low[0, c], limits[0]), min(high[0, c], limits[1])
            ya, yb = max(low[1, c], limits[2]), min(high[1, c], limits[3])
            if not (xa < xb and ya < yb):
                continue
            good = 0
            for b in range(bands):
                n = 0
                for j in range(int(ya), int(math.ceil(yb))):
                    wy = min(yb, j + 1.0) - max(ya, float(j))
                    for i in range(int(xa), int(math.ceil(xb))):
                        v = window[b, j, i]
                        if v != v or (has_nodata[b] and v == nodata[b]):
                            continue
                        if masked and valid[j, i] == 0:
                            continue
                        w = wy * (min(xb, i + 1.0) - max(xa, float(i)))
                        k = 0
                        while k < n and values[k] != v:
                            k += 1
                        if k == n:
                            if n == room:
                                room *= 2
                                more_values = np.empty(room, window.dtype)
                                more_shares = np.empty(room)
                                more_values[:n] = values
                                more_shares[:n] = shares
                                values, shares = more_values, more_shares
                            values[k] = v
                            shares[k] = 0.0
                            n += 1
                        shares[k] += w
                if n == 0:
                    out[b, r, c] = fills[b]
                    continue
                best = 0
                for k in range(1, n):
                    if shares[k] > shares[best]:
                        best = k
                out[b, r, c] = values[best]
                good += 1
            if good:
                filled[r, c] = 1
