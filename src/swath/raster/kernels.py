"""Resampling by points: one pass over a patch, all bands, GIL released, straight into the batch.

Every kernel takes the mapping as bicubic blocks in pixel coordinates of the window (see
`swath.geometry.mapping`) or, where no polynomial fits, as exact coordinates of every pixel.
Coordinates count from the outer corner of the window's first pixel: pixel k spans [k, k + 1).

Nodata in float windows is NaN. A pixel of the answer is read where the source pixel that holds
its centre is valid; interpolation then takes the valid neighbours alone, so that nodata never
bleeds into data. A band that is invalid where another is valid gets `fills[band]`.
"""

# Compiled code: Numba infers the types of what happens inside these functions.
from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = [
    "bilinear",
    "bilinear_masked",
    "convolve",
    "coordinates",
    "nearest",
    "nearest_plain",
]


@njit(nogil=True, cache=True)
def coordinates(r, blocks, px, py, exact, xs, ys, at_row, at_column):
    """Coordinates of row `r`, evaluated at (r + at_row, c + at_column) for every column c."""
    if exact.shape[0] > 0:
        for c in range(xs.shape[0]):
            xs[c] = exact[0, r, c]
            ys[c] = exact[1, r, c]
        return
    for k in range(blocks.shape[0]):
        r0, r1, c0, c1 = blocks[k, 0], blocks[k, 1], blocks[k, 2], blocks[k, 3]
        if r < r0 or r >= r1:
            continue
        v = (r - r0 + at_row) / (r1 - r0)
        a, b = px[k], py[k]
        a0 = a[0, 0] + v * (a[1, 0] + v * (a[2, 0] + v * a[3, 0]))
        a1 = a[0, 1] + v * (a[1, 1] + v * (a[2, 1] + v * a[3, 1]))
        a2 = a[0, 2] + v * (a[1, 2] + v * (a[2, 2] + v * a[3, 2]))
        a3 = a[0, 3] + v * (a[1, 3] + v * (a[2, 3] + v * a[3, 3]))
        b0 = b[0, 0] + v * (b[1, 0] + v * (b[2, 0] + v * b[3, 0]))
        b1 = b[0, 1] + v * (b[1, 1] + v * (b[2, 1] + v * b[3, 1]))
        b2 = b[0, 2] + v * (b[1, 2] + v * (b[2, 2] + v * b[3, 2]))
        b3 = b[0, 3] + v * (b[1, 3] + v * (b[2, 3] + v * b[3, 3]))
        step = 1.0 / (c1 - c0)
        x, y = xs[c0:c1], ys[c0:c1]
        for c in range(x.shape[0]):
            u = (c + at_column) * step
            x[c] = a0 + u * (a1 + u * (a2 + u * a3))
            y[c] = b0 + u * (b1 + u * (b2 + u * b3))


@njit(nogil=True, cache=True, fastmath=True)
def bilinear(window, blocks, px, py, exact, out):
    """Bilinear for the usual case: all samples valid, every pixel's centre inside the image.

    Args:
        window: (B, h, w) float32; it holds every pixel's four neighbours.
        blocks, px, py, exact: The mapping.
        out: (B, H, W) float32.
    """
    bands, height, width = out.shape
    stride = window.shape[2]
    flat = window.reshape(bands, window.shape[1] * stride)
    xs, ys = np.empty(width), np.empty(width)
    at = np.empty(width, np.int32)
    fx, fy = np.empty(width, np.float32), np.empty(width, np.float32)
    for r in range(height):
        coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
        for c in range(width):
            x, y = xs[c] - 0.5, ys[c] - 0.5
            xi, yi = np.int32(x), np.int32(y)
            at[c] = yi * stride + xi
            fx[c] = x - xi
            fy[c] = y - yi
        for b in range(bands):
            s, line = flat[b], out[b, r]
            for c in range(width):
                k = np.uint32(at[c])
                upper = s[k] + fx[c] * (s[k + 1] - s[k])
                k += np.uint32(stride)
                lower = s[k] + fx[c] * (s[k + 1] - s[k])
                line[c] = upper + fy[c] * (lower - upper)


@njit(nogil=True, cache=True, inline="always")
def _cubic(t):
    # Keys' kernel with a = -1/2, the one of GDAL
    t = abs(t)
    if t < 1.0:
        return (1.5 * t - 2.5) * t * t + 1.0
    if t < 2.0:
        return ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    return 0.0


@njit(nogil=True, cache=True, inline="always")
def _weights(position, radius, scale, cubic, weights):
    """Weights of the pixels around a position; returns the first pixel and their number."""
    first = int(math.floor(position - radius)) + 1
    last = int(math.ceil(position + radius)) - 1
    n = min(last - first + 1, weights.shape[0])
    for i in range(n):
        t = (first + i - position) * scale
        if cubic:
            weights[i] = _cubic(t)
        else:
            weights[i] = max(0.0, 1.0 - abs(t))
    return first, n


@njit(nogil=True, cache=True)
def _sum(window, b, centre, first_x, nx, first_y, ny, limits, cubic, wx, wy):
    """One sample from the valid pixels under its weights."""
    x0, x1 = max(first_x, int(limits[0])), min(first_x + nx, int(limits[1]))
    y0, y1 = max(first_y, int(limits[2])), min(first_y + ny, int(limits[3]))
    total, weight, partial = 0.0, 0.0, False
    for j in range(y0, y1):
        for i in range(x0, x1):
            v = window[b, j, i]
            if v == v:
                w = wy[j - first_y] * wx[i - first_x]
                total += w * v
                weight += w
            else:
                partial = True
    if weight < 1e-6 or (cubic and partial and weight < 0.25):
        return centre  # negative lobes left next to nothing to divide by
    return total / weight


@njit(nogil=True, cache=True)
def bilinear_masked(window, blocks, px, py, exact, limits, fills, out, filled):
    """Bilinear where samples may be invalid, pixels lie outside, or only holes are to be filled.

    A row is interpolated as if all were well; what touched an invalid neighbour came out as not a
    number and is done again with the valid neighbours alone. Arguments as for `convolve`.
    """
    bands, height, width = out.shape
    rows, stride = window.shape[1], window.shape[2]
    flat = window.reshape(bands, rows * stride)
    xs, ys = np.empty(width), np.empty(width)
    at = np.empty(width, np.int32)
    fx, fy = np.empty(width, np.float32), np.empty(width, np.float32)
    values = np.empty((bands, width), np.float32)
    todo = np.empty(width, np.bool_)
    wx, wy = np.empty(4), np.empty(4)
    for r in range(height):
        coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
        some = False
        for c in range(width):
            x, y = xs[c], ys[c]
            ok = limits[0] <= x < limits[1] and limits[2] <= y < limits[3] and filled[r, c] == 0
            todo[c] = ok
            some = some or ok
            if not ok:
                x, y = 1.0, 1.0
            xi = min(max(int(x - 0.5), 0), stride - 2)
            yi = min(max(int(y - 0.5), 0), rows - 2)
            at[c] = yi * stride + xi
            fx[c] = x - 0.5 - xi
            fy[c] = y - 0.5 - yi
        if not some:
            continue
        for b in range(bands):
            s, line = flat[b], values[b]
            for c in range(width):
                k = np.uint32(at[c])
                upper = s[k] + fx[c] * (s[k + 1] - s[k])
                k += np.uint32(stride)
                lower = s[k] + fx[c] * (s[k + 1] - s[k])
                line[c] = upper + fy[c] * (lower - upper)
        for c in range(width):
            if not todo[c]:
                continue
            good = 0
            for b in range(bands):
                if values[b, c] == values[b, c]:
                    good += 1
                    continue
                centre = window[b, int(ys[c]), int(xs[c])]
                if centre == centre:
                    x0, nx = _weights(xs[c] - 0.5, 1.0, 1.0, False, wx)
                    y0, ny = _weights(ys[c] - 0.5, 1.0, 1.0, False, wy)
                    values[b, c] = _sum(window, b, centre, x0, nx, y0, ny, limits, False, wx, wy)
                    good += 1
                else:
                    values[b, c] = fills[b]
            if good:
                filled[r, c] = 1
                for b in range(bands):
                    out[b, r, c] = values[b, c]


@njit(nogil=True, cache=True)
def nearest_plain(window, blocks, px, py, nodata, has_nodata, out):
    """Nearest neighbour for the usual case: every centre inside the image, nothing filled yet.

    Returns False, with `out` in disorder, as soon as an invalid sample is met.
    """
    bands, height, width = out.shape
    stride = window.shape[2]
    flat = window.reshape(bands, window.shape[1] * stride)
    exact = np.empty((0, 1, 1))
    xs, ys = np.empty(width), np.empty(width)
    at = np.empty(width, np.uint32)
    for r in range(height):
        coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
        for c in range(width):
            at[c] = np.uint32(np.int32(ys[c]) * stride + np.int32(xs[c]))
        for b in range(bands):
            source, line = flat[b], out[b, r]
            bad, check, invalid = nodata[b], has_nodata[b], 0
            for c in range(width):
                v = source[at[c]]
                line[c] = v
                invalid += (check and v == bad) or v != v
            if invalid:
                return False
    return True


@njit(nogil=True, cache=True)
def nearest(window, valid, blocks, px, py, exact, limits, nodata, has_nodata, fills, out, filled):
    """Nearest neighbour, from any dtype to any dtype, where `filled` is 0.

    Args:
        window: (B, h, w) of the file's dtype.
        valid: (h, w) uint8, 0 where a mask says invalid; or of size 0 where there is none.
        limits: (4,) float64: x from, x to, y from, y to of the image inside the window.
        nodata, has_nodata: (B,) nodata of each band, and whether it has one.
        fills: (B,) values for bands that are invalid where others are valid.
        out: (B, H, W). filled: (H, W) uint8, set to 1 where something was read.
    """
    bands, height, width = out.shape
    xs, ys = np.empty(width), np.empty(width)
    masked = valid.size > 0
    checked = masked
    for b in range(bands):
        checked = checked or has_nodata[b]
    for r in range(height):
        coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
        for c in range(width):
            if filled[r, c]:
                continue
            x, y = xs[c], ys[c]
            if not (limits[0] <= x < limits[1] and limits[2] <= y < limits[3]):
                continue
            xi, yi = int(x), int(y)
            if not checked:
                for b in range(bands):
                    out[b, r, c] = window[b, yi, xi]
                filled[r, c] = 1
                continue
            if masked and valid[yi, xi] == 0:
                continue
            good = 0
            for b in range(bands):
                v = window[b, yi, xi]
                if (has_nodata[b] and v == nodata[b]) or v != v:
                    out[b, r, c] = fills[b]
                else:
                    out[b, r, c] = v
                    good += 1
            if good:
                filled[r, c] = 1


@njit(nogil=True, cache=True, inline="always")
def _dot(values, weights):
    """Sum of values times weights; not a number as soon as one value is none."""
    total = np.float32(0)
    for j in range(values.shape[0]):
        line, part = values[j], weights[j]
        for i in range(line.shape[0]):
            total += part[i] * line[i]
    return total


@njit(nogil=True, cache=True)
def convolve(window, blocks, px, py, exact, limits, scale_x, scale_y, cubic, fills, out, filled):
    """Bilinear or cubic for every case: invalid samples, edges, holes to fill, coarser queries.

    Where the answer is coarser than the source, the kernel is widened by the ratio (`scale_x`,
    `scale_y`: source pixels a pixel of the answer, at least 1), so that nothing aliases.

    Args:
        window: (B, h, w) float32, NaN where invalid.
        limits: (4,) float64: x from, x to, y from, y to of the image inside the window.
        cubic: Cubic convolution if true, else bilinear.
        fills: (B,) values for bands that are invalid where others are valid.
        out: (B, H, W) float32. filled: (H, W) uint8.
    """
    bands, height, width = out.shape
    base = 2.0 if cubic else 1.0
    wx = np.empty(2 * int(math.ceil(base * scale_x)) + 2)
    wy = np.empty(2 * int(math.ceil(base * scale_y)) + 2)
    weights = np.empty((len(wy), len(wx)), np.float32)
    xs, ys = np.empty(width), np.empty(width)
    for r in range(height):
        coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
        for c in range(width):
            if filled[r, c]:
                continue
            x, y = xs[c], ys[c]
            if not (limits[0] <= x < limits[1] and limits[2] <= y < limits[3]):
                continue
            xi, yi = int(x), int(y)
            first_x, nx = _weights(x - 0.5, base * scale_x, 1.0 / scale_x, cubic, wx)
            first_y, ny = _weights(y - 0.5, base * scale_y, 1.0 / scale_y, cubic, wy)
            x0, x1 = max(first_x, int(limits[0])), min(first_x + nx, int(limits[1]))
            y0, y1 = max(first_y, int(limits[2])), min(first_y + ny, int(limits[3]))
            weight = np.float32(0)
            for j in range(y1 - y0):
                for i in range(x1 - x0):
                    w = np.float32(wy[y0 - first_y + j] * wx[x0 - first_x + i])
                    weights[j, i] = w
                    weight += w
            good = 0
            for b in range(bands):
                # As if all were well; what met an invalid sample is not a number, and done again
                total = _dot(window[b, y0:y1, x0:x1], weights)
                if total == total and weight > 1e-6:
                    out[b, r, c] = total / weight
                    good += 1
                    continue
                centre = window[b, yi, xi]
                if centre == centre:
                    out[b, r, c] = _sum(
                        window, b, centre, first_x, nx, first_y, ny, limits, cubic, wx, wy
                    )
                    good += 1
                else:
                    out[b, r, c] = fills[b]
            if good:
                filled[r, c] = 1
