"""Formats that GDAL reads: the same tiles, in threads, archives and forked children."""

from __future__ import annotations

import multiprocessing
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from swath.errors import BandError, FileMissingError, UnreadableFileError
from swath.raster import Source, TileCache, open_source, read_info
from swath.raster.gdal import GdalSource
from swath.raster.tiff import TiffSource

UTM = rasterio.Affine(10, 0, 500_000, 0, -10, 4_000_000)


def pixels(count: int = 1, height: int = 700, width: int = 900) -> NDArray[np.uint16]:
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(height), np.arange(width)) * 3
    return (smooth + rng.integers(0, 50, (count, height, width))).astype("uint16")


def write(path: Path, data: NDArray[Any], driver: str, **options: Any) -> Path:
    with rasterio.open(
        path, "w", driver=driver, count=len(data), height=data.shape[1], width=data.shape[2],
        dtype=data.dtype, crs="EPSG:32615", transform=UTM, **options,
    ) as file:  # fmt: skip
        file.write(data)
    return path


def assemble(source: Source, level: int = 0) -> NDArray[Any]:
    cut = source.info.levels[level]
    out = np.zeros((source.info.count, cut.height, cut.width), source.info.dtype)
    for band in range(source.info.count):
        for ty, tx in np.ndindex(cut.tiles_down, cut.tiles_across):
            tile = source.tile(level, band, ty, tx)
            y, x = ty * cut.tile_height, tx * cut.tile_width
            out[band, y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return out


@pytest.mark.parametrize(
    ("name", "driver", "options"),
    [
        ("a.jp2", "JP2OpenJPEG", {"reversible": "YES", "quality": "100"}),
        ("a.png", "PNG", {}),
        ("a.img", "HFA", {}),
        ("a.dat", "ENVI", {}),
    ],
)
def test_formats(tmp_path: Path, name: str, driver: str, options: dict[str, str]) -> None:
    path = write(tmp_path / name, pixels(), driver, **options)
    source = open_source(path)
    assert isinstance(source, GdalSource)
    assert source.info.driver == driver
    assert source.direct(0, 0) is None
    assert source.mask_tile(0, 0, 0) is None
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(assemble(source), file.read())
        assert source.info.transform == file.transform
        assert source.info.crs is not None
        assert source.info.crs.to_epsg() == 32615
    for level, cut in enumerate(source.info.levels):
        assert cut.tile_width * cut.tile_height <= 1 << 20
        with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as file:
            np.testing.assert_array_equal(assemble(source, level), file.read())
    with pytest.raises(BandError, match="band 2"):
        source.tile(0, 1, 0, 0)
    with pytest.raises(BandError, match="asked for tile"):
        source.tile(0, 0, 9, 9)


def test_vrt_over_tiffs(tmp_path: Path) -> None:
    data = pixels(1, 60, 80)
    write(tmp_path / "a.tif", data, "GTiff")
    (tmp_path / "b.vrt").write_text(
        '<VRTDataset rasterXSize="80" rasterYSize="60"><VRTRasterBand dataType="UInt16" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    np.testing.assert_array_equal(assemble(open_source(tmp_path / "b.vrt")), data)
    lost = (tmp_path / "b.vrt").read_text().replace("a.tif", "lost.tif")
    (tmp_path / "c.vrt").write_text(lost)
    with pytest.raises(FileMissingError, match=r"c\.vrt.*lost\.tif"):
        open_source(tmp_path / "c.vrt")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_inside_archives(tmp_path: Path, kind: str) -> None:
    data = pixels(2, 60, 80)
    path = write(tmp_path / "a.tif", data, "GTiff")
    archive = tmp_path / f"files.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            file.write(path, "in/a.tif")
    else:
        with tarfile.open(archive, "w:gz" if kind == "tar.gz" else "w") as file:
            file.add(path, "in/a.tif")
    scheme = "zip" if kind == "zip" else "tar"
    names = [f"{archive}/in/a.tif", f"/vsi{scheme}/{archive}/in/a.tif"]
    for name in [*names, f"{scheme}://{archive}!in/a.tif"]:
        source = open_source(name)
        assert source.info.path == name
        np.testing.assert_array_equal(assemble(source), data)
    with pytest.raises(FileMissingError, match=r"none\.tif"):
        open_source(f"{archive}/in/none.tif")


def test_url_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a b.tif", pixels(1, 20, 30), "GTiff")
    assert isinstance(open_source(f"file://{path}"), TiffSource)


def test_subdatasets_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    for table in ("one", "two"):
        with rasterio.open(
            path, "w", driver="GPKG", count=1, height=20, width=20, dtype="uint8",
            crs="EPSG:3857", transform=UTM, raster_table=table, append_subdataset="YES",
        ) as file:  # fmt: skip
            file.write(np.ones((1, 20, 20), "uint8"))
    with pytest.raises(UnreadableFileError, match=r"GPKG:.*one"):
        read_info(path)
    assert read_info(f"GPKG:{path}:two").width == 20


def test_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.raster.cache._current", TileCache(0))
    data = pixels(1, 1200, 1200)
    source = open_source(
        write(tmp_path / "a.jp2", data, "JP2OpenJPEG", quality="100", reversible="YES")
    )
    cut = source.info.levels[0]
    tiles = list(np.ndindex(cut.tiles_down, cut.tiles_across)) * 4

    def compare(tile: tuple[int, ...]) -> bool:
        ty, tx = tile
        got = source.tile(0, 0, ty, tx)
        y, x = ty * cut.tile_height, tx * cut.tile_width
        return bool((got == data[0, y : y + got.shape[0], x : x + got.shape[1]]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(compare, tiles))


def _child(source: Source, queue: Any) -> None:
    queue.put(int(assemble(source).sum(dtype=np.int64)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_children_open_their_own(tmp_path: Path) -> None:
    data = pixels(1, 600, 600)
    source = open_source(write(tmp_path / "a.png", data, "PNG"))
    assemble(source)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_child, args=(source, queue)) for _ in range(3)]
    for child in children:
        child.start()
    assert [queue.get(timeout=30) for _ in children] == [int(data.sum(dtype=np.int64))] * 3
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    np.testing.assert_array_equal(assemble(source), data)


@pytest.mark.parametrize(("name", "driver"), [("a.jp2", "JP2OpenJPEG"), ("a.png", "PNG")])
def test_cut_short(tmp_path: Path, name: str, driver: str) -> None:
    path = write(tmp_path / name, pixels(), driver)
    raw = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        broken = tmp_path / f"{share}{name}"
        broken.write_bytes(raw[: int(len(raw) * share)])
        with pytest.raises(UnreadableFileError, match=broken.name):
            assemble(open_source(broken))
