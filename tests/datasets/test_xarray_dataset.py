from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject
from torch.utils.data import DataLoader

from swath.datasets import stack_samples
from swath.datasets.xarray import XarrayDataset
from swath.errors import (
    BandError,
    ConfigError,
    CRSError,
    DatasetNotFoundError,
    DependencyNotFoundError,
    FileMissingError,
    QueryError,
    UnreadableFileError,
    UnsupportedDataError,
)

UTM12 = CRS.from_epsg(32612)


def field(lon: Any, lat: Any) -> Any:
    """Linear in longitude and latitude, so that bilinear interpolation gives it everywhere."""
    return 3 * np.asarray(lon) - 7 * np.asarray(lat) + 1000


def lonlat(
    lon: np.ndarray, lat: np.ndarray, times: pd.DatetimeIndex | None = None, **more: Any
) -> xr.Dataset:
    values = field(*np.meshgrid(lon, lat)).astype("f4")
    coords: dict[str, Any] = {"lat": lat, "lon": lon}
    dims: tuple[str, ...] = ("lat", "lon")
    if times is not None:
        coords["time"] = times
        dims = ("time", *dims)
        values = values[None] + 100 * np.arange(len(times), dtype="f4")[:, None, None]
    data = xr.Dataset({"t2m": (dims, values), **{k: (dims, v(values)) for k, v in more.items()}},
                      coords=coords)  # fmt: skip
    data["lon"].attrs["units"] = "degrees_east"
    data["lat"].attrs["units"] = "degrees_north"
    return data


LON, LAT = np.arange(-115, -105, 0.25), np.arange(44, 34, -0.25)
DAYS = pd.date_range("2020-01-01", periods=5)


def test_a_window_as_it_lies_in_the_file(tmp_path: Path) -> None:
    data = lonlat(LON, LAT, DAYS, rain=lambda v: v * 0 + 5)
    data.to_netcdf(tmp_path / "era.nc", engine="netcdf4")
    ds = XarrayDataset(tmp_path)
    assert ds.crs == CRS.from_epsg(4326)
    assert ds.res == (0.25, 0.25)
    assert len(ds) == 1
    assert ds.channels == ["t2m", "rain"]
    x, y, t = ds.bounds
    assert (x.start, x.stop, y.start, y.stop) == (-115.125, -105.125, 34.125, 44.125)
    assert (t.start, t.stop) == (DAYS[0], DAYS[-1])
    sample = ds[-112.125:-110.125, 38.125:39.625, DAYS[1] : DAYS[3]]
    assert sample["image"].dtype == torch.float32
    assert sample["image"].shape == (3, 2, 6, 8)
    true = data.sel(lon=slice(-112.05, -110.13), lat=slice(39.6, 38.2), time=slice(*DAYS[[1, 3]]))
    np.testing.assert_allclose(sample["image"][:, 0], true["t2m"], atol=1e-3)
    np.testing.assert_array_equal(sample["image"][:, 1], 5)
    assert sample["bounds"].shape == (9,)
    swapped = XarrayDataset(tmp_path, time_first=False, data_vars=["rain"])
    assert swapped[-112.125:-110.125, 38.125:39.625]["image"].shape == (1, 5, 6, 8)


@settings(max_examples=20, deadline=None)
@given(
    easting=st.floats(200_000, 700_000),
    northing=st.floats(3_950_000, 4_700_000),
    res=st.sampled_from([500.0, 9000.0]),
    upward=st.booleans(),
)
def test_warped_once_and_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    easting: float,
    northing: float,
    res: float,
    upward: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"linear{upward}.nc"
    if not path.exists():
        lonlat(LON, LAT[::-1] if upward else LAT).to_netcdf(path, engine="netcdf4")
    ds = XarrayDataset(path, crs=UTM12, res=res)
    image = ds[easting : easting + 12 * res, northing : northing + 10 * res]["image"][0].numpy()
    assert image.shape == (10, 12)
    x, y = np.meshgrid(
        easting + (np.arange(12) + 0.5) * res, northing + (9.5 - np.arange(10)) * res
    )
    lon, lat = Transformer.from_crs(UTM12, 4326, always_xy=True).transform(x, y)
    inner = (lon > -115) & (lon < -105.25) & (lat > 34.25) & (lat < 44)
    np.testing.assert_allclose(image[inner], field(lon, lat)[inner], atol=2e-3)
    away = (lon < -115.126) | (lon > -105.124) | (lat < 34.124) | (lat > 44.126)
    assert np.isnan(image[away]).all()


def test_missing_values_never_mix_in_as_in_gdal(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(250, 300, (40, 40)).astype("f4")
    values[rng.uniform(size=values.shape) < 0.2] = np.nan
    data = xr.Dataset({"sst": (("lat", "lon"), values)}, coords={"lat": LAT, "lon": LON})
    data.to_netcdf(tmp_path / "sst.nc", engine="netcdf4", encoding={"sst": {"_FillValue": -9999.0}})
    ds = XarrayDataset(tmp_path / "sst.nc", res=0.1, valid_mask=True)
    sample = ds[-113.0:-107.0, 36.0:42.0]
    true = np.full((60, 60), np.nan, "f4")
    reproject(
        values,
        true,
        src_transform=Affine(0.25, 0, -115.125, 0, -0.25, 44.125),
        src_crs="EPSG:4326",
        src_nodata=np.nan,
        dst_transform=Affine(0.1, 0, -113, 0, -0.1, 42),
        dst_crs="EPSG:4326",
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    np.testing.assert_array_equal(np.isnan(sample["image"][0]), np.isnan(true))
    np.testing.assert_allclose(sample["image"][0], true, atol=1e-2)
    np.testing.assert_array_equal(sample["valid"], ~np.isnan(true))
    assert sample["image"][0][sample["valid"]].min() >= 250
    zero = XarrayDataset(tmp_path / "sst.nc", res=0.1, fill_value=0)[-113.0:-107.0, 36.0:42.0]
    assert (zero["image"][0][~sample["valid"]] == 0).all()


def test_longitudes_to_360(tmp_path: Path) -> None:
    lon, lat = np.arange(0, 360, 1.0), np.arange(90, -91, -1.0)
    values = np.cos(np.radians(np.meshgrid(lon, lat)[0])).astype("f4")
    xr.Dataset({"c": (("lat", "lon"), values)}, coords={"lat": lat, "lon": lon}).to_netcdf(
        tmp_path / "globe.nc", engine="netcdf4"
    )
    ds = XarrayDataset(tmp_path)
    x, y, _ = ds.bounds
    assert (x.start, x.stop, y.start, y.stop) == (-180, 180, -90, 90)
    for west in (-4.0, 172.0, -180.0, -100.0):  # across Greenwich, to and from the antimeridian
        image = ds[west : west + 8 : 0.5, 40.0:44.0]["image"][0]
        true = np.cos(np.radians(west + 0.25 + 0.5 * np.arange(16)))
        np.testing.assert_allclose(image, np.broadcast_to(true, image.shape), atol=2e-4)
    fiji = XarrayDataset(tmp_path, crs=32760, res=20_000)[200_000:900_000, 7_500_000:8_500_000]
    assert torch.isfinite(fiji["image"]).all()
    assert fiji["image"].max() < -0.99
    pole = XarrayDataset(tmp_path, crs=3413, res=50_000)[-1e6:1e6, -1e6:1e6]["image"][0].numpy()
    assert np.isfinite(pole).all()
    assert pole.min() < -0.99
    assert pole.max() > 0.99


def test_a_file_across_the_antimeridian(tmp_path: Path) -> None:
    lon, lat = np.arange(175, 190, 0.5), np.arange(-20, -10, 0.5)
    lonlat(lon, lat).to_netcdf(tmp_path / "fiji.nc", engine="netcdf4")
    ds = XarrayDataset(tmp_path)
    footprint = ds.index.geometry.iloc[0]
    assert footprint.geom_type == "MultiPolygon"
    assert footprint.area == pytest.approx(150)
    east = ds[176.0:179.0, -18.0:-14.0]["image"][0]
    np.testing.assert_allclose(east[0], field(176.25 + 0.5 * np.arange(6), -14.25), atol=1e-3)
    west = ds[-179.0:-176.0, -18.0:-14.0]["image"][0]
    np.testing.assert_allclose(west[0], field(181.25 + 0.5 * np.arange(6), -14.25), atol=1e-3)


def test_grid_mappings_units_and_levels(tmp_path: Path) -> None:
    x, y = np.arange(500.05, 503, 0.1), np.arange(4200.05, 4202, 0.1)
    values = np.arange(2 * len(y) * len(x), dtype="f4").reshape(2, len(y), len(x))
    data = xr.Dataset(
        {
            "v": (("level", "y", "x"), values),
            "crs": ((), 0),
            "when": (("y", "x"), np.full((len(y), len(x)), np.datetime64("2021", "ns"))),
        },
        coords={"x": x, "y": y, "level": [850, 500], "time": pd.Timestamp("2021-06-01")},
    )
    data["crs"].attrs = UTM12.to_cf()
    data["v"].attrs["grid_mapping"] = "crs"
    data["x"].attrs = {"units": "km", "standard_name": "projection_x_coordinate"}
    data["y"].attrs = {"units": "km", "standard_name": "projection_y_coordinate"}
    data.to_zarr(tmp_path / "wrf.zarr", consolidated=False)
    ds = XarrayDataset(tmp_path)
    assert ds.crs == UTM12
    assert ds.res == pytest.approx((100, 100))
    assert ds.files == [str(tmp_path / "wrf.zarr")]
    assert ds.channels == ["v (level=850)", "v (level=500)"]
    assert ds.bounds[2].start == ds.bounds[2].stop == pd.Timestamp("2021-06-01")
    batch = stack_samples(
        ds.__getitems__([(slice(500_000, 501_000), slice(4_200_000, 4_200_500))] * 2)
    )
    assert batch["image"].shape == (2, 2, 5, 10)
    np.testing.assert_allclose(batch["image"][1], values[:, 4::-1, :10], atol=1e-2)


def test_several_files_and_holes(tmp_path: Path) -> None:
    first = lonlat(LON, LAT, DAYS[:3])
    first["t2m"][2, :20] = np.nan
    first.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    second = lonlat(LON, LAT, DAYS[2:])
    second.to_netcdf(tmp_path / "b.nc", engine="netcdf4")
    ds = XarrayDataset(tmp_path)
    assert len(ds) == 2
    image = ds[-112.125:-110.125, 34.125:44.125]["image"]
    assert image.shape == (5, 1, 40, 8)
    assert torch.isfinite(image).all()
    np.testing.assert_allclose(image[2, 0, :20], second["t2m"][0, :20, 12:20], atol=1e-3)
    np.testing.assert_allclose(image[2, 0, 20:], first["t2m"][2, 20:, 12:20], atol=1e-3)
    one = ds[:, :, DAYS[4] : DAYS[4]]["image"]
    assert one.shape == (1, 1, 40, 40)
    with pytest.raises(QueryError, match=r"no time step .*2020-01-01 00:00:00 and 2020-01-02"):
        ds[:, :, pd.Timestamp("2020-01-01 06:00") : pd.Timestamp("2020-01-01 18:00")]


@pytest.mark.parametrize("method", ["nearest", "average", "cubic"])
def test_other_ways_to_resample(tmp_path: Path, method: Any) -> None:
    data = lonlat(LON, LAT)
    data.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    coarse = XarrayDataset(tmp_path, res=0.5, resampling=method)
    image = coarse[-112.125:-110.125, 38.125:40.125]["image"][0].numpy()
    blocks = data["t2m"].sel(lon=slice(-112.05, -110.13), lat=slice(40.1, 38.2)).values
    if method == "nearest":
        assert set(image.ravel()) <= set(blocks.ravel())
    else:  # of a linear field, any symmetric average of a block is its mean
        true = blocks.reshape(4, 2, 4, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(image, true, atol=1e-2)


def test_workers(tmp_path: Path) -> None:
    lonlat(LON, LAT, DAYS).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    ds = XarrayDataset(tmp_path)
    query = (slice(-112.125, -110.125), slice(38.125, 39.625), slice(DAYS[0], DAYS[1]))
    true = ds[query]["image"]  # the file is open in the parent when the worker is forked
    data = pickle.dumps(ds)
    assert len(data) < 5_000
    assert torch.equal(pickle.loads(data)[query]["image"], true)
    loader = DataLoader(
        ds,
        batch_size=2,
        sampler=[query] * 4,
        num_workers=1,
        multiprocessing_context="fork",
        collate_fn=stack_samples,
    )
    batches = list(loader)
    assert [tuple(b["image"].shape) for b in batches] == [(2, 2, 1, 6, 8)] * 2
    assert torch.equal(batches[1]["image"][1], true)


def test_errors_name_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = tmp_path / "good.nc"
    lonlat(LON, LAT).to_netcdf(good, engine="netcdf4")
    with pytest.raises(BandError, match=r"good\.nc has no variable 'rain' .*variables are t2m"):
        XarrayDataset(good, data_vars=["rain"])
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        XarrayDataset(tmp_path / "none")
    with pytest.raises(ConfigError, match="list of names"):
        XarrayDataset(good, data_vars="t2m")
    with pytest.raises(ConfigError, match="resampling"):
        XarrayDataset(good, resampling="mode")  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="outside of XarrayDataset"):
        XarrayDataset(good)[0.0:1.0, 0.0:1.0]
    broken = tmp_path / "broken.nc"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 50)
    with pytest.raises(UnreadableFileError, match=r"broken\.nc"):
        XarrayDataset(tmp_path)
    assert XarrayDataset(tmp_path, on_error="skip").skipped_files == [str(broken)]
    assert "broken.nc skipped (1 so far)" in caplog.text
    broken.unlink()
    gauss = lonlat(LON, np.sort(np.random.default_rng(0).uniform(30, 40, 9)))
    gauss.to_netcdf(tmp_path / "gauss.nc", engine="netcdf4")
    with pytest.raises(UnsupportedDataError, match=r"'lat' of .*gauss\.nc are not evenly spaced"):
        XarrayDataset(tmp_path / "gauss.nc")
    bare = xr.Dataset(
        {"v": (("y", "x"), np.zeros((3, 3), "f4"))}, coords={"y": [1, 2, 3], "x": [1, 2, 3]}
    )
    bare.to_netcdf(tmp_path / "bare.nc", engine="netcdf4")
    with pytest.raises(CRSError, match=r"bare\.nc states no CRS"):
        XarrayDataset(tmp_path / "bare.nc")
    assert XarrayDataset(tmp_path / "bare.nc", source_crs=UTM12).crs == UTM12
    days = xr.date_range("2000-02-28", periods=3, calendar="360_day", use_cftime=True)
    odd = lonlat(LON, LAT).expand_dims(time=days)
    odd.to_netcdf(tmp_path / "odd.nc", engine="netcdf4")
    with pytest.raises(UnsupportedDataError, match=r"odd\.nc are no dates of the common calendar"):
        XarrayDataset(tmp_path / "odd.nc")
    ds = XarrayDataset(good)
    good.unlink()
    with pytest.raises(FileMissingError, match=r"good\.nc"):
        ds[:, :]
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(DependencyNotFoundError, match=r"pip install 'swath\[xarray\]'"):
        XarrayDataset(tmp_path)


def test_pictures(tmp_path: Path) -> None:
    lonlat(LON, LAT, DAYS).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    ds = XarrayDataset(tmp_path)
    figure = ds.plot(ds[:, :], suptitle="Air")
    assert len(figure.axes) == 6  # five steps and the colour bar
    figure.canvas.draw()
