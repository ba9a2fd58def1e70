"""The list of tiles of a miniature of Chesapeake Land Cover."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from swath.datasets.catalogue.layer_parts import LayerPart
from swath.datasets.catalogue.patterns import Pattern

__all__ = ["TileIndex"]


@dataclass(frozen=True)
class TileIndex(LayerPart):
    """``spatial_index.geojson``: each tile's outline (EPSG:3857), split and files.

    Attributes:
        tiles: Pattern of the beginning of a tile's files.
        layers: Names of the layers, which the files end with.
    """

    tiles: str
    layers: Sequence[str]

    def write(
        self, root: pathlib.Path, fields: Mapping[str, str], number: int, rng: np.random.Generator
    ) -> None:
        """Put one more tile into the list."""
        import rasterio
        from rasterio.warp import transform_geom
        from shapely.geometry import box, mapping

        start = Pattern(self.tiles).format(fields)
        files = {layer: f"{start}{layer}.tif" for layer in self.layers}
        with rasterio.open(root / next(iter(files.values()))) as tile:
            outline = transform_geom(tile.crs, "EPSG:3857", mapping(box(*tile.bounds)))
        path = root / "spatial_index.geojson"
        listed = json.loads(path.read_text())["features"] if number else []
        listed.append({
            "type": "Feature",
            "properties": {"split": f"{fields['state']}-{fields['part']}", **files},
            "geometry": outline,
        })  # fmt: skip
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
        path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": listed}))
