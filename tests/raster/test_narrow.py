"""Queries of a few pixels, narrower than the vectors that the bilinear kernel computes with."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

from swath.datasets import RasterDataset


@pytest.mark.parametrize("bands", [2, 9])
@pytest.mark.parametrize("width", [1, 3, 7, 8, 9])
def test_narrow_patches_are_what_gdal_makes(tmp_path: pathlib.Path, bands: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (bands, 32, 32)).astype(np.uint8)
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=32, height=32, count=bands, dtype="uint8",
        crs="EPSG:32615", transform=from_origin(500_000, 4_200_000, 30, 30),
    ) as file:  # fmt: skip
        file.write(pixels)
    left, top = 500_000 + 10 * 30 + 11, 4_200_000 - 10 * 30 - 7
    dataset = RasterDataset(tmp_path)
    sample = dataset[left : left + width * 30, top - 5 * 30 : top]
    expected = np.zeros((bands, 5, width), np.float32)
    reproject(
        pixels.astype(np.float32), expected, resampling=Resampling.bilinear, tolerance=0,
        src_crs="EPSG:32615", dst_crs="EPSG:32615",
        src_transform=from_origin(500_000, 4_200_000, 30, 30),
        dst_transform=from_origin(left, top, 30, 30),
    )  # fmt: skip
    np.testing.assert_allclose(sample["image"].numpy(), expected, atol=0.02)
