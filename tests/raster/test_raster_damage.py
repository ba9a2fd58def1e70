"""Damaged files end in an error that names them: never in a crash, never in another error."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from swath.errors import SwathError, UnreadableFileError
from swath.raster import open_source, set_tile_cache
from swath.raster.tiff import TiffSource

TILES = {"tiled": True, "blockxsize": 32, "blockysize": 32}
KINDS: dict[str, dict[str, Any]] = {
    "none-tiles": {**TILES},
    "none-strips": {"blockysize": 4},
    "none-big-endian": {"blockysize": 4, "endianness": "BIG"},
    "deflate": {"compress": "deflate", "predictor": 2, **TILES},
    "lzw": {"compress": "lzw", "predictor": 2, "blockysize": 8},
    "zstd": {"compress": "zstd", "bigtiff": "YES"},
    "packbits": {"compress": "packbits"},
    "lzma": {"compress": "lzma"},
    "lerc": {"compress": "lerc_deflate"},
    "jpeg": {"compress": "jpeg", "photometric": "ycbcr", **TILES},
    "webp": {"compress": "webp"},
}  # fmt: skip


def make(path: Path, options: dict[str, Any]) -> bytes:
    rng = np.random.default_rng(0)
    data = (np.add.outer(np.arange(70), np.arange(60)) + rng.integers(0, 5, (3, 70, 60))).astype(
        "uint8"
    )
    with rasterio.open(
        path, "w", driver="GTiff", width=60, height=70, count=3, dtype="uint8", nodata=0,
        interleave="pixel", crs="EPSG:32612", transform=rasterio.Affine(30, 0, 5e5, 0, -30, 4e6),
        **options,
    ) as file:  # fmt: skip
        file.write(data)
        file.build_overviews([2])
        file.update_tags(a="b")
        file.set_band_description(1, "red")
    return path.read_bytes()


def touch_all(path: Path) -> None:
    """Read every byte that a user of the file could reach."""
    source = open_source(path)
    for level, cut in enumerate(source.info.levels):
        if cut.tiles_down * cut.tiles_across > 200:
            continue
        for band in range(min(source.info.count, 3)):
            table = source.direct(level, band)
            if table is not None:
                assert isinstance(source, TiffSource)
                last = (cut.tile_height - 1) * table.row_stride
                last += (cut.tile_width - 1) * table.col_stride + source.info.dtype.itemsize
                mapped = table.owner
                assert isinstance(mapped, np.ndarray)
                start = mapped.__array_interface__["data"][0]
                inside = table.addresses[table.addresses > 0]
                assert (inside >= start).all()
                if (cut.height % cut.tile_height) == 0 or cut.tiles_down > 1:
                    inside = inside[: max(1, len(inside) - cut.tiles_across)]
                    assert (inside + np.uint64(last) <= start + mapped.nbytes).all()
            for ty in range(cut.tiles_down):
                for tx in range(cut.tiles_across):
                    int(source.tile(level, band, ty, tx).astype(float).sum() > 0)
                    source.mask_tile(level, ty, tx)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_short(tmp_path: Path, kind: str) -> None:
    set_tile_cache(1 << 20)
    whole = make(tmp_path / "whole.tif", KINDS[kind])
    rng = random.Random(1)
    cuts = sorted(
        {0, 1, 4, 7, 8, 9, 15, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(40))}
    )
    errors = 0
    for i, cut in enumerate(cuts):
        path = tmp_path / f"cut{i}.tif"
        path.write_bytes(whole[:cut])
        try:
            touch_all(path)
        except SwathError as error:
            assert path.name in str(error)  # noqa: PT017 - most cuts fail, a few hit padding
            errors += 1
    assert errors > len(cuts) // 2


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bytes(tmp_path: Path, kind: str) -> None:
    set_tile_cache(1 << 20)
    whole = make(tmp_path / "whole.tif", KINDS[kind])
    rng = random.Random(2)
    size = len(whole)
    offset = struct.unpack_from("<I", whole, 4)[0] if whole[2:4] == b"*\0" else 16
    for i in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 8])):
            # Half of the hits in the directories, where they hurt most.
            if rng.random() < 0.5:
                place = rng.randrange(min(size, 700))
            elif rng.random() < 0.5 and offset < size:
                place = min(size - 1, offset + rng.randrange(300))
            else:
                place = rng.randrange(size)
            damaged[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        path = tmp_path / f"f{i}.tif"
        path.write_bytes(damaged)
        try:
            touch_all(path)
        except SwathError as error:
            assert path.name in str(error)  # noqa: PT017 - some damage is harmless
        path.unlink()


def test_damaged_tile_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    make(path, KINDS["deflate"])
    with rasterio.open(path) as file:
        place = int(file.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    raw = bytearray(path.read_bytes())
    raw[place : place + 30] = b"\xff" * 30
    path.write_bytes(raw)
    source = open_source(path)
    assert source.tile(0, 0, 0, 0).any()
    with pytest.raises(UnreadableFileError, match=r"a\.tif.*tile \(row 1, column 1\).*again"):
        source.tile(0, 0, 1, 1)


def test_uncompressed_file_cut_short_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    data = np.arange(64 * 64, dtype="uint16").reshape(1, 64, 64)
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint16", tiled=True,
        blockxsize=32, blockysize=32,
    ) as file:  # fmt: skip
        file.write(data)
    path.write_bytes(path.read_bytes()[:-100])
    source = open_source(path)
    assert source.direct(0, 0) is None
    np.testing.assert_array_equal(source.tile(0, 0, 0, 1), data[0, :32, 32:])
    with pytest.raises(UnreadableFileError, match=r"tile \(row 1, column 1\)"):
        source.tile(0, 0, 1, 1)


def test_bomb_is_refused(tmp_path: Path) -> None:
    """A few bytes that claim to be a tile of gigabytes do not take the memory."""
    entries = [
        (256, 4, 2_000_000), (257, 4, 2_000_000), (258, 3, 8), (259, 3, 8), (262, 3, 1),
        (273, 4, 8), (277, 3, 1), (278, 4, 2_000_000), (279, 4, 16),
    ]  # fmt: skip
    raw = struct.pack("<2sHI", b"II", 42, 24) + b"x" * 16 + struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        raw += struct.pack("<HHII", tag, kind, 1, value)
    path = tmp_path / "bomb.tif"
    path.write_bytes(raw + b"\0" * 4)
    code = (
        "import resource, sys; from swath.raster import open_source\n"
        "from swath.errors import SwathError\n"
        "try: open_source(sys.argv[1]).tile(0, 0, 0, 0)\n"
        "except SwathError as e: print('refused')\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000_000\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.stdout.strip() == "refused", done.stderr
