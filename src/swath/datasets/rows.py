"""From files (or a table of files) to the rows of an index: footprint and time of each."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.files import parse_dates, path_list
from swath.datasets.footprints import grid_footprints, valid_footprints
from swath.datasets.frames import make_frame, reproject_footprints
from swath.datasets.query import interval_nanoseconds, nanoseconds
from swath.errors import ConfigError, CRSError, DatasetNotFoundError, SwathError
from swath.geometry import Grid
from swath.geometry.transform import same_crs, transform_bounds
from swath.raster.headers import HeaderTable, scan_headers
from swath.raster.source import open_source
from swath.typing import Path

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = [
    "build_index",
    "cut_to_valid",
    "header_footprints",
    "index_from_frame",
    "keep_folder",
    "resolution_in",
]

log = logging.getLogger(__name__)

_KEEP_FROM = 64  # files from which keeping their headers is worth a file


def keep_folder() -> LocalPath:
    """Where tables of headers are kept: ``SWATH_HOME``, or the user's cache folder."""
    home = os.environ.get("SWATH_HOME")
    if home:
        return LocalPath(home) / "index"
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return LocalPath(cache) / "swath" / "index"


def _match(
    files: Sequence[str], regex: str
) -> tuple[list[str], list[str | None], list[str | None]]:
    """Files whose name fits, and the texts of their start and stop."""
    pattern = re.compile(regex, re.VERBOSE)
    groups = pattern.groupindex
    chosen, start, stop = [], [], []
    dated, begun, ended = ("date" in groups, "start" in groups, "stop" in groups)
    for path in files:
        match = pattern.match(path[path.rfind("/") + 1 :])
        if match is None:
            continue
        first = match["date"] if dated else None
        chosen.append(path)
        start.append((match["start"] if begun else None) or first)
        stop.append((match["stop"] if ended else None) or first)
    return chosen, start, stop


def build_index(
    files: Sequence[str],
    *,
    regex: str,
    date_format: str,
    mint: pd.Timestamp,
    maxt: pd.Timestamp,
    crs: CRS | None,
    on_error: str,
    skipped: list[str],
    where: Path | Iterable[Path],
    kind: str,
    pattern: Sequence[str],
) -> GeoDataFrame:
    """Rows of a layer of raster files: those whose name fits `regex`.

    Headers are read in parallel and kept, so that the next opening of the folder only looks for
    files that are new or changed.

    Raises:
        DatasetNotFoundError: No file fits.
        FileMissingError, UnreadableFileError: A file cannot be read, and `on_error` is ``raise``.
        CRSError: A file has no CRS.
    """
    chosen, start, stop = _match(files, regex)
    if len(chosen) < len(files):
        log.info(
            "%s: %d of %d files that fit %s do not fit the regular expression of file names",
            kind, len(files) - len(chosen), len(files), ", ".join(pattern),
        )  # fmt: skip
    if not chosen:
        places = ", ".join(path_list(where)[:3])
        raise DatasetNotFoundError(
            f"no file for {kind} in {places}: {len(files)} files there are named like "
            f"{' or '.join(pattern)}, and none of them fits the regular expression of its names; "
            "check paths=, bands= and the class's filename_glob and filename_regex"
        )
    keep = None
    if len(chosen) >= _KEEP_FROM:
        digest = hashlib.sha256("\n".join(map(os.path.abspath, path_list(where))).encode())
        digest.update("\n".join(pattern).encode())
        keep = keep_folder() / f"{digest.hexdigest()[:32]}.parquet"
    table = scan_headers(chosen, on_error="skip" if on_error == "skip" else "raise", keep=keep)
    if len(table) < len(chosen):
        readable = set(table.path)
        lost = [p for p in chosen if p not in readable]
        skipped.extend(lost)
        keepers = [i for i, p in enumerate(chosen) if p in readable]
        start, stop = [start[i] for i in keepers], [stop[i] for i in keepers]
        log.warning("%s: %d unreadable files skipped: %s", kind, len(lost), ", ".join(lost[:5]))
        if not keepers:
            raise DatasetNotFoundError(f"none of the {len(lost)} files of {kind} can be read")
    names = list(table.path)
    t0, t1 = parse_dates(start, stop, date_format, names)
    undated = np.array([s is None for s in start])
    t0[undated] = nanoseconds(mint)
    open_end = np.array([s is None for s in stop])
    t1[open_end] = nanoseconds(maxt)
    crs, shapes, corners = header_footprints(table, crs)
    columns: dict[str, Any] = {"filepath": names, "grid_x": corners[:, 0], "grid_y": corners[:, 1]}
    return make_frame(columns, shapes, t0, t1, crs)


def header_footprints(
    table: HeaderTable, crs: CRS | None
) -> tuple[CRS, NDArray[Any], NDArray[np.float64]]:
    """The layer's CRS, each file's footprint in it, and a corner of its pixels (NaN: none there).

    Samplers place patches on whole pixels from that corner, so that files in the layer's own CRS
    are copied and not resampled.
    """
    t, w, h = table.transform, table.width, table.height
    shapes = grid_footprints(t, w, h)
    ids = np.asarray(table.crs_id)
    if (ids < 0).any():
        i = int(np.flatnonzero(ids < 0)[0])
        raise CRSError(
            f"{table.path[i]} has no coordinate reference system; write one into it "
            "(gdal_edit.py -a_srs EPSG:… file), or warp it first if it has ground control points"
        )
    known = table.crs
    if crs is None:
        crs = known[int(ids[0])]
    corner = t[:, [2, 5]].copy()
    corner[(t[:, 1] != 0) | (t[:, 3] != 0)] = np.nan
    for number in np.unique(ids):
        own = known[int(number)]
        if not same_crs(own, crs):
            rows = ids == number
            shapes[rows] = reproject_footprints(shapes[rows], own, crs)
            corner[rows] = np.nan
    return crs, shapes, corner


def cut_to_valid(
    frame: GeoDataFrame,
    bands: Sequence[int],
    nodata: Sequence[float | None],
    on_error: str,
    skipped: list[str],
) -> GeoDataFrame:
    """An index whose footprints are the outlines of valid pixels; rows without any are left out.

    Raises:
        DatasetNotFoundError: No file has a valid pixel.
        UnreadableFileError, CRSError: A file cannot be read, and `on_error` is ``raise``.
    """
    paths = [str(p) for p in frame["filepath"]]
    found = valid_footprints(paths, bands, nodata, keep_folder())
    crs = CRS.from_user_input(frame.crs)
    for path, shape in zip(paths, found, strict=True):
        if isinstance(shape, SwathError):
            if on_error == "raise":
                raise shape
            skipped.append(path)
            log.warning("%s skipped: %s", path, shape)
    keep = [i for i, s in enumerate(found) if s is not None and not isinstance(s, SwathError)]
    if not keep:
        raise DatasetNotFoundError(
            f"none of the {len(paths)} files has a valid pixel ({paths[0]}, …); check nodata="
        )
    empty = [path for path, shape in zip(paths, found, strict=True) if shape is None]
    if empty:
        log.warning("%d files without a valid pixel left out: %s", len(empty), ", ".join(empty[:5]))
    cut = frame.iloc[keep].copy()
    shapes = np.empty(len(keep), object)
    shapes[:] = [found[i] for i in keep]
    own = [open_source(paths[i]).info.grid.crs for i in keep]
    for other in {c.to_wkt(): c for c in own}.values():
        rows = np.array([c == other for c in own])
        if not same_crs(other, crs):
            shapes[rows] = reproject_footprints(shapes[rows], other, crs)
    cut["geometry"] = shapes
    return cut


def index_from_frame(
    frame: GeoDataFrame, crs: CRS | None, mint: pd.Timestamp, maxt: pd.Timestamp
) -> GeoDataFrame:
    """An index out of a user's table.

    Raises:
        ConfigError: There is no ``filepath`` column, or the times cannot be understood.
        CRSError: The table has no CRS.
    """
    if "filepath" not in frame.columns:
        raise ConfigError(
            "an index needs a column 'filepath', this table has "
            f"{', '.join(map(str, frame.columns))}"
        )
    if len(frame) == 0:
        raise DatasetNotFoundError("the index has no rows")
    if frame.crs is None:
        raise CRSError("the index has no CRS; set one with frame.set_crs(…)")
    n = len(frame)
    if isinstance(frame.index, pd.IntervalIndex):
        t0, t1 = interval_nanoseconds(frame.index)
    else:
        one = frame.get("datetime")
        starts, stops = frame.get("start", one), frame.get("stop", one)
        t0 = np.array([nanoseconds(mint)] * n if starts is None else [*map(nanoseconds, starts)])
        t1 = np.array([nanoseconds(maxt)] * n if stops is None else [*map(nanoseconds, stops)])
    own = CRS.from_user_input(frame.crs)
    shapes = np.asarray(frame.geometry.values, dtype=object)
    if crs is not None and not same_crs(own, crs):
        shapes, own = reproject_footprints(shapes, own, crs), crs
    keep = [c for c in frame.columns if c not in (frame.geometry.name, "start", "stop", "datetime")]
    return make_frame({c: frame[c].tolist() for c in keep}, shapes, t0, t1, own)


def resolution_in(grid: Grid, crs: CRS) -> tuple[float, float]:
    """The resolution of a grid; in another CRS, square pixels of about the same size there."""
    if same_crs(grid.crs, crs):
        return grid.res
    t = grid.transform
    x, y = t @ (grid.width / 2, grid.height / 2)
    dx, dy = abs(t.a) + abs(t.b), abs(t.d) + abs(t.e)
    x0, y0, x1, y1 = transform_bounds(grid.crs, crs, (x - dx, y - dy, x + dx, y + dy), 3)
    # A rotated square's box is larger than the square: areas compare better than sides.
    ring = shapely.box(x - dx, y - dy, x + dx, y + dy)
    area = shapely.area(reproject_footprints(np.array([ring]), grid.crs, crs)[0])
    side = math.sqrt(area / 4) if area > 0 else max(x1 - x0, y1 - y0) / 2
    return side, side
