"""NetCDF and Zarr files as cubes: which axis is which, and where they lie.

The names and attributes are those of the CF conventions (https://cfconventions.org).
"""

from __future__ import annotations

import logging
import math
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import ProjError

from swath.errors import (
    BandError,
    CRSError,
    DependencyNotFoundError,
    FileMissingError,
    UnreadableFileError,
    UnsupportedDataError,
)
from swath.geometry import Bounds

__all__ = ["Channel", "Cube", "import_xarray", "open_cube"]

log = logging.getLogger(__name__)

_X = ("x", "lon", "longitude", "easting", "long")
_Y = ("y", "lat", "latitude", "northing")
_T = ("time", "t", "valid_time", "date")
_STANDARD = {
    "projection_x_coordinate": "x", "longitude": "x", "grid_longitude": "x",
    "projection_y_coordinate": "y", "latitude": "y", "grid_latitude": "y", "time": "t",
}  # fmt: skip
_IRREGULAR = 0.05  # of a step: coordinates kept as float32 are off by less
_OPEN = 64


@dataclass(frozen=True)
class Channel:
    """One plane of a cube at one time: a variable, and where it has further axes, a place there."""

    variable: str
    place: tuple[tuple[str, int], ...]
    name: str


@dataclass(frozen=True)
class Cube:
    """Header of a file.

    Attributes:
        path: The file.
        data: The open `xarray.Dataset`; nothing of it is read until asked for.
        crs: Coordinate reference system, or None.
        x, y, t: Names of the dimensions; `t` is None where there is none.
        transform: From pixel corners (as stored) to coordinates.
        width, height: Size.
        times: Nanoseconds since 1970 of each step; of a single one where `t` is None and the file
            still states its time.
        whole_turn: Whether the columns go around the globe.
    """

    path: str
    data: Any
    crs: CRS | None
    x: str
    y: str
    t: str | None
    transform: Affine
    width: int
    height: int
    times: NDArray[np.int64]
    whole_turn: bool

    @property
    def bounds(self) -> Bounds:
        """(xmin, ymin, xmax, ymax) as stored: longitudes may run to 360."""
        a, b = self.transform @ (0, 0), self.transform @ (self.width, self.height)
        return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])

    def variables(self) -> list[str]:
        """Names of the variables that hold numbers on the cube's grid."""
        return [
            str(name)
            for name, array in self.data.data_vars.items()
            if {self.x, self.y} <= set(array.dims) and array.dtype.kind in "iufb"
        ]

    def channels(self, names: Sequence[str]) -> list[Channel]:
        """The planes of variables, in the order of `names` and of their further axes.

        Raises:
            BandError: There is no such variable.
        """
        known = self.variables()
        missing = [name for name in names if name not in known]
        if missing:
            raise BandError(
                f"{self.path} has no variable {', '.join(map(repr, missing))} on the grid "
                f"({self.y}, {self.x}); its variables are {', '.join(known) or 'none'}"
            )
        out = []
        for name in names:
            array = self.data[name]
            more = [d for d in array.dims if d not in (self.x, self.y, self.t)]
            for place in np.ndindex(*(array.sizes[d] for d in more)):
                at = tuple((str(d), int(i)) for d, i in zip(more, place, strict=True))
                label = ", ".join(f"{d}={_label(array, d, i)}" for d, i in at)
                out.append(Channel(name, at, f"{name} ({label})" if label else name))
        return out


def _label(array: Any, dimension: str, place: int) -> str:
    if dimension in array.coords:
        return str(array.coords[dimension].values[place])
    return str(place)


def import_xarray() -> Any:
    """The module xarray. Raises DependencyNotFoundError where it is not installed."""
    try:
        import xarray
    except ImportError as error:
        raise DependencyNotFoundError(
            "NetCDF and Zarr files need xarray and its readers: pip install 'swath[xarray]'"
        ) from error
    return xarray


_lock = threading.Lock()
_cubes: OrderedDict[tuple[Any, ...], Cube] = OrderedDict()


def _forget() -> None:
    """In a forked process: leave the parent's open files to the parent."""
    global _lock
    _lock = threading.Lock()
    _cubes.clear()


os.register_at_fork(after_in_child=_forget)


def open_cube(path: str) -> Cube:
    """Header of a file; the last 64 stay open in each process.

    Raises:
        DependencyNotFoundError: xarray or what reads this format is not installed.
        FileMissingError, UnreadableFileError: The file does not exist, or cannot be read.
        UnsupportedDataError: Its grid is not regular, or its calendar is not that of the Earth.
        CRSError: Its CRS is not understood.
    """
    try:
        state = os.stat(path)
        key: tuple[Any, ...] = (path, state.st_size, state.st_mtime_ns)
    except OSError:
        if "://" not in path:
            raise FileMissingError(
                f"{path} does not exist; expected a NetCDF file or a Zarr store"
            ) from None
        key = (path,)
    with _lock:
        cube = _cubes.get(key)
        if cube is not None:
            _cubes.move_to_end(key)
            return cube
        cube = _open(path)
        _cubes[key] = cube
        while len(_cubes) > _OPEN:
            _cubes.popitem(last=False)[1].data.close()
        return cube


def _open(path: str) -> Cube:
    xarray = import_xarray()
    zarr = path.rstrip("/\\").lower().endswith((".zarr", ".zarr.zip"))
    try:
        with warnings.catch_warnings():
            # A Zarr store without consolidated metadata is slower to open, and as good.
            warnings.filterwarnings("ignore", "Failed to open Zarr store", RuntimeWarning)
            data = xarray.open_dataset(
                path, engine="zarr" if zarr else None, decode_coords="all", cache=False
            )
    except ImportError as error:
        raise DependencyNotFoundError(
            f"{path} needs a reader that is not installed ({error}): pip install 'swath[xarray]'"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        if "engine" in str(error) and "install" in str(error):
            hint = "; if it is a NetCDF 3 file, pip install scipy or netCDF4"
        else:
            hint = ""
        raise UnreadableFileError(
            f"{path} cannot be read as NetCDF or Zarr: {str(error).splitlines()[0]}{hint}"
        ) from error
    try:
        return _describe(path, data)
    except Exception:
        data.close()
        raise


def _describe(path: str, data: Any) -> Cube:
    x, y, t = (_dimension(data, axis) for axis in "xyt")
    if x is None or y is None:
        raise UnsupportedDataError(
            f"{path} has no one-dimensional x and y (or longitude and latitude) coordinates among "
            f"its dimensions {', '.join(map(str, data.sizes))}; grids of curved lines must be "
            "resampled first (xESMF, cdo remapbil)"
        )
    crs = _crs(path, data, x, y)
    factor_x, factor_y = (_factor(data, name, crs) for name in (x, y))
    xs = np.asarray(data[x].values, np.float64) * factor_x
    ys = np.asarray(data[y].values, np.float64) * factor_y
    x_step, y_step = _step(path, x, xs), _step(path, y, ys)
    x_step, y_step = x_step or abs(y_step or 0), y_step or -abs(x_step or 0)
    if not (x_step and y_step):
        raise UnsupportedDataError(f"{path} is a single pixel, whose size is not known")
    transform = Affine(x_step, 0, xs[0] - x_step / 2, 0, y_step, ys[0] - y_step / 2)
    turn = abs(x_step) * len(xs)
    whole = crs is not None and crs.is_geographic and abs(turn - 360) < abs(x_step) / 2
    if whole:  # exactly around, whatever the coordinates were rounded to
        x_step = math.copysign(360 / len(xs), x_step)
        transform = Affine(x_step, 0, xs[0] - x_step / 2, 0, y_step, ys[0] - y_step / 2)
    times = _times(path, data, t)
    return Cube(path, data, crs, x, y, t, transform, len(xs), len(ys), times, whole)


def _dimension(data: Any, axis: str) -> str | None:
    """The dimension that is an axis: by what its coordinate says, then by its name."""
    names = [str(d) for d in data.dims if d in data.coords and data[d].ndim == 1]
    for name in names:
        attributes = data[name].attrs
        if str(attributes.get("axis", "")).lower() == axis:
            return name
        if _STANDARD.get(str(attributes.get("standard_name", ""))) == axis:
            return name
    wanted = {"x": _X, "y": _Y, "t": _T}[axis]
    for name in names:
        if name.lower() in wanted:
            return name
    if axis == "t":
        return next((n for n in names if np.issubdtype(data[n].dtype, np.datetime64)), None)
    return None


def _crs(path: str, data: Any, x: str, y: str) -> CRS | None:
    mappings: list[str] = []
    for array in data.data_vars.values():
        text = array.encoding.get("grid_mapping") or array.attrs.get("grid_mapping")
        if text and {x, y} <= set(array.dims):
            mappings.append(str(text).split(":")[0].split()[0])
    mappings += [n for n in ("spatial_ref", "crs") if n in data.variables]
    for name in mappings:
        if name not in data.variables:
            continue
        attributes = dict(data[name].attrs)
        text = attributes.get("crs_wkt") or attributes.get("spatial_ref")
        try:
            return CRS.from_user_input(text) if text else CRS.from_cf(attributes)
        except (ProjError, KeyError, ValueError) as error:
            raise CRSError(
                f"the grid mapping {name!r} of {path} is not understood ({error}); say the CRS "
                "(source_crs='EPSG:…')"
            ) from error
    units = [str(data[name].attrs.get("units", "")) for name in (x, y)]
    degrees = units[0].startswith("degree") and units[1].startswith("degree")
    named = x.lower() in ("lon", "longitude", "long") and y.lower() in ("lat", "latitude")
    return CRS.from_epsg(4326) if degrees or named else None


def _factor(data: Any, name: str, crs: CRS | None) -> float:
    """From a coordinate's stored unit to that of the CRS."""
    unit = str(data[name].attrs.get("units", "")).strip().lower()
    if crs is None or crs.is_geographic:
        return 1.0
    if unit in ("rad", "radian", "radians"):  # geostationary: angles as seen from the satellite
        height = crs.to_cf().get("perspective_point_height")
        return float(height) if height else 1.0
    if unit in ("km", "kilometre", "kilometer", "kilometres", "kilometers"):
        return 1000.0 / float(crs.axis_info[0].unit_conversion_factor or 1.0)
    return 1.0


def _step(path: str, name: str, values: NDArray[np.float64]) -> float:
    """Distance of neighbouring coordinates; 0 where there is but one."""
    if len(values) < 2:
        return 0.0
    step = float(values[-1] - values[0]) / (len(values) - 1)
    line = values[0] + step * np.arange(len(values))
    off = np.abs(values - line).max()
    if not step or not off <= _IRREGULAR * abs(step):
        raise UnsupportedDataError(
            f"the coordinates {name!r} of {path} are not evenly spaced (off by {off:.6g} at a step "
            f"of {abs(step):.6g}); resample it to a regular grid first"
        )
    return step


def _times(path: str, data: Any, t: str | None) -> NDArray[np.int64]:
    if t is None:
        scalar = next((data[n] for n in _T if n in data.coords and data[n].ndim == 0), None)
        if scalar is None or not np.issubdtype(scalar.dtype, np.datetime64):
            return np.empty(0, np.int64)
        return np.asarray(scalar.values).reshape(1).astype("M8[ns]").astype(np.int64)
    index = data.indexes[t]
    if not isinstance(index, pd.DatetimeIndex):
        try:
            index = index.to_datetimeindex(unsafe=False, time_unit="ns")
        except (AttributeError, ValueError, TypeError) as error:
            raise UnsupportedDataError(
                f"the times {t!r} of {path} are no dates of the common calendar "
                f"({type(index).__name__}: {error}); convert them first "
                "(xarray: ds.convert_calendar('standard'))"
            ) from error
    return np.asarray(index.values).astype("M8[ns]").astype(np.int64)
