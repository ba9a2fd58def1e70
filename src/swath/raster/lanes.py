"""Bilinear in vectors of eight bands: the fast path of the warp.

A window is laid out (h, w, 8): the eight bands of a pixel lie side by side, so that one load
brings a neighbour's value of all bands, and the weights of a pixel serve all of them. Compilers do
not find this by themselves: the loads, the arithmetic and the transpositions back to planes are
written as vector instructions of LLVM, which knows how to say them on every processor.
"""

# Compiled code: Numba infers the types of what happens inside these functions.
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from swath.raster.kernels import coordinates
from swath.raster.simd import (
    F32,
    I32,
    I64,
    LANES,
    load,
    read_element,
    splat,
    store,
    to_float,
    transpose,
)

__all__ = ["LANES", "bilinear_lanes", "count_equal", "stage_lanes"]


@intrinsic
def _lerp_block(
    typingctx: Any, base: Any, at: Any, fx: Any, fy: Any, row: Any, out: Any, plane: Any,
    bands: Any, like: Any,
) -> Any:  # fmt: skip
    """Eight pixels of all bands: from a window of lanes to eight planes.

    base, at, fx, fy, out: addresses of the window, of eight int32 element offsets, of two times
    eight float32 weights, and of the first plane's pixel. row, plane: bytes from a window's row
    to the next and from a plane to the next.
    """
    dtype = like.dtype
    size = dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        base_, at_, fx_, fy_, row_, out_, plane_, bands_, _ = args
        element = context.get_value_type(dtype)
        vector = ir.VectorType(element, LANES)
        const = lambda v: ir.Constant(I64, v)  # noqa: E731
        pixels = []
        for p in range(LANES):
            offset = builder.sext(load(builder, builder.add(at_, const(4 * p)), I32, 4), I64)
            here = builder.add(base_, builder.mul(offset, const(size)))
            below = builder.add(here, row_)
            step = const(LANES * size)
            corners = [
                to_float(builder, load(builder, a, vector, size), dtype)
                for a in (here, builder.add(here, step), below, builder.add(below, step))
            ]
            wx = splat(builder, load(builder, builder.add(fx_, const(4 * p)), F32, 4))
            wy = splat(builder, load(builder, builder.add(fy_, const(4 * p)), F32, 4))
            flags = ("contract",)

            def lerp(a: Any, b: Any, w: Any, flags: Any = flags) -> Any:
                return builder.fadd(
                    a, builder.fmul(w, builder.fsub(b, a, flags=flags), flags=flags), flags=flags
                )

            upper = lerp(corners[0], corners[1], wx)
            lower = lerp(corners[2], corners[3], wx)
            pixels.append(lerp(upper, lower, wy))
        planes = transpose(builder, pixels)
        for b in range(LANES):
            with builder.if_then(builder.icmp_signed("<", const(b), bands_), likely=True):
                store(builder, planes[b], builder.add(out_, builder.mul(plane_, const(b))), 4)
        return context.get_dummy_value()

    signature = types.none(
        types.int64, types.int64, types.int64, types.int64, types.int64, types.int64,
        types.int64, types.int64, like,
    )  # fmt: skip
    return signature, codegen


@intrinsic
def _weave_block(typingctx: Any, sources: Any, offset: Any, out: Any, like: Any) -> Any:
    """Eight pixels of eight planes into lanes.

    sources: address of eight int64 addresses of planes; offset: bytes added to each; out: address
    of 64 elements.
    """
    dtype = like.dtype
    size = dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sources_, offset_, out_, _ = args
        vector = ir.VectorType(context.get_value_type(dtype), LANES)
        rows = []
        for b in range(LANES):
            plane = load(builder, builder.add(sources_, ir.Constant(I64, 8 * b)), I64, 8)
            rows.append(load(builder, builder.add(plane, offset_), vector, 1))
        for p, pixel in enumerate(transpose(builder, rows)):
            where = builder.add(out_, ir.Constant(I64, p * LANES * size))
            store(builder, pixel, where, size)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64, like), codegen


@njit(nogil=True, cache=True)
def stage_lanes(
    table, row_stride, col_stride, tile_h, tile_w, ty0, tx0,
    image_h, image_w, top, left, like, out,
):  # fmt: skip
    """Fill `out` (h, w, 8) of the file's dtype; lanes without a band repeat the last one.

    The other arguments are those of `swath.raster.staging.stage_native`. Returns False, with
    `out` in disorder, if a tile is absent from the file.
    """
    bands = table.shape[0]
    h, w = out.shape[0], out.shape[1]
    size = like.itemsize
    c_from, c_to = max(left, 0), min(left + w, image_w)
    r_from, r_to = max(top, 0), min(top + h, image_h)
    planes = np.empty(LANES, np.int64)
    base = out.ctypes.data
    for ty in range(r_from // tile_h, (r_to - 1) // tile_h + 1):
        r0, r1 = max(ty * tile_h, r_from), min((ty + 1) * tile_h, r_to)
        for tx in range(c_from // tile_w, (c_to - 1) // tile_w + 1):
            c0, c1 = max(tx * tile_w, c_from), min((tx + 1) * tile_w, c_to)
            shift = (r0 - ty * tile_h) * row_stride + (c0 - tx * tile_w) * col_stride
            for b in range(LANES):
                address = table[min(b, bands - 1), ty - ty0, tx - tx0]
                if address == 0:
                    return False
                planes[b] = np.int64(address) + shift
            n = c1 - c0
            for y in range(r1 - r0):
                target = base + ((r0 - top + y) * w + c0 - left) * LANES * size
                line = y * row_stride
                x = 0
                if col_stride == size:
                    while x + LANES <= n:
                        _weave_block(
                            planes.ctypes.data, line + x * size, target + x * LANES * size, like
                        )
                        x += LANES
                row = out[r0 - top + y, c0 - left : c1 - left]
                for i in range(x, n):
                    for b in range(LANES):
                        row[i, b] = read_element(planes[b] + line + i * col_stride, like)
    for y in range(r_from - top, r_to - top):
        for x in range(c_from - left):
            out[y, x] = out[y, c_from - left]
        for x in range(c_to - left, w):
            out[y, x] = out[y, c_to - left - 1]
    for y in range(r_from - top):
        out[y] = out[r_from - top]
    for y in range(r_to - top, h):
        out[y] = out[r_to - top - 1]
    return True


@njit(nogil=True, cache=True)
def count_equal(flat, value):
    """Number of elements of a flat array that equal a value (NaN: that are NaN)."""
    total = 0
    if value == value:
        for i in range(flat.shape[0]):
            total += flat[i] == value
    for i in range(flat.shape[0]):
        total += flat[i] != flat[i]
    return total


@njit(nogil=True, cache=True, fastmath=True)
def bilinear_lanes(window, blocks, px, py, exact, out):
    """Bilinear from lanes (h, w, 8) to planes (B ≤ 8, H, W) float32.

    For the usual case: all samples valid, every pixel's centre inside the image and its four
    neighbours in the window. The mapping is as for `swath.raster.kernels.bilinear`.
    """
    bands, height, width = out.shape
    stride = window.shape[1]
    xs, ys = np.empty(width), np.empty(width)
    at = np.empty(width, np.int32)
    fx, fy = np.empty(width, np.float32), np.empty(width, np.float32)
    row_bytes = stride * LANES * window.itemsize
    base, target = window.ctypes.data, out.ctypes.data
    at_, fx_, fy_ = at.ctypes.data, fx.ctypes.data, fy.ctypes.data
    for r in range(height):
        coordinates(r, blocks, px, py, exact, xs, ys, 0.5, 0.5)
        for c in range(width):
            x, y = xs[c] - 0.5, ys[c] - 0.5
            xi, yi = np.int32(x), np.int32(y)
            at[c] = (yi * stride + xi) * LANES
            fx[c] = x - xi
            fy[c] = y - yi
        c = 0
        while True:
            _lerp_block(
                base, at_ + 4 * c, fx_ + 4 * c, fy_ + 4 * c, row_bytes,
                target + out.strides[1] * r + 4 * c, out.strides[0], bands, window,
            )  # fmt: skip
            if c + LANES >= width:
                break
            # the last block overlaps the one before it where the width is no multiple of eight
            c = min(c + LANES, width - LANES)
