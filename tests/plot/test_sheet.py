"""Figures on one page: in order, none over another, nothing cut off."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from swath.errors import ConfigError
from swath.plot import contact_sheet, new_figure


def square(colour: str, width: float = 1.0, height: float = 1.0) -> Figure:
    figure = new_figure(width, height, dpi=100)
    figure.set_facecolor(colour)
    return figure


def pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]


def test_figures_stand_beside_and_below_each_other() -> None:
    page = pixels(contact_sheet([square("red"), square("lime"), square("blue")], width=250))
    assert page.shape == (206, 206, 3)
    assert page[50, 50].tolist() == [255, 0, 0]
    assert page[50, 150].tolist() == [0, 255, 0]
    assert page[150, 50].tolist() == [0, 0, 255]
    assert page[150, 150].tolist() == [255, 255, 255]


def test_a_wide_figure_has_a_row_and_a_title_is_above() -> None:
    page = pixels(contact_sheet([square("red", 4.0), square("blue")], title="t", width=250))
    assert page.shape[1] == 400
    assert page[-50, 50].tolist() == [0, 0, 255]
    assert (page[:30] == 255).any()
    with pytest.raises(ConfigError, match="no figure"):
        contact_sheet([])
