"""Splits of a dataset into parts that share no ground, or no time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.datasets.blocks import metric_blocks
from swath.datasets.cutting import cut_rows, make_parts, rng_of, separated, shares
from swath.datasets.time_splits import time_series_split
from swath.errors import SplitError

if TYPE_CHECKING:
    import torch
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = [
    "random_bbox_assignment",
    "random_bbox_splitting",
    "random_grid_cell_assignment",
    "roi_split",
    "spatial_block_split",
    "time_series_split",
]

D = TypeVar("D", bound="GeoDataset")


def random_bbox_assignment(
    dataset: D,
    lengths: Sequence[float],
    generator: torch.Generator | None = None,
) -> list[D]:
    """Give each row of the index to one part at random.

    Rows that share ground go to the same part. (Elsewhere in the field each row goes its own way:
    two dates of one scene, or neighbours with a common margin, then put the same ground on both
    sides.) The parts have the lengths asked for where no rows overlap, and come as close as the
    groups of overlapping rows allow otherwise.

    Args:
        dataset: The dataset; it is not changed.
        lengths: Fractions that sum to 1, or numbers of rows that sum to ``len(dataset)``.
        generator: Source of randomness; None is PyTorch's default generator.

    Raises:
        SplitError: The lengths do not sum up, or overlapping rows leave a part empty.
    """
    n = len(dataset)
    wanted = _row_counts(lengths, n)
    index, group = separated(dataset.index, dataset.res)
    part = _fill_parts(
        np.bincount(group).astype(np.float64), wanted.astype(np.float64), rng_of(generator)
    )
    empty = [k for k in range(len(wanted)) if wanted[k] > 0 and not (part == k).any()]
    if empty:
        raise SplitError(
            f"the {n} rows form {group.max() + 1} groups that share no ground with each other, "
            f"the largest of {np.bincount(group).max()} rows: too few for {len(wanted)} parts. "
            "Cut the ground instead: spatial_block_split, random_bbox_splitting or "
            "random_grid_cell_assignment"
        )
    frames = [index[part[group] == k] for k in range(len(wanted))]
    return make_parts(dataset, frames, "random_bbox_assignment")


def random_bbox_splitting(
    dataset: D,
    fractions: Sequence[float],
    generator: torch.Generator | None = None,
) -> list[D]:
    """Cut each row of the index in a random direction and give the pieces to the parts.

    Rows that share ground are cut by the same lines, so that no ground is in two parts.

    Args:
        dataset: The dataset; it is not changed.
        fractions: Shares of the ground, in the order of the parts, that sum to 1.
        generator: Source of randomness; None is PyTorch's default generator.

    Raises:
        SplitError: The fractions do not sum to 1, or a part is empty.
    """
    values = shares(fractions)
    rng = rng_of(generator)
    index, group, boxes = _group_boxes(dataset)
    pieces, part = [], []
    for xmin, ymin, xmax, ymax in boxes.tolist():
        vertical, turned = rng.random(2) < 0.5
        order = np.arange(len(values))[::-1] if turned else np.arange(len(values))
        edges = np.concatenate([[0.0], np.cumsum(values[order])])
        edges[-1] = 1.0
        low, high = (xmin, xmax) if vertical else (ymin, ymax)
        lines = (low + edges * (high - low)).tolist()
        lines[-1] = high
        for k, a, b in zip(order.tolist(), lines[:-1], lines[1:], strict=True):
            pieces.append((a, ymin, b, ymax) if vertical else (xmin, a, xmax, b))
            part.append(k)
    owner = np.repeat(np.arange(len(boxes)), len(values))
    frames = cut_rows(index, _boxes(pieces), np.array(part), len(values), group=(group, owner))
    return make_parts(dataset, frames, "random_bbox_splitting")


def random_grid_cell_assignment(
    dataset: D,
    fractions: Sequence[float],
    grid_size: int = 6,
    generator: torch.Generator | None = None,
) -> list[D]:
    """Lay a grid over each row of the index and give its cells to the parts at random.

    Rows that share ground have one grid together, so that no ground is in two parts. Each cell
    is a row of its own; `random_bbox_splitting` and `spatial_block_split` make larger ones.

    Args:
        dataset: The dataset; it is not changed.
        fractions: Shares of the cells that sum to 1.
        grid_size: Number of rows and of columns of the grid.
        generator: Source of randomness; None is PyTorch's default generator.

    Raises:
        SplitError: The fractions do not sum to 1, a grid below 2 x 2, or a part is empty.
    """
    values = shares(fractions)
    if int(grid_size) != grid_size or grid_size < 2:
        raise SplitError(f"grid_size is {grid_size!r}; expected a whole number of at least 2")
    index, group, boxes = _group_boxes(dataset)
    step = np.linspace(0.0, 1.0, int(grid_size) + 1)
    cells, owner = [], []
    for k, (xmin, ymin, xmax, ymax) in enumerate(boxes.tolist()):
        x, y = xmin + step * (xmax - xmin), ymin + step * (ymax - ymin)
        x[-1], y[-1] = xmax, ymax
        for top in range(int(grid_size)):
            for left in range(int(grid_size)):
                cells.append((x[left], y[top], x[left + 1], y[top + 1]))
                owner.append(k)
    pieces, owners = _boxes(cells), np.array(owner)
    rows, found = shapely.STRtree(pieces).query(
        np.asarray(index.geometry.values, dtype=object), predicate="intersects"
    )
    used = np.unique(found[group[rows] == owners[found]])  # cells without ground are nobody's
    part = np.zeros(len(pieces), dtype=np.intp)
    counts = _largest_remainder(values, len(used))
    part[rng_of(generator).permutation(used)] = np.repeat(np.arange(len(values)), counts)
    frames = cut_rows(index, pieces[used], part[used], len(values), group=(group, owners[used]))
    return make_parts(dataset, frames, "random_grid_cell_assignment")


def roi_split(dataset: D, rois: Sequence[BaseGeometry]) -> list[D]:
    """Cut the dataset to one region of interest a part.

    Args:
        dataset: The dataset; it is not changed.
        rois: Polygons in the dataset's CRS that share no ground with each other.

    Raises:
        SplitError: Two regions overlap, or one shares no ground with the dataset.
    """
    regions = np.array(list(rois), dtype=object)
    for a in range(len(regions)):
        for b in range(a):
            common = shapely.area(shapely.intersection(regions[a], regions[b]))
            if common > 1e-12 * min(shapely.area(regions[a]), shapely.area(regions[b])):
                raise SplitError(
                    f"regions {b} and {a} overlap by {common:g} squared units of "
                    f"{dataset.crs}: the parts would share ground; cut one by the other first "
                    "(a.difference(b))"
                )
    frames = cut_rows(dataset.index, regions, np.arange(len(regions)), len(regions))
    return make_parts(dataset, frames, "roi_split")


def spatial_block_split(
    dataset: D,
    fractions: Sequence[float],
    block_size: float,
    buffer: float = 0.0,
    generator: torch.Generator | None = None,
) -> list[D]:
    """Cut the ground into square blocks and give them to the parts at random.

    Neighbouring pixels are alike, so a test close to the training ground says little about ground
    far from it: blocks well above the range of that likeness, and a buffer as wide as it, give an
    honest score (Roberts et al. 2017, https://doi.org/10.1111/ecog.02881).

    Args:
        dataset: The dataset, in any CRS; it is not changed.
        fractions: Shares of the ground that sum to 1; blocks are given out so as to come close.
        block_size: Side of a block in metres, measured on the ellipsoid where the block lies
            (degrees and Mercator's metres are not metres).
        buffer: Least distance in metres between two parts; the ground in between is in none.
            Less than `block_size`.
        generator: Source of randomness; None is PyTorch's default generator.

    Neighbouring blocks of one part are one piece of ground where they form a rectangle, so that
    patches may lie across them.

    Raises:
        SplitError: A fraction, size or buffer out of range, or too few blocks for the parts.
    """
    values = shares(fractions)
    geometry = np.asarray(dataset.index.geometry.values, dtype=object)
    blocks = metric_blocks(geometry, dataset.crs, block_size, buffer)
    part = _fill_parts(blocks.ground, values * blocks.ground.sum(), rng_of(generator))
    if missing := set(range(len(values))) - set(part.tolist()):
        raise SplitError(
            f"{len(part)} blocks of {block_size:g} m are too few for {len(values)} parts with "
            f"shares {values.tolist()} (part {min(missing)} got none); use smaller blocks"
        )
    pieces, owner = blocks.pieces(part)
    frames = cut_rows(dataset.index, pieces, owner, len(values))
    return make_parts(dataset, frames, "spatial_block_split")


# ---- helpers -------------------------------------------------------------------------------------


def _row_counts(lengths: Sequence[float], n: int) -> NDArray[np.int64]:
    values = np.asarray(list(lengths), dtype=np.float64)
    if len(values) and (values == np.round(values)).all() and values.sum() == n and n != 1:
        if (values < 0).any():
            raise SplitError(f"lengths {list(lengths)}; expected numbers of rows of at least 0")
        return values.astype(np.int64)
    if len(values) and (values > 1).any():
        raise SplitError(f"lengths {list(lengths)} sum to {values.sum():g}; expected {n} rows or 1")
    return _largest_remainder(shares(lengths, "lengths"), n)


def _largest_remainder(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Whole numbers that sum to `n` in proportion to `values`."""
    counts = np.floor(values * n + 1e-9).astype(np.int64)
    rest = np.argsort(-(values * n - counts), kind="stable")[: n - counts.sum()]
    counts[rest] += 1
    return counts


def _fill_parts(
    size: NDArray[np.float64], wanted: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """The part of each group: in random order, each goes where most is missing.

    Groups above the mean come first: a large one given out last would find no room.
    """
    order = rng.permutation(len(size))
    order = order[np.argsort(size[order] <= 2 * size.mean(), kind="stable")]
    part = np.zeros(len(size), dtype=np.intp)
    missing = wanted.astype(np.float64).copy()
    untouched = wanted > 0
    for k, g in enumerate(order):
        candidates = missing.copy()
        if untouched.sum() >= len(order) - k:  # every part gets at least one
            candidates[~untouched] = -np.inf
        best = np.flatnonzero(candidates >= candidates.max() - 1e-9 * abs(wanted).max())
        p = int(rng.choice(best))
        part[g] = p
        missing[p] -= size[g]
        untouched[p] = False
    return part


def _group_boxes(
    dataset: GeoDataset,
) -> tuple[Any, NDArray[np.intp], NDArray[np.float64]]:
    """The index with its groups separated, the group of each row, each group's bounds (g, 4)."""
    index, group = separated(dataset.index, dataset.res)
    bounds = shapely.bounds(np.asarray(index.geometry.values, dtype=object)).reshape(-1, 4)
    boxes = np.empty((int(group.max()) + 1, 4))
    boxes[:, :2], boxes[:, 2:] = np.inf, -np.inf
    np.minimum.at(boxes[:, :2], group, bounds[:, :2])
    np.maximum.at(boxes[:, 2:], group, bounds[:, 2:])
    return index, group, boxes


def _boxes(corners: Sequence[tuple[float, float, float, float]]) -> NDArray[Any]:
    return np.asarray(shapely.box(*np.array(corners, dtype=np.float64).reshape(-1, 4).T))
