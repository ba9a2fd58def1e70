"""NASA marine debris: what floats on the sea, seen by Planet."""

from __future__ import annotations

from typing import Any

import numpy as np

from swath.datasets.catalogue import (
    Folder,
    Found,
    Glob,
    Image,
    Info,
    Objects,
    Site,
    UnsplitBenchmark,
)
from swath.datasets.catalogue.objects import invent_boxes
from swath.datasets.catalogue.parts import Row
from swath.datasets.nongeo import read_image
from swath.errors import UnreadableFileError

__all__ = ["NASAMarineDebris"]


class _ArrayBoxes(Objects):
    """Boxes in an array file an image: (N, 5) of xmin, ymin, xmax, ymax and 1."""

    def found(self, site: Site, row: Row) -> Found:
        """The boxes."""
        path = site.path("labels/{name}.npy", row)
        boxes = np.asarray(read_image(path), dtype=np.float64)
        boxes = boxes.reshape(-1, boxes.shape[-1] if boxes.size else 5)
        if boxes.shape[1] < 4:
            raise UnreadableFileError(f"{path} has {boxes.shape}: expected boxes (N, 5)")
        return Found([], boxes[:, :4])

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two boxes."""
        import pathlib

        path = pathlib.Path(site.path("labels/{name}.npy", row))
        path.parent.mkdir(parents=True, exist_ok=True)
        boxes: Any = invent_boxes(rng, (48, 64), 2)
        np.save(path, np.concatenate([boxes, np.ones((2, 1))], axis=1))


class NASAMarineDebris(UnsplitBenchmark):
    """Boxes around debris on the sea in PlanetScope images (NASA Marine Debris).

    A sample has ``image`` float32 (3, 256, 256), ``bbox_xyxy`` float32 (N, 4), and ``bounds`` and
    ``transform``, which say where it lies. There is one class, and so no ``label``.
    """

    info = Info(
        title="NASA Marine Debris",
        tasks=("detection",),
        source="PlanetScope",
        samples=707,
        size="256x256",
        resolution="3",
        licence="Apache-2.0",
        citation="Shah et al. 2021, https://doi.org/10.34911/rdnt.9r6ekg",
        homepage="https://source.coop/repositories/nasa/marine-debris",
        account="Its files lie one by one in an Azure store, "
        "https://radiantearth.blob.core.windows.net/mlhub/nasa-marine-debris: copy them with "
        "'azcopy sync'",
    )
    classes = ("marine debris",)
    files = (Folder("source"), Folder("labels"))
    rows = Glob("source/{name}.tif")
    parts = (
        Image("source/{name}.tif", located=True, size=(48, 64), crs="EPSG:4326"),
        _ArrayBoxes(label=None),
    )
