"""Copies with a spatial index of files that are too large for memory and have none.

A window of a GeoJSON or CSV file is found by going through all of it. Such a file is copied once,
feature by feature in its own order, to a GeoPackage in the user's cache, which finds a window in
milliseconds.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path as LocalPath
from typing import Any

from swath.errors import UnreadableFileError
from swath.fetch.lock import file_lock
from swath.vector.read import VectorInfo, arrow_batches, read_info

__all__ = ["indexed_copy"]

log = logging.getLogger(__name__)


def copies_folder() -> LocalPath:
    """Where the copies are kept: below ``SWATH_HOME``, or in the user's cache folder."""
    home = os.environ.get("SWATH_HOME")
    if home:
        return LocalPath(home) / "vector"
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return LocalPath(cache) / "swath" / "vector"


def indexed_copy(info: VectorInfo, content: tuple[Any, ...]) -> VectorInfo:
    """A layer as a GeoPackage, made if it is not there yet; several processes make it once.

    Args:
        info: The layer.
        content: What tells one content of its file from another.

    Raises:
        UnreadableFileError: The layer cannot be read to its end.
        OSError: The copy cannot be written.
    """
    digest = hashlib.sha256(repr((os.path.abspath(info.path), content, info.layer)).encode())
    folder = copies_folder()
    target = folder / f"{digest.hexdigest()[:32]}.gpkg"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with file_lock(folder / f".{target.name}.lock"):
            if not target.is_file():
                _copy(info, target)
    return read_info(target, "features")


def _copy(info: VectorInfo, target: LocalPath) -> None:
    import pyarrow as pa
    import pyogrio
    from tqdm import tqdm

    log.warning(
        "%s: %d features do not fit into memory (SWATH_VECTOR_BYTES), and %s files have no spatial "
        "index: a copy that has one is made, once, at %s",
        info.path, info.count, info.driver, target,
    )  # fmt: skip
    part = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.gpkg")
    try:
        with (
            arrow_batches(info) as (schema, batches, geometry),
            tqdm(total=info.count, desc=f"indexing {os.path.basename(info.path)}", disable=None)
            as bar,
        ):  # fmt: skip

            def counted() -> Iterator[Any]:
                for batch in batches:
                    yield batch
                    bar.update(batch.num_rows)

            pyogrio.write_arrow(
                pa.RecordBatchReader.from_batches(schema, counted()),
                part,
                layer="features",
                driver="GPKG",
                geometry_name=geometry,
                geometry_type="Unknown",
                crs=None if info.crs is None else info.crs.to_wkt(),
                layer_options={"FID": "swath_fid", "SPATIAL_INDEX": "YES"},
            )
        os.replace(part, target)
    except (RuntimeError, pa.ArrowException) as error:
        raise UnreadableFileError(
            f"{info.path} cannot be copied to an indexed file at {target}: {error}; fetch it again "
            "if it is damaged, or convert it (ogr2ogr -f FlatGeobuf out.fgb in)"
        ) from error
    finally:
        for left in (part, part.with_name(part.name + "-journal")):
            left.unlink(missing_ok=True)
