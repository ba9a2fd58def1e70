"""GeoParquet: the header out of the file's metadata, the features through GeoPandas."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from swath.errors import UnreadableFileError
from swath.geometry import Bounds
from swath.vector.read import VectorInfo

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

__all__ = ["parquet_attributes", "parquet_batches", "parquet_features", "parquet_info"]

_NOT_GIVEN = object()


def _bad(path: str, error: object) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path} cannot be read as GeoParquet: {error}; write it with geopandas' to_parquet, or "
        "fetch it again if it is damaged"
    )


def _header(path: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_metadata(path)
        geo = json.loads((metadata.metadata or {}).get(b"geo", b"{}"))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise _bad(path, error) from error
    columns = geo.get("columns", {})
    primary = geo.get("primary_column")
    if primary not in columns:
        raise _bad(path, "its metadata names no geometry column (a plain Parquet table?)")
    return metadata, geo, columns[primary]


def parquet_info(path: str, layer: str) -> VectorInfo:
    """Header of a GeoParquet file; its bounds are read from the features where not stated."""
    metadata, geo, column = _header(path)
    stated = column.get("crs", _NOT_GIVEN)
    # The format's default where nothing is said is longitude and latitude; null means unknown.
    crs = CRS.from_user_input("OGC:CRS84") if stated is _NOT_GIVEN else None
    if stated is not _NOT_GIVEN and stated is not None:
        crs = CRS.from_user_input(stated)
    covering = column.get("covering", {}).get("bbox", {})
    hidden = {geo["primary_column"], *(parts[0] for parts in covering.values())}
    schema = metadata.schema.to_arrow_schema()
    columns = {}
    for field in schema:
        if field.name not in hidden and field.name not in geo["columns"]:
            kind = field.type.to_pandas_dtype()
            columns[field.name] = np.dtype(kind).name
    box = column.get("bbox")
    bounds: Bounds | None = None
    if metadata.num_rows:
        if not box or len(box) not in (4, 6):
            box = parquet_features(path, [], None).total_bounds
        half = len(box) // 2
        bounds = (float(box[0]), float(box[1]), float(box[half]), float(box[half + 1]))
        if not np.isfinite(bounds).all():
            bounds = None
    count = int(metadata.num_rows)
    return VectorInfo(path, layer, (layer,), "Parquet", crs, bounds, count, columns, bool(covering))


def parquet_features(
    path: str, columns: Sequence[str] | None, bounds: Bounds | None
) -> GeoDataFrame:
    """Features of a GeoParquet file, in its own CRS and order."""
    import geopandas as gpd
    import pyarrow as pa

    _, geo, column = _header(path)
    name = geo["primary_column"]
    wanted = None if columns is None else [*columns, name]
    pushed = bounds if "covering" in column else None
    try:
        frame = gpd.read_parquet(path, columns=wanted, bbox=pushed)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise _bad(path, error) from error
    if frame.geometry.name != "geometry":
        frame = frame.rename_geometry("geometry")
    if bounds is not None:
        frame = frame.iloc[np.sort(frame.sindex.query(_box(bounds)))]
    return frame


def parquet_attributes(path: str, columns: Sequence[str]) -> DataFrame:
    """Attributes alone."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.read_table(os.fspath(path), columns=list(columns)).to_pandas()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise _bad(path, error) from error


def parquet_batches(path: str) -> tuple[Any, Iterator[Any], str]:
    """Schema, record batches and name of the geometry column (WKB) of a GeoParquet file."""
    from pyarrow import parquet

    _, geo, column = _header(path)
    name = geo["primary_column"]
    if column.get("encoding", "WKB") != "WKB":
        raise _bad(path, f"its geometry is encoded as {column['encoding']}, and not as WKB")
    file = parquet.ParquetFile(path)
    schema = file.schema_arrow
    # Boxes and second geometries are nothing that a table of features has columns for.
    kept = [
        field.name
        for field in schema
        if field.name == name or (field.name not in geo["columns"] and not _nested(field.type))
    ]
    batches = file.iter_batches(columns=kept, batch_size=65_536)
    return pa_schema(schema, kept), batches, name


def pa_schema(schema: Any, kept: Sequence[str]) -> Any:
    """The fields of a schema that are kept, in their order."""
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in kept])


def _nested(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_nested(kind))


def _box(bounds: Bounds) -> Any:
    import shapely

    return shapely.box(*bounds)
