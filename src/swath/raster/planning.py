"""Where the pixels of a query lie in one overview of a file, and which window that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swath.geometry.mapping import Mapping
from swath.raster.staging import settle, stage_native

if TYPE_CHECKING:
    from swath.raster.scene import BandGroup

__all__ = ["PatchPlan", "aligned_copy", "apply_gain", "compose"]

_NO_EXACT = np.empty((0, 1, 1))
_NO_BLOCKS = np.empty((0, 4), np.int64)
_NO_COEFFICIENTS = np.empty((0, 4, 4))


@dataclass
class PatchPlan:
    """The mapping of one patch in pixels of one level of a file.

    `x_min` … `y_max` are whole pixels around all pixel centres of the patch (not clipped);
    `scale_x`, `scale_y` source pixels a pixel of the patch in its middle. `offset` is set when the
    patch is the source's own grid, shifted: (column, row) of the patch's first pixel.
    """

    blocks: NDArray[np.int64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    exact: NDArray[np.float64]
    x_min: int
    x_max: int
    y_min: int
    y_max: int
    scale_x: float
    scale_y: float
    offset: tuple[float, float] | None = None

    def empty(self, width: int, height: int) -> bool:
        """Whether the patch lies outside of an image altogether."""
        return self.x_max <= 0 or self.y_max <= 0 or self.x_min >= width or self.y_min >= height

    def inside(self, width: int, height: int) -> bool:
        """Whether every pixel centre lies inside an image."""
        return (
            len(self.blocks) > 0
            and self.x_min >= 0
            and self.y_min >= 0
            and self.x_max <= width
            and self.y_max <= height
        )

    def aligned(self, tolerance: float) -> bool:
        """Whether patch and image have the same pixels, up to a shift by whole ones."""
        if self.offset is None:
            return False
        x, y = self.offset
        return abs(x - round(x)) <= tolerance and abs(y - round(y)) <= tolerance

    def shifted(
        self, left: int, top: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The mapping in coordinates of a window that begins at (left, top)."""
        if len(self.exact):
            exact = self.exact.copy()
            exact[0] -= left
            exact[1] -= top
            return self.px, self.py, exact
        px, py = self.px.copy(), self.py.copy()
        px[:, 0, 0] -= left
        py[:, 0, 0] -= top
        return px, py, self.exact


@njit(nogil=True, cache=True)
def _extremes(px: Any, py: Any) -> Any:
    """Bounds of all blocks, sampled at 3 × 3 places, widened by what may lie between."""
    x0, x1, y0, y1 = np.inf, -np.inf, np.inf, -np.inf
    xs, ys = np.empty((3, 3)), np.empty((3, 3))
    for k in range(px.shape[0]):
        for j in range(3):
            for i in range(3):
                v, u = j * 0.5, i * 0.5
                x, y, pv = 0.0, 0.0, 1.0
                for m in range(4):
                    pu = pv
                    for n in range(4):
                        x += px[k, m, n] * pu
                        y += py[k, m, n] * pu
                        pu *= u
                    pv *= v
                xs[j, i], ys[j, i] = x, y
        bend_x, bend_y = 0.0, 0.0
        for j in range(3):
            bend_x = max(bend_x, abs(xs[j, 0] + xs[j, 2] - 2 * xs[j, 1]))
            bend_x = max(bend_x, abs(xs[0, j] + xs[2, j] - 2 * xs[1, j]))
            bend_y = max(bend_y, abs(ys[j, 0] + ys[j, 2] - 2 * ys[j, 1]))
            bend_y = max(bend_y, abs(ys[0, j] + ys[2, j] - 2 * ys[1, j]))
        x0, x1 = min(x0, xs.min() - 0.5 * bend_x), max(x1, xs.max() + 0.5 * bend_x)
        y0, y1 = min(y0, ys.min() - 0.5 * bend_y), max(y1, ys.max() + 0.5 * bend_y)
    return x0, x1, y0, y1


@njit(nogil=True, cache=True)
def _inverse(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
    det = a * e - b * d
    ia, ib, id_, ie = e / det, -b / det, -d / det, a / det
    return ia, ib, -(ia * c + ib * f), id_, ie, -(id_ * c + ie * f)


@njit(nogil=True, cache=True)
def _plan_affine(grid: Any, level: Any) -> Any:
    """A patch in the file's own CRS: one block whose polynomial is linear."""
    ga, gb, gc, gd, ge, gf, height, width = grid
    a, b, c, d, e, f = _inverse(*level)
    ma, mb, mc = a * ga + b * gd, a * gb + b * ge, a * gc + b * gf + c
    md, me, mf = d * ga + e * gd, d * gb + e * ge, d * gc + e * gf + f
    px, py = np.zeros((1, 4, 4)), np.zeros((1, 4, 4))
    px[0, 0, 0], px[0, 0, 1], px[0, 1, 0] = mc, ma * width, mb * height
    py[0, 0, 0], py[0, 0, 1], py[0, 1, 0] = mf, md * width, me * height
    blocks = np.zeros((1, 4), np.int64)
    blocks[0, 1], blocks[0, 3] = int(height), int(width)
    x1, x2, y1, y2 = ma * width, mb * height, md * width, me * height
    ends = (
        mc + min(0.0, x1) + min(0.0, x2),
        mc + max(0.0, x1) + max(0.0, x2),
        mf + min(0.0, y1) + min(0.0, y2),
        mf + max(0.0, y1) + max(0.0, y2),
    )
    scale = ((ma * ma + mb * mb) ** 0.5, (md * md + me * me) ** 0.5)
    same = (
        abs(ma - 1) * width < 1e-3
        and abs(me - 1) * height < 1e-3
        and abs(mb) * height < 1e-3
        and abs(md) * width < 1e-3
    )
    return blocks, px, py, ends, scale, same, (mc, mf)


@njit(nogil=True, cache=True)
def _plan_blocks(blocks: Any, cx: Any, cy: Any, level: Any) -> Any:
    """A patch mapped into the file's CRS by bicubic blocks."""
    a, b, c, d, e, f = _inverse(*level)
    px, py = a * cx + b * cy, d * cx + e * cy
    px[:, 0, 0] += c
    py[:, 0, 0] += f
    k = len(blocks) // 2
    h, w = blocks[k, 1] - blocks[k, 0], blocks[k, 3] - blocks[k, 2]
    # Across the block's middle, from end to end: what a patch's pixel measures in the source
    sx = np.hypot(px[k, 0, 1:].sum() / w, px[k, 1:, 0].sum() / h)
    sy = np.hypot(py[k, 0, 1:].sum() / w, py[k, 1:, 0].sum() / h)
    return px, py, _extremes(px, py), (sx, sy)


def _plan_exact(xy: NDArray[np.float64], level: tuple[float, ...]) -> PatchPlan:
    """A patch whose pixels were transformed one by one."""
    a, b, c, d, e, f = _inverse(*level)
    exact = np.stack([a * xy[0] + b * xy[1] + c, d * xy[0] + e * xy[1] + f])
    ok = np.isfinite(exact).all(axis=0)
    if not ok.any():
        return PatchPlan(
            _NO_BLOCKS, _NO_COEFFICIENTS, _NO_COEFFICIENTS, exact, 0, 0, 0, 0, 1.0, 1.0
        )
    with np.errstate(invalid="ignore"):
        steps = [
            np.nanmedian(np.abs(np.diff(exact[i], axis=j))) if exact.shape[1 + j] > 1 else 0.0
            for i in (0, 1)
            for j in (1, 0)
        ]
    sx, sy = float(np.hypot(steps[0], steps[1])), float(np.hypot(steps[2], steps[3]))
    ends = (exact[0][ok].min(), exact[0][ok].max(), exact[1][ok].min(), exact[1][ok].max())
    x0, x1, y0, y1 = _whole(ends)
    sx, sy = (v if np.isfinite(v) and v > 0 else 1.0 for v in (sx, sy))
    return PatchPlan(_NO_BLOCKS, _NO_COEFFICIENTS, _NO_COEFFICIENTS, exact, x0, x1, y0, y1, sx, sy)


def compose(grid: tuple[Any, ...], mapping: Mapping | None, level: tuple[float, ...]) -> PatchPlan:
    """Plan one patch.

    Args:
        grid: The query's affine a, b, c, d, e, f, then height and width, all floats.
        mapping: Into the file's CRS, or None where the query has that CRS.
        level: Affine a … f of the file's level.
    """
    if mapping is None:
        blocks, px, py, ends, scale, same, offset = _plan_affine(grid, level)
        return PatchPlan(
            blocks, px, py, _NO_EXACT, *_whole(ends), scale[0], scale[1], offset if same else None
        )
    if mapping.exact is not None:
        return _plan_exact(mapping.exact, level)
    px, py, ends, scale = _plan_blocks(mapping.blocks, mapping.x, mapping.y, level)
    return PatchPlan(mapping.blocks, px, py, _NO_EXACT, *_whole(ends), scale[0], scale[1])


def _whole(ends: tuple[float, ...]) -> tuple[int, int, int, int]:
    # Coordinates far outside of any image need no more than a sign.
    x0, x1, y0, y1 = (min(max(v, -1e12), 1e12) for v in ends)
    return math.floor(x0), math.floor(x1) + 1, math.floor(y0), math.floor(y1) + 1


def aligned_copy(
    group: BandGroup,
    level: int,
    plan: PatchPlan,
    out: NDArray[Any],
    filled: NDArray[np.uint8],
    fills: NDArray[np.float64],
    empty: bool,
) -> bool:
    """Copy where patch and image have the same pixels; False if that would not be exact.

    It is not where the patch has been filled in part already, or where nodata cannot be told in
    the dtype of the answer.
    """
    size = group.info.levels[level]
    x, y = round(plan.offset[0]), round(plan.offset[1])  # type: ignore[index]
    height, width = filled.shape
    r0, r1 = max(-y, 0), min(height, size.height - y)
    c0, c1 = max(-x, 0), min(width, size.width - x)
    if r0 >= r1 or c0 >= c1:
        return True
    if group.any_nodata and out.dtype.kind == "f" and not group.float_exact:
        return False
    if group.is_float and out.dtype.kind != "f":
        return False
    place, block = filled[r0:r1, c0:c1], out[:, r0:r1, c0:c1]
    if not empty and place.any():
        return False
    top, left = y + r0, x + c0
    th, tw = size.tile_height, size.tile_width
    table, row_stride, col_stride, ty0, tx0, keep = group.tiles(
        level,
        top // th,
        (y + r1 - 1) // th + 1,
        left // tw,
        (x + c1 - 1) // tw + 1,
    )
    stage_native(
        table, row_stride, col_stride, th, tw, ty0, tx0, size.height, size.width, top, left,
        group.like, group.native_nodata, block,
    )  # fmt: skip
    del keep
    if group.any_nodata or group.is_float:
        if group.gain is not None:  # what is filled in goes through the gain with the rest
            fills = (fills - group.gain[:, 1]) / group.gain[:, 0]
        nodata = group.native_nodata.astype(out.dtype)
        settle(block, nodata, group.has_nodata, fills, place)
    else:
        place[:] = 1
    apply_gain(group, block)
    return True


def apply_gain(group: BandGroup, values: NDArray[Any]) -> None:
    """Stored numbers (B, h, w) to those of the sample, in place."""
    if group.gain is not None:
        values *= group.gain[:, :1, None]
        values += group.gain[:, 1:, None]
