"""Whole small images against rasterio and Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from swath.datasets.catalogue.parts import float_tensor
from swath.datasets.catalogue.pixels import read_pixels
from swath.errors import BandError, FileMissingError, UnreadableFileError

LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"interleave": "pixel"},
    "one strip": {"interleave": "pixel", "blockysize": 37},
    "planes": {"interleave": "band"},
    "one tile": {"tiled": True, "blockxsize": 64, "blockysize": 48, "interleave": "pixel"},
    "tiled planes": {"tiled": True, "blockxsize": 64, "blockysize": 48, "interleave": "band"},
    "four tiles": {"tiled": True, "blockxsize": 32, "blockysize": 32},
    "deflate": {"compress": "deflate", "predictor": 2},
    "big endian": {"ENDIANNESS": "BIG"},
    "sparse": {"SPARSE_OK": True, "tiled": True, "blockxsize": 64, "blockysize": 48},
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [1, 5])
def test_tiff(tmp_path: Path, layout: str, dtype: str, count: int) -> None:
    path = str(tmp_path / "a.tif")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (count, 37, 41)).astype(dtype)
    with rasterio.open(path, "w", driver="GTiff", width=41, height=37, count=count, dtype=dtype,
                       crs="EPSG:32632", transform=Affine(10, 0, 5e5, 0, -10, 5e6),
                       **LAYOUTS[layout]) as file:  # fmt: skip
        if layout != "sparse":
            file.write(pixels)
    expected = pixels if layout != "sparse" else np.zeros_like(pixels)
    found = read_pixels(path)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == dtype
    np.testing.assert_array_equal(float_tensor(found).numpy(), expected.astype("f4"))
    order = [count - 1, 0]
    np.testing.assert_array_equal(read_pixels(path, order), expected[order])
    with pytest.raises(BandError, match=f"has {count} bands"):
        read_pixels(path, [count])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_tiff_cut_short(tmp_path: Path, interleave: str) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=13, dtype="uint16",
                       interleave=interleave, crs="EPSG:32632",
                       transform=Affine(10, 0, 5e5, 0, -10, 5e6)) as file:  # fmt: skip
        file.write(np.ones((13, 64, 64), "uint16"))
    cut(path)
    with pytest.raises(UnreadableFileError, match=r"a\.tif"):
        read_pixels(str(path))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "RGBA", "LA", "I;16", "1"])
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_picture_is_as_pillow_has_it(tmp_path: Path, mode: str, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (40, 33, 3), np.uint8))
    try:
        (picture if mode == "RGB" else picture.convert("L").convert("I").convert(mode)
         if mode == "I;16" else picture.convert(mode)).save(path)  # fmt: skip
    except (OSError, ValueError):
        return  # the format has no such mode
    with Image.open(path) as opened:
        grey = opened.mode in ("L", "I;16", "I", "F")
        expected = np.asarray(opened if grey else opened.convert("RGB"))
    expected = expected[None] if expected.ndim == 2 else expected.transpose(2, 0, 1)
    np.testing.assert_array_equal(read_pixels(str(path)), expected)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_picture_cut_short(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    Image.fromarray(noise).save(path)
    cut(path)
    with pytest.raises(UnreadableFileError, match="cut short"):
        read_pixels(str(path))
    with pytest.raises(FileMissingError, match="missing from the dataset"):
        read_pixels(str(path.with_name(f"b.{ending}")))
