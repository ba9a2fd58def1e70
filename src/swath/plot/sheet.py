"""Several figures on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import new_figure

__all__ = ["contact_sheet"]

_GAP = 6  # pixels


def contact_sheet(
    figures: Sequence[Figure], *, title: str | None = None, width: int = 1600
) -> Figure:
    """Put figures beside and below each other, in order.

    Args:
        figures: They may differ in size.
        title: Above all.
        width: Pixels in a row, at most; a wider figure has a row of its own.

    Raises:
        ConfigError: There is no figure.
    """
    if not figures:
        raise ConfigError("there is no figure to put on a sheet")
    pictures = [_pixels(figure) for figure in figures]
    rows: list[list[NDArray[Any]]] = [[]]
    for picture in pictures:
        taken = sum(p.shape[1] + _GAP for p in rows[-1])
        if rows[-1] and taken + picture.shape[1] > width:
            rows.append([])
        rows[-1].append(picture)
    across = max(sum(p.shape[1] + _GAP for p in row) for row in rows) - _GAP
    down = sum(max(p.shape[0] for p in row) + _GAP for row in rows) - _GAP
    page = np.full((down, across, 3), 255, np.uint8)
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += picture.shape[1] + _GAP
        top += max(p.shape[0] for p in row) + _GAP
    dpi = figures[0].dpi
    room = 0.35 if title else 0.0
    sheet = new_figure(across / dpi, down / dpi + room, dpi=dpi)
    sheet.set_layout_engine("none")
    axis = sheet.add_axes((0, 0, 1, down / dpi / (down / dpi + room)))
    axis.imshow(page, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    if title:
        sheet.text(0.5, 1 - 0.5 * room / (down / dpi + room), title, ha="center", va="center",
                   fontsize="medium")  # fmt: skip
    return sheet


def _pixels(figure: Figure) -> NDArray[Any]:
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
