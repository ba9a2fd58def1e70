"""`XarrayDataset`: layers of NetCDF files and Zarr stores, through xarray."""

from __future__ import annotations

import fnmatch
import logging
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import shapely
import torch
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.cube import Cube, import_xarray, open_cube
from swath.datasets.cube_read import METHODS, read_cube
from swath.datasets.files import path_list
from swath.datasets.frames import make_frame
from swath.datasets.geo import GeoDataset, Transform
from swath.datasets.query import TIME_MAX, TIME_MIN, Field, Query
from swath.datasets.rows import resolution_in
from swath.errors import ConfigError, CRSError, DatasetNotFoundError, QueryError, SwathError
from swath.geometry import Grid
from swath.geometry.transform import same_crs
from swath.typing import Path, Sample
from swath.vector import reproject_box

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["XarrayDataset"]

Resampling = Literal["nearest", "bilinear", "cubic", "average"]
ENDINGS = (".nc", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5", ".zarr", ".zarr.zip")

log = logging.getLogger(__name__)


class XarrayDataset(GeoDataset):
    """A layer of NetCDF files or Zarr stores: variables over longitude and latitude or x and y.

    Axes, CRS and times are found by the CF conventions: `axis`, `standard_name` and `units` of the
    coordinates, the grid mapping of the variables; without one, degrees of longitude and latitude
    are EPSG:4326. Longitudes from 0 to 360 are brought to -180 to 180. A query is resampled once,
    from the window of the file that lies under it, straight to the query's grid.

    A sample holds ``image`` float32: (T, C, H, W) where the files have a time axis, with the steps
    that lie in the query's time (both ends included), oldest first; (C, H, W) where they have
    none. C are the variables, and the places along their further axes (level, band), in the order
    of `data_vars`; `channels` names them. Where several files hold the same step, later ones fill
    the holes of earlier ones. TorchGeo 0.10 gives (C, T, H, W): pass ``time_first=False`` for it.

    Args:
        paths: Files, Zarr stores, or folders searched to any depth for them; URLs of what xarray
            opens. `root` is another name of it.
        crs: CRS of queries and samples. Default: that of the first file.
        res: Resolution (or x and y resolution) of queries that give none, in units of `crs`.
            Default: that of the first file.
        data_vars: Names of the variables to read, in this order. Default: all of the first file
            that hold numbers on its grid.
        transforms: Called with each sample.
        resampling: ``bilinear``, ``nearest``, ``cubic`` or ``average``. Missing values never mix
            into others.
        fill_value: Of pixels without data. Default: NaN, as in the files.
        valid_mask: Add ``valid`` bool (T, H, W) or (H, W) to samples: where any channel has data.
        time_first: The time axis comes before the channels.
        source_crs: The CRS of files that state none.
        on_error: ``raise`` on a file that cannot be read, or ``skip`` it: counted (in
            `skipped_files`) and logged.

    Raises:
        DependencyNotFoundError: xarray is not installed (``pip install 'swath[xarray]'``).
        DatasetNotFoundError: No file was found.
        BandError: A variable does not exist.
        CRSError: A file states no CRS.
        UnsupportedDataError: A grid that is not regular, or times of another calendar.
    """

    #: Shell pattern of the names of files in folders.
    filename_glob = "*"

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        data_vars: Sequence[str] | None = None,
        transforms: Transform | None = None,
        *,
        root: Path | Iterable[Path] | None = None,
        resampling: Resampling = "bilinear",
        fill_value: float = float("nan"),
        valid_mask: bool = False,
        time_first: bool = True,
        source_crs: CRS | str | int | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> None:
        import_xarray()
        if resampling not in METHODS:
            raise ConfigError(f"resampling is one of {', '.join(METHODS)}, got {resampling!r}")
        if on_error not in ("raise", "skip"):
            raise ConfigError(f"on_error is 'raise' or 'skip', got {on_error!r}")
        if isinstance(data_vars, str):
            raise ConfigError(f"data_vars is a list of names, got {data_vars!r}")
        self.paths = paths if root is None else root
        self.transforms = transforms
        self.resampling = resampling
        self.fill_value = float(fill_value)
        self.valid_mask = valid_mask
        self.time_first = time_first
        self.source_crs = None if source_crs is None else CRS.from_user_input(source_crs)
        self.on_error = on_error
        self.skipped_files: list[str] = []
        self._index_files(None if crs is None else CRS.from_user_input(crs), data_vars)
        if res is None:
            first = open_cube(str(self._index["filepath"].iloc[0]))
            grid = Grid(self._crs_of(first), first.transform, first.width, first.height)
            res = resolution_in(grid, self._crs)
        self.res = res

    def _crs_of(self, cube: Cube) -> CRS:
        crs = cube.crs or self.source_crs
        if crs is None:
            raise CRSError(
                f"{cube.path} states no CRS: it has neither a grid mapping nor longitudes and "
                "latitudes in degrees; say it (source_crs='EPSG:…')"
            )
        return crs

    def _index_files(self, crs: CRS | None, data_vars: Sequence[str] | None) -> None:
        names: list[str] = []
        shapes, t0, t1 = [], [], []
        self._timed = False
        for path in self._find():
            try:
                cube = open_cube(path)
                own = self._crs_of(cube)
                crs = crs or own
                if data_vars is None:
                    data_vars = cube.variables()
                channels = [channel.name for channel in cube.channels(data_vars)]
                shape = _footprint(cube, own, crs)
                if not names:
                    self.channels: list[str] = channels
                    self._timed = cube.t is not None
                self._check_alike(cube, channels)
            except SwathError as error:
                if self.on_error == "raise":
                    raise
                self._skip(path, error)
                continue
            names.append(path)
            shapes.append(shape)
            t0.append(cube.times.min() if len(cube.times) else TIME_MIN.value)
            t1.append(cube.times.max() if len(cube.times) else TIME_MAX.value)
        if not names or crs is None or not data_vars:
            what = "can be read" if not names else "has a variable on a regular grid"
            raise DatasetNotFoundError(
                f"none of the files in {', '.join(path_list(self.paths)[:3])} {what} "
                f"({len(self.skipped_files)} skipped)"
            )
        self.data_vars: Sequence[str] = list(data_vars)
        starts, ends = np.array(t0, np.int64), np.array(t1, np.int64)
        self.index = make_frame(
            {"filepath": names}, np.array(shapes, dtype=object), starts, ends, crs
        )

    def _check_alike(self, cube: Cube, channels: list[str]) -> None:
        if len(channels) != len(self.channels) or (cube.t is not None) != self._timed:
            raise ConfigError(
                f"{cube.path} has {len(channels)} channels and "
                f"{'a' if cube.t is not None else 'no'} time axis, and the first file has "
                f"{len(self.channels)} and {'one' if self._timed else 'none'}; open files of one "
                "kind as one dataset, or choose the variables (data_vars=…)"
            )

    def _skip(self, path: str, error: Exception) -> None:
        self.skipped_files.append(path)
        log.warning("%s skipped (%d so far): %s", path, len(self.skipped_files), error)

    def _find(self) -> list[str]:
        found: set[str] = set()
        for path in path_list(self.paths):
            if "://" in path or os.path.isfile(path) or path.lower().endswith(".zarr"):
                found.add(path)
            elif os.path.isdir(path):
                found.update(_walk(path, self.filename_glob))
            else:
                raise DatasetNotFoundError(
                    f"{path} does not exist; paths= takes files, Zarr stores, folders and URLs"
                )
        if not found:
            raise DatasetNotFoundError(
                f"no file in {', '.join(path_list(self.paths)[:3])} is named "
                f"{self.filename_glob} and ends in {', '.join(ENDINGS)}"
            )
        return sorted(found)

    # ---- reading -----------------------------------------------------------------------------

    def _fields(self) -> tuple[Field, ...] | None:
        return None if self._timed else (Field("image", len(self.channels)),)

    def _fill_values(self) -> dict[str, Sequence[float]]:
        return {"image": [self.fill_value] * len(self.channels)}

    def _cubes(self, query: Query) -> list[Cube]:
        cubes = []
        for row in self._rows(query):
            path = str(self._index["filepath"].iloc[row])
            if path in self.skipped_files:
                continue
            try:
                cubes.append(open_cube(path))
            except SwathError as error:
                if self.on_error == "raise":
                    raise
                self._skip(path, error)
        return cubes

    def _read_one(
        self, cube: Cube, query: Query, steps: NDArray[np.intp] | None
    ) -> NDArray[np.float32]:
        return read_cube(
            cube,
            cube.channels(self.data_vars),
            steps,
            self._crs,
            self._crs_of(cube),
            query.transform,
            (query.height, query.width),
            self.resampling,
        )

    def _fill(
        self, queries: Sequence[Query], arrays: dict[str, NDArray[Any]], filled: NDArray[np.uint8]
    ) -> None:
        for i, query in enumerate(queries):
            for cube in self._cubes(query):
                values = self._read_one(cube, query, None)[0]
                new = np.isfinite(values).any(axis=0) & (filled[i] == 0)
                values = np.where(np.isnan(values), np.float32(self.fill_value), values)
                arrays["image"][i][:, new] = values[:, new]
                filled[i][new] = 1

    def _load(self, query: Query) -> Sample:
        parts = []
        for cube in self._cubes(query):
            steps = np.flatnonzero((cube.times >= query.t0) & (cube.times <= query.t1))
            if len(steps):
                parts.append((cube, steps))
        if not parts:
            raise QueryError(self._no_step(query))
        times = np.unique(np.concatenate([cube.times[steps] for cube, steps in parts]))
        shape = (len(times), len(self.channels), query.height, query.width)
        out = np.full(shape, np.nan, np.float32)
        for cube, steps in parts:
            # A file may hold its steps in any order, and one of them twice.
            places = np.searchsorted(times, cube.times[steps])
            for place, frame in zip(places, self._read_one(cube, query, steps), strict=True):
                np.copyto(out[place], frame, where=np.isnan(out[place]))
        sample: Sample = {}
        if self.valid_mask:
            sample["valid"] = torch.from_numpy(np.isfinite(out).any(axis=1))
        if not np.isnan(self.fill_value):
            out[np.isnan(out)] = self.fill_value
        image = torch.from_numpy(out)
        sample["image"] = image if self.time_first else image.transpose(0, 1).contiguous()
        return sample

    def _no_step(self, query: Query) -> str:
        steps = [cube.times for cube in self._cubes(query)]
        near = np.sort(np.concatenate([np.empty(0, np.int64), *steps]))
        before, after = near[near < query.t0], near[near > query.t1]
        said = [f"{pd.Timestamp(int(t))}" for t in (*before[-1:], *after[:1])]
        return (
            f"no time step lies between {query.tmin} and {query.tmax}; the closest are "
            f"{' and '.join(said) or 'none'}"
        )

    # ---- seeing ------------------------------------------------------------------------------

    def plot(self, sample: Sample, show_titles: bool = True, suptitle: str | None = None) -> Figure:
        """Draw the first channel of a sample, up to six of its times side by side."""
        from swath.plot import as_array, new_figure

        image = as_array(sample["image"])
        if image.ndim == 4 and not self.time_first:
            image = image.swapaxes(0, 1)
        frames = image[:, 0] if image.ndim == 4 else image[:1]
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(6, len(frames))).astype(int))
        values = frames[chosen][np.isfinite(frames[chosen])]
        low, high = np.percentile(values, (2, 98)) if values.size else (0.0, 1.0)
        figure = new_figure(3.6 * len(chosen) + 0.6, 3.6)
        drawn: list[Any] = []
        for i, k in enumerate(chosen):
            axes = figure.add_subplot(1, len(chosen), i + 1)
            drawn.append(axes.imshow(frames[k], vmin=low, vmax=high, cmap="viridis"))
            axes.set_axis_off()
            if show_titles:
                axes.set_title(self.channels[0] + (f", step {k + 1}" if len(frames) > 1 else ""))
        figure.colorbar(drawn[-1], ax=figure.axes, shrink=0.8)
        if suptitle is not None:
            figure.suptitle(suptitle)
        return figure


def _walk(folder: str, pattern: str) -> Iterable[str]:
    """Files and Zarr stores below a folder; a store is a folder and is not gone into."""
    for place, folders, files in os.walk(folder, followlinks=True):
        stores = [name for name in folders if name.lower().endswith(".zarr")]
        folders[:] = sorted(set(folders) - set(stores))
        for name in (*stores, *files):
            if name.lower().endswith(ENDINGS) and fnmatch.fnmatch(name, pattern):
                yield os.path.join(place, name)


def _footprint(cube: Cube, own: CRS, crs: CRS) -> Any:
    """The box of a cube, its longitudes brought to -180 to 180, in another CRS."""
    xmin, ymin, xmax, ymax = cube.bounds
    boxes = [(xmin, xmax)]
    if own.is_geographic:
        ymin, ymax = max(ymin, -90.0), min(ymax, 90.0)  # a row of pixels may be centred on a pole
        boxes = [
            (max(xmin + turn, -180.0), min(xmax + turn, 180.0)) for turn in (-360.0, 0.0, 360.0)
        ]
        if cube.whole_turn:
            boxes = [(-180.0, 180.0)]
    parts = [shapely.box(a, ymin, b, ymax) for a, b in boxes if b > a]
    shape = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    if same_crs(own, crs):
        return shape
    moved = reproject_box(shape, own, crs, f"the bounds of {cube.path}")
    if moved is None:
        raise CRSError(
            f"{cube.path} lies wholly outside of where {crs.to_string()} is defined; choose "
            "another CRS (crs=…)"
        )
    return moved
