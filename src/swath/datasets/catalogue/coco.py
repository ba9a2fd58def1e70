"""Objects of a whole dataset in one JSON file, as COCO has them (https://cocodataset.org)."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.datasets.catalogue.files import read_text, write_text
from swath.datasets.catalogue.objects import Found, Objects, invent_boxes
from swath.datasets.catalogue.parts import Row
from swath.datasets.catalogue.site import Site, pattern
from swath.errors import UnreadableFileError

__all__ = ["CocoObjects"]


class CocoTable:
    """A COCO file in a few arrays, which worker processes share without a copy.

    Args:
        path: The file.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is no COCO file, or has outlines of another kind than polygons.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            text: Mapping[str, Any] = json.loads(read_text(path))
            images, objects = text["images"], text["annotations"]
            self.numbers = {str(image["file_name"]): i for i, image in enumerate(images)}
            by_id = {image["id"]: i for i, image in enumerate(images)}
            shapes = [(image.get("height", 0), image.get("width", 0)) for image in images]
            owner = np.array([by_id[o["image_id"]] for o in objects], dtype=np.int64)
            order = np.argsort(owner, kind="stable")
            listed = [objects[int(i)] for i in order]
            boxes = np.array([o["bbox"] for o in listed], dtype=np.float64).reshape(-1, 4)
            self.labels = np.array([o["category_id"] for o in listed], dtype=np.int64)
            rings = [self._rings(o.get("segmentation") or []) for o in listed]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableFileError(
                f"{path} is no list of objects as COCO has them ({error!r}): fetch it again"
            ) from error
        self.shapes = np.array(shapes, dtype=np.int64).reshape(-1, 2)
        self.starts = np.searchsorted(owner[order], np.arange(len(images) + 1))
        # corner, width and height -> two corners
        self.boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
        self.ring_starts = np.cumsum([0, *map(len, rings)])
        flat = [ring for several in rings for ring in several]
        self.point_starts = np.cumsum([0, *map(len, flat)])
        self.points = np.concatenate([*flat, np.zeros((0, 2))])

    def _rings(self, outline: Any) -> list[NDArray[np.float64]]:
        if isinstance(outline, Mapping):
            raise UnreadableFileError(
                f"{self.path} has an object whose outline is run-length encoded: expected polygons"
            )
        return [np.asarray(ring, dtype=np.float64).reshape(-1, 2) for ring in outline]

    def of(self, name: str) -> Found:
        """The objects of the image with a file name.

        Raises:
            UnreadableFileError: The file says nothing of that image.
        """
        number = self.numbers.get(name)
        if number is None:
            raise UnreadableFileError(
                f"{self.path} says nothing of the image {name}: expected it among "
                f"{len(self.numbers)} images; fetch it again"
            )
        start, stop = int(self.starts[number]), int(self.starts[number + 1])
        outlines = [
            [
                self.points[self.point_starts[r] : self.point_starts[r + 1]]
                for r in range(self.ring_starts[i], self.ring_starts[i + 1])
            ]
            for i in range(start, stop)
        ]
        high, wide = self.shapes[number].tolist()
        names = [str(n) for n in self.labels[start:stop]]
        return Found(names, self.boxes[start:stop], outlines, (high, wide))


class CocoObjects(Objects):
    """Objects out of a COCO file: boxes, polygons, category numbers.

    Masks are made of the polygons by their pixels' centres, which differs from COCO's own
    run-length coding in pixels on an outline only.

    Args:
        file: Pattern of the JSON file's path.
        name: Pattern of an image's ``file_name`` in it.
        size: (height, width) of a miniature's images.
        numbers: Category numbers that miniatures have.
        **options: Of `Objects`.
    """

    def __init__(
        self,
        file: str,
        name: str,
        *,
        size: tuple[int, int] = (32, 32),
        numbers: Sequence[int] = (1, 2),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.file, self.name, self.size, self.numbers = file, name, size, numbers

    def found(self, site: Site, row: Row) -> Found:
        """What the file says of the image."""
        path = site.path(self.file, row)
        table = site.kept.get(path)
        if table is None:
            table = site.kept[path] = CocoTable(path)
        return table.of(pattern(self.name).format({**site.fields, **row}))

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Three objects, one of which has a box with fractions."""
        path = site.path(self.file, row)
        text: dict[str, Any] = {"images": [], "categories": [], "annotations": []}
        if os.path.exists(path):
            text = json.loads(pathlib.Path(path).read_text())
        text["categories"] = [{"id": n, "name": str(n)} for n in self.numbers]
        number = len(text["images"])
        high, wide = self.size
        name = pattern(self.name).format({**site.fields, **row})
        image = {"id": number, "file_name": name, "height": high, "width": wide}
        text["images"].append(image)
        for i, (x0, y0, x1, y1) in enumerate(invent_boxes(rng, self.size, 3).tolist()):
            rings = [[x0, y0, x1, y0, x1, y1, x0, y1]]
            box = [x0, y0, x1 - x0 + 0.5 * (i == 2), y1 - y0]
            text["annotations"].append(
                {
                    "id": len(text["annotations"]), "image_id": number, "bbox": box, "iscrowd": 0,
                    "category_id": self.numbers[int(rng.integers(len(self.numbers)))],
                    "segmentation": rings, "area": (x1 - x0) * (y1 - y0),
                }
            )  # fmt: skip
        write_text(path, json.dumps(text))
