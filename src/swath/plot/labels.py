"""Images with the names of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from swath.errors import ConfigError
from swath.plot.figure import new_figure
from swath.plot.image import as_array, rgb

__all__ = ["labelled_images"]

_RIGHT, _WRONG = "#1b7837", "#b2182b"


def labelled_images(
    images: Sequence[Any],
    labels: Sequence[Any] | None = None,
    predictions: Sequence[Any] | None = None,
    *,
    classes: Sequence[str] | None = None,
    scores: Sequence[float] | None = None,
    bands: Sequence[str] | None = None,
    rgb_bands: Sequence[str] | Sequence[int] | None = None,
    titles: bool = True,
    suptitle: str | None = None,
    columns: int = 8,
    side: float = 1.6,
) -> Figure:
    """A grid of images, each with its class, and in red or green what it was taken for.

    Args:
        images: (C, H, W) each.
        labels: Class numbers; or (L,) of 0 and 1 for several labels an image.
        predictions: The same, as predicted.
        classes: Names by number.
        scores: A number an image, such as the prediction's probability.
        bands: Names of the images' channels.
        rgb_bands: The bands to show, see `swath.plot.rgb`.
        titles: Whether names are written.
        suptitle: Above all.
        columns: Images in a row, at most.
        side: Inches of an image.

    Raises:
        ConfigError: No image, or another number of labels or predictions.
    """
    count = len(images)
    for what, values in (("labels", labels), ("predictions", predictions), ("scores", scores)):
        if values is not None and len(values) != count:
            raise ConfigError(f"there are {count} images and {len(values)} {what}")
    if not count:
        raise ConfigError("there is no image to draw")
    across = min(columns, count)
    down = -(-count // across)
    lines = (labels is not None) + (predictions is not None) if titles else 0
    figure = new_figure(across * side, down * (side + 0.17 * lines) + 0.3 * bool(suptitle))
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for i, axis in enumerate(axes[:count]):
        axis.imshow(rgb(as_array(images[i]), bands=bands, rgb_bands=rgb_bands))
        if not titles:
            continue
        truth = None if labels is None else _name(labels[i], classes)
        found = None if predictions is None else _name(predictions[i], classes)
        if found is not None and scores is not None:
            found += f" {scores[i]:.2f}"
        if truth is not None:
            axis.set_title(truth, fontsize=7, pad=13 if found is not None else 3)
        if found is not None:
            right = truth is None or _name(predictions[i], classes) == truth  # type: ignore[index]
            axis.text(
                0.5, 1.02, found, transform=axis.transAxes, ha="center", va="bottom", fontsize=7,
                color=_RIGHT if right else _WRONG,
            )  # fmt: skip
    if suptitle:
        figure.suptitle(suptitle, fontsize=9)
    return figure


def _name(label: Any, classes: Sequence[str] | None) -> str:
    values = as_array(label)
    if values.ndim == 0:
        number = int(values)
        return (
            classes[number] if classes is not None and 0 <= number < len(classes) else str(number)
        )
    present = [i for i, value in enumerate(values) if value > 0.5]
    return ", ".join(classes[i] if classes is not None else str(i) for i in present) or "none"
