"""Writes the demonstration's world to files, as they would come from providers.

Two multispectral scenes of different dates in the UTM zones 14 and 15, with overlap and slanted
nodata borders; a land-cover raster in an equal-area CRS (EPSG:5070) at another resolution, whose
codes are not 0, 1, 2…; buildings as polygons in longitude and latitude.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from swath.demo.land import Land, make_land, smooth_noise
from swath.typing import Path

__all__ = ["CLASSES", "World", "write_world"]

#: Code in the label raster, name, colour: in the order of the land's class indices.
CLASSES: tuple[tuple[int, str, tuple[int, int, int]], ...] = (
    (11, "Water", (70, 120, 200)),
    (21, "Developed", (220, 60, 50)),
    (41, "Forest", (30, 100, 50)),
    (61, "Orchard", (175, 120, 200)),
    (71, "Grassland", (205, 220, 130)),
    (82, "Cultivated", (170, 110, 40)),
)
CELL = 10.0  # metres a cell of the master grid
ORIGIN = (-9_990.0, 1_770_000.0)  # west and south of the master grid in EPSG:5070
BANDS = ("blue", "green", "red", "nir")


@dataclass(frozen=True)
class World:
    """Where the files are."""

    images: str
    labels: str
    buildings: str


def write_world(folder: Path, *, width: int = 2000, height: int = 1200, seed: int = 0) -> World:
    """Make the world and write it below `folder`.

    Args:
        folder: Made if it is not there. Files of an earlier run are replaced.
        width: Of the country, in cells of 10 m.
        height: Of the country, in cells of 10 m.
        seed: Another seed is another country.
    """
    top = FilePath(folder)
    (top / "images").mkdir(parents=True, exist_ok=True)
    land = make_land(height, width, seed)
    rng = np.random.default_rng(seed + 1)
    names = ("scene_20230512.tif", "scene_20230829.tif")
    reach = ((0.0, 0.64), (0.36, 1.0))  # shares of the country's width: 28 % is seen twice
    for k, (name, zone, seen) in enumerate(zip(names, (32614, 32615), reach, strict=True)):
        _write_scene(
            top / "images" / name, land.early if k == 0 else land.late, f"EPSG:{zone}", seen, k, rng
        )
    _write_labels(top / "landcover.tif", land)
    _write_buildings(top / "buildings.geojson", land)
    return World(*(os.fspath(top / n) for n in ("images", "landcover.tif", "buildings.geojson")))


def _master(shape: tuple[int, ...]) -> Affine:
    return Affine(CELL, 0, ORIGIN[0], 0, -CELL, ORIGIN[1] + CELL * shape[-2])


def _look_up(shape: tuple[int, ...], x: NDArray[Any], y: NDArray[Any]) -> tuple[Any, Any, Any]:
    """Cells of the master grid at coordinates of EPSG:5070, and which of them are outside."""
    cols, rows = _apply(~_master(shape), x, y)
    rows, cols = np.floor(rows).astype(int), np.floor(cols).astype(int)
    outside = (rows < 0) | (cols < 0) | (rows >= shape[-2]) | (cols >= shape[-1])
    return rows.clip(0, shape[-2] - 1), cols.clip(0, shape[-1] - 1), outside


def _apply(transform: Affine, x: NDArray[Any], y: NDArray[Any]) -> tuple[Any, Any]:
    t = transform
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def _write_scene(
    path: FilePath,
    reflectance: NDArray[np.float32],
    crs: str,
    seen: tuple[float, float],
    season: int,
    rng: np.random.Generator,
) -> None:
    """What a satellite sees of a part of the country: haze, noise, slanted borders of nodata."""
    from pyproj import Transformer

    _, height, width = reflectance.shape
    x0, x1 = (ORIGIN[0] + CELL * width * s for s in seen)
    y0, y1 = ORIGIN[1], ORIGIN[1] + CELL * height
    to_scene = Transformer.from_crs("EPSG:5070", crs, always_xy=True)
    left, bottom, right, top = to_scene.transform_bounds(x0, y0, x1, y1)
    left, top = 10.0 * np.floor(left / 10), 10.0 * np.ceil(top / 10)
    shape = int((top - bottom) / 10) + 1, int((right - left) / 10) + 1
    transform = Affine(10, 0, left, 0, -10, top)
    cols, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    x, y = to_scene.transform(*_apply(transform, cols, rows), direction="INVERSE")
    r, c, outside = _look_up(reflectance.shape, x, y)
    slant = 0.12 * (y - (y0 + y1) / 2)  # the orbit is inclined, and so are the scene's sides
    outside |= (x - slant < x0) | (x - slant > x1)
    seen_now = reflectance[:, r, c]
    haze = np.array([0.02, 0.012, 0.008, 0.003], np.float32)[:, None, None]
    seen_now = seen_now * (1.0 - 0.12 * season)
    seen_now += haze * (1 + season + 0.5 * smooth_noise(rng, shape, 150))
    seen_now += 0.010 * rng.standard_normal(seen_now.shape, np.float32)
    pixels = np.clip(seen_now * 10_000, 1, 65_535).astype(np.uint16)
    pixels[:, outside] = 0
    _write(path, pixels, crs, transform, descriptions=BANDS)


def _write_labels(path: FilePath, land: Land) -> None:
    """The land cover at 15 m on a grid of its own, with codes and a colour table."""
    height, width = land.classes.shape
    transform = Affine(15, 0, ORIGIN[0] - 37, 0, -15, ORIGIN[1] + CELL * height + 52)
    shape = int(CELL * height / 15) + 7, int(CELL * width / 15) + 5
    cols, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    r, c, outside = _look_up(land.classes.shape, *_apply(transform, cols, rows))
    codes = np.array([code for code, _, _ in CLASSES], np.uint8)[land.classes[r, c]]
    codes[outside] = 0
    colors: dict[int, tuple[int, ...]] = {code: (*color, 255) for code, _, color in CLASSES}
    _write(path, codes[None], "EPSG:5070", transform, colors=colors)
    names = {code: name for code, name, _ in CLASSES}
    rows_of_names = "".join(
        f"      <Category>{names.get(code, '')}</Category>\n" for code in range(max(names) + 1)
    )
    path.with_name(path.name + ".aux.xml").write_text(
        '<PAMDataset>\n  <PAMRasterBand band="1">\n    <CategoryNames>\n'
        f"{rows_of_names}    </CategoryNames>\n  </PAMRasterBand>\n</PAMDataset>\n"
    )


def _write(
    path: FilePath,
    pixels: NDArray[Any],
    crs: str,
    transform: Affine,
    descriptions: tuple[str, ...] = (),
    colors: dict[int, tuple[int, ...]] | None = None,
) -> None:
    import rasterio

    temporary = path.with_name(f".{path.name}.part")
    count, height, width = pixels.shape
    with rasterio.open(
        temporary, "w", driver="GTiff", count=count, height=height, width=width, nodata=0,
        dtype=pixels.dtype, crs=crs, transform=transform, tiled=True, blockxsize=256,
        blockysize=256, compress="deflate", predictor=2,
    ) as file:  # fmt: skip
        file.write(pixels)
        for i, name in enumerate(descriptions):
            file.set_band_description(i + 1, name)
        if colors:
            file.write_colormap(1, colors)
    os.replace(temporary, path)


def _write_buildings(path: FilePath, land: Land) -> None:
    """The roofs as polygons in longitude and latitude."""
    from pyproj import Transformer

    r0, c0, r1, c1 = land.buildings.T.astype(float)
    cols, rows = np.stack([c0, c1, c1, c0, c0]), np.stack([r1, r1, r0, r0, r1])
    x, y = _apply(_master(land.classes.shape), cols, rows)
    lon, lat = Transformer.from_crs("EPSG:5070", 4326, always_xy=True).transform(x, y)
    rings = np.stack([lon, lat], -1).swapaxes(0, 1).round(7).tolist()
    features = [
        {
            "type": "Feature",
            "properties": {"class": "building"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for ring in rings
    ]
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    os.replace(temporary, path)
