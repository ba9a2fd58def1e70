"""What a sample is made of: images, masks, labels, values. Each part reads one thing of a sample.

Each part can also write what it reads, which makes miniatures.
"""

from __future__ import annotations

import abc
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.datasets.catalogue.description import When, applies
from swath.datasets.catalogue.pixels import grid_of, read_pixels
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.windows import Window, image_shape, numbers_of, pixels_of, window_grid
from swath.datasets.catalogue.writing import write_picture
from swath.errors import BandError, UnreadableFileError
from swath.geometry import Grid

__all__ = ["BandFiles", "Image", "Label", "Labels", "Mask", "Part", "Value"]

Row = Mapping[str, str]


class Part(abc.ABC):
    """One part of a sample.

    Args:
        key: Its name in the sample.
        when: For which splits and choices it is there; always by default.
    """

    def __init__(self, key: str, when: When | None = None) -> None:
        self.key, self.when = key, dict(when or {})

    def there(self, site: Site) -> bool:
        """Whether samples of this split and these choices have it."""
        return applies(self.when, site.fields)

    @abc.abstractmethod
    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """Tensors by their names in the sample."""

    @abc.abstractmethod
    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Write a made-up file that `read` would read, if it reads one."""


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


class Label(Part):
    """The number of a class: int64 ().

    Args:
        field: Of the row: the class's name, or its number.
        key: Its name in the sample.
        classes: Name -> number; by default the dataset's ``classes`` in order. Numbers are taken
            as they are.
        offset: Added to numbers: -1 where the first class is published as 1.
        when: As in `Part`.
    """

    def __init__(
        self,
        field: str = "label",
        key: str = "label",
        *,
        classes: Mapping[str, int] | None = None,
        offset: int = 0,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.field, self.classes, self.offset = field, classes, offset

    def number(self, site: Site, row: Row) -> int:
        """The class's number.

        Raises:
            UnreadableFileError: There is no such class.
        """
        name = row[self.field]
        table = self.classes if self.classes is not None else _numbers(site)
        if name in table:
            return table[name]
        if re.fullmatch(r"-?[0-9]+", name):
            number = int(name) + self.offset
            if self.classes is not None or not table or 0 <= number < len(table):
                return number
        raise UnreadableFileError(
            f"{site.root} has a sample of the class {name!r}: expected one of "
            f"{', '.join(list(table)[:30])}"
        )

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The label."""
        return {self.key: torch.tensor(self.number(site, row))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: it is in the row."""


class Labels(Part):
    """Which of the classes an image shows: int64 (classes,) of 0 and 1.

    Args:
        field: Of the row: the classes' names, or numbers, with `separator` between them.
        key: Its name in the sample.
        separator: Between names.
        when: As in `Part`.
    """

    def __init__(
        self, field: str = "labels", key: str = "label", *, separator: str = ";",
        when: When | None = None,
    ) -> None:  # fmt: skip
        super().__init__(key, when)
        self.field, self.separator = field, separator

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The labels."""
        found = torch.zeros(len(site.classes), dtype=torch.int64)
        table = _numbers(site)
        for name in map(str.strip, row[self.field].split(self.separator)):
            if name.isdigit() and int(name) < len(found):
                found[int(name)] = 1
            elif name in table:
                found[table[name]] = 1
            else:
                raise UnreadableFileError(
                    f"{site.root} has a sample of the class {name!r}: expected one of "
                    f"{', '.join(list(table)[:30])}"
                )
        return {self.key: found}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: it is in the row."""


class Value(Part):
    """A number of the row: float32 (), or int64 () as a `dtype` of ``"int64"``."""

    def __init__(
        self, field: str, key: str = "label", *, dtype: str = "float32", when: When | None = None
    ) -> None:
        super().__init__(key, when)
        self.field, self.dtype = field, dtype

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The number."""
        try:
            number = float(row[self.field])
        except ValueError as error:
            raise UnreadableFileError(
                f"{site.root} has a sample with {self.field} {row[self.field]!r}: expected a number"
            ) from error
        return {self.key: torch.tensor(number, dtype=getattr(torch, self.dtype))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Nothing: it is in the row."""


def _numbers(site: Site) -> dict[str, int]:
    table: dict[str, int] | None = site.kept.get("class numbers")
    if table is None:
        table = site.kept["class numbers"] = {name: i for i, name in enumerate(site.classes)}
    return table


def float_tensor(pixels: NDArray[Any]) -> Tensor:
    """Pixels of any type as float32."""
    return torch.from_numpy(pixels.astype(np.float32, order="C"))


def place_of(path: str, window: Window | None = None) -> dict[str, Tensor]:
    """``bounds`` and ``transform`` of an image or a window of it, as in samples of layers."""
    grid = grid_of(path)
    if grid is not None and window is not None:
        grid = window_grid(grid, window)
    return place_on(grid)


def place_on(grid: Grid | None) -> dict[str, Tensor]:
    """``bounds`` and ``transform`` of a grid, as in samples of layers; NaN where it is unknown."""
    if grid is None:
        nowhere = torch.full((9,), torch.nan, dtype=torch.float64)
        return {"bounds": nowhere, "transform": nowhere.clone()}
    xmin, ymin, xmax, ymax = grid.bounds
    xres, yres = grid.res
    # x, y and time as start, stop, step; an image of a benchmark has no time
    bounds = [xmin, xmax, xres, ymin, ymax, yres, torch.nan, torch.nan, torch.nan]
    return {
        "bounds": torch.tensor(bounds, dtype=torch.float64),
        "transform": torch.tensor([*grid.transform], dtype=torch.float64),
    }


def one_crs(crs: str | Sequence[str] | None, row: Row) -> str | None:
    """The CRS of a miniature's sample, if there are several to choose from."""
    if crs is None or isinstance(crs, str):
        return crs
    return crs[zlib.crc32(repr(sorted(row.items())).encode()) % len(crs)]


def noise(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Random pixels of a type."""
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(1, min(np.iinfo(dtype).max, 4000), shape).astype(dtype)


def _packed(colours: NDArray[Any]) -> NDArray[np.int64]:
    wide = colours.astype(np.int64)
    return wide[0] << 16 | wide[1] << 8 | wide[2]


def _resized(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(image.shape[-2:]) == shape:
        return image
    return torch.nn.functional.interpolate(
        image[None], shape, mode="bilinear", align_corners=False
    )[0]


def check_bands(name: str, bands: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Names of bands that are all there.

    Raises:
        BandError: One is not; says which there are.
    """
    unknown = [b for b in bands if b not in known]
    if unknown or not bands:
        raise BandError(
            f"{name} has no band {', '.join(map(repr, unknown)) or 'named'}: expected some of "
            f"{', '.join(known)}"
        )
    if len(set(bands)) != len(bands):
        raise BandError(f"bands are {list(bands)}: each may be named once")
    return tuple(bands)
