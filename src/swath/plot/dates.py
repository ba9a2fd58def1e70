"""Images of several dates, beside what is known and what was predicted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import agreement_text, as_array, class_table, colour_mask, rgb
from swath.plot.panel import agreement

__all__ = ["date_pictures", "dates_panel"]

_MOST = 4


def date_pictures(
    image: Any, rgb_bands: Sequence[int] | None = None, names: Sequence[str] | None = None
) -> list[tuple[str, NDArray[np.uint8]]]:
    """A title and a picture of each date that is shown, all in one stretch.

    Args:
        image: (C, H, W) of one date, or (T, C, H, W); of more than four, four spread evenly.
        rgb_bands: The channels to show, see `swath.plot.rgb`.
        names: A title a date.
    """
    array = as_array(image)
    if array.ndim == 3:
        array = array[None]
    number, _, _, width = array.shape
    chosen = np.unique(np.linspace(0, number - 1, min(number, _MOST)).round().astype(int)).tolist()
    if names is None:
        names = [f"date {i + 1} of {number}" for i in range(number)] if number > 1 else ["image"]
    # side by side, so that what is brighter at one date looks brighter
    wide = rgb(np.concatenate([array[i] for i in chosen], 2), rgb_bands=rgb_bands)
    return [(names[i], wide[:, k * width : (k + 1) * width]) for k, i in enumerate(chosen)]


def dates_panel(
    images: Any,
    masks: Any,
    predictions: Any,
    *,
    names: Sequence[str] | None = None,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[int, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    rgb_bands: Sequence[int] | None = None,
    ignore: int | None = None,
    side: float = 2.4,
) -> Figure:
    """A row a sample: its dates, its truth and its prediction, with one legend for all.

    Args:
        images: (N, T, C, H, W), or N of (T, C, H, W); two dates are called before and after.
        masks: (N, H, W) class values.
        predictions: The same, as predicted.
        names: Of the dates.
        classes: Names by value, or in order from 0.
        colours: (red, green, blue) by value, or in order from 0.
        rgb_bands: The channels to show, see `swath.plot.rgb`.
        ignore: A value of the truth that is no class: shown blank, and not compared.
        side: Inches of a picture.

    Raises:
        ConfigError: There are no samples, or not as many masks or predictions.
    """
    truths, found = as_array(masks), as_array(predictions)
    if not len(images) or len(truths) != len(images) or len(found) != len(images):
        raise ConfigError(
            f"there are {len(images)} images, {len(truths)} masks and {len(found)} predictions: "
            "expected one of each a sample, and a sample at least"
        )
    if names is None and len(as_array(images[0])) == 2:
        names = ["before", "after"]
    rows = [date_pictures(image, rgb_bands, names) for image in images]
    seen = sorted({int(v) for m in (truths, found) for v in np.unique(m)} - {ignore})
    seen = [value for value in seen if value >= 0]
    table = class_table(classes, colours, seen)
    plain = {value: colour for value, (_, colour) in table.items()}
    across = max(map(len, rows)) + 2
    figure = new_figure(side * across + 0.2, side * len(rows) + 0.6)
    axes = figure.subplots(len(rows), across, squeeze=False)
    for row, (line, pictures, truth, said) in enumerate(
        zip(axes, rows, truths, found, strict=True)
    ):
        cells = [*pictures, ("truth", colour_mask(truth, plain, nodata=ignore)),
                 ("prediction", colour_mask(said, plain))]  # fmt: skip
        for axis, (title, picture) in zip(line, cells, strict=False):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(color="0.75", linewidth=0.6)
            if row == 0:
                axis.set_title(title, fontsize="medium")
        for axis in line[len(cells) :]:
            axis.set_axis_off()
        agreed = agreement(truth, said, ignore)
        if agreed is not None:
            line[len(cells) - 1].set_xlabel(agreement_text(agreed), fontsize="small")
    class_legend(figure, table, present=seen, loc="outside lower center", ncols=min(8, len(seen)))
    return figure
