"""From the pixels of a query to the coordinates of another CRS, exactly where it matters.

Asking PROJ for every pixel of a patch costs a hundred times what resampling the patch costs. The
transform between two map projections is smooth, so it is evaluated exactly on a few Chebyshev
nodes, interpolated by a bicubic polynomial, and compared with the exact transform at other points.
A patch whose polynomial misses the tolerance (near a pole, across the antimeridian, or very large)
is cut in four, again and again; what cannot be interpolated at all is transformed pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from swath.geometry.transform import transformer

__all__ = ["Mapping", "map_grids"]

_ORDER = 4
_SMALLEST = 16  # pixels: blocks below this side are transformed pixel by pixel
_MAX_BLOCKS = 64

# Chebyshev nodes on [0, 1] and the matrix that turns values at them into coefficients of 1, t, t²,
# t³. The fit is checked at the corners, where such a polynomial is at its worst, and in the middle.
_NODES = 0.5 - 0.5 * np.cos(np.pi * (np.arange(_ORDER) + 0.5) / _ORDER)
_FIT = np.linalg.inv(np.vander(_NODES, _ORDER, increasing=True))
_CHECKS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
_POINTS_V = np.concatenate([np.repeat(_NODES, _ORDER), _CHECKS[:, 0]])
_POINTS_U = np.concatenate([np.tile(_NODES, _ORDER), _CHECKS[:, 1]])
_POWERS_V = np.vander(_CHECKS[:, 0], _ORDER, increasing=True)
_POWERS_U = np.vander(_CHECKS[:, 1], _ORDER, increasing=True)


@dataclass(frozen=True)
class Mapping:
    """Where the pixels of one grid lie in another CRS.

    Args:
        blocks: (n, 4) int64: first row, end row, first column, end column of each block.
        x, y: (n, 4, 4) float64: coordinate = Σ c[j, i] · v^j · u^i with u and v running from 0
            to 1 over the columns and rows of the block.
        exact: None, or (2, H, W) float64 with x and y of every pixel centre (not finite where
            the target CRS has no such place); then there are no blocks.
        error: Largest deviation from the exact transform that was seen, in units of the CRS.
    """

    blocks: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    exact: NDArray[np.float64] | None = None
    error: float = 0.0


def _wrap(x: NDArray[np.float64], around: float | None) -> NDArray[np.float64]:
    """Longitudes within half a turn of `around`, so that grids may cross the antimeridian."""
    if around is None:
        return x
    return x - 360.0 * np.round((x - around) / 360.0)


def map_grids(
    transforms: Sequence[Affine],
    shapes: Sequence[tuple[int, int]],
    source: CRS,
    target: CRS,
    tolerance: Sequence[float],
    around: Sequence[float | None] | None = None,
) -> list[Mapping]:
    """Map the pixel centres of many grids of one CRS into another CRS, in one call of PROJ.

    Args:
        transforms: Affine of each grid, pixel corners to coordinates of `source`.
        shapes: (height, width) of each grid.
        source: CRS of the grids.
        target: CRS to map into.
        tolerance: Largest error allowed for each grid, in units of `target`.
        around: For each grid the longitude around which `target`'s longitudes are wrapped, if
            that CRS is geographic.

    Returns:
        One mapping a grid.
    """
    n = len(transforms)
    wraps = list(around) if around is not None else [None] * n
    change = transformer(source, target)
    m = np.array([(t.a, t.b, t.c, t.d, t.e, t.f) for t in transforms], np.float64)
    size = np.array(shapes, np.float64)
    cols = _POINTS_U * size[:, 1:]
    rows = _POINTS_V * size[:, :1]
    gx = m[:, 0:1] * cols + m[:, 1:2] * rows + m[:, 2:3]
    gy = m[:, 3:4] * cols + m[:, 4:5] * rows + m[:, 5:6]
    tx, ty = change.transform(gx.ravel(), gy.ravel())
    tx, ty = np.reshape(tx, gx.shape), np.reshape(ty, gy.shape)
    if any(w is not None for w in wraps):
        turn = np.array([np.nan if w is None else w for w in wraps], np.float64)[:, None]
        with np.errstate(invalid="ignore"):
            tx = np.where(np.isnan(turn), tx, tx - 360.0 * np.round((tx - turn) / 360.0))
    k = _ORDER * _ORDER
    with np.errstate(invalid="ignore"):
        cx = _FIT @ tx[:, :k].reshape(n, _ORDER, _ORDER) @ _FIT.T
        cy = _FIT @ ty[:, :k].reshape(n, _ORDER, _ORDER) @ _FIT.T
        dx = np.einsum("pj,nji,pi->np", _POWERS_V, cx, _POWERS_U) - tx[:, k:]
        dy = np.einsum("pj,nji,pi->np", _POWERS_V, cy, _POWERS_U) - ty[:, k:]
        error = np.maximum(np.abs(dx).max(axis=1), np.abs(dy).max(axis=1))
    out = []
    for i in range(n):
        h, w = shapes[i]
        if error[i] <= tolerance[i]:
            block = np.array([[0, h, 0, w]], np.int64)
            out.append(Mapping(block, cx[i : i + 1], cy[i : i + 1], None, float(error[i])))
        else:
            out.append(_cut(transforms[i], (h, w), source, target, tolerance[i], wraps[i]))
    return out


def _cut(
    transform: Affine,
    shape: tuple[int, int],
    source: CRS,
    target: CRS,
    tolerance: float,
    around: float | None,
) -> Mapping:
    h, w = shape
    if min(h, w) >= 2 * _SMALLEST:
        parts: list[tuple[int, int, Mapping]] = []
        for r0, r1 in ((0, h // 2), (h // 2, h)):
            for c0, c1 in ((0, w // 2), (w // 2, w)):
                moved = transform @ Affine.translation(c0, r0)
                part = map_grids(
                    [moved], [(r1 - r0, c1 - c0)], source, target, [tolerance], [around]
                )[0]
                if part.exact is not None:
                    break
                parts.append((r0, c0, part))
            else:
                continue
            break
        if len(parts) == 4 and sum(len(p.blocks) for _, _, p in parts) <= _MAX_BLOCKS:
            shift = [np.array([[r, r, c, c]], np.int64) for r, c, _ in parts]
            return Mapping(
                np.concatenate([p.blocks + s for (_, _, p), s in zip(parts, shift, strict=True)]),
                np.concatenate([p.x for _, _, p in parts]),
                np.concatenate([p.y for _, _, p in parts]),
                None,
                max(p.error for _, _, p in parts),
            )
    cols, rows = np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5)
    gx = transform.a * cols + transform.b * rows + transform.c
    gy = transform.d * cols + transform.e * rows + transform.f
    tx, ty = transformer(source, target).transform(gx.ravel(), gy.ravel())
    exact = np.stack([_wrap(np.asarray(tx), around), np.asarray(ty)]).reshape(2, h, w)
    none = np.empty((0, _ORDER, _ORDER))
    return Mapping(np.empty((0, 4), np.int64), none, none, exact, 0.0)
