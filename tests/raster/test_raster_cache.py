"""The cache of decoded tiles: bounded, one decode a tile, safe in threads, forks and kills."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.raster import TileCache, open_source, set_tile_cache, tile_cache
from swath.raster.diskcache import DiskCache


def tile(value: int, size: int = 100) -> NDArray[np.uint8]:
    return np.full((size, 10), value, np.uint8)


@settings(max_examples=100, deadline=None)
@given(
    limit=st.integers(0, 5000),
    asks=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 80)), max_size=80),
)
def test_never_above_the_limit(limit: int, asks: list[tuple[int, int]]) -> None:
    cache = TileCache(limit)
    for key, size in asks:
        got = cache.fetch((key, size), tile, key, size)
        assert (got == key).all()
        assert cache.nbytes <= limit
        assert cache.nbytes == sum(t.nbytes for t in cache._tiles.values())


def test_least_recently_used_goes_first() -> None:
    cache = TileCache(3000)
    for key in (1, 2, 3):
        cache.fetch(key, tile, key)
    cache.fetch(1, tile, 1)
    cache.fetch(4, tile, 4)
    assert cache.get(2) is None
    assert cache.get(1) is not None
    assert cache.decoded == 4
    cache.clear()
    assert len(cache) == cache.nbytes == 0


def test_one_decode_under_threads() -> None:
    cache = TileCache(1 << 20)
    barrier = threading.Barrier(8)
    made: list[int] = []

    def make(key: int) -> NDArray[np.uint8]:
        made.append(key)
        time.sleep(0.005)
        return tile(key)

    def ask() -> None:
        barrier.wait()
        for key in range(20):
            assert (cache.fetch(key, make, key) == key).all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(20))


def test_an_error_reaches_all_who_wait_and_is_forgotten() -> None:
    cache = TileCache(1 << 20)
    started = threading.Event()

    def fail() -> NDArray[np.uint8]:
        started.set()
        time.sleep(0.05)
        raise ValueError("damaged")

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(cache.fetch, 1, fail) for _ in range(4)]
        errors = [future.exception() for future in asked]
    assert all(isinstance(error, ValueError) for error in errors)
    assert (cache.fetch(1, tile, 7) == 7).all()


def test_limits_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="-1"):
        TileCache(-1)
    with pytest.raises(ConfigError):
        DiskCache(tmp_path, -1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        DiskCache(tmp_path / "file" / "inside")
    monkeypatch.setattr("swath.raster.cache._current", None)
    monkeypatch.setenv("SWATH_CACHE_BYTES", "lots")
    with pytest.raises(ConfigError, match="lots"):
        tile_cache()
    monkeypatch.setenv("SWATH_CACHE_BYTES", "1e6")
    monkeypatch.setenv("SWATH_CACHE_DIR", str(tmp_path / "tiles"))
    cache = tile_cache()
    assert cache.max_bytes == 1_000_000
    assert cache.disk is not None
    assert set_tile_cache(5) is tile_cache()


def write(path: Path, **options: Any) -> NDArray[np.uint16]:
    data = np.random.default_rng(0).integers(0, 9999, (2, 512, 512)).astype("uint16")
    with rasterio.open(
        path, "w", driver="GTiff", width=512, height=512, count=2, dtype="uint16", tiled=True,
        blockxsize=128, blockysize=128, compress="deflate", **options,
    ) as file:  # fmt: skip
        file.write(data)
    return data


def _read_in_child(path: str, queue: Any) -> None:
    cache = tile_cache()
    empty = len(cache) == 0 and cache.nbytes == 0
    source = open_source(path)
    cut = source.info.levels[0]
    total = 0
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(source.tile, 0, band, ty, tx)
            for band in range(2)
            for ty, tx in np.ndindex(cut.tiles_down, cut.tiles_across)
        ]
        total = sum(int(job.result().sum(dtype=np.int64)) for job in jobs)
    queue.put((empty, total))


@pytest.mark.parametrize("driver", ["native", "gdal"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_threads_read(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "a.tif"
    data = write(path, **({} if driver == "native" else {"nbits": 15}))
    assert open_source(path).info.dtype == np.uint16
    set_tile_cache(1 << 20)
    stop = threading.Event()

    def read() -> None:
        source, i = open_source(path), 0
        cut = source.info.levels[0]
        while not stop.is_set():
            i += 1
            source.tile(0, i % 2, i % cut.tiles_down, i % cut.tiles_across)

    # GDAL's own locks are not ours to reset, so its file is not being read during the fork.
    threads = [threading.Thread(target=read) for _ in range(3 if driver == "native" else 0)]
    for thread in threads:
        thread.start()
    open_source(path).tile(0, 0, 0, 0)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    try:
        for _ in range(4):
            child = context.Process(target=_read_in_child, args=(str(path), queue))
            child.start()
            assert queue.get(timeout=30) == (True, int(data.sum(dtype=np.int64)))
            child.join(30)
            assert child.exitcode == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# --- on disk ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (300, 400), (20, 30, 3), (300, 200, 4)])
def test_disk_round_trip(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(0).integers(0, 99, shape).astype(dtype)
    disk = DiskCache(tmp_path)
    assert disk.get("a") is None
    disk.put("a", data)
    found = DiskCache(tmp_path).get("a")
    assert found is not None
    np.testing.assert_array_equal(found, data)
    assert found.dtype == data.dtype
    assert not found.flags.writeable
    assert disk.get("b") is None


def test_second_process_never_decodes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    data = write(path)
    for round_ in range(2):
        cache = set_tile_cache(1 << 24, tmp_path / "tiles")
        source = open_source(path)
        got = source.tile(0, 1, 3, 2)
        np.testing.assert_array_equal(got, data[1, 384:, 256:384])
        assert cache.decoded == (1 if round_ == 0 else 0)
    set_tile_cache()


def test_disk_is_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 20_000)
    for i in range(100):
        disk.put(i, tile(i))
        assert disk.scan()[0] <= 20_000
        os.utime(disk._path(i), ns=(i, i))
    kept = [i for i in range(100) if disk.get(i) is not None]
    assert kept == list(range(kept[0], 100))
    assert len(kept) > 10
    disk.put("huge", tile(1, 3000))
    assert disk.get("huge") is None


def test_disk_is_bounded_under_threads_and_openings(tmp_path: Path) -> None:
    disks = [DiskCache(tmp_path, 30_000) for _ in range(2)]
    over: list[int] = []

    def work(worker: int) -> None:
        for i in range(60):
            disks[worker % 2].put((worker, i), tile(i))
            total = disks[0].scan()[0]
            if total > 30_000:
                over.append(total)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert not over


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "dtype"])
def test_damaged_tile_file_is_no_tile(tmp_path: Path, damage: str) -> None:
    disk = DiskCache(tmp_path)
    disk.put("a", tile(1))
    place = Path(disk._path("a"))
    raw = place.read_bytes()
    wrong = {
        "cut": raw[:-1],
        "garbage": b"x" * len(raw),
        "empty": b"",
        "dtype": raw[:8] + b"O8\0\0\0\0\0\0" + raw[16:],
    }
    place.write_bytes(wrong[damage])
    assert disk.get("a") is None
    disk.put("a", tile(1))
    assert disk.get("a") is not None


def test_full_disk_costs_only_the_caching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = TileCache(0, tmp_path)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    for i in range(3):
        assert (cache.fetch(i, tile, i) == i).all()
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    assert not list(tmp_path.glob("*.tile"))
    monkeypatch.undo()
    cache.fetch(1, tile, 1)
    assert len(list(tmp_path.glob("*.tile"))) == 1
    for file in tmp_path.iterdir():
        file.unlink()
    tmp_path.rmdir()
    assert (cache.fetch(2, tile, 2) == 2).all()


def test_killed_writers_leave_no_wrong_tile(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from swath.raster.diskcache import DiskCache\n"
        "disk = DiskCache(sys.argv[1], 3_000_000)\n"
        "print('ready', flush=True)\n"
        "i = 0\n"
        "while True:\n"
        "    i += 1\n"
        "    disk.put(i % 50, np.full((300, 400), i % 50, np.uint8))\n"
    )
    for round_ in range(3):
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        time.sleep(0.2 + 0.07 * round_)
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()
        disk = DiskCache(tmp_path, 3_000_000)
        assert disk.scan()[0] <= 3_000_000
        assert not list(tmp_path.glob("*.part.tile"))
        found = 0
        for i in range(50):
            got = disk.get(i)
            if got is not None:
                found += 1
                assert got.shape == (300, 400)
                assert (got == i).all()
        assert found
