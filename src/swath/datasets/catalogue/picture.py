"""A sample of any dataset as a picture: what it shows follows from the sample's keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.datasets.catalogue.shown import images_shown
from swath.datasets.catalogue.truth import label_text, objects_of
from swath.errors import ConfigError
from swath.typing import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from swath.datasets.catalogue.benchmark import Benchmark
    from swath.plot import Panel

__all__ = ["picture"]

_TEXTS = ("text", "caption", "captions", "prompt", "description")
_MOST = 4  # masks of a series
_CURVES = 8


def picture(
    dataset: Benchmark, sample: Sample, titles: bool = True, suptitle: str | None = None
) -> Figure:
    """Draw a sample; see `Benchmark.plot`.

    Raises:
        ConfigError: The sample has nothing that can be drawn.
        RGBBandsMissingError: The bands that make a picture are not among the chosen ones.
    """
    from swath.plot import Panel, class_table, panels_figure

    images = list(images_shown(dataset, sample))
    objects, found = objects_of(dataset, sample)
    instances = len(objects["masks"]) if objects is not None and "masks" in objects else None
    masks = dict(_masks(sample, instances))
    seen = _classes_seen(masks, objects, found, dataset.ignore_index)
    table = class_table(list(dataset.classes) or None, list(dataset.colours) or None,
                        seen or ([0] if objects else ()))  # fmt: skip
    panels = [Panel(i.title, i.picture) for i in images]
    if objects is not None and images:
        for title, drawn in (("truth", objects), ("prediction", found)):
            if drawn is not None:
                count = len(next(iter(drawn.values())))
                panels.append(Panel(title, images[-1].picture, objects=drawn,
                                    note=f"{count} object{'s' * (count != 1)}"))  # fmt: skip
    panels += _mask_panels(masks, {v: c for v, (_, c) in table.items()}, dataset.ignore_index)
    panels += _curves(sample)
    if not panels:
        raise ConfigError(
            f"there is nothing to draw in a sample with {', '.join(map(str, sample))}: expected "
            "an image, a mask, a series or sound"
        )
    if objects is None:
        text, right = label_text(dataset, sample)
        if text:
            first = panels[0]
            note = f"{first.note}\n{text}".strip()
            title = first.title if len(panels) > 1 else ""
            panels[0] = Panel(title, first.picture, first.values, first.limits,
                              first.objects, first.curves, first.axis, note, right)  # fmt: skip
    return panels_figure(
        panels, table=table, present=seen, titles=titles, suptitle=suptitle,
        caption=_caption(sample), side=3.0 if len(panels) < 4 else 2.6,
    )  # fmt: skip


def _masks(sample: Sample, instances: int | None) -> Iterator[tuple[str, NDArray[Any]]]:
    """Title and (H, W) of each mask and of what was predicted in its place.

    Masks of `instances` objects are drawn on the image, and not here.
    """
    keys = [k for k, v in sample.items() if isinstance(k, str) and k.startswith("mask")
            and isinstance(v, Tensor) and v.ndim in (2, 3)]  # fmt: skip
    keys = [k for k in keys if not (sample[k].ndim == 3 and len(sample[k]) == instances)]
    for key in keys:
        name = "truth" if len(keys) == 1 else key.removeprefix("mask").strip("_ ") or "truth"
        yield from _layers(name, sample[key])
    found = sample.get("prediction")
    if isinstance(found, Tensor) and found.ndim >= 2:
        of_classes = found.ndim == 3 and keys and sample[keys[0]].ndim == 2 and len(found) > 1
        yield from _layers("prediction", found.argmax(0) if of_classes else found)


def _layers(name: str, mask: Tensor) -> Iterator[tuple[str, NDArray[Any]]]:
    array = mask.detach().cpu().numpy()
    if array.dtype.kind != "f":
        array = array.astype(np.int64)
    layers = array.reshape(-1, *array.shape[-2:])
    if len(layers) == 1:
        yield name, layers[0]
        return
    for i in np.unique(
        np.linspace(0, len(layers) - 1, min(_MOST, len(layers))).round().astype(int)
    ):
        yield f"{name} {i + 1} of {len(layers)}", layers[i]


def _classes_seen(
    masks: Mapping[str, NDArray[Any]], objects: Any, found: Any, ignore: int | None
) -> list[int]:
    seen = {int(v) for m in masks.values() if m.dtype.kind != "f" for v in np.unique(m)}
    for each in (objects, found):
        if each is not None and "labels" in each:
            seen |= {int(v) for v in torch.as_tensor(each["labels"]).tolist()}
    return sorted(v for v in seen - {ignore} if v >= 0)


def _mask_panels(
    masks: Mapping[str, NDArray[Any]], colours: Mapping[int, Sequence[int]], ignore: int | None
) -> Iterator[Panel]:
    from swath.plot import Panel, agreement_text, colour_mask
    from swath.plot.panel import agreement

    numbers = [m[np.isfinite(m)] for m in masks.values() if m.dtype.kind == "f"]
    known = np.concatenate(numbers) if numbers else np.empty(0)
    limits = tuple(float(v) for v in np.percentile(known, (2, 98))) if known.size else (0.0, 1.0)
    low, high = limits if limits[1] > limits[0] else (limits[0], limits[0] + 1.0)
    for title, mask in masks.items():
        truth = masks.get(title.replace("prediction", "truth"))
        compared = title.startswith("prediction") and truth is not None
        if mask.dtype.kind == "f":
            note = ""
            if compared and truth is not None and truth.shape == mask.shape:
                both = np.isfinite(mask) & np.isfinite(truth)
                if both.any():
                    note = f"RMSE {np.sqrt(((mask - truth)[both] ** 2).mean()):.3g}"
            yield Panel(title, values=mask, limits=(low, high), note=note)
            continue
        share = None
        if compared and truth is not None and truth.shape == mask.shape:
            share = agreement(truth, mask, ignore)
        yield Panel(title, colour_mask(mask, colours, nodata=ignore),
                    note="" if share is None else agreement_text(share))  # fmt: skip


def _curves(sample: Sample) -> Iterator[Panel]:
    """Sound, and series that have no pixels."""
    from swath.plot import Panel

    for key in ("audio", "array", "series"):
        value = sample.get(key)
        if not isinstance(value, Tensor) or value.ndim not in (1, 2):
            continue
        array = value.detach().cpu().float().numpy()
        if key == "audio":
            wave = array.reshape(-1, array.shape[-1])[0]
            few = wave[:: max(1, len(wave) // 20_000)]
            rate = len(wave) / len(few)
            axis = "sample" if rate == 1 else f"sample / {rate:.0f}"
            yield Panel("sound", curves={"": few}, axis=axis)
        else:
            columns = array[:, None] if array.ndim == 1 else array
            chosen = list(range(min(columns.shape[1], _CURVES)))
            note = f"{len(chosen)} of {columns.shape[1]} values" * (len(chosen) < columns.shape[1])
            yield Panel("series", curves={f"{c}": columns[:, c] for c in chosen}, axis="date",
                        note=note)  # fmt: skip


def _caption(sample: Sample) -> str:
    told = []
    for key in _TEXTS:
        value = sample.get(key)
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list | tuple) and texts and all(isinstance(t, str) for t in texts):
            told.append(" | ".join(texts[:5]))
    text = "; ".join(told)
    return text if len(text) <= 400 else text[:399] + "…"
