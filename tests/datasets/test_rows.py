"""The rows of an index: footprints, kept headers, outlines of valid pixels."""

import os
import time

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterfiles import Images, Labels, hills, write

from swath.datasets.footprints import grid_footprints, valid_footprint
from swath.datasets.frames import reproject_footprints
from swath.datasets.rows import keep_folder, resolution_in
from swath.errors import ConfigError, DatasetNotFoundError, UnreadableFileError
from swath.geometry import Grid

X, Y = 500000.0, 5000000.0


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SWATH_HOME", str(tmp_path_factory.mktemp("home")))


# ---- footprints of grids -----------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.integers(1, 50), st.integers(1, 50),
                  st.sampled_from([(10, -10), (10, 10), (-10, -10), (3, -7)]), st.floats(-80, 80)),
        min_size=1, max_size=5,
    )
)  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_footprints_of_grids_are_their_corners(grids):
    transforms = [
        Affine.translation(x, y) @ Affine.rotation(angle if i % 2 else 0) @ Affine.scale(*scale)
        for i, (x, y, _, _, scale, angle) in enumerate(grids)
    ]
    width, height = np.array([g[2] for g in grids]), np.array([g[3] for g in grids])
    shapes = grid_footprints(np.array([tuple(t)[:6] for t in transforms]), width, height)
    for t, w, h, shape in zip(transforms, width.tolist(), height.tolist(), shapes, strict=True):
        corners = [t @ (c, r) for c, r in ((0, 0), (w, 0), (w, h), (0, h))]
        assert shape.symmetric_difference(shapely.Polygon(corners)).area < 1e-6 * shape.area


def test_a_reprojected_footprint_holds_its_ground():
    utm, polar = CRS.from_epsg(32633), CRS.from_epsg(3413)
    box = shapely.box(300000, 7700000, 500000, 7900000)
    (moved,) = reproject_footprints([box], utm, polar)
    rng = np.random.default_rng(0)
    inside = rng.uniform([301000, 7701000], [499000, 7899000], (500, 2))
    x, y = Transformer.from_crs(utm, polar, always_xy=True).transform(*inside.T)
    assert shapely.contains_xy(moved, x, y).all()


def test_a_footprint_across_the_antimeridian_has_two_parts():
    utm, lonlat = CRS.from_epsg(32601), CRS.from_epsg(4326)
    x, y = Transformer.from_crs(lonlat, utm, always_xy=True).transform(180.0, 65.0)
    (moved,) = reproject_footprints([shapely.box(x - 5e4, y - 5e4, x + 5e4, y + 5e4)], utm, lonlat)
    assert len(shapely.get_parts(moved)) == 2
    assert moved.area < 3
    assert shapely.contains_xy(moved, [179.5, -179.5], [65.0, 65.0]).all()
    assert not shapely.contains_xy(moved, 0.0, 65.0)


def test_a_footprint_over_a_pole_reaches_it():
    polar, lonlat = CRS.from_epsg(3413), CRS.from_epsg(4326)
    (moved,) = reproject_footprints([shapely.box(-4e5, -6e5, 5e5, 7e5)], polar, lonlat)
    assert moved.bounds[0] == -180
    assert moved.bounds[2:] == (180, 90)
    assert shapely.contains_xy(moved, [0.0, 100.0, -170.0], [89.0, 89.9, 88.0]).all()


@pytest.mark.parametrize("west", [-180, 0])
@pytest.mark.parametrize("zone", [32612, 32733])
def test_the_whole_world_in_one_zone(west, zone):
    utm, lonlat = CRS.from_epsg(zone), CRS.from_epsg(4326)
    (moved,) = reproject_footprints([shapely.box(west, -90, west + 360, 90)], lonlat, utm)
    assert shapely.is_valid(moved)
    south = zone > 32700
    assert shapely.contains_xy(moved, 500000, 5000000)
    assert shapely.contains_xy(moved, 400000, 1100000 if south else 9000000)


def test_pictures_of_one_zone_meet_a_map_of_the_world(tmp_path):
    write(tmp_path / "i" / "a.tif", hills((40, 40)))
    world = np.arange(180 * 360, dtype=np.int32).reshape(180, 360)
    write(tmp_path / "w" / "w.tif", world, crs=4326, x=-180, y=90, res=1)
    both = Images(tmp_path / "i") & Labels(tmp_path / "w")
    assert both.index.geometry.iloc[0].area == pytest.approx(160000)
    sample = both[both.bounds]
    assert (sample["mask"] == world[44, 195]).all()  # 45° N, 15° E
    assert sample["image"].shape == (1, 40, 40)


@pytest.mark.parametrize("crs", [4326, 3857, 3035, 32634])
def test_resolution_elsewhere_is_of_the_same_size(crs):
    grid = Grid(CRS.from_epsg(32633), Affine(10, 0, X, 0, -10, Y), 100, 100)
    res = resolution_in(grid, CRS.from_epsg(crs))
    assert res[0] == res[1]
    x, y = Transformer.from_crs(32633, crs, always_xy=True).transform(X + 500, Y - 500)
    ring = shapely.box(x, y, x + res[0], y + res[1])
    (back,) = reproject_footprints([ring], CRS.from_epsg(crs), grid.crs)
    assert back.area == pytest.approx(100, rel=0.01)
    assert resolution_in(grid, grid.crs) == (10, 10)


# ---- kept headers ------------------------------------------------------------------------------


def test_headers_are_kept_and_changes_noticed(tmp_path):
    for i in range(70):
        write(
            tmp_path / f"s{i:02d}_2020{1 + i % 12:02d}01.tif",
            np.ones((4, 4), np.uint8),
            x=X + 40 * i,
        )
    first = Images(tmp_path)
    kept = list(keep_folder().glob("*.parquet"))
    assert len(kept) == 1
    made = kept[0].stat().st_mtime_ns
    again = Images(tmp_path)
    assert again.index.geometry.geom_equals(first.index.geometry).all()
    assert again.index.index.equals(first.index.index)
    assert kept[0].stat().st_mtime_ns == made
    write(tmp_path / "s03_20200401.tif", np.ones((8, 8), np.uint8), x=X + 120)
    os.utime(tmp_path / "s03_20200401.tif", ns=(time.time_ns(), time.time_ns() + 10**9))
    (tmp_path / "s05_20200601.tif").unlink()
    write(tmp_path / "s99_20200101.tif", np.ones((4, 4), np.uint8), x=X + 9000)
    changed = Images(tmp_path)
    assert len(changed) == 70
    by_name = dict(
        zip(map(os.path.basename, changed.index["filepath"]), changed.index.geometry, strict=True)
    )
    assert by_name["s03_20200401.tif"].area == 6400
    assert "s05_20200601.tif" not in by_name
    assert by_name["s99_20200101.tif"].bounds[0] == X + 9000


def test_a_damaged_table_is_made_anew(tmp_path):
    for i in range(64):
        write(tmp_path / f"{i}.tif", np.ones((4, 4), np.uint8), x=X + 40 * i)
    Images(tmp_path)
    (kept,) = keep_folder().glob("*.parquet")
    kept.write_bytes(b"no parquet")
    assert len(Images(tmp_path)) == 64


def test_files_whose_names_do_not_fit_are_none_of_the_layer(tmp_path):
    class Dated(Images):
        filename_regex = r"^a_(?P<date>\d{8})\.tif$"

    write(tmp_path / "b_20200101.tif", np.ones((4, 4), np.uint8))
    with pytest.raises(DatasetNotFoundError, match="regular expression"):
        Dated(tmp_path)
    write(tmp_path / "a_20200101.tif", np.ones((4, 4), np.uint8))
    assert len(Dated(tmp_path)) == 1


# ---- valid pixels ------------------------------------------------------------------------------


def tilted(shape=(900, 1000), turn=0.35):
    """True in a tilted square, as in a scene of a satellite."""
    r, c = np.mgrid[: shape[0], : shape[1]]
    u, v = c - shape[1] / 2, r - shape[0] / 2
    a, b = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
    return (np.abs(a) < 0.3 * shape[1]) & (np.abs(b) < 0.33 * shape[0])


def covers(shape, valid, transform):
    """Whether the centre of each valid pixel lies in a footprint."""
    r, c = np.nonzero(valid)
    x, y = transform.a * (c + 0.5) + transform.c, transform.e * (r + 0.5) + transform.f
    return shapely.contains_xy(shape, x, y).all()


@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha", "nan", "override"])
def test_the_outline_of_valid_pixels(tmp_path, kind):
    valid = tilted()
    valid[400:405, 400:405] = False  # a small hole: closed
    data = np.where(valid, hills(valid.shape)[0], 0)
    options = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    nodata = [None]
    path = tmp_path / "a.tif"
    if kind == "nodata":
        write(path, data, nodata=0, **options)
    elif kind == "override":
        write(path, data, **options)
        nodata = [0.0]
    elif kind == "nan":
        write(path, np.where(valid, data, np.nan).astype("float32"), **options)
    elif kind == "mask":
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            write(path, data, **options)
            with rasterio.open(path, "r+") as file:
                file.write_mask(valid)
    else:
        rgba = np.stack([np.full(valid.shape, 9)] * 3 + [np.where(valid, 255, 0)]).astype("uint8")
        write(path, rgba, photometric="RGB", alpha="YES", **options)
    shape = valid_footprint(str(path), [0], nodata)
    transform = Affine(10, 0, X, 0, -10, Y)
    assert shape.is_valid
    assert covers(shape, valid, transform)
    true = valid.sum() * 100
    assert shape.area < 1.06 * true
    assert shapely.get_num_coordinates(shape) < 200
    assert shapely.box(X, Y - 9000, X + 10000, Y).covers(shape)


def test_outlines_of_odd_files(tmp_path):
    box = shapely.box(X, Y - 400, X + 400, Y)
    plain = write(tmp_path / "plain.tif", hills((40, 40)))
    assert valid_footprint(plain, [0], [None]).equals(box)
    full = write(tmp_path / "full.tif", hills((40, 40)), nodata=0)
    assert valid_footprint(full, [0], [None]).equals(box)
    empty = write(tmp_path / "empty.tif", np.zeros((40, 40), np.uint8), nodata=0)
    assert valid_footprint(empty, [0], [None]) is None
    one = np.zeros((2000, 30), np.uint8)
    one[1500, 7] = 1
    path = write(tmp_path / "one.tif", one, nodata=0)
    shape = valid_footprint(path, [0], [None])
    assert covers(shape, one > 0, Affine(10, 0, X, 0, -10, Y))
    other = np.stack([one, np.flipud(one)])
    path = write(tmp_path / "two.tif", other, nodata=0)
    both = valid_footprint(path, [0, 1], [None, None])
    assert covers(both, other.any(axis=0), Affine(10, 0, X, 0, -10, Y))


def test_overviews_are_enough(tmp_path):
    valid = tilted((1500, 1600))
    path = write(tmp_path / "a.tif", np.where(valid, 7, 0).astype("uint8"), nodata=0, tiled=True,
                 blockxsize=256, blockysize=256)  # fmt: skip
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    shape = valid_footprint(path, [0], [None])
    assert covers(shape, valid, Affine(10, 0, X, 0, -10, Y))
    assert shape.area < 1.08 * valid.sum() * 100


def test_layers_with_valid_footprints(tmp_path, caplog):
    valid = tilted()
    data = np.where(valid, hills(valid.shape)[0], 0)
    write(tmp_path / "a_20200101.tif", data, nodata=0)
    to34 = Transformer.from_crs(32633, 32634, always_xy=True).transform(X + 20000, Y)
    write(tmp_path / "b_20210101.tif", data, nodata=0, crs=32634, x=to34[0], y=to34[1])
    write(tmp_path / "c_20210101.tif", data * 0, nodata=0)
    ds = Images(tmp_path, footprints="valid")
    assert [os.path.basename(p) for p in ds.index["filepath"]] == [
        "a_20200101.tif",
        "b_20210101.tif",
    ]
    assert "c_20210101.tif" in caplog.text
    assert ds.index.geometry.area.max() < 1.1 * valid.sum() * 100
    (kept,) = keep_folder().glob("*.valid.parquet")
    made = kept.stat().st_mtime_ns
    again = Images(tmp_path, footprints="valid")
    assert again.index.geometry.geom_equals_exact(ds.index.geometry, 1e-6).all()
    assert kept.stat().st_mtime_ns == made
    from swath.samplers import RandomGeoSampler

    sampler = RandomGeoSampler(ds, size=64, length=20, min_valid=0.9)
    shares = [(ds[query]["image"] != 0).float().mean().item() for query in sampler]
    assert min(shares) > 0.8
    with pytest.raises(ConfigError, match="footprints"):
        Images(tmp_path, footprints="exact")
    with pytest.raises(DatasetNotFoundError, match="valid pixel"):
        Images(tmp_path / "c_20210101.tif", footprints="valid")


def test_damage_that_only_reading_finds(tmp_path):
    options = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    path = write(tmp_path / "a.tif", hills((200, 200)), nodata=0, **options)
    write(tmp_path / "b.tif", hills((200, 200)), nodata=0, **options)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(b"\xff" * 4000)
    with pytest.raises(UnreadableFileError, match=r"a\.tif"):
        Images(tmp_path, footprints="valid")
    ds = Images(tmp_path, footprints="valid", on_error="skip")
    assert ds.skipped_files == [path]
    assert len(ds) == 1
