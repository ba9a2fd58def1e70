"""Image | truth | prediction: what a person looks at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import agreement_text, as_array, class_table, colour_mask, rgb

__all__ = ["sample_panel"]


def sample_panel(
    samples: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    predictions: Any = None,
    *,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[int, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    bands: Sequence[str] | None = None,
    rgb_bands: Sequence[str] | Sequence[int] | None = None,
    ignore: int | None = None,
    titles: Sequence[str] | None = None,
    limit: int = 8,
    percentiles: tuple[float, float] = (2.0, 98.0),
    side: float = 2.8,
) -> Figure:
    """One row a sample: its image, its truth and its prediction, with one legend for all.

    Args:
        samples: Samples with `image` (C, H, W), perhaps `mask` (H, W), `prediction` (H, W) and
            `valid` (H, W); or a batch, in which each of them has one axis more.
        predictions: (N, H, W) class values, or (N, K, H, W) probabilities or logits, if the
            samples hold none.
        classes: Names by value, or in order from 0.
        colours: (red, green, blue) by value, or in order from 0.
        bands: Names of the image's channels.
        rgb_bands: The bands to show, see `swath.plot.rgb`.
        ignore: A value of the truth that is no class: shown blank, and not compared.
        titles: One a sample.
        limit: Rows at most.
        percentiles: Of the stretch.
        side: Inches of a picture.

    Raises:
        ConfigError: There are no samples, or not as many predictions.
        RGBBandsMissingError: A wanted band is not in the images.
    """
    rows = _rows(samples)
    if not rows:
        raise ConfigError("there is no sample to draw")
    if predictions is not None:
        found = as_array(predictions)
        if len(found) != len(rows):
            raise ConfigError(f"{len(found)} predictions are given for {len(rows)} samples")
        rows = [{**row, "prediction": p} for row, p in zip(rows, found, strict=True)]
    rows = rows[:limit]
    columns = ["image"] + [k for k in ("mask", "prediction") if any(k in row for row in rows)]
    heads = {"image": "image", "mask": "truth", "prediction": "prediction"}
    masks = {k: [_mask(row[k]) if k in row else None for row in rows] for k in columns[1:]}
    seen = sorted(
        {int(v) for part in masks.values() for m in part if m is not None for v in np.unique(m)}
        - {ignore}
    )
    seen = [value for value in seen if value >= 0]
    table = class_table(classes, colours, seen)
    plain = {value: colour for value, (_, colour) in table.items()}

    lines = -(-len(seen) // _legend_columns(len(columns)))
    figure = new_figure(side * len(columns) + 0.2, side * len(rows) + 0.35 + 0.2 * lines)
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for number, row in enumerate(rows):
        valid = as_array(row["valid"]).astype(bool) if "valid" in row else None
        for axis, key in zip(axes[number], columns, strict=True):
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set(color="0.75", linewidth=0.6)
            if number == 0:
                axis.set_title(heads[key], fontsize="medium")
            if key == "image":
                picture = rgb(
                    row["image"], bands=bands, rgb_bands=rgb_bands, valid=valid,
                    percentiles=percentiles,
                )  # fmt: skip
                if titles is not None and number < len(titles):
                    axis.set_ylabel(titles[number], fontsize="small")
            elif (mask := masks[key][number]) is None:
                axis.set_axis_off()
                continue
            else:
                if key == "prediction" and valid is not None:
                    mask = np.where(valid, mask, -1)
                picture = colour_mask(mask, plain, nodata=ignore)
            axis.imshow(picture, interpolation="nearest")
            if key == "prediction" and "mask" in columns:
                agreed = agreement(masks["mask"][number], masks[key][number], ignore, valid)
                if agreed is not None:
                    axis.set_xlabel(agreement_text(agreed), fontsize="small")
    class_legend(
        figure, table, present=seen, loc="outside lower center",
        ncols=min(max(1, len(seen)), _legend_columns(len(columns))),
    )  # fmt: skip
    return figure


def agreement(
    truth: NDArray[Any] | None,
    found: NDArray[Any] | None,
    ignore: int | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> float | None:
    """Share of pixels whose prediction is the truth; None where there is nothing to compare."""
    if truth is None or found is None:
        return None
    counted = truth >= 0
    if ignore is not None:
        counted &= truth != ignore
    if valid is not None:
        counted &= valid
    return float((truth == found)[counted].mean()) if counted.any() else None


def _legend_columns(pictures: int) -> int:
    return 2 * pictures


def _rows(samples: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if not isinstance(samples, Mapping):
        rows = list(samples)
    elif as_array(samples["image"]).ndim == 4:
        keys = [k for k in ("image", "mask", "prediction", "valid") if k in samples]
        rows = [{k: samples[k][i] for k in keys} for i in range(len(samples["image"]))]
    else:
        rows = [samples]
    return rows


def _mask(mask: Any) -> NDArray[Any]:
    array = as_array(mask)
    if array.ndim == 3 and len(array) > 1:  # scores of each class
        return array.argmax(0)
    if array.ndim == 3:
        array = array[0] if array.dtype.kind != "f" else array[0] > 0.5
    return array.astype(np.int64)
