"""Benchmarks as layers, against rasterio and pyproj."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import torch
from affine import Affine
from pyproj import CRS, Transformer

from swath.datasets import (
    BigEarthNetV2,
    EuroSAT,
    PatternNet,
    RasterDataset,
    make_miniature,
    stack_samples,
)
from swath.errors import ConfigError, SplitError
from swath.samplers import GridGeoSampler, RandomGeoSampler

pytestmark = pytest.mark.filterwarnings("ignore")
BANDS = EuroSAT.BAND_SETS["rgb"]


@pytest.fixture(scope="module")
def eurosat(tmp_path_factory: pytest.TempPathFactory) -> EuroSAT:
    root = tmp_path_factory.mktemp("eurosat")
    make_miniature(EuroSAT, root, count=6)
    return EuroSAT(root, bands=BANDS, checksum=False)


def file_of(ds: Any, number: int) -> str:
    part = next(p for p in ds.parts if p.there(ds.site))
    return str(part.files(ds.site, ds.sample_rows[number])[0])


def test_footprints_are_the_images_boxes(eurosat: EuroSAT) -> None:
    frame = eurosat.footprints()
    assert len(frame) == len(eurosat)
    assert list(frame["label"]) == [row["label"] for row in eurosat.sample_rows]
    seen = set()
    for i in range(len(eurosat)):
        with rasterio.open(file_of(eurosat, i)) as file:
            own, box = CRS.from_user_input(file.crs), shapely.box(*file.bounds)
        seen.add(own.to_epsg())
        there = Transformer.from_crs(own, frame.crs, always_xy=True)
        x, y = there.transform(*shapely.segmentize(box, 64).exterior.xy)
        expected = shapely.Polygon(np.column_stack([x, y]))
        found = frame.geometry.iloc[i]
        assert found.symmetric_difference(expected).area < 1e-4 * expected.area
        bounds = eurosat[i]["bounds"]
        np.testing.assert_allclose(bounds[[0, 3, 1, 4]], box.bounds)
    assert len(seen) == 2  # the miniature has images of two zones
    assert eurosat.footprints("EPSG:4326").crs == CRS.from_epsg(4326)


def test_layer_gives_the_samples_own_pixels(eurosat: EuroSAT) -> None:
    layer = eurosat.as_layer()
    assert list(layer.bands) == list(BANDS)
    compared = 0
    for i in range(len(eurosat)):
        with rasterio.open(file_of(eurosat, i)) as file:
            own, b = CRS.from_user_input(file.crs), file.bounds
        if own != layer.crs:
            continue
        sample = layer[b.left : b.right : 10, b.bottom : b.top : 10]
        assert torch.equal(sample["image"], eurosat[i]["image"])
        compared += 1
    assert compared


def bilinear(pixels: Any, row: Any, column: Any) -> Any:
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    b, r = row - top, column - left
    return (
        pixels[:, top, left] * (1 - b) * (1 - r)
        + pixels[:, top, left + 1] * (1 - b) * r
        + pixels[:, top + 1, left] * b * (1 - r)
        + pixels[:, top + 1, left + 1] * b * r
    )


def test_images_of_another_zone_are_warped(eurosat: EuroSAT) -> None:
    layer = eurosat.as_layer()
    for i in range(len(eurosat)):
        with rasterio.open(file_of(eurosat, i)) as file:
            if CRS.from_user_input(file.crs) == layer.crs:
                continue
            x0, y0, x1, y1 = eurosat.footprints(layer.crs).geometry.iloc[i].bounds
            cx, cy = round((x0 + x1) / 20) * 10, round((y0 + y1) / 20) * 10
            pixels, inverse = file.read([4, 3, 2]).astype(np.float64), ~file.transform
            back = Transformer.from_crs(layer.crs, CRS.from_user_input(file.crs), always_xy=True)
        step = np.arange(16) * 10 + 5
        x, y = np.meshgrid(cx - 80 + step, cy + 80 - step)
        column, row = inverse @ back.transform(x, y)
        found = layer[cx - 80 : cx + 80 : 10, cy - 80 : cy + 80 : 10]["image"].numpy()
        np.testing.assert_allclose(found, bilinear(pixels, row - 0.5, column - 0.5), atol=0.5)
        return
    raise AssertionError("the miniature has one zone only")


def test_sampled_and_intersected(eurosat: EuroSAT, tmp_path: Path) -> None:
    images = eurosat.as_layer()
    x0, y0, x1, y1 = images.index.total_bounds
    path = tmp_path / "labels.tif"
    side = 200.0
    shape = (int((y1 - y0) / side) + 2, int((x1 - x0) / side) + 2)
    place = Affine(side, 0, x0 - side, 0, -side, y1 + side)
    with rasterio.open(path, "w", driver="GTiff", width=shape[1], height=shape[0], count=1,
                       dtype="uint8", crs=images.crs, transform=place) as file:  # fmt: skip
        file.write(np.full(shape, 7, np.uint8), 1)

    class Labels(RasterDataset):
        is_image = False

    both = images & Labels(path)
    sampler = RandomGeoSampler(both, size=16, length=8)
    batch = stack_samples([both[query] for query in sampler])
    assert batch["image"].shape == (8, 3, 16, 16)
    assert bool((batch["mask"] == 7).all())
    assert float(batch["image"].amax()) > 0
    assert len(GridGeoSampler(images, size=32, stride=32)) >= len(eurosat)


def test_layer_goes_to_workers(eurosat: EuroSAT) -> None:
    layer = eurosat.as_layer()
    again = pickle.loads(pickle.dumps(layer))
    query = next(iter(RandomGeoSampler(layer, size=16, length=1)))
    assert torch.equal(layer[query]["image"], again[query]["image"])


def test_bands_in_files_and_masks(tmp_path: Path) -> None:
    make_miniature(BigEarthNetV2, tmp_path)
    ds = BigEarthNetV2(tmp_path, bands="s2", checksum=False)
    layer = ds.as_layer()
    frame = ds.footprints()
    i = next(i for i in range(len(ds)) if ds.footprints().crs == crs_of(ds, i))
    x0, y0, x1, y1 = frame.geometry.iloc[i].bounds
    sample = layer[x0:x1:10, y0:y1:10]
    assert sample["image"].shape == (12, 120, 120)
    expected = ds[i]
    assert torch.equal(sample["mask"].squeeze(), expected["mask"])
    fine = [ds.bands.index(b) for b in ("B02", "B03", "B04", "B08")]
    assert torch.equal(sample["image"][fine], expected["image"][fine])
    assert set(ds.as_layer(masks=False)[x0:x1:10, y0:y1:10]) & {"mask"} == set()


def crs_of(ds: Any, number: int) -> CRS:
    with rasterio.open(file_of(ds, number)) as file:
        return CRS.from_user_input(file.crs)


def test_split_by_location(tmp_path: Path) -> None:
    make_miniature(EuroSAT, tmp_path, count=20)
    ds = EuroSAT(tmp_path, checksum=False)
    parts = ds.split_by_location((0.6, 0.2, 0.2), block_size=8000, seed=1)
    numbers = [set(part.indices) for part in parts]
    assert all(numbers)
    assert not numbers[0] & numbers[1]
    assert len(set.union(*numbers)) > len(ds) // 2
    shapes = ds.footprints().geometry
    apart = ds.split_by_location((0.5, 0.5), block_size=8000, buffer=2000, seed=1)
    a = shapely.union_all(shapes.iloc[apart[0].indices].values)
    b = shapely.union_all(shapes.iloc[apart[1].indices].values)
    assert a.distance(b) >= 2000 * 0.999
    again = ds.split_by_location((0.6, 0.2, 0.2), block_size=8000, seed=1)
    assert [p.indices for p in again] == [p.indices for p in parts]
    with pytest.raises(SplitError):
        ds.split_by_location((0.5, 0.5), block_size=100)


def test_images_without_a_place_are_refused(tmp_path: Path) -> None:
    make_miniature(PatternNet, tmp_path)
    ds = PatternNet(tmp_path, checksum=False)
    for ask in (ds.footprints, ds.as_layer, lambda: ds.split_by_location((0.5, 0.5), 1000)):
        with pytest.raises(ConfigError, match="PatternNet does not say where its images lie"):
            ask()
