"""A row of panels: pictures, masks, quantities, objects and curves of one sample."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.boxes import draw_objects
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import Colour

__all__ = ["Panel", "panels_figure"]

_COLOURS = {True: "#1b7837", False: "#b2182b", None: "0.2"}
_ACROSS = 6  # panels in a row
_MOST_CLASSES = 24
_LETTERS = 13  # of small print in an inch


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: Above it.
        picture: uint8 (H, W, 4).
        values: (H, W) of a quantity in place of a picture; NaN is not known.
        limits: Of the quantity's colours.
        objects: Drawn on the picture, as `swath.plot.object_figure` takes them.
        curves: Lines by name, in place of a picture.
        axis: What the curves are over.
        note: Below it.
        right: Whether what the note says is right: green or red.
    """

    title: str
    picture: NDArray[np.uint8] | None = None
    values: NDArray[Any] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    objects: Mapping[str, Any] | None = None
    curves: Mapping[str, NDArray[Any]] | None = None
    axis: str = ""
    note: str = ""
    right: bool | None = None


def panels_figure(
    panels: Sequence[Panel],
    *,
    table: Mapping[int, tuple[str, Colour]] | None = None,
    present: Sequence[int] = (),
    titles: bool = True,
    suptitle: str | None = None,
    caption: str = "",
    side: float = 3.0,
) -> Figure:
    """Draw panels beside each other, six in a row, with one legend for all.

    Args:
        panels: What to draw.
        table: Name and colour by class value, as `swath.plot.class_table` gives.
        present: The values in the legend; of more than 24, the first.
        titles: Whether panels have titles.
        suptitle: Above all.
        caption: Below all.
        side: Inches of a panel.

    Raises:
        ConfigError: There is no panel.
    """
    if not panels:
        raise ConfigError("there is no panel to draw")
    table, listed = table or {}, list(present)[:_MOST_CLASSES]
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    widths = max(len(table[v][0]) for v in listed if v in table) if listed else 1
    columns = max(1, min(len(listed), int(side * across * _LETTERS / (widths + 6))))
    lines = textwrap.wrap(caption, int(side * across * _LETTERS)) if caption else []
    notes = [
        "\n".join(textwrap.fill(line, int(side * _LETTERS)) for line in p.note.splitlines())
        for p in panels
    ]
    deepest = max(note.count("\n") + 1 if note else 0 for note in notes)
    tall = side * max(_aspect(p) for p in panels)
    height = down * (tall + 0.3 * titles + 0.16 * deepest) + 0.19 * -(-len(listed) // columns)
    height += 0.16 * len(lines) + 0.3 * bool(suptitle)
    figure = new_figure(side * across + 0.1, height)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, panel, note in zip(axes, panels, notes, strict=False):
        _draw(figure, axis, panel, table)
        if titles:
            axis.set_title(panel.title, fontsize="medium")
        if note:
            colour = _COLOURS[panel.right]
            axis.set_xlabel(f"{axis.get_xlabel()}\n{note}".strip(), fontsize="small", color=colour)
    if listed:
        class_legend(figure, table, present=listed, loc="outside lower center", ncols=columns)
    if lines:
        figure.supxlabel("\n".join(lines), fontsize="small")
    if suptitle:
        figure.suptitle(suptitle, fontsize="medium")
    return figure


def _aspect(panel: Panel) -> float:
    """Height by width of what is drawn."""
    drawn = panel.picture if panel.picture is not None else panel.values
    return 1.0 if drawn is None else min(max(drawn.shape[0] / drawn.shape[1], 0.3), 2.5)


def _draw(figure: Figure, axis: Any, panel: Panel, table: Mapping[int, Any]) -> None:
    axis.spines[:].set(color="0.75", linewidth=0.6)
    if panel.curves is not None:
        _curves(axis, panel)
        return
    axis.set(xticks=[], yticks=[], facecolor="0.88")  # what is transparent is not known
    if panel.values is not None:
        low, high = panel.limits
        shown = axis.imshow(panel.values, interpolation="nearest", cmap="viridis", vmin=low,
                            vmax=high)  # fmt: skip
        figure.colorbar(shown, ax=axis, location="right", shrink=0.75, aspect=24, extend="both")
    elif panel.picture is not None:
        axis.imshow(panel.picture, interpolation="nearest")
    if panel.objects is not None:
        draw_objects(axis, panel.objects, table)


def _curves(axis: Any, panel: Panel) -> None:
    curves = dict(panel.curves or {})
    for k, (name, values) in enumerate(curves.items()):
        dense = len(values) > 400
        axis.plot(np.arange(len(values)), values, lw=0.5 if dense else 1.3, label=name,
                  marker="" if dense else ".", color=f"C{k}")  # fmt: skip
    axis.tick_params(labelsize="x-small")
    axis.set_xlabel(panel.axis, fontsize="small")
    axis.margins(x=0.01)
    axis.set_box_aspect(1)
    axis.locator_params(axis="x", nbins=5)
    if len(curves) > 1:
        axis.legend(fontsize="x-small", frameon=False, ncols=2, loc="best")
