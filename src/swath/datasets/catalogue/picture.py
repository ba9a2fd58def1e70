"""A sample of any dataset as a picture: what it shows follows from the sample's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from swath.errors import ConfigError
from swath.typing import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from swath.datasets.catalogue.benchmark import Benchmark

__all__ = ["picture"]


def picture(
    dataset: Benchmark, sample: Sample, titles: bool = True, suptitle: str | None = None
) -> Figure:
    """Draw a sample; see `Benchmark.plot`."""
    from swath.datasets.catalogue.objects import Objects
    from swath.plot import labelled_images, object_figure, sample_panel

    if "image" not in sample:
        raise ConfigError(f"there is no image in a sample with {', '.join(sample)}")
    shown = [b for b in dataset.rgb_bands if b in dataset.bands] or None
    bands = dataset.bands if len(dataset.bands) == sample["image"].shape[-3] else None
    parts = [p for p in dataset.parts if isinstance(p, Objects) and p.there(dataset.site)]
    if parts and (drawn := parts[0].drawn(sample)) is not None:
        figure = object_figure(
            sample["image"], *drawn, classes=dataset.classes or None,
            colours=dataset.colours or None, bands=bands, rgb_bands=shown if bands else None,
            titles=titles,
        )  # fmt: skip
        if suptitle:
            figure.suptitle(suptitle)
        return figure
    if "mask" in sample and sample["mask"].ndim == 2:
        figure = sample_panel(
            {k: v for k, v in sample.items() if k in ("image", "mask", "prediction", "valid")},
            classes=dataset.classes or None, colours=dataset.colours or None, bands=bands,
            rgb_bands=shown if bands else None, ignore=dataset.ignore_index,
        )  # fmt: skip
        if suptitle:
            figure.suptitle(suptitle)
        return figure
    label = sample.get("label")
    return labelled_images(
        [sample["image"]], [label] if isinstance(label, torch.Tensor) else None,
        [sample["prediction"]] if "prediction" in sample else None,
        classes=dataset.classes or None, bands=bands, rgb_bands=shown if bands else None,
        titles=titles, suptitle=suptitle, side=3,
    )  # fmt: skip
