"""Miniature scenes with the products' real names."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

Write = Callable[..., pathlib.Path]


@pytest.fixture
def write_tif(tmp_path: pathlib.Path) -> Write:
    """Write (H, W) or (C, H, W) to a path below the test's folder."""

    def write(
        name: str,
        data: Any,
        *,
        crs: str | None = "EPSG:32616",
        origin: tuple[float, float] = (500_000.0, 4_000_000.0),
        res: float = 30.0,
        nodata: float | None = None,
        driver: str = "GTiff",
    ) -> pathlib.Path:
        array = np.asarray(data)
        array = array[None] if array.ndim == 2 else array
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
        with rasterio.open(
            path, "w", driver=driver, width=array.shape[2], height=array.shape[1],
            count=array.shape[0], dtype=array.dtype, crs=crs, nodata=nodata,
            transform=from_origin(*origin, res, res), **options,
        ) as out:  # fmt: skip
            out.write(array)
        return path

    return write


@pytest.fixture
def flat() -> Callable[..., np.ndarray]:
    """An array of one value."""

    def make(value: float, size: int = 16, dtype: str = "uint16") -> np.ndarray:
        return np.full((size, size), value, dtype)

    return make
