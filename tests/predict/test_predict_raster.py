"""Maps of real layers: files in two UTM zones with borders, checked against rasterio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine
from pyproj import CRS
from rasterio.warp import Resampling, reproject
from torch import Tensor

from swath.datasets import RasterDataset
from swath.geometry import Grid
from swath.predict import predict_map
from swath.raster import write_raster


def scene(path: Path, zone: int, left: float, seed: int) -> tuple[np.ndarray, Grid]:
    """Smooth ground of one band, int16, with a border of nodata on its left."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.normal(0, 2000, (1, 1, 12, 12)))
    smooth = torch.nn.functional.interpolate(coarse, (260, 300), mode="bicubic")[0, 0]
    values = smooth.numpy().clip(-9000, 9000).astype(np.int16)
    values[:, :30] = -32768
    grid = Grid(CRS.from_epsg(zone), Affine(20, 0, left, 0, -20, 4_100_000), 300, 260)
    write_raster(path, values, grid, nodata=-32768)
    return values, grid


def sign(image: Tensor) -> Tensor:
    return torch.cat([-image, image], 1) / 100


def test_scenes_of_two_zones_make_one_map(tmp_path: Path) -> None:
    # 114° W is the border of zones 11 and 12: the second scene goes on where the first one ends.
    a, grid_a = scene(tmp_path / "a.tif", 32611, 761_000, 1)
    b, grid_b = scene(tmp_path / "b.tif", 32612, 237_000, 2)
    layer = RasterDataset([str(tmp_path / "a.tif"), str(tmp_path / "b.tif")], crs="EPSG:32611")
    done = predict_map(
        sign, layer, tmp_path / "map.tif", size=64, progress=False, classes=["low", "high"]
    )
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.crs.to_epsg() == 32611
        got, place = dataset.read(1), dataset.transform
    assert set(np.unique(got)) == {0, 1, 255}
    assert done.known == int((got != 255).sum())

    def oracle(values: np.ndarray, grid: Grid) -> np.ndarray:
        out = np.full(got.shape, np.nan, np.float32)
        reproject(
            values.astype(np.float32), out, src_transform=grid.transform, src_crs=grid.crs.to_wkt(),
            dst_transform=place, dst_crs="EPSG:32611", src_nodata=-32768, dst_nodata=np.nan,
            resampling=Resampling.bilinear, tolerance=0,
        )  # fmt: skip
        return out

    first, second = oracle(a, grid_a), oracle(b, grid_b)
    value = np.where(np.isnan(first), second, first)
    sure = np.abs(np.nan_to_num(value)) > 60  # near 0 the class is a matter of rounding
    assert sure.mean() > 0.5
    assert (got[sure] == (value[sure] > 0)).mean() > 0.999
    # What GDAL calls nodata is nodata here, but for the outermost pixel of a border.
    assert (np.isnan(value) != (got == 255)).mean() < 0.01


def test_a_part_of_a_layer_is_mapped_alone(tmp_path: Path) -> None:
    values, _ = scene(tmp_path / "a.tif", 32611, 761_000, 1)
    layer = RasterDataset(str(tmp_path / "a.tif"))
    predict_map(sign, layer, tmp_path / "map.tif", size=64, progress=False, num_workers=1)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        got = dataset.read(1)
    np.testing.assert_array_equal(got, np.where(values == -32768, 255, values > 0))
    assert not layer.valid_mask


def test_unions_say_where_they_have_data(tmp_path: Path) -> None:
    values, _ = scene(tmp_path / "a.tif", 32611, 761_000, 1)
    scene(tmp_path / "b.tif", 32611, 761_000 + 20 * 400, 2)
    layer = RasterDataset(str(tmp_path / "a.tif")) | RasterDataset(str(tmp_path / "b.tif"))
    predict_map(sign, layer, tmp_path / "map.tif", size=64, progress=False)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        got = dataset.read(1)
    assert got.shape == (260, 700)
    np.testing.assert_array_equal(got[:, :300], np.where(values == -32768, 255, values > 0))
    assert (got[:, 300:430] == 255).all()
    assert (got[:, 430:] != 255).all()
