"""Every way a TIFF can be stored, against GDAL's reading of the same file."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling

from swath.errors import CRSError, FileMissingError, UnreadableFileError, UnsupportedDataError
from swath.raster import Source, TileCache, open_source, read_info
from swath.raster.gdal import GdalSource, read_gdal_info
from swath.raster.tiff import TiffSource

UTM = Affine(30, 0, 500_000, 0, -30, 4_000_000)
LOSSLESS = [
    "none",
    "deflate",
    "lzw",
    "zstd",
    "lzma",
    "packbits",
    "lerc",
    "lerc_deflate",
    "lerc_zstd",
]
DTYPES = [
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float32",
    "float64",
]


def assemble(source: Source, level: int = 0) -> NDArray[Any]:
    """The whole level, put together from tiles: (bands, rows, columns)."""
    cut = source.info.levels[level]
    out = np.zeros((source.info.count, cut.height, cut.width), source.info.dtype)
    for band in range(source.info.count):
        for ty, tx in np.ndindex(cut.tiles_down, cut.tiles_across):
            y, x = ty * cut.tile_height, tx * cut.tile_width
            h, w = min(cut.tile_height, cut.height - y), min(cut.tile_width, cut.width - x)
            tile = source.tile(level, band, ty, tx)
            assert tile.dtype == source.info.dtype
            assert tile.dtype.isnative
            assert not tile.flags.writeable
            out[band, y : y + h, x : x + w] = tile[:h, :w]
    return out


def assemble_mask(source: Source, level: int = 0) -> NDArray[np.uint8]:
    cut = source.info.levels[level]
    out = np.zeros((cut.height, cut.width), np.uint8)
    for ty, tx in np.ndindex(cut.tiles_down, cut.tiles_across):
        y, x = ty * cut.tile_height, tx * cut.tile_width
        h, w = min(cut.tile_height, cut.height - y), min(cut.tile_width, cut.width - x)
        tile = source.mask_tile(level, ty, tx)
        assert tile is not None
        out[y : y + h, x : x + w] = tile[:h, :w]
    return out


def through_addresses(source: Source, level: int, band: int) -> NDArray[Any]:
    """The level as a compiled kernel sees it: from nothing but addresses and strides."""
    import ctypes

    cut, table = source.info.levels[level], source.direct(level, band)
    assert table is not None
    dtype = source.info.dtype
    fill = source.info.nodata[band] or 0
    out = np.full((cut.height, cut.width), fill, dtype)
    for ty, tx in np.ndindex(table.addresses.shape):
        y, x = ty * cut.tile_height, tx * cut.tile_width
        h, w = min(cut.tile_height, cut.height - y), min(cut.tile_width, cut.width - x)
        address = int(table.addresses[ty, tx])
        if not address:
            continue
        size = (h - 1) * table.row_stride + (w - 1) * table.col_stride + dtype.itemsize
        raw = (ctypes.c_char * size).from_address(address)
        out[y : y + h, x : x + w] = np.ndarray(
            (h, w), dtype, raw, 0, (table.row_stride, table.col_stride)
        )
    return out


def pixels(count: int, height: int, width: int, dtype: str, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    smooth = (
        np.add.outer(np.arange(height), np.arange(width))[None] + np.arange(count)[:, None, None]
    )
    data = smooth * 7 + rng.integers(0, 9, (count, height, width)) - 40
    if dtype.startswith("f"):
        values = (data / 3).astype(dtype)
        values[:, 2:5, 3:9] = np.nan
        return values
    return data.astype(dtype)


def write(path: Path, data: NDArray[Any], **options: Any) -> Path:
    options = {"driver": "GTiff", "crs": "EPSG:32612", "transform": UTM, **options}
    count, height, width = data.shape
    with rasterio.open(
        path, "w", count=count, height=height, width=width, dtype=data.dtype, **options
    ) as file:
        file.write(data)
    return path


def same_as_gdal(path: Path, *, native: bool = True) -> Source:
    source = open_source(path)
    assert isinstance(source, TiffSource if native else GdalSource)
    info, other = source.info, read_gdal_info(str(path))
    for name in (
        "driver", "crs", "transform", "width", "height", "count", "dtype",
        "descriptions", "colormap", "mask", "scales", "offsets",
    ):  # fmt: skip
        assert getattr(info, name) == getattr(other, name), name
    np.testing.assert_array_equal(np.array(info.nodata, float), np.array(other.nodata, float))
    assert [(v.width, v.height) for v in info.levels] == [(v.width, v.height) for v in other.levels]
    for level in range(len(info.levels)):
        more = {"overview_level": level - 1} if level else {}
        with rasterio.open(path, **more) as file:
            np.testing.assert_array_equal(assemble(source, level), file.read())
            if info.mask in ("band", "alpha"):
                np.testing.assert_array_equal(assemble_mask(source, level), file.read_masks(1))
    return source


def combinations() -> list[Any]:
    found = []
    for codec, dtype, layout in itertools.product(
        LOSSLESS, DTYPES, ["pixel-tiles", "band-tiles", "pixel-strips", "band-strips"]
    ):
        predictors = [1]
        if codec in ("deflate", "lzw", "zstd"):
            predictors = [1, 2, 3] if dtype.startswith("f") else [1, 2]
        if codec == "lerc" and dtype in ("uint64", "int64"):
            continue  # LERC has no 64-bit integers
        if codec.startswith("lerc") and dtype in ("uint64", "int64"):
            continue
        found += [
            pytest.param(codec, p, dtype, layout, id=f"{codec}-{p}-{dtype}-{layout}")
            for p in predictors
        ]
    return found


@pytest.mark.parametrize(("codec", "predictor", "dtype", "layout"), combinations())
def test_lossless(tmp_path: Path, codec: str, predictor: int, dtype: str, layout: str) -> None:
    interleave, cut = layout.split("-")
    options: dict[str, Any] = {"interleave": interleave, "compress": codec, "predictor": predictor}
    if predictor == 1:
        del options["predictor"]
    options |= (
        {"tiled": True, "blockxsize": 32, "blockysize": 16} if cut == "tiles" else {"blockysize": 5}
    )
    data = pixels(2 if codec.startswith("lerc") else 3, 43, 37, dtype)
    path = write(tmp_path / "a.tif", data, **options)
    source = open_source(path)
    assert isinstance(source, TiffSource)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(assemble(source), file.read())
    if not codec.startswith("lerc"):
        np.testing.assert_array_equal(assemble(source), data)
    if codec == "none" and cut == "tiles":
        for band in range(3):
            np.testing.assert_array_equal(through_addresses(source, 0, band), data[band])
    elif codec != "none":
        assert source.direct(0, 0) is None


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64", "int64"])
@pytest.mark.parametrize("codec", ["none", "deflate", "lzw", "zstd"])
@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("bigtiff", ["YES", "NO"])
def test_big_endian(tmp_path: Path, dtype: str, codec: str, predictor: int, bigtiff: str) -> None:
    options: dict[str, Any] = {"compress": codec, "endianness": "BIG", "bigtiff": bigtiff}
    if codec != "none" and (predictor < 3 or dtype.startswith("f")):
        options["predictor"] = predictor
    data = pixels(3, 40, 33, dtype)
    same_as_gdal(write(tmp_path / "a.tif", data, interleave="pixel", **options))
    same_as_gdal(
        write(tmp_path / "b.tif", data, tiled=True, blockxsize=16, blockysize=32, **options)
    )


@pytest.mark.parametrize("layout", ["tiles", "strips"])
@pytest.mark.parametrize(
    ("codec", "count", "extra"),
    [
        ("jpeg", 1, {}),
        ("jpeg", 3, {"photometric": "RGB"}),
        ("jpeg", 3, {"interleave": "band"}),
        ("jpeg", 2, {}),
        ("jpeg", 4, {}),
        ("webp", 3, {"webp_level": 60}),
        ("webp", 3, {"webp_lossless": True}),
        ("webp", 4, {"webp_lossless": True}),
        ("lerc", 1, {"max_z_error": 0.5}),
        ("lerc", 3, {"max_z_error": 0.5}),
        ("lerc", 4, {}),
        ("lerc_zstd", 3, {"max_z_error": 2}),
        ("lerc_deflate", 3, {"max_z_error": 2}),
    ],
)
def test_images(tmp_path: Path, codec: str, count: int, extra: dict[str, Any], layout: str) -> None:
    data = pixels(count, 100, 90, "uint8")
    if count == 4:
        data[3] = 255
        data[3, 20:50] = 0
    options = {"interleave": "pixel", "compress": codec, **extra}
    options |= (
        {"tiled": True, "blockxsize": 64, "blockysize": 64}
        if layout == "tiles"
        else {"blockysize": 16}
    )
    same_as_gdal(write(tmp_path / "a.tif", data, **options))


@pytest.mark.parametrize("tables", [0, 1, 3])
@pytest.mark.parametrize("tiled", [True, False])
def test_ycbcr_jpeg(tmp_path: Path, tables: int, tiled: bool) -> None:
    """Builds of libjpeg interpolate the halved colours differently; brightness is the same."""
    y, x = np.mgrid[:100, :90]
    data = np.stack(
        [120 + 60 * np.sin(x / 15), 120 + 60 * np.cos(y / 17), 120 + 50 * np.sin((x + y) / 16)]
    ).astype("uint8")
    options = {"tiled": True, "blockxsize": 64, "blockysize": 64} if tiled else {"blockysize": 16}
    path = write(
        tmp_path / "a.tif", data, compress="jpeg", photometric="YCBCR", interleave="pixel",
        jpegtablesmode=tables, **options,
    )  # fmt: skip
    source = open_source(path)
    assert isinstance(source, TiffSource)
    got = assemble(source).astype(float)
    with rasterio.open(path) as file:
        expected = file.read().astype(float)
    grey = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(
        np.tensordot(grey, got, 1), np.tensordot(grey, expected, 1), rtol=0, atol=1.5
    )
    np.testing.assert_allclose(got, expected, rtol=0, atol=8)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    width=st.integers(1, 150),
    height=st.integers(1, 150),
    count=st.integers(1, 5),
    tile=st.one_of(
        st.none(), st.tuples(st.sampled_from([16, 32, 48, 128]), st.sampled_from([16, 64, 80]))
    ),
    rows=st.integers(1, 200),
    dtype=st.sampled_from(DTYPES),
    codec=st.sampled_from(["none", "deflate", "lzw", "zstd", "packbits"]),
    interleave=st.sampled_from(["pixel", "band"]),
    sparse=st.booleans(),
)
def test_any_shape(
    tmp_path: Path, width: int, height: int, count: int, tile: tuple[int, int] | None, rows: int,
    dtype: str, codec: str, interleave: str, sparse: bool,
) -> None:  # fmt: skip
    data = pixels(count, height, width, dtype)
    if sparse:
        data[:, : height // 2] = 0
    options: dict[str, Any] = {"sparse_ok": sparse, "compress": codec, "interleave": interleave}
    if tile:
        options |= {"tiled": True, "blockxsize": tile[0], "blockysize": tile[1]}
    else:
        options["blockysize"] = min(rows, height)
    path = tmp_path / f"{os.urandom(8).hex()}.tif"
    source = same_as_gdal(write(path, data, **options))
    np.testing.assert_array_equal(assemble(source), data)
    if codec == "none":
        for band in range(count):
            if source.direct(0, band) is not None:
                np.testing.assert_array_equal(through_addresses(source, 0, band), data[band])
    path.unlink()


def test_uncompressed_strips_are_one_tile(tmp_path: Path) -> None:
    data = pixels(3, 700, 50, "uint16")
    for interleave in ("pixel", "band"):
        source = same_as_gdal(
            write(tmp_path / f"{interleave}.tif", data, interleave=interleave, blockysize=3)
        )
        assert source.info.levels[0].tile_height == 700
        np.testing.assert_array_equal(through_addresses(source, 0, 2), data[2])
        assert source.direct(0, 1) is source.direct(0, 1)


def test_compressed_strips_are_grouped(tmp_path: Path) -> None:
    data = pixels(1, 700, 50, "uint16")
    source = same_as_gdal(write(tmp_path / "a.tif", data, compress="deflate", blockysize=3))
    assert 200 <= source.info.levels[0].tile_height <= 256
    one = same_as_gdal(write(tmp_path / "b.tif", data, compress="deflate", blockysize=700))
    assert one.info.levels[0].tile_height == 700


@pytest.mark.parametrize("nodata", [None, 7, 255, 65535])
@pytest.mark.parametrize("codec", ["none", "deflate"])
def test_sparse(tmp_path: Path, nodata: int | None, codec: str) -> None:
    data = np.full((2, 200, 200), nodata or 0, "uint16")
    data[:, 130:140, 20:30] = 5
    path = write(
        tmp_path / "a.tif", data, nodata=nodata, tiled=True, blockxsize=64, blockysize=64,
        sparse_ok=True, compress=codec,
    )  # fmt: skip
    source = same_as_gdal(path)
    np.testing.assert_array_equal(assemble(source), data)
    if codec == "none":
        table = source.direct(0, 1)
        assert table is not None
        assert (table.addresses == 0).sum() == 15
        np.testing.assert_array_equal(through_addresses(source, 0, 1), data[1])


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_overviews_and_masks(tmp_path: Path, mask: bool, external: bool, count: int) -> None:
    path = write(
        tmp_path / "a.tif", pixels(count, 300, 260, "uint8"), tiled=True, blockxsize=64,
        blockysize=64, compress="deflate", interleave="pixel",
    )  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        if mask:
            valid = np.full((300, 260), 255, "uint8")
            valid[:90, 40:200] = 0
            file.write_mask(valid)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, TIFF_USE_OVR=external),
        rasterio.open(path, "r+") as file,
    ):
        file.build_overviews([2, 4], Resampling.nearest)
    source = open_source(path)
    if mask and external:
        # The mask of an external overview lies in a third file: GDAL's matter.
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(assemble(source), file.read())
            np.testing.assert_array_equal(assemble_mask(source), file.read_masks(1))
        return
    source = same_as_gdal(path)
    assert len(source.info.levels) == 3
    assert source.info.mask == ("band" if mask else "none")


def test_mask_cut_differently_from_the_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(1, 300, 260, "uint8"), blockysize=7, compress="lzw")
    valid = np.where(np.random.default_rng(0).random((300, 260)) < 0.5, 255, 0).astype("uint8")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(valid)
    np.testing.assert_array_equal(assemble_mask(same_as_gdal(path)), valid)


def test_external_mask_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(1, 60, 50, "uint8"))
    valid = np.full((60, 50), 255, "uint8")
    valid[:9] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        file.write_mask(valid)
    assert (tmp_path / "a.tif.msk").exists()
    source = same_as_gdal(path, native=False)
    assert source.info.mask == "band"


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("count", [2, 4])
def test_alpha(tmp_path: Path, dtype: str, count: int) -> None:
    data = pixels(count, 60, 50, dtype)
    data[-1] = np.iinfo(dtype).max
    data[-1, :20] = 0
    path = write(
        tmp_path / "a.tif", data, alpha="NON-PREMULTIPLIED", interleave="pixel", compress="deflate",
        **({"photometric": "rgb"} if count == 4 else {}),
    )  # fmt: skip
    source = open_source(path)
    assert source.info.mask == "alpha"
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(assemble_mask(source) > 0, file.read_masks(1) > 0)


@pytest.mark.parametrize(
    "crs",
    ["EPSG:4326", "EPSG:32612", "EPSG:5070", "EPSG:3031", "EPSG:3857", "EPSG:2263", "EPSG:6367",
     "ESRI:102003", "EPSG:27700", "EPSG:4979", "EPSG:32612+5703",
     "+proj=laea +lat_0=12 +lon_0=3 +ellps=WGS84 +units=m",
     "+proj=utm +zone=33 +ellps=intl +units=us-ft", None],
)  # fmt: skip
def test_crs(tmp_path: Path, crs: str | None) -> None:
    first = same_as_gdal(write(tmp_path / "a.tif", pixels(1, 9, 8, "uint8"), crs=crs)).info.crs
    second = same_as_gdal(write(tmp_path / "b.tif", pixels(1, 9, 8, "uint8"), crs=crs)).info.crs
    assert first is second
    if crs is None:
        with pytest.raises(CRSError, match=r"b\.tif"):
            _ = read_info(tmp_path / "b.tif").grid
    elif crs.startswith("EPSG") and "+" not in crs:
        assert first == CRS.from_user_input(crs)


@pytest.mark.parametrize(
    "transform",
    [
        UTM,
        Affine(1 / 3, 0, -179.9, 0, -1 / 7, 89.1),
        Affine(10, 0, 5, 0, 10, 7),
        Affine(10, 3, 5, -4, -9, 7),
        Affine.identity(),
    ],
    ids=["utm", "degrees", "south-up", "rotated", "identity"],
)
@pytest.mark.parametrize("point", [False, True])
def test_transform(tmp_path: Path, transform: Affine, point: bool) -> None:
    path = write(tmp_path / "a.tif", pixels(1, 9, 8, "uint8"), transform=transform)
    if point:
        with rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT="Point")
    info = same_as_gdal(path).info
    assert info.transform.almost_equals(transform, 1e-9)
    if point:
        assert info.tags["AREA_OR_POINT"] == "Point"


def test_world_file_and_aux_xml(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(1, 9, 8, "uint8"), crs=None, transform=None)
    (tmp_path / "a.tfw").write_text("2\n0\n0\n-3\n11\n18.5\n")
    assert same_as_gdal(path).info.transform == Affine(2, 0, 10, 0, -3, 20)
    other = write(tmp_path / "b.tif", pixels(1, 9, 8, "uint8"))
    wkt = CRS.from_epsg(5070).to_wkt("WKT1_GDAL")
    (tmp_path / "b.tif.aux.xml").write_text(
        f"<PAMDataset><SRS>{wkt.replace('&', '&amp;')}</SRS></PAMDataset>"
    )
    assert same_as_gdal(other).info.crs == CRS.from_epsg(5070)


def test_ground_control_points_make_no_crs(tmp_path: Path) -> None:
    points = [GroundControlPoint(r, c, 10.0 + c, 20.0 - r) for r in (0, 9) for c in (0, 8)]
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=9, count=1, dtype="uint8"
    ) as file:
        file.gcps = (points, rasterio.CRS.from_epsg(4326))
        file.write(pixels(1, 9, 8, "uint8"))
    assert same_as_gdal(path, native=False).info.crs is None


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint8", 0), ("uint8", 255), ("int16", -32768), ("float32", -9999), ("float32", np.nan),
     ("float32", -3.4028234663852886e38), ("float64", np.inf), ("uint16", None),
     ("int64", -(2**53))],
)  # fmt: skip
def test_nodata(tmp_path: Path, dtype: str, nodata: float | None) -> None:
    source = same_as_gdal(write(tmp_path / "a.tif", pixels(2, 9, 8, dtype), nodata=nodata))
    assert source.info.mask == ("none" if nodata is None else "nodata")


def test_names_scales_tags_colors(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(2, 9, 8, "uint8"), photometric="minisblack")
    with rasterio.open(path, "r+") as file:
        file.set_band_description(1, "red & <hot>")
        file.scales, file.offsets = (0.0001, 2.0), (-0.1, 0.0)
        file.update_tags(mission='"Sentinel-2"', TIFFTAG_DATETIME="2020:08:02 00:00:00")
    info = same_as_gdal(path).info
    assert info.descriptions == ("red & <hot>", None)
    assert info.tags["mission"] == '"Sentinel-2"'
    assert info.tags["TIFFTAG_DATETIME"] == "2020:08:02 00:00:00"
    colors = tmp_path / "b.tif"
    with rasterio.open(
        colors, "w", driver="GTiff", width=8, height=9, count=1, dtype="uint8", nodata=0
    ) as file:
        file.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 1, 128, 255), 200: (3, 200, 7, 255)})
        file.write(pixels(1, 9, 8, "uint8"))
    found = same_as_gdal(colors).info.colormap
    assert found is not None
    assert found[1] == (255, 1, 128, 255)


@pytest.mark.parametrize("nbits", [1, 4, 12])
def test_odd_bit_depths_go_to_gdal(tmp_path: Path, nbits: int) -> None:
    data = pixels(1, 30, 20, "uint16" if nbits > 8 else "uint8") % (1 << nbits)
    same_as_gdal(write(tmp_path / "a.tif", data, nbits=nbits), native=False)


def test_complex_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.ones((1, 9, 8), "complex64"))
    with pytest.raises(UnsupportedDataError, match=r"a\.tif.*complex"):
        read_info(path)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"none\.tif does not exist"):
        open_source(tmp_path / "none.tif")
    with pytest.raises(FileMissingError):
        open_source(tmp_path / "none.zip" / "a.tif")
    text = tmp_path / "a.txt"
    text.write_text("no raster at all")
    with pytest.raises(UnreadableFileError, match=r"a\.txt"):
        open_source(text)
    text.write_text("")
    with pytest.raises(UnreadableFileError, match="empty"):
        open_source(text)
    with pytest.raises(UnreadableFileError):
        open_source(tmp_path)


def test_changed_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.raster.source._RECHECK", 0.0)
    path = tmp_path / "a.tif"
    for value in (1, 2):
        write(tmp_path / "b.tif", np.full((1, 300, 300), value, "uint8"), compress="deflate")
        os.replace(tmp_path / "b.tif", path)
        os.utime(path, ns=(0, value))
        assert (assemble(open_source(path)) == value).all()
    assert open_source(path) is open_source(path)


def test_header_of_a_changed_file_is_never_stale(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for width in (5, 6, 7):
        write(path, pixels(1, 9, width, "uint8"))
        assert read_info(path).width == width
        open_source(path)


def test_tiles_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TileCache(1 << 20)
    monkeypatch.setattr("swath.raster.cache._current", cache)
    data = pixels(3, 64, 64, "uint8")
    source = open_source(
        write(tmp_path / "a.tif", data, compress="lzw", interleave="pixel", tiled=True,
              blockxsize=64, blockysize=64)
    )  # fmt: skip
    for band in range(3):
        np.testing.assert_array_equal(source.tile(0, band, 0, 0), data[band])
    assert cache.decoded == 1
    assert cache.nbytes == data.nbytes


def _realdata() -> list[Path]:
    place = os.environ.get("SWATH_REALDATA")
    root = Path(place) if place else Path(__file__).resolve().parents[3] / "shared" / "realdata"
    return sorted(root.glob("**/*.tif*")) if root.is_dir() else []


def test_real_files() -> None:
    for path in _realdata():
        if path.name.endswith(".xml"):
            continue
        if path.stat().st_size and read_info(path).width < 5000:
            same_as_gdal(path)
