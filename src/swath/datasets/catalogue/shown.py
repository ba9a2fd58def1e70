"""The images of a sample as an eye sees them: which channels, and from which value to which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from swath.datasets.catalogue.images import Image
from swath.typing import Sample

if TYPE_CHECKING:
    from swath.datasets.catalogue.benchmark import Benchmark

__all__ = ["ImageShown", "images_shown"]

_RADAR = re.compile(r"(?:.*[_ -])?(VV|VH|HH|HV)(?:[_ -].*)?", re.IGNORECASE)
_MOST = 4  # dates
_PAIR = {"image1": "before", "image2": "after", "image_pre": "before", "image_post": "after"}


@dataclass(frozen=True)
class ImageShown:
    """A picture (H, W, 4) and its title."""

    title: str
    picture: NDArray[np.uint8]


def images_shown(dataset: Benchmark, sample: Sample) -> Iterator[ImageShown]:
    """Every image of a sample; dates of a series and images of one kind share one stretch.

    Raises:
        RGBBandsMissingError: The bands that make a picture are not among the chosen ones.
    """
    others = {p.key for p in dataset.parts if isinstance(p, Image)}  # heights beside colours
    keys = [
        k for k, v in sample.items()
        if isinstance(k, str) and (k.startswith("image") or k in others)
        and isinstance(v, Tensor)
        and v.ndim in (2, 3, 4)
    ]  # fmt: skip
    alike: dict[tuple[Any, ...], list[str]] = {}
    for key in keys:
        alike.setdefault((*sample[key].shape[-3:], _names(dataset, sample, key)), []).append(key)
    drawn: dict[str, list[ImageShown]] = {}
    for group in alike.values():
        for key, shown in _group(dataset, sample, group):
            drawn.setdefault(key, []).append(shown)
    for key in keys:
        yield from drawn[key]


def _group(
    dataset: Benchmark, sample: Sample, keys: Sequence[str]
) -> Iterator[tuple[str, ImageShown]]:
    """Images of one shape, side by side for the stretch and apart again."""
    frames: list[tuple[str, str, NDArray[Any]]] = []
    for key in keys:
        array = sample[key].detach().cpu().float().numpy()
        title = _PAIR.get(key, key.removeprefix("image").strip("_ ") or "image")
        if array.ndim < 4:
            frames.append((key, title, array if array.ndim == 3 else array[None]))
            continue
        count = len(array)
        chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST)).round().astype(int))
        lead = "" if title == "image" else f"{title}, "
        for i in chosen.tolist():
            pair = count == 2 and any(k.startswith("mask") for k in sample)
            date = ("before", "after")[i] if pair else f"date {i + 1} of {count}"
            frames.append((key, f"{lead}{date}" if count > 1 else title, array[i]))
    width = frames[0][2].shape[-1]
    wide = np.concatenate([f for _, _, f in frames], 2)
    colours = _coloured(dataset, sample, keys[0], wide)
    for k, (key, title, _) in enumerate(frames):
        yield key, ImageShown(title, colours[:, k * width : (k + 1) * width])


def _part(dataset: Benchmark, key: str) -> Image | None:
    parts = (p for p in dataset.parts if isinstance(p, Image) and p.key == key)
    return next((p for p in parts if p.there(dataset.site)), None)


def _names(dataset: Benchmark, sample: Sample, key: str) -> tuple[str, ...]:
    """Names of an image's channels; none where they are not known."""
    part, count = _part(dataset, key), sample[key].shape[-3] if sample[key].ndim > 2 else 1
    for names in (part.own_bands if part is not None else None, dataset.bands):
        if names is None:
            continue
        wanted = tuple(b for b in dataset.bands if b in names) or tuple(names)
        if len(wanted) == count:
            return wanted
    return ()


def _coloured(
    dataset: Benchmark, sample: Sample, key: str, image: NDArray[Any]
) -> NDArray[np.uint8]:
    from swath.plot import radar_composite, rgb

    part, names = _part(dataset, key), _names(dataset, sample, key)
    wanted = tuple(dataset.rgb_bands)
    limits = None
    if getattr(part, "dtype", "") == "uint8" and 1 < np.nanmax(image, initial=0) <= 255:
        limits = _of_photograph(image[:3])
    if len(wanted) in (1, 3) and set(wanted) <= set(names):
        return rgb(image, bands=names, rgb_bands=wanted, limits=limits)
    if radar := [i for i, name in enumerate(names) if _RADAR.fullmatch(name)]:
        return radar_composite(image[_polarised(names, radar)])
    elsewhere = part is not None and part.own_bands and not set(wanted) & set(part.own_bands)
    if names and wanted and not elsewhere:
        return rgb(image, bands=names, rgb_bands=wanted)  # says which are missing
    return rgb(image, limits=limits)


def _of_photograph(image: NDArray[Any]) -> tuple[float, float]:
    """One stretch for all colours, which keeps them as they are; a dull image stays dull."""
    known = image[np.isfinite(image)]
    low, high = (float(v) for v in np.percentile(known, (0.5, 99.5)))
    room = max(0.0, 80 - (high - low)) / 2
    return max(low - room, 0.0), min(high + room, 255.0)


def _polarised(names: Sequence[str], radar: Sequence[int]) -> list[int]:
    """Co-polarised and cross-polarised: the first of each; one alone is grey."""

    def kind(i: int) -> str:
        found = _RADAR.fullmatch(names[i])
        return found[1].upper() if found else ""

    same = [i for i in radar if kind(i) in ("VV", "HH")]
    cross = [i for i in radar if kind(i) in ("VH", "HV")]
    return [*same[:1], *cross[:1]]
