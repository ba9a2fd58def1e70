"""Chips of a few large scenes, each seen at many dates in a file a band."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue.benchmark import Benchmark
from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.parts import Part, Row, noise, place_of
from swath.datasets.catalogue.rows import Glob
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.table import Rows
from swath.datasets.catalogue.windows import image_shape, pixels_of
from swath.datasets.catalogue.writing import write_picture
from swath.errors import ConfigError, UnreadableFileError
from swath.typing import Path, Sample

__all__ = ["BandDates", "ChipBenchmark", "Chips", "InChip", "chip_places"]


def chip_places(length: int, size: int, stride: int) -> list[int]:
    """Where chips begin that cover `length` pixels; the last one ends with them."""
    last = max(length - size, 0)
    places = list(range(0, last + 1, stride))
    return places if places[-1] == last else [*places, last]


class Chips(Glob):
    """Chips of the scenes whose files fit a pattern, row by row, scene by scene.

    A chip has the fields of its scene, and ``y``, ``x`` (of its first pixel), ``height``,
    ``width``. Chips at the right and lower edge are moved back into the scene.

    Args:
        text: Pattern of a file of each scene, by whose shape it is cut.
        examples: Of its fields, for miniatures.
    """

    def __init__(self, text: str, examples: Mapping[str, Sequence[str]]) -> None:
        super().__init__(text, examples=examples)

    def find(self, site: Site) -> Rows:
        """Chips of 256 pixels, each half over the one before it."""
        return self.cut(site, 256, 128)

    def cut(self, site: Site, size: int, stride: int) -> Rows:
        """Chips of a size and at a distance in pixels."""
        rows = []
        for scene in super().find(site):
            height, width = image_shape(site.path(self.text, scene))
            box = {"height": str(min(size, height)), "width": str(min(size, width))}
            rows += [
                {**scene, "y": str(y), "x": str(x), **box}
                for y in chip_places(height, size, stride)
                for x in chip_places(width, size, stride)
            ]
        return Rows(rows)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Every scene once."""
        scenes = max(len(values) for values in self.examples.values())
        return super().invent(site, scenes, start)


class InChip(Part):
    """Another part, of which the chip is read and not the scene.

    Args:
        part: Any part that reads windows.
    """

    def __init__(self, part: Part) -> None:
        super().__init__(part.key, part.when)
        self.part = part

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The chip."""
        y, x, height, width = (int(row[name]) for name in ("y", "x", "height", "width"))
        return self.part.read(dataclasses.replace(site, window=(y, x, height, width)), row)

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """The whole scene."""
        self.part.write(site, row, rng)


class BandDates(Part):
    """A file a band and date, all of the same pixels: float32 (T, C, H, W).

    Args:
        file: Pattern with ``{date}`` and ``{band}``.
        dates: In order.
        key: Its name in the sample.
        located: Whether the files are georeferenced; ``bounds`` and ``transform`` (9, float64)
            are then in the sample too.
        size: (height, width), dtype, CRS: how miniatures are made.
        dtype: See `size`.
        crs: See `size`.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        dates: Sequence[str],
        key: str = "image",
        *,
        located: bool = False,
        size: tuple[int, int] = (32, 32),
        dtype: str = "uint16",
        crs: str | None = None,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.dates, self.located = file, tuple(dates), located
        self.size, self.dtype, self.crs = size, dtype, crs

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The series, and where it lies."""
        image: torch.Tensor | None = None
        for t, date in enumerate(self.dates):
            for c, band in enumerate(site.bands):
                path = site.path(self.file, {**row, "date": date, "band": band})
                pixels = pixels_of(site, path, (0,))[0]
                if image is None:
                    shape = (len(self.dates), len(site.bands), *pixels.shape)
                    image = torch.empty(shape, dtype=torch.float32)
                if tuple(pixels.shape) != tuple(image.shape[-2:]):
                    raise UnreadableFileError(
                        f"{path} has {pixels.shape} pixels here where other bands and dates have "
                        f"{tuple(image.shape[-2:])}: fetch it again"
                    )
                image[t, c] = torch.from_numpy(pixels.astype(np.float32))
        found: dict[str, Any] = {self.key: image}
        if self.located:
            found |= place_of(path, site.window)
        return found

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise."""
        for date in self.dates:
            for band in site.all_bands:
                path = site.path(self.file, {**row, "date": date, "band": band})
                write_picture(path, noise(rng, (1, *self.size), self.dtype), self.crs, place="all")


class ChipBenchmark(Benchmark):
    """A `Benchmark` whose samples are chips of large scenes.

    Args:
        root: The dataset's folder.
        chip_size: Side of a chip in pixels.
        stride: From one chip to the next in pixels.
        bands: Names of the wanted bands, in order; all by default.
        transforms: Called with each sample.
        download: Download what is not there, if it can be.

    Raises:
        ConfigError: A chip or stride of no pixels.
    """

    def __init__(
        self,
        root: Path = "data",
        chip_size: int = 256,
        stride: int = 128,
        bands: Sequence[str] | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
    ) -> None:
        if chip_size < 1 or stride < 1:
            raise ConfigError(
                f"chip_size is {chip_size} and stride {stride}: expected 1 or more pixels"
            )
        self.chip_size, self.stride = chip_size, stride
        super().__init__(root, "", transforms, download, checksum, bands=bands)

    def find_rows(self) -> Rows:
        """The chips."""
        if not isinstance(self.rows, Chips):
            raise ConfigError(f"{type(self).__name__}.rows has to be Chips")
        return self.rows.cut(self.site, self.chip_size, self.stride)
