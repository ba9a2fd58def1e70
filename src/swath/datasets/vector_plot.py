"""Pictures of labels: masks, boxes and instances over the image they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from swath.errors import ConfigError
from swath.typing import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_labels"]


def plot_labels(
    sample: Sample,
    colours: Mapping[int, Sequence[int]],
    names: Mapping[int, str],
    show_titles: bool = True,
    suptitle: str | None = None,
) -> Figure:
    """Draw `mask`, or `bbox_xyxy` with `label`, and `prediction`, beside the image if there is one.

    Args:
        sample: As a `VectorDataset` gives it, or joined with an image.
        colours: Colour (0-255) of each label; others have default ones.
        names: Name of each label.
        show_titles: Write what each panel shows above it.
        suptitle: Written above all.
    """
    from swath.plot import as_array, class_legend, class_table, colour_mask, new_figure, rgb

    panels: list[tuple[str, Any, bool]] = []  # title, picture, whether boxes go over it
    picture = rgb(sample["image"]) if "image" in sample else None
    masks = {key: as_array(sample[key]) for key in ("mask", "prediction") if key in sample}
    found = "bbox_xyxy" in sample
    labels = as_array(sample["label"]).astype(int) if found else np.zeros(0, int)
    used: set[int] = set(labels.tolist())
    if picture is not None:
        panels.append(("Image", picture, found))
    for key, mask in masks.items():
        if key == "mask" and found:  # instances: each in the colour of its label
            flat = np.zeros(mask.shape[-2:], np.int64)
            for layer, label in zip(mask, labels, strict=True):
                flat[layer > 0] = label
            mask = flat
        mask = mask.astype(np.int64)
        used |= set(np.unique(mask).tolist())
        panels.append((key.capitalize(), colour_mask(mask, _with_ground(colours)), found))
    if not panels:
        if not found:
            raise ConfigError(
                "nothing to draw: a sample with image, mask or bbox_xyxy is expected, got "
                f"{', '.join(map(str, sample))}"
            )
        width, height = _size(sample)
        panels.append(("Boxes", np.full((height, width, 3), 245, np.uint8), True))
    figure = new_figure(4 * len(panels), 4.4)
    table = class_table(dict(names), _with_ground(colours), sorted(used))
    for i, (title, shown, with_boxes) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        height, width = shown.shape[:2]
        axes.imshow(shown, extent=(0, width, height, 0), interpolation="nearest")
        axes.set_axis_off()
        if show_titles:
            axes.set_title(title)
        if with_boxes:
            for (x0, y0, x1, y1), label in zip(
                as_array(sample["bbox_xyxy"]), labels.tolist(), strict=True
            ):
                colour = [c / 255 for c in table[label][1][:3]]
                axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=colour, lw=1.2)
    present = sorted(v for v in used if v != 0)
    class_legend(figure, table, present=present, loc="outside lower center", ncols=4)
    if suptitle is not None:
        figure.suptitle(suptitle)
    return figure


def _with_ground(colours: Mapping[int, Sequence[int]]) -> dict[int, Sequence[int]]:
    """Colours in which 0, where there is no feature, is near white."""
    return {0: (245, 245, 245), **colours}


def _size(sample: Sample) -> tuple[int, int]:
    if "bounds" in sample:
        b = [float(v) for v in sample["bounds"]]
        return max(1, round((b[1] - b[0]) / b[2])), max(1, round((b[4] - b[3]) / b[5]))
    far = np.asarray(sample["bbox_xyxy"]).reshape(-1, 4)[:, 2:]
    width, height = far.max(axis=0) if len(far) else (1, 1)
    return int(np.ceil(width)), int(np.ceil(height))
