"""Images of a sample: one file, or a file a band. Each can also be written, for miniatures."""

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
    float_tensor,
    noise,
    one_crs,
    place_of,
)
from swath.datasets.catalogue.pixels import read_pixels
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.windows import image_shape, pixels_of
from swath.datasets.catalogue.writing import write_picture
from swath.errors import BandError

__all__ = ["BandFiles", "Image"]


class Image(Part):
    """One image file: float32 (C, H, W) in the file's own values.

    Args:
        file: Pattern of its path.
        key: Its name in the sample.
        located: Whether the files are georeferenced; ``bounds`` and ``transform`` (9, float64)
            are then in the sample too. A file without a CRS has NaN there.
        bands: Names of the file's bands, in its order, where not the dataset's ``all_band_names``;
            an image with none of those (heights beside colours) is not chosen from.
        size: (height, width), dtype, CRS: how miniatures are made.
        dtype: See `size`.
        crs: See `size`; of several, each sample has one.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        key: str = "image",
        *,
        located: bool = False,
        bands: Sequence[str] | None = None,
        size: tuple[int, int] = (32, 32),
        dtype: str = "uint8",
        crs: str | Sequence[str] | None = None,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.located, self.own_bands = file, located, bands
        self.size, self.dtype, self.crs = size, dtype, crs or ("EPSG:32632" if located else None)

    def files(self, site: Site, row: Row) -> list[str]:
        """The files that it is read from."""
        return [site.path(self.file, row)]

    def _wanted(self, site: Site) -> list[int] | None:
        own = tuple(self.own_bands or site.all_bands)
        if not own or site.bands == own or not set(own) & set(site.all_bands):
            return None
        return [own.index(b) for b in site.bands if b in own]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The image, and where it lies."""
        path = self.files(site, row)[0]
        found: dict[str, Any] = {self.key: float_tensor(self._pixels(site, path))}
        if self.located:
            found |= place_of(path, site.window)
        return found

    def _pixels(self, site: Site, path: str) -> NDArray[Any]:
        """The wanted bands, as many as are promised, whatever the file has.

        A grey file among coloured ones has its grey in every colour, and what comes after the bands
        that have names (transparency) is left out.
        """
        count, wanted = len(self.own_bands or site.all_bands), self._wanted(site)
        try:
            pixels = pixels_of(site, path, wanted, located=self.located)
        except BandError:
            pixels = pixels_of(site, path, located=self.located)
            if (count, len(pixels)) != (3, 1):
                raise
        expected = count if wanted is None else len(wanted)
        if len(pixels) == expected or not count:
            return pixels
        if count == 3 and len(pixels) == 1:
            return np.repeat(pixels, expected, 0)
        if len(pixels) < expected:
            raise BandError(
                f"{path} has {len(pixels)} bands where {count} are expected: it is not the file "
                "that was published"
            )
        return pixels[:expected]

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise."""
        count = len(self.own_bands or site.all_bands) or 3
        write_picture(self.files(site, row)[0], noise(rng, (count, *self.size), self.dtype),
                      one_crs(self.crs, row), place=row)  # fmt: skip


class BandFiles(Image):
    """One file a band, all over the same ground: float32 (C, H, W) at the finest's pixels.

    Coarser bands are repeated to the finest one's shape bilinearly.

    Args:
        file: Pattern with ``{band}``.
        key: As in `Image`, and so are the rest.
        names: Band -> what it is called in files' names, where that differs.
        sizes: Band -> (height, width) of its file, for miniatures.
        options: Of `Image`.
    """

    def __init__(
        self,
        file: str,
        key: str = "image",
        *,
        names: Mapping[str, str] | None = None,
        sizes: Mapping[str, tuple[int, int]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(file, key, **options)
        self.names, self.sizes = dict(names or {}), dict(sizes or {})
        #: Types of bands' files in miniatures, where they are not all the same.
        self.dtypes: dict[str, str] = {}

    def _bands(self, site: Site) -> list[str]:
        own = self.own_bands or site.all_bands
        return [b for b in site.bands if b in own]

    def path(self, site: Site, row: Row, band: str) -> str:
        """The file of a band."""
        return site.path(self.file, {**row, "band": self.names.get(band, band)})

    def files(self, site: Site, row: Row) -> list[str]:
        """The files of the wanted bands."""
        return [self.path(site, row, band) for band in self._bands(site)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The image, and where it lies."""
        paths = self.files(site, row)
        if not paths:
            return {}
        shapes = [image_shape(p) for p in paths] if site.window is not None else []
        if len(set(shapes)) == 1:
            image, finest = torch.cat([float_tensor(pixels_of(site, p)) for p in paths]), 0
        else:
            layers = [float_tensor(read_pixels(p)) for p in paths]
            shape = max(tuple(layer.shape[-2:]) for layer in layers)
            finest = next(i for i, p in enumerate(layers) if tuple(p.shape[-2:]) == shape)
            image = torch.cat([_resized(layer, shape) for layer in layers])
            if site.window is not None:
                top, left, high, wide = site.window
                image = image[:, top : top + high, left : left + wide]
        found: dict[str, Any] = {self.key: image}
        if self.located:
            found |= place_of(paths[finest], site.window)
        return found

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise, a file a band; of all bands, wanted or not."""
        for band in self.own_bands or site.all_bands:
            size = self.sizes.get(band, self.size)
            pixels = noise(rng, (1, *size), self.dtypes.get(band, self.dtype))
            scale = self.size[0] / size[0]
            crs = one_crs(self.crs, row)
            write_picture(self.path(site, row, band), pixels, crs, scale, place=row)


def _resized(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(image.shape[-2:]) == shape:
        return image
    return torch.nn.functional.interpolate(
        image[None], shape, mode="bilinear", align_corners=False
    )[0]
