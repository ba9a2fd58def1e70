"""What every open raster file can do, whatever its format."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swath.raster.info import RasterInfo

__all__ = ["DirectTiles", "Source"]


@dataclass(frozen=True, slots=True)
class DirectTiles:
    """Where the uncompressed tiles of one band lie in memory.

    Attributes:
        addresses: (tiles_down, tiles_across) uint64, the address of each tile's first pixel of
            this band, checked to lie inside the map with the whole tile; 0 for a sparse tile,
            which is all nodata (or 0 without nodata). An address need not be a multiple of the
            item size: TIFF writers align to two bytes at most.
        row_stride: Bytes from a pixel to the one below it.
        col_stride: Bytes from a pixel to the one right of it.
        owner: Hold it for as long as the addresses are used: it keeps the map alive.
    """

    addresses: NDArray[np.uint64]
    row_stride: int
    col_stride: int
    owner: object


class Source(Protocol):
    """An open raster file. Any thread may use it, and so may a forked child."""

    info: RasterInfo
    #: Identifies the content: path, size and modification time.
    key: Hashable

    def tile(self, level: int, band: int, ty: int, tx: int) -> NDArray[Any]:
        """Pixels of one tile, (rows, columns), in native byte order, read-only.

        At least the tile's part inside the image; it may be a strided view.

        Raises:
            UnreadableFileError: The tile is damaged or missing from the file.
            BandError: There is no such band (0-based).
        """
        ...

    def mask_tile(self, level: int, ty: int, tx: int) -> NDArray[np.uint8] | None:
        """Validity of one tile's pixels, 0 = invalid; None if the file has no mask or alpha."""
        ...

    def direct(self, level: int, band: int) -> DirectTiles | None:
        """Addresses of the tiles, if the file can be read in place; else None."""
        ...
