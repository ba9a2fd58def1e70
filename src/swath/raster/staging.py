"""Source pixels out of decoded tiles into one contiguous window.

A window is read through a table of tile addresses, so that tiles of a memory-mapped file and
tiles that were decoded a moment ago are the same thing, and no tile is copied twice. Windows may
reach over the edge of the image: the edge pixel is repeated, which leaves interpolation with the
weights of the pixels that exist.
"""

# Compiled code: Numba infers the types of what happens inside these functions.
from __future__ import annotations

import numpy as np
from numba import njit

from swath.raster.simd import LANES, convert_eight, convert_one

__all__ = ["count_nan", "count_set", "mark_nodata", "settle", "stage_mask", "stage_native"]


@njit(nogil=True, cache=True)
def _copy_run(source, step, target, n, like, out):
    """`n` elements from an address, `step` bytes apart, to an address, side by side."""
    size, wide = like.itemsize, out.itemsize
    x = 0
    if step == size:
        while x + LANES <= n:
            convert_eight(source + x * size, target + x * wide, like, out)
            x += LANES
    while x < n:
        convert_one(source + x * step, target + x * wide, like, out)
        x += 1


@njit(nogil=True, cache=True, inline="always")
def _pad(row, first, end):
    """Repeat the first and last pixel that exist: row[first:end]."""
    value = row[first]
    for x in range(first):
        row[x] = value
    value = row[end - 1]
    for x in range(end, row.shape[0]):
        row[x] = value


@njit(nogil=True, cache=True)
def stage_native(
    table, row_stride, col_stride, tile_h, tile_w, ty0, tx0,
    image_h, image_w, top, left, like, absent, out,
):  # fmt: skip
    """Fill `out` (B, h, w) from row `top`, column `left` of the image, converting to its dtype.

    `table` (B, rows, columns) uint64 holds tile addresses from tile (ty0, tx0) on, 0 for a tile
    that is absent from the file and then reads as `absent[band]`. `like` is an empty array of the
    file's dtype; rows of `out` are contiguous. The window must share at least one row and one
    column with the image.
    """
    bands, h, w = out.shape
    c_from, c_to = max(left, 0), min(left + w, image_w)
    r_from, r_to = max(top, 0), min(top + h, image_h)
    base, plane, line = out.ctypes.data, out.strides[0], out.strides[1]
    for b in range(bands):
        for ty in range(r_from // tile_h, (r_to - 1) // tile_h + 1):
            r0, r1 = max(ty * tile_h, r_from), min((ty + 1) * tile_h, r_to)
            for tx in range(c_from // tile_w, (c_to - 1) // tile_w + 1):
                c0, c1 = max(tx * tile_w, c_from), min((tx + 1) * tile_w, c_to)
                address = np.int64(table[b, ty - ty0, tx - tx0])
                if address == 0:
                    out[b, r0 - top : r1 - top, c0 - left : c1 - left] = absent[b]
                    continue
                source = address + (r0 - ty * tile_h) * row_stride + (c0 - tx * tile_w) * col_stride
                target = base + b * plane + (r0 - top) * line + (c0 - left) * out.itemsize
                for y in range(r1 - r0):
                    _copy_run(
                        source + y * row_stride, col_stride, target + y * line, c1 - c0, like, out
                    )
        inside = out[b, r_from - top : r_to - top]
        if c_to - c_from < w:
            for y in range(inside.shape[0]):
                _pad(inside[y], c_from - left, c_to - left)
        for y in range(r_from - top):
            out[b, y] = inside[0]
        for y in range(r_to - top, h):
            out[b, y] = inside[-1]


@njit(nogil=True, cache=True)
def mark_nodata(native, nodata, has_nodata, out):
    """Copy `native` (B, h, w) to float32, NaN where a band equals its nodata; count of those."""
    invalid = 0
    for b in range(native.shape[0]):
        if not has_nodata[b]:
            for y in range(native.shape[1]):
                source, row = native[b, y], out[b, y]
                for x in range(row.shape[0]):
                    row[x] = source[x]
            continue
        bad = nodata[b]
        for y in range(native.shape[1]):
            source, row = native[b, y], out[b, y]
            count = 0
            for x in range(row.shape[0]):
                hit = source[x] == bad
                count += hit
                row[x] = np.float32(np.nan) if hit else np.float32(source[x])
            invalid += count
    return invalid


@njit(nogil=True, cache=True)
def count_nan(window):
    """Number of samples of a float window that are not numbers."""
    invalid = 0
    for b in range(window.shape[0]):
        for y in range(window.shape[1]):
            row = window[b, y]
            count = 0
            for x in range(row.shape[0]):
                count += row[x] != row[x]
            invalid += count
    return invalid


@njit(nogil=True, cache=True)
def stage_mask(window, mask):
    """Set samples of a float window (B, h, w) to NaN where `mask` (h, w) is 0; count them."""
    bands, h, w = window.shape
    invalid = 0
    for y in range(h):
        for x in range(w):
            if mask[y, x] == 0:
                for b in range(bands):
                    window[b, y, x] = np.float32(np.nan)
                invalid += bands
    return invalid


@njit(nogil=True, cache=True)
def count_set(masks):
    """Number of pixels that are set (1) in each of the masks (B, H, W) uint8: (B,) int64."""
    counts = np.zeros(masks.shape[0], np.int64)
    for i in range(masks.shape[0]):
        for y in range(masks.shape[1]):
            row = masks[i, y]
            count = 0
            for x in range(row.shape[0]):
                count += row[x]
            counts[i] += count
    return counts


@njit(nogil=True, cache=True)
def _any_invalid(block, nodata, has_nodata):
    for b in range(block.shape[0]):
        bad, check = nodata[b], has_nodata[b]
        count = 0
        for y in range(block.shape[1]):
            row = block[b, y]
            if check:
                for x in range(row.shape[0]):
                    count += (row[x] == bad) | (row[x] != row[x])
            else:
                for x in range(row.shape[0]):
                    count += row[x] != row[x]
        if count:
            return True
    return False


@njit(nogil=True, cache=True)
def settle(block, nodata, has_nodata, fills, filled):
    """After a plain copy to `block` (B, h, w): say what was read, and fill in what was not.

    A pixel is read where any band is valid; bands that are not get `fills[band]` there.
    """
    bands, h, w = block.shape
    if not _any_invalid(block, nodata, has_nodata):
        filled[:] = 1
        return
    for y in range(h):
        for x in range(w):
            good = 0
            for b in range(bands):
                v = block[b, y, x]
                if not ((has_nodata[b] and v == nodata[b]) or v != v):
                    good += 1
            if good == 0:
                continue
            filled[y, x] = 1
            if good < bands:
                for b in range(bands):
                    v = block[b, y, x]
                    if (has_nodata[b] and v == nodata[b]) or v != v:
                        block[b, y, x] = fills[b]
