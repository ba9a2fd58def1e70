"""Patches of a benchmark's large images: read alone, at random places or in a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Subset

from swath.datasets.catalogue.benchmark import Benchmark
from swath.datasets.catalogue.images import Image
from swath.datasets.catalogue.objects import Objects
from swath.datasets.catalogue.stack import Dates, Sensors
from swath.datasets.catalogue.windows import Window, image_shape
from swath.datasets.nongeo import NonGeoDataset
from swath.errors import ConfigError, QueryError
from swath.typing import Sample

__all__ = ["Patches", "grid_places"]


def grid_places(length: int, size: int) -> list[int]:
    """Where the fewest patches of `size` begin that cover `length`; the last one ends with it."""
    count = max(1, -(-length // size))
    return [min(i * size, length - size) for i in range(count)]


class Patches(NonGeoDataset):
    """Patches of the images of a published dataset, of which only these are read.

    Samples are as the dataset's, cut; ``bounds`` and ``transform`` are the patch's. Patches of one
    image have consecutive numbers.

    Args:
        dataset: A benchmark, or a `torch.utils.data.Subset` of one.
        size: Of a patch in pixels: one number, or (height, width).
        per_image: Patches of an image: of `random` ones any number, of a grid at most that many,
            spread evenly. All of the grid by default, which covers the image: the last patches of
            rows and columns overlap those before them where the image is no multiple of `size`.
        random: Each access draws a place of its own (from PyTorch's generator, which workers of a
            `DataLoader` have seeded) instead of the grid's.

    Raises:
        ConfigError: Patches of no size, or larger than an image; random ones without a number; a
            dataset that gives boxes, or what is only known of whole images.
    """

    def __init__(
        self,
        dataset: Benchmark | Subset[Sample],
        size: int | tuple[int, int],
        per_image: int | None = None,
        random: bool = False,
    ) -> None:
        if isinstance(dataset, Subset):
            whole, self.images = dataset.dataset, np.asarray(dataset.indices, dtype=np.int64)
        else:
            whole, self.images = dataset, np.arange(len(dataset))
        if not isinstance(whole, Benchmark):
            raise ConfigError(f"{type(whole).__name__} has no files to cut: expected a benchmark")
        self.dataset = whole
        self.size = (size, size) if isinstance(size, int) else (size[0], size[1])
        if min(self.size) < 1 or (per_image is not None and per_image < 1):
            raise ConfigError(
                f"patches of {self.size} pixels, {per_image} of an image: expected 1 or more"
            )
        if random and per_image is None:
            raise ConfigError("random patches need their number: set per_image")
        self.per_image, self.random = per_image, random
        kinds = (Image, Dates, Sensors)
        sized = [p for p in whole.parts if isinstance(p, kinds) and p.there(whole.site)]
        if not sized:
            raise ConfigError(f"{type(whole).__name__} has no image files that could be cut")
        self._sized = sized[0]
        if len(self.images):
            self._check_cut()
        #: Of a grid: (image, top, left) of each patch.
        self.places = np.empty((0, 3), dtype=np.int64) if random else self._grid()

    def _check_cut(self) -> None:
        """Whether all that has a place in a sample comes cut: outlines and boxes do not."""
        self.shape(0)
        cut = self._cut(0, (0, 0, *self.size))
        whole = {p.key for p in self.dataset.parts if isinstance(p, Objects)}
        whole |= {
            key for key, value in cut.items()
            if key.startswith(("image", "mask")) and tuple(value.shape[-2:]) != self.size
        }  # fmt: skip
        whole &= cut.keys()
        if whole:
            raise ConfigError(
                f"{type(self.dataset).__name__} gives {', '.join(sorted(whole))} of whole images "
                "only, so patches of them are not known: read it whole, and cut its batches"
            )

    def shape(self, image: int) -> tuple[int, int]:
        """(height, width) of one of the images.

        Raises:
            ConfigError: It is smaller than a patch.
        """
        row = self.dataset.sample_rows[int(self.images[image])]
        path = self._sized.files(self.dataset.site, row)[0]
        found = image_shape(path)
        if found[0] < self.size[0] or found[1] < self.size[1]:
            raise ConfigError(
                f"{path} has {found[0]} by {found[1]} pixels, and patches of {self.size[0]} by "
                f"{self.size[1]} are wanted: choose a smaller patch_size"
            )
        return found

    def _grid(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        places = []
        for image in range(len(self.images)):
            down, right = map(grid_places, self.shape(image), self.size)
            if self.per_image is not None:
                rows = max(1, min(len(down), int(self.per_image**0.5)))
                down, right = _spread(down, rows), _spread(right, self.per_image // rows)
            places += [(image, top, left) for top in down for left in right]
        return np.array(places, dtype=np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self.images) * (self.per_image or 1) if self.random else len(self.places)

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise QueryError(f"there is no patch {index}: expected 0 to {len(self) - 1}")
        number = int(index) % len(self)
        if self.random:
            image = number // (self.per_image or 1)
            high, wide = self.shape(image)
            top = int(torch.randint(high - self.size[0] + 1, ()))
            left = int(torch.randint(wide - self.size[1] + 1, ()))
        else:
            image, top, left = self.places[number].tolist()
        return self.read(image, (top, left, *self.size))

    def read(self, image: int, window: Window) -> Sample:
        """A window of one of the images."""
        sample = self._cut(image, window)
        transforms = self.dataset.transforms
        return sample if transforms is None else transforms(sample)

    def _cut(self, image: int, window: Window) -> Sample:
        whole = self.dataset
        site = dataclasses.replace(whole.site, window=window)
        row = whole.sample_rows[int(self.images[image])]
        sample: Sample = {}
        for part in whole.parts:
            if part.there(site):
                sample |= part.read(site, row)
        return sample


def _spread(places: Sequence[int], count: int) -> list[int]:
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    return [places[i] for i in chosen.tolist()]
