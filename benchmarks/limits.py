"""What a patch costs at the least: copying it, and resampling pixels that are in memory already.

    python benchmarks/limits.py --images DIR

One scene of seven bands is read into memory, and the same patches (224² pixels on a grid of the
other UTM zone) are made from it in several ways, each on one thread. Prints JSON: milliseconds a
patch, the median of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject, transform_bounds

PATCH, RES = 224, 30.0
SOURCE_CRS, TARGET_CRS = "EPSG:32616", "EPSG:32615"


def read_scene(folder: Path) -> tuple[NDArray[np.uint16], Affine]:
    """The bands of the first scene in `SOURCE_CRS`: (7, H, W), and its transform."""
    for first in sorted(folder.glob("*_SR_B1.TIF")):
        with rasterio.open(first) as src:
            if src.crs.to_string() != SOURCE_CRS:
                continue
            paths = [Path(str(first).replace("_B1.", f"_B{b}.")) for b in range(1, 8)]
            stack = np.stack([rasterio.open(p).read(1) for p in paths])
            return stack, src.transform
    raise SystemExit(f"no scene in {SOURCE_CRS} under {folder}")


def patch_grids(shape: tuple[int, ...], transform: Affine, count: int) -> list[Affine]:
    """Random patches in `TARGET_CRS` that lie wholly inside the scene."""
    _, height, width = shape
    box = (transform.c, transform.f - RES * height, transform.c + RES * width, transform.f)
    left, bottom, right, top = transform_bounds(SOURCE_CRS, TARGET_CRS, *box)
    rng, side = np.random.default_rng(0), PATCH * RES
    back = Transformer.from_crs(TARGET_CRS, SOURCE_CRS, always_xy=True)
    found: list[Affine] = []
    while len(found) < count:
        x, y = rng.uniform(left, right - side), rng.uniform(bottom + side, top)
        xs, ys = back.transform([x, x + side, x, x + side], [y, y, y - side, y - side])
        c, r = (np.array(xs) - transform.c) / RES, (transform.f - np.array(ys)) / RES
        if c.min() > 2 and r.min() > 2 and c.max() < width - 2 and r.max() < height - 2:
            found.append(Affine(RES, 0, x, 0, -RES, y))
    return found


def pixel_maps(grid: Affine, transform: Affine) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Source column and row (pixel centres at whole numbers) of every pixel of a patch."""
    back = Transformer.from_crs(TARGET_CRS, SOURCE_CRS, always_xy=True)
    at = np.arange(PATCH) + 0.5
    xs, ys = np.meshgrid(grid.c + RES * at, grid.f - RES * at)
    sx, sy = back.transform(xs, ys)
    columns = (sx - transform.c) / RES - 0.5
    rows = (transform.f - sy) / RES - 0.5
    return columns.astype(np.float32), rows.astype(np.float32)


def timed(task: Callable[[int], Any], count: int, repeats: int) -> float:
    """Milliseconds a patch: the median over repeats of making all patches once."""
    task(0)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        for i in range(count):
            task(i)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) / count * 1000


def tasks(stack: NDArray[np.uint16], transform: Affine, grids: list[Affine]) -> dict[str, Any]:
    """Every way to make patch `i`, by the name it has in the table."""
    maps = [pixel_maps(g, transform) for g in grids]
    fixed = [cv2.convertMaps(c, r, cv2.CV_16SC2) for c, r in maps]
    corners = [(int(r.min()), int(c.min())) for c, r in maps]
    floats = stack.astype(np.float32)
    out = np.empty((len(grids), 7, PATCH, PATCH), np.float32)
    tensor = torch.from_numpy(floats)
    margin = 2
    boxes = [
        (
            slice(max(0, int(r.min()) - margin), int(r.max()) + margin + 1),
            slice(max(0, int(c.min()) - margin), int(c.max()) + margin + 1),
        )
        for c, r in maps
    ]
    windows = [(np.ascontiguousarray(stack[:, y, x]), y.start, x.start) for y, x in boxes]
    normal = []
    for (c, r), (window, y0, x0) in zip(maps, windows, strict=True):
        h, w = window.shape[1:]
        g = np.stack([(c - x0) * 2 / (w - 1) - 1, (r - y0) * 2 / (h - 1) - 1], -1)
        normal.append(torch.from_numpy(g[None].astype(np.float32)))

    def copy_same(i: int) -> None:
        r, c = corners[i]
        out[i] = floats[:, r : r + PATCH, c : c + PATCH]

    def copy_cast(i: int) -> None:
        r, c = corners[i]
        out[i] = stack[:, r : r + PATCH, c : c + PATCH]

    def remap(i: int) -> None:
        for band in range(7):
            out[i, band] = cv2.remap(stack[band], *maps[i], cv2.INTER_LINEAR)

    def remap_float(i: int) -> None:
        for band in range(7):
            cv2.remap(floats[band], *maps[i], cv2.INTER_LINEAR, dst=out[i, band])

    def remap_fixed(i: int) -> None:
        for band in range(7):
            out[i, band] = cv2.remap(stack[band], *fixed[i], cv2.INTER_LINEAR)

    def grid_sample(i: int) -> None:
        y, x = boxes[i]
        out[i] = torch.nn.functional.grid_sample(
            tensor[None, :, y, x], normal[i], align_corners=True
        )[0].numpy()

    def gdal(i: int) -> None:
        window, y0, x0 = windows[i]
        reproject(
            window,
            out[i],
            src_transform=transform * Affine.translation(x0, y0),
            src_crs=SOURCE_CRS,
            dst_transform=grids[i],
            dst_crs=TARGET_CRS,
            resampling=Resampling.bilinear,
            num_threads=1,
        )

    ours = kernel_tasks(stack, transform, grids)
    return {
        "copy, float32": copy_same,
        "copy, uint16 to float32": copy_cast,
        "cv2.remap, uint16": remap,
        "cv2.remap, float32 source and result": remap_float,
        "cv2.remap, fixed-point maps, uint16": remap_fixed,
        "torch grid_sample, float32": grid_sample,
        **ours,
        "GDAL warp": gdal,
    }


def kernel_tasks(
    stack: NDArray[np.uint16], transform: Affine, grids: list[Affine]
) -> dict[str, Callable[[int], None]]:
    """Swath's own kernels on the same patches, with and without what comes before them."""
    from swath.geometry.mapping import map_grids
    from swath.raster.lanes import bilinear_lanes, count_equal, stage_lanes
    from swath.raster.planning import PatchPlan, compose

    here, there = CRS.from_user_input(TARGET_CRS), CRS.from_user_input(SOURCE_CRS)
    level = tuple(transform)[:6]
    out = np.empty((len(grids), 7, PATCH, PATCH), np.float32)
    height, width = stack.shape[1:]
    table = np.array([[[band.ctypes.data]] for band in stack], np.uint64)
    strides = stack.strides[1], stack.strides[2]
    like = np.empty(0, np.uint16)

    def plan(i: int) -> PatchPlan:
        shape, tolerance = [(PATCH, PATCH)], [2.5e-4 * RES]
        mapping = map_grids([grids[i]], shape, here, there, tolerance)[0]
        return compose((*tuple(grids[i])[:6], float(PATCH), float(PATCH)), mapping, level)

    def stage(p: PatchPlan) -> tuple[NDArray[np.uint16], int, int]:
        left, top = p.x_min - 2, p.y_min - 2
        window = np.empty((p.y_max + 2 - top, p.x_max + 2 - left, 8), np.uint16)
        place = (table, *strides, height, width, 0, 0, height, width, top, left)
        stage_lanes(*place, like, window)
        count_equal(window.reshape(-1), np.uint16(0))
        return window, left, top

    plans = [plan(i) for i in range(len(grids))]
    ready = []
    for p in plans:
        window, left, top = stage(p)
        ready.append((window, p.blocks, *p.shifted(left, top)))

    def kernel(i: int) -> None:
        bilinear_lanes(*ready[i], out[i])

    def staged(i: int) -> None:
        window, left, top = stage(plans[i])
        bilinear_lanes(window, plans[i].blocks, *plans[i].shifted(left, top), out[i])

    def planned(i: int) -> None:
        p = plan(i)
        window, left, top = stage(p)
        bilinear_lanes(window, p.blocks, *p.shifted(left, top), out[i])

    return {
        "Swath's kernel, uint16 source, float32 result": kernel,
        "Swath's kernel and window from uint16 tiles": staged,
        "the same, with planning (one patch a call)": planned,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--patches", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    stack, transform = read_scene(args.images)
    grids = patch_grids(stack.shape, transform, args.patches)
    found: dict[str, float] = {}
    for name, task in tasks(stack, transform, grids).items():
        few = name.startswith("GDAL")
        found[name] = timed(task, 8 if few else args.patches, 3 if few else args.repeats)
        print(f"{name:45} {found[name]:8.3f} ms", file=sys.stderr, flush=True)
    print(json.dumps({"patches": args.patches, "milliseconds": found}))


if __name__ == "__main__":
    main()
