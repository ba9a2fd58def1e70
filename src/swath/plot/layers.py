"""A sample of a layer as a figure: image, truth and prediction side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import as_array, class_table, colour_mask, rgb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_layer", "radar_composite"]

_PANEL, _LINE = 3.6, 0.2  # inches
_MOST_FRAMES = 8
_MOST_CLASSES = 24
_TITLES = {"image": "Image", "mask": "Mask", "prediction": "Prediction"}


def plot_layer(
    sample: Mapping[str, Any],
    *,
    bands: Sequence[str] | None = None,
    rgb_bands: Sequence[str] | Sequence[int] | None = None,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[int, Sequence[int]] | None = None,
    nodata: float | None = None,
    continuous: str | None = None,
    composite: Any = None,
    show_titles: bool = True,
    suptitle: str | None = None,
) -> Figure:
    """Draw what a sample holds of ``image``, ``mask`` and ``prediction``.

    Args:
        sample: ``image`` (C, H, W), ``mask`` and ``prediction`` (H, W) or (1, H, W); with a time
            dimension in front, one row a date (the first 8). ``valid`` (H, W), if it is there,
            makes pixels transparent.
        bands: Names of the image's channels.
        rgb_bands: Three (or one) of them to show; by default the first three.
        classes: Class names by value; with more than 24 classes in sight, those with most pixels
            are in the legend.
        colours: Class colours by value.
        nodata: Value of pixels without data, shown transparent.
        continuous: Unit of a mask that is no class but a quantity (``"m"``): shown with a scale.
        composite: Makes the picture (H, W, 4) of an image (C, H, W) in place of `rgb_bands`.
        show_titles: Whether each panel has a title.
        suptitle: Title of the figure.

    Raises:
        ConfigError: The sample holds nothing to show.
        RGBBandsMissingError: The image has not the bands to show.
    """
    keys = [key for key in _TITLES if key in sample]
    if not keys:
        raise ConfigError(
            f"nothing to plot: the sample has {sorted(sample)}, expected image, mask or prediction"
        )
    frames = {key: _frames(as_array(sample[key]), key) for key in keys}
    count = min(max(len(f) for f in frames.values()), _MOST_FRAMES)
    valid = as_array(sample["valid"]).astype(bool) if "valid" in sample else None
    valids = None if valid is None else valid.reshape(-1, *valid.shape[-2:])
    masks = [frames[key] for key in keys if key != "image"]
    table, present = _classes(masks, classes, colours, nodata) if masks else ({}, [])
    height, width = next(iter(frames.values()))[0].shape[-2:]
    legend = bool(present) and continuous is None
    tall = _PANEL * min(max(height / width, 0.3), 3.0)
    tall = count * (tall + (0.3 if show_titles else 0))
    columns = math.ceil(len(present) / max(int((tall - 0.6) / _LINE), 1)) if legend else 0
    figure = new_figure(_PANEL * len(keys) + (2.4 * columns or 0.4), tall)
    axes = figure.subplots(count, len(keys), squeeze=False)
    limits = _limits(masks, nodata) if continuous is not None else None
    for column, key in enumerate(keys):
        shown = None
        for row in range(count):
            axis = axes[row, column]
            axis.set_axis_off()
            frame = frames[key][min(row, len(frames[key]) - 1)]
            good = None if valids is None else valids[min(row, len(valids) - 1)]
            if key == "image":
                picture = (
                    composite(frame, good)
                    if composite is not None
                    else rgb(frame, bands=bands, rgb_bands=rgb_bands, nodata=nodata, valid=good)
                )
                axis.imshow(picture, interpolation="nearest")
            elif continuous is not None:
                hidden = _hidden(frame, nodata, good)
                shown = axis.imshow(
                    np.ma.MaskedArray(frame, hidden), cmap="terrain", vmin=limits[0], vmax=limits[1]
                ) if limits else None  # fmt: skip
            else:
                drawn = {v: colour for v, (_, colour) in table.items()}
                picture = colour_mask(frame, drawn, nodata=None if nodata is None else int(nodata))
                if good is not None:
                    picture[~good, 3] = 0
                axis.imshow(picture, interpolation="nearest")
            if show_titles and row == 0:
                axis.set_title(_TITLES[key])
        if shown is not None:
            figure.colorbar(shown, ax=axes[:, column].tolist(), label=continuous, shrink=0.8)
    if legend:
        class_legend(figure, table, present=present, loc="outside center right", ncols=columns)
    if suptitle is not None:
        figure.suptitle(suptitle)
    return figure


def radar_composite(image: Any, valid: Any = None) -> NDArray[np.uint8]:
    """A picture of radar backscatter: co-polarised, cross-polarised and their ratio as colours.

    Args:
        image: (1, H, W) or (2, H, W), co-polarised first, in power, amplitude or decibels (told
            by negative values: the ratio is then a difference).
        valid: (H, W) of bool.

    Returns:
        uint8 (H, W, 4). One channel only is grey.
    """
    array = as_array(image).astype(np.float32, copy=False)
    good = np.isfinite(array).all(0) & (array != 0).any(0)
    if valid is not None:
        good &= as_array(valid).astype(bool)
    if len(array) == 1:
        return rgb(array, valid=good)
    first, second = array[0], array[1]
    if (array[:, good] < 0).any():
        ratio = first - second
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(second > 0, first / second, np.nan)
            good &= np.isfinite(ratio)
    return rgb(np.stack([first, second, ratio]), valid=good)


def _frames(array: NDArray[Any], key: str) -> NDArray[Any]:
    """(T, C, H, W) of images, (T, H, W) of masks."""
    if key == "image":
        if array.ndim not in (3, 4):
            raise ConfigError(f"an image is (C, H, W) or (T, C, H, W), got shape {array.shape}")
        return array if array.ndim == 4 else array[None]
    if array.ndim not in (2, 3, 4):
        raise ConfigError(f"a {key} is (H, W), (1, H, W) or (T, H, W), got shape {array.shape}")
    return array.reshape(-1, *array.shape[-2:])


def _hidden(frame: NDArray[Any], nodata: float | None, valid: NDArray[Any] | None) -> Any:
    hidden = np.zeros(frame.shape, bool) if nodata is None else frame == nodata
    return hidden if valid is None else hidden | ~valid


def _limits(masks: Sequence[NDArray[Any]], nodata: float | None) -> tuple[float, float]:
    """One scale for truth and prediction, so that the same colour is the same quantity."""
    values = np.concatenate([m.ravel() for m in masks])
    values = values[np.isfinite(values) & (values != nodata)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (1, 99))
    return float(low), float(max(high, low + 1e-6))


def _classes(
    masks: Sequence[NDArray[Any]],
    classes: Mapping[int, str] | Sequence[str] | None,
    colours: Mapping[int, Sequence[int]] | None,
    nodata: float | None,
) -> tuple[dict[int, tuple[str, tuple[int, ...]]], list[int]]:
    values, counts = np.unique(np.concatenate([m.ravel() for m in masks]), return_counts=True)
    seen = {int(v): int(n) for v, n in zip(values, counts, strict=True) if v >= 0 and v != nodata}
    table = class_table(classes, colours, sorted(seen))
    often = sorted(seen, key=lambda v: -seen[v])[:_MOST_CLASSES]
    return table, [v for v in table if v in often]
