"""Windows of images, patches and chips: what is read is what rasterio and Pillow read there."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image as Picture
from rasterio.transform import from_origin
from rasterio.windows import Window as RasterioWindow
from torch.utils.data import Subset

from swath.datasets import ETCI2021, SEN12MS, InriaAerialImageLabeling, make_miniature
from swath.datasets.catalogue.chips import chip_places
from swath.datasets.catalogue.patches import Patches, grid_places
from swath.datasets.catalogue.windows import image_shape, read_window
from swath.errors import BandError, ConfigError, FileMissingError, QueryError

pytestmark = pytest.mark.filterwarnings("ignore")
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"tiled": True, "blockxsize": 16, "blockysize": 32, "compress": "deflate"},
    {"blockysize": 7, "compress": "lzw", "interleave": "band"},
]
WINDOWS = [(0, 0, 90, 70), (0, 0, 1, 1), (89, 69, 1, 1), (13, 30, 40, 17), (80, 60, 64, 64)]


@pytest.fixture(scope="module")
def inria(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("inria")
    make_miniature(InriaAerialImageLabeling, place)
    return place


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("window", WINDOWS)
def test_tiff_windows_are_rasterios(layout: Any, window: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "a.tif")
    pixels = np.random.default_rng(0).integers(0, 60_000, (3, 90, 70)).astype(np.uint16)
    with rasterio.open(path, "w", driver="GTiff", count=3, height=90, width=70, dtype="uint16",
                       transform=from_origin(0, 0, 1, 1), **layout) as file:  # fmt: skip
        file.write(pixels)
    top, left, height, width = window
    with rasterio.open(path) as file:
        expected = file.read((3, 1), window=RasterioWindow(left, top, width, height))
    np.testing.assert_array_equal(read_window(path, window, (2, 0)), expected)
    assert image_shape(path) == (90, 70)


def test_picture_windows_are_pillows(tmp_path: Path) -> None:
    path = str(tmp_path / "a.png")
    pixels = np.random.default_rng(0).integers(0, 255, (50, 40, 3)).astype(np.uint8)
    Picture.fromarray(pixels).save(path)
    for top, left, high, wide in ((0, 0, 50, 40), (11, 7, 20, 13), (45, 39, 20, 13)):
        box = (left, top, min(left + wide, 40), min(top + high, 50))
        expected = np.asarray(Picture.open(path).crop(box)).transpose(2, 0, 1)
        np.testing.assert_array_equal(read_window(path, (top, left, high, wide)), expected)
    assert image_shape(path) == (50, 40)
    with pytest.raises(BandError, match="3 bands"):
        read_window(path, (0, 0, 1, 1), (3,))


def test_windows_outside_are_refused(tmp_path: Path, inria: Path) -> None:
    path = str(next(inria.rglob("gt/*.tif")))
    for window in ((64, 0, 1, 1), (-1, 0, 4, 4), (0, 0, 0, 4)):
        with pytest.raises(QueryError, match="is not in it"):
            read_window(path, window)
    for name in ("none.png", "none.tif"):
        with pytest.raises(FileMissingError, match="none"):
            read_window(str(tmp_path / name), (0, 0, 1, 1))


def test_patches_are_parts_of_the_images(inria: Path) -> None:
    whole = InriaAerialImageLabeling(inria, checksum=False)
    patches = Patches(whole, (24, 20))
    assert len(patches) == 3 * 3 * 4  # of 64 by 64 pixels
    covered = torch.zeros(3, 64, 64)
    for i, (image, top, left) in enumerate(patches.places.tolist()):
        here, full = patches[i], whole[image]
        box = (..., slice(top, top + 24), slice(left, left + 20))
        assert torch.equal(here["image"], full["image"][box])
        assert torch.equal(here["mask"], full["mask"][box])
        corner = torch.tensor([left, top, 1.0], dtype=torch.float64)
        expected = full["transform"].view(3, 3) @ corner
        assert here["transform"].view(3, 3)[:2, 2].tolist() == expected[:2].tolist()
        assert here["bounds"][0] == expected[0]
        assert here["bounds"][4] == expected[1]  # ymax is the upper edge
        covered[image, top : top + 24, left : left + 20] = 1
    assert bool(covered.all())
    assert torch.equal(patches[-1]["image"], patches[len(patches) - 1]["image"])


def test_random_patches_are_in_the_image_and_follow_the_seed(inria: Path) -> None:
    whole = InriaAerialImageLabeling(inria, checksum=False)
    patches = Patches(Subset(whole, [1, 2]), 8, per_image=50, random=True)
    assert len(patches) == 100
    assert {int(i) for i in patches.images} == {1, 2}
    torch.manual_seed(0)
    first = [patches[i]["bounds"] for i in range(100)]
    assert len({tuple(b[:2].tolist()) for b in first}) > 30
    torch.manual_seed(0)
    assert all(torch.equal(a[:6], patches[i]["bounds"][:6]) for i, a in enumerate(first))
    of_image = whole[1]["bounds"]
    assert all(of_image[0] <= b[0] and b[1] <= of_image[1] for b in first[:50])


def test_a_thinned_grid_is_spread_over_the_image(inria: Path) -> None:
    whole = InriaAerialImageLabeling(inria, checksum=False)
    patches = Patches(whole, 8, per_image=4)
    assert patches.places[:4, 1:].tolist() == [[0, 0], [0, 56], [56, 0], [56, 56]]
    assert len(patches) == 12
    for wrong in ({"size": 0}, {"size": 8, "per_image": 0}, {"size": 8, "random": True}):
        with pytest.raises(ConfigError):
            Patches(whole, **wrong)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="0 to 11"):
        patches[12]


@pytest.mark.parametrize(
    ("length", "size", "stride", "expected"),
    [
        (3035, 1008, 1008, [0, 1008, 2016, 2027]),
        (2016, 1008, 1008, [0, 1008]),
        (3035, 2016, 500, [0, 500, 1000, 1019]),
        (48, 256, 128, [0]),
    ],
)
def test_chips_end_with_the_scene(length: int, size: int, stride: int, expected: list[int]) -> None:
    assert chip_places(length, size, stride) == expected


def test_grids_cover() -> None:
    for length in range(5, 40):
        places = grid_places(length, 5)
        assert places[0] == 0
        assert places[-1] == length - 5
        assert all(0 < b - a <= 5 for a, b in itertools.pairwise(places))


def test_bands_of_two_sensors_come_as_asked_and_others_stay_closed(tmp_path: Path) -> None:
    make_miniature(SEN12MS, tmp_path)
    every = SEN12MS(tmp_path, checksum=False)[0]["image"]
    names = list(SEN12MS.all_band_names)
    few = SEN12MS(tmp_path, bands=("B04", "VH", "B01"), checksum=False)[0]["image"]
    assert torch.equal(few, every[[names.index(b) for b in ("B04", "VH", "B01")]])
    for path in tmp_path.rglob("*_s2_*.tif"):
        path.unlink()
    assert SEN12MS(tmp_path, bands=("VV",), checksum=False)[0]["image"].shape == (1, 64, 64)


def test_floods_of_the_test_split_are_not_published(tmp_path: Path) -> None:
    make_miniature(ETCI2021, tmp_path)
    shapes = {s: ETCI2021(tmp_path, s, checksum=False)[0]["mask"].shape for s in ETCI2021.splits}
    assert shapes == {"train": (2, 64, 64), "val": (2, 64, 64), "test": (1, 64, 64)}


def test_two_sensors_are_one_layer(tmp_path: Path) -> None:
    make_miniature(SEN12MS, tmp_path)
    ds = SEN12MS(tmp_path, bands=("B04", "B03", "VV"), checksum=False)
    x0, x1, _, y0, y1, *_ = ds[0]["bounds"].tolist()
    found = ds.as_layer()[x0:x1, y0:y1]
    assert torch.equal(found["image"], ds[0]["image"])
    assert torch.equal(found["mask"], ds[0]["mask"])
    with pytest.raises(ConfigError, match="as in B04, B03, VV"):
        SEN12MS(tmp_path, bands=("B04", "VV", "B03"), checksum=False).as_layer()
