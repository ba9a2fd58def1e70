"""`&` and `|`: layers put together, to any depth, without changing any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.batch import empty_mask
from swath.datasets.frames import make_frame
from swath.datasets.geo import GeoDataset, Transform, put_fill_values
from swath.datasets.query import (
    TIME_MAX,
    TIME_MIN,
    Field,
    Query,
    describe_bounds,
    interval_nanoseconds,
)
from swath.datasets.samples import concat_samples, merge_samples
from swath.errors import NoOverlapError
from swath.geometry.transform import transform_bounds
from swath.typing import Sample

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["IntersectionDataset", "UnionDataset"]

Collate = Callable[[Sequence[Sample]], Sample] | Callable[[Iterable[Sample]], Sample]


class _Combined(GeoDataset):
    """Two layers. Each is a shallow copy of an operand, its index in the common CRS."""

    def __init__(
        self,
        dataset1: GeoDataset,
        dataset2: GeoDataset,
        collate_fn: Collate,
        transforms: Transform | None,
    ) -> None:
        for dataset in (dataset1, dataset2):
            if not isinstance(dataset, GeoDataset):
                raise TypeError(
                    f"{type(self).__name__} combines two GeoDatasets, "
                    f"got a {type(dataset).__name__}"
                )
        self._crs, self._res = dataset1.crs, dataset1.res
        self.datasets: tuple[GeoDataset, ...] = (
            dataset1._view(self._crs, self._res),
            dataset2._view(self._crs, self._res),
        )
        self.collate_fn = collate_fn
        self.transforms = transforms
        self._state = None

    @property
    def crs(self) -> CRS:
        """Coordinate reference system: at first that of the left operand."""
        return self._crs

    @crs.setter
    def crs(self, value: Any) -> None:
        new = CRS.from_user_input(value)
        self.datasets = tuple(d._view(new, d.res) for d in self.datasets)
        GeoDataset.crs.fset(self, new)  # type: ignore[attr-defined]

    @property
    def res(self) -> tuple[float, float]:
        """Resolution (x, y) of a query that gives none: at first that of the left operand."""
        return self._res

    @res.setter
    def res(self, value: float | tuple[float, float]) -> None:
        GeoDataset.res.fset(self, value)  # type: ignore[attr-defined]
        self.datasets = tuple(d._view(d.crs, self._res) for d in self.datasets)

    @property
    def files(self) -> list[str]:
        """The files of all layers, sorted."""
        return sorted({f for d in self.datasets for f in d.files})

    def __str__(self) -> str:
        parts = "".join(f"\n    {line}" for d in self.datasets for line in str(d).splitlines())
        return (
            super().__str__().replace("type: GeoDataset", f"type: {type(self).__name__}")
            + "\n    of:"
            + parts.replace("\n", "\n    ")
        )

    def _children_fields(self) -> list[tuple[Field, ...]] | None:
        fields = [d._fields() for d in self.datasets]
        if any(f is None for f in fields) or any(d.transforms is not None for d in self.datasets):
            return None
        return [f for f in fields if f is not None]


class IntersectionDataset(_Combined):
    """Both layers where they share ground and, unless `spatial_only`, time.

    Channels come one after the other, the left operand's first. Each file is still read in its
    own CRS and warped once, straight to the query's grid in the CRS of the left operand.

    Args:
        dataset1: The left layer: it gives CRS and resolution.
        dataset2: The right layer.
        spatial_only: Ignore time: rows that share ground meet whatever their dates, a sample's
            time is that of the left layer, and the right one is read at any time.
        collate_fn: How the layers' samples become one.
        transforms: Called with each sample.

    Raises:
        NoOverlapError: The layers share no ground, or no time.
    """

    def __init__(
        self,
        dataset1: GeoDataset,
        dataset2: GeoDataset,
        spatial_only: bool = False,
        collate_fn: Collate = concat_samples,
        transforms: Transform | None = None,
    ) -> None:
        super().__init__(dataset1, dataset2, collate_fn, transforms)
        self.spatial_only = spatial_only
        self.valid_mask = any(d.valid_mask for d in self.datasets)
        left, right = self.datasets
        a, b = (np.asarray(d.index.geometry.values, dtype=object) for d in (left, right))
        pairs = shapely.STRtree(b).query(a, predicate="intersects")
        i, j = pairs[:, np.lexsort((pairs[1], pairs[0]))]
        a0, a1 = interval_nanoseconds(left.index.index)
        b0, b1 = interval_nanoseconds(right.index.index)
        if spatial_only:
            t0, t1 = a0[i], a1[i]
        else:
            t0, t1 = np.maximum(a0[i], b0[j]), np.minimum(a1[i], b1[j])
        shapes = shapely.intersection(a[i], b[j])
        # Neighbours that only touch share an edge and no ground; points have none to lose.
        ground = (shapely.area(shapes) > 0) | (
            np.minimum(shapely.area(a[i]), shapely.area(b[j])) == 0
        )
        keep = ground & (t0 <= t1)
        if not keep.any():
            raise NoOverlapError(_apart(dataset1, dataset2, len(i) > 0 and bool(ground.any())))
        self.index = make_frame(
            _joined(left.index, right.index, i[keep], j[keep]),
            shapes[keep], t0[keep], t1[keep], self._crs,
        )  # fmt: skip

    def _queries(self, queries: Sequence[Query]) -> list[list[Query]]:
        if not self.spatial_only:
            return [list(queries)] * 2
        anytime = [replace(q, t0=TIME_MIN.value, t1=TIME_MAX.value) for q in queries]
        return [list(queries), anytime]

    def _fields(self) -> tuple[Field, ...] | None:
        children = self._children_fields()
        if children is None or self.collate_fn is not concat_samples:
            return None
        merged: dict[str, Field] = {}
        for fields in children:
            for field in fields:
                if field.key in merged:
                    total = merged[field.key].channels + field.channels
                    merged[field.key] = Field(field.key, total)
                else:
                    merged[field.key] = field
        return tuple(merged.values())

    def _fill(
        self, queries: Sequence[Query], arrays: dict[str, NDArray[Any]], filled: NDArray[np.uint8]
    ) -> None:
        start = dict.fromkeys(arrays, 0)
        first = True
        children = self._children_fields() or []
        for dataset, fields, asked in zip(
            self.datasets, children, self._queries(queries), strict=True
        ):
            part: dict[str, NDArray[Any]] = {}
            for field in fields:
                low = start[field.key]
                part[field.key] = arrays[field.key][:, low : low + field.channels]
                start[field.key] = low + field.channels
            done = empty_mask(filled.shape)
            dataset._fill(asked, part, done)
            put_fill_values(part, done, dataset._fill_values())
            if dataset.valid_mask or not self.valid_mask:
                if first:
                    filled[:] = done
                else:
                    filled &= done
                first = False

    def _load(self, query: Query) -> Sample:
        asked = self._queries([query])
        samples = [d._samples(q)[0] for d, q in zip(self.datasets, asked, strict=True)]
        return self.collate_fn(samples)


class UnionDataset(_Combined):
    """Either layer; where both have data, the left one comes first and the right fills its holes.

    Args:
        dataset1: The left layer: it gives CRS and resolution.
        dataset2: The right layer.
        collate_fn: How samples of the layers that a query touches become one.
        transforms: Called with each sample.
    """

    def __init__(
        self,
        dataset1: GeoDataset,
        dataset2: GeoDataset,
        collate_fn: Collate = merge_samples,
        transforms: Transform | None = None,
    ) -> None:
        super().__init__(dataset1, dataset2, collate_fn, transforms)
        self.valid_mask = any(d.valid_mask for d in self.datasets)
        frames = [d.index for d in self.datasets]
        names = sorted({c for f in frames for c in f.columns} - {"geometry"})
        columns: dict[str, Any] = {
            name: np.concatenate(
                [
                    np.asarray(f[name], dtype=object)
                    if name in f
                    else np.full(len(f), None, dtype=object)
                    for f in frames
                ]
            )
            for name in names
        }
        ends = [interval_nanoseconds(f.index) for f in frames]
        self.index = make_frame(
            columns,
            np.concatenate([np.asarray(f.geometry.values, dtype=object) for f in frames]),
            np.concatenate([e[0] for e in ends]),
            np.concatenate([e[1] for e in ends]),
            self._crs,
        )

    def _fields(self) -> tuple[Field, ...] | None:
        children = self._children_fields()
        if children is None or self.collate_fn is not merge_samples:
            return None
        # An intersection inside may have one layer's data and miss the other's at a pixel:
        # then holes are a matter of each key, which merging whole samples handles.
        if any(isinstance(d, IntersectionDataset) for d in self.datasets):
            return None
        return children[0] if children[0] == children[1] else None

    def _fill(
        self, queries: Sequence[Query], arrays: dict[str, NDArray[Any]], filled: NDArray[np.uint8]
    ) -> None:
        for dataset in self.datasets:
            rows = [
                k
                for k, query in enumerate(queries)
                if len(dataset._rows(query)) and not filled[k].all()
            ]
            if len(rows) == len(queries):
                dataset._fill(queries, arrays, filled)
            elif rows:
                runs = np.split(np.array(rows), np.flatnonzero(np.diff(rows) != 1) + 1)
                for run in runs:  # consecutive queries are views of the batch: nothing is copied
                    s = slice(int(run[0]), int(run[-1]) + 1)
                    part = {key: array[s] for key, array in arrays.items()}
                    dataset._fill(queries[s], part, filled[s])

    def _fill_values(self) -> dict[str, Sequence[float]]:
        return self.datasets[0]._fill_values()

    def _load(self, query: Query) -> Sample:
        touched = [d for d in self.datasets if len(d._rows(query))]
        return self.collate_fn([d._samples([query])[0] for d in touched])


def _joined(
    left: GeoDataFrame, right: GeoDataFrame, i: NDArray[np.intp], j: NDArray[np.intp]
) -> dict[str, Any]:
    """Columns of an intersection: files of both, the left one's grid, either one's cuts."""
    columns: dict[str, Any] = {}
    for name, frame, rows in (("filepath", left, i), ("filepath_2", right, j)):
        if "filepath" in frame:
            columns[name] = np.asarray(frame["filepath"], dtype=object)[rows]
    for name in ("grid_x", "grid_y"):
        if name in left:
            columns[name] = left[name].to_numpy(dtype=np.float64)[i]
    for frame, rows in ((left, i), (right, j)):
        if "exclusive" in frame:  # ground that a split cut off belongs to another part
            cut = np.array([value is True or value == 1 for value in frame["exclusive"]])[rows]
            columns["exclusive"] = columns["exclusive"] | cut if "exclusive" in columns else cut
    return columns


def _apart(a: GeoDataset, b: GeoDataset, meet_in_space: bool) -> str:
    if meet_in_space:
        times = [
            " to ".join(str(pd.Timestamp(int(t))) for t in d._table().total[4:]) for d in (a, b)
        ]
        return (
            f"{type(a).__name__} ({times[0]}) and {type(b).__name__} ({times[1]}) share ground "
            "and no time; to ignore dates use IntersectionDataset(a, b, spatial_only=True)"
        )
    lonlat = CRS.from_epsg(4326)
    texts = []
    for d in (a, b):
        t = d._table().total
        try:
            x0, y0, x1, y1 = transform_bounds(d.crs, lonlat, (t[0], t[2], t[1], t[3]))
            texts.append(f"longitude {x0:.4f} to {x1:.4f}, latitude {y0:.4f} to {y1:.4f}")
        except ValueError:
            texts.append(describe_bounds(t))
    return (
        f"{type(a).__name__} ({texts[0]}) and {type(b).__name__} ({texts[1]}) share no ground; "
        "check that both are of the same area and that their files carry the right CRS"
    )
