"""Oriented boxes in one file an image: DOTA's lines of text, and polygons in JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.datasets.catalogue.files import read_text, write_text
from swath.datasets.catalogue.objects import Found, Objects, invent_boxes
from swath.datasets.catalogue.parts import Row
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError

__all__ = ["DotaObjects", "PolygonObjects", "invent_corners"]


class DotaObjects(Objects):
    """Lines of ``x1 y1 x2 y2 x3 y3 x4 y4 class difficult``, after a head of ``name:value`` lines.

    Args:
        file: Pattern of the text file's path.
        size: (height, width) of a miniature's images.
        **options: Of `Objects`.
    """

    def __init__(self, file: str, *, size: tuple[int, int] = (32, 32), **options: Any) -> None:
        super().__init__(**options)
        self.file, self.size = file, size

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.file, row)]

    def found(self, site: Site, row: Row) -> Found:
        """What the file says."""
        path = self.files(site, row)[0]
        names, corners = [], []
        for number, line in enumerate(read_text(path).splitlines(), 1):
            words = line.split()
            if not words or (len(words) == 1 and ":" in words[0]):
                continue
            try:
                corners.append([float(word) for word in words[:8]])
                names.append(words[8])
            except (ValueError, IndexError) as error:
                raise UnreadableFileError(
                    f"{path}, line {number}: {line[:80]!r} is no object: expected eight numbers, "
                    "a class and whether it is difficult; fetch it again"
                ) from error
        return Found.of_corners(names, corners)

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two objects, one of them turned."""
        known = self.names(site)
        lines = ["imagesource:GoogleEarth", "gsd:0.15"]
        for corners in invent_corners(rng, self.size, 2):
            name = known[int(rng.integers(len(known)))]
            lines.append(" ".join([*(f"{c:.1f}" for c in corners), name, "0"]))
        write_text(self.files(site, row)[0], "\n".join(lines) + "\n")


class PolygonObjects(DotaObjects):
    """A JSON file an image, whose ``annotations`` have a ``poly`` and a ``category_id`` each.

    Polygons of more than four corners become the smallest rectangle around them.
    """

    def found(self, site: Site, row: Row) -> Found:
        """What the file says."""
        path = self.files(site, row)[0]
        try:
            objects = json.loads(read_text(path))["annotations"]
            corners = [_four(np.array(o["poly"], dtype=np.float64)) for o in objects]
            return Found.of_corners([str(o["category_id"]) for o in objects], corners)
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableFileError(
                f"{path} is no list of polygons ({error!r}): fetch it again"
            ) from error

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two objects, one of them turned."""
        known = self.names(site)
        objects = [
            {
                "id": i, "image_id": 0, "category_id": int(rng.integers(len(known))),
                "poly": corners.tolist(),
            }
            for i, corners in enumerate(invent_corners(rng, self.size, 2))
        ]  # fmt: skip
        image = {"id": 0, "height": self.size[0], "width": self.size[1]}
        text = {"type": "instance", "images": image, "annotations": objects, "categories": []}
        write_text(self.files(site, row)[0], json.dumps(text))


def _four(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    points = polygon.reshape(-1, 2)
    if len(points) == 4:
        return points.ravel()
    around = shapely.MultiPoint(points).minimum_rotated_rectangle
    if around.geom_type != "Polygon":
        raise ValueError(f"{points.tolist()} encloses nothing")
    return shapely.get_coordinates(around)[:4].ravel()


def invent_corners(
    rng: np.random.Generator, shape: tuple[int, int], count: int
) -> list[NDArray[np.float64]]:
    """Corners (8,) of boxes inside an image; every second one stands on a corner."""
    found = []
    for i, (x0, y0, x1, y1) in enumerate(invent_boxes(rng, shape, count).tolist()):
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        turned = [x, y0, x1, y, x, y1, x0, y]
        found.append(np.array(turned if i % 2 else [x0, y0, x1, y0, x1, y1, x0, y1]))
    return found
