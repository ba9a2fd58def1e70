"""Figures without pyplot: no global state, so they are safe in threads and without a screen."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path as LocalPath
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from swath.errors import WriteError
from swath.plot.image import Colour
from swath.typing import Path

__all__ = ["class_legend", "new_figure", "save_figure"]


def new_figure(width: float, height: float, *, dpi: float = 120) -> Figure:
    """An empty figure of `width` x `height` inches that lays itself out."""
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def class_legend(
    target: Any,
    table: Mapping[int, tuple[str, Colour]],
    *,
    present: Sequence[int] | None = None,
    **options: Any,
) -> Any:
    """Put a legend of classes on a figure or on axes.

    Args:
        target: A figure or axes.
        table: Name and colour by class value, as `swath.plot.class_table` gives.
        present: Only these values are listed.
        options: Go to matplotlib's `legend`.

    Returns:
        The legend, or None where no class would be in it.
    """
    handles = [
        Patch(facecolor=f"#{bytes(colour[:3]).hex()}", edgecolor="0.4", lw=0.5, label=name)
        for value, (name, colour) in table.items()
        if present is None or value in present
    ]
    if not handles:
        return None
    return target.legend(handles=handles, **{"frameon": False, "fontsize": "small", **options})


def save_figure(figure: Figure, path: Path, *, dpi: float | None = None) -> str:
    """Write a figure as PNG, PDF or SVG (by the suffix), whole or not at all.

    Raises:
        WriteError: It cannot be written there.
    """
    target = LocalPath(os.fspath(path))
    part = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(part, dpi=dpi or figure.dpi)
        os.replace(part, target)
    except OSError as error:
        raise WriteError(
            f"{target} cannot be written: {error.strerror or error}. Choose a folder that can be"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return str(target)
