"""A layer of images held in an array: what the tests of prediction read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets import GeoDataset
from swath.datasets.frames import make_frame
from swath.datasets.query import Field, Query
from swath.geometry import Grid

UTM = CRS.from_epsg(32612)
DAY = pd.Timestamp("2021-06-01").value


def utm_grid(height: int, width: int, res: float = 10.0) -> Grid:
    return Grid(UTM, Affine(res, 0.0, 500_000.0, 0.0, -res, 4_100_000.0), width, height)


class ArrayLayer(GeoDataset):
    """Pixels (C, H, W) on a grid, NaN where there is no data; queries on the same lattice."""

    def __init__(self, pixels: NDArray[Any], grid: Grid, transforms: Any = None) -> None:
        self.pixels = np.asarray(pixels, np.float32)
        self.place = grid
        self.transforms = transforms
        self._crs, self._res, self._state = grid.crs, grid.res, None
        box = np.array([shapely.box(*grid.bounds)], dtype=object)
        time = np.array([DAY])
        self.index = make_frame({}, box, time, time, grid.crs)
        self.asked = 0

    def _fields(self) -> tuple[Field, ...]:
        return (Field("image", len(self.pixels)),)

    def _fill(
        self, queries: Sequence[Query], arrays: dict[str, NDArray[Any]], filled: NDArray[np.uint8]
    ) -> None:
        _, height, width = self.pixels.shape
        for i, query in enumerate(queries):
            self.asked += 1
            col = (query.xmin - self.place.transform.c) / query.xres
            row = (self.place.transform.f - query.ymax) / query.yres
            assert abs(col - round(col)) < 1e-6
            assert abs(row - round(row)) < 1e-6
            rows = round(row) + np.arange(query.height)
            cols = round(col) + np.arange(query.width)
            there = ((rows >= 0) & (rows < height))[:, None] & ((cols >= 0) & (cols < width))
            part = self.pixels[:, rows.clip(0, height - 1)][:, :, cols.clip(0, width - 1)]
            there &= ~np.isnan(part).any(0)
            arrays["image"][i][:, there] = part[:, there]
            filled[i][there] = 1
