"""The warp against GDAL's exact warp, and against hand-made truth where nodata is involved."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from swath.errors import ConfigError
from swath.geometry.transform import transformer
from swath.raster import set_num_threads
from swath.raster.engine import Target, read_scenes
from swath.raster.scene import SceneBand, open_scene

UTM33 = CRS.from_epsg(32633)


def scenery(shape, dtype, seed=0, bands=1):
    """Smooth hills with noise on them: neighbours differ, but not wildly."""
    rng = np.random.default_rng(seed)
    h, w = shape
    y, x = np.mgrid[0:h, 0:w]
    base = np.stack(
        [
            1000 + 600 * np.sin(x / (13 + 3 * b)) * np.cos(y / 17) + rng.normal(0, 60, shape)
            for b in range(bands)
        ]
    )
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        base = base / 2000 * min(info.max, 10000)
        return np.clip(base, 1, info.max).astype(dtype)
    return base.astype(dtype)


def write(path, data, crs=UTM33, transform=None, nodata=None, **options):
    data = data if data.ndim == 3 else data[None]
    profile = {
        "driver": "GTiff", "count": len(data), "height": data.shape[1], "width": data.shape[2],
        "dtype": data.dtype.name, "crs": crs.to_wkt(), "nodata": nodata,
        "transform": transform or Affine(10, 0, 500000, 0, -10, 5000000),
        "tiled": True, "blockxsize": 128, "blockysize": 128, **options,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(data)
    return str(path)


def ours(path, crs, transform, shape, method, bands=(0,), dtype=np.float32, **scene):
    opened = open_scene([SceneBand(path, b, i, **scene) for i, b in enumerate(bands)])
    out = np.full((1, len(bands), *shape), -7, dtype)
    filled = np.zeros((1, *shape), np.uint8)
    read_scenes(
        [Target(transform, *shape)], crs, [[opened]], out, filled,
        resampling=method, fills=np.full(len(bands), -5.0), overviews=False,
    )  # fmt: skip
    return out[0], filled[0]


def gdal(path, crs, transform, shape, method, **extra):
    # rasterio.warp.reproject ignores a tolerance of 0; WarpedVRT honours a tiny one
    with (
        rasterio.open(path) as file,
        WarpedVRT(
            file, crs=crs.to_wkt(), transform=transform, height=shape[0], width=shape[1],
            resampling=Resampling[method], tolerance=1e-9, **extra,
        ) as warped,
    ):  # fmt: skip
        return warped.read()


def around(crs, res, shape, source_point, source=UTM33):
    x, y = transformer(source, crs).transform(*source_point)
    return Affine(res, 0, x - res * shape[1] / 2, 0, -res, y + res * shape[0] / 2)


TARGETS = {
    "next zone": (CRS.from_epsg(32634), 10.0),
    "polar": (CRS.from_epsg(3413), 11.0),
    "equal area": (CRS.from_epsg(3035), 9.0),
    "degrees": (CRS.from_epsg(4326), 0.0001),
    "web": (CRS.from_epsg(3857), 14.0),
}
CENTRE = (500000 + 10 * 150, 5000000 - 10 * 160)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("target", TARGETS)
def test_nearest_is_the_exact_warp(tmp_path, target, dtype):
    path = write(tmp_path / "a.tif", scenery((310, 300), dtype))
    crs, res = TARGETS[target]
    shape = (120, 133)
    place = around(crs, res, shape, CENTRE)
    got, filled = ours(path, crs, place, shape, "nearest", dtype=np.float32)
    expected = gdal(path, crs, place, shape, "nearest")
    assert filled.all()
    assert (got[0] != expected[0].astype(np.float32)).mean() < 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["bilinear", "cubic"])
def test_interpolation_is_within_one_count(tmp_path, target, dtype, method):
    path = write(tmp_path / "a.tif", scenery((310, 300), dtype))
    crs, res = TARGETS[target]
    res = res * 0.7  # finer than the source: no widening, which GDAL decides by the window
    shape = (120, 133)
    place = around(crs, res, shape, CENTRE)
    got, filled = ours(path, crs, place, shape, method)
    expected = gdal(path, crs, place, shape, method, XSCALE=1, YSCALE=1)
    assert filled.all()
    limit = 0.05 if dtype.startswith("float") else 1.0
    assert np.abs(got[0] - expected[0]).max() <= limit


@pytest.mark.parametrize("bands", [1, 2, 3, 7, 8, 9, 17])
def test_any_number_of_bands(tmp_path, bands):
    path = write(tmp_path / "a.tif", scenery((200, 210), "uint16", bands=bands))
    crs, res = TARGETS["equal area"]
    shape = (61, 59)
    place = around(crs, res, shape, (501000, 4999000))
    got, _ = ours(path, crs, place, shape, "bilinear", bands=tuple(range(bands)))
    expected = gdal(path, crs, place, shape, "bilinear", XSCALE=1, YSCALE=1)
    assert np.abs(got - expected).max() <= 1.0


def test_pixel_interleaved_and_reordered_bands(tmp_path):
    data = scenery((200, 210), "uint8", bands=4)
    path = write(tmp_path / "a.tif", data, interleave="pixel")
    crs, res = TARGETS["next zone"]
    shape = (50, 64)
    place = around(crs, res, shape, (501000, 4999000))
    got, _ = ours(path, crs, place, shape, "bilinear", bands=(2, 0, 3))
    expected = gdal(path, crs, place, shape, "bilinear", XSCALE=1, YSCALE=1)[[2, 0, 3]]
    assert np.abs(got - expected).max() <= 1.0


@pytest.mark.parametrize("compress", [None, "deflate"])
def test_same_grid_is_copied(tmp_path, compress):
    data = scenery((300, 310), "uint16", bands=3)
    path = write(tmp_path / "a.tif", data, compress=compress)
    place = Affine(10, 0, 500000 + 970, 0, -10, 5000000 - 1210)
    got, filled = ours(path, UTM33, place, (64, 70), "bilinear", bands=(0, 1, 2))
    assert filled.all()
    assert (got == data[:, 121:185, 97:167]).all()


def test_overhanging_query_reads_what_there_is(tmp_path):
    data = scenery((100, 100), "uint16")[0]
    path = write(tmp_path / "a.tif", data)
    place = Affine(10, 0, 500000 - 200, 0, -10, 5000000 + 300)
    got, filled = ours(path, UTM33, place, (80, 90), "bilinear")
    assert filled.sum() == 50 * 70
    assert (got[0, 30:, 20:] == data[:50, :70]).all()
    assert (got[0, :30] == -7).all()


@pytest.mark.parametrize("transform", [
    Affine(10, 0, 500000, 0, 10, 4997000),  # south-up
    Affine(8, 3, 500000, 3, -8, 5000000),  # rotated
    Affine(-10, 0, 503000, 0, -10, 5000000),  # mirrored
])  # fmt: skip
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_any_geotransform(tmp_path, transform, method):
    path = write(tmp_path / "a.tif", scenery((300, 300), "uint16"), transform=transform)
    middle = transform @ (150, 150)
    for crs, res in ((CRS.from_epsg(32634), 7.9), (UTM33, 7.3)):
        place = around(crs, res, (90, 80), middle)
        got, filled = ours(path, crs, place, (90, 80), method)
        expected = gdal(path, crs, place, (90, 80), method, XSCALE=1, YSCALE=1)
        assert filled.all()
        if method == "nearest":
            assert (got[0] != expected[0]).mean() < 2e-3
        else:
            assert np.abs(got[0] - expected[0]).max() <= 1.0


def test_across_the_antimeridian(tmp_path):
    crs = CRS.from_epsg(4326)
    data = scenery((200, 300), "uint16")[0]
    east = write(tmp_path / "e.tif", data[:, :150], crs, Affine(0.01, 0, 178.5, 0, -0.01, -15))
    west = write(tmp_path / "w.tif", data[:, 150:], crs, Affine(0.01, 0, -180, 0, -0.01, -15))
    utm = CRS.from_epsg(32760)
    shape = (80, 100)
    place = around(utm, 1200.0, shape, (180.0, -16.0), crs)
    scenes = [open_scene([SceneBand(p, 0, 0)]) for p in (east, west)]
    out, filled = np.zeros((1, 1, *shape), np.float32), np.zeros((1, *shape), np.uint8)
    read_scenes(
        [Target(place, *shape)], utm, [scenes], out, filled,
        resampling="nearest", fills=np.zeros(1),
    )  # fmt: skip
    cols, rows = np.meshgrid(np.arange(100) + 0.5, np.arange(80) + 0.5)
    lon, lat = transformer(utm, crs).transform(*(place @ (cols, rows)))
    column = np.floor(((lon + 360) % 360 - 178.5) / 0.01).astype(int)
    row = np.floor((-15 - lat) / 0.01).astype(int)
    inside = (column >= 0) & (column < 300) & (row >= 0) & (row < 200)
    expected = data[np.clip(row, 0, 199), np.clip(column, 0, 299)]
    assert (filled[0][inside] == 1).mean() > 0.999
    same = out[0, 0][inside] == expected[inside]
    assert same.mean() > 0.999


def test_over_the_pole(tmp_path):
    crs = CRS.from_epsg(4326)
    data = scenery((40, 720), "uint16")[0]
    path = write(tmp_path / "p.tif", data, crs, Affine(0.5, 0, -180, 0, -0.5, 90))
    polar = CRS.from_epsg(3413)
    place = Affine(20000, 0, -600000, 0, -20000, 600000)
    got, filled = ours(path, polar, place, (60, 60), "nearest")
    cols, rows = np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5)
    lon, lat = transformer(polar, crs).transform(*(place @ (cols, rows)))
    expected = data[((90 - lat) / 0.5).astype(int), ((lon + 180) / 0.5).astype(int) % 720]
    assert filled.all()
    assert (got[0] == expected).mean() > 0.998


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64", "int32"])
@pytest.mark.parametrize("method", ["bilinear", "cubic", "average"])
def test_nodata_never_mixes(tmp_path, dtype, method):
    """A flat field of 1000 with holes: every pixel read is 1000, whatever the holes hold."""
    rng = np.random.default_rng(3)
    data = np.full((200, 200), 1000, dtype)
    nodata = -9999 if dtype not in ("uint16",) else 65535
    data[rng.random((200, 200)) < 0.2] = nodata
    data[50:80, 40:90] = nodata
    path = write(tmp_path / "a.tif", data, nodata=nodata)
    crs, res = TARGETS["next zone"]
    place = around(crs, res * 0.83, (150, 140), (501000, 4999000))
    got, filled = ours(path, crs, place, (150, 140), method)
    assert 0.3 < filled.mean() < 1
    assert np.allclose(got[0][filled == 1], 1000, atol=1e-2)


def test_a_pixel_is_read_where_its_own_source_pixel_is_valid(tmp_path):
    data = scenery((200, 200), "uint16")[0]
    data[60:100, 60:100] = 0
    path = write(tmp_path / "a.tif", data, nodata=0)
    crs, res = TARGETS["equal area"]
    place = around(crs, res, (120, 120), (500000 + 1000, 5000000 - 1000))
    nearest, near_filled = ours(path, crs, place, (120, 120), "nearest")
    smooth, smooth_filled = ours(path, crs, place, (120, 120), "bilinear")
    assert (near_filled == smooth_filled).all()
    assert (near_filled == 0).any()
    assert nearest[0][near_filled == 1].min() > 0
    assert smooth[0][smooth_filled == 1].min() > 0


def test_bands_with_holes_of_their_own(tmp_path):
    data = np.full((2, 100, 100), 50, np.uint16)
    data[0, :30] = 0
    data[:, 60:] = 0
    path = write(tmp_path / "a.tif", data, nodata=0)
    for place in (
        Affine(10, 0, 500000, 0, -10, 5000000),
        Affine(9.7, 0.3, 500010, 0.3, -9.7, 4999990),
    ):
        got, filled = ours(path, UTM33, place, (90, 90), "bilinear", bands=(0, 1))
        assert set(np.unique(got[0][filled == 1])) == {-5.0, 50.0}
        assert (got[1][filled == 1] == 50).all()
        assert 0.5 < filled.mean() < 0.8


def test_later_scenes_fill_holes_only(tmp_path):
    first = np.full((100, 100), 10, np.uint8)
    first[:, 50:] = 0
    a = write(tmp_path / "a.tif", first, nodata=0)
    b = write(tmp_path / "b.tif", np.full((100, 100), 20, np.uint8), nodata=0)
    scenes = [open_scene([SceneBand(p, 0, 0)]) for p in (a, b)]
    out, filled = np.zeros((1, 1, 100, 100), np.float32), np.zeros((1, 100, 100), np.uint8)
    target = Target(Affine(10, 0, 500000, 0, -10, 5000000), 100, 100)
    read_scenes([target], UTM33, [scenes], out, filled, resampling="bilinear", fills=np.zeros(1))
    assert filled.all()
    assert (out[0, 0, :, :50] == 10).all()
    assert (out[0, 0, :, 50:] == 20).all()


def test_average_and_mode_of_whole_pixels(tmp_path):
    data = scenery((120, 120), "uint16")
    labels = (data // 1500).astype(np.uint8)
    image, classes = write(tmp_path / "a.tif", data), write(tmp_path / "b.tif", labels)
    place = Affine(30, 0, 500000, 0, -30, 5000000)
    mean, _ = ours(image, UTM33, place, (40, 40), "average")
    blocks = data.reshape(40, 3, 40, 3).transpose(0, 2, 1, 3).reshape(40, 40, 9)
    assert np.allclose(mean[0], blocks.mean(-1), atol=0.01)
    assert np.abs(mean[0] - gdal(image, UTM33, place, (40, 40), "average")[0]).max() <= 1
    most, _ = ours(classes, UTM33, place, (40, 40), "mode", dtype=np.int64)
    counts = labels.reshape(40, 3, 40, 3).transpose(0, 2, 1, 3).reshape(40, 40, 9)
    for y, x in np.ndindex(40, 40):
        values, n = np.unique(counts[y, x], return_counts=True)
        assert most[0, y, x] in values[n == n.max()]


def test_coarser_queries_do_not_alias(tmp_path):
    """A checkerboard seen from afar is grey; sampled bilinearly it would be black or white."""
    data = ((np.indices((256, 256)).sum(0) % 2) * 200).astype(np.uint8)
    path = write(tmp_path / "a.tif", data)
    got, _ = ours(path, UTM33, Affine(40, 0, 500000, 0, -40, 5000000), (60, 60), "bilinear")
    assert np.abs(got[0] - 100).max() < 10


def test_scaling_after_nodata(tmp_path):
    data = scenery((100, 100), "uint16", bands=2)
    data[:, :10] = 0
    path = write(tmp_path / "a.tif", data, nodata=0)
    for place in (Affine(10, 0, 500000, 0, -10, 5000000), Affine(9, 1, 500050, 1, -9, 4999900)):
        plain, filled = ours(path, UTM33, place, (60, 60), "bilinear", bands=(0, 1))
        scaled, filled2 = ours(
            path, UTM33, place, (60, 60), "bilinear", bands=(0, 1), scale=0.0001, offset=-0.1
        )
        assert (filled == filled2).all()
        ok = filled == 1
        assert np.allclose(scaled[:, ok], plain[:, ok] * 0.0001 - 0.1, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    res=st.floats(4.0, 10.0),
    dx=st.floats(-700, 2000),
    dy=st.floats(-700, 2000),
)
def test_any_window_equals_gdal(tmp_path_factory, seed, height, width, res, dx, dy):
    folder = tmp_path_factory.getbasetemp() / "shared-warp"
    folder.mkdir(exist_ok=True)
    path = str(folder / "a.tif")
    if not (folder / "a.tif").exists():
        write(path, scenery((130, 140), "uint16"))
    crs = (UTM33, CRS.from_epsg(32634), CRS.from_epsg(3035))[seed % 3]
    place = around(crs, res, (height, width), (500000 + dx, 5000000 - dy))
    got, filled = ours(path, crs, place, (height, width), "nearest")
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y = transformer(crs, UTM33).transform(*(place @ (cols, rows)))
    px, py = np.asarray((x - 500000) / 10), np.asarray((5000000 - y) / 10)
    inside = (px >= 0) & (px < 140) & (py >= 0) & (py < 130)
    near_tie = np.minimum(np.abs(px - np.round(px)), np.abs(py - np.round(py))) < 2e-3
    assert ((filled == 1) == inside)[~near_tie].all()
    with rasterio.open(path) as file:
        data = file.read(1)
    expected = data[np.clip(py, 0, 129).astype(int), np.clip(px, 0, 139).astype(int)]
    sure = inside & ~near_tie
    assert (got[0] == expected)[sure].all()


def test_threads_give_the_same(tmp_path):
    path = write(tmp_path / "a.tif", scenery((400, 400), "uint16", bands=3), compress="deflate")
    crs, res = TARGETS["equal area"]
    scene = open_scene([SceneBand(path, b, b) for b in range(3)])
    targets = [
        Target(around(crs, res, (64, 64), (501000 + 50 * i, 4998500)), 64, 64) for i in range(16)
    ]
    results = []
    for threads in (1, 4):
        set_num_threads(threads)
        out, filled = np.zeros((16, 3, 64, 64), np.float32), np.zeros((16, 64, 64), np.uint8)
        read_scenes(
            targets, crs, [[scene]] * 16, out, filled, resampling="bilinear", fills=np.zeros(3)
        )
        results.append(out)
    set_num_threads(None)
    assert (results[0] == results[1]).all()


def test_unknown_resampling(tmp_path):
    with pytest.raises(ConfigError, match="lanczos"):
        read_scenes(
            [], UTM33, [], np.zeros((0, 1, 1, 1)), np.zeros((0, 1, 1), np.uint8),
            resampling="lanczos", fills=np.zeros(1),
        )  # fmt: skip
