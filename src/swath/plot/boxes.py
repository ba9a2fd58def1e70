"""Objects in images: the boxes that are known beside those that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import as_array, class_table, rgb

__all__ = ["box_panel", "object_figure"]


def box_panel(
    images: Sequence[Any],
    truths: Sequence[Mapping[str, Any]],
    predictions: Sequence[Mapping[str, Any]],
    *,
    classes: Mapping[int, str],
    rgb_bands: Sequence[int] | None = None,
    threshold: float = 0.5,
    side: float = 3.6,
) -> Figure:
    """A row a sample: the image, with the boxes of the truth, and with those of the prediction.

    Args:
        images: (C, H, W) each.
        truths: ``boxes`` (N, 4) of xmin, ymin, xmax, ymax in pixels, ``labels`` (N,), and perhaps
            ``masks`` (N, H, W), of each image.
        predictions: The same and ``scores`` (N,).
        classes: Names by label.
        rgb_bands: The channels to show, see `swath.plot.rgb`.
        threshold: Predictions with a lower score are not drawn; how many is said.
        side: Inches of a picture.

    Raises:
        ConfigError: There are no samples, or not as many truths or predictions.
    """
    if not len(images) or not len(images) == len(truths) == len(predictions):
        raise ConfigError(
            f"there are {len(images)} images, {len(truths)} truths and {len(predictions)} "
            "predictions: expected one of each a sample, and a sample at least"
        )
    sure = [_above(objects, threshold) for objects in predictions]
    seen = {int(v) for each in (truths, sure) for o in each for v in as_array(o["labels"])}
    table = class_table(classes, None, sorted(seen))
    figure = new_figure(3 * side + 0.2, side * len(images) + 0.6)
    axes = figure.subplots(len(images), 3, squeeze=False)
    for i, line in enumerate(axes):
        picture = rgb(as_array(images[i]), rgb_bands=rgb_bands)
        titles = ("image", "truth", "prediction")
        for axis, title, objects in zip(line, titles, (None, truths[i], sure[i]), strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(color="0.75", linewidth=0.6)
            if i == 0:
                axis.set_title(title, fontsize="medium")
            if objects is not None:
                draw_objects(axis, objects, table)
                axis.set_xlabel(f"{len(as_array(objects['boxes']))} objects", fontsize="small")
        hidden = len(as_array(predictions[i]["boxes"])) - len(sure[i]["boxes"])
        if hidden:
            said = f"{len(sure[i]['boxes'])} objects, and {hidden} of score below {threshold:g}"
            line[2].set_xlabel(said, fontsize="small")
    class_legend(figure, table, present=sorted(seen), loc="outside lower center", ncols=6)
    return figure


def _above(objects: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    keep = as_array(objects["scores"]) >= threshold
    return {k: as_array(objects[k])[keep] for k in _KEYS if k in objects}


_KEYS = ("boxes", "corners", "labels", "scores", "masks")


def object_figure(
    image: Any,
    truth: Mapping[str, Any],
    prediction: Mapping[str, Any] | None = None,
    *,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[int, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    bands: Sequence[str] | None = None,
    rgb_bands: Sequence[str] | Sequence[int] | None = None,
    threshold: float = 0.5,
    titles: bool = True,
    side: float = 4.2,
) -> Figure:
    """One image, the objects that are known in it and, beside them, those that were found.

    Args:
        image: (C, H, W).
        truth: ``boxes`` (N, 4) of xmin, ymin, xmax, ymax, or ``corners`` (N, 8) of x1, y1 to x4,
            y4, in pixels; ``labels`` (N,) and ``masks`` (N, H, W) where they are known.
        prediction: The same, perhaps with ``scores`` (N,).
        classes: Names by label, or in order from 0.
        colours: (red, green, blue) by label, or in order from 0.
        bands: Names of the image's channels.
        rgb_bands: The bands to show, see `swath.plot.rgb`.
        threshold: Predictions with a lower score are not drawn.
        titles: Whether the pictures have titles.
        side: Inches of a picture.
    """
    shown: list[tuple[str, Mapping[str, Any]]] = [("image", {}), ("truth", truth)]
    if prediction is not None:
        sure = _above(prediction, threshold) if "scores" in prediction else prediction
        shown.append(("prediction", sure))
    seen = {int(v) for _, o in shown if "labels" in o for v in as_array(o["labels"])}
    table = class_table(classes, colours, sorted(seen or {1}))
    figure = new_figure(side * len(shown) + 0.2, side + 0.6)
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    picture = rgb(as_array(image), bands=bands, rgb_bands=rgb_bands)
    for axis, (title, objects) in zip(axes, shown, strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color="0.75", linewidth=0.6)
        if titles:
            axis.set_title(title, fontsize="medium")
        if title != "image":
            draw_objects(axis, objects, table)
            axis.set_xlabel(f"{len(_outlines(objects))} objects", fontsize="small")
    if seen:
        class_legend(figure, table, present=sorted(seen), loc="outside lower center", ncols=6)
    return figure


def _outlines(objects: Mapping[str, Any]) -> NDArray[Any]:
    """(N, K, 2): corners of the boxes, oriented or not."""
    if "corners" in objects:
        return as_array(objects["corners"]).reshape(len(objects["corners"]), -1, 2)
    x0, y0, x1, y1 = as_array(objects["boxes"]).reshape(-1, 4).T
    return np.stack([np.stack([x0, x1, x1, x0], 1), np.stack([y0, y0, y1, y1], 1)], 2)


def draw_objects(axis: Any, objects: Mapping[str, Any], table: Mapping[int, Any]) -> None:
    """Outlines, masks and scores of objects on a picture; colours by label."""
    outlines = _outlines(objects)
    first = next(iter(table))
    labels = as_array(objects["labels"]) if "labels" in objects else [first] * len(outlines)
    scores = as_array(objects["scores"]) if "scores" in objects else None
    masks = as_array(objects["masks"]) if "masks" in objects else None
    for k, outline in enumerate(outlines):
        colour = [c / 255 for c in table[int(labels[k])][1][:3]]
        if masks is not None and masks[k].any():
            layer = np.zeros((*masks[k].shape, 4))
            layer[masks[k] > 0] = (*colour, 0.45)
            axis.imshow(layer, interpolation="nearest")
        # boxes are from corner to corner; the first pixel's centre is drawn at 0
        axis.add_patch(Polygon(outline - 0.5, fill=False, ec="black", lw=2.6))
        axis.add_patch(Polygon(outline - 0.5, fill=False, ec=colour, lw=1.4))
        if scores is not None:
            x0, y0 = outline.min(0).tolist()
            inside = y0 < 0.05 * abs(np.diff(axis.get_ylim())[0])  # above it there is no room
            axis.text(
                x0 - 0.5, max(y0, 0) - 0.5, f"{scores[k]:.2f}", fontsize="x-small", color="white",
                va="top" if inside else "bottom", clip_on=True,
                bbox={"facecolor": colour, "linewidth": 0, "pad": 0.6},
            )  # fmt: skip
