"""Tables of headers: right, kept, and never stale."""

from __future__ import annotations

import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import CRS

from swath.errors import ConfigError, FileMissingError, UnreadableFileError
from swath.raster import headerjobs, headers
from swath.raster.headers import HeaderTable, scan_headers


def make(path: Path, *, width: int = 20, crs: Any = "EPSG:32612", **options: Any) -> Path:
    options = {"count": 2, "dtype": "uint16", "nodata": 0, **options}
    transform = rasterio.Affine(30, 0, 5e5, 0, -30, 4e6)
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=30, crs=crs, transform=transform, **options
    ) as file:
        file.write(np.ones((options["count"], 30, width), options["dtype"]))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> list[Path]:
    place = tmp_path / "files"
    place.mkdir()
    laea = "+proj=laea +lat_0=12 +lon_0=3 +ellps=WGS84 +units=m"
    return [
        make(place / "a.tif"),
        make(place / "b.tif", width=25, crs="EPSG:4326", dtype="float32", nodata=np.nan),
        make(place / "c.tif", crs=laea, nodata=None, count=1),
        make(place / "d.tif", crs=None),
        make(place / "e.tif"),
    ]


def check(table: HeaderTable, paths: list[Path]) -> None:
    """Every row is what rasterio says."""
    assert table.path == tuple(map(str, paths))
    for i, path in enumerate(paths):
        stat = path.stat()
        assert (table.size[i], table.mtime_ns[i]) == (stat.st_size, stat.st_mtime_ns)
        with rasterio.open(path) as file:
            assert tuple(table.transform[i]) == file.transform[:6]
            assert (table.width[i], table.height[i]) == (file.width, file.height)
            assert (table.count[i], table.dtype[i]) == (file.count, file.dtypes[0])
            assert table.has_nodata[i] == (file.nodata is not None)
            if file.nodata is not None:
                np.testing.assert_equal(table.nodata[i], file.nodata)
            if file.crs is None:
                assert table.crs_id[i] == -1
            else:
                assert table.crs[table.crs_id[i]] == CRS.from_wkt(file.crs.to_wkt())


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose header was opened."""
    opened: list[str] = []
    real = headerjobs.read_info

    def watch(path: str) -> Any:
        opened.append(os.path.basename(path))
        return real(path)

    monkeypatch.setattr(headerjobs, "read_info", watch)
    return opened


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_read(folder: list[Path], tmp_path: Path, workers: int | None) -> None:
    table = scan_headers(folder, workers=workers)
    check(table, folder)
    assert len(table.crs) == 3
    assert table.crs[0] is table.crs[table.crs_id[4]]
    check(scan_headers(folder[::-1]), folder[::-1])
    for _ in range(2):
        assert len(scan_headers([], keep=tmp_path / "none.parquet")) == 0
    check(scan_headers(folder, keep=tmp_path / "none.parquet"), folder)


def test_kept_and_checked(folder: list[Path], tmp_path: Path, read: list[str]) -> None:
    keep = tmp_path / "made" / "kept.parquet"
    check(scan_headers(folder, keep=keep), folder)
    assert sorted(read) == ["a.tif", "b.tif", "c.tif", "d.tif", "e.tif"]
    read.clear()
    for _ in range(2):
        check(scan_headers(folder, keep=keep), folder)
    check(scan_headers(folder[::-1], keep=keep), folder[::-1])
    assert read == []
    # Changed in place; same size, other time; new; removed.
    make(folder[0], width=33)
    os.utime(folder[1], ns=(5, 5))
    folder = [*folder[:3], folder[4], make(folder[0].with_name("f.tif"), width=44)]
    check(scan_headers(folder, keep=keep), folder)
    assert sorted(read) == ["a.tif", "b.tif", "f.tif"]
    read.clear()
    check(scan_headers(folder, keep=keep), folder)
    assert read == []
    check(scan_headers(folder[1:3], keep=keep), folder[1:3])
    assert read == []
    assert not list(keep.parent.glob("*.part"))


@pytest.mark.parametrize("damage", ["garbage", "cut", "version", "columns"])
def test_damaged_table_is_made_anew(
    folder: list[Path], tmp_path: Path, read: list[str], damage: str
) -> None:
    import pyarrow.parquet as pq

    keep = tmp_path / "kept.parquet"
    scan_headers(folder, keep=keep)
    raw = keep.read_bytes()
    if damage == "garbage":
        keep.write_bytes(b"garbage")
    elif damage == "cut":
        keep.write_bytes(raw[: len(raw) // 2])
    else:
        table = pq.read_table(keep)
        if damage == "version":
            table = table.replace_schema_metadata({b"swath.headers": b"0"})
        else:
            table = table.drop_columns(["width"])
        pq.write_table(table, keep)
    read.clear()
    check(scan_headers(folder, keep=keep), folder)
    assert len(read) == 5
    read.clear()
    check(scan_headers(folder, keep=keep), folder)
    assert read == []


def test_no_room_for_the_table_costs_only_the_keeping(folder: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check(scan_headers(folder, keep=tmp_path / "file" / "kept.parquet"), folder)


def test_errors(folder: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = tmp_path / "bad.tif"
    bad.write_bytes(folder[0].read_bytes()[:40])
    gone = tmp_path / "gone.tif"
    paths = [folder[0], gone, folder[1], bad]
    with pytest.raises(FileMissingError, match=r"gone\.tif"):
        scan_headers(paths)
    with pytest.raises(UnreadableFileError, match=r"bad\.tif"):
        scan_headers([bad, *folder])
    with caplog.at_level(logging.WARNING):
        table = scan_headers(paths, on_error="skip", keep=tmp_path / "kept.parquet")
    check(table, [folder[0], folder[1]])
    assert [path for path, _ in table.skipped] == [str(gone), str(bad)]
    assert "2 of 4" in caplog.text
    assert str(bad) in caplog.text
    # What was skipped is tried again, and found when it is whole.
    make(gone)
    bad.write_bytes(folder[0].read_bytes())
    check(scan_headers(paths, keep=tmp_path / "kept.parquet"), paths)
    for options in ({"on_error": "ignore"}, {"workers": 0}):
        with pytest.raises(ConfigError):
            scan_headers(folder, **options)  # type: ignore[arg-type]


def test_members_of_an_archive_are_as_fresh_as_it(
    folder: list[Path], tmp_path: Path, read: list[str]
) -> None:
    archive = tmp_path / "files.zip"
    keep = tmp_path / "kept.parquet"
    for width in (20, 21):
        make(folder[0], width=width)
        with zipfile.ZipFile(archive, "w") as file:
            file.write(folder[0], "in/a.tif")
        os.utime(archive, ns=(width, width))
        names = [f"{archive}/in/a.tif", f"/vsizip/{archive}/in/a.tif", f"zip://{archive}!in/a.tif"]
        for _ in range(2):
            read.clear()
            table = scan_headers(names, keep=keep)
            assert table.width.tolist() == [width] * 3
            assert table.mtime_ns.tolist() == [width] * 3
        assert read == []


def test_helper_processes(
    folder: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "_PROCESSES_FROM", 2)
    monkeypatch.setattr(headers, "_PROCESSORS_FROM", 1)
    monkeypatch.setattr(headers, "_CHUNK", 2)
    check(scan_headers(folder, workers=2), folder)
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0")
    with pytest.raises(UnreadableFileError, match=r"bad\.tif"):
        scan_headers([*folder, bad], workers=2)
    # A helper that dies is done without.
    monkeypatch.setattr(headerjobs.sys, "executable", "/bin/false")
    check(scan_headers(folder, workers=2), folder)
