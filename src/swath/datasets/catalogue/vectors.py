"""Vector labels of one image: footprints or roads in a file beside it, burned into a mask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
import torch
from affine import Affine
from numpy.typing import NDArray

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.files import write_text
from swath.datasets.catalogue.parts import Part, Row
from swath.datasets.catalogue.pixels import grid_of
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError
from swath.geometry import Grid

__all__ = ["VectorMask", "resized_grid", "shapes_on"]


class VectorMask(Part):
    """Features of a file, burned where its image lies: int64 (H, W), 1 where a feature is.

    A pixel belongs to a polygon when its centre lies inside, to a line when it passes through.
    Features are brought from the file's CRS into the image's.

    Args:
        file: Pattern of the vector file's path.
        image: Pattern of the image's path, whose grid the mask has.
        key: Its name in the sample.
        lines: Whether miniatures have lines instead of polygons.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        image: str,
        key: str = "mask",
        *,
        lines: bool = False,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.image, self.lines = file, image, lines

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.file, row)]

    def grid(self, site: Site, row: Row) -> Grid:
        """Where the mask's pixels lie.

        Raises:
            UnreadableFileError: The image does not say where it lies.
        """
        path = site.path(self.image, row)
        grid = grid_of(path)
        if grid is None:
            raise UnreadableFileError(
                f"{path} has no coordinate system, so no labels can be put on it: fetch it again"
            )
        return grid

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The mask."""
        from swath.vector import rasterize

        grid = self.grid(site, row)
        shapes = shapes_on(self.files(site, row)[0], grid)
        return {self.key: torch.from_numpy(rasterize(shapes, grid))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two buildings or roads in the middle of the image, in longitudes and latitudes."""
        grid = self.grid(site, row)
        write_features(self.files(site, row)[0], grid, rng, lines=self.lines)


def shapes_on(path: str, grid: Grid) -> NDArray[Any]:
    """The features of a file in the CRS of a grid; features without a place are left out.

    Raises:
        FileMissingError, UnreadableFileError: There is no such file, or it is damaged.
    """
    from pyproj import CRS

    from swath.vector import read_features, reproject

    frame = read_features(path, columns=[])
    shapes = np.asarray(frame.geometry.array, dtype=object)
    shapes = shapes[~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)]
    if not len(shapes):
        return shapes
    source = CRS.from_user_input(frame.crs) if frame.crs is not None else grid.crs
    return reproject(shapes, source, grid.crs, 0.1 * min(grid.res), where=path)


def resized_grid(grid: Grid, shape: tuple[int, int]) -> Grid:
    """The same ground in other pixels."""
    high, wide = shape
    scale = Affine.scale(grid.width / wide, grid.height / high)
    return Grid(grid.crs, grid.transform @ scale, wide, high)


def write_features(
    path: str, grid: Grid, rng: np.random.Generator, *, lines: bool = False, **properties: Any
) -> None:
    """A GeoJSON file with two features on a grid, in longitudes and latitudes."""
    from pyproj import CRS

    from swath.vector import reproject

    high, wide = grid.height, grid.width
    corners = rng.uniform(0.1, 0.4, (2, 2)) * (wide, high)
    sides = rng.uniform(0.2, 0.5, (2, 2)) * (wide, high)
    shapes = [
        shapely.LineString([low, low + side]) if lines else shapely.box(*low, *(low + side))
        for low, side in zip(corners, sides, strict=True)
    ]
    t = grid.transform
    matrix, corner = np.array([[t.a, t.d], [t.b, t.e]]), np.array([t.c, t.f])
    placed = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy @ matrix + corner)
    world = reproject(placed, grid.crs, CRS.from_user_input("OGC:CRS84"), 1e-9)
    features: list[Mapping[str, Any]] = [
        {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(s))}
        for s in world
    ]
    write_text(path, json.dumps({"type": "FeatureCollection", "features": features}))
