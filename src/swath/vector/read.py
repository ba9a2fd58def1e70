"""Features in: headers and features of every vector format, with errors that name what is wrong.

GeoPackage, Shapefile, GeoJSON, FlatGeobuf, CSV with a WKT column, KML, … are read by GDAL (through
pyogrio), zipped ones in place; GeoParquet by GeoPandas, since GDAL builds often lack it.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS
from pyproj.exceptions import ProjError

from swath.errors import ConfigError, CRSError, FileMissingError, UnreadableFileError
from swath.geometry import Bounds
from swath.typing import Path

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

__all__ = ["VectorInfo", "list_layers", "read_attributes", "read_features", "read_info"]

# What a member of a zip file is called that is a vector file (and no part of one).
_MEMBERS = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".gml", ".kml", ".csv", ".tab")
_PARQUET = (".parquet", ".geoparquet", ".pq")
# What columns with WKT are called in practice; GDAL by itself looks for "WKT" alone.
_CSV_OPTIONS = {
    "GEOM_POSSIBLE_NAMES": "geometry,geom,wkt,the_geom,wkt_geom",
    "KEEP_GEOM_COLUMNS": "NO",
    "AUTODETECT_TYPE": "YES",
}
_ARCHIVES = {".zip": "/vsizip/", ".gz": "/vsigzip/", ".tar": "/vsitar/", ".tgz": "/vsitar/"}


@dataclass(frozen=True)
class VectorInfo:
    """What a layer of a vector file says of itself.

    Attributes:
        path: The file.
        layer: Name of the layer.
        layers: Names of all layers of the file, in their order.
        driver: GDAL's name of the format, or ``Parquet``.
        crs: Coordinate reference system, or None where the file states none.
        bounds: (xmin, ymin, xmax, ymax) of all features in `crs`; None without features.
        count: Number of features.
        columns: Data type (NumPy's name) of each attribute, by name.
        indexed: Whether a part of the ground can be read without going through all features.
    """

    path: str
    layer: str
    layers: tuple[str, ...]
    driver: str
    crs: CRS | None
    bounds: Bounds | None
    count: int
    columns: dict[str, str]
    indexed: bool

    def need_crs(self) -> CRS:
        """The CRS. Raises CRSError where the file states none."""
        if self.crs is None:
            raise CRSError(
                f"{self.path} (layer {self.layer!r}) has no coordinate reference system, and "
                "without one nobody knows where its features lie; say it (source_crs='EPSG:…'), "
                "or write it into the file (ogr2ogr -a_srs EPSG:… out.gpkg in)"
            )
        return self.crs

    def need_column(self, column: str) -> str:
        """Data type of an attribute. Raises ConfigError where there is none of that name."""
        if column not in self.columns:
            raise ConfigError(
                f"{self.path} (layer {self.layer!r}) has no column {column!r}; its columns are "
                f"{', '.join(map(repr, self.columns)) or 'none'}"
            )
        return self.columns[column]


def _gdal_path(path: Path) -> str:
    """A path as GDAL opens it, archives included."""
    text = os.fspath(path)
    lower = text.lower()
    if text.startswith("/vsi") or "://" in text or not os.path.isfile(text):
        return text
    for ending, prefix in _ARCHIVES.items():
        if lower.endswith(ending):
            text = prefix + os.path.abspath(text)
            if ending == ".zip":
                text += _only_member(text[len(prefix) :])
            # The CSV driver knows its files by their ending, which is hidden behind .gz.
            return f"CSV:{text}" if lower.endswith(".csv.gz") else text
    return text


def _only_member(archive: str) -> str:
    """``/folder/name`` of the one vector file in a zip file; empty where there is not just one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [n for n in opened.namelist() if n.lower().endswith(_MEMBERS)]
    except (zipfile.BadZipFile, OSError):
        return ""  # GDAL says what is wrong with it
    return f"/{names[0]}" if len(names) == 1 else ""


def _options(path: str) -> dict[str, str]:
    return dict(_CSV_OPTIONS) if ".csv" in path.lower() else {}


def _is_parquet(path: Path) -> bool:
    return os.fspath(path).lower().endswith(_PARQUET)


def _check_exists(path: Path) -> None:
    text = os.fspath(path)
    virtual = text.startswith("/vsi") or "://" in text or "!" in text
    if not virtual and not os.path.exists(text):
        raise FileMissingError(f"{text} does not exist; expected a vector file")


def _unreadable(path: Path, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(
        f"{os.fspath(path)} cannot be read as a vector file: {error}; expected a format that GDAL "
        "opens (GeoPackage, Shapefile with all its parts, GeoJSON, FlatGeobuf, CSV with a WKT "
        "column, …) or GeoParquet; fetch the file again if it is damaged"
    )


def list_layers(path: Path) -> tuple[str, ...]:
    """Names of the layers of a file, in their order.

    Raises:
        FileMissingError, UnreadableFileError: The file does not exist, or cannot be read.
    """
    _check_exists(path)
    if _is_parquet(path):
        return (os.path.basename(os.fspath(path)).rsplit(".", 1)[0],)
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        return tuple(str(row[0]) for row in pyogrio.list_layers(_gdal_path(path)))
    except (DataSourceError, RuntimeError) as error:
        raise _unreadable(path, error) from error


def _pick_layer(path: Path, layer: str | int | None) -> tuple[str, tuple[str, ...]]:
    layers = list_layers(path)
    if not layers:
        raise _unreadable(path, ValueError("it has no layers"))
    if layer is None:
        return layers[0], layers
    if isinstance(layer, int) and 0 <= layer < len(layers):
        return layers[layer], layers
    if layer in layers:
        return str(layer), layers
    listed = ", ".join(f"{i}: {name!r}" for i, name in enumerate(layers))
    raise ConfigError(f"{os.fspath(path)} has no layer {layer!r}; its layers are {listed}")


def read_info(path: Path, layer: str | int | None = None) -> VectorInfo:
    """Header of a layer: CRS, bounds, columns, number of features.

    Args:
        path: A file, an archive that holds one, or whatever GDAL opens.
        layer: Name or number (from 0) of the layer; None is the first.

    Raises:
        FileMissingError, UnreadableFileError: The file does not exist, or cannot be read.
        ConfigError: There is no such layer; the message lists those there are.
        CRSError: The file's CRS is not understood.
    """
    name, layers = _pick_layer(path, layer)
    if _is_parquet(path):
        from swath.vector.parquet import parquet_info

        return parquet_info(os.fspath(path), name)
    import pyogrio

    source = _gdal_path(path)
    try:
        raw = pyogrio.read_info(
            source,
            layer=name,
            force_feature_count=True,
            force_total_bounds=True,
            **_options(source),
        )
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    if raw["geometry_type"] is None and not raw["geometry_name"]:
        raise _unreadable(path, ValueError(f"layer {name!r} has no geometry"))
    total = raw["total_bounds"]
    bounds = None
    if total is not None and raw["features"] > 0 and np.isfinite(total).all():
        bounds = (float(total[0]), float(total[1]), float(total[2]), float(total[3]))
    dtypes = [str(d) for d in raw["dtypes"]]
    return VectorInfo(
        os.fspath(path),
        name,
        layers,
        str(raw["driver"]),
        _parse_crs(path, raw["crs"]),
        bounds,
        int(raw["features"]),
        dict(zip(map(str, raw["fields"]), dtypes, strict=True)),
        bool(raw["capabilities"]["fast_spatial_filter"]),
    )


def _parse_crs(path: Path, text: Any) -> CRS | None:
    if not text:
        return None
    try:
        return CRS.from_user_input(text)
    except ProjError as error:
        raise CRSError(
            f"the CRS of {os.fspath(path)} is not understood ({error}); say what it is "
            "(source_crs='EPSG:…')"
        ) from error


def read_features(
    path: Path,
    layer: str | int | None = None,
    *,
    columns: Sequence[str] | None = None,
    bounds: Bounds | None = None,
) -> GeoDataFrame:
    """Features of a layer, in the file's own CRS and order.

    Args:
        path: A file, an archive that holds one, or whatever GDAL opens.
        layer: Name or number (from 0) of the layer; None is the first.
        columns: Attributes to read; None is all of them, empty is geometry alone.
        bounds: Only features whose box touches (xmin, ymin, xmax, ymax), in the file's CRS.

    Raises:
        FileMissingError, UnreadableFileError: The file does not exist, or cannot be read.
        ConfigError: There is no such layer or column; the message lists those there are.
    """
    return read_layer(read_info(path, layer), columns, bounds)


def read_layer(
    info: VectorInfo, columns: Sequence[str] | None = None, bounds: Bounds | None = None
) -> GeoDataFrame:
    """As `read_features`, of a layer whose header has been read already."""
    for column in columns or ():
        info.need_column(column)
    if _is_parquet(info.path):
        from swath.vector.parquet import parquet_features

        return parquet_features(info.path, columns, bounds)
    import pyogrio

    _check_exists(info.path)
    source = _gdal_path(info.path)
    wanted = None if columns is None else list(columns)
    try:
        frame = pyogrio.read_dataframe(
            source,
            layer=info.layer,
            columns=wanted,
            bbox=bounds,
            fid_as_index=bounds is not None,
            **_options(source),
        )
        # A spatial index gives features in an order of its own.
        return frame if bounds is None else frame.sort_index().reset_index(drop=True)
    except (RuntimeError, ValueError) as error:
        raise _unreadable(info.path, error) from error


def read_attributes(
    path: Path, columns: Sequence[str], layer: str | int | None = None
) -> DataFrame:
    """Attributes of all features of a layer, without their geometry.

    Raises:
        FileMissingError, UnreadableFileError: The file does not exist, or cannot be read.
        ConfigError: There is no such layer or column; the message lists those there are.
    """
    info = read_info(path, layer)
    for column in columns:
        info.need_column(column)
    if _is_parquet(path):
        from swath.vector.parquet import parquet_attributes

        return parquet_attributes(os.fspath(path), columns)
    import pyogrio

    source = _gdal_path(path)
    try:
        return pyogrio.read_dataframe(
            source, layer=info.layer, columns=list(columns), read_geometry=False, **_options(source)
        )
    except (RuntimeError, ValueError) as error:
        raise _unreadable(path, error) from error


@contextmanager
def arrow_batches(info: VectorInfo) -> Iterator[tuple[Any, Iterator[Any], str]]:
    """All features of a layer as a stream: Arrow schema, record batches, name of the WKB column.

    Raises:
        UnreadableFileError: The file cannot be read.
    """
    if _is_parquet(info.path):
        from swath.vector.parquet import parquet_batches

        yield parquet_batches(info.path)
        return
    import pyogrio

    source = _gdal_path(info.path)
    try:
        opened = pyogrio.open_arrow(
            source, layer=info.layer, use_pyarrow=True, batch_size=65_536, **_options(source)
        )
        with opened as (meta, reader):
            yield reader.schema, iter(reader), meta["geometry_name"] or "wkb_geometry"
    except RuntimeError as error:
        raise _unreadable(info.path, error) from error
