"""A benchmark whose images say where they lie: a layer to sample, intersect and split by ground.

Benchmarks give samples by number and layers by place; the patches of many a benchmark can be both.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pathlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import shapely
import torch
from numpy.typing import NDArray
from pyproj import CRS
from torch.utils.data import Dataset, Subset

from swath.datasets.catalogue.images import BandFiles, Image
from swath.datasets.catalogue.masks import Mask
from swath.datasets.catalogue.parts import Part
from swath.datasets.catalogue.stack import Sensors
from swath.datasets.geo import GeoDataset
from swath.datasets.raster import RasterDataset
from swath.datasets.rows import header_footprints, keep_folder
from swath.datasets.splits import spatial_block_split
from swath.errors import ConfigError, SplitError
from swath.raster import read_info, scan_headers
from swath.raster.scene import SceneBand
from swath.typing import Sample

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from swath.datasets.catalogue.site import Site
    from swath.datasets.catalogue.table import Rows

__all__ = ["Located", "PatchLayer"]

logger = logging.getLogger(__name__)
_KEEP_FROM = 64  # files from which keeping their headers is worth a file
_NO_CLASS = 255


class Located:
    """What a benchmark can do besides where its images are georeferenced."""

    root: pathlib.Path
    parts: ClassVar[tuple[Part, ...]]
    rgb_bands: ClassVar[tuple[str, ...]]
    ignore_index: ClassVar[int | None]
    site: Site
    sample_rows: Rows
    choice: dict[str, str]

    def footprints(self, crs: CRS | str | int | None = None) -> GeoDataFrame:
        """Where each sample lies: a row a sample, in order, with what is known of it.

        Args:
            crs: Of the answer; by default the one that most images have.

        Returns:
            Columns ``sample`` (its number), the fields of `sample_rows` (a class's name, say),
            ``filepath``, ``grid_x`` and ``grid_y`` (a corner of its pixels, where it has that CRS)
            and the geometry.

        Raises:
            ConfigError: The dataset's images are not georeferenced.
            CRSError: One of them has no CRS.
        """
        return _footprints(self, crs)

    def as_layer(
        self,
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        masks: bool = True,
    ) -> GeoDataset:
        """The samples' images as a layer, for samplers, other layers and maps; see `GeoDataset`.

        A sample of it has ``image``, and ``mask`` where the dataset has masks; labels of whole
        images are in `footprints`. Ground that no image covers is 0, and in masks `ignore_index`
        (255 where the dataset has none). Images keep their own CRS until they are read, and are
        then warped once.

        Args:
            crs: Of queries and samples; by default the one that most images have.
            res: Resolution of queries that give none; by default that of the first image.
            masks: Whether masks are wanted.

        Raises:
            ConfigError: The dataset's images are not georeferenced, or its masks are pictures.
            CRSError: One of them has no CRS.
        """
        return _layer(self, crs, res, masks)

    def split_by_location(
        self, fractions: Sequence[float], block_size: float, buffer: float = 0.0, seed: int = 0
    ) -> list[Subset[Sample]]:
        """The samples in parts that share no ground: square blocks are given out at random.

        A sample on the border of two parts is in neither; how many, is logged.

        Args:
            fractions: Shares of the ground that sum to 1.
            block_size: Side of a block in metres, well above that of an image.
            buffer: Least distance in metres between samples of two parts.
            seed: Decides which blocks go where.

        Raises:
            ConfigError: The dataset's images are not georeferenced.
            SplitError: As `swath.datasets.spatial_block_split`, or a part without a whole image.
        """
        return _split(self, fractions, block_size, buffer, seed)


def _images(dataset: Located) -> list[Image]:
    """The georeferenced images of a sample.

    Raises:
        ConfigError: It has none, or those of several sensors would come in another order.
    """
    parts = [
        single
        for part in dataset.parts
        if part.there(dataset.site)
        for single in (part.wanted(dataset.site) if isinstance(part, Sensors) else [part])
    ]
    found = [part for part in parts if isinstance(part, Image) and part.located]
    if not found:
        raise ConfigError(
            f"{type(dataset).__name__} does not say where its images lie: its files have no "
            "coordinates, so it cannot be used as a layer or split by location"
        )
    return found


class PatchLayer(RasterDataset):
    """The images or masks of a benchmark's samples as a layer.

    Made by `Benchmark.as_layer`.

    Args:
        dataset: The benchmark.
        part: Which of a sample's images or masks.
        frame: Its footprints, as `footprints` gives them.
        res: Resolution of queries that give none.
    """

    def __init__(
        self,
        dataset: Located,
        part: Image | Mask,
        frame: GeoDataFrame,
        res: float | tuple[float, float] | None = None,
    ) -> None:
        self.part, self.site, self.sample_rows = part, dataset.site, dataset.sample_rows
        bands = None
        fill: float | None = None
        if isinstance(part, Image):
            self.all_bands = part.own_bands or self.site.all_bands
            self.rgb_bands = dataset.rgb_bands
            bands = [b for b in self.site.bands if b in self.all_bands] or None
        else:
            self.is_image = False
            self.class_map = _class_map(part)
            fill = _ignored(dataset, part)
        column = _finest(dataset, part)
        frame = frame.assign(filepath=[
            part.files(self.site, self.sample_rows[i])[column] for i in frame["sample"]
        ])  # fmt: skip
        self._number = dict(zip(frame["filepath"], frame["sample"].tolist(), strict=True))
        super().__init__(dataset.root, res=res, bands=bands, fill_value=fill, index=frame)

    def _scene_bands(self, path: str) -> list[SceneBand]:
        if isinstance(self.part, Mask):
            return [SceneBand(path, self.part.band, 0)]
        if not isinstance(self.part, BandFiles):
            return super()._scene_bands(path)
        files = self.part.files(self.site, self.sample_rows[self._number[path]])
        return [SceneBand(file, 0, channel) for channel, file in enumerate(files)]


def _finest(dataset: Located, part: Image | Mask) -> int:
    """Which of a part's files has the smallest pixels."""
    files = part.files(dataset.site, dataset.sample_rows[0])
    if len(files) == 1:
        return 0
    return int(np.argmin([max(read_info(file).grid.res) for file in files]))


def _ignored(dataset: Located, part: Mask) -> int:
    known = part.ignore if part.ignore is not None else dataset.ignore_index
    return _NO_CLASS if known is None else known


def _class_map(part: Mask) -> NDArray[np.int64] | None:
    if part.colours is not None:
        raise ConfigError(
            f"the masks {part.file!r} are pictures, whose colours cannot be warped: take the "
            "images alone (masks=False)"
        )
    if part.threshold is not None:
        return (np.arange(1 << 16) > part.threshold).astype(np.int64)
    if part.values is None:
        return None
    table = np.full(max(1 << 16, max(part.values) + 1), part.ignore or 0, dtype=np.int64)
    table[list(part.values)] = list(part.values.values())
    return table


def _footprints(dataset: Located, crs: CRS | str | int | None = None) -> GeoDataFrame:
    from geopandas import GeoDataFrame

    part = _images(dataset)[0]
    column = _finest(dataset, part)
    rows = list(dataset.sample_rows)
    files = [part.files(dataset.site, row)[column] for row in rows]
    keep = None
    if len(files) >= _KEEP_FROM:
        name = f"{os.path.abspath(dataset.root)}\n{type(dataset).__name__}\n{dataset.choice}"
        keep = keep_folder() / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.parquet"
    table = scan_headers(files, keep=keep)
    if crs is None:
        lost = np.flatnonzero(np.asarray(table.crs_id) < 0)
        common = Counter(np.asarray(table.crs_id).tolist()).most_common(1)[0][0]
        target = table.crs[common] if not len(lost) else None
    else:
        target = CRS.from_user_input(crs)
    target, shapes, corners = header_footprints(table, target)
    fields = {name: [row[name] for row in rows] for name in rows[0] if name != "geometry"}
    columns: dict[str, Any] = {
        "sample": np.arange(len(files)), **fields, "filepath": files,
        "grid_x": corners[:, 0], "grid_y": corners[:, 1],
    }  # fmt: skip
    return GeoDataFrame(columns, geometry=list(shapes), crs=target)


def _layer(
    dataset: Located,
    crs: CRS | str | int | None = None,
    res: float | tuple[float, float] | None = None,
    masks: bool = True,
) -> GeoDataset:
    frame = _footprints(dataset, crs)[["sample", "grid_x", "grid_y", "geometry"]]
    parts: list[Image | Mask] = list(_images(dataset))
    if masks:
        parts += [p for p in dataset.parts if isinstance(p, Mask) and p.there(dataset.site)]
    layers: list[GeoDataset] = [PatchLayer(dataset, part, frame, res) for part in parts]
    return functools.reduce(lambda a, b: a & b, layers)


def _split(
    dataset: Located,
    fractions: Sequence[float],
    block_size: float,
    buffer: float = 0.0,
    seed: int = 0,
) -> list[Subset[Sample]]:
    frame = _footprints(dataset)[["sample", "filepath", "geometry"]]
    layer = RasterDataset(dataset.root, index=frame)
    parts = spatial_block_split(
        layer, fractions, block_size, buffer, torch.Generator().manual_seed(seed)
    )
    whole = shapely.area(np.asarray(frame.geometry.values, dtype=object))
    chosen = []
    for number, part in enumerate(parts):
        inside = np.zeros(len(whole))
        pieces = shapely.area(np.asarray(part.index.geometry.values, dtype=object))
        np.add.at(inside, np.asarray(part.index["sample"], dtype=np.intp), pieces)
        mine = np.flatnonzero(inside >= whole * (1 - 1e-9))
        if not len(mine):
            raise SplitError(
                f"part {number} of {len(parts)} has no whole image: blocks of {block_size:g} m "
                f"(buffer {buffer:g} m) are too small for the images; use larger ones"
            )
        chosen.append(mine)
    left = len(whole) - sum(map(len, chosen))
    if left:
        logger.info(
            "%s: %d of %d samples lie on borders between the parts, and are in none of them",
            type(dataset).__name__, left, len(whole),
        )  # fmt: skip
    whole_set = cast("Dataset[Sample]", dataset)
    return [Subset(whole_set, mine.tolist()) for mine in chosen]
