"""Where every pixel of an array lies: CRS + affine transform + shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine
from pyproj import CRS

from swath.errors import GridError

__all__ = ["Bounds", "Grid"]

#: (xmin, ymin, xmax, ymax) in the units of a CRS.
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Grid:
    """A raster's geometry.

    Args:
        crs: Coordinate reference system.
        transform: Affine from pixel corners (column, row) to CRS coordinates. Any invertible
            affine is legal: south-up and rotated grids too.
        width: Number of columns, at least 1.
        height: Number of rows, at least 1.

    Raises:
        GridError: The shape is empty or the transform cannot be inverted.
    """

    crs: CRS
    transform: Affine
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise GridError(
                f"a grid needs at least one pixel, got width {self.width} and height {self.height}"
            )
        det = self.transform.a * self.transform.e - self.transform.b * self.transform.d
        if not math.isfinite(det) or det == 0:
            raise GridError(f"the transform {tuple(self.transform)[:6]} cannot be inverted")

    @classmethod
    def from_bounds(cls, crs: CRS, bounds: Bounds, res: tuple[float, float] | float) -> Grid:
        """The north-up grid that covers `bounds` with pixels of `res` CRS units.

        The upper left corner is kept; the number of pixels is the nearest whole number, so that
        bounds which are a whole number of pixels up to rounding noise give that number.
        """
        xres, yres = (res, res) if isinstance(res, int | float) else res
        if not (0 < xres < math.inf and 0 < yres < math.inf):
            raise GridError(f"a resolution is positive and finite, got {res}")
        xmin, ymin, xmax, ymax = bounds
        if not (xmax > xmin and ymax > ymin and all(map(math.isfinite, bounds))):
            raise GridError(f"bounds (xmin, ymin, xmax, ymax) are empty or not finite: {bounds}")
        width = max(1, round((xmax - xmin) / xres))
        height = max(1, round((ymax - ymin) / yres))
        return cls(crs, Affine(xres, 0.0, xmin, 0.0, -yres, ymax), width, height)

    @property
    def bounds(self) -> Bounds:
        """Axis-aligned bounds (xmin, ymin, xmax, ymax) of all pixels, rotated grids included."""
        t, w, h = self.transform, self.width, self.height
        xs = (t.c, t.c + t.a * w, t.c + t.b * h, t.c + t.a * w + t.b * h)
        ys = (t.f, t.f + t.d * w, t.f + t.e * h, t.f + t.d * w + t.e * h)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def res(self) -> tuple[float, float]:
        """Pixel size (x, y), positive, in CRS units."""
        t = self.transform
        return math.hypot(t.a, t.d), math.hypot(t.b, t.e)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as arrays have it."""
        return self.height, self.width
