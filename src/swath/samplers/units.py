"""What the numbers of a patch size mean, and how they become pixels."""

from __future__ import annotations

import math
from enum import Enum, auto

from swath.errors import ConfigError

__all__ = ["Size", "Units", "in_pixels", "pair"]

#: One number for both sides, or (height, width).
Size = tuple[float, float] | float


class Units(Enum):
    """Units of ``size`` and ``stride``."""

    #: Pixels of the dataset's resolution.
    PIXELS = auto()
    #: Units of the dataset's CRS (metres, degrees, feet…).
    CRS = auto()


def pair(value: Size, name: str) -> tuple[float, float]:
    """`value` as (height, width).

    Raises:
        ConfigError: Not one or two finite positive numbers.
    """
    both = (value, value) if isinstance(value, int | float) else tuple(value)
    if len(both) != 2 or not all(math.isfinite(v) and v > 0 for v in both):
        raise ConfigError(
            f"{name} is {value!r}; expected one positive number or (height, width), both positive"
        )
    return float(both[0]), float(both[1])


def in_pixels(
    value: Size, res: tuple[float, float], units: Units, name: str = "size"
) -> tuple[float, float]:
    """`value` as (height, width) in pixels of `res` (xres, yres); fractions are kept.

    A size in CRS units need not be a whole number of pixels: 250 m at 30 m are 8.33 of them.
    Whole numbers up to rounding noise become whole.
    """
    height, width = pair(value, name)
    if units is Units.PIXELS:
        return height, width
    if units is not Units.CRS:
        raise ConfigError(f"units is {units!r}; expected Units.PIXELS or Units.CRS")
    height, width = height / res[1], width / res[0]
    return tuple(round(v) if abs(v - round(v)) < 1e-6 else v for v in (height, width))  # type: ignore[return-value]
