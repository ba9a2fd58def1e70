"""`GeoDataset`: a spatio-temporal index over files, and samples of any query on any grid."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyproj import CRS
from torch.utils.data import Dataset

from swath.datasets.batch import SampleBatch, allocate, empty_mask
from swath.datasets.frames import pack_frame, reproject_footprints, unpack_frame
from swath.datasets.query import (
    Field,
    Query,
    describe_bounds,
    interval_nanoseconds,
    parse_slice,
)
from swath.datasets.table import Table
from swath.errors import QueryError
from swath.raster.staging import count_set
from swath.typing import GeoSlice, Path, Sample

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from swath.datasets.algebra import IntersectionDataset, UnionDataset

__all__ = ["GeoDataset", "Transform"]

Transform = Callable[[Sample], Sample]

_DTYPES = {"image": np.float32, "mask": np.int64}


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
        """Coordinate reference system of queries, of the index and of the samples."""
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
        self._crs = new
        self._index = frame
        self._state = None

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
        fields = self._fields()
        same = len({(q.height, q.width) for q in queries}) == 1
        if fields is None:
            samples = [self._load(query) for query in queries]
            for sample, query in zip(samples, queries, strict=True):
                sample.update(_place([query], batch=False))
            stacked = SampleBatch(samples)
        elif same:
            stacked = self._read(queries, fields)
        else:
            stacked = SampleBatch([self._read([query], fields)[0] for query in queries])
        if self.transforms is None:
            return stacked
        return SampleBatch([self.transforms(sample) for sample in stacked])

    def _read(self, queries: list[Query], fields: Sequence[Field]) -> SampleBatch:
        n, h, w = len(queries), queries[0].height, queries[0].width
        arrays: dict[str, NDArray[Any]] = {}
        batch: Sample = {}
        for field in fields:
            array, tensor = allocate((n, field.channels, h, w), _DTYPES[field.key])
            arrays[field.key] = array
            batch[field.key] = tensor[:, 0] if field.squeeze else tensor
        filled = empty_mask((n, h, w))
        self._fill(queries, arrays, filled)
        put_fill_values(arrays, filled, self._fill_values())
        if self.valid_mask:
            batch["valid"] = torch.from_numpy(filled).bool()
        batch.update(_place(queries, batch=True))
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

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_state"] = None
        frame = state.pop("_index", None)
        if frame is not None:
            state["_index_packed"] = pack_frame(frame)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed = state.pop("_index_packed", None)
        self.__dict__.update(state)
        if packed is not None:
            self._index = unpack_frame(packed)

    def _view(self, crs: CRS, res: tuple[float, float]) -> GeoDataset:
        """A shallow copy in another CRS and resolution; this dataset stays as it is."""
        view = copy.copy(self)
        view.crs = crs
        view.res = res
        return view


def _place(queries: Sequence[Query], *, batch: bool) -> Sample:
    bounds = np.array([q.numbers() for q in queries], np.float64)
    transform = np.zeros((len(queries), 9), np.float64)
    transform[:, 0] = bounds[:, 2]
    transform[:, 2] = bounds[:, 0]
    transform[:, 4] = -bounds[:, 5]
    transform[:, 5] = bounds[:, 4]
    transform[:, 8] = 1.0
    if not batch:
        bounds, transform = bounds[0], transform[0]
    return {"bounds": torch.from_numpy(bounds), "transform": torch.from_numpy(transform)}


def put_fill_values(
    arrays: dict[str, NDArray[Any]],
    filled: NDArray[np.uint8],
    values: dict[str, Sequence[float]],
) -> None:
    """Write each channel's fill value where nothing was read: arrays (B, C, H, W)."""
    size = filled.shape[1] * filled.shape[2]
    for i in np.flatnonzero(count_set(filled) < size):
        hole = filled[i] == 0
        for key, array in arrays.items():
            channels = values.get(key, ())
            for c in range(array.shape[1]):
                array[i, c][hole] = channels[c] if c < len(channels) else 0
