"""Arrays to colours: stretches, composites, class colours. Pure arithmetic, no drawing."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError, RGBBandsMissingError

__all__ = [
    "agreement_text",
    "as_array",
    "class_table",
    "colour_mask",
    "default_colours",
    "rgb",
    "stretch",
]

#: Red, green, blue, and perhaps alpha, each 0 to 255.
Colour = tuple[int, ...]

# Twenty colours that stay apart in print and for most kinds of colour blindness when taken from
# the front: hue and lightness both change from one to the next.
_COLOURS: tuple[tuple[int, int, int], ...] = (
    (46, 110, 178),
    (242, 176, 50),
    (44, 139, 83),
    (204, 61, 62),
    (150, 206, 233),
    (126, 80, 160),
    (214, 214, 88),
    (110, 72, 40),
    (236, 140, 178),
    (22, 62, 66),
    (134, 190, 92),
    (236, 108, 44),
    (92, 104, 122),
    (94, 200, 186),
    (146, 24, 74),
    (250, 214, 166),
    (30, 40, 120),
    (168, 152, 120),
    (206, 160, 226),
    (70, 92, 20),
)


def as_array(data: Any) -> NDArray[Any]:
    """A NumPy array of a tensor (any device), an array or a list."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        if str(data.dtype) == "torch.bfloat16":  # the one dtype that NumPy does not know
            data = data.float()
        return data.numpy()
    return np.asarray(data)


def default_colours(values: Iterable[int]) -> dict[int, Colour]:
    """A colour for each class value, the same one for the same value wherever it is drawn."""
    colours: dict[int, Colour] = {}
    for value in values:
        value = int(value)
        if 0 <= value < len(_COLOURS):
            colours[value] = _COLOURS[value]
        else:
            # The golden angle never comes back to a hue it has had.
            hue = (value * 0.61803398875) % 1.0
            light = (0.42, 0.56, 0.7)[value % 3]
            r, g, b = colorsys.hls_to_rgb(hue, light, 0.6)
            colours[value] = (round(r * 255), round(g * 255), round(b * 255))
    return colours


def class_table(
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[int, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    values: Iterable[int] = (),
) -> dict[int, tuple[str, Colour]]:
    """Name and colour of each class, by its value, in the order given.

    Args:
        classes: Names, by value or in order from 0.
        colours: (red, green, blue[, alpha]) from 0 to 255, by value or in order from 0.
        values: Values that occur; those with no name get their number as the name.

    Raises:
        ConfigError: A colour is not three or four numbers from 0 to 255.
    """
    names = (
        {int(v): str(name) for v, name in classes.items()}
        if isinstance(classes, Mapping)
        else dict(enumerate(map(str, classes or ())))
    )
    given = (
        {int(v): colour for v, colour in colours.items()}
        if isinstance(colours, Mapping)
        else dict(enumerate(colours if colours is not None else ()))
    )
    order = list(names) if names else [v for v in given if not names]
    order += [v for v in map(int, values) if v not in order]
    spare = default_colours(order)
    return {v: (names.get(v, str(v)), _colour(v, given.get(v, spare[v]))) for v in order}


def _colour(value: int, colour: Sequence[int]) -> Colour:
    parts = tuple(int(c) for c in colour)
    if len(parts) not in (3, 4) or not all(0 <= c <= 255 for c in parts):
        raise ConfigError(
            f"the colour of class {value} is {tuple(colour)}; expected (red, green, blue) or "
            "(red, green, blue, alpha), whole numbers from 0 to 255"
        )
    return parts


def stretch(
    image: Any,
    *,
    percentiles: tuple[float, float] = (2.0, 98.0),
    limits: tuple[float, float] | None = None,
    gamma: float = 1.0,
    valid: Any = None,
    per_channel: bool = True,
) -> NDArray[np.float32]:
    """Bring values to 0 … 1 so that an eye sees something.

    Args:
        image: (H, W) or (C, H, W), any real dtype.
        percentiles: The values at these become 0 and 1; what is beyond is clipped.
        limits: Values that become 0 and 1, instead of percentiles.
        gamma: The result is raised to 1/gamma: above 1 brightens the shadows.
        valid: (H, W) of bool; pixels where it is False, and NaN or infinite ones, have no say in
            the percentiles and become 0.
        per_channel: Whether each channel has percentiles of its own.

    Returns:
        float32 of the image's shape. A channel of one value only becomes 0.5.

    Raises:
        ConfigError: The percentiles, limits or gamma make no stretch.
    """
    array = as_array(image)
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise ConfigError(f"percentiles rise within 0 to 100, got {percentiles}")
    if limits is not None and not limits[1] > limits[0]:
        raise ConfigError(f"limits of a stretch are (low, high) with low < high, got {limits}")
    if not gamma > 0:
        raise ConfigError(f"gamma is positive, got {gamma}")
    planes = array.reshape((-1, *array.shape[-2:])).astype(np.float32, copy=False)
    good = np.isfinite(planes)
    if valid is not None:
        good &= as_array(valid).astype(bool)
    groups = [[c] for c in range(len(planes))] if per_channel else [list(range(len(planes)))]
    out = np.zeros(planes.shape, np.float32)
    for group in groups:
        values = planes[group][good[group]]
        if values.size == 0:
            continue
        lo, hi = limits if limits is not None else np.percentile(values, (low, high))
        if hi <= lo:  # two percentiles in one spike of the histogram: fall back on all of it
            lo, hi = float(values.min()), float(values.max())
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = (planes[group] - lo) / (hi - lo) if hi > lo else np.full_like(out[group], 0.5)
        out[group] = np.where(good[group], np.clip(scaled, 0, 1), 0)
    if gamma != 1:
        out **= 1 / gamma
    return out.reshape(array.shape)


def _channels(
    count: int, bands: Sequence[str] | None, wanted: Sequence[str] | Sequence[int] | None
) -> list[int]:
    if wanted is None:
        return [0, 1, 2] if count >= 3 else [0]
    if len(wanted) not in (1, 3):
        raise RGBBandsMissingError(
            f"a composite is made of three bands, or of one as grey; got {list(wanted)}"
        )
    names = list(bands or ())
    channels = []
    for band in wanted:
        if isinstance(band, int | np.integer) and 0 <= band < count:
            channels.append(int(band))
        elif band in names and names.index(str(band)) < count:
            channels.append(names.index(str(band)))
        else:
            raise RGBBandsMissingError(
                f"the picture needs the bands {list(wanted)} and {band!r} is not in the image, "
                f"which has {count} channels: {names or 'without names'}; read these bands, or "
                "say which to show"
            )
    return channels


def rgb(
    image: Any,
    *,
    bands: Sequence[str] | None = None,
    rgb_bands: Sequence[str] | Sequence[int] | None = None,
    percentiles: tuple[float, float] = (2.0, 98.0),
    limits: tuple[float, float] | None = None,
    gamma: float = 1.0,
    nodata: float | None = None,
    valid: Any = None,
) -> NDArray[np.uint8]:
    """A picture of an image: a stretched composite, transparent where there is no data.

    Args:
        image: (C, H, W) or (H, W).
        bands: Names of the channels.
        rgb_bands: Three names or channel numbers for red, green and blue, or one for grey.
            By default the first three channels, or the first one of fewer than three.
        percentiles: See `stretch`.
        limits: See `stretch`.
        gamma: See `stretch`.
        nodata: A pixel whose shown channels all have this value is transparent.
        valid: (H, W) of bool: False is transparent.

    Returns:
        uint8 (H, W, 4): red, green, blue, alpha.

    Raises:
        RGBBandsMissingError: A wanted band is not among the channels.
    """
    array = as_array(image)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise RGBBandsMissingError(f"an image is (C, H, W) or (H, W), got shape {array.shape}")
    shown = array[_channels(len(array), bands, rgb_bands)]
    good = np.isfinite(shown).all(0)
    if valid is not None:
        good &= as_array(valid).astype(bool)
    if nodata is not None and np.isfinite(nodata):
        good &= (shown != nodata).any(0)
    levels = stretch(shown, percentiles=percentiles, limits=limits, gamma=gamma, valid=good)
    out = np.empty((*good.shape, 4), np.uint8)
    out[..., :3] = np.moveaxis(np.rint(levels * 255), 0, -1)  # one channel fills all three: grey
    out[..., 3] = np.where(good, 255, 0)
    return out


def colour_mask(
    mask: Any,
    colours: Mapping[int, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    *,
    nodata: int | None = None,
) -> NDArray[np.uint8]:
    """Class values to colours.

    Args:
        mask: (H, W) or (1, H, W) of whole numbers.
        colours: (red, green, blue[, alpha]) by value, or in order from 0. A value with no colour
            here has its colour of `default_colours`, so that nothing that occurs is invisible.
        nodata: This value is transparent, and so are negative ones.

    Returns:
        uint8 (H, W, 4): red, green, blue, alpha.
    """
    array = as_array(mask)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if array.ndim != 2:
        raise ConfigError(f"a mask is (H, W) or (1, H, W), got shape {array.shape}")
    array = array.astype(np.int64, copy=False)
    values, inverse = np.unique(array, return_inverse=True)
    table = class_table(None, colours, values.tolist())
    lookup = np.zeros((len(values), 4), np.uint8)
    for i, value in enumerate(values.tolist()):
        if value >= 0 and value != nodata:
            lookup[i] = (*table[value][1], 255)[:4]
    return lookup[inverse.reshape(array.shape)]


def agreement_text(share: float) -> str:
    """How much of a prediction is as in truth, in words: 100 % only where all of it is."""
    percent = round(100 * share)
    if percent == 100 and share < 1:
        return "over 99 % as in truth"
    if percent == 0 and share > 0:
        return "under 1 % as in truth"
    return f"{percent} % as in truth"
