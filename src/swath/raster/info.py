"""What a raster file says of itself: grid, bands, storage levels. Values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from affine import Affine
from pyproj import CRS

from swath.errors import CRSError
from swath.geometry import Grid

__all__ = ["Level", "MaskKind", "RasterInfo"]

#: Where the validity of a pixel is written: nowhere, in a nodata value, in a mask that the file
#: carries beside its bands, or in its alpha band.
MaskKind = Literal["none", "nodata", "band", "alpha"]


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a file, cut into equal tiles (those at the right and bottom overhang)."""

    width: int
    height: int
    tile_width: int
    tile_height: int

    @property
    def tiles_across(self) -> int:
        """Number of tile columns."""
        return -(-self.width // self.tile_width)

    @property
    def tiles_down(self) -> int:
        """Number of tile rows."""
        return -(-self.height // self.tile_height)


@dataclass(frozen=True)
class RasterInfo:
    """The header of a raster file.

    Attributes:
        path: Path as the user gave it.
        driver: ``"GTiff"``, or GDAL's name of the format.
        crs: Coordinate reference system; None if the file has none (ground control points or
            rational polynomials alone do not make one).
        transform: Affine from pixel corners (column, row) to CRS coordinates; pixel-is-point
            files are already shifted by half a pixel.
        width: Columns of the full resolution.
        height: Rows of the full resolution.
        count: Number of bands.
        dtype: Type of all bands (the common one where they differ), native byte order.
        nodata: One value per band, None where the band has none.
        levels: Full resolution first, then the overviews, finest first.
        descriptions: Name of each band, None where it has none.
        colormap: Class value to (red, green, blue, alpha), 0-255; None without a palette.
        mask: Where validity is written, see `MaskKind`.
        scales: Factor of each band from stored numbers to physical values.
        offsets: Summand of each band from stored numbers to physical values.
        tags: Metadata of the file as GDAL names it.
    """

    path: str
    driver: str
    crs: CRS | None
    transform: Affine
    width: int
    height: int
    count: int
    dtype: np.dtype[np.generic]
    nodata: tuple[float | None, ...]
    levels: tuple[Level, ...]
    descriptions: tuple[str | None, ...]
    colormap: dict[int, tuple[int, int, int, int]] | None = field(default=None, hash=False)
    mask: MaskKind = "none"
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    tags: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def grid(self) -> Grid:
        """The grid of the full resolution.

        Raises:
            CRSError: The file has no coordinate reference system.
        """
        if self.crs is None:
            raise CRSError(
                f"{self.path} has no coordinate reference system; write one into it "
                "(gdal_edit.py -a_srs EPSG:… file) or, for ground control points, warp it first "
                "(gdalwarp)"
            )
        return Grid(self.crs, self.transform, self.width, self.height)
