"""One image of a TIFF (full resolution, overview or mask): from stored pieces to tiles.

TIFF stores tiles or strips. Tiles are served as they are. Strips that lie one after the other
uncompressed are one tile, the whole image; all other strips are decoded in groups, so that a
tile is neither a few rows nor a whole scene.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import BandError, UnsupportedDataError
from swath.raster.bytesource import ByteSource
from swath.raster.codecs import (
    COMPRESSIONS,
    JPEG,
    LERC,
    NONE,
    CodecError,
    PieceFormat,
    decode_piece,
)
from swath.raster.geotiff import Unusual
from swath.raster.ifd import Directory, damaged
from swath.raster.info import Level
from swath.raster.protocol import DirectTiles

__all__ = ["TiffImage", "group_rows"]

_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_MAX_PIECE = 1 << 31  # bytes of one decoded tile; larger ones are left to GDAL
_MIN_DIRECT_ROWS = 16


def group_rows(width: int, rows: int) -> int:
    """Rows of a group of strips: a multiple of `rows`, about 512² pixels, 64 to 256 rows."""
    target = min(256, max(64, (1 << 18) // width))
    return rows * max(1, target // rows)


class TiffImage:
    """One image: its format, where its pieces lie, and how they become tiles.

    Raises:
        Unusual: GDAL has to read it.
        UnreadableFileError: The tags contradict themselves or the file's size.
        UnsupportedDataError: Complex pixels.
    """

    def __init__(self, source: ByteSource, directory: Directory, *, mask: bool = False) -> None:
        self._source = source
        self._directory = directory
        self.width, self.height = directory.number(256, 0), directory.number(257, 0)
        if not (0 < self.width < 1 << 31 and 0 < self.height < 1 << 31):
            raise damaged(source.path, f"an image of {self.width} x {self.height} pixels")
        self.samples = directory.number(277, 1)
        self.planar = directory.number(284, 1) == 2 and self.samples > 1
        self.form = _format(directory, self.samples, self.planar, mask)
        self.dtype = self.form.dtype
        self.fill: float = 0
        self._geometry()
        self._tables: dict[int, DirectTiles] = {}
        self._offsets: NDArray[np.uint64] | None = None
        self._counts: NDArray[np.uint64] | None = None
        self._group = 1  # strips of a tile
        self.direct = self._is_direct()
        rows = self.piece_height
        if not self.tiled:
            rows = self._strip_rows()
        self.level = Level(self.width, self.height, self.piece_width, rows)

    def _geometry(self) -> None:
        directory, path = self._directory, self._source.path
        self.tiled = 324 in directory or 322 in directory
        if self.tiled:
            self.piece_width, self.piece_height = directory.number(322, 0), directory.number(323, 0)
        else:
            self.piece_width = self.width
            self.piece_height = min(directory.number(278, self.height), self.height)
        if self.piece_width < 1 or self.piece_height < 1:
            raise damaged(path, f"tiles of {self.piece_width} x {self.piece_height} pixels")
        self.across = -(-self.width // self.piece_width)
        self.down = -(-self.height // self.piece_height)
        size = self.piece_width * self.piece_height * self.form.samples * self.dtype.itemsize
        if size > _MAX_PIECE and self.form.compression != NONE:
            raise Unusual(f"tiles of {size} bytes")
        pieces = self.across * self.down * (self.samples if self.planar else 1)
        self._where = (324, 325) if self.tiled and 324 in directory else (273, 279)
        for tag in self._where:
            if tag not in directory:
                if tag in (279, 325):
                    raise Unusual("no byte counts")
                raise damaged(path, "it does not say where its pixels lie")
            if directory.entries[tag][1] < pieces:
                raise damaged(
                    path,
                    f"{directory.entries[tag][1]} tiles or strips are listed, {pieces} needed",
                )
        self.pieces = pieces

    # --- where the pieces lie ---------------------------------------------------------------

    def _places(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Offset and byte count of each piece, (planes, down, across); read once."""
        offsets, counts = self._offsets, self._counts
        if offsets is None or counts is None:
            shape = (-1, self.down, self.across)
            found = []
            for tag in self._where:
                values = self._directory.array(tag)
                if values is None or values.dtype.kind != "u":
                    raise damaged(self._source.path, f"tag {tag} should be whole numbers")
                found.append(values[: self.pieces].astype(np.uint64).reshape(shape))
            offsets, counts = found
            self._offsets, self._counts = offsets, counts
        return offsets, counts

    def _is_direct(self) -> bool:
        form = self.form
        return (
            form.compression == NONE
            and not form.swapped
            and form.bits == 8 * self.dtype.itemsize
            and self._source.mapped is not None
            and (self.tiled or self._source.size > 0)
        )

    def _strip_rows(self) -> int:
        """Rows of a tile made of strips; decides whether strips can be read in place."""
        row_bytes = self.width * self.form.samples * self.dtype.itemsize
        if self.direct:
            offsets, counts = self._places()
            expected = np.uint64(row_bytes * self.piece_height)
            inside = (
                bool(counts.all() and offsets.all())
                and int(offsets[:, 0, 0].max()) + row_bytes * self.height <= self._source.size
            )
            if inside and bool((np.diff(offsets, axis=1) == expected).all()):
                self._group = self.down
                return self.height
            if self.piece_height >= _MIN_DIRECT_ROWS:
                return self.piece_height
            self.direct = False
        rows = group_rows(self.width, self.piece_height)
        self._group = max(1, rows // self.piece_height)
        return min(rows, self.height) if self.down <= self._group else rows

    def addresses(self, band: int) -> DirectTiles | None:
        """The table of a band's tiles in the map; None if one of them is not wholly inside."""
        table = self._tables.get(band)
        mapped = self._source.mapped
        if table is not None or not self.direct or mapped is None:
            return table
        offsets, counts = self._places()
        item, samples = self.dtype.itemsize, self.form.samples
        row = self.piece_width * samples * item
        plane = offsets[band if self.planar else 0]
        sizes = np.full(plane.shape, row * self.level.tile_height, np.uint64)
        if not self.tiled:
            plane = plane[:: self._group]
            sizes = sizes[:: self._group]
            sizes[-1] = row * (self.height - (len(plane) - 1) * self.level.tile_height)
        sparse = (plane == 0) | (counts[band if self.planar else 0][:: self._group] == 0)
        size = np.uint64(self._source.size)
        # Compared without adding, which could wrap around.
        if bool((~sparse & ((plane > size) | (sizes > size - np.minimum(plane, size)))).any()):
            return None
        base = np.uint64(mapped.__array_interface__["data"][0])
        shift = np.uint64(0 if self.planar else band * item)
        found = np.where(sparse, np.uint64(0), plane + base + shift)
        found.flags.writeable = False
        table = DirectTiles(found, row, samples * item, mapped)
        self._tables[band] = table
        return table

    # --- pixels -----------------------------------------------------------------------------

    def view(self, band: int, ty: int, tx: int) -> NDArray[Any] | None:
        """A tile in place, as a view of the map; None if it is sparse or has to be decoded."""
        table = self.addresses(band)
        mapped = self._source.mapped
        if table is None or mapped is None:
            return None
        address = int(table.addresses[ty, tx])
        if address == 0 or address % self.dtype.itemsize:
            return None
        rows = self.level.tile_height
        if not self.tiled:
            rows = min(rows, self.height - ty * rows)
        return np.ndarray(
            (rows, self.piece_width),
            self.dtype,
            mapped,  # type: ignore[arg-type]
            address - mapped.__array_interface__["data"][0],
            (table.row_stride, table.col_stride),
        )

    def block(self) -> NDArray[Any] | None:
        """All bands in place, (samples, height, width), as a view of the map, perhaps unaligned.

        None if they have to be decoded, or do not lie there as one regular block.
        """
        level, mapped = self.level, self._source.mapped
        if not self.direct or mapped is None or level.tiles_across != 1 or level.tiles_down != 1:
            return None
        offsets, counts = self._places()
        starts = offsets[:, 0, 0].tolist()
        item, inside = self.dtype.itemsize, self.form.samples
        row = self.piece_width * inside * item
        steps = {b - a for a, b in itertools.pairwise(starts)} or {item}
        end = max(starts) + row * (self.height - 1) + self.width * inside * item
        if len(steps) > 1 or not counts.all() or not min(starts) or end > self._source.size:
            return None
        return np.ndarray(
            (self.samples, self.height, self.width),
            self.dtype,
            mapped,  # type: ignore[arg-type]
            starts[0],
            (steps.pop(), row, inside * item),
        )

    def whole(self) -> NDArray[Any] | None:
        """All bands (samples, height, width), in place or decoded; None if in several tiles."""
        found = self.block()
        if found is not None or self.planar:
            return found
        if self.level.tiles_across != 1 or self.level.tiles_down != 1:
            return None
        pixels = self.decode(0, 0, 0)[: self.height, : self.width]
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def decode(self, plane: int, ty: int, tx: int) -> NDArray[Any]:
        """A tile, decoded: (rows, columns), or (rows, columns, samples) if there are several.

        Raises:
            UnreadableFileError: A piece of it is damaged or outside the file.
        """
        level = self.level
        if not (0 <= ty < level.tiles_down and 0 <= tx < level.tiles_across):
            raise BandError(
                f"{self._source.path} has {level.tiles_down} x {level.tiles_across} tiles, "
                f"asked for tile ({ty}, {tx})"
            )
        if self.tiled:
            out = np.empty((self.piece_height, self.piece_width, self.form.samples), self.dtype)
            self._piece(plane, ty, tx, out)
        else:
            top = ty * level.tile_height
            rows = min(level.tile_height, self.height - top)
            out = np.empty((rows, self.width, self.form.samples), self.dtype)
            for strip, start in enumerate(range(0, rows, self.piece_height), ty * self._group):
                self._piece(plane, strip, 0, out[start : start + self.piece_height])
        return out[:, :, 0] if self.form.samples == 1 else out

    def _piece(self, plane: int, row: int, column: int, out: NDArray[Any]) -> None:
        offsets, counts = self._places()
        offset, count = int(offsets[plane, row, column]), int(counts[plane, row, column])
        if offset == 0 or count == 0:
            out[...] = self.fill
            return
        name = f"{'tile' if self.tiled else 'strip'} (row {row}, column {column})"
        data = self._source.read(offset, count) if offset < self._source.size else None
        short = data is None or data.nbytes < count
        if short and not (
            self.form.compression == NONE and offset + out.nbytes <= self._source.size
        ):
            raise damaged(
                self._source.path,
                f"{name} would lie at bytes {offset} to {offset + count} of {self._source.size}",
            )
        try:
            decode_piece(data, out, self.form)  # type: ignore[arg-type]
        except CodecError as error:
            raise damaged(
                self._source.path, f"{name} of the {self.width} x {self.height} image: {error}"
            ) from error

    def set_fill(self, nodata: float | None) -> None:
        """Value of sparse tiles: the nodata value if the dtype holds it, else 0."""
        if nodata is None:
            return
        if self.dtype.kind == "f":
            self.fill = nodata
        elif math.isfinite(nodata) and nodata == int(nodata):
            limits = np.iinfo(self.dtype.str)
            self.fill = int(nodata) if limits.min <= nodata <= limits.max else 0


def _format(directory: Directory, samples: int, planar: bool, mask: bool) -> PieceFormat:
    """How the image is encoded."""
    path = directory.source.path
    if not 0 < samples <= 65535:
        raise damaged(path, f"{samples} samples a pixel")
    bits = set(directory.ints(258, (1,)))
    kinds = set(directory.ints(339, (1,)))
    if kinds & {5, 6}:
        raise UnsupportedDataError(
            f"{path} has complex pixels, which Swath does not read; write amplitude and phase, or "
            "the real and imaginary parts, as bands of real numbers first"
        )
    if len(bits) != 1 or len(kinds) != 1 or not kinds <= _KINDS.keys():
        raise Unusual(f"bits {bits} and sample formats {kinds}")
    (depth,), (kind,) = bits, kinds
    if depth == 1 and mask and samples == 1:
        dtype = np.dtype(np.uint8)
    elif depth in (8, 16, 32, 64) and not (kind == 3 and depth < 32):
        dtype = np.dtype(f"{_KINDS[kind]}{depth // 8}")
    else:
        raise Unusual(f"{depth} bits of sample format {kind}")
    compression = directory.number(259, 1)
    photometric = directory.number(262, 1)
    if compression not in COMPRESSIONS or directory.number(266, 1) != 1:
        raise Unusual(f"compression {compression}")
    if photometric not in (0, 1, 2, 3, 4) and not (photometric == 6 and compression == JPEG):
        raise Unusual(f"photometric interpretation {photometric}")
    if compression == JPEG and depth != 8:
        raise Unusual("JPEG of more than 8 bits")
    predictor = directory.number(317, 1) if compression not in (NONE, JPEG) else 1
    if predictor not in (1, 2, 3) or (predictor == 3 and dtype.kind != "f"):
        raise Unusual(f"predictor {predictor}")
    lerc = directory.ints(50674, (4, 0)) if compression == LERC else (4, 0)
    if len(lerc) < 2 or lerc[1] not in (0, 1, 2):
        raise Unusual(f"LERC parameters {lerc}")
    return PieceFormat(
        compression=compression,
        predictor=predictor,
        dtype=dtype,
        swapped=dtype.itemsize > 1 and (directory.order == ">") != (not _LITTLE),
        bits=depth,
        samples=1 if planar else samples,
        photometric=photometric,
        jpeg_tables=directory.raw(347) if compression == JPEG else None,
        lerc_wrapper=lerc[1],
    )


_LITTLE = np.dtype("<u2").isnative
