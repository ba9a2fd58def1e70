"""The picture image | truth | prediction, in the task's own bands, classes and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["display_bands", "panel_figure"]

_COLOURS = (
    ("red", "b04", "b4", "sr_b4"),
    ("green", "b03", "b3", "sr_b3"),
    ("blue", "b02", "b2", "sr_b2"),
)


def display_bands(bands: Sequence[str] | None, channels: int) -> list[int]:
    """Which channels to show as red, green and blue: those of that name, else the last three."""
    names = [name.lower() for name in bands or ()]
    found = [next((names.index(n) for n in group if n in names), None) for group in _COLOURS]
    if all(i is not None for i in found):
        return [int(i) for i in found if i is not None]
    return [min(i, channels - 1) for i in (2, 1, 0)]


def panel_figure(
    images: NDArray[Any], masks: NDArray[Any], found: NDArray[Any], known: Mapping[str, Any]
) -> Any:
    """A row a patch: what the satellite saw, what is known, what the model says.

    Args:
        images: (B, C, H, W) raw pixels.
        masks: (B, H, W) class indices, with the task's `ignore_index` where nothing is known.
        found: (B, H, W) class indices.
        known: The task's hyperparameters.
    """
    from swath.plot import class_legend, class_table, colour_mask, new_figure, rgb

    ignored = known.get("ignore_index")
    colours = known.get("colors") or None
    table = class_table(known["classes"], colours)
    plain = {value: colour for value, (_, colour) in table.items()}
    rows = len(images)
    figure = new_figure(9.0, 2.9 * rows + 0.5)
    axes = figure.subplots(rows, 3, squeeze=False)
    bands = display_bands(known.get("bands"), images.shape[1])
    for row, (image, mask, guess) in enumerate(zip(images, masks, found, strict=True)):
        data = (image != 0).any(0)
        pictures = (
            rgb(image, rgb_bands=bands, valid=data),
            colour_mask(np.where(mask == ignored, -1, mask), plain),
            colour_mask(np.where(data, guess, -1), plain),
        )
        for axis, picture, title in zip(
            axes[row], pictures, ("image", "truth", "prediction"), strict=True
        ):
            axis.imshow(picture, interpolation="nearest")
            axis.set_axis_off()
            if row == 0:
                axis.set_title(title)
    present = sorted({int(v) for v in np.unique(masks) if v != ignored} | set(np.unique(found)))
    class_legend(
        figure, table, present=present, loc="outside lower center", ncols=min(6, len(present))
    )
    return figure
