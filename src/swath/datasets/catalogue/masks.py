"""Class numbers of pixels, from numbers, colours or grey values in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.parts import (
    Part,
    Row,
    one_crs,
)
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.windows import numbers_of, pixels_of
from swath.datasets.catalogue.writing import write_picture
from swath.errors import UnreadableFileError

__all__ = ["Mask"]


class Mask(Part):
    """Class numbers of pixels, from one band of a file: int64 (H, W).

    Args:
        file: Pattern of its path.
        key: Its name in the sample.
        values: Number in the file -> class number; values that are not in it become `ignore`.
            By default numbers are classes.
        colours: (red, green, blue) -> class number, for masks that are pictures.
        threshold: Values above it are 1, the others 0.
        band: Which band of the file (from 0).
        ignore: What unknown values or colours become; they are an error if it is None.
        size: (height, width) in miniatures.
        crs: Of miniatures.
        written: The values that miniatures have, where neither `values` nor the classes say.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        key: str = "mask",
        *,
        values: Mapping[int, int] | None = None,
        colours: Mapping[tuple[int, int, int], int] | None = None,
        threshold: float | None = None,
        band: int = 0,
        ignore: int | None = None,
        size: tuple[int, int] = (32, 32),
        crs: str | Sequence[str] | None = None,
        written: Sequence[int] | None = None,
        dtype: str = "uint8",
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.values, self.colours = file, values, colours
        self.threshold, self.band, self.ignore = threshold, band, ignore
        self.size, self.crs, self.written, self.dtype = size, crs, written, dtype

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.file, row)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The mask."""
        path = self.files(site, row)[0]
        if self.colours is not None:
            codes = _packed(pixels_of(site, path, (0, 1, 2)))
            table = {r << 16 | g << 8 | b: n for (r, g, b), n in self.colours.items()}
            return {self.key: self._translated(codes, table, path)}
        if self.threshold is not None:
            pixels = pixels_of(site, path, (self.band,))[0]
            return {self.key: torch.from_numpy(pixels > self.threshold).long()}
        pixels = numbers_of(site, path, self.band)
        if self.values is not None:
            return {self.key: self._translated(pixels, self.values, path)}
        unknown = ~np.isfinite(pixels) if pixels.dtype.kind == "f" else None
        if unknown is not None and unknown.any():
            if self.ignore is None:
                raise UnreadableFileError(
                    f"{path} has pixels without a value (NaN), which are no class of this dataset: "
                    "it is not the file that was published"
                )
            pixels = np.where(unknown, self.ignore, pixels)
        return {self.key: torch.from_numpy(pixels.astype(np.int64))}

    def _translated(self, codes: NDArray[Any], table: Mapping[int, int], path: str) -> Tensor:
        known = np.array(sorted(table))
        to = np.array([table[int(k)] for k in known], dtype=np.int64)
        at = np.searchsorted(known, codes).clip(max=len(known) - 1)
        fits = known[at] == codes
        if self.ignore is None and not fits.all():
            value = codes[~fits][0]
            shown = f"the colour #{value:06x}" if self.colours is not None else f"the value {value}"
            raise UnreadableFileError(
                f"{path} has {shown}, which is no class of this dataset: it is not the file that "
                "was published, or it was changed (resampled, compressed) since"
            )
        return torch.from_numpy(np.where(fits, to[at], self.ignore or 0))

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Every class somewhere."""
        path = self.files(site, row)[0]
        if self.colours is not None:
            palette = np.array(list(self.colours), dtype=np.uint8)
            write_picture(path, palette[self._spread(rng, len(palette))].transpose(2, 0, 1),
                          one_crs(self.crs, row), place=row)  # fmt: skip
            return
        if self.written is not None:
            values = list(self.written)
        elif self.values is not None:
            values = list(self.values)
        else:
            values = [0, 255] if self.threshold is not None else list(range(len(site.classes) or 2))
        pixels = np.array(values, dtype=self.dtype)[self._spread(rng, len(values))]
        pixels = np.repeat(pixels[None], self.band + 1, 0)
        write_picture(path, pixels, one_crs(self.crs, row), place=row)

    def _spread(self, rng: np.random.Generator, count: int) -> NDArray[Any]:
        """(H, W) of 0 to `count` - 1, each there at least once if there is room."""
        total = self.size[0] * self.size[1]
        return rng.permutation(np.arange(total) % count).reshape(self.size)


def _packed(colours: NDArray[Any]) -> NDArray[np.int64]:
    wide = colours.astype(np.int64)
    return wide[0] << 16 | wide[1] << 8 | wide[2]
