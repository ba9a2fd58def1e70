"""`&` and `|`: layers put together, to any depth, without changing any of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.frames import make_frame
from swath.datasets.geo import GeoDataset, Transform, merge_fields
from swath.datasets.query import (
    TIME_MAX,
    TIME_MIN,
    Field,
    Query,
    describe_bounds,
    interval_nanoseconds,
)
from swath.datasets.samples import concat_samples, merge_samples
from swath.errors import NoOverlapError, QueryError
from swath.geometry.transform import transform_bounds
from swath.typing import Sample

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["IntersectionDataset", "UnionDataset"]

Collate = Callable[[Sequence[Sample]], Sample] | Callable[[Iterable[Sample]], Sample]


#: Columns of a combined index: which row of the left and of the right operand it comes from.
_LINKS = ("row_left", "row_right")


class _Combined(GeoDataset):
    """Two layers. Each is a shallow copy of an operand, its index in the common CRS.

    `datasets` are cut to the rows that the combined index refers to, so that a split of the
    combined dataset never reads a file that went to another part.
    """

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
        self._operands: tuple[GeoDataset, ...] = (
            dataset1._view(self._crs, self._res),
            dataset2._view(self._crs, self._res),
        )
        self.datasets: tuple[GeoDataset, ...] = self._operands
        self.collate_fn = collate_fn
        self.transforms = transforms
        self.valid_mask = any(d.valid_mask for d in self.datasets)
        self._state = None

    @property
    def index(self) -> GeoDataFrame:
        """Rows of the combined layer, with the rows of the operands that each comes from."""
        return self._index

    @index.setter
    def index(self, frame: GeoDataFrame) -> None:
        GeoDataset.index.fset(self, frame)  # type: ignore[attr-defined]
        self._restrict()

    def _restrict(self) -> None:
        """Cut the operands to the rows that the index refers to."""
        datasets = []
        for link, operand in zip(_LINKS, self._operands, strict=True):
            if link in self._index:
                numbers = np.asarray(self._index[link], np.int64)
                rows = np.unique(numbers[numbers >= 0])
                if len(rows) and rows[-1] >= len(operand.index):
                    raise QueryError(
                        f"column {link!r} of the index refers to row {rows[-1]} of a "
                        f"{type(operand).__name__} with {len(operand.index)} rows; make the index "
                        "from this dataset's own, or leave the column out"
                    )
                if len(rows) < len(operand.index):
                    operand = copy.copy(operand)
                    operand.index = operand.index.iloc[rows]
            datasets.append(operand)
        self.datasets = tuple(datasets)

    @property
    def crs(self) -> CRS:
        """Coordinate reference system: at first that of the left operand."""
        return self._crs

    @crs.setter
    def crs(self, value: Any) -> None:
        GeoDataset.crs.fset(self, value)  # type: ignore[attr-defined]
        self._operands = tuple(d._view(self._crs, self._res) for d in self._operands)
        self._restrict()

    @property
    def res(self) -> tuple[float, float]:
        """Resolution (x, y) of a query that gives none: at first that of the left operand."""
        return self._res

    @res.setter
    def res(self, value: float | tuple[float, float]) -> None:
        GeoDataset.res.fset(self, value)  # type: ignore[attr-defined]
        self._operands = tuple(d._view(d.crs, self._res) for d in self._operands)
        self._restrict()

    @property
    def skipped_files(self) -> list[str]:
        """Files of all layers that could not be read and were skipped (``on_error="skip"``)."""
        return [f for d in self.datasets for f in getattr(d, "skipped_files", ())]

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

    def _children_groups(self) -> list[tuple[tuple[Field, ...], ...]] | None:
        if any(d.transforms is not None for d in self.datasets):
            return None
        groups = [d._groups() for d in self.datasets]
        return None if any(g is None for g in groups) else [g for g in groups if g is not None]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["datasets"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._restrict()


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

    def _groups(self) -> tuple[tuple[Field, ...], ...] | None:
        children = self._children_groups()
        if children is None or self.collate_fn is not concat_samples:
            return None
        groups = tuple(group for child in children for group in child)
        merge_fields(groups)  # complains about pixels of different size
        return groups

    def _fill_groups(
        self,
        queries: Sequence[Query],
        parts: Sequence[dict[str, NDArray[Any]]],
        marks: Sequence[NDArray[np.uint8]],
    ) -> None:
        start = 0
        children = self._children_groups() or []
        asked = self._queries(queries)
        for dataset, groups, own in zip(self.datasets, children, asked, strict=True):
            s = slice(start, start + len(groups))
            dataset._fill_groups(own, parts[s], marks[s])
            start += len(groups)

    def _group_fills(self) -> list[dict[str, Sequence[float]]]:
        return [fills for d in self.datasets for fills in d._group_fills()]

    def _group_valid(self) -> list[bool]:
        own = [wanted for d in self.datasets for wanted in d._group_valid()]
        return own if self.valid_mask and any(own) else [self.valid_mask] * len(own)

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
        frames = [d.index for d in self.datasets]
        links = set(_LINKS)
        names = sorted({c for f in frames for c in f.columns} - {"geometry"} - links)
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
        for k, link in enumerate(_LINKS):
            rows = [
                np.arange(len(f)) if i == k else np.full(len(f), -1) for i, f in enumerate(frames)
            ]
            columns[link] = np.concatenate(rows)
        ends = [interval_nanoseconds(f.index) for f in frames]
        self.index = make_frame(
            columns,
            np.concatenate([np.asarray(f.geometry.values, dtype=object) for f in frames]),
            np.concatenate([e[0] for e in ends]),
            np.concatenate([e[1] for e in ends]),
            self._crs,
        )

    def _groups(self) -> tuple[tuple[Field, ...], ...] | None:
        children = self._children_groups()
        if children is None or self.collate_fn is not merge_samples:
            return None
        return children[0] if children[0] == children[1] else None

    def _fill_groups(
        self,
        queries: Sequence[Query],
        parts: Sequence[dict[str, NDArray[Any]]],
        marks: Sequence[NDArray[np.uint8]],
    ) -> None:
        for number, dataset in enumerate(self.datasets):
            rows = list(range(len(queries)))
            if number:
                rows = [k for k in rows if not all(mark[k].all() for mark in marks)]
            if isinstance(dataset, IntersectionDataset):  # it shows nothing outside of both sides
                rows = [k for k in rows if len(dataset._rows(queries[k]))]
            if len(rows) == len(queries):
                dataset._fill_groups(queries, parts, marks)
            elif rows:
                runs = np.split(np.array(rows), np.flatnonzero(np.diff(rows) != 1) + 1)
                for run in runs:  # consecutive queries are views of the batch: nothing is copied
                    s = slice(int(run[0]), int(run[-1]) + 1)
                    part = [{key: array[s] for key, array in p.items()} for p in parts]
                    dataset._fill_groups(queries[s], part, [mark[s] for mark in marks])

    def _group_fills(self) -> list[dict[str, Sequence[float]]]:
        return self.datasets[0]._group_fills()

    def _group_valid(self) -> list[bool]:
        own = [any(pair) for pair in zip(*(d._group_valid() for d in self.datasets), strict=True)]
        return own if self.valid_mask and any(own) else [self.valid_mask] * len(own)

    def _load(self, query: Query) -> Sample:
        touched = [d for d in self.datasets if len(d._rows(query))]
        if self.collate_fn is not merge_samples:
            return self.collate_fn([d._samples([query])[0] for d in touched])
        # Which pixels of the first layer are holes is known here, and need not be guessed.
        samples = []
        for dataset in touched:
            view = copy.copy(dataset)
            view.valid_mask = True
            samples.append(view._samples([query])[0])
        merged = merge_samples(samples)
        if not self.valid_mask:
            for key in [k for k in merged if k.startswith("valid")]:
                del merged[key]
        return merged


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


def _joined(
    left: GeoDataFrame, right: GeoDataFrame, i: NDArray[np.intp], j: NDArray[np.intp]
) -> dict[str, Any]:
    """Columns of an intersection: files of both, the left one's grid, either one's cuts."""
    columns: dict[str, Any] = {_LINKS[0]: i, _LINKS[1]: j}
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
