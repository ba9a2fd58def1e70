"""predict_map: equal to a one-shot prediction, seamless, masked, bounded, all or nothing."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import rasterio.features
import shapely
import torch
from affine import Affine
from array_layer import UTM, ArrayLayer, utm_grid
from pyproj import CRS
from torch import Tensor, nn

from swath.errors import ConfigError, GridError, NoOverlapError, UnsupportedDataError
from swath.geometry import Grid
from swath.predict import predict as module
from swath.predict import predict_map

H, W = 300, 420
NAMES = ["water", "forest", "field"]
COLOURS = [(10, 60, 200), (20, 120, 30), (230, 200, 60)]


def picture(height: int = H, width: int = W, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(size=(channels, height, width)).astype(np.float32)


def pointwise(seed: int = 0, classes: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 8, 1), nn.ReLU(), nn.Conv2d(8, classes, 1))


def whole(model: nn.Module, pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(pixels)[None])[0].numpy()


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(0))
    return e / e.sum(0)


def read(path: Path | str) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


def quiet(model: object, layer: ArrayLayer, out: Path, **options: object) -> object:
    return predict_map(model, layer, out, progress=False, **{"size": 64, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("blend", ["cosine", "linear", "none"])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_a_pointwise_model_gives_the_one_shot_map(
    tmp_path: Path, blend: str, overlap: float
) -> None:
    pixels, model = picture(), pointwise()
    layer = ArrayLayer(pixels, utm_grid(H, W))
    done = quiet(model, layer, tmp_path / "map.tif", blend=blend, overlap=overlap, batch_size=5)
    expected = whole(model, pixels).argmax(0)
    np.testing.assert_array_equal(read(tmp_path / "map.tif")[0], expected)
    assert done.pixels == dict(enumerate(np.bincount(expected.ravel()).tolist()))
    assert done.known == H * W


def test_the_map_lies_where_the_image_lies_and_names_its_classes(tmp_path: Path) -> None:
    layer = ArrayLayer(picture(), utm_grid(H, W))
    out = tmp_path / "map.tif"
    quiet(
        pointwise(), layer, out, classes=NAMES, colours=COLOURS, values=[11, 42, 200],
        tags={"checkpoint": "best.ckpt"},
    )  # fmt: skip
    with rasterio.open(out) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.crs.to_epsg() == 32612
        assert dataset.transform == utm_grid(1, 1).transform
        assert dataset.shape == (H, W)
        assert dataset.dtypes == ("uint8",)
        assert dataset.nodata == 255
        table = dataset.colormap(1)
        assert [table[v][:3] for v in (11, 42, 200)] == COLOURS
        assert dataset.tags()["CLASS_42"] == "forest"
        assert dataset.tags()["checkpoint"] == "best.ckpt"
        assert set(np.unique(dataset.read(1))) <= {11, 42, 200}
    style = (tmp_path / "map.qml").read_text()
    assert 'label="field"' in style
    assert "#e6c83c" in style


def test_classes_by_pixel_value(tmp_path: Path) -> None:
    layer = ArrayLayer(picture(), utm_grid(H, W))
    quiet(
        pointwise(), layer, tmp_path / "m.tif", classes={5: "a", 3: "b", 900: "c"},
        colours={3: (1, 2, 3)}, nodata=0,
    )  # fmt: skip
    with rasterio.open(tmp_path / "m.tif") as dataset:
        assert dataset.dtypes == ("uint16",)
        assert dataset.nodata == 0
        assert dataset.colormap(1)[3][:3] == (1, 2, 3)
        values = dataset.read(1)
    expected = np.array([5, 3, 900])[whole(pointwise(), picture()).argmax(0)]
    np.testing.assert_array_equal(values, expected)


def test_where_no_image_is_the_map_is_nodata_whatever_the_model_says(tmp_path: Path) -> None:
    pixels = picture()
    rows, cols = np.mgrid[:H, :W]
    hole = (rows + cols < 150) | ((rows > 200) & (cols > 300))
    pixels[:, hole] = np.nan
    model = pointwise()
    quiet(model, ArrayLayer(pixels, utm_grid(H, W)), tmp_path / "m.tif")
    expected = whole(model, np.nan_to_num(pixels)).argmax(0)
    expected[hole] = 255
    np.testing.assert_array_equal(read(tmp_path / "m.tif")[0], expected)


def test_a_convolutional_model_leaves_no_seams(tmp_path: Path) -> None:
    # Smooth ground, as images have: noise has no edges a window could be seen by.
    coarse = torch.from_numpy(picture(12, 16))[None]
    ground = nn.functional.interpolate(coarse, (H, W), mode="bicubic")[0].numpy()
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 5, padding=2), nn.Tanh(),
        nn.Conv2d(6, 6, 5, padding=2), nn.Tanh(),
        nn.Conv2d(6, 3, 5, padding=2),
    )  # fmt: skip
    layer = ArrayLayer(ground, utm_grid(H, W))
    expected = softmax(whole(model, ground))
    error = {}
    for name, options in {
        "blended": {"overlap": 0.5, "blend": "cosine"},
        "tiled": {"overlap": 0.0, "blend": "none"},
    }.items():
        out = tmp_path / f"{name}.tif"
        quiet(model, layer, out, output="probabilities", **options)
        inner = np.abs(read(out) - expected)[:, 8:-8, 8:-8]  # the image's own border is padded
        error[name] = inner.max()
    assert error["blended"] < 0.004
    assert error["tiled"] > 5 * error["blended"]


def test_probabilities_and_confidence(tmp_path: Path) -> None:
    pixels, model = picture(), pointwise()
    pixels[:, :20] = np.nan
    layer = ArrayLayer(pixels, utm_grid(H, W))
    expected = softmax(whole(model, pixels))
    quiet(model, layer, tmp_path / "p.tif", output="probabilities", classes=NAMES)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.descriptions == tuple(NAMES)
        assert np.isnan(dataset.nodata)
        np.testing.assert_allclose(dataset.read(), expected, rtol=1e-4, atol=1e-6)
    done = quiet(model, layer, tmp_path / "c.tif", confidence=True)
    assert done.confidence == str(tmp_path / "c_confidence.tif")
    with rasterio.open(done.confidence) as dataset:
        assert dataset.nodata == 255
        sure = dataset.read(1)
    assert (sure[:20] == 255).all()
    np.testing.assert_allclose(sure[20:], expected[:, 20:].max(0) * 100, atol=0.51)


def test_regression_keeps_values(tmp_path: Path) -> None:
    pixels, model = picture() * 1000, pointwise(classes=1)
    pixels[:, 50:60, 70:80] = np.nan
    quiet(
        model, ArrayLayer(pixels, utm_grid(H, W)), tmp_path / "r.tif", output="regression",
        nodata=-9999, classes=["height"],
    )  # fmt: skip
    expected = whole(model, pixels)
    expected[:, 50:60, 70:80] = -9999
    np.testing.assert_allclose(read(tmp_path / "r.tif"), expected, rtol=1e-5, atol=1e-3)


def test_a_binary_logit_is_two_classes(tmp_path: Path) -> None:
    pixels, model = picture(), pointwise(classes=1)
    layer = ArrayLayer(pixels, utm_grid(H, W))
    probability = 1 / (1 + np.exp(-whole(model, pixels)[0]))
    quiet(model, layer, tmp_path / "b.tif", classes=["ground", "building"], threshold=0.6)
    sure = np.abs(probability - 0.6) > 1e-6
    got = read(tmp_path / "b.tif")[0]
    np.testing.assert_array_equal(got[sure], (probability >= 0.6)[sure])
    quiet(model, layer, tmp_path / "p.tif", output="probabilities", classes=["ground", "building"])
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.descriptions == ("building",)
        np.testing.assert_allclose(dataset.read(1), probability, rtol=1e-4, atol=1e-6)


def test_several_models_are_averaged(tmp_path: Path) -> None:
    pixels = picture()
    layer = ArrayLayer(pixels, utm_grid(H, W))
    models = [pointwise(seed) for seed in range(3)]
    models[1].train()
    quiet(models, layer, tmp_path / "e.tif", output="probabilities")
    expected = np.mean([softmax(whole(m, pixels)) for m in models], axis=0)
    np.testing.assert_allclose(read(tmp_path / "e.tif"), expected, rtol=1e-4, atol=1e-6)
    assert [m.training for m in models] == [True, True, True]
    models[0].eval()
    quiet(models, layer, tmp_path / "e.tif")
    assert [m.training for m in models] == [False, True, True]
    with pytest.raises(UnsupportedDataError, match="same classes"):
        quiet([models[0], pointwise(classes=4)], layer, tmp_path / "x.tif")


def test_batch_norm_is_in_evaluation_mode_and_unchanged(tmp_path: Path) -> None:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1))
    before = copy.deepcopy(model.state_dict())
    quiet(model, ArrayLayer(picture(), utm_grid(H, W)), tmp_path / "n.tif")
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert model.training


def test_a_function_is_a_model_and_transform_comes_before_it(tmp_path: Path) -> None:
    pixels = picture()

    def model(image: Tensor) -> Tensor:
        return torch.cat([image[:, :1], -image[:, :1]], 1)

    def flip(batch: dict) -> dict:
        return {**batch, "image": -batch["image"]}

    layer = ArrayLayer(pixels, utm_grid(H, W))
    quiet(model, layer, tmp_path / "f.tif", transform=flip)
    np.testing.assert_array_equal(read(tmp_path / "f.tif")[0], pixels[0] > 0)
    doubled = ArrayLayer(
        pixels, utm_grid(H, W), lambda sample: {**sample, "image": sample["image"] * -2}
    )
    quiet(model, doubled, tmp_path / "f.tif", transform=flip)
    np.testing.assert_array_equal(read(tmp_path / "f.tif")[0], pixels[0] < 0)


def test_area_of_interest(tmp_path: Path) -> None:
    pixels, model = picture(), pointwise()
    layer = ArrayLayer(pixels, utm_grid(H, W))
    star = shapely.Point(501_503, 4_098_807).buffer(700, quad_segs=3)
    done = quiet(model, layer, tmp_path / "roi.tif", roi=star)
    expected = whole(model, pixels).argmax(0)
    outside = rasterio.features.geometry_mask([star], (H, W), utm_grid(H, W).transform)
    expected[outside] = 255
    col = round((done.grid.transform.c - 500_000) / 10)
    row = round((4_100_000 - done.grid.transform.f) / 10)
    got = read(tmp_path / "roi.tif")[0]
    part = expected[row : row + got.shape[0], col : col + got.shape[1]]
    np.testing.assert_array_equal(got, part)
    assert (part != 255).sum() == (expected != 255).sum() == done.known
    # The same polygon in longitude and latitude, on the whole grid.
    degrees = geopandas.GeoSeries([star], crs=UTM).to_crs(4326)
    asked = layer.asked
    quiet(model, layer, tmp_path / "roi2.tif", roi=degrees, grid=utm_grid(H, W))
    got = read(tmp_path / "roi2.tif")[0]
    assert (got != expected).mean() < 1e-4
    assert layer.asked == asked  # it is a copy of the layer that is read
    with pytest.raises(NoOverlapError, match="roi"):
        quiet(model, layer, tmp_path / "no.tif", roi=shapely.box(0, 0, 1, 1))
    with pytest.raises(ConfigError, match="no area"):
        quiet(model, layer, tmp_path / "no.tif", roi=shapely.Point(500_100, 4_099_000))
    assert not (tmp_path / "no.tif").exists()


def test_bounds_beyond_the_image_and_smaller_than_a_window(tmp_path: Path) -> None:
    pixels, model = picture(), pointwise()
    layer = ArrayLayer(pixels, utm_grid(H, W))
    expected = np.full((40, 700), 255)
    expected[:, 100 : 100 + W] = whole(model, pixels).argmax(0)[10:50]
    bounds = (499_000.0, 4_099_500.0, 506_000.0, 4_099_900.0)
    quiet(model, layer, tmp_path / "b.tif", bounds=bounds)
    np.testing.assert_array_equal(read(tmp_path / "b.tif")[0], expected)


def test_strips_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Conv2d(2, 3, 7, padding=3)
    layer = ArrayLayer(picture(), utm_grid(H, W))
    options = {"size": 32, "batch_size": 1, "output": "probabilities"}
    one = quiet(model, layer, tmp_path / "one.tif", **options)
    monkeypatch.setattr(module, "_BUFFER", 1)
    many = quiet(model, layer, tmp_path / "many.tif", **options)
    np.testing.assert_array_equal(read(tmp_path / "many.tif"), read(tmp_path / "one.tif"))
    assert many.windows > one.windows


def test_workers_and_batches_change_nothing(tmp_path: Path) -> None:
    pixels, model = picture(), pointwise()
    pixels[:, 100:220, 100:220] = np.nan  # some windows have nothing to say
    layer = ArrayLayer(pixels, utm_grid(H, W))
    quiet(model, layer, tmp_path / "a.tif", batch_size=1)
    quiet(model, layer, tmp_path / "b.tif", batch_size=7, num_workers=2)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_time_is_asked_for(tmp_path: Path) -> None:
    layer = ArrayLayer(picture(), utm_grid(H, W))
    quiet(pointwise(), layer, tmp_path / "m.tif", when=slice("2021-05-01", "2021-07-01"))
    late = slice(pd.Timestamp("2022-05-01"), pd.Timestamp("2022-07-01"))
    with pytest.raises(NoOverlapError, match=r"m2\.tif.*2022"):
        quiet(pointwise(), layer, tmp_path / "m2.tif", when=late)


def test_autocast(tmp_path: Path) -> None:
    pixels, model = picture(), pointwise()
    layer = ArrayLayer(pixels, utm_grid(H, W))
    quiet(model, layer, tmp_path / "a.tif", autocast=torch.bfloat16)
    assert (read(tmp_path / "a.tif")[0] == whole(model, pixels).argmax(0)).mean() > 0.98


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"classes": ["a", "b"]}, ConfigError, "tells 3 classes apart, and 2"),
        ({"values": [1, 1, 2]}, ConfigError, "distinct"),
        ({"nodata": 1}, ConfigError, "nodata 1 is the value of class 'class 1'"),
        ({"output": "mask"}, ConfigError, "mask"),
        ({"overlap": 1}, ConfigError, "overlap"),
        ({"batch_size": 0}, ConfigError, "batch_size"),
        ({"grid": utm_grid(5, 5), "res": 10}, ConfigError, "either grid"),
        (
            {"grid": Grid(UTM, Affine(10, 1, 500_000, 0, -10, 4_100_000), 9, 9)},
            GridError,
            "north up",
        ),
        ({"bounds": (0, 0, 100, 100)}, NoOverlapError, "has no images"),
        ({"roi": "area.gpkg"}, ConfigError, "roi is a str"),
    ],
)
def test_wrong_options_leave_nothing(
    tmp_path: Path, options: dict, error: type[Exception], message: str
) -> None:
    layer = ArrayLayer(picture(), utm_grid(H, W))
    with pytest.raises(error, match=message):
        quiet(pointwise(), layer, tmp_path / "map.tif", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda image: image[:, :, ::2, ::2], "gives shape"),
        (lambda image: [image], "gives a list"),
        (lambda image: image / 0, "not finite at"),
    ],
)
def test_a_wrong_model_leaves_nothing(tmp_path: Path, model: object, message: str) -> None:
    layer = ArrayLayer(picture(), utm_grid(H, W))
    with pytest.raises(UnsupportedDataError, match=message):
        quiet(model, layer, tmp_path / "map.tif", output="regression")
    assert list(tmp_path.iterdir()) == []


def test_another_crs_has_a_fitting_resolution() -> None:
    from swath.predict import map_grid

    layer = ArrayLayer(picture(), utm_grid(H, W))
    place, _ = map_grid(layer, crs="EPSG:5070")
    assert place.crs == CRS.from_epsg(5070)
    assert place.res[0] == pytest.approx(10, rel=0.05)
    assert layer.crs == UTM
    left, bottom, right, top = rasterio.warp.transform_bounds(
        "EPSG:32612", "EPSG:5070", *utm_grid(H, W).bounds
    )
    assert place.bounds == pytest.approx((left, bottom, right, top), abs=30)


def test_memory_does_not_grow_with_height(tmp_path: Path) -> None:
    code = """
        import resource, sys
        sys.path.insert(0, sys.argv[3])
        import numpy as np, torch
        from array_layer import ArrayLayer, utm_grid
        from swath.predict import predict_map

        height = int(sys.argv[2])
        pixels = np.broadcast_to(np.arange(1024, dtype=np.float32) % 7, (1, height, 1024))
        layer = ArrayLayer(pixels, utm_grid(height, 1024))
        model = torch.nn.Conv2d(1, 4, 1)
        predict_map(
            model, layer, sys.argv[1], size=128, batch_size=8, progress=False,
            output="probabilities", compress="none",
        )
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """

    def peak(height: int) -> int:
        done = subprocess.run(
            [
                sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "m.tif"), str(height),
                str(Path(__file__).parent),
            ],
            capture_output=True, text=True, timeout=200, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        return int(done.stdout)

    # 10,000 rows more are 160 MB of result; GDAL's cache of blocks, 64 MB, is all that may show.
    assert peak(11_000) - peak(1_000) < 110_000
