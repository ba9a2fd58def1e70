"""Scenes and labels to measure on: Landsat-like images in two UTM zones, CDL-like labels.

    python benchmarks/synthetic.py --out data [--scenes 8] [--size 3072] [--nodata-border]

Four folders are made, each with ``images/`` and ``labels/``:

=================  ==============================================================
``raw``            tiles of 512, uncompressed; every scene in its own UTM zone
``deflate``        the same pixels, DEFLATE with predictor 2
``raw-aligned``    all of it warped beforehand to one CRS and one grid, uncompressed
``deflate-aligned`` the same, DEFLATE with predictor 2
=================  ==============================================================

The files carry Landsat Collection 2 and CDL names, so that any library's classes for those
products open them. The ground is made of parcels in an equal-area projection; a parcel's class
sets the labels and the spectrum, and smooth texture and noise lie over it, so that the pixels
compress as those of real scenes do (by about a third) and labels really fit the images.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject, transform_bounds

RES = 30.0
BANDS = 7
TILE = 512
LABEL_CRS = "EPSG:5070"
ZONES = ("EPSG:32615", "EPSG:32616")
VARIANTS = ("raw", "deflate", "raw-aligned", "deflate-aligned")
NODATA = 0

#: CDL's codes for corn, soybeans, winter wheat, alfalfa, water, developed, forest, grass.
CLASSES = np.array([1, 5, 24, 36, 111, 122, 141, 176], np.uint8)
COLOURS = {
    0: (0, 0, 0, 255),
    1: (255, 211, 0, 255),
    5: (38, 112, 0, 255),
    24: (165, 112, 0, 255),
    36: (255, 165, 226, 255),
    111: (74, 112, 163, 255),
    122: (155, 155, 155, 255),
    141: (147, 204, 147, 255),
    176: (232, 255, 191, 255),
}

#: The point where the two zones meet (90° W), as easting in each of them, near 41.9° N.
_MEETING = {"EPSG:32615": 748_800.0, "EPSG:32616": 251_200.0}
_NORTHING = 4_640_010.0


@dataclass(frozen=True)
class Scene:
    """One scene: its name without the band, its CRS and its upper left corner."""

    stem: str
    crs: str
    left: float
    top: float


def plan(scenes: int, size: int) -> list[Scene]:
    """Places the scenes: each zone gets half of them, two rows high, a tenth overlapping.

    The zones' blocks reach 30 km over the meridian where they meet, so they share ground.
    """
    step = round(size * 0.9) * RES
    planned = []
    for i in range(scenes):
        zone = ZONES[i % 2]
        column, row = divmod(i // 2, 2)
        over = min(30_000.0, size * RES / 3)
        if zone == ZONES[0]:  # grows westwards from the meridian
            left = _MEETING[zone] + over - size * RES - column * step
        else:
            left = _MEETING[zone] - over + column * step
        left = round(left / RES) * RES
        path = (24 if zone == ZONES[0] else 23) + (1 if zone == ZONES[0] else -1) * column
        day = 1 + 2 * i
        stem = f"LC08_L2SP_{path:03d}{31 + row:03d}_2021{6 + i // 8 % 6:02d}{day % 28 + 1:02d}"
        stem += f"_2021{7 + i // 8 % 6:02d}{day % 28 + 1:02d}_02_T1"
        planned.append(Scene(stem, zone, left, _NORTHING - row * step))
    return planned


def _spread(coarse: NDArray[np.float64], step: int, size: int) -> NDArray[np.float64]:
    """Bilinear interpolation of values at every `step` pixels to every pixel of one axis."""
    at = np.arange(size) / step
    i = np.minimum(at.astype(int), coarse.shape[0] - 2)
    f = (at - i)[:, None]
    return coarse[i] * (1 - f) + coarse[i + 1] * f


def _ground(crs: str, left: float, top: float, height: int, width: int) -> tuple[Any, Any]:
    """Equal-area coordinates of all pixel centres; interpolated, since metres don't matter here."""
    step = 64
    nx, ny = width // step + 2, height // step + 2
    xs, ys = np.meshgrid(
        left + RES * (0.5 + step * np.arange(nx)), top - RES * (0.5 + step * np.arange(ny))
    )
    if CRS.from_user_input(crs) == CRS.from_user_input(LABEL_CRS):
        u, v = xs, ys
    else:
        u, v = Transformer.from_crs(crs, LABEL_CRS, always_xy=True).transform(xs, ys)
    return tuple(  # type: ignore[return-value]
        _spread(_spread(c, step, height).T, step, width).T for c in (u, v)
    )


def _parcels(u: Any, v: Any) -> NDArray[np.uint8]:
    """The class (0…7) of the parcel at each point: half a mile square, some in larger blocks."""
    i = np.floor(u / 805.0).astype(np.int64)
    j = np.floor(v / 805.0).astype(np.int64)
    k = (i // 6) * 31 + (j // 5) * 17  # woods, water and towns come in blocks
    block = (k * 2654435761 >> 7) % 5 == 0
    parcel = (i * 73856093 ^ j * 19349663) >> 3
    return np.where(block, 4 + (k * 40503 >> 5) % 4, parcel % 4).astype(np.uint8)


def _write(
    path: Path, array: NDArray[Any], crs: str, transform: Affine, codec: str, nodata: int | None
) -> None:
    """Writes one band in tiles of 512, beside its place and then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"tiled": True, "blockxsize": TILE, "blockysize": TILE}
    if codec == "deflate":
        options |= {"compress": "deflate", "predictor": 2}
    partial = path.with_name(f".{path.name}.part.tif")
    with rasterio.open(
        partial,
        "w",
        driver="GTiff",
        width=array.shape[1],
        height=array.shape[0],
        count=1,
        dtype=array.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
        **options,
    ) as dst:
        dst.write(array, 1)
        if array.dtype == np.uint8:
            dst.write_colormap(1, COLOURS)
    os.replace(partial, path)


def _scene_bands(scene: Scene, size: int, border: bool, seed: int) -> Any:
    """Yields the bands of a scene, (size, size) uint16 each, as surface reflectance is scaled."""
    rng = np.random.default_rng(seed)
    u, v = _ground(scene.crs, scene.left, scene.top, size, size)
    classes = _parcels(u, v)
    texture = np.zeros((size, size), np.float32)
    for wave in (900.0, 2300.0, 7100.0, 31000.0):
        texture += np.sin(u / wave) * np.cos(v / (wave * 1.3)) * wave**0.25 * 12
    spectra = np.random.default_rng(1).uniform(7500, 21000, (len(CLASSES), BANDS))
    outside = None
    if border:  # the tilted frame of a real scene: about a tenth of the square is empty
        r, c = np.mgrid[0:size, 0:size].astype(np.float32) / size
        outside = (c + 0.15 * r < 0.12) | (c + 0.15 * r > 1.03)
        outside |= (r - 0.15 * c < -0.03) | (r - 0.15 * c > 0.88)
    for band in range(BANDS):
        pixels = spectra[:, band].astype(np.float32)[classes] + texture * (1 + 0.2 * band)
        pixels += rng.standard_normal((size, size), np.float32) * 60
        array = np.clip(pixels, 1, 65535).astype(np.uint16)
        if outside is not None:
            array[outside] = NODATA
        yield array


def _label_extent(scenes: Sequence[Scene], size: int) -> tuple[float, float, int, int]:
    """Left, top, width and height of the labels' grid: all scenes, and a margin."""
    boxes = np.array(
        [
            transform_bounds(
                s.crs, LABEL_CRS, s.left, s.top - size * RES, s.left + size * RES, s.top
            )
            for s in scenes
        ]
    )
    left, bottom = boxes[:, :2].min(0) - 3000
    right, top = boxes[:, 2:].max(0) + 3000
    left, top = np.floor(left / RES) * RES, np.ceil(top / RES) * RES
    return left, top, int((right - left) / RES) + 1, int((top - bottom) / RES) + 1


def make(
    root: Path, scenes: int = 8, size: int = 3072, border: bool = False, seed: int = 0
) -> dict[str, Path]:
    """Makes what is not there yet and returns the folder of each variant.

    Args:
        root: Where the four folders come to lie. Eight scenes of 3072² take about 4.5 GB.
        scenes: Number of scenes, split between two UTM zones.
        size: Rows and columns of a scene.
        border: Whether the scenes have the tilted nodata border of real ones.
        seed: Of the noise.
    """
    done = root / f".done-{scenes}-{size}-{int(border)}-{seed}"
    folders = {variant: root / variant for variant in VARIANTS}
    if done.exists():
        return folders
    placed = plan(scenes, size)
    for number, scene in enumerate(placed):
        start = time.perf_counter()
        transform = Affine(RES, 0, scene.left, 0, -RES, scene.top)
        for band, array in enumerate(_scene_bands(scene, size, border, seed + number), 1):
            name = f"images/{scene.stem}_SR_B{band}.TIF"
            for codec in ("raw", "deflate"):
                _write(root / codec / name, array, scene.crs, transform, codec, NODATA)
            moved, to = _align(array, scene.crs, transform, NODATA, Resampling.bilinear)
            for codec in ("raw", "deflate"):
                _write(root / f"{codec}-aligned" / name, moved, ZONES[0], to, codec, NODATA)
        print(f"{scene.stem}  {scene.crs}  {time.perf_counter() - start:.0f} s", flush=True)

    left, top, width, height = _label_extent(placed, size)
    transform = Affine(RES, 0, left, 0, -RES, top)
    labels = np.empty((height, width), np.uint8)
    for row in range(0, height, 1024):
        rows = min(1024, height - row)
        u, v = _ground(LABEL_CRS, left, top - row * RES, rows, width)
        labels[row : row + rows] = CLASSES[_parcels(u, v)]
    moved, to = _align(labels, LABEL_CRS, transform, None, Resampling.nearest)
    name = "labels/2021_30m_cdls.tif"
    for codec in ("raw", "deflate"):
        _write(root / codec / name, labels, LABEL_CRS, transform, codec, None)
        _write(root / f"{codec}-aligned" / name, moved, ZONES[0], to, codec, None)
    print(f"labels {height} x {width}", flush=True)
    done.touch()
    return folders


def _align(
    array: NDArray[Any], crs: str, transform: Affine, nodata: int | None, resampling: Resampling
) -> tuple[NDArray[Any], Affine]:
    """Warps to the common grid (the first zone's CRS, corners at multiples of 30 m)."""
    if crs == ZONES[0]:
        return array, transform
    height, width = array.shape
    right, bottom = transform.c + transform.a * width, transform.f + transform.e * height
    box = transform_bounds(crs, ZONES[0], transform.c, bottom, right, transform.f)
    left, top = np.floor(box[0] / RES) * RES, np.ceil(box[3] / RES) * RES
    shape = int((top - box[1]) / RES) + 1, int((box[2] - left) / RES) + 1
    to = Affine(RES, 0, left, 0, -RES, top)
    out = np.zeros(shape, array.dtype)
    reproject(
        array,
        out,
        src_transform=transform,
        src_crs=crs,
        dst_transform=to,
        dst_crs=ZONES[0],
        src_nodata=nodata,
        dst_nodata=0,
        resampling=resampling,
        num_threads=os.cpu_count() or 1,
    )
    return out, to


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--size", type=int, default=3072, help="rows and columns of a scene")
    parser.add_argument("--nodata-border", action="store_true")
    args = parser.parse_args()
    for variant, folder in make(args.out, args.scenes, args.size, args.nodata_border).items():
        print(f"{variant:16} {folder}")


if __name__ == "__main__":
    main()
