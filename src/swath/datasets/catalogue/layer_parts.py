"""What a layer's miniature is made of: small rasters, features and tables with real names."""

from __future__ import annotations

import abc
import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.datasets.catalogue.patterns import Pattern

__all__ = ["Features", "LayerPart", "Lines", "Raster"]


class LayerPart(abc.ABC):
    """Writes some files of a miniature."""

    @abc.abstractmethod
    def write(
        self, root: pathlib.Path, fields: Mapping[str, str], number: int, rng: np.random.Generator
    ) -> None:
        """Write the part of one example below `root`; `number` (from 0) says where it lies."""


@dataclass(frozen=True)
class Raster(LayerPart):
    """A GeoTIFF.

    Parts of one example lie over each other; examples lie side by side.

    Attributes:
        path: Pattern of its path.
        dtype: Of its pixels.
        bands: How many.
        values: What its pixels are, at random; by default 1 to 200, or 0 to 1 for floats.
        crs: Its CRS; may have fields.
        res: Pixel size in units of the CRS.
        origin: Upper left corner of the first example.
        size: Height and width.
        nodata: As the file says it; None if it says nothing.
    """

    path: str
    dtype: str = "uint8"
    bands: int = 1
    values: Sequence[float] | None = None
    crs: str | None = "EPSG:32616"
    res: float = 30.0
    origin: tuple[float, float] = (500_000.0, 4_200_000.0)
    size: int = 32
    nodata: float | None = None

    def write(
        self, root: pathlib.Path, fields: Mapping[str, str], number: int, rng: np.random.Generator
    ) -> None:
        """Write one."""
        import rasterio
        from rasterio.transform import from_origin

        path = root / Pattern(self.path).format(fields)
        path.parent.mkdir(parents=True, exist_ok=True)
        left = self.origin[0] + number * self.size * self.res
        with rasterio.open(
            path, "w", driver="GTiff", width=self.size, height=self.size, count=self.bands,
            dtype=self.dtype, nodata=self.nodata,
            crs=None if self.crs is None else Pattern(self.crs).format(fields),
            transform=from_origin(left, self.origin[1], self.res, self.res),
        ) as target:  # fmt: skip
            target.write(self._pixels(rng))

    def _pixels(self, rng: np.random.Generator) -> NDArray[Any]:
        shape = (self.bands, self.size, self.size)
        kind = np.dtype(self.dtype)
        if self.values is not None:
            # Blocks of 4 x 4: a class has neighbours of its own kind.
            side = -(-self.size // 4)
            cells = rng.choice(np.asarray(self.values), (self.bands, side, side))
            whole = cells.repeat(4, 1).repeat(4, 2)[:, : self.size, : self.size]
            return whole.astype(kind)
        if kind.kind == "f":
            return rng.random(shape).astype(kind)
        return rng.integers(1, 120 if kind.itemsize == 1 else 10_000, shape).astype(kind)


@dataclass(frozen=True)
class Features(LayerPart):
    """A vector file of squares in longitude and latitude, GeoJSON unless its name says otherwise.

    Attributes:
        path: Pattern of its path.
        columns: Values of its columns, one a feature, round and round; may have fields.
        count: Features of each example.
        origin: Longitude and latitude of the first.
        size: Of a square, in degrees.
    """

    path: str
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    count: int = 3
    origin: tuple[float, float] = (10.0, 50.0)
    size: float = 0.001

    def write(
        self, root: pathlib.Path, fields: Mapping[str, str], number: int, rng: np.random.Generator
    ) -> None:
        """Write one."""
        path = root / Pattern(self.path).format(fields)
        path.parent.mkdir(parents=True, exist_ok=True)
        features = []
        for i in range(self.count):
            x = self.origin[0] + (2 * i + 2 * number * self.count) * self.size
            y = self.origin[1]
            ring = [[x, y], [x + self.size, y], [x + self.size, y + self.size],
                    [x, y + self.size], [x, y]]  # fmt: skip
            values = {k: v[i % len(v)] for k, v in self.columns.items()}
            features.append({
                "type": "Feature",
                "properties": {
                    k: Pattern(v).format(fields) if isinstance(v, str) else v
                    for k, v in values.items()
                },
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            })  # fmt: skip
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


@dataclass(frozen=True)
class Lines(LayerPart):
    """A text file.

    Attributes:
        path: Pattern of its path.
        lines: What stands in it; may have fields.
    """

    path: str
    lines: Sequence[str]

    def write(
        self, root: pathlib.Path, fields: Mapping[str, str], number: int, rng: np.random.Generator
    ) -> None:
        """Write it."""
        path = root / Pattern(self.path).format(fields)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(Pattern(line).format(fields) + "\n" for line in self.lines))
