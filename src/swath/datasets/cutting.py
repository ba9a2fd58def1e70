"""Parts of a dataset: rows chosen, or their ground cut, so that no ground is in two parts."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import SplitError

if TYPE_CHECKING:
    import torch

    from swath.datasets.geo import GeoDataset

__all__ = ["cut_rows", "make_parts", "overlap_groups", "rng_of", "separated", "shares"]

D = TypeVar("D", bound="GeoDataset")


def rng_of(generator: torch.Generator | None) -> np.random.Generator:
    """A numpy generator seeded from a PyTorch one; None is PyTorch's default."""
    import torch

    device = generator.device if generator is not None else torch.device("cpu")
    high = torch.iinfo(torch.int64).max
    seed = torch.randint(high, (), generator=generator, device=device)
    return np.random.default_rng(int(seed))


def shares(fractions: Sequence[float], name: str = "fractions") -> NDArray[np.float64]:
    """Fractions as an array.

    Raises:
        SplitError: They are not positive or do not sum to 1.
    """
    values = np.asarray(list(fractions), dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not (values > 0).all():
        raise SplitError(f"{name} is {fractions!r}; expected positive numbers that sum to 1")
    if not math.isclose(values.sum(), 1.0, abs_tol=1e-6):
        raise SplitError(f"{name} {list(fractions)} sum to {values.sum():g}; expected 1")
    return values


def overlap_groups(geometry: NDArray[Any], res: tuple[float, float]) -> NDArray[np.intp]:
    """Number (n,) of the group each geometry belongs to: those that share ground are together.

    Neighbours that overlap by less than half a pixel along their common side (the rounding of
    reprojected tiles) do not share ground by that.
    """
    n = len(geometry)
    a, b = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    a, b = a[a < b], b[a < b]
    common = shapely.intersection(geometry[a], geometry[b])
    area = shapely.area(common)
    border = shapely.length(common)
    # A strip of length L and width t has area L t and border 2 L: its width is 2 area / border.
    thick = np.divide(2 * area, border, out=np.zeros(len(area)), where=border > 0)
    smallest = np.minimum(shapely.area(geometry[a]), shapely.area(geometry[b]))
    joined = (thick > 0.5 * min(res)) | ((area > 0) & (area >= 0.5 * smallest))
    flat = (shapely.area(geometry[a]) == 0) | (shapely.area(geometry[b]) == 0)
    joined |= flat  # a point on a tile, or two at one place
    return _components(n, a[joined], b[joined])


def separated(frame: Any, res: tuple[float, float]) -> tuple[Any, NDArray[np.intp]]:
    """An index whose groups (see `overlap_groups`) share no ground at all, and each row's group.

    What neighbours of different groups overlap by is cut off the later one, which then has the
    columns that `cut_rows` adds. Most indexes need no cut and come back as they are.
    """
    geometry = np.asarray(frame.geometry.values, dtype=object).copy()
    group = overlap_groups(geometry, res)
    a, b = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    apart = (a < b) & (group[a] != group[b])
    a, b = a[apart], b[apart]
    thin = shapely.area(shapely.intersection(geometry[a], geometry[b])) > 0
    if not thin.any():
        return frame, group
    bounds = shapely.bounds(geometry).reshape(-1, 4)
    result = frame.copy()
    for column, values in (("grid_x", bounds[:, 0]), ("grid_y", bounds[:, 3])):
        if column in frame.columns:
            given = np.asarray(frame[column], dtype=np.float64)
            values = np.where(np.isfinite(given), given, values)
        result[column] = values
    exclusive = np.zeros(len(frame), bool)
    if "exclusive" in frame.columns:
        exclusive = np.array([value is True or value == 1 for value in frame["exclusive"]], bool)
    for i, j in zip(a[thin].tolist(), b[thin].tolist(), strict=True):
        geometry[j] = shapely.difference(geometry[j], geometry[i])
        exclusive[j] = True
    result["exclusive"] = exclusive
    result[frame.geometry.name] = type(result.geometry)(
        list(geometry), index=result.index, crs=frame.crs
    )
    return result, group


def _components(n: int, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number (n,) of the connected component of each node of a graph with edges a, b."""
    root = list(range(n))

    def find(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        root[find(x)] = find(y)
    return np.unique([find(k) for k in range(n)], return_inverse=True)[1].astype(np.intp)


def make_parts(dataset: D, frames: Sequence[Any], what: str) -> list[D]:
    """Shallow copies of a dataset with other indexes.

    Raises:
        SplitError: A part has no rows.
    """
    for number, frame in enumerate(frames):
        if len(frame) == 0:
            raise SplitError(
                f"part {number} of {len(frames)} of this {what} is empty (the parts have "
                f"{[len(f) for f in frames]} rows, the dataset {len(dataset)}): use other "
                "fractions, smaller pieces, or another kind of split"
            )
    parts = []
    for frame in frames:
        part = copy.copy(dataset)
        part.index = frame
        parts.append(part)
    return parts


def cut_rows(
    frame: Any, pieces: NDArray[Any], part: NDArray[np.intp], parts: int, group: Any = None
) -> list[Any]:
    """Index frames of the parts, rows cut to the pieces of ground that each part has.

    A row gives one row for each piece that it shares ground with. Two columns are added:
    ``exclusive`` (True where the geometry was cut: what lies outside belongs to another part, and
    samplers never leave it) and ``grid_x``, ``grid_y`` (a corner of the uncut row's pixel grid,
    on which samplers keep their patches).

    Args:
        frame: The index.
        pieces: Polygons (k,), disjoint but for their borders.
        part: Number of the part of each piece (k,).
        parts: How many parts there are.
        group: (group of each row (n,), group of each piece (k,)): a row is cut by pieces of its
            own group only. None: by all.
    """
    geometry = np.asarray(frame.geometry.values, dtype=object)
    present = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    known: Any = geometry.copy()
    known[~present] = None
    rows, found = shapely.STRtree(pieces).query(known, predicate="intersects")
    if group is not None:
        mine = group[0][rows] == group[1][found]
        rows, found = rows[mine], found[mine]
    order = np.lexsort((found, rows))
    rows, found = rows[order], found[order]
    cut = shapely.intersection(geometry[rows], pieces[found])
    dimension = shapely.get_dimensions(geometry[rows])
    keep = shapely.get_dimensions(cut) == dimension
    # A cut polygon may come with stray lines where it touches the piece; only its ground counts.
    mixed = keep & (shapely.get_type_id(cut) == 7)
    for k in np.flatnonzero(mixed):
        pieces_of = shapely.get_parts(cut[k])
        cut[k] = shapely.union_all(pieces_of[shapely.get_dimensions(pieces_of) == dimension[k]])
    # A point or line on a border is in two pieces: the first has it.
    flat = np.flatnonzero(keep & (dimension < 2))
    seen: set[tuple[int, bytes]] = set()
    for k in flat:
        key = (int(rows[k]), cut[k].wkb)
        keep[k] = key not in seen
        seen.add(key)
    rows, found, cut = rows[keep], found[keep], cut[keep]
    result = frame.iloc[rows].copy()
    bounds = shapely.bounds(geometry[rows]).reshape(-1, 4)
    for column, values in (("grid_x", bounds[:, 0]), ("grid_y", bounds[:, 3])):
        if column in frame.columns:  # cut before: the first grid is the file's
            known = np.asarray(result[column], dtype=np.float64)
            values = np.where(np.isfinite(known), known, values)
        result[column] = values
    whole = shapely.covers(pieces[found], geometry[rows])
    if "exclusive" in frame.columns:
        whole &= ~np.array([value is True or value == 1 for value in result["exclusive"]], bool)
    result["exclusive"] = ~whole
    result[frame.geometry.name] = type(result.geometry)(
        list(cut), index=result.index, crs=frame.crs
    )
    return [result[part[found] == number] for number in range(parts)]
