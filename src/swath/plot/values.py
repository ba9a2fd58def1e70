"""Predicted numbers beside the true ones: maps of them, and one against the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.dates import date_pictures
from swath.plot.figure import new_figure
from swath.plot.image import as_array

__all__ = ["scatter_figure", "value_panel"]

_CROWD = 3000  # more points than this are counted in cells


def value_panel(
    images: Any,
    truths: Any,
    predictions: Any,
    *,
    name: str = "value",
    units: str | None = None,
    rgb_bands: Sequence[int] | None = None,
    ignore: float | None = None,
    side: float = 2.5,
) -> Figure:
    """A row a sample: image, truth, prediction and error; one scale for all values, one for errors.

    Args:
        images: (N, C, H, W), or (N, T, C, H, W) of several dates.
        truths: (N, H, W) of numbers; NaN is not known, and is grey.
        predictions: (N, H, W).
        name: What the numbers are, for the colour bar.
        units: Of the numbers.
        rgb_bands: The channels to show, see `swath.plot.rgb`.
        ignore: A truth that is not known, as NaN.
        side: Inches of a picture.

    Raises:
        ConfigError: There are no samples, or not as many truths or predictions.
    """
    truth, found = as_array(truths).astype(float), as_array(predictions).astype(float)
    if not len(images) or truth.shape != found.shape or len(truth) != len(images):
        raise ConfigError(
            f"there are {len(images)} images, truths {truth.shape} and predictions {found.shape}: "
            "expected (N, H, W) of both, and a sample at least"
        )
    if ignore is not None:
        truth = np.where(truth == ignore, np.nan, truth)
    error = found - truth
    low, high = _limits(np.concatenate([truth[np.isfinite(truth)], found[np.isfinite(found)]]))
    _, worst = _limits(np.abs(error[np.isfinite(error)]))
    scales: dict[str, dict[str, Any]] = {
        "truth": {"cmap": "viridis", "vmin": low, "vmax": high},
        "prediction": {"cmap": "viridis", "vmin": low, "vmax": high},
        "error": {"cmap": "RdBu_r", "vmin": -worst, "vmax": worst},
    }
    rows = [date_pictures(image, rgb_bands) for image in images]
    first = max(map(len, rows))
    figure = new_figure(side * (first + 3) + 1.2, side * len(rows) + 0.7)
    axes = figure.subplots(len(rows), first + 3, squeeze=False)
    drawn: dict[str, Any] = {}
    for i, (line, pictures) in enumerate(zip(axes, rows, strict=True)):
        for axis in line:
            axis.set(xticks=[], yticks=[], facecolor="0.85")
            axis.spines[:].set(color="0.75", linewidth=0.6)
        for axis, (title, picture) in zip(line, pictures, strict=False):
            axis.imshow(picture, interpolation="nearest")
            axis.set_title(title if i == 0 else "", fontsize="medium")
        for axis in line[len(pictures) : first]:
            axis.set_axis_off()
        values = {"truth": truth[i], "prediction": found[i], "error": error[i]}
        for axis, (title, numbers) in zip(line[first:], values.items(), strict=True):
            drawn[title] = axis.imshow(numbers, interpolation="nearest", **scales[title])
            axis.set_title(title if i == 0 else "", fontsize="medium")
        known = error[i][np.isfinite(error[i])]
        if known.size:
            text = f"RMSE {np.sqrt((known**2).mean()):.3g}, bias {known.mean():+.3g}"
            line[-1].set_xlabel(text, fontsize="small")
    unit = f" ({units})" if units else ""
    figure.colorbar(
        drawn["prediction"], ax=axes[:, first : first + 2].ravel().tolist(), location="bottom",
        shrink=0.6, aspect=40, label=f"{name}{unit}", extend="both",
    )  # fmt: skip
    figure.colorbar(
        drawn["error"], ax=axes[:, -1].tolist(), location="bottom", shrink=0.9, aspect=24,
        label=f"prediction − truth{unit}", extend="both",
    )  # fmt: skip
    return figure


def scatter_figure(
    truths: Any,
    predictions: Any,
    *,
    names: Sequence[str] | None = None,
    units: str | None = None,
    title: str | None = None,
    columns: int = 3,
) -> Figure:
    """Prediction against truth, a panel an output, with the line on which both are the same.

    Args:
        truths: (N,) or (N, outputs); NaN is not known.
        predictions: The same, as predicted.
        names: Of the outputs.
        units: Of the numbers.
        title: Above the figure.
        columns: Panels in a row, at most.

    Raises:
        ConfigError: Truth and prediction have not the same shape, or there is none.
    """
    truth, found = as_array(truths).astype(float), as_array(predictions).astype(float)
    if truth.shape != found.shape or truth.ndim not in (1, 2) or not truth.size:
        raise ConfigError(
            f"truths {truth.shape} and predictions {found.shape}: expected both (N,), or (N, "
            "outputs), with a number at least"
        )
    truth, found = truth.reshape(len(truth), -1), found.reshape(len(found), -1)
    number = truth.shape[1]
    labels = list(names) if names is not None else [""] * number
    if len(labels) != number:
        raise ConfigError(f"there are {number} outputs and {len(labels)} names")
    across = min(columns, number)
    down = -(-number // across)
    figure = new_figure(3.9 * across + 0.3, 3.8 * down + 0.2 + 0.3 * bool(title))
    axes = figure.subplots(down, across, squeeze=False).ravel()
    unit = f" ({units})" if units else ""
    for k, axis in enumerate(axes):
        if k >= number:
            axis.set_axis_off()
            continue
        known = np.isfinite(truth[:, k]) & np.isfinite(found[:, k])
        _draw_scatter(axis, truth[known, k], found[known, k])
        axis.set_xlabel(f"truth{unit}", fontsize="small")
        axis.set_ylabel(f"prediction{unit}", fontsize="small")
        axis.set_title(labels[k], fontsize="medium", loc="left")
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def _draw_scatter(axis: Any, truth: NDArray[Any], found: NDArray[Any]) -> None:
    axis.set_aspect("equal", adjustable="box")
    axis.tick_params(labelsize="small")
    if not truth.size:
        axis.text(0.5, 0.5, "nothing is known", ha="center", va="center", transform=axis.transAxes)
        return
    low, high = float(min(truth.min(), found.min())), float(max(truth.max(), found.max()))
    room = 0.04 * (high - low) or 1.0
    low, high = low - room, high + room
    axis.plot([low, high], [low, high], color="0.5", linewidth=1, linestyle="--", zorder=1)
    if len(truth) > _CROWD:
        axis.hexbin(
            truth, found, gridsize=50, extent=(low, high, low, high), bins="log", mincnt=1,
            cmap="Blues", linewidths=0.1,
        )  # fmt: skip
    else:
        axis.scatter(truth, found, s=14, color="#2e6eb2", alpha=0.55, linewidths=0, zorder=2)
    axis.set(xlim=(low, high), ylim=(low, high))
    error, spread = found - truth, ((truth - truth.mean()) ** 2).sum()
    lines = [f"n = {len(truth)}", f"RMSE {np.sqrt((error**2).mean()):.3g}"]
    if spread > 0:
        lines.append(f"R² {1 - (error**2).sum() / spread:.3f}")
    axis.text(
        0.04, 0.96, "\n".join(lines), transform=axis.transAxes, va="top", fontsize="small",
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0},
    )  # fmt: skip


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    """Two percent of the values are beyond at each end, so that one of them hides no other."""
    if not values.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (2, 98)))
    return (low, high) if high > low else (float(values.min()), float(values.min()) + 1.0)
