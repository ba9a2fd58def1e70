"""Several trainings in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from swath.errors import ConfigError
from swath.plot.figure import new_figure
from swath.plot.image import default_colours

__all__ = ["comparison_figure"]


def comparison_figure(
    runs: Mapping[str, Any], quantities: Sequence[str], *, columns: int = 3
) -> Figure:
    """The curves of several runs over each other: a panel a quantity, a colour a run.

    Args:
        runs: Name -> table (`pandas.DataFrame`) of its metrics.csv.
        quantities: Columns to draw, such as ``train_loss`` and ``val_miou``. A run that lacks one
            has no line there.
        columns: Panels in a row, at most.

    Raises:
        ConfigError: No quantity, or no run has any of them.
    """
    shown = [q for q in quantities if any(_has(table, q) for table in runs.values())]
    if not shown:
        raise ConfigError(f"no run of {list(runs)} has any of {list(quantities)}")
    across = min(columns, len(shown))
    down = -(-len(shown) // across)
    figure = new_figure(4.4 * across, 3.1 * down + 0.25 * -(-len(runs) // 4) + 0.1)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    colours = default_colours(range(len(runs)))
    styles = ("-", "--", ":")
    handles: dict[str, Any] = {}
    for axis, quantity in zip(axes, shown, strict=False):
        for i, (name, table) in enumerate(runs.items()):
            if not _has(table, quantity):
                continue
            by = "epoch" if "epoch" in table.columns else "step"
            mean = table[[by, quantity]].dropna().groupby(by, sort=True)[quantity].mean()
            x, y = mean.index.to_numpy(float), mean.to_numpy(float)
            marker = "o" if len(x) < 15 else None
            (line,) = axis.plot(
                x, y, color=[c / 255 for c in colours[i][:3]], linewidth=1.4, marker=marker,
                markersize=3, linestyle=styles[i // 20 % 3],
            )  # fmt: skip
            handles.setdefault(name, line)
            axis.set_xlabel(by, fontsize="small")
        axis.set_title(quantity, fontsize="medium", loc="left")
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.grid(color="0.9", linewidth=0.7)
        axis.tick_params(labelsize="small")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    figure.legend(
        list(handles.values()), [n.replace("$", r"\$") for n in handles], frameon=False,
        fontsize="small", loc="outside lower center", ncols=min(4, len(handles)),
    )  # fmt: skip
    return figure


def _has(table: Any, quantity: str) -> bool:
    return quantity in table.columns and bool(np.isfinite(_numbers(table[quantity])).any())


def _numbers(column: Any) -> Any:
    return column.to_numpy(float) if column.dtype.kind in "fiu" else np.array([])
