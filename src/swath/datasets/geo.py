"""`GeoDataset`: a spatio-temporal index over files, and samples of any query on any grid."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from torch.utils.data import Dataset

from swath.datasets.batch import SampleBatch, allocate, empty_mask, put_fill_values
from swath.datasets.frames import pack_frame, reproject_footprints, unpack_frame
from swath.datasets.handover import fetch, send
from swath.datasets.query import (
    Field,
    Query,
    describe_bounds,
    interval_nanoseconds,
    parse_slice,
)
from swath.datasets.rows import resolution_in
from swath.datasets.table import Table
from swath.errors import ConfigError, QueryError
from swath.geometry import Grid
from swath.geometry.transform import same_units
from swath.typing import GeoSlice, Path, Sample

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from swath.datasets.algebra import IntersectionDataset, UnionDataset

__all__ = ["GeoDataset", "Transform"]

Transform = Callable[[Sample], Sample]


class GeoDataset(Dataset[Sample], abc.ABC):
    """A layer: rows of ground and time, and a way to read any query on any grid.

    ``ds[xmin:xmax:xres, ymin:ymax:yres, tmin:tmax:tres]`` reads a sample; any part may be left
    out. ``a & b`` is the intersection of two layers, ``a | b`` their union; neither changes its
    operands.

    A subclass says what it gives (`_fields`) and fills arrays in place (`_fill`), so that a batch
    is allocated once and read as a whole; or, where samples have no fixed shape, it implements
    `_load` alone.
    """

    paths: Path | Iterable[Path] = "data"
    transforms: Transform | None = None
    #: Adds ``valid`` (H, W) bool to samples: True where a layer had data.
    valid_mask: bool = False

    _crs: CRS
    _res: tuple[float, float]
    _index: GeoDataFrame
    _state: Table | None

    # ---- what a layer implements -------------------------------------------------------------

    def _fields(self) -> tuple[Field, ...] | None:
        """What a sample holds, or None when samples have no fixed shape (then `_load` is used)."""
        return None

    def _fill(
        self, queries: Sequence[Query], arrays: dict[str, NDArray[Any]], filled: NDArray[np.uint8]
    ) -> None:
        """Read into `arrays[key]` (B, C, H, W), only where `filled` (B, H, W) is 0, and set it."""
        raise TypeError(f"{type(self).__name__} gives fields and does not fill them")

    def _load(self, query: Query) -> Sample:
        """Read one sample, without what the base adds (`bounds`, `transform`, transforms)."""
        raise TypeError(f"{type(self).__name__} implements neither _fields and _fill nor _load")

    def _fill_values(self) -> dict[str, Sequence[float]]:
        """For each key, the value of each channel where nothing was read (0 if not given)."""
        return {}

    # A group of fields shares its holes: a plain layer is one group, an intersection is those of
    # both sides, and in a union each group of the right side fills the holes of the same group of
    # the left. A layer with bands at several resolutions has a group a resolution.

    def _groups(self) -> tuple[tuple[Field, ...], ...] | None:
        """The fields of a sample, group by group; None when samples have no fixed shape."""
        fields = self._fields()
        return None if fields is None else (fields,)

    def _fill_groups(
        self,
        queries: Sequence[Query],
        parts: Sequence[dict[str, NDArray[Any]]],
        marks: Sequence[NDArray[np.uint8]],
    ) -> None:
        """`_fill` for every group: `parts[g][key]` (B, C, H, W) and `marks[g]` (B, H, W)."""
        self._fill(queries, parts[0], marks[0])

    def _group_fills(self) -> list[dict[str, Sequence[float]]]:
        """`_fill_values` of every group."""
        return [self._fill_values()]

    def _group_valid(self) -> list[bool]:
        """Whether each group has a say in ``valid``."""
        return [self.valid_mask] * len(self._groups() or ())

    # ---- index, CRS, resolution --------------------------------------------------------------

    @property
    def index(self) -> GeoDataFrame:
        """Rows of the layer: footprint in `crs`, IntervalIndex of time, column ``filepath``."""
        return self._index

    @index.setter
    def index(self, frame: GeoDataFrame) -> None:
        interval_nanoseconds(frame.index)  # complains about any other kind of index
        if frame.crs is not None:
            self._crs = CRS.from_user_input(frame.crs)
        self._index = frame
        self._state = None

    @property
    def crs(self) -> CRS:
        """Coordinate reference system of queries, of the index and of the samples.

        Setting it reprojects the index. The resolution stays, unless the unit changes (metres to
        degrees): then it becomes about the same size on the ground.
        """
        return self._crs

    @crs.setter
    def crs(self, value: Any) -> None:
        new = CRS.from_user_input(value)
        if new == self._crs:
            return
        frame = self._index.copy()
        frame = frame.drop(columns=[c for c in ("grid_x", "grid_y") if c in frame])
        frame["geometry"] = reproject_footprints(frame.geometry.values, self._crs, new)
        frame = frame.set_crs(new, allow_override=True)
        if hasattr(self, "_res") and not same_units(self._crs, new):
            self._res = self._res_in(new)
        self._crs = new
        self._index = frame
        self._state = None

    def _res_in(self, crs: CRS) -> tuple[float, float]:
        """The resolution in another CRS: 30 m are not 30 degrees."""
        b = self._table().total
        x, y = (b[0] + b[1]) / 2, (b[2] + b[3]) / 2
        grid = Grid(self._crs, Affine(self._res[0], 0.0, x, 0.0, -self._res[1], y), 1, 1)
        return resolution_in(grid, crs)

    @property
    def res(self) -> tuple[float, float]:
        """Resolution (x, y) of a query that gives none, in units of `crs`."""
        return self._res

    @res.setter
    def res(self, value: float | tuple[float, float]) -> None:
        x, y = (value, value) if isinstance(value, int | float) else value
        if not (x > 0 and y > 0):
            raise QueryError(f"a resolution is positive, got {value}")
        self._res = (float(x), float(y))

    @property
    def bounds(self) -> tuple[slice, slice, slice]:
        """The whole dataset as a query: slices of x, y and time, with the resolution as step."""
        table = self._table()
        b = table.total
        import pandas as pd

        return (
            slice(b[0], b[1], self.res[0]),
            slice(b[2], b[3], self.res[1]),
            slice(pd.Timestamp(int(b[4])), pd.Timestamp(int(b[5])), 1),
        )

    @property
    def files(self) -> list[str]:
        """The files of the layer, sorted."""
        if "filepath" not in self._index:
            return []
        return sorted(set(self._index["filepath"]))

    def __len__(self) -> int:
        return len(self._index)

    def __str__(self) -> str:
        x, y, t = self.bounds
        return (
            f"{type(self).__name__} Dataset\n"
            f"    type: GeoDataset\n"
            f"    bbox: {x}, {y}, {t}\n"
            f"    crs: {self.crs.to_string()}\n"
            f"    res: {self.res}\n"
            f"    size: {len(self)}"
        )

    def _table(self) -> Table:
        if self._state is None:
            self._state = Table(self._index)
        return self._state

    def _rows(self, query: Query) -> NDArray[np.intp]:
        """Positions of the index's rows that share ground and time with a query, in order."""
        return self._table().touching(query)

    def _resolve(self, index: GeoSlice) -> Query:
        """A query with all its parts, checked against the index.

        Raises:
            QueryError: It is malformed, or no row of the index shares ground and time with it.
        """
        table = self._table()
        query = parse_slice(index, table.total, self.res)
        if len(table.touching(query)) == 0:
            asked = (query.xmin, query.xmax, query.ymin, query.ymax, query.t0, query.t1)
            raise QueryError(
                f"query ({describe_bounds(asked)}) lies outside of {type(self).__name__}, whose "
                f"{len(self)} rows cover {describe_bounds(table.total)} in {self.crs.to_string()}; "
                "give coordinates in that CRS, inside a row's footprint and time "
                "(see dataset.index)"
            )
        return query

    # ---- samples -----------------------------------------------------------------------------

    def __getitem__(self, index: GeoSlice) -> Sample:
        """The sample of one query.

        Returns:
            `image` float32 (C, H, W) and/or `mask` int64 (H, W), as the layer has it; `bounds`
            float64 (9,): xmin, xmax, xres, ymin, ymax, yres, tmin, tmax (seconds since 1970),
            tres; `transform` float64 (9,), row by row the affine matrix from pixel corners to
            coordinates.

        Raises:
            QueryError: The query is malformed or outside of the dataset.
        """
        return self._samples([self._resolve(index)])[0]

    def __getitems__(self, indices: Sequence[GeoSlice]) -> SampleBatch:
        """The samples of many queries, read as one batch: each tile is decoded once."""
        return self._samples([self._resolve(index) for index in indices])

    def _samples(self, queries: list[Query]) -> SampleBatch:
        groups = self._groups()
        same = len({(q.height, q.width) for q in queries}) == 1
        if groups is None:
            samples = [self._load(query) for query in queries]
            for sample, query in zip(samples, queries, strict=True):
                sample.update(_one(_place([query])))
            stacked = SampleBatch(samples)
        elif same:
            stacked = self._read(queries, groups)
        else:
            stacked = SampleBatch([self._read([query], groups)[0] for query in queries])
        if self.transforms is None:
            return stacked
        return SampleBatch([self.transforms(sample) for sample in stacked])

    def _read(self, queries: list[Query], groups: Sequence[tuple[Field, ...]]) -> SampleBatch:
        n = len(queries)
        batch: Sample = {}
        arrays: dict[str, NDArray[Any]] = {}
        grids: dict[str, list[Query]] = {}
        for field in merge_fields(groups):
            grid = [q.coarser(field.ratio) for q in queries]
            grids.setdefault(field.suffix, grid)
            shape = (n, field.channels, grid[0].height, grid[0].width)
            array, tensor = allocate(shape, field.dtype)
            arrays[field.key] = array
            batch[field.key] = tensor[:, 0] if field.squeeze else tensor
        parts = slice_groups(arrays, groups)
        marks = [empty_mask((n, *next(iter(part.values())).shape[2:])) for part in parts]
        self._fill_groups(queries, parts, marks)
        for part, mark, values in zip(parts, marks, self._group_fills(), strict=True):
            put_fill_values(part, mark, values)
        for fields, mark, wanted in zip(groups, marks, self._group_valid(), strict=True):
            if wanted:
                key = "valid" + fields[0].suffix
                valid = torch.from_numpy(mark).bool()
                batch[key] = batch[key] & valid if key in batch else valid
        batch.update(_place(queries))
        for suffix, grid in grids.items():
            if suffix:
                batch["transform" + suffix] = _place(grid)["transform"]
        samples = [{key: value[i] for key, value in batch.items()} for i in range(n)]
        return SampleBatch(samples, batch)

    # ---- algebra -----------------------------------------------------------------------------

    def __and__(self, other: GeoDataset) -> IntersectionDataset:
        """Both layers where they share ground and time; channels one after the other."""
        from swath.datasets.algebra import IntersectionDataset

        return IntersectionDataset(self, other)

    def __or__(self, other: GeoDataset) -> UnionDataset:
        """Either layer; where both have data, the left one comes first."""
        from swath.datasets.algebra import UnionDataset

        return UnionDataset(self, other)

    # ---- workers -----------------------------------------------------------------------------

    def __copy__(self) -> Self:
        # By way of `__getstate__` the index would be packed and unpacked.
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_state"] = None
        frame = state.pop("_index", None)
        if frame is not None:
            state["_index_packed"] = send(pack_frame(frame))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed = state.pop("_index_packed", None)
        self.__dict__.update(state)
        if packed is not None:
            self._index = unpack_frame(fetch(packed))

    def _view(self, crs: CRS, res: tuple[float, float]) -> GeoDataset:
        """A shallow copy in another CRS and resolution; this dataset stays as it is."""
        view = copy.copy(self)
        view.crs = crs
        view.res = res
        return view


def _place(queries: Sequence[Query]) -> Sample:
    bounds = np.array([q.numbers() for q in queries], np.float64)
    transform = np.zeros((len(queries), 9), np.float64)
    transform[:, 0] = bounds[:, 2]
    transform[:, 2] = bounds[:, 0]
    transform[:, 4] = -bounds[:, 5]
    transform[:, 5] = bounds[:, 4]
    transform[:, 8] = 1.0
    return {"bounds": torch.from_numpy(bounds), "transform": torch.from_numpy(transform)}


def _one(batch: Sample) -> Sample:
    return {key: value[0] for key, value in batch.items()}


def merge_fields(groups: Sequence[tuple[Field, ...]]) -> list[Field]:
    """Fields of a sample: those of one key become one, channel after channel.

    Raises:
        ConfigError: Fields of one key have pixels of different size.
    """
    merged: dict[str, Field] = {}
    for field in (field for fields in groups for field in fields):
        before = merged.get(field.key)
        if before is None:
            merged[field.key] = field
        elif before.ratio != field.ratio:
            raise ConfigError(
                f"{field.key!r} of one layer has pixels of {before.ratio:g} times the query's, "
                f"that of another {field.ratio:g} times; combine layers of the same native "
                "resolutions, or read them with native_resolution=False"
            )
        else:
            total = before.channels + field.channels
            merged[field.key] = Field(field.key, total, ratio=field.ratio)
    return list(merged.values())


def slice_groups(
    arrays: dict[str, NDArray[Any]], groups: Sequence[tuple[Field, ...]]
) -> list[dict[str, NDArray[Any]]]:
    """The channels of each group, as views of `arrays` (B, C, H, W)."""
    start = dict.fromkeys(arrays, 0)
    parts = []
    for fields in groups:
        part = {}
        for field in fields:
            low = start[field.key]
            start[field.key] = low + field.channels
            part[field.key] = arrays[field.key][:, low : low + field.channels]
        parts.append(part)
    return parts
