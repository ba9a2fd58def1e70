"""How a sampler walks: animations of places and times, and a still of many patches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import new_figure
from swath.plot.splits import draw_shapes

__all__ = ["animate_both", "animate_places", "animate_times", "plot_patches"]

_GROUND = {"facecolor": "#dfe6e9", "edgecolor": "#7f8c8d", "linewidth": 0.6}
_PATCH = "#D55E00"
_PAST = "#0072B2"


def plot_patches(footprints: NDArray[Any], queries: Iterable[Any], limit: int = 200) -> Figure:
    """The first `limit` patches of a sampler over the ground they are from.

    Args:
        footprints: Geometries (n,) in the dataset's CRS.
        queries: Slices (x, y, …), a sampler for one.
        limit: How many to draw at most.
    """
    figure = new_figure(6, 6)
    axes = _map(figure.add_subplot(), footprints)
    for query in _first(queries, limit):
        axes.add_patch(_rectangle(query, edgecolor=_PAST, facecolor=_PAST, alpha=0.25))
    axes.autoscale_view()
    return figure


def animate_places(footprints: NDArray[Any], queries: Iterable[Any], limit: int) -> FuncAnimation:
    """One frame a query: its patch in front of those that came before."""
    chosen = _first(queries, limit)
    figure = new_figure(6, 6)
    axes = _map(figure.add_subplot(), footprints)
    patches = _patches(axes, chosen)

    def show(frame: int) -> list[Any]:
        return _light(patches, frame)

    return FuncAnimation(figure, show, frames=len(chosen), interval=100, blit=False)


def animate_times(
    start: NDArray[np.int64], stop: NDArray[np.int64], queries: Iterable[Any], limit: int
) -> FuncAnimation:
    """One frame a query: its window over the times of the rows (nanoseconds since 1970)."""
    chosen = _first(queries, limit)
    figure = new_figure(8, 3)
    windows = _windows(_calendar(figure.add_subplot(), start, stop), chosen)

    def show(frame: int) -> list[Any]:
        return _light(windows, frame)

    return FuncAnimation(figure, show, frames=len(chosen), interval=200, blit=False)


def animate_both(
    footprints: NDArray[Any],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    queries: Iterable[Any],
    limit: int,
) -> FuncAnimation:
    """One frame a query: its patch on the map, its window on the calendar below."""
    chosen = _first(queries, limit)
    figure = new_figure(6, 8)
    above, below = figure.subplots(2, 1, height_ratios=(3, 1))
    patches = _patches(_map(above, footprints), chosen)
    windows = _windows(_calendar(below, start, stop), chosen)

    def show(frame: int) -> list[Any]:
        return _light(patches, frame) + _light(windows, frame)

    return FuncAnimation(figure, show, frames=len(chosen), interval=150, blit=False)


def _first(queries: Iterable[Any], limit: int) -> list[Any]:
    if limit < 1:
        raise ConfigError(f"limit is {limit}; expected at least 1 query to draw")
    return list(itertools.islice(queries, limit))


def _map(axes: Any, footprints: NDArray[Any]) -> Any:
    draw_shapes(axes, footprints, **_GROUND)
    # A point has no extent: leave room for the patch around it.
    axes.margins(0.1 if shapely.area(footprints).sum() > 0 else 1.0)
    axes.set_aspect("equal")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    return axes


def _calendar(axes: Any, start: NDArray[np.int64], stop: NDArray[np.int64]) -> Any:
    begin, end = _days(start), _days(stop)
    least = max(1e-3, 0.004 * float(end.max() - begin.min()))  # an instant still shows
    rows = np.arange(len(begin))
    axes.barh(rows, np.maximum(end - begin, least), left=begin, color="#7f8c8d", height=0.8)
    axes.xaxis_date()
    axes.set_ylabel("row")
    axes.set_ylim(-1, len(begin))
    axes.tick_params(axis="x", rotation=30, labelsize="small")
    return axes


def _patches(axes: Any, queries: list[Any]) -> list[Any]:
    made = [axes.add_patch(_rectangle(q, facecolor="none", visible=False)) for q in queries]
    axes.autoscale_view()
    return made


def _windows(axes: Any, queries: list[Any]) -> list[Any]:
    made = []
    for query in queries:
        begin, end = _day(query[2].start), _day(query[2].stop)
        made.append(axes.axvspan(begin, max(end, begin + 1e-3), alpha=0.3, visible=False))
    return made


def _light(shapes: list[Any], frame: int) -> list[Any]:
    """The shape of this frame in the colour of now, those before it faint, later ones hidden."""
    for k, shape in enumerate(shapes):
        shape.set_visible(k <= frame)
        shape.set_edgecolor(_PATCH if k == frame else _PAST)
        shape.set_alpha(1.0 if k == frame else 0.25)
    return shapes


def _rectangle(query: Any, **style: Any) -> Rectangle:
    x, y = query[0], query[1]
    return Rectangle((x.start, y.start), x.stop - x.start, y.stop - y.start, **style)


def _day(time: pd.Timestamp) -> float:
    return float(_days(np.array([time.as_unit("ns").value], dtype=np.int64))[0])


def _days(times: NDArray[np.int64]) -> NDArray[np.float64]:
    days: NDArray[np.float64] = times.astype(np.float64) / 86400e9  # since 1970, as matplotlib has
    return days
