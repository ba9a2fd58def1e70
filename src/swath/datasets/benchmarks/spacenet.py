"""What the SpaceNet challenges share: tarballs by area, chips of several products, GeoJSON labels.

Their archives differ in depth and naming, so chips are found by folder and number, and not by
whole paths.
"""

from __future__ import annotations

import fnmatch
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from swath.datasets.benchmarks.spacenet_files import CITIES, Product
from swath.datasets.catalogue import (
    Benchmark,
    File,
    Image,
    Part,
    Rows,
    RowSource,
    Site,
    VectorMask,
)
from swath.datasets.catalogue.parts import float_tensor, noise, place_on
from swath.datasets.catalogue.pixels import grid_of, read_pixels
from swath.datasets.catalogue.site import pattern
from swath.datasets.catalogue.vectors import resized_grid
from swath.datasets.catalogue.writing import write_picture
from swath.errors import ConfigError
from swath.geometry import Grid
from swath.typing import Path, Sample

__all__ = ["SpaceNet"]

logger = logging.getLogger(__name__)


class _Chips(RowSource):
    """Chips of one product and their labels, paired by area and number."""

    def __init__(self, kind: type[SpaceNet]) -> None:
        self.kind = kind

    def find(self, site: Site) -> Rows:
        """Sorted by path, area by area; every image with its label's path."""
        kind, split = self.kind, site.fields["split"]
        wanted = site.kept.get("aois") or kind.valid_aois[split]
        rows, bare = [], 0
        for aoi in wanted:
            labels = {
                kind.chip_number(path): path
                for path in kind.paths(site.root, split, aoi, site.fields["mask"], kind.mask_glob)
            } if split == "train" else {}  # fmt: skip
            for path in kind.paths(site.root, split, aoi, site.fields["image"], kind.image_glob):
                label = labels.get(kind.chip_number(path), "")
                bare += not label and split == "train"
                if label or split != "train":
                    rows.append({"aoi": str(aoi), "chip": path, "labels": label})
        if bare:
            logger.warning(
                "%s: %d images of %s have no file of %r and are left out", kind.__name__, bare,
                site.fields["image"], site.fields["mask"],
            )  # fmt: skip
        return Rows(rows)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Chips of every area, and of every tarball of one."""
        split = site.fields["split"]
        rows = []
        for aoi in self.kind.valid_aois[split]:
            for i in range(count):
                rows += self.kind.invented(split, aoi, start + i, i)
        return rows


class _Chip(Image):
    """One product of a chip, brought to the product's size."""

    def __init__(self, kind: type[SpaceNet]) -> None:
        super().__init__("{chip}", located=True)
        self.kind = kind

    def read(self, site: Site, row: Mapping[str, str]) -> dict[str, Any]:
        """The image, and where it lies."""
        product = self.kind.products[site.fields["image"]]
        path = site.path("{chip}", row)
        wanted = [product.bands.index(b) for b in site.bands if b in product.bands]
        pixels = read_pixels(path, wanted)
        image, grid = float_tensor(pixels), grid_of(path)
        if product.chip is not None and pixels.shape[1:] != product.chip:
            image = torch.nn.functional.interpolate(
                image[None], product.chip, mode="bilinear", align_corners=False, antialias=True
            )[0]
            if pixels.dtype.kind in "iu":
                image = (image + 0.5).floor()
            grid = None if grid is None else resized_grid(grid, product.chip)
        return {self.key: image, **place_on(grid)}

    def write(self, site: Site, row: Mapping[str, str], rng: np.random.Generator) -> None:
        """Every product of the split."""
        for name in self.kind.valid_images[site.fields["split"]]:
            product = self.kind.products[name]
            sides = (product.side, product.side)
            path = site.path(row["chip"].replace("<product>", name))
            pixels = noise(rng, (len(product.bands), *sides), product.dtype)
            write_picture(path, pixels, self.kind.crs, 32 / product.side,
                          place=row["labels"] or row["chip"])  # fmt: skip


class _Labels(VectorMask):
    """Buildings or roads, burned where the chip lies."""

    def __init__(self, kind: type[SpaceNet]) -> None:
        super().__init__("{labels}", "{chip}", lines=kind.roads, when={"split": "train"})
        self.kind = kind

    def grid(self, site: Site, row: Mapping[str, str]) -> Grid:
        """The chip's, at the size that it is brought to."""
        grid = super().grid(site, row)
        chip = self.kind.products[site.fields["image"]].chip
        return grid if chip is None else resized_grid(grid, chip)

    def write(self, site: Site, row: Mapping[str, str], rng: np.random.Generator) -> None:
        """Every kind of labels."""
        for name in self.kind.valid_masks:
            chip = row["chip"].replace("<product>", self.kind.valid_images["train"][0])
            there = {"chip": chip, "labels": row["labels"].replace("<product>", name)}
            if not os.path.exists(site.path("{labels}", there)):
                super().write(site, there, rng)


class SpaceNet(Benchmark):
    """Buildings or roads in satellite images of one or several cities; base of the challenges.

    A sample has ``image`` float32 (C, H, W), and, where labels are published (the split
    ``train``), ``mask`` int64 (H, W) of 1 on a building or road and 0 elsewhere; ``bounds`` and
    ``transform`` say where it lies. Where chips differ in size by a few pixels (1, 2, 7, 8) they
    are resampled bilinearly to the challenge's size, and the mask is burned on that same grid;
    TorchGeo burns it on the file's own, so that image and mask are apart by as many pixels.

    Args:
        root: The folder that has, or gets, the folder of the challenge.
        split: ``"train"`` or ``"test"``.
        aois: Numbers of the areas of interest, see ``cities``; all of the split's by default.
        image: The product that ``image`` is read from; the first of ``valid_images`` by default.
        mask: The labels that ``mask`` is made of; the first of ``valid_masks`` by default.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.
        **options: ``bands`` of the product.

    Raises:
        ConfigError: There is no such area, product or kind of label in that split.
    """

    splits = ("train", "test")
    rgb_bands: ClassVar[tuple[str, ...]] = ("Red", "Green", "Blue")
    classes = ("background", "building")
    cities: ClassVar[Mapping[int, str]] = CITIES
    #: The challenge's folder in the bucket and below the root.
    dataset_id: ClassVar[str]
    valid_aois: ClassVar[Mapping[str, tuple[int, ...]]]
    valid_images: ClassVar[Mapping[str, tuple[str, ...]]]
    valid_masks: ClassVar[tuple[str, ...]]
    products: ClassVar[Mapping[str, Product]]
    #: Where chips of a product lie below the split's folder, at any depth after ``**``.
    directory_glob: ClassVar[str] = "**/AOI_{aoi}_*/{product}"
    image_glob: ClassVar[str] = "*.tif"
    mask_glob: ClassVar[str] = "*.geojson"
    #: What in a file's name tells chips of an area apart.
    file_regex: ClassVar[str] = r"_img(\d+)\."
    #: Whether labels are lines.
    roads: ClassVar[bool] = False
    crs: ClassVar[str] = "EPSG:4326"
    #: Paths of invented chips, below the split's folder, with ``<product>``, by split.
    invented_chip: ClassVar[Mapping[str, str]]
    invented_labels: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "products" not in vars(cls):
            return
        cls.rows = _Chips(cls)
        parts: tuple[Part, ...] = (_Chip(cls), _Labels(cls))
        cls.parts = parts
        cls.choices = {"image": cls.valid_images["train"], "mask": cls.valid_masks}
        cls.all_band_names = cls.products[cls.valid_images["train"][0]].bands
        if not set(cls.rgb_bands) <= set(cls.all_band_names):
            cls.rgb_bands = ()

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        aois: Sequence[int] | None = None,
        image: str | None = None,
        mask: str | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        self._checked_split(split)
        self.image = _one_of("image", image, self.valid_images[split], type(self), split)
        self.mask = _one_of("mask", mask, self.valid_masks, type(self), split)
        self.aois = list(self.valid_aois[split]) if aois is None else list(aois)
        unknown = [a for a in self.aois if a not in self.valid_aois[split]]
        if unknown or not self.aois:
            areas = ", ".join(f"{a} ({CITIES.get(a, 'all')})" for a in self.valid_aois[split])
            raise ConfigError(
                f"{type(self).__name__} has no area {unknown or 'named'} in the split {split!r}: "
                f"expected some of {areas}"
            )
        # Bands are those of the chosen product.
        bands = self.products[self.image].bands
        vars(self)["all_band_names"] = bands
        colours = ("Red", "Green", "Blue")
        vars(self)["rgb_bands"] = colours if set(colours) <= set(bands) else bands[:1]
        super().__init__(root, split, transforms, download, checksum,
                         image=self.image, mask=self.mask, **options)  # fmt: skip

    def _checked_choices(self, choices: Mapping[str, str]) -> dict[str, str]:
        extra = sorted(set(choices) - {"image", "mask"})
        return super()._checked_choices({n: choices[n] for n in extra}) | dict(choices)

    def wanted_files(self) -> list[File]:
        """The tarballs of the wanted areas; those that are gone and were extracted are not."""
        found = []
        for file in super().wanted_files():
            aoi = getattr(file, "aoi", 0)
            path = self.root / file.name
            mark = path.with_name(f".{path.name}.extracted")
            if aoi in self.aois and (path.exists() or mark.exists() or not self._extracted(aoi)):
                found.append(file)
        return found

    def _extracted(self, aoi: int) -> bool:
        image = next(self.paths(self.root, self.split, aoi, self.image, self.image_glob), None)
        if image is None or self.split != "train":
            return image is not None
        masks = self.paths(self.root, self.split, aoi, self.mask, self.mask_glob)
        return next(masks, None) is not None

    def find_rows(self) -> Rows:
        """The chips of the wanted areas."""
        self.site.kept["aois"] = tuple(self.aois)
        return super().find_rows()

    @classmethod
    def chip_number(cls, path: str) -> str:
        """What tells the chips of an area apart."""
        found = re.search(cls.file_regex, os.path.basename(path))
        return found[1] if found else os.path.basename(path)

    @classmethod
    def paths(
        cls, root: pathlib.Path, split: str, aoi: int, product: str, names: str
    ) -> Iterator[str]:
        """Paths below the root of an area's files of a product, sorted."""
        where = cls.directory_glob.format(aoi=aoi, product=product)
        for folder in _folders(root / cls.dataset_id / split, where):
            found = sorted(fnmatch.filter(os.listdir(folder), names))
            below = folder.relative_to(root).as_posix()
            yield from (f"{below}/{name}" for name in found if not name.startswith("."))

    @classmethod
    def invented(cls, split: str, aoi: int, number: int, turn: int) -> list[dict[str, str]]:
        """Chips of a miniature: the `turn`-th of an area."""
        area = f"{aoi}_{CITIES.get(aoi, '').replace(' ', '_')}"
        return cls.invented_rows(split, aoi, {"area": area, "n": str(number)})

    @classmethod
    def invented_rows(cls, split: str, aoi: int, fields: Mapping[str, str]) -> list[dict[str, str]]:
        """A chip with its paths."""
        top = f"{cls.dataset_id}/{split}/"
        chip = pattern(cls.invented_chip[split]).format(fields)
        labels = pattern(cls.invented_labels).format(fields) if split == "train" else None
        return [{"aoi": str(aoi), "chip": top + chip, "labels": top + labels if labels else ""}]


def _folders(top: pathlib.Path, glob: str) -> Iterator[pathlib.Path]:
    """Folders that fit a glob, sorted, without hidden ones: those are being made."""
    tail = glob.removeprefix("**/").split("/")
    if tail == glob.split("/"):
        if (top / glob).is_dir():
            yield top / glob
        return
    for place, folders, _ in os.walk(top):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        folder = pathlib.Path(place)
        parts = folder.relative_to(top).parts[-len(tail) :]
        if len(parts) == len(tail) and all(map(fnmatch.fnmatch, parts, tail)):
            yield folder


def _one_of(
    what: str, given: str | None, known: Sequence[str], kind: type[SpaceNet], split: str
) -> str:
    if given is None:
        return known[0]
    if given not in known:
        raise ConfigError(
            f"{kind.__name__} has no {what} {given!r} in the split {split!r}: expected "
            f"{', '.join(map(repr, known))}"
        )
    return given
