"""RasterWriter: what is read back, how the file is laid out, and what is left when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from pyproj import CRS

from swath.errors import BandError, ConfigError, GridError, UnsupportedDataError, WriteError
from swath.geometry import Grid
from swath.raster.scratch import remove_stale_scratch
from swath.raster.write import RasterWriter, write_raster

UTM = CRS.from_epsg(32612)
COLOURS = {0: (1, 2, 3), 1: (200, 30, 40), 4: (0, 120, 250)}


def grid(height: int, width: int, crs: CRS = UTM) -> Grid:
    return Grid(crs, Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_100_000.0), width, height)


def blocks(height: int, width: int, classes: int = 5, size: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, classes, (height // size + 1, width // size + 1), np.uint8)
    return coarse.repeat(size, 0).repeat(size, 1)[:height, :width]


def test_class_map_is_a_cog_with_everything(tmp_path: Path) -> None:
    values = blocks(1500, 1300)
    place = tmp_path / "deep" / "map.tif"
    with RasterWriter(
        place,
        grid(1500, 1300),
        nodata=255,
        colormap=COLOURS,
        classes={0: "water", 1: "forest & <scrub>", 4: "fields"},
        descriptions=["land cover"],
        tags={"model": "unet"},
    ) as out:
        for row in range(0, 1500, 250):
            for col in range(0, 1300, 500):
                out.write(values[row : row + 250, col : col + 500], row, col)
    with rasterio.open(place) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.profile["compress"] == "deflate"
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.crs.to_epsg() == 32612
        assert dataset.transform == grid(1, 1).transform
        assert dataset.nodata == 255
        assert dataset.descriptions == ("land cover",)
        assert dataset.tags()["model"] == "unet"
        assert dataset.tags()["CLASS_1"] == "forest & <scrub>"
        assert dataset.colorinterp[0].name == "palette"
        table = dataset.colormap(1)
        assert {v: table[v][:3] for v in COLOURS} == COLOURS
        np.testing.assert_array_equal(dataset.read(1), values)
        assert dataset.overviews(1) == [2, 4]
    # Mode keeps whole blocks of 16 pixels whole: the overview is every fourth pixel of the map.
    with rasterio.open(place, overview_level=1) as dataset:
        np.testing.assert_array_equal(dataset.read(1), values[::4, ::4])
    assert sorted(p.name for p in place.parent.iterdir()) == [
        "map.qml",
        "map.tif",
        "map.tif.aux.xml",
    ]


def test_cog_header_comes_first_and_full_resolution_last(tmp_path: Path) -> None:
    write_raster(tmp_path / "a.tif", blocks(1200, 1200), grid(1200, 1200))
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        widths = [page.imagewidth for page in tiff.pages]
        assert widths == sorted(widths, reverse=True)
        headers = [page.offset for page in tiff.pages]
        data = [min(page.dataoffsets) for page in tiff.pages]
        assert max(headers) < min(data)
        assert data == sorted(data, reverse=True)
        assert all(page.is_tiled for page in tiff.pages)


def test_the_style_names_and_colours_each_class(tmp_path: Path) -> None:
    names = {1: "forest", 4: 'a "b" & c'}
    write_raster(
        tmp_path / "map.tif", blocks(64, 64), grid(64, 64), colormap=COLOURS, classes=names
    )
    text = (tmp_path / "map.qml").read_text()
    root = ET.fromstring(text.split("\n", 1)[1])
    entries = [e.attrib for e in root.iter("paletteEntry")]
    assert [(e["value"], e["label"], e["color"]) for e in entries] == [
        ("1", "forest", "#c81e28"),
        ("4", 'a "b" & c', "#0078fa"),
    ]
    assert next(root.iter("rasterrenderer")).attrib["type"] == "paletted"


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("compress", ["deflate", "none"])
def test_every_dtype_comes_back_bit_for_bit(tmp_path: Path, dtype: str, compress: str) -> None:
    rng = np.random.default_rng(1)
    kind = np.dtype(dtype)
    raw = rng.integers(0, 256, 3 * 300 * 200 * kind.itemsize, np.uint8).tobytes()
    values = np.frombuffer(raw, kind).reshape(3, 300, 200)
    if kind.kind == "f":
        values = rng.normal(size=(3, 300, 200)).astype(kind)
    write_raster(tmp_path / "a.tif", values, grid(300, 200), compress=compress)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.dtypes == (dtype,) * 3
        np.testing.assert_array_equal(dataset.read(), values)


def test_what_nobody_wrote_is_nodata(tmp_path: Path) -> None:
    with RasterWriter(
        tmp_path / "a.tif", grid(100, 90), count=2, dtype="float32", nodata=float("nan")
    ) as out:
        out.write(np.ones((2, 10, 20)), 5, 7)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        got = dataset.read()
        assert np.isnan(dataset.nodata)
    expected = np.full((2, 100, 90), np.nan, np.float32)
    expected[:, 5:15, 7:27] = 1
    np.testing.assert_array_equal(got, expected)


def test_average_overviews_leave_nodata_out(tmp_path: Path) -> None:
    values = np.full((1024, 1024), 10, np.float32)
    values[::2, ::2] = -1
    write_raster(tmp_path / "a.tif", values, grid(1024, 1024), nodata=-1)
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        np.testing.assert_array_equal(dataset.read(1), np.full((512, 512), 10))


def test_other_crs_and_south_up_grids(tmp_path: Path) -> None:
    place = Grid(CRS.from_epsg(4326), Affine(1e-4, 0, 8.0, 0, 1e-4, 47.0), 60, 50)
    values = blocks(50, 60)
    write_raster(tmp_path / "a.tif", values, place)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.crs.to_epsg() == 4326
        assert dataset.transform.almost_equals(place.transform, 1e-12)
        np.testing.assert_array_equal(dataset.read(1), values)


def test_plain_geotiff(tmp_path: Path) -> None:
    values = blocks(700, 700).astype("uint16")
    write_raster(tmp_path / "a.tif", values, grid(700, 700), cog=False, colormap=COLOURS)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.overviews(1) == []
        assert dataset.profile["tiled"]
        np.testing.assert_array_equal(dataset.read(1), values)


def test_whole_numbers_are_taken_where_they_fit(tmp_path: Path) -> None:
    with RasterWriter(tmp_path / "a.tif", grid(4, 4)) as out:
        out.write(np.full((4, 4), 200, np.int64), 0, 0)
        with pytest.raises(UnsupportedDataError, match=r"-1 to 256.*wider dtype"):
            out.write(np.array([[-1, 256]]), 0, 0)
        with pytest.raises(UnsupportedDataError, match="float"):
            out.write(np.zeros((4, 4)), 0, 0)
        with pytest.raises(GridError, match="outside the raster of 4 x 4"):
            out.write(np.zeros((2, 2), np.uint8), 3, 0)
        with pytest.raises(BandError, match=r"expected \(h, w\) or \(1, h, w\)"):
            out.write(np.zeros((2, 2, 2), np.uint8), 0, 0)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert (dataset.read(1) == 200).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"nodata": 300}, ConfigError, "nodata 300 is no value of uint8"),
        ({"nodata": float("nan")}, ConfigError, "no value of uint8"),
        ({"dtype": "complex64"}, UnsupportedDataError, "complex64"),
        ({"dtype": "float32", "colormap": COLOURS}, ConfigError, "colour table needs one band"),
        ({"colormap": {0: (1, 2, 300)}}, ConfigError, r"\(1, 2, 300\)"),
        ({"compress": "jpeg"}, ConfigError, "jpeg"),
        ({"descriptions": ["a", "b"]}, ConfigError, "2 band names for 1 bands"),
        ({"overview_resampling": "best"}, ConfigError, "best"),
        ({"tags": {"a": "b\x00"}}, ConfigError, "control"),
    ],
)
def test_wrong_options_name_the_file_and_leave_nothing(
    tmp_path: Path, options: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        RasterWriter(tmp_path / "wrong.tif", grid(4, 4), **options)
    assert "wrong.tif" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "a.tif"
    write_raster(place, blocks(40, 40), grid(40, 40))
    before = place.read_bytes()

    def fail() -> None:
        with RasterWriter(place, grid(40, 40)) as out:
            out.write(np.ones((4, 4), np.uint8), 0, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert place.read_bytes() == before
    assert list(tmp_path.iterdir()) == [place]


def test_replacing_a_raster_drops_what_described_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "a.tif"
    place.write_bytes(b"old")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset/>")
    (tmp_path / "a.tif.ovr").write_text("old overviews")
    write_raster(place, blocks(40, 40), grid(40, 40))
    assert list(tmp_path.iterdir()) == [place]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"file.a\.tif"):
        write_raster(tmp_path / "file" / "a.tif", blocks(4, 4), grid(4, 4))
    with pytest.raises(WriteError, match="directory"):
        write_raster(tmp_path, blocks(4, 4), grid(4, 4))


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )


@pytest.mark.parametrize(
    ("limit", "nodata"),
    # The limit on a file's size fails a write as a full disk does: at the start, when the room
    # for pixels is taken; and at the end, when the GeoTIFF is made.
    [(1_000_000, "None"), (1_000_000, "7"), (4_050_000, "None")],
)
def test_a_full_disk_names_the_file_and_leaves_nothing(
    tmp_path: Path, limit: int, nodata: str
) -> None:
    done = run(
        """
        import resource, sys
        import numpy as np
        from affine import Affine
        from pyproj import CRS
        from swath.errors import WriteError
        from swath.geometry import Grid
        from swath.raster.write import write_raster

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
        noise = np.random.default_rng(0).integers(0, 256, (2000, 2000), np.uint8)
        grid = Grid(CRS.from_epsg(32612), Affine(10, 0, 5e5, 0, -10, 4e6), 2000, 2000)
        try:
            write_raster(sys.argv[1], noise, grid, nodata=eval(sys.argv[3]), compress="none")
        except WriteError as error:
            print("WriteError", error, error.filename)
        """,
        tmp_path / "full.tif",
        limit,
        nodata,
    )
    assert done.stdout.startswith("WriteError"), done.stderr[-2000:]
    assert "full.tif" in done.stdout
    assert "MB free" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_run(tmp_path: Path) -> None:
    place = tmp_path / "a.tif"
    done = run(
        """
        import os, signal, sys
        import numpy as np
        from affine import Affine
        from pyproj import CRS
        from swath.geometry import Grid
        from swath.raster.write import RasterWriter

        grid = Grid(CRS.from_epsg(32612), Affine(10, 0, 5e5, 0, -10, 4e6), 50, 50)
        with RasterWriter(sys.argv[1], grid) as out:
            out.write(np.ones((50, 50), np.uint8), 0, 0)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        place,
    )
    assert done.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    assert left[0].name.startswith(".a.tif.swath-")
    with RasterWriter(place, grid(50, 50)) as first:
        assert len(list(tmp_path.iterdir())) == 1
        assert not left[0].exists()
        # One in use stays: its process lives.
        assert remove_stale_scratch(place) == []
        first.write(np.ones((50, 50), np.uint8), 0, 0)
    assert list(tmp_path.iterdir()) == [place]


def test_memory_does_not_grow_with_the_raster(tmp_path: Path) -> None:
    code = """
        import resource, sys
        import numpy as np
        from affine import Affine
        from pyproj import CRS
        from swath.geometry import Grid
        from swath.raster.write import RasterWriter

        height = int(sys.argv[2])
        grid = Grid(CRS.from_epsg(32612), Affine(10, 0, 5e5, 0, -10, 4e6), 8192, height)
        band = np.arange(512 * 8192, dtype=np.uint8).reshape(512, 8192) // 64
        with RasterWriter(sys.argv[1], grid, nodata=255, overview_resampling="nearest") as out:
            for row in range(0, height, 512):
                out.write(band, row, 0)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    small = int(run(code, tmp_path / "a.tif", 2048).stdout)
    large = int(run(code, tmp_path / "a.tif", 32768).stdout)
    # 16 times the rows are 250 MB more pixels; GDAL's own cache of blocks is all that may show.
    assert large - small < 190_000
