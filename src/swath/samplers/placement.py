"""Random places for a patch in each area: whole pixels, every allowed place equally likely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.samplers.areas import TOLERANCE, Areas, ground_of
from swath.samplers.corners import Leaf, Rule, corner_region, leaves, to_pixels
from swath.samplers.windows import allowed

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["Placement"]

_QUICK = (8, 3)  # tries, and how many must be good for the bounds to be a fair guess
_THOROUGH = (32, 2)
_ENUMERATE = 65536

Ints = NDArray[np.int64]


class Placement:
    """Where patches of one size may lie in each area.

    Args:
        areas: The areas.
        size: (height, width) of a patch in pixels; fractions are legal.
        res: (xres, yres) of a pixel in CRS units.
        roi: Region of interest; `inside` holds for it and for rows cut by a split.
        inside: What of a patch lies in them.
        min_valid: Least share of a patch on the row's footprint, of what an area smaller than
            the patch could give at most.

    Attributes:
        possible: (n,) False for areas in which no patch can lie.

    An area smaller than the patch along an axis has one place there: centred, unless it was cut
    by a split, when it has none. Points and lines have one place: centred on them.
    """

    def __init__(
        self,
        areas: Areas,
        size: tuple[float, float],
        res: tuple[float, float],
        *,
        roi: BaseGeometry | None,
        inside: Rule,
        min_valid: float,
    ) -> None:
        self.h, self.w = size
        self._inside = inside
        self._min_valid = min_valid
        n = len(areas)
        self.rects, self.possible, fits = _ranges(areas, size, res)
        flat = shapely.area(areas.footprint) == 0
        self._hard = np.full(n, None, dtype=object)
        self._soft = np.full(n, None, dtype=object)
        self._need = np.zeros(n)

        roi = None if roi is None else ground_of(roi)
        hard = _hard_polygons(areas, size, res, roi, flat)
        tested = np.flatnonzero(shapely.is_geometry(hard))
        if len(tested):
            pixels = to_pixels(hard[tested], areas.anchor[tested], res)
            b = shapely.bounds(pixels)
            box = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
            square = np.abs(box - shapely.area(pixels)) <= 1e-9 * box
            for k, a in enumerate(tested):
                if square[k]:
                    self._cut(int(a), b[k])
                else:
                    self._hard[a] = pixels[k]
        soft = np.flatnonzero(~areas.whole & ~areas.exclusive & ~flat)
        if len(soft):
            self._soft[soft] = to_pixels(areas.footprint[soft], areas.anchor[soft], res)
            extent = (areas.bounds[soft, 2:] - areas.bounds[soft, :2]) / np.array(res)
            best = np.minimum(extent, [self.w, self.h]).prod(axis=1)
            self._need[soft] = np.where(
                fits[soft] & (min_valid >= 1), np.inf, min_valid * best * (1 - 1e-9)
            )
        self._complex = shapely.is_geometry(self._hard) | shapely.is_geometry(self._soft)
        shapely.prepare(self._hard)
        shapely.prepare(self._soft)
        self._plan()

    # ---- drawing -----------------------------------------------------------------------------

    def draw(self, rng: np.random.Generator, which: NDArray[np.intp]) -> tuple[Ints, Ints]:
        """A random corner (column, row), in pixels from the anchor, for each of some areas."""
        i, j = self._propose(rng, which)
        pending = np.flatnonzero(self._complex[which])
        while len(pending):
            bad = ~self._good(which[pending], i[pending], j[pending])
            pending = pending[bad]
            if len(pending):
                i[pending], j[pending] = self._propose(rng, which[pending])
        return i, j

    def _propose(self, rng: np.random.Generator, which: NDArray[np.intp]) -> tuple[Ints, Ints]:
        u = rng.random((3, len(which)))
        target = self._before[which] + u[0] * self._total[which]
        leaf = np.searchsorted(self._cumulated, target, side="right")
        leaf = np.clip(leaf, self._first[which], self._first[which + 1] - 1)
        i0, i1, j0, j1 = self._leaves[leaf].T
        i = i0 + (u[1] * (i1 - i0 + 1)).astype(np.int64)
        j = j0 + (u[2] * (j1 - j0 + 1)).astype(np.int64)
        return np.minimum(i, i1), np.minimum(j, j1)

    def _good(self, which: NDArray[np.intp], i: Ints, j: Ints) -> NDArray[np.bool_]:
        windows = np.stack([i, j, i + self.w, j + self.h], axis=1).astype(np.float64)
        return allowed(
            self._hard[which], self._soft[which], self._need[which], windows, self._inside
        )

    # ---- planning ----------------------------------------------------------------------------

    def _cut(self, a: int, box: NDArray[np.float64]) -> None:
        """Limit the corners of area `a` to those that satisfy the rule with a box, in pixels."""
        t = TOLERANCE
        for axis, extent in ((0, self.w), (1, self.h)):
            low, high = box[axis], box[axis + 2]
            if self._inside == "patch":
                first, last = np.ceil(low - t), np.floor(high - extent + t)
            elif self._inside == "centre":
                first, last = np.ceil(low - extent / 2 - t), np.floor(high - extent / 2 + t)
            else:
                first, last = np.floor(low - extent + t) + 1, np.ceil(high - t) - 1
            r = self.rects[a]
            r[2 * axis] = max(r[2 * axis], int(first))
            r[2 * axis + 1] = min(r[2 * axis + 1], int(last))
            self.possible[a] &= r[2 * axis] <= r[2 * axis + 1]

    def _plan(self) -> None:
        """Give every area its leaves, and find those that have no place at all.

        Areas whose bounds are a fair guess keep them; the others' polygons are looked at closely,
        and where that leaves next to nothing, places are tried one by one.
        """
        found: dict[int, Sequence[Leaf]] = {}
        self._set_leaves(found)
        rng = np.random.default_rng(0)  # only finds out what is possible: draws nothing for users
        for a in self._poor(rng, np.flatnonzero(self._complex & self.possible), _QUICK):
            limits = tuple(int(v) for v in self.rects[a])
            found[int(a)] = leaves(self._corners(int(a)), limits)  # type: ignore[arg-type]
            self.possible[a] = len(found[int(a)]) > 0
        if not found:
            return
        self._set_leaves(found)
        split = np.array(sorted(a for a in found if self.possible[a]), dtype=np.intp)
        for a in self._poor(rng, split, _THOROUGH):
            i, j = self._try_out(rng, int(a), found[int(a)])
            found[int(a)] = [(int(x), int(x), int(y), int(y)) for x, y in zip(i, j, strict=True)]
            self.possible[a] = len(i) > 0
        self._set_leaves(found)

    def _poor(
        self, rng: np.random.Generator, which: NDArray[np.intp], tries: tuple[int, int]
    ) -> NDArray[np.intp]:
        """Those of some areas where too few of some tries (how many, least good) are good."""
        if len(which) == 0:
            return which
        number, enough = tries
        many = np.repeat(which, number)
        hits = self._good(many, *self._propose(rng, many)).reshape(-1, number).sum(axis=1)
        return which[hits < enough]

    def _try_out(
        self, rng: np.random.Generator, a: int, rects: Sequence[Leaf]
    ) -> tuple[Ints, Ints]:
        """The good corners of an area that has few: all, or those of many tries."""
        if self._total[a] <= _ENUMERATE:
            grids = [
                np.meshgrid(np.arange(i0, i1 + 1), np.arange(j0, j1 + 1))
                for i0, i1, j0, j1 in rects
            ]
            i = np.concatenate([g[0].ravel() for g in grids])
            j = np.concatenate([g[1].ravel() for g in grids])
        else:
            i, j = self._propose(rng, np.full(_ENUMERATE, a))
        good = self._good(np.full(len(i), a), i, j)
        return i[good], j[good]

    def _corners(self, a: int) -> BaseGeometry:
        i0, i1, j0, j1 = self.rects[a]
        region: BaseGeometry = shapely.box(i0 - 0.25, j0 - 0.25, i1 + 0.25, j1 + 0.25)
        for polygon, rule in (
            (self._hard[a], self._inside),
            (self._soft[a], "patch" if np.isinf(self._need[a]) else "touch"),
        ):
            if polygon is not None:
                region = region.intersection(corner_region(polygon, self.w, self.h, rule))
        return region

    def _set_leaves(self, found: dict[int, Sequence[Leaf]]) -> None:
        n = len(self.rects)
        numbers = np.ones(n, dtype=np.int64)
        for a, rects in found.items():
            numbers[a] = max(1, len(rects))
        self._first = np.concatenate([[0], np.cumsum(numbers)])
        self._leaves = np.repeat(self.rects, numbers, axis=0)
        for a, rects in found.items():
            if rects:
                self._leaves[self._first[a] : self._first[a + 1]] = rects
        i0, i1, j0, j1 = self._leaves.T
        counts = np.maximum(i1 - i0 + 1, 0) * np.maximum(j1 - j0 + 1, 0)
        self._cumulated = np.cumsum(counts)
        before = np.concatenate([[0], self._cumulated])
        self._before = before[self._first[:-1]]
        self._total = before[self._first[1:]] - self._before


def _ranges(
    areas: Areas, size: tuple[float, float], res: tuple[float, float]
) -> tuple[Ints, NDArray[np.bool_], NDArray[np.bool_]]:
    """Corners (n, 4) for which a patch stays in the bounds, whether any is, whether it fits."""
    flat = shapely.area(areas.footprint) == 0
    rects = np.zeros((len(areas), 4), dtype=np.int64)
    possible = np.ones(len(areas), bool)
    fits = np.ones(len(areas), bool)
    b, anchor = areas.bounds, areas.anchor
    low = (b[:, [0, 3]] - anchor) / (res[0], -res[1])
    high = (b[:, [2, 1]] - anchor) / (res[0], -res[1])
    for axis, extent in ((0, size[1]), (1, size[0])):
        lo, hi = low[:, axis], high[:, axis]
        first = np.ceil(lo - TOLERANCE)
        last = np.floor(hi - extent + TOLERANCE)
        small = (last < first) | flat
        centred = np.round((lo + hi - extent) / 2)
        rects[:, 2 * axis] = np.where(small, centred, first)
        rects[:, 2 * axis + 1] = np.where(small, centred, last)
        fits &= ~small
        possible &= ~(small & areas.exclusive & ~flat)
    return rects, possible, fits


def _hard_polygons(
    areas: Areas,
    size: tuple[float, float],
    res: tuple[float, float],
    roi: BaseGeometry | None,
    flat: NDArray[np.bool_],
) -> NDArray[Any]:
    """For each area what `inside` must hold for, or None: the roi, a footprint cut by a split."""
    hard = np.full(len(areas), None, dtype=object)
    cut = areas.exclusive & ~flat
    hard[cut] = areas.region[cut]
    if roi is not None:
        b = areas.bounds
        reach_x, reach_y = size[1] * res[0], size[0] * res[1]
        around = shapely.box(
            b[:, 0] - reach_x, b[:, 1] - reach_y, b[:, 2] + reach_x, b[:, 3] + reach_y
        )
        # The centre of a patch on a point of the region of interest is in it by itself.
        near = ~cut & ~flat & ~np.asarray(shapely.covers(roi, around))
        hard[near] = shapely.intersection(roi, around[near])
    return hard
