"""One tile: how many chips it holds, and a random box inside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from swath.errors import GridError
from swath.samplers.seeds import SeedSource
from swath.samplers.units import Size, pair

if TYPE_CHECKING:
    from swath.geometry import Bounds
    from swath.samplers.seeds import AnyGenerator

__all__ = ["get_random_bounding_box", "steps", "tile_to_chips"]


def steps(extent: float, size: float, stride: float) -> int:
    """How many windows of `size`, `stride` apart, reach over `extent`: at least one."""
    # A ratio that is whole up to rounding noise must not become one more window.
    return max(1, math.ceil((extent - size) / stride - 1e-6) + 1)


def tile_to_chips(
    bounds: Bounds, size: tuple[float, float], stride: tuple[float, float] | None = None
) -> tuple[int, int]:
    """Number of (rows, columns) of chips that cover a tile.

    With tile extent i, chip size k and stride s that is ⌈(i - k) / s⌉ + 1 along each axis, and at
    least 1 (relation 5 of https://doi.org/10.48550/arXiv.1603.07285, with a ceiling so that the
    remainder at the far side is covered too).

    Args:
        bounds: (xmin, ymin, xmax, ymax) of the tile.
        size: (height, width) of a chip, in the units of `bounds`.
        stride: (height, width) between chips, `size` by default.

    Raises:
        ConfigError: A size or stride that is not positive.
    """
    height, width = pair(size, "size")
    down, across = pair(stride, "stride") if stride is not None else (height, width)
    xmin, ymin, xmax, ymax = bounds
    return steps(ymax - ymin, height, down), steps(xmax - xmin, width, across)


def get_random_bounding_box(
    bounds: Bounds,
    size: Size,
    res: tuple[float, float] | float,
    generator: AnyGenerator = None,
) -> tuple[slice, slice]:
    """A random box of `size` inside `bounds`, a whole number of pixels from its corner.

    A box larger than `bounds` along an axis is centred on them along that axis, to the pixel.

    Args:
        bounds: (xmin, ymin, xmax, ymax) to stay in.
        size: Height and width in the units of `bounds`.
        res: Pixel size, one number or (x, y).
        generator: Source of randomness; None is PyTorch's default generator.

    Returns:
        The slices (x, y).

    Raises:
        GridError: A resolution that is not positive.
        ConfigError: A size that is not positive.
    """
    height, width = pair(size, "size")
    xres, yres = (res, res) if isinstance(res, int | float) else res
    if not (xres > 0 and yres > 0):
        raise GridError(f"a resolution is positive, got {res}")
    rng = SeedSource(generator).numpy()
    starts = []
    for low, high, extent, pixel in (
        (bounds[0], bounds[2], width, xres),
        (bounds[1], bounds[3], height, yres),
    ):
        room = (high - low - extent) / pixel
        offset = int(rng.integers(math.floor(room + 1e-6) + 1)) if room > -1e-6 else round(room / 2)
        starts.append(low + offset * pixel)
    x, y = starts
    return slice(x, x + width), slice(y, y + height)
