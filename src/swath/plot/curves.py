"""How a training went, and which classes it confuses."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from swath.errors import ConfigError, FileMissingError, UnreadableFileError
from swath.plot.figure import new_figure
from swath.plot.image import as_array, default_colours
from swath.typing import Path

__all__ = ["confusion_figure", "training_curves"]

_STAGE = re.compile(r"^(train|val|test)[_/](.+?)(_step|_epoch)?$")
_STAGE_COLOURS = {"train": "#2e6eb2", "val": "#cc3d3e", "test": "#2c8b53"}
_MAJORITY = "majority"
_FALLING = re.compile(r"loss|error|rmse|mse|mae|nll", re.IGNORECASE)


def training_curves(path: Path, *, title: str | None = None) -> Figure:
    """The curves in a `metrics.csv` of Lightning's `CSVLogger`, one panel a quantity.

    ``train_loss``, ``val_loss`` and ``test_loss`` share a panel; so do all of ``val_iou/<class>``,
    a colour each. The best validation value is marked; a test value is a dashed line.

    Args:
        path: The CSV file.
        title: By default the file's folder.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is no table with a column ``epoch`` or ``step`` and any metric.
    """
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise FileMissingError(f"the metrics {name} do not exist; a CSVLogger writes metrics.csv")
    try:
        table = pd.read_csv(name)
    except (ValueError, pd.errors.ParserError) as error:
        raise UnreadableFileError(f"{name} cannot be read as CSV: {error}") from error
    panels = _panels(table)
    if not panels or not {"epoch", "step"} & set(table.columns):
        raise UnreadableFileError(
            f"{name} has the columns {list(table.columns)}; expected epoch or step, and metrics "
            "such as train_loss and val_loss"
        )
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.4 * columns, 3.1 * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (quantity, lines) in zip(axes, panels.items(), strict=False):
        _draw_panel(axis, table, quantity, lines)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    place = os.path.join(*os.path.abspath(name).split(os.sep)[-3:-1])
    figure.suptitle(place if title is None else title, x=0.01, ha="left")
    return figure


def _panels(table: pd.DataFrame) -> dict[str, list[tuple[str, str, str]]]:
    """Quantity -> (column, stage, part): the part is a class's name, or empty."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for column in table.columns:
        if column in ("epoch", "step") or not pd.api.types.is_numeric_dtype(table[column]):
            continue
        if table[column].isna().all():
            continue
        match = _STAGE.match(column)
        stage, quantity, suffix = match.groups() if match else ("", column, None)
        if suffix == "_step" and f"{column[:-5]}_epoch" in table.columns:
            continue  # the epoch's mean says the same with less noise
        group, _, part = quantity.partition("/")
        if stage == "train" and part:
            continue  # a line a class is enough once
        if group == _MAJORITY and f"{stage}_accuracy" in table.columns:
            if stage == "train":
                continue
            group = "accuracy"  # what a score is to be compared with: a line in its panel
        # a mean over classes is not lost among their lines
        found.setdefault(f"{group} of classes" if part else group, []).append((column, stage, part))
    order = sorted(found, key=lambda q: (q != "loss", found[q][0][1] == "", found[q][0][2] != ""))
    return {quantity: found[quantity] for quantity in order}


def _draw_panel(
    axis: Any, table: pd.DataFrame, quantity: str, lines: list[tuple[str, str, str]]
) -> None:
    parts = list(dict.fromkeys(part for _, _, part in lines if part))
    colours = default_colours(range(len(parts)))
    axis.set_title(quantity, fontsize="medium", loc="left")
    for column, stage, part in lines:
        x_name, x, y = _points(table, column, stage)
        if len(y) == 0:
            continue
        if quantity != _MAJORITY and _MAJORITY in column:
            if stage != "test":
                axis.axhline(
                    y[-1], color="0.45", linestyle=":", linewidth=1.2, label="majority class"
                )
            continue
        if part:
            colour: Any = [c / 255 for c in colours[parts.index(part)]]
            label = part
        else:
            colour, label = _STAGE_COLOURS.get(stage, "0.3"), stage or column
        if stage == "test":
            label = "_test" if part else label  # in the class's colour: once in the legend
            axis.axhline(y[-1], color=colour, linestyle="--", linewidth=1, label=label)
            continue
        marker = "o" if len(y) < 25 else None
        axis.plot(x, y, color=colour, linewidth=1.4, marker=marker, markersize=3, label=label)
        if stage == "val" and not part and np.isfinite(y).any():
            best = int(np.nanargmin(y) if _FALLING.search(quantity) else np.nanargmax(y))
            axis.plot(x[best], y[best], marker="*", markersize=10, color=colour, zorder=5)
            axis.annotate(
                f"{y[best]:.3g}", (x[best], y[best]), xytext=(0, 7), textcoords="offset points",
                ha="center", fontsize="small", color=colour,
            )  # fmt: skip
        axis.set_xlabel(x_name, fontsize="small")
    axis.margins(y=0.16)
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.grid(color="0.9", linewidth=0.7)
    axis.tick_params(labelsize="small")
    axis.spines[["top", "right"]].set_visible(False)
    if len(parts) > 4:  # more would hide the lines
        axis.legend(
            frameon=False, fontsize="x-small", loc="upper left", bbox_to_anchor=(1, 1),
            borderaxespad=0,
        )  # fmt: skip
    elif len(lines) > 1 or lines[0][1]:
        axis.legend(frameon=False, fontsize="x-small")


def _points(
    table: pd.DataFrame, column: str, stage: str
) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
    """Abscissa's name, abscissa and values: the mean of each epoch, or each step."""
    # What belongs to no stage, a learning rate, changes within an epoch.
    by_step = "epoch" not in table.columns or (stage == "" and "step" in table.columns)
    name = "step" if by_step else "epoch"
    mean = table[[name, column]].dropna().groupby(name, sort=True)[column].mean()
    return name, mean.index.to_numpy(float), mean.to_numpy(float)


def confusion_figure(matrix: Any, classes: Sequence[str], *, title: str | None = None) -> Figure:
    """A confusion matrix with what it says of each class.

    Each row is a true class, in percent of its pixels (or images, or whatever was counted); so the
    diagonal is the recall. To the right of it the row's IoU and count, below the columns the
    precision.

    Args:
        matrix: (K, K) counts, [truth, prediction], as torchmetrics and scikit-learn give.
        classes: K names.
        title: Above the figure.

    Raises:
        ConfigError: The matrix is not (K, K) counts.
    """
    counts = as_array(matrix).astype(np.float64)
    n = len(classes)
    if counts.shape != (n, n) or (counts < 0).any():
        raise ConfigError(
            f"a confusion matrix of {n} classes is ({n}, {n}) counts, got shape {counts.shape}"
        )
    truth, found, hit = counts.sum(1), counts.sum(0), counts.diagonal()
    recall = _ratio(counts, truth[:, None])
    iou, precision = _ratio(hit, truth + found - hit), _ratio(hit, found)
    cell = 0.62 if n <= 12 else 0.42
    figure = new_figure(cell * n + 4.2, cell * n + 2.4)
    axis = figure.add_subplot()
    image = axis.imshow(100 * recall, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    size = "small" if n <= 12 else "x-small"
    for i in range(n):
        for j in range(n):
            share = 100 * recall[i, j]
            if np.isfinite(share) and (share >= 0.5 or i == j):
                axis.text(
                    j, i, f"{share:.0f}", ha="center", va="center", fontsize=size,
                    color="white" if share > 55 else "0.15",
                    fontweight="bold" if i == j else "normal",
                )  # fmt: skip
    axis.set_xticks(
        range(n),
        [f"{name}\n{_text(p)}" if n <= 6 else f"{name}  {_text(p)}" for name, p in
         zip(classes, precision, strict=True)],
        rotation=0 if n <= 6 else 90, fontsize=size,
    )  # fmt: skip
    axis.set_yticks(range(n), list(classes), fontsize=size)
    axis.set_xlabel("prediction  (below the name: precision)")
    axis.set_ylabel("truth")
    side = axis.secondary_yaxis("right")
    side.set_yticks(
        range(n),
        [f"{_text(i)}   {_count(t)}" for i, t in zip(iou, truth, strict=True)],
        fontsize=size,
    )
    side.tick_params(length=0)
    side.set_ylabel("IoU and count of truth", rotation=270, va="bottom")
    axis.tick_params(length=0)
    axis.set_title(
        f"{title + ': ' if title else ''}"
        f"accuracy {_text(_ratio(hit.sum(), counts.sum()))}, mean IoU {_text(_mean(iou))}",
        fontsize="medium",
    )
    figure.colorbar(image, ax=axis, shrink=0.6, label="percent of the true class")
    return figure


def _ratio(above: Any, below: Any) -> NDArray[np.float64]:
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _text(share: Any) -> str:
    return f"{100 * float(share):.1f} %" if np.isfinite(share) else "–"


def _count(count: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f}"
