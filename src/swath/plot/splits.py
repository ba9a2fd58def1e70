"""A split on one map: which part has which ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from swath.errors import SplitError
from swath.plot.figure import new_figure

if TYPE_CHECKING:
    from swath.datasets.geo import GeoDataset

__all__ = ["draw_shapes", "plot_split"]

#: Colour-blind safe (Okabe & Ito 2008).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
_NAMES = ("train", "val", "test")


def plot_split(
    parts: Sequence[GeoDataset], names: Sequence[str] | None = None, *, title: str | None = None
) -> Figure:
    """Draw the ground of each part of a split in its own colour, in the first part's CRS.

    Args:
        parts: The parts.
        names: One for each; by default train, val, test for three (train, val for two).
        title: Above the map.

    Returns:
        A figure. Ground that belongs to two parts is hatched in red: a split has none.

    Raises:
        SplitError: Not one name for each part.
    """
    from swath.datasets.frames import reproject_footprints

    if names is None:
        three = len(parts) <= len(_NAMES)
        names = _NAMES[: len(parts)] if three else [f"part {k}" for k in range(len(parts))]
    if len(names) != len(parts) or not parts:
        raise SplitError(f"{len(names)} names {list(names)} for {len(parts)} parts")
    crs = parts[0].crs
    grounds = []
    for part in parts:
        shapes = np.asarray(part.index.geometry.values, dtype=object)
        grounds.append(shapes if part.crs == crs else reproject_footprints(shapes, part.crs, crs))
    figure = new_figure(7, 6)
    axes = figure.add_subplot()
    total = [float(shapely.area(shapely.union_all(g))) for g in grounds]
    handles = []
    for k, (ground, name) in enumerate(zip(grounds, names, strict=True)):
        colour = _COLOURS[k % len(_COLOURS)]
        draw_shapes(axes, ground, facecolor=colour, edgecolor=colour, alpha=0.55, linewidth=0.6)
        share = total[k] / sum(total) if sum(total) else 0.0
        label = f"{name}: {len(ground)} rows" + (f", {share:.0%} of the ground" if share else "")
        handles.append(Patch(facecolor=colour, alpha=0.55, label=label))
    common = _shared(grounds)
    if len(common):
        draw_shapes(axes, common, facecolor="none", edgecolor="red", hatch="xxx", linewidth=1.0)
        handles.append(Patch(facecolor="none", edgecolor="red", hatch="xxx", label="shared"))
    _finish(axes, crs)
    figure.legend(handles=handles, fontsize="small", loc="outside lower center", ncols=2)
    if title:
        axes.set_title(title)
    return figure


def draw_shapes(axes: Any, shapes: NDArray[Any], **style: Any) -> None:
    """Put polygons (with holes), lines and points on axes, in one style."""
    flat = shapely.get_parts(shapes)
    solid = flat[shapely.get_dimensions(flat) == 2]
    patches = [PathPatch(_outline(shape)) for shape in solid]
    axes.add_collection(PatchCollection(patches, match_original=False, **style))
    rest = flat[shapely.get_dimensions(flat) < 2]
    if len(rest):
        xy = shapely.get_coordinates(rest)
        colour = style.get("facecolor")
        axes.plot(*xy.T, ".", color=style["edgecolor"] if colour == "none" else colour, ms=3)
    axes.autoscale_view()


def _outline(shape: Any) -> Outline:
    rings = shapely.get_rings(shape)
    points = [shapely.get_coordinates(ring) for ring in rings]
    codes = [
        np.concatenate([[Outline.MOVETO], np.full(len(p) - 2, Outline.LINETO), [Outline.CLOSEPOLY]])
        for p in points
    ]
    return Outline(np.concatenate(points), np.concatenate(codes))


def _shared(grounds: Sequence[NDArray[Any]]) -> NDArray[Any]:
    unions = [shapely.union_all(g) for g in grounds]
    common = [
        piece
        for a in range(len(unions))
        for b in range(a)
        for piece in shapely.get_parts(shapely.intersection(unions[a], unions[b]))
    ]
    found = np.array([None, *common], dtype=object)[1:]
    return found[shapely.area(found) > 0]


def _finish(axes: Any, crs: Any) -> None:
    degrees = bool(crs is not None and crs.is_geographic)
    if degrees:  # about true to shape in the middle
        low, high = axes.get_ylim()
        axes.set_aspect(1 / max(0.05, float(np.cos(np.radians((low + high) / 2)))))
    else:
        axes.set_aspect("equal")
    axes.set_xlabel("longitude (°)" if degrees else "x")
    axes.set_ylabel("latitude (°)" if degrees else "y")
    axes.tick_params(labelsize="small")
    if crs is not None:
        axes.annotate(
            crs.to_string() if len(crs.to_string()) < 30 else crs.name,
            (1, -0.12), xycoords="axes fraction", ha="right", fontsize="x-small", color="0.4",
        )  # fmt: skip
