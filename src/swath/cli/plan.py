"""From a survey to a config's numbers: patches, blocks, and a split that is fair to classes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from swath.datamodules.split import PARTS, metres_per_unit, split_ground
from swath.datamodules.survey import Survey
from swath.errors import SplitError

__all__ = ["Plan", "make_plan"]

FRACTIONS = [0.7, 0.15, 0.15]
TRIES = 24
GOOD = 0.6  # as fair as this, and no other split is tried
STEPS = 32  # at least, in an epoch: fewer say little between two validations
RARE = 0.002  # a class with less of the ground may miss from a part


_Fairness = tuple[int, int, float]


@dataclass(frozen=True)
class Plan:
    """What the config says beyond what was found.

    Attributes:
        split: As `RasterDataModule` takes it.
        length: Patches in an epoch, where the ground holds too few for an epoch worth the name.
        shares: Of each part: how much of the labelled ground it has.
        absent: Of each part: names of classes that it does not have.
    """

    patch_size: int
    batch_size: int
    length: int | None
    split: dict[str, Any]
    shares: dict[str, float]
    absent: dict[str, list[str]]


def make_plan(found: Survey, seed: int = 0) -> Plan:
    """Choose the largest patch of which the ground holds enough, and the fairest of some splits.

    Raises:
        SplitError: The ground is too small to be split.
    """
    columns, rows = found.extent
    ground = math.sqrt(found.area * 1e6)
    metres = max(found.res) * metres_per_unit(found.pairs)
    side = min(max(columns, rows), int(1.3 * ground / metres))
    patch = next((p for p in (256, 128, 64) if side >= 8 * p), 32)
    best: tuple[_Fairness, dict[str, Any], dict[str, Counter[int]]] | None = None
    # A little less than two patches: the windows of the scores then hardly overlap, in spite of
    # the map's distortion; never less than one.
    for blocks in (1.98, 1.48, 1.05):
        block = blocks * patch * metres
        for k in range(TRIES):
            split = {
                "method": "blocks", "fractions": FRACTIONS,
                "block_size": float(f"{block:.6g}"), "seed": seed + k,
            }  # fmt: skip
            try:
                parts = split_ground(found.pairs, split)
            except SplitError:
                continue
            counts = {n: _counts(part, found) for n, part in parts.items()}
            fair = _fairness(counts)
            if best is None or fair > best[0]:
                best = fair, split, counts
            if fair[2] > GOOD:
                break
        if best is not None and best[0][2] > 0:
            break
    if best is None:
        raise SplitError(
            f"the ground that images and labels share is too small to split: {columns} × {rows} "
            f"pixels, where blocks of {patch} pixels are the least; label more, or write a split "
            "of your own ('rois') into the config"
        )
    _, split, counts = best
    total = sum(sum(c.values()) for c in counts.values()) or 1
    shares = {n: sum(c.values()) / total for n, c in counts.items()}
    names = _class_names(found)
    absent = {n: [names[v] for v in names if not counts[n][v]] for n in PARTS}
    batch = {256: 8, 128: 8, 64: 16}.get(patch, 32)
    cover = found.area * 1e6 / metres**2 * FRACTIONS[0] / patch**2
    length = STEPS * batch if cover < STEPS * batch else None
    return Plan(patch, batch, length, split, shares, absent)


def _class_names(found: Survey) -> dict[int, str]:
    """Name by the code that the label layer gives."""
    if found.labels.kind == "raster":
        return {int(c.value): c.name for c in found.classes}
    first = 0 if found.background == "class" else 1
    return {i + first: c.name for i, c in enumerate(found.classes)}


def _counts(part: Any, found: Survey) -> Counter[int]:
    """Labelled pixels by code in a part of the ground, from the survey's squares."""
    ground = shapely.union_all(np.asarray(part.index.geometry.values, dtype=object))
    shapely.prepare(ground)
    inside = shapely.contains_xy(ground, [c[0] for c in found.cells], [c[1] for c in found.cells])
    known = set(_class_names(found))
    total: Counter[int] = Counter()
    for hit, (_, _, counts) in zip(inside, found.cells, strict=True):
        if hit:
            total.update({code: n for code, n in counts.items() if code in known})
    return total


def _fairness(counts: dict[str, Counter[int]]) -> _Fairness:
    """How fair a split is, to be compared: the more the fairer.

    First, few classes that training misses; then, few that a score misses; then how close each
    class's share in each part is to its share of the whole: 1 where they are the same, 0 where a
    class misses from a part.
    """
    total: Counter[int] = Counter()
    for part in counts.values():
        total.update(part)
    everything = sum(total.values())
    sizes = {n: sum(c.values()) for n, c in counts.items()}
    if not everything or not all(sizes.values()):
        return -len(total), -2 * len(total), -1.0
    worst = 1.0
    for code, n in total.items():
        if n / everything < RARE:
            continue
        for name, part in counts.items():
            ratio = (part[code] / sizes[name]) / (n / everything)
            worst = min(worst, ratio, 1 / ratio if ratio else 0.0)
    for name, fraction in zip(PARTS, FRACTIONS, strict=True):
        worst = min(worst, sizes[name] / everything / fraction)
    unseen = sum(not counts["train"][code] for code in total)
    untold = sum(not counts[name][code] for code in total for name in PARTS[1:])
    return -unseen, -untold, worst
