"""Objects in images: the boxes that are known beside those that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from swath.errors import ConfigError
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import as_array, class_table, rgb

__all__ = ["box_panel"]


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
                _draw(axis, objects, table)
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


_KEYS = ("boxes", "labels", "scores", "masks")


def _draw(axis: Any, objects: Mapping[str, Any], table: Mapping[int, Any]) -> None:
    boxes, labels = as_array(objects["boxes"]), as_array(objects["labels"])
    scores = as_array(objects["scores"]) if "scores" in objects else None
    masks = as_array(objects["masks"]) if "masks" in objects else None
    for k, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        colour = [c / 255 for c in table[int(labels[k])][1][:3]]
        if masks is not None and masks[k].any():
            layer = np.zeros((*masks[k].shape, 4))
            layer[masks[k] > 0] = (*colour, 0.45)
            axis.imshow(layer, interpolation="nearest")
        # boxes are from corner to corner; the first pixel's centre is drawn at 0
        axis.add_patch(
            Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec="black", lw=2.6)
        )
        axis.add_patch(
            Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec=colour, lw=1.4)
        )
        if scores is not None:
            inside = y0 < 0.05 * abs(np.diff(axis.get_ylim())[0])  # above it there is no room
            axis.text(
                x0 - 0.5, max(y0, 0) - 0.5, f"{scores[k]:.2f}", fontsize="x-small", color="white",
                va="top" if inside else "bottom", clip_on=True,
                bbox={"facecolor": colour, "linewidth": 0, "pad": 0.6},
            )  # fmt: skip
