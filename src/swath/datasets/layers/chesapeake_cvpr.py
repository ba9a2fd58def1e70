"""Chesapeake Land Cover: six states, to train on one and test on the others."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer_parts import LayerPart, Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.cvpr_index import TileIndex
from swath.datasets.layers.published import LabelledLayer
from swath.datasets.layers.tables import colour_table
from swath.datasets.raster_reading import Part
from swath.errors import ConfigError, DatasetNotFoundError, UnreadableFileError, nearest
from swath.raster.info import RasterInfo
from swath.raster.scene import SceneBand
from swath.typing import Path

__all__ = ["ChesapeakeCVPR"]

_TABLE = """
 1 00c5ff Water
 2 267300 Tree canopy and forest
 3 a3ff73 Low vegetation and field
 4 ffaa00 Barren land
 5 9c9c9c Impervious, other
 6 000000 Impervious, road
15 c500ff No data
"""
_NAMES, _COLOURS = colour_table(_TABLE)
_PRIOR = "prior_from_cooccurrences_101_31_no_osm_no_buildings"
_STATES = ("de", "md", "va", "wv", "pa", "ny")
_SPLITS = tuple(f"{state}-{part}" for part in ("train", "val", "test") for state in _STATES)
#: Layers whose values are numbers, and the number of their bands; the others are labels.
_IMAGES = {"naip-new": 4, "naip-old": 4, "landsat-leaf-on": 9, "landsat-leaf-off": 9}
_LABELS = {"nlcd": 1, "lc": 1, "buildings": 1, _PRIOR: 4}
_TILES = "{state}_1m_2013_extended-debuffered-{part}_tiles/{tile}_"
_Tile = partial(Raster, crs="EPSG:26918", res=1.0, origin=(440_000.0, 4_210_000.0))


class ChesapeakeCVPR(LabelledLayer):
    """Chesapeake Land Cover: aerial and Landsat images, land cover and more at 1 m.

    Tiles of about 6 x 7.5 km in Delaware, Maryland, Virginia, West Virginia, Pennsylvania and New
    York, each state split into train, val and test, so that it can be seen how a model trained in
    one does in the others. Layers:

    * ``naip-new`` and ``naip-old``: aerial photographs of two years, 4 bands each;
    * ``landsat-leaf-on`` and ``landsat-leaf-off``: Landsat 8, 9 bands each;
    * ``lc``: land cover, 1 to 6 and 15 for no data; ``nlcd``: NLCD 2011, codes; ``buildings``;
    * ``prior_from_cooccurrences_101_31_no_osm_no_buildings``: four maps of how likely a class is,
      0 to 255, made from coarser labels.

    The first kinds come one after the other in ``image``, the others in ``mask``, (H, W) where
    there is one and (C, H, W) otherwise, both in the order of `layers`. Landsat and NLCD are
    already on the 1 m grid of the tiles.

    Queries are in the CRS of the first tile (UTM zone 17 or 18) and samples are on the grid that
    was asked for. In the field, queries are in EPSG:3857 and samples are cut from the tile as it
    is: their shape is not that of the query (256 units of EPSG:3857 are about 200 m there), and
    ``transform`` is not that of the pixels. Pass ``crs="EPSG:3857"`` to ask in that CRS.

    Args:
        root: The folder with the tiles.
        splits: Which of ``splits``.
        layers: Which of ``valid_layers``, in order.
        transforms: Called with each sample.
        cache: As in `RasterDataset`.
        download: Download what is missing.
        checksum: Compare the digests of archives with the published ones.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
        SplitError: There is no such split.
        ConfigError: There is no such layer.
        ChecksumError: An archive is not the one that was published.
    """

    info = Info(
        title="Chesapeake Land Cover (CVPR 2019)",
        tasks=("segmentation",),
        source="aerial (NAIP), Landsat 8",
        samples=732,
        size="about 6000x7500",
        resolution="1",
        licence="-",
        citation="Robinson et al. 2019, https://doi.org/10.1109/CVPR.2019.01301",
        homepage="https://lila.science/datasets/chesapeakelandcover",
    )
    published = (
        Archive(
            "cvpr_chesapeake_landcover.zip",
            "https://lilawildlife.blob.core.windows.net/lila-wildlife/lcmcvpr2019/"
            "cvpr_chesapeake_landcover.zip",
            md5="1225ccbb9590e9396875f221e5031514",
            gives=(
                "spatial_index.geojson",
                *(
                    _TILES + f"{layer}.tif"
                    for layer in (*_IMAGES, *_LABELS)
                    if layer != _PRIOR
                ),
            ),
        ),
        Archive(
            "cvpr_chesapeake_landcover_prior_extension.zip",
            "https://zenodo.org/records/5866525/files/"
            "cvpr_chesapeake_landcover_prior_extension.zip?download=1",
            md5="402f41d07823c8faf7ea6960d7c4e17a",
            gives=(_TILES + f"{_PRIOR}.tif",),
            when={"layer": _PRIOR},
        ),
    )  # fmt: skip
    splits = _SPLITS
    states: ClassVar[tuple[str, ...]] = _STATES
    prior_layer: ClassVar[str] = _PRIOR
    valid_layers: ClassVar[tuple[str, ...]] = (*_IMAGES, *_LABELS)
    classes_by_value = _NAMES
    cmap = _COLOURS
    no_label = 15
    parts: ClassVar[tuple[LayerPart, ...]] = (
        *(
            _Tile(f"{_TILES}{layer}.tif", "float32" if count == 9 else "uint8", count)
            for layer, count in _IMAGES.items()
        ),
        _Tile(f"{_TILES}lc.tif", values=tuple(_NAMES)),
        _Tile(f"{_TILES}nlcd.tif", values=(11, 21, 41, 82)),
        _Tile(f"{_TILES}buildings.tif", values=(0, 1)),
        _Tile(f"{_TILES}{_PRIOR}.tif", bands=4),
        TileIndex(_TILES, (*_IMAGES, *_LABELS)),
    )
    examples = tuple(
        {"state": state, "part": part, "tile": f"m_38075{10 * i + j:02d}_ne_18_1"}
        for i, state in enumerate(_STATES)
        for j, part in enumerate(("train", "val", "test"))
    )

    def __init__(
        self,
        root: Path = "data",
        splits: Sequence[str] = ("de-train",),
        layers: Sequence[str] = ("naip-new", "lc"),
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        *,
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        **options: Any,
    ) -> None:
        self.chosen_splits = self.check_splits(splits)
        self.layers = list(layers)
        for layer in self.layers:
            if layer not in self.valid_layers:
                raise ConfigError(
                    f"{type(self).__name__} has no layer {layer!r}: "
                    f"{nearest(layer, self.valid_layers)}"
                )
        if not self.layers:
            raise ConfigError(f"layers is empty: expected some of {', '.join(self.valid_layers)}")
        self.image_layers = [layer for layer in self.layers if layer in _IMAGES]
        self.label_layers = [layer for layer in self.layers if layer in _LABELS]
        super().__init__(
            root, crs, res, None, transforms, cache, download, checksum, False, **options
        )

    def selections(self) -> list[dict[str, str]]:
        """The layers decide which archives are needed."""
        return [{"layer": layer} for layer in self.layers]

    def _find(self) -> list[str]:
        root = os.fspath(self.paths)  # type: ignore[arg-type]
        index = next(
            (
                os.path.join(folder, "spatial_index.geojson")
                for folder, _, names in os.walk(root)
                if "spatial_index.geojson" in names
            ),
            None,
        )
        if index is None:
            raise DatasetNotFoundError(
                f"{type(self).__name__}: there is no spatial_index.geojson in {root}: extract "
                f"{self.published[0].name} again"
            )
        with open(index, encoding="utf-8") as file:
            try:
                rows = [feature["properties"] for feature in json.load(file)["features"]]
                found = [
                    os.path.join(os.path.dirname(index), row[self.layers[0]])
                    for row in rows
                    if row["split"] in self.chosen_splits
                ]
            except (ValueError, KeyError, TypeError) as error:
                raise UnreadableFileError(
                    f"{index} is not the published list of tiles ({error}): extract it again"
                ) from error
        if not found:
            raise DatasetNotFoundError(
                f"{type(self).__name__}: {index} lists no tile of {', '.join(self.chosen_splits)}"
            )
        return sorted(found)

    def _beside(self, path: str, layer: str) -> str:
        return path.removesuffix(f"{self.layers[0]}.tif") + f"{layer}.tif"

    def label_files(self, path: str) -> list[str]:
        """The files of the label layers of a tile."""
        return [self._beside(path, layer) for layer in self.label_layers]

    def _planned(self) -> list[tuple[str, int]]:
        """Layer, and number in its file, of each channel."""
        known = _IMAGES | _LABELS
        return [(x, i) for x in (*self.image_layers, *self.label_layers) for i in range(known[x])]

    def _plan_channels(self, first: RasterInfo) -> list[tuple[str | None, int]]:
        self.bands = [f"{x}-{i + 1}" for x, i in self._planned() if x in _IMAGES]
        return [(None, i) for _, i in self._planned()]

    def _scene_bands(self, path: str) -> list[SceneBand]:
        return [
            SceneBand(self._beside(path, layer), number, channel)
            for channel, (layer, number) in enumerate(self._planned())
        ]

    def _plan_fills(
        self, first: RasterInfo, fill_value: float | Sequence[float] | None
    ) -> NDArray[np.float64]:
        fill = fill_value if isinstance(fill_value, int | float) else 0.0
        values = [float(self.no_label) if x == "lc" else fill for x, _ in self._planned()]
        return np.array(values, np.float64)

    def _plan_parts(self, first: RasterInfo) -> list[Part]:
        images = sum(_IMAGES[x] for x in self.image_layers)
        total = len(self._planned())
        parts = [Part("image", 1.0, tuple(range(images)))] if images else []
        return parts + ([Part("mask", 1.0, tuple(range(images, total)))] if total > images else [])

    def _shown(self) -> list[str] | None:
        layer = self.image_layers[0] if self.image_layers else ""
        rgb = (1, 2, 3) if layer.startswith("naip") else (4, 3, 2)
        return [f"{layer}-{i}" for i in rgb] if layer else None
