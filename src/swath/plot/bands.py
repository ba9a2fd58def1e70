"""What becomes of a network's first layer when it is fitted to other bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import new_figure
from swath.plot.image import as_array

__all__ = ["plot_band_fit"]

_SOURCE, _TARGET, _FAINT = "#0072B2", "#D55E00", "#b8c0c8"
#: Where the air lets light through, in micrometres; in between nothing is drawn.
_WINDOWS = ((0.42, 0.92), (1.5, 1.72), (2.05, 2.36))


def plot_band_fit(
    fit: Any,
    limits: tuple[Mapping[str, tuple[float, float]], Sequence[tuple[float, float]]],
    before: Any,
    after: Any,
    *,
    filters: int = 4,
    title: str | None = None,
) -> Figure:
    """Draw which kernel each band gets: the pass bands, the mixing matrix, the kernels.

    Args:
        fit: A `swath.models.BandFit`, or anything with its ``source``, ``target`` and ``mixing``.
        limits: Pass bands in micrometres: of the sources by name, of the targets in order.
        before: Kernels of the published first layer, (out, sources, height, width).
        after: Kernels of the fitted one, (out, targets, height, width).
        filters: How many of the kernels to show.
        title: Above the figure.

    Raises:
        ConfigError: The kernels are not of as many bands.
    """
    old, new, mixing = as_array(before), as_array(after), as_array(fit.mixing)
    if old.shape[1] != mixing.shape[1] or new.shape[1] != mixing.shape[0]:
        raise ConfigError(
            f"the kernels are of {old.shape[1]} and {new.shape[1]} bands: expected "
            f"{mixing.shape[1]} and {mixing.shape[0]}, as the fit has them"
        )
    figure = new_figure(10, 9.4)
    if title:
        figure.suptitle(title, fontsize="large")
    parts: Any = figure.subfigures(3, 1, height_ratios=(3.3, 2.8, 3.3))
    top, middle, bottom = parts
    _spectrum(top, fit, limits, mixing)
    _matrix(middle.subplots(), fit, mixing)
    halves: Any = bottom.subfigures(1, 2, width_ratios=(old.shape[1] + 1, new.shape[1] + 1))
    peak = float(np.quantile(np.abs(old[:filters]), 0.99)) or 1.0
    _kernels(halves[0], old[:filters], fit.source, peak, "Kernels before", _SOURCE)
    _kernels(halves[1], new[:filters], fit.target, peak, "Kernels after", _TARGET)
    return figure


def _spectrum(figure: Any, fit: Any, limits: Any, mixing: NDArray[Any]) -> None:
    """Pass bands of both over wavelength, and a line from each source to what it serves."""
    of_source, of_target = limits
    axes = figure.subplots(
        1, len(_WINDOWS), width_ratios=[b - a for a, b in _WINDOWS], squeeze=False
    )[0]
    figure.suptitle(
        "Wavelength decides: the checkpoint's bands (above), yours (below)", fontsize="medium"
    )
    for axis, (low, high) in zip(axes, _WINDOWS, strict=True):
        axis.set(xlim=(low, high), ylim=(-1.2, 3.75), yticks=[])
        axis.spines[["left", "right", "top"]].set_visible(False)
        axis.tick_params(labelsize="small")
        used = np.asarray(mixing.any(axis=0))
        for j, name in enumerate(fit.source):
            a, b = of_source[name]
            if a >= low and b <= high:
                step = 0.42 if _crowded(j, fit.source, of_source) else 0.0
                _band(axis, a, b, 2.3 + step, name, _SOURCE if used[j] else _FAINT, above=True)
        for i, name in enumerate(fit.target):
            a, b = of_target[i]
            if not (a >= low and b <= high):
                continue
            step = 0.85 * (i % 2)
            _band(axis, a, b, 0.3 - step, _short(name, " "), _TARGET, above=False)
            for j, weight in enumerate(mixing[i]):
                if weight:
                    c, d = of_source[fit.source[j]]
                    start = 2.3 + (0.42 if _crowded(j, fit.source, of_source) else 0.0)
                    axis.plot(
                        [(c + d) / 2, (a + b) / 2], [start, 0.7 - step], color="0.35",
                        lw=0.6 + 2.6 * weight, zorder=0, solid_capstyle="round",
                    )  # fmt: skip
    figure.supxlabel("wavelength in µm", fontsize="small")


def _short(name: str, between: str) -> str:
    return name.replace("landsat", "L").replace("modis", "MODIS").replace(":", between)


def _crowded(index: int, names: Sequence[str], limits: Mapping[str, tuple[float, float]]) -> bool:
    """Whether a band lies over the one before it, and is drawn higher."""
    centre = sum(limits[names[index]]) / 2
    return any(limits[n][0] <= centre <= limits[n][1] for n in names[:index])


def _band(
    axis: Any, low: float, high: float, y: float, name: str, colour: str, above: bool
) -> None:
    axis.add_patch(Rectangle((low, y), high - low, 0.4, facecolor=colour, alpha=0.85, lw=0))
    place = (y + 0.47, "bottom") if above else (y - 0.07, "top")
    axis.text(
        (low + high) / 2, place[0], name, ha="center", va=place[1], fontsize="x-small",
        color="0.15" if colour != _FAINT else "0.5",
    )  # fmt: skip


def _matrix(axis: Any, fit: Any, mixing: NDArray[Any]) -> None:
    axis.imshow(mixing, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for (i, j), weight in np.ndenumerate(mixing):
        if weight:
            axis.text(
                j, i, f"{weight:.3g}", ha="center", va="center", fontsize="small",
                color="white" if weight > 0.7 else "0.1",
            )  # fmt: skip
    axis.set_xticks(range(len(fit.source)), fit.source, fontsize="small")
    axis.set_yticks(range(len(fit.target)), fit.target, fontsize="small")
    axis.xaxis.tick_top()
    axis.set_title(
        "The mixing: row = your band, column = the checkpoint's", fontsize="medium", pad=6
    )
    axis.set_xticks(np.arange(-0.5, len(fit.source)), minor=True)
    axis.set_yticks(np.arange(-0.5, len(fit.target)), minor=True)
    axis.grid(which="minor", color="white", lw=1.5)
    axis.tick_params(which="both", length=0)
    axis.spines[:].set_visible(False)


def _kernels(
    figure: Any, kernels: NDArray[Any], names: Sequence[str], peak: float, title: str, colour: str
) -> None:
    figure.suptitle(title, fontsize="medium", color=colour)
    axes = figure.subplots(len(kernels), len(names), squeeze=False)
    for row, of_filter in zip(axes, kernels, strict=True):
        for axis, kernel in zip(row, of_filter, strict=True):
            axis.imshow(kernel, cmap="RdBu_r", vmin=-peak, vmax=peak)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(color="0.8", linewidth=0.6)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(_short(name, "\n"), fontsize="x-small")
    for number, row in enumerate(axes):
        row[0].set_ylabel(f"filter {number + 1}", fontsize="x-small")
