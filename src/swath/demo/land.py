"""The land of the demonstration: which class and which texture every 10 m of it has.

Everything is an array on one master grid. The classes are made so that a single pixel does not
give them away: an orchard is grass with trees, a town is roofs, asphalt and gardens, a field is
anything from bare soil to green; their neighbourhoods tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Land", "make_land", "smooth_noise"]

WATER, TOWN, FOREST, ORCHARD, GRASS, CROP = range(6)

#: Reflectance of materials in blue, green, red, near infrared.
MATERIALS = {
    "water": (0.045, 0.050, 0.035, 0.025),
    "roof": (0.150, 0.160, 0.185, 0.230),
    "asphalt": (0.090, 0.100, 0.110, 0.140),
    "tree": (0.028, 0.048, 0.030, 0.290),
    "grass": (0.045, 0.080, 0.060, 0.270),
    "soil": (0.085, 0.115, 0.150, 0.220),
    "green": (0.035, 0.075, 0.040, 0.370),
}


@dataclass(frozen=True)
class Land:
    """The master grid (rows from north to south, `cell` metres a pixel).

    Attributes:
        classes: (H, W) index of the class.
        early: (4, H, W) reflectance in spring.
        late: (4, H, W) reflectance in late summer: the fields have changed.
        buildings: Corners (row0, col0, row1, col1) of each building on the master grid.
    """

    classes: NDArray[np.uint8]
    early: NDArray[np.float32]
    late: NDArray[np.float32]
    buildings: NDArray[np.int64]


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], scale: float
) -> NDArray[np.float32]:
    """Gaussian random field of mean 0 and deviation 1 whose hills are about `scale` pixels wide."""
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.rfftfreq(shape[1])[None, :]
    low = np.exp(-2 * (np.pi * scale / 2) ** 2 * (fy**2 + fx**2))
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * low, s=shape)
    return ((field - field.mean()) / field.std()).astype(np.float32)


def make_land(height: int, width: int, seed: int = 0) -> Land:
    """Invent a country of `height` × `width` cells of 10 m."""
    rng = np.random.default_rng(seed)
    shape = (height, width)
    rows, cols = np.mgrid[:height, :width].astype(np.float32)
    parcel, along = _parcels(rng, rows, cols, size=32)
    use = rng.random(int(parcel.max()) + 1)[parcel]
    classes = np.select([use < 0.52, use < 0.66], [CROP, ORCHARD], GRASS).astype(np.uint8)
    classes[smooth_noise(rng, shape, 45) > 0.55] = FOREST
    towns = smooth_noise(rng, shape, 60) + 0.3 * smooth_noise(rng, shape, 12)
    classes[towns > 1.25] = TOWN
    meander = 90 * smooth_noise(rng, (1, width), 160)[0] + 14 * np.sin(np.arange(width) / 23)
    river = np.abs(rows - height * 0.55 - meander) < 5 + 3 * np.abs(smooth_noise(rng, shape, 80))
    classes[river | (smooth_noise(rng, shape, 30) < -2.25)] = WATER
    buildings = _buildings(rng, classes)
    early, late = (_render(rng, classes, parcel, along, buildings, k) for k in (0, 1))
    return Land(classes, early, late, buildings)


def _parcels(
    rng: np.random.Generator, rows: NDArray[np.float32], cols: NDArray[np.float32], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Irregular fields: each pixel's nearest point of a shaken grid, and its way along the rows."""
    across = int(cols.max()) // size + 4
    down = int(rows.max()) // size + 4
    shaken = rng.uniform(0.12, 0.88, (down, across, 2))
    best = np.full(rows.shape, np.inf, np.float32)
    parcel = np.zeros(rows.shape, np.int64)
    r0, c0 = (rows // size).astype(int) + 1, (cols // size).astype(int) + 1
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            r, c = r0 + dr, c0 + dc
            point = shaken[r, c]
            dy = (r - 1 + point[..., 0]) * size - rows
            dx = (c - 1 + point[..., 1]) * size - cols
            distance = np.maximum(np.abs(dy), np.abs(dx)).astype(np.float32)  # square-ish fields
            nearer = distance < best
            best[nearer], parcel[nearer] = distance[nearer], (r * across + c)[nearer]
    angle = rng.uniform(0, np.pi, down * across)[parcel].astype(np.float32)
    return parcel, rows * np.cos(angle) + cols * np.sin(angle)


def _buildings(rng: np.random.Generator, classes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Houses of 2 to 4 cells a side in the blocks of the towns."""
    found = []
    height, width = classes.shape
    for r in range(2, height - 6, 6):
        for c in range(2, width - 6, 6):
            h, w = rng.integers(2, 5, 2)
            if rng.random() < 0.75 and (classes[r : r + h, c : c + w] == TOWN).all():
                found.append((r, c, r + h, c + w))
    return np.array(found, np.int64).reshape(-1, 4)


def _render(
    rng: np.random.Generator,
    classes: NDArray[np.uint8],
    parcel: NDArray[np.int64],
    along: NDArray[np.float32],
    buildings: NDArray[np.int64],
    season: int,
) -> NDArray[np.float32]:
    """Reflectance (4, H, W) of all cells in one season."""
    shape = classes.shape
    m = {name: np.array(v, np.float32)[:, None, None] for name, v in MATERIALS.items()}
    rows, cols = np.mgrid[: shape[0], : shape[1]]

    growth = rng.beta(0.7, 0.7, int(parcel.max()) + 1)[parcel].astype(np.float32)
    growth = growth * (1.0 if season == 0 else 0.7) + 0.08 * np.sin(along * (2 * np.pi / 5))
    crop = m["soil"] + (m["green"] - m["soil"]) * growth.clip(0, 1)
    dry = 0.25 * season
    meadow = m["grass"] + (m["soil"] - m["grass"]) * (
        dry + 0.18 * smooth_noise(rng, shape, 25)
    ).clip(0, 0.9)
    canopy = np.exp(0.30 * rng.standard_normal(shape)).astype(np.float32)
    wood = m["tree"] * canopy
    dots = ((rows % 3 == 0) & (cols % 3 == 0)) | (rng.random(shape) < 0.06)
    orchard = np.where(dots, wood * 0.9, meadow)
    garden = rng.random(shape)
    town = np.where(garden < 0.45, meadow, np.where(garden < 0.6, wood, m["asphalt"]))
    street = (rows % 12 == 0) | (cols % 12 == 0)
    town = np.where(street, m["asphalt"], town)
    roofed = np.zeros(shape, bool)
    for r0, c0, r1, c1 in buildings:
        roofed[r0:r1, c0:c1] = True
    town = np.where(roofed, m["roof"] * (1 + 0.15 * smooth_noise(rng, shape, 3)), town)
    water = m["water"] * (1 + 0.25 * smooth_noise(rng, shape, 15))
    by_class = [water, town, wood, orchard, meadow, crop]
    return np.choose(classes, [np.broadcast_to(a, (4, *shape)) for a in by_class]).astype(
        np.float32
    )
