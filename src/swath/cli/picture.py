"""The picture image | truth | prediction, in the task's own bands, classes and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

__all__ = ["display_bands", "panel_figure"]

_COLOURS = (
    ("red", "b04", "b4", "sr_b4"),
    ("green", "b03", "b3", "sr_b3"),
    ("blue", "b02", "b2", "sr_b2"),
)


def display_bands(bands: Sequence[str] | None, channels: int) -> list[int]:
    """Which channels to show as red, green and blue.

    Those of that name; else three channels without names are in this order, and of any others the
    third, second and first are shown, since satellites count from blue on.
    """
    if bands is None and channels == 3:
        return [0, 1, 2]
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
        images: (B, C, H, W) raw pixels, or (B, T, C, H, W) of several dates.
        masks: (B, H, W) class indices, with the task's `ignore_index` where nothing is known.
        found: (B, H, W) class indices.
        known: The task's hyperparameters.
    """
    from swath.plot import sample_panel
    from swath.plot.dates import dates_panel

    bands = display_bands(known.get("bands"), images.shape[-3])
    colours, ignore = known.get("colors") or None, known.get("ignore_index")
    if images.ndim == 5:
        return dates_panel(
            images, masks, found, classes=known["classes"], colours=colours, rgb_bands=bands,
            ignore=ignore,
        )  # fmt: skip
    return sample_panel(
        {"image": images, "mask": masks, "prediction": found, "valid": (images != 0).any(1)},
        classes=known["classes"], colours=colours, rgb_bands=bands, ignore=ignore,
    )  # fmt: skip
