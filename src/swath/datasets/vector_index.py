"""From vector files to the rows of an index: footprint and time of each."""

from __future__ import annotations

import fnmatch
import logging
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from swath.datasets.files import find_files, parse_dates, path_list
from swath.datasets.frames import make_frame
from swath.datasets.query import nanoseconds
from swath.errors import CRSError, DatasetNotFoundError, FileMissingError, SwathError
from swath.typing import Path
from swath.vector import VectorInfo, feature_store, reproject_box

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["find_vector_files", "match_names", "vector_index"]

log = logging.getLogger(__name__)

#: What is looked for in folders and archives when the pattern is ``*``.
ENDINGS = (
    ".gpkg", ".shp", ".geojson", ".geojsonl", ".fgb", ".parquet", ".geoparquet", ".gml", ".kml",
    ".kmz", ".tab", ".gdb", ".shp.zip",
)  # fmt: skip
_GEODATABASE = re.compile(r"(.*?\.gdb)(?:[/\\]|$)", re.IGNORECASE)


def find_vector_files(paths: Path | Iterable[Path], pattern: str, kind: str) -> list[str]:
    """Vector files under `paths`, sorted; files that are named themselves belong in any case.

    Raises:
        DatasetNotFoundError: There are none, or a path does not exist.
    """
    named = path_list(paths)
    found: set[str] = set()
    try:
        for path in named:
            if _GEODATABASE.match(path) and os.path.isdir(path):
                found.add(path.rstrip("/\\"))
                continue
            several = [p for p in find_files(path, [pattern]) if p == path or _wanted(p, pattern)]
            # A file geodatabase is a folder: its parts are no files of their own.
            found.update(m[1] if (m := _GEODATABASE.match(p)) else p for p in several)
    except FileMissingError as error:
        raise DatasetNotFoundError(f"{kind}: {error}") from error
    if not found:
        expected = f"ends in {', '.join(ENDINGS)}" if pattern == "*" else f"is named {pattern}"
        raise DatasetNotFoundError(
            f"no file for {kind} in {', '.join(named[:3])}: none {expected}; check paths=, or name "
            "the files themselves"
        )
    return sorted(found)


def _wanted(path: str, pattern: str) -> bool:
    if pattern != "*":
        return fnmatch.fnmatch(os.path.basename(path), pattern)
    return path.lower().endswith(ENDINGS) or _GEODATABASE.match(path) is not None


def match_names(
    files: Sequence[str], regex: str, date_format: str, mint: pd.Timestamp, maxt: pd.Timestamp
) -> tuple[list[str], Any, Any]:
    """Files whose name fits, and the start and end of their time (ns since 1970)."""
    pattern = re.compile(regex, re.VERBOSE)
    chosen, start, stop = [], [], []
    for path in files:
        match = pattern.match(os.path.basename(path))
        if match is None:
            continue
        groups = match.groupdict()
        chosen.append(path)
        start.append(groups.get("start") or groups.get("date"))
        stop.append(groups.get("stop") or groups.get("date"))
    t0, t1 = parse_dates(start, stop, date_format, chosen)
    t0[[s is None for s in start]] = nanoseconds(mint)
    t1[[s is None for s in stop]] = nanoseconds(maxt)
    return chosen, t0, t1


def vector_index(
    source: Sequence[str] | GeoDataFrame,
    *,
    regex: str,
    date_format: str,
    mint: pd.Timestamp,
    maxt: pd.Timestamp,
    crs: CRS | None,
    source_crs: CRS | None,
    layer: str | int | None,
    column: str | None,
    on_error: str,
    skipped: list[str],
    kind: str,
) -> GeoDataFrame:
    """Rows of a layer of vector files, one a file, its footprint the box of its features.

    The box is one in the file's own CRS, so that in another one its sides are curves.

    Raises:
        DatasetNotFoundError: No file fits, or none has a feature.
        SwathError: A file cannot be read, has no CRS, no such layer or column, and `on_error` is
            ``raise``.
    """
    if not isinstance(source, Sequence):
        from swath.datasets.rows import index_from_frame

        return index_from_frame(source, crs, mint, maxt)
    files, t0, t1 = match_names(source, regex, date_format, mint, maxt)
    if not files:
        raise DatasetNotFoundError(
            f"none of the {len(source)} files of {kind} fits the regular expression of its names "
            f"(filename_regex), the first is {source[0]}"
        )

    def look(path: str) -> VectorInfo | SwathError:
        try:
            info = feature_store().info(path, layer)
            if source_crs is None:
                info.need_crs()
            if column is not None:
                info.need_column(column)
        except SwathError as error:
            if on_error == "raise":
                raise
            return error
        return info

    with ThreadPoolExecutor(min(8, len(files))) as pool:
        looked = list(pool.map(look, files))
    rows, names, shapes = [], [], []
    for i, (path, info) in enumerate(zip(files, looked, strict=True)):
        if isinstance(info, SwathError):
            skipped.append(path)
            log.warning("%s skipped (%d so far): %s", path, len(skipped), info)
            continue
        if info.bounds is None:
            log.warning("%s: %s has no features and is no part of the index", kind, path)
            continue
        own = info.crs or source_crs or info.need_crs()
        crs = crs or own
        rows.append(i)
        names.append(path)
        shapes.append(_footprint(info, own, crs))
    if not rows or crs is None:
        raise DatasetNotFoundError(
            f"none of the {len(files)} files of {kind} has a feature ({len(skipped)} could not be "
            f"read), the first is {files[0]}"
        )
    return make_frame({"filepath": names}, np.array(shapes, dtype=object), t0[rows], t1[rows], crs)


def _footprint(info: VectorInfo, own: CRS, crs: CRS) -> Any:
    xmin, ymin, xmax, ymax = info.bounds or (0.0, 0.0, 0.0, 0.0)
    box: Any = shapely.box(xmin, ymin, xmax, ymax)
    if xmax == xmin or ymax == ymin:  # a point, or points in a row: no area, and a place still
        box = shapely.LineString([(xmin, ymin), (xmax, ymax)])
    moved = reproject_box(box, own, crs, f"the bounds of {info.path}")
    if moved is None:
        raise CRSError(
            f"{info.path} lies wholly outside of where {crs.to_string()} is defined; choose "
            "another CRS (crs=…)"
        )
    return moved
