"""Where files have data: their grids' outlines, or the outlines of their valid pixels.

A scene is a tilted square in an upright picture: up to half of its file can be empty. Reading its
valid pixels once, coarsely, gives samplers a footprint that leaves the empty corners out.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as LocalPath
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from swath.errors import SwathError
from swath.geometry import Grid
from swath.raster.info import RasterInfo
from swath.raster.protocol import Source
from swath.raster.source import file_stat, open_source
from swath.vector import polygonize

__all__ = ["grid_footprints", "valid_footprint", "valid_footprints"]

log = logging.getLogger(__name__)

_CELLS = 512  # the longer side of a file in cells of the coarse picture
_LEAST = 256  # an overview with fewer pixels than this is too coarse
_HOLE = 16  # cells: smaller holes are closed, samplers lose little by them


def grid_footprints(
    transform: NDArray[np.float64], width: NDArray[Any], height: NDArray[Any]
) -> NDArray[Any]:
    """Outlines of grids: transforms (N, 6), columns (N,), rows (N,) to (N,) polygons."""
    a, b, c, d, e, f = np.asarray(transform, np.float64).T
    x1, y1 = c + a * width, f + e * height
    # `box` is several times as fast as `polygons`, and nearly all files are upright.
    shapes = np.asarray(
        shapely.box(np.minimum(c, x1), np.minimum(f, y1), np.maximum(c, x1), np.maximum(f, y1)),
        dtype=object,
    )
    turned = np.flatnonzero((b != 0) | (d != 0))
    if len(turned):
        u = np.stack([np.zeros_like(width), width, width, np.zeros_like(width)], 1)[turned]
        v = np.stack([np.zeros_like(height), np.zeros_like(height), height, height], 1)[turned]
        a, b, c, d, e, f = (column[turned, None] for column in (a, b, c, d, e, f))
        shapes[turned] = shapely.polygons(np.stack([a * u + b * v + c, d * u + e * v + f], -1))
    return shapes


def valid_footprint(path: str, bands: Sequence[int], nodata: Sequence[float | None]) -> Any:
    """The outline of a file's valid pixels, in its own CRS; None if there are none.

    A pixel is valid where any of `bands` (from 0) is. The outline is made from cells, 512 to the
    longer side of the file or as many as an overview has pixels; it may be some cells too large,
    and leaves no valid pixel of the picture it was made from outside.

    Args:
        path: File.
        bands: Bands that count, from 0.
        nodata: For each of them the nodata value that replaces the file's, or None.

    Raises:
        UnreadableFileError: The file is damaged.
        CRSError: It has no CRS.
    """
    source = open_source(path)
    info = source.info
    t = info.transform
    whole = grid_footprints(
        np.array([tuple(t)[:6]]), np.array([info.width]), np.array([info.height])
    )[0]
    marks = [info.nodata[b] if v is None else v for b, v in zip(bands, nodata, strict=True)]
    masked = info.mask in ("band", "alpha")
    if not masked and info.dtype.kind != "f" and any(v is None for v in marks):
        return whole
    cells, side, level = _coarse(source, info, bands, marks, masked)
    if not cells.any():
        return None
    if cells.all():
        return whole
    fx, fy = info.width / info.levels[level].width, info.height / info.levels[level].height
    grid = Grid(info.grid.crs, t @ Affine.scale(side * fx, side * fy), *cells.shape[::-1])
    exact = shapely.union_all(polygonize(cells, grid).geometry.values)
    wide = np.pad(cells, 1)
    wide = np.logical_or.reduce(
        [np.roll(wide, (r, c), (0, 1)) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    )[1:-1, 1:-1]
    # Widened by a cell, and then moved by less than one: no valid cell gets outside.
    steps = shapely.union_all(polygonize(wide, grid).geometry.values)
    outline = shapely.simplify(steps, 0.9 * min(grid.res))
    if not outline.is_valid or not outline.covers(exact):
        outline = steps
    cell = abs(grid.transform.determinant)
    parts = [
        shapely.Polygon(
            p.exterior, [r for r in p.interiors if shapely.Polygon(r).area > _HOLE * cell]
        )
        for p in shapely.get_parts(outline)
    ]
    return shapely.intersection(shapely.union_all(parts), whole)


def _coarse(
    source: Source,
    info: RasterInfo,
    bands: Sequence[int],
    nodata: Sequence[float | None],
    masked: bool,
) -> tuple[NDArray[np.bool_], int, int]:
    """Cells that hold a valid pixel, pixels a side of a cell, and the overview they are of."""
    fine = [i for i, v in enumerate(info.levels) if max(v.width, v.height) >= _LEAST]
    level = fine[-1] if fine else 0
    size = info.levels[level]
    side = math.ceil(max(size.width, size.height) / _CELLS)
    cells = np.zeros((-(-size.height // side), -(-size.width // side)), bool)
    for ty in range(size.tiles_down):
        for tx in range(size.tiles_across):
            r, c = ty * size.tile_height, tx * size.tile_width
            h, w = min(size.tile_height, size.height - r), min(size.tile_width, size.width - c)
            valid = np.zeros((h, w), bool)
            for band, value in zip(bands, nodata, strict=True):
                tile = source.tile(level, band, ty, tx)[:h, :w]
                good = np.ones((h, w), bool) if value is None else tile != value
                if info.dtype.kind == "f":
                    good &= tile == tile  # NaN is no number
                valid |= good
                if valid.all():
                    break
            mask = source.mask_tile(level, ty, tx) if masked else None
            if mask is not None:
                valid &= mask[:h, :w] != 0
            rows, cols = np.arange(r, r + h) // side, np.arange(c, c + w) // side
            some = np.logical_or.reduceat(valid, np.flatnonzero(np.diff(rows, prepend=-1)), axis=0)
            some = np.logical_or.reduceat(some, np.flatnonzero(np.diff(cols, prepend=-1)), axis=1)
            cells[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] |= some
    return cells, side, level


def valid_footprints(
    paths: Sequence[str],
    bands: Sequence[int],
    nodata: Sequence[float | None],
    keep: LocalPath | None = None,
) -> list[Any]:
    """`valid_footprint` of many files, read side by side and kept for the next time.

    Args:
        paths: Files.
        bands: As in `valid_footprint`.
        nodata: As in `valid_footprint`.
        keep: Folder for the table of footprints; files whose size and modification time are as
            they were are not read again.

    Returns:
        For each file a polygon, None where no pixel is valid, or the `SwathError` that says why
        the file cannot be read.
    """
    from tqdm import tqdm

    stats = [file_stat(p) or (-1, -1) for p in paths]
    place = None
    if keep is not None:
        names = "\n".join([*paths, *map(str, bands), *map(str, nodata)])
        place = keep / f"{hashlib.sha256(names.encode()).hexdigest()[:32]}.valid.parquet"
    known = _load(place)
    rows = [(p, *s) for p, s in zip(paths, stats, strict=True)]
    new = [i for i, row in enumerate(rows) if row not in known]

    def read(i: int) -> Any:
        try:
            return valid_footprint(paths[i], bands, nodata)
        except SwathError as error:
            return error

    with (
        ThreadPoolExecutor(max(1, min(len(new), os.cpu_count() or 1)), "swath-valid") as pool,
        tqdm(total=len(new), desc="valid pixels", unit="file", delay=1) as bar,
    ):
        for i, found in zip(new, pool.map(read, new), strict=True):
            known[rows[i]] = found
            bar.update()
    result = [known[row] for row in rows]
    if new and place is not None:
        _save(place, rows, result)
    return result


def _load(place: LocalPath | None) -> dict[tuple[str, int, int], Any]:
    if place is None or not place.exists():
        return {}
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(place).to_pydict()
        shapes = shapely.from_wkb(table["geometry"])
        keys = zip(table["path"], table["size"], table["mtime_ns"], strict=True)
        return dict(zip(keys, shapes, strict=True))
    except (OSError, pa.ArrowException, KeyError, shapely.errors.GEOSException) as error:
        log.warning("the kept footprints %s cannot be read (%s) and are made anew", place, error)
        return {}


def _save(place: LocalPath, rows: Sequence[tuple[str, int, int]], shapes: Sequence[Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    good = [(row, s) for row, s in zip(rows, shapes, strict=True) if not isinstance(s, SwathError)]
    part = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        columns: dict[str, list[Any]] = {
            name: [row[i] for row, _ in good] for i, name in enumerate(("path", "size", "mtime_ns"))
        }
        columns["geometry"] = [None if s is None else shapely.to_wkb(s) for _, s in good]
        pq.write_table(pa.table(columns), part, compression="zstd")
        os.replace(part, place)
    except (OSError, pa.ArrowException) as error:
        log.warning("the footprints were not kept in %s: %s", place, error)
        with contextlib.suppress(OSError):
            part.unlink()
