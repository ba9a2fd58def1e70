"""Scenes onto the grids of a batch: plan, fetch, resample, straight into the batch's memory.

For every query and every scene under it: where the query's pixels lie in the scene
(`swath.geometry.mapping`), which window of which overview that is, which tiles hold it, and one
call of a compiled kernel. Grids that agree are copied. Nothing is read twice, and no intermediate
raster is made.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import ConfigError
from swath.geometry.mapping import Mapping, map_grids
from swath.geometry.transform import same_crs
from swath.raster import areal, kernels
from swath.raster.lanes import bilinear_lanes, count_equal, stage_lanes
from swath.raster.planning import aligned_copy, apply_gain, compose
from swath.raster.scene import BandGroup, Scene
from swath.raster.simd import LANES
from swath.raster.staging import count_nan, count_set, mark_nodata, stage_mask, stage_native
from swath.raster.threads import executor, get_num_threads

__all__ = ["Resampling", "Target", "read_scenes"]

Resampling = Literal["nearest", "bilinear", "cubic", "average", "mode"]
METHODS = ("nearest", "bilinear", "cubic", "average", "mode")

#: Largest error of the approximated coordinates, in pixels of the source.
TOLERANCE = 2.5e-4
_ALIGNED = 1e-3  # grids whose pixels agree to this part of a pixel are copied
_WIDEN = 1 / 0.95  # from this ratio on kernels are widened (the same as GDAL's)
_HUGE = 4096  # side of a window in pixels from which labels, too, are read from overviews

_local = threading.local()


@dataclass(frozen=True)
class Target:
    """The grid of one query: affine (pixel corners to coordinates) and shape."""

    transform: Affine
    height: int
    width: int


def _scratch(name: str, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
    """Memory of this thread, kept between calls; a window is seldom larger than the last one."""
    kind = np.dtype(dtype)
    nbytes = shape[0] * shape[1] * shape[2] * kind.itemsize
    store: dict[str, NDArray[np.uint8]] = _local.__dict__
    buffer = store.get(name)
    if buffer is None or buffer.nbytes < nbytes:
        buffer = store[name] = np.empty(int(nbytes * 1.25) + 64, np.uint8)
    return buffer[:nbytes].view(kind).reshape(shape)


def read_scenes(
    targets: Sequence[Target],
    crs: CRS,
    scenes: Sequence[Sequence[Scene]],
    out: NDArray[Any],
    filled: NDArray[np.uint8],
    *,
    resampling: Resampling,
    fills: NDArray[np.float64],
    overviews: bool = True,
) -> None:
    """Read scenes onto the grids of a batch.

    Args:
        targets: Grid of each of B queries, all of one shape, in `crs`.
        crs: CRS of the grids.
        scenes: For each query its scenes, the one that is to be on top first; each further one
            fills the holes that are left.
        out: (B, C, H, W), float32 for images and int64 for labels, written where `filled` is 0.
        filled: (B, H, W) uint8, set to 1 where something was read.
        resampling: How pixels are interpolated.
        fills: (C,) values of bands that are invalid where others of the scene are valid.
        overviews: Use overviews where a query is coarser than the file.
    """
    if resampling not in METHODS:
        raise ConfigError(f"resampling is one of {', '.join(METHODS)}, got {resampling!r}")
    mappings = _map_all(targets, crs, scenes)
    before = count_set(filled)
    size = filled.shape[1] * filled.shape[2]

    def work(k: int) -> None:
        done = int(before[k])
        for s, scene in enumerate(scenes[k]):
            if s:
                done = int(count_set(filled[k : k + 1])[0])
            if done == size:
                break
            _read_scene(
                scene, targets[k], mappings[k][s], out[k], filled[k], done == 0,
                resampling, fills, overviews,
            )  # fmt: skip

    threads = min(get_num_threads(), len(targets))
    if threads == 1:
        for k in range(len(targets)):
            work(k)
    else:
        for _ in executor(threads).map(work, range(len(targets))):
            pass


def _map_all(
    targets: Sequence[Target], crs: CRS, scenes: Sequence[Sequence[Scene]]
) -> list[list[Mapping | None]]:
    """Mappings of every query into every scene's CRS, one call of PROJ a pair of CRSs."""
    out: list[list[Mapping | None]] = [[None] * len(s) for s in scenes]
    jobs: dict[int, tuple[Scene, list[tuple[int, int]]]] = {}
    kinds: dict[int, tuple[bool, int]] = {}
    for k, members in enumerate(scenes):
        for s, scene in enumerate(members):
            kind = kinds.get(id(scene.crs))
            if kind is None:
                kind = kinds[id(scene.crs)] = (same_crs(scene.crs, crs), id(scene.crs))
            if not kind[0]:
                jobs.setdefault(kind[1], (scene, []))[1].append((k, s))
    for scene, places in jobs.values():
        maps = map_grids(
            [targets[k].transform for k, _ in places],
            [(targets[k].height, targets[k].width) for k, _ in places],
            crs,
            scene.crs,
            [TOLERANCE * scenes[k][s].finest for k, s in places],
            [scenes[k][s].middle for k, s in places] if scene.crs.is_geographic else None,
        )
        for (k, s), mapping in zip(places, maps, strict=True):
            out[k][s] = mapping
    return out


def _read_scene(
    scene: Scene,
    target: Target,
    mapping: Mapping | None,
    out: NDArray[Any],
    filled: NDArray[np.uint8],
    empty: bool,
    resampling: Resampling,
    fills: NDArray[np.float64],
    overviews: bool,
) -> None:
    if len(scene.groups) == 1:
        group = scene.groups[0]
        part = out[group.channels]
        _read_group(group, target, mapping, part, filled, empty, resampling, fills, overviews)
        return
    before = filled.copy()
    marks = []
    for group in scene.groups:
        mark = before.copy()
        part = out[group.channels]
        _read_group(group, target, mapping, part, mark, empty, resampling, fills, overviews)
        marks.append(mark)
        np.maximum(filled, mark, out=filled)
    for group, mark in zip(scene.groups, marks, strict=True):
        missed = (filled != 0) & (mark == 0)
        if missed.any():
            for c in range(group.channels.start, group.channels.stop):
                out[c][missed] = fills[c]


def _read_group(
    group: BandGroup,
    target: Target,
    mapping: Mapping | None,
    out: NDArray[Any],
    filled: NDArray[np.uint8],
    empty: bool,
    resampling: Resampling,
    fills: NDArray[np.float64],
    overviews: bool,
) -> None:
    t = target.transform
    grid = (t.a, t.b, t.c, t.d, t.e, t.f, float(target.height), float(target.width))
    use = overviews and len(group.levels) > 1
    labels = resampling in ("nearest", "mode")
    level = 0
    plan = compose(grid, mapping, group.levels[0])
    if use:
        ratio = min(plan.scale_x, plan.scale_y)
        if not labels or max(target.height, target.width) * ratio > _HUGE:
            for i in range(1, len(group.levels)):
                if group.info.width / group.info.levels[i].width <= ratio * 1.01:
                    level = i
            if level:
                plan = compose(grid, mapping, group.levels[level])
    size = group.info.levels[level]
    channel_fills = fills[group.channels]
    if plan.empty(size.width, size.height):
        return
    copyable = plan.aligned(_ALIGNED) and not group.masked
    if copyable and aligned_copy(group, level, plan, out, filled, channel_fills, empty):
        return
    wide_x = plan.scale_x if plan.scale_x > _WIDEN else 1.0
    wide_y = plan.scale_y if plan.scale_y > _WIDEN else 1.0
    reach = {"nearest": 0.0, "bilinear": 1.0, "cubic": 2.0}.get(resampling, 0.5)
    pad_x, pad_y = math.ceil(reach * wide_x) + 1, math.ceil(reach * wide_y) + 1
    left, right = max(plan.x_min - pad_x, -1), min(plan.x_max + pad_x, size.width + 1)
    top, bottom = max(plan.y_min - pad_y, -1), min(plan.y_max + pad_y, size.height + 1)
    h, w = bottom - top, right - left
    th, tw = size.tile_height, size.tile_width
    table, row_stride, col_stride, ty0, tx0, keep = group.tiles(  # noqa: RUF059 (keeps the tiles alive)
        level,
        max(top, 0) // th,
        (min(bottom, size.height) - 1) // th + 1,
        max(left, 0) // tw,
        (min(right, size.width) - 1) // tw + 1,
    )
    place = (table, row_stride, col_stride, th, tw, ty0, tx0, size.height, size.width, top, left)
    limits = np.array([-left, size.width - left, -top, size.height - top], np.float64)
    px, py, exact = plan.shifted(left, top)
    mask = group.mask_window(level, top, left, h, w) if group.masked else None
    shape = (len(group.bands), h, w)
    if labels:
        native = _scratch("native", shape, group.like.dtype)
        stage_native(*place, group.like, group.native_nodata, native)
        valid = _NO_MASK if mask is None else mask
        tail = (group.native_nodata, group.has_nodata, channel_fills, out, filled)
        if resampling == "nearest":
            whole = empty and mask is None and plan.inside(size.width, size.height)
            checks = (group.native_nodata, group.has_nodata)
            if whole and kernels.nearest_plain(native, plan.blocks, px, py, *checks, out):
                filled[:] = 1
                return
            kernels.nearest(native, valid, plan.blocks, px, py, exact, limits, *tail)
        else:
            areal.mode(
                native, valid, plan.blocks, px, py, exact, limits,
                plan.scale_x, plan.scale_y, *tail,
            )  # fmt: skip
        return
    narrow = resampling == "bilinear" and wide_x == wide_y == 1.0
    whole = empty and plan.inside(size.width, size.height)
    # The lanes' kernel writes eight pixels at a time: a narrower row has no room for them.
    if narrow and whole and mask is None and out.shape[2] >= LANES and lanes_fit(group):
        verdict = _bilinear_lanes(group, place, (h, w), (plan.blocks, px, py, exact), out)
        if verdict != "mixed":
            filled[:] = verdict == "valid"
            return
    window = _scratch("window", shape, np.float32)
    invalid = _stage(group, place, window, mask)
    if invalid == window.size:
        return
    where = (window, plan.blocks, px, py, exact)
    if resampling == "average":
        areal.average(*where, limits, plan.scale_x, plan.scale_y, channel_fills, out, filled)
    elif narrow and whole and invalid == 0:
        kernels.bilinear(*where, out)
        filled[:] = 1
    elif narrow:
        kernels.bilinear_masked(*where, limits, channel_fills, out, filled)
    else:
        cubic = resampling == "cubic"
        kernels.convolve(*where, limits, wide_x, wide_y, cubic, channel_fills, out, filled)


def lanes_fit(group: BandGroup) -> bool:
    """Whether a group's bands can go side by side: enough of them, one nodata value for all."""
    if len(group.bands) < 2 or group.like.dtype.itemsize > 4:
        return False
    return not group.any_nodata or bool(
        group.has_nodata.all() and (group.native_nodata == group.native_nodata[0]).all()
    )


def _bilinear_lanes(
    group: BandGroup,
    place: tuple[Any, ...],
    shape: tuple[int, int],
    mapping: tuple[Any, ...],
    out: NDArray[Any],
) -> str:
    """Interpolate eight bands at a time if all samples of the window are valid.

    Returns ``valid``, ``invalid`` (not a single valid sample) or ``mixed`` (nothing that could be
    used was written).
    """
    dtype = group.like.dtype
    check = group.any_nodata or group.is_float
    for first in range(0, len(group.bands), LANES):
        last = min(first + LANES, len(group.bands))
        window = _scratch("lanes", (*shape, LANES), dtype)
        if not stage_lanes(place[0][first:last], *place[1:], group.like, window):
            return "mixed"
        if check:
            bad = group.native_nodata[0] if group.any_nodata else dtype.type(np.nan)
            count = count_equal(window.reshape(-1), bad)
            if count == window.size and len(group.bands) <= LANES:
                return "invalid"
            if count:
                return "mixed"
        bilinear_lanes(window, *mapping, out[first:last])
    apply_gain(group, out)
    return "valid"


_NO_MASK = np.empty((0, 0), np.uint8)


def _stage(group: BandGroup, place: tuple[Any, ...], window: NDArray[np.float32], mask: Any) -> int:
    """Fill a float window, NaN where invalid; the number of invalid samples."""
    invalid = 0
    if not group.any_nodata:
        stage_native(*place, group.like, np.zeros(len(window), np.float32), window)
        if group.is_float:
            invalid = count_nan(window)
    elif group.float_exact:
        absent = group.native_nodata.astype(np.float32)
        stage_native(*place, group.like, absent, window)
        mark_nodata(window, absent, group.has_nodata, window)
        invalid = count_nan(window)
    else:
        native = _scratch("native", window.shape, group.like.dtype)
        stage_native(*place, group.like, group.native_nodata, native)
        mark_nodata(native, group.native_nodata, group.has_nodata, window)
        invalid = count_nan(window)
    if mask is not None:
        stage_mask(window, mask)
        invalid = count_nan(window)
    apply_gain(group, window)
    return int(invalid)
