"""Raster layers: files in many forms, read as GDAL's exact warp reads them."""

import copy
import logging
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import rasterio.warp
import rasterio.windows
import shapely
import torch
from pyproj import CRS
from rasterfiles import Images, Labels, classes, hills, warped, write

from swath.datasets import RasterDataset
from swath.errors import (
    BandError,
    ConfigError,
    CRSError,
    DatasetNotFoundError,
    FileMissingError,
    QueryError,
    UnreadableFileError,
    UnsupportedDataError,
)

X, Y = 500000.0, 5000000.0
WHOLE = (slice(X, X + 400), slice(Y - 400, Y))


def value_file(path, value, *, hole=None, nodata=0, dtype="uint16", **where):
    data = np.full((40, 40), value, dtype)
    if hole is not None:
        data[hole] = nodata
    return write(path, data, nodata=nodata, **where)


# ---- against GDAL ------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", [32633, 32634, 4326, 3035, 3857])
def test_pictures_are_gdals_exact_warp(tmp_path, crs):
    path = write(tmp_path / "a.tif", hills((90, 80), 3), tiled=True, blockxsize=32, blockysize=32)
    ds = Images(tmp_path, crs=crs)
    assert ds.crs == CRS.from_epsg(crs)
    x, y, _ = ds.bounds
    cx, cy = (x.start + x.stop) / 2, (y.start + y.stop) / 2
    res = ds.res[0] * 0.77  # no ties between pixels
    sample = ds[cx - 20 * res : cx + 20 * res : res, cy - 16 * res : cy + 16 * res : res]
    assert sample["image"].shape == (3, 32, 40)
    expected = warped(path, sample, ds.crs, "bilinear", "image")
    assert np.abs(sample["image"].numpy() - expected).max() <= 1


@pytest.mark.parametrize("crs", [32633, 32634, 4326, 3035])
def test_labels_are_gdals_exact_warp(tmp_path, crs):
    path = write(tmp_path / "a.tif", classes((90, 80)))
    ds = Labels(tmp_path, crs=crs)
    x, y, _ = ds.bounds
    cx, cy = (x.start + x.stop) / 2, (y.start + y.stop) / 2
    res = ds.res[0] * 0.77  # no ties between pixels
    sample = ds[cx - 20 * res : cx + 20 * res : res, cy - 16 * res : cy + 16 * res : res]
    expected = warped(path, sample, ds.crs, "nearest", "mask")[0]
    assert (sample["mask"].numpy() != expected).mean() < 0.002


def test_where_grids_agree_pixels_are_copied(tmp_path):
    data = hills((60, 50), 2)
    write(tmp_path / "a.tif", data)
    ds = Images(tmp_path)
    sample = ds[X + 100 : X + 300, Y - 400 : Y - 250]
    np.testing.assert_array_equal(sample["image"], data[:, 25:40, 10:30])


def test_files_of_two_zones_in_one_picture(tmp_path):
    left = write(tmp_path / "a.tif", hills((80, 80)), crs=32633, x=698000.0)
    to34 = rasterio.warp.transform("EPSG:32633", "EPSG:32634", [698400.0], [4999600.0])
    right = write(
        tmp_path / "b.tif", hills((80, 80), seed=4), crs=32634, x=to34[0][0], y=to34[1][0] + 400
    )
    ds = Images(tmp_path)
    assert ds.crs == CRS.from_epsg(32633)
    x, y, _ = ds.bounds
    sample = ds[x.start : x.stop, y.start : y.stop]
    a = warped(left, sample, ds.crs, "bilinear", "image")[0]
    b = warped(right, sample, ds.crs, "bilinear", "image")[0]
    expected = np.where(a > 0, a, b)
    inner = np.abs(sample["image"][0].numpy() - expected) <= 1
    assert inner.mean() > 0.98  # edges of the files: GDAL's nodata is 0 here, ours is outside


# ---- several files over one pixel --------------------------------------------------------------


def test_the_first_is_on_top_and_the_next_fills_its_holes(tmp_path):
    hole = np.s_[10:20, 10:20]
    value_file(tmp_path / "a_20200101.tif", 5, hole=hole)
    value_file(tmp_path / "b_20220101.tif", 7, hole=np.s_[15:20, 10:20])
    value_file(tmp_path / "c_20210101.tif", 9, hole=np.s_[0:30, 0:40])
    seen = {
        merge: Images(tmp_path, merge=merge)[WHOLE]["image"][0]
        for merge in ("first", "last", "newest", "oldest", "least_nodata")
    }
    corners = {
        m: (int(v[35, 35]), int(v[5, 5]), int(v[12, 12]), int(v[17, 17])) for m, v in seen.items()
    }
    assert corners == {
        "first": (5, 5, 7, 0),
        "last": (9, 7, 7, 0),
        "newest": (7, 7, 7, 0),
        "oldest": (5, 5, 7, 0),
        "least_nodata": (7, 7, 7, 0),
    }


def test_an_unknown_merge(tmp_path):
    value_file(tmp_path / "a.tif", 5)
    with pytest.raises(ConfigError, match="least_nodata"):
        Images(tmp_path, merge="best")


def test_each_file_has_its_own_nodata(tmp_path):
    value_file(tmp_path / "a.tif", 5, hole=np.s_[:20], nodata=255, dtype="uint8")
    value_file(tmp_path / "b.tif", 255, hole=np.s_[:10], nodata=9, dtype="uint8")
    ds = Images(tmp_path, valid_mask=True)
    sample = ds[WHOLE]
    assert sample["image"][0, 30, 0] == 5
    assert sample["image"][0, 15, 0] == 255  # valid in the second file
    assert sample["image"][0, 5, 0] == 255  # the first file's nodata is the fill value
    assert sample["valid"].dtype == torch.bool
    assert sample["valid"][15, 0]
    assert not sample["valid"][5, 0]


@pytest.mark.parametrize(("fill", "expected"), [(None, 0), (-1, -1), (float("nan"), float("nan"))])
def test_fill_value(tmp_path, fill, expected):
    value_file(tmp_path / "a.tif", 5, hole=np.s_[:20])
    image = Images(tmp_path, fill_value=fill)[X - 100 : X + 400, Y - 400 : Y]["image"][0]
    np.testing.assert_array_equal(image[:20], expected)
    np.testing.assert_array_equal(image[:, :10], expected)
    np.testing.assert_array_equal(image[20:, 10:], 5)


def test_nodata_of_the_user_wins(tmp_path):
    data = np.full((2, 40, 40), 5, np.int16)
    data[0, :10], data[1, :20] = -99, -98
    write(tmp_path / "a.tif", data, nodata=5)
    ds = Images(tmp_path, nodata=[-99, -98], fill_value=0, valid_mask=True)
    sample = ds[WHOLE]
    assert (sample["image"][:, 0, 0] == 0).all()
    assert sample["image"][:, 15, 0].tolist() == [5, 0]
    assert sample["valid"][15, 0]
    assert not sample["valid"][5, 0]
    with pytest.raises(BandError, match="3 values for 2 bands"):
        Images(tmp_path, nodata=[1, 2, 3])


def test_nodata_never_mixes_into_interpolated_pixels(tmp_path):
    value_file(tmp_path / "a.tif", 1000, hole=np.s_[:, 20:], nodata=0)
    image = Images(tmp_path, res=7)[X : X + 399, Y - 399 : Y]["image"]
    assert set(np.unique(image).tolist()) == {0.0, 1000.0}


def test_a_mask_band_counts_too(tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = value_file(tmp_path / "a.tif", 5, nodata=None)
        with rasterio.open(path, "r+") as file:
            mask = np.full((40, 40), 255, np.uint8)
            mask[:, :20] = 0
            file.write_mask(mask)
    sample = Images(tmp_path, valid_mask=True, fill_value=-3)[WHOLE]
    assert (sample["image"][0, :, :20] == -3).all()
    assert (sample["image"][0, :, 20:] == 5).all()
    np.testing.assert_array_equal(sample["valid"], mask > 0)


# ---- bands -------------------------------------------------------------------------------------


class Named(Images):
    all_bands = ("red", "green", "blue")


def test_bands_by_name_in_any_order(tmp_path):
    data = hills((40, 40), 3)
    write(tmp_path / "a.tif", data)
    np.testing.assert_array_equal(Named(tmp_path)[WHOLE]["image"], data)
    some = Named(tmp_path, bands=["blue", "red"])
    np.testing.assert_array_equal(some[WHOLE]["image"], data[[2, 0]])
    np.testing.assert_array_equal(Images(tmp_path, bands=["2"])[WHOLE]["image"], data[[1]])
    for bad, text in ((["nir"], "red, green, blue"), ([], "empty")):
        with pytest.raises(BandError, match=text):
            Named(tmp_path, bands=bad)


def test_a_file_with_fewer_bands_is_named(tmp_path):
    write(tmp_path / "a.tif", hills((40, 40), 3))
    write(tmp_path / "b.tif", hills((40, 40), 2), x=X + 400)
    ds = Named(tmp_path)
    assert ds[WHOLE]["image"].shape == (3, 40, 40)
    with pytest.raises(BandError, match=r"b\.tif has 2 bands"):
        ds[X + 400 : X + 800, Y - 400 : Y]


class Product(RasterDataset):
    """Bands at three resolutions, a file each."""

    filename_glob = "*_{}_*.tif"
    filename_regex = r"^S_(?P<date>\d{8})_(?P<band>B\d)_x\.tif$"
    separate_files = True
    all_bands = ("B1", "B2", "B3", "B4")


@pytest.fixture
def product(tmp_path):
    full = {"B1": 60, "B2": 10, "B3": 20, "B4": 10}
    for name, res in full.items():
        n = 720 // res
        write(tmp_path / f"S_20200101_{name}_x.tif", hills((n, n), seed=res), res=res, nodata=0)
    return tmp_path


def test_bands_at_their_own_resolution_come_to_the_query(product):
    ds = Product(product, res=10)
    sample = ds[X + 120 : X + 600, Y - 600 : Y - 120]
    assert sample["image"].shape == (4, 48, 48)
    for channel, band in enumerate(ds.bands):
        expected = warped(
            str(product / f"S_20200101_{band}_x.tif"), sample, ds.crs, "bilinear", "image"
        )[0]
        assert np.abs(sample["image"][channel].numpy() - expected).max() <= 1
    assert ds.files == [str(product / "S_20200101_B1_x.tif")]


def test_groups_of_bands_at_their_native_resolution(product):
    ds = Product(product, res=10, native_resolution=True, valid_mask=True)
    sample = ds[X + 120 : X + 600, Y - 600 : Y - 120]
    shapes = {k: tuple(v.shape) for k, v in sample.items() if k.startswith(("image", "valid"))}
    assert shapes == {
        "image": (2, 48, 48), "image_20": (1, 24, 24), "image_60": (1, 8, 8),
        "valid": (48, 48), "valid_20": (24, 24), "valid_60": (8, 8),
    }  # fmt: skip
    for key, band, channel in (
        ("image", "B2", 0), ("image", "B4", 1), ("image_20", "B3", 0), ("image_60", "B1", 0)
    ):  # fmt: skip
        with rasterio.open(product / f"S_20200101_{band}_x.tif") as file:
            window = rasterio.windows.from_bounds(
                X + 120, Y - 600, X + 600, Y - 120, file.transform
            )
            np.testing.assert_array_equal(sample[key][channel], file.read(1, window=window))
    assert sample["transform_20"].tolist() == [20, 0, X + 120, 0, -20, Y - 120, 0, 0, 1]
    batch = torch.utils.data.default_collate(
        ds.__getitems__([(slice(X + a, X + a + 240), slice(Y - 240, Y)) for a in (0, 120, 240)])
    )
    assert batch["image_60"].shape == (3, 1, 4, 4)


def test_native_groups_cover_a_query_that_is_no_multiple(product):
    ds = Product(product, res=10, native_resolution=True)
    sample = ds[X : X + 250, Y - 130 : Y]
    assert sample["image"].shape == (2, 13, 25)
    assert sample["image_20"].shape == (1, 7, 13)
    assert sample["image_60"].shape == (1, 3, 5)
    assert sample["transform_60"][[2, 5]].tolist() == [X, Y]


def test_native_groups_in_time_and_algebra(product):
    series = Product(product, res=10, native_resolution=True, time_series=True)
    sample = series[X : X + 240, Y - 240 : Y]
    assert sample["image"].shape == (1, 2, 24, 24)
    assert sample["image_20"].shape == (1, 1, 12, 12)
    one = Product(product, res=10, native_resolution=True)
    both = one & one
    joined = both[X : X + 240, Y - 240 : Y]
    assert joined["image"].shape == (4, 24, 24)
    assert joined["image_60"].shape == (2, 4, 4)
    assert torch.equal((one | one)[X : X + 240, Y - 240 : Y]["image_20"], joined["image_20"][:1])


def test_a_missing_band_is_named(product, caplog):
    (product / "S_20200101_B3_x.tif").unlink()
    with pytest.raises(FileMissingError, match="S_20200101_B3_x"):
        Product(product)[X : X + 100, Y - 100 : Y]
    ds = Product(product, on_error="skip", fill_value=-1)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert (ds[X : X + 100, Y - 100 : Y]["image"] == -1).all()
    assert ds.skipped_files == [str(product / "S_20200101_B1_x.tif")]
    assert "B3" in caplog.text
    assert Product(product, bands=["B2", "B1"])[X : X + 120 : 10, Y - 120 : Y : 10][
        "image"
    ].shape == (2, 12, 12)


# ---- what is wrong with files ------------------------------------------------------------------


def test_no_files(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"\*\.tif"):
        Images(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        Images(tmp_path / "nowhere")
    value_file(tmp_path / "a.tif", 1)
    with pytest.raises(ConfigError, match="on_error"):
        Images(tmp_path, on_error="ignore")


def test_a_file_without_crs(tmp_path):
    write(tmp_path / "a.tif", hills((40, 40)), crs=None)
    with pytest.raises(CRSError, match=r"a\.tif has no coordinate reference system"):
        Images(tmp_path)


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_files_that_cannot_be_read(tmp_path, damage, caplog):
    good = value_file(tmp_path / "b.tif", 5)
    bad = tmp_path / "a.tif"
    whole = Path(good).read_bytes()
    bad.write_bytes({"text": b"no raster at all", "cut": whole[:100], "empty": b""}[damage])
    with pytest.raises(UnreadableFileError, match=r"a\.tif"):
        Images(tmp_path)
    with caplog.at_level(logging.WARNING):
        ds = Images(tmp_path, on_error="skip")
    assert ds.skipped_files == [str(bad)]
    assert "a.tif" in caplog.text
    assert (ds[WHOLE]["image"] == 5).all()


def test_a_file_that_is_damaged_where_it_is_read(tmp_path):
    data = hills((200, 200))
    path = write(
        tmp_path / "a.tif", data, tiled=True, blockxsize=64, blockysize=64, compress="deflate"
    )
    size = (tmp_path / "a.tif").stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4000)
    with pytest.raises(UnreadableFileError, match=r"a\.tif"):
        Images(tmp_path)[X : X + 2000, Y - 2000 : Y]


def test_complex_numbers_are_refused(tmp_path):
    write(tmp_path / "a.tif", np.ones((10, 10), np.complex64))
    with pytest.raises(UnsupportedDataError, match=r"a\.tif.*complex"):
        Images(tmp_path)


# ---- an index from elsewhere -------------------------------------------------------------------


def table(paths, **columns):
    return geopandas.GeoDataFrame(
        {"filepath": paths, **columns},
        geometry=[shapely.box(X, Y - 400, X + 400, Y)] * len(paths), crs=32633,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "first", "last"),
    [
        ({}, pd.Timestamp.min, pd.Timestamp.max),
        ({"datetime": ["2020-01-01", "2021-01-01"]}, "2020-01-01", "2021-01-01"),
        ({"start": ["2020-01-01"] * 2, "stop": ["2020-02-01"] * 2}, "2020-01-01", "2020-02-01"),
        (
            {"datetime": pd.to_datetime(["2020-01-01", "2021-01-01"], utc=True)},
            "2020-01-01", "2021-01-01",
        ),
    ],
)  # fmt: skip
def test_index_from_a_table(tmp_path, columns, first, last):
    paths = [value_file(tmp_path / "a.tif", 5), value_file(tmp_path / "b.tif", 6)]
    ds = Images(index=table(paths, **columns))
    t = ds.bounds[2]
    assert (t.start, t.stop) == (pd.Timestamp(first), pd.Timestamp(last))
    assert (ds[WHOLE]["image"] == 5).all()
    assert list(ds.index["filepath"]) == paths


def test_index_from_another_dataset(tmp_path):
    value_file(tmp_path / "a_20200101.tif", 5)
    ds = Images(tmp_path)
    again = Images(index=ds.index.to_crs(4326), crs=32633, res=10)
    assert again.bounds[2] == ds.bounds[2]
    assert (again[X + 50 : X + 100, Y - 100 : Y - 50]["image"] == 5).all()


def test_tables_that_are_no_index(tmp_path):
    path = value_file(tmp_path / "a.tif", 5)
    frame = table([path])
    with pytest.raises(ConfigError, match="filepath"):
        Images(index=frame.rename(columns={"filepath": "path"}))
    with pytest.raises(CRSError, match="CRS"):
        Images(index=frame.set_crs(None, allow_override=True))
    with pytest.raises(DatasetNotFoundError, match="no rows"):
        Images(index=frame.iloc[:0])
    with pytest.raises(FileMissingError, match=r"gone\.tif"):
        Images(index=table([str(tmp_path / "gone.tif")]))
    with pytest.raises(QueryError, match="time"):
        Images(index=table([path], datetime=["someday"]))
    skipping = Images(index=table([str(tmp_path / "gone.tif"), path]), on_error="skip")
    assert (skipping[WHOLE]["image"] == 5).all()
    assert skipping.skipped_files == [str(tmp_path / "gone.tif")]


# ---- places ------------------------------------------------------------------------------------


def test_root_is_another_name_of_paths(tmp_path):
    value_file(tmp_path / "a.tif", 5)
    ds = Images(root=tmp_path)
    assert ds.paths == tmp_path
    assert (ds[WHOLE]["image"] == 5).all()


def test_inside_archives(tmp_path):
    path = value_file(tmp_path / "src" / "a.tif", 5)
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        archive.write(path, "deep/a.tif")
        archive.write(path, "deep/readme.txt")
    with tarfile.open(tmp_path / "scenes.tar", "w") as archive:
        archive.add(path, "a.tif")
    for place in (
        tmp_path / "scenes.zip",
        tmp_path / "scenes.tar",
        f"/vsizip/{tmp_path}/scenes.zip/deep/a.tif",
        tmp_path / "scenes.zip" / "deep" / "a.tif",
    ):
        ds = Images(place)
        assert len(ds) == 1
        assert (ds[WHOLE]["image"] == 5).all()


# A process of its own: while GDAL waits for an answer it may hold the interpreter's lock.
SERVER = """
import pathlib, sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

class Ranges(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        asked = self.headers.get("Range")
        path = pathlib.Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            return super().do_GET()
        body = path.read_bytes()
        first, last = asked.removeprefix("bytes=").split("-")
        part = body[int(first) : int(last) + 1 if last else None]
        self.send_response(206)
        end = int(first) + len(part) - 1
        self.send_header("Content-Range", f"bytes {first}-{end}/{len(body)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

server = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The address of `tmp_path` on a server of this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()


def test_over_http(tmp_path, served):
    write(tmp_path / "a_20200101.tif", hills((40, 40)), tiled=True, blockxsize=16, blockysize=16)
    expected = Images(tmp_path)[WHOLE]["image"]
    for place in (f"{served}/a_20200101.tif", f"/vsicurl/{served}/a_20200101.tif"):
        ds = Images(place)
        assert ds.bounds[2].start == pd.Timestamp("2020-01-01")
        assert torch.equal(ds[WHOLE]["image"], expected)
    with pytest.raises((FileMissingError, UnreadableFileError), match="nothing_there"):
        Images(f"{served}/nothing_there.tif")


# ---- time series and resampling ----------------------------------------------------------------


def test_a_frame_for_each_date(tmp_path):
    value_file(tmp_path / "a_20210101.tif", 7)
    value_file(tmp_path / "b_20200101.tif", 5, hole=np.s_[:10])
    value_file(tmp_path / "c_20200101.tif", 6)
    ds = Images(tmp_path, time_series=True, valid_mask=True)
    sample = ds[WHOLE]
    assert sample["image"].shape == (2, 1, 40, 40)
    assert sample["image"][:, 0, 30, 0].tolist() == [5, 7]
    assert sample["image"][:, 0, 5, 0].tolist() == [6, 7]
    assert sample["valid"].shape == (2, 40, 40)
    one = ds[(*WHOLE, slice("2021-01-01", "2021-01-01"))]
    assert one["image"].shape == (1, 1, 40, 40)
    masks = Labels(tmp_path, time_series=True)[WHOLE]["mask"]
    assert masks.shape == (2, 40, 40)
    assert masks.dtype == torch.int64


@pytest.mark.parametrize("method", ["nearest", "bilinear", "cubic", "average", "mode"])
def test_resampling_of_the_class(tmp_path, method):
    write(tmp_path / "a.tif", hills((40, 40)))
    by_name = type("A", (Images,), {"resampling": method})
    by_member = type("B", (Images,), {"resampling": rasterio.enums.Resampling[method]})
    a, b = (
        kind(tmp_path, res=13)[X : X + 390, Y - 390 : Y]["image"] for kind in (by_name, by_member)
    )
    assert torch.equal(a, b)
    wrong = type("C", (Images,), {"resampling": "lanczos"})(tmp_path)
    with pytest.raises(ConfigError, match="lanczos"):
        wrong[WHOLE]


def test_copies_share_nothing_that_changes(tmp_path):
    value_file(tmp_path / "a.tif", 5)
    ds = Images(tmp_path)
    ds[WHOLE]
    other = copy.copy(ds)
    other.crs = 4326
    other.res = 0.001
    other.bounds, other[other.bounds]
    assert ds.crs == CRS.from_epsg(32633)
    assert (ds[WHOLE]["image"] == 5).all()
    assert other._scenes is not ds._scenes
