"""Headers of many files at once: read in parallel, kept as Parquet, checked by size and time.

A layer of a hundred thousand files opens in seconds the first time and in about one second ever
after: only the files' sizes and modification times are looked at then.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import ConfigError, SwathError
from swath.raster.geotiff import epsg_crs, wkt_crs
from swath.raster.headerjobs import Helpers, Row
from swath.raster.source import file_stat
from swath.typing import Path

__all__ = ["HeaderTable", "scan_headers"]

log = logging.getLogger(__name__)

_VERSION = b"1"  # of the kept table; another one is read anew
_CHUNK = 200  # files a task
# A header takes a tenth of a millisecond and a process most of a second to start, so processes
# pay from this many files and processors on; on two processors threads were as fast.
_PROCESSES_FROM = 10_000
_PROCESSORS_FROM = 4
_NAMED = 20  # skipped files named in the warning; all are in `HeaderTable.skipped`


@dataclass(frozen=True, eq=False)
class HeaderTable:
    """Headers, column by column; row i of each belongs to ``path[i]``.

    Attributes:
        path: File names, in the order they were given.
        size: Bytes, int64; -1 for files that are not local.
        mtime_ns: Modification time in nanoseconds, int64; -1 for files that are not local.
        crs_id: Index into `crs_text` and `crs`, int32; -1 where the file has no CRS.
        crs_text: Each different CRS once: ``EPSG:32612``, or its WKT.
        transform: (rows, 6) float64: a, b, c, d, e, f of the pixel-corner affine.
        width: Columns, int64.
        height: Rows, int64.
        count: Bands, int32.
        dtype: Type name of each file, ``uint16`` say.
        nodata: Nodata value of band 1, float64.
        has_nodata: Whether band 1 has one (a nodata value may itself be NaN).
        skipped: (path, reason) of files that could not be read.
    """

    path: tuple[str, ...]
    size: NDArray[np.int64]
    mtime_ns: NDArray[np.int64]
    crs_id: NDArray[np.int32]
    crs_text: tuple[str, ...]
    transform: NDArray[np.float64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    count: NDArray[np.int32]
    dtype: NDArray[np.str_]
    nodata: NDArray[np.float64]
    has_nodata: NDArray[np.bool_]
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.path)

    @cached_property
    def crs(self) -> tuple[CRS, ...]:
        """The different CRSs, as shared objects."""
        return tuple(_crs(text) for text in self.crs_text)

    def take(self, rows: NDArray[np.intp]) -> HeaderTable:
        """The table of some rows, in their order."""
        columns = {
            name: getattr(self, name)[rows]
            for name in ("size", "mtime_ns", "crs_id", "transform", "width", "height", "count",
                         "dtype", "nodata", "has_nodata")
        }  # fmt: skip
        path = tuple(self.path[i] for i in rows.tolist())
        return HeaderTable(path=path, crs_text=self.crs_text, **columns)


def _crs(text: str) -> CRS:
    code = text.removeprefix("EPSG:")
    return epsg_crs(int(code)) if code.isdecimal() else wkt_crs(text)


def scan_headers(
    paths: Sequence[Path],
    *,
    workers: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    keep: Path | None = None,
    progress: bool = True,
) -> HeaderTable:
    """Headers of all files.

    Args:
        paths: What `swath.raster.read_info` takes.
        workers: Threads, or for tens of thousands of files processes, that read; default: as many
            as the machine has processors, and more threads where that hides waiting for disks.
        on_error: Raise the error of the first file that cannot be read, or leave such files out,
            log their number and names, and list them in the table.
        keep: Parquet file where the table is kept. Files whose size and modification time are as
            they were are not opened again; remote files are taken to be unchanged.
        progress: Show a bar if it takes longer than a second.

    Raises:
        FileMissingError, UnreadableFileError, UnsupportedDataError: A file, see `read_info`.
        ConfigError: `on_error` or `workers` is none of the values above.
    """
    if on_error not in ("raise", "skip"):
        raise ConfigError(f"on_error is 'raise' or 'skip', got {on_error!r}")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is a number >= 1, got {workers}")
    names = [os.fspath(p) for p in paths]
    stats = np.array([file_stat(name) or (-1, -1) for name in names], np.int64).reshape(-1, 2)
    kept = _load(keep) if keep is not None else None
    rows = np.full(len(names), -1, np.intp)
    if kept is not None and len(kept):
        place = {name: i for i, name in enumerate(kept.path)}
        rows[:] = [place.get(name, -1) for name in names]
        same = (kept.size[rows] == stats[:, 0]) & (kept.mtime_ns[rows] == stats[:, 1])
        rows[~same] = -1
        if (rows >= 0).all():
            found = kept if names == list(kept.path) else kept.take(rows)
            if len(found) != len(kept) and keep is not None:
                _save(found, keep)
            return found
    new = np.flatnonzero(rows < 0)
    read, skipped = _read_all([names[i] for i in new], workers, on_error, progress)
    table = _merge(names, stats, kept, rows, dict(zip(new.tolist(), read, strict=True)), skipped)
    if keep is not None:
        _save(table, keep)
    return table


# --- reading ------------------------------------------------------------------------------------


def _read_all(
    paths: Sequence[str], workers: int | None, on_error: str, progress: bool
) -> tuple[list[Row | None], tuple[tuple[str, str], ...]]:
    """A row for each path, None where it could not be read."""
    from tqdm import tqdm

    processors = _processors()
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    many = len(paths) >= _PROCESSES_FROM and processors >= _PROCESSORS_FROM and workers != 1
    # Threads mostly wait for the disk: one reading at a time holds the interpreter.
    threads = workers or (processors if many else min(16, 4 * processors))
    rows: list[Row | None] = []
    skipped: list[tuple[str, str]] = []
    bar = tqdm(total=len(paths), desc="headers", unit="file", delay=1, disable=not progress)
    with (
        bar,
        Helpers(many) as helpers,
        ThreadPoolExecutor(max(1, min(threads, len(chunks)))) as pool,
    ):
        try:
            for chunk, found in zip(chunks, pool.map(helpers.read, chunks), strict=True):
                for path, row in zip(chunk, found, strict=True):
                    if isinstance(row, SwathError):
                        if on_error == "raise":
                            raise row
                        skipped.append((path, str(row)))
                        rows.append(None)
                    else:
                        rows.append(row)
                bar.update(len(chunk))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if skipped:
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        log.warning(
            "%d of %d files cannot be read and were skipped: %s%s",
            len(skipped), len(paths), ", ".join(p for p, _ in skipped[:_NAMED]), more,
        )  # fmt: skip
        for path, reason in skipped:
            log.info("skipped %s: %s", path, reason)
    return rows, tuple(skipped)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# --- tables -------------------------------------------------------------------------------------


def _merge(
    names: Sequence[str],
    stats: NDArray[np.int64],
    kept: HeaderTable | None,
    rows: NDArray[np.intp],
    read: dict[int, Row | None],
    skipped: tuple[tuple[str, str], ...],
) -> HeaderTable:
    """Kept rows and new ones, in the order of `names`."""
    texts = {text: i for i, text in enumerate(kept.crs_text if kept is not None else ())}
    n = len(names)
    crs_id = np.full(n, -1, np.int32)
    transform = np.zeros((n, 6))
    sizes = np.zeros((n, 3), np.int64)
    nodata, has_nodata = np.full(n, np.nan), np.zeros(n, np.bool_)
    dtype = np.empty(n, object)
    if kept is not None:
        old = np.flatnonzero(rows >= 0)
        source = rows[old]
        crs_id[old], transform[old] = kept.crs_id[source], kept.transform[source]
        sizes[old] = np.stack([kept.width, kept.height, kept.count], 1)[source]
        nodata[old], has_nodata[old] = kept.nodata[source], kept.has_nodata[source]
        dtype[old] = kept.dtype[source]
    for i, row in read.items():
        if row is None:
            continue
        text, transform[i], *sizes[i], dtype[i], value = row
        if text is not None:
            crs_id[i] = texts.setdefault(text, len(texts))
        if value is not None:
            nodata[i], has_nodata[i] = value, True
    good = np.ones(n, bool)
    good[[i for i, row in read.items() if row is None]] = False
    return HeaderTable(
        path=tuple(name for name, ok in zip(names, good.tolist(), strict=True) if ok),
        size=stats[good, 0],
        mtime_ns=stats[good, 1],
        crs_id=crs_id[good],
        crs_text=tuple(texts),
        transform=transform[good],
        width=sizes[good, 0],
        height=sizes[good, 1],
        count=sizes[good, 2].astype(np.int32),
        dtype=dtype[good].astype(str),
        nodata=nodata[good],
        has_nodata=has_nodata[good],
        skipped=skipped,
    )


def _save(table: HeaderTable, place: Path) -> None:
    """Write the table beside its place and rename it; a failure costs only the keeping."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = os.fspath(place)
    ids = pa.array(table.crs_id, mask=table.crs_id < 0)
    columns: dict[str, Any] = {
        "path": pa.array(table.path, pa.string()),
        "size": table.size,
        "mtime_ns": table.mtime_ns,
        "crs": pa.DictionaryArray.from_arrays(ids, pa.array(table.crs_text, pa.string())),
        **{name: table.transform[:, i] for i, name in enumerate("abcdef")},
        "width": table.width,
        "height": table.height,
        "count": table.count,
        "dtype": pa.array(table.dtype.tolist(), pa.string()).dictionary_encode(),
        "nodata": pa.array(table.nodata, mask=~table.has_nodata),
    }
    part = f"{target}.{os.getpid()}-{threading.get_ident()}.part"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        made = pa.table(columns).replace_schema_metadata({b"swath.headers": _VERSION})
        pq.write_table(made, part, compression="zstd")
        os.replace(part, target)
    except (OSError, pa.ArrowException) as error:
        log.warning("the headers were not kept in %s: %s", target, error)
        with contextlib.suppress(OSError):
            os.unlink(part)


def _load(place: Path) -> HeaderTable | None:
    """The kept table; None if there is none, or it is of another version, or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(os.fspath(place), memory_map=False).combine_chunks()
        if (table.schema.metadata or {}).get(b"swath.headers") != _VERSION:
            return None
        return _from_arrow(table)
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError, IndexError) as error:
        log.warning("the kept headers %s cannot be read (%s) and are made anew", place, error)
        return None


def _from_arrow(table: Any) -> HeaderTable:
    import pyarrow.compute as pc

    def column(name: str) -> NDArray[Any]:
        return np.asarray(table[name].to_numpy())

    crs = pc.dictionary_encode(table["crs"]).combine_chunks() if len(table) else None
    ids = np.zeros(0, np.int32)
    texts: tuple[str, ...] = ()
    if crs is not None:
        crs = crs.chunk(0) if hasattr(crs, "chunk") else crs
        texts = tuple(crs.dictionary.to_pylist())
        ids = np.asarray(pc.fill_null(crs.indices, -1)).astype(np.int32)
    values = table["nodata"]
    return HeaderTable(
        path=tuple(table["path"].to_pylist()),
        size=column("size"),
        mtime_ns=column("mtime_ns"),
        crs_id=ids,
        crs_text=texts,
        transform=np.stack([column(name) for name in "abcdef"], 1),
        width=column("width"),
        height=column("height"),
        count=column("count"),
        dtype=np.asarray(table["dtype"].to_pylist(), dtype=str),
        nodata=np.asarray(pc.fill_null(values, float("nan")).to_numpy()),
        has_nodata=np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False)),
    )
