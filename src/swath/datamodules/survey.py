"""What there is in images and labels: all that a config wants to know, and what a person does."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from swath.datamodules.columns import polygon_classes
from swath.datasets import GeoDataset, IntersectionDataset
from swath.datasets.discover import ImageLayout, LabelLayout, discover_images, discover_labels
from swath.datasets.folder import NO_LABEL, LabelFolder, SceneFolder
from swath.datasets.statistics import ChannelStatistics, LabelCounts, windows
from swath.errors import NoOverlapError
from swath.raster import RasterInfo, read_info

__all__ = ["ClassFound", "Survey", "survey"]

WINDOW = 256
CELL = 64  # side of the squares whose classes are counted, to choose a balanced split


@dataclass(frozen=True)
class ClassFound:
    """A class: what the labels call it, its name, its colour (if known), its share of pixels."""

    value: Any
    name: str
    color: tuple[int, int, int] | None
    share: float


@dataclass
class Survey:
    """The result of `survey`.

    Attributes:
        pixels: Labelled pixels that were counted, and `exact` whether those are all.
        cells: Centre (x, y) and pixels by class of squares, for choosing a split.
        overlap: Ground that both cover, in `crs`; `area` in square kilometres; `covered` is its
            share of the imagery.
    """

    images: ImageLayout
    labels: LabelLayout
    infos: list[RasterInfo]
    label_infos: list[RasterInfo]
    bands: tuple[str, ...]
    crs: CRS
    res: tuple[float, float]
    mean: list[float]
    std: list[float]
    low: list[float]
    high: list[float]
    classes: list[ClassFound]
    label_name: str | None
    background: str
    unlabelled: float
    pixels: int
    exact: bool
    area: float
    covered: float
    pairs: GeoDataset
    cells: list[tuple[float, float, Counter[int]]] = field(default_factory=list)

    @property
    def extent(self) -> tuple[int, int]:
        """Columns and rows of the overlap's bounds, in pixels."""
        x, y, _ = self.pairs.bounds
        return round((x.stop - x.start) / self.res[0]), round((y.stop - y.start) / self.res[1])


def survey(
    images: str | Sequence[str],
    labels: str | Sequence[str],
    *,
    bands: Sequence[str] | None = None,
    label_name: str | None = None,
    background: str | None = None,
    crs: Any = None,
    res: float | None = None,
    limit: int = 400,
    seed: int = 0,
    progress: Callable[[Any, int], Any] = lambda items, total: items,
) -> Survey:
    """Look at images and labels.

    Args:
        images: As `discover_images` takes them.
        labels: As `discover_labels` takes them.
        bands: Names of the bands to use; all by default.
        label_name: Column of the class in a vector file; found by looking if left out.
        background: ``"ignore"`` or ``"class"`` for ground outside of polygons; chosen if left out:
            polygons of one class (buildings) leave a background that is a class, polygons of
            several (training areas) leave ground that nobody looked at.
        crs: Of the batches.
        res: Of the batches.
        limit: Windows of 256 × 256 pixels to read at most.
        seed: Which windows, where there are more.
        progress: Called with the windows and their number, gives them back (a progress bar).

    Raises:
        NoOverlapError: They share no ground; says where both are and how far apart.
    """
    layout, truth = discover_images(images, exclude=labels), discover_labels(labels)
    names = layout.check_bands(bands)
    scenes = SceneFolder(layout, names, crs, res)
    scenes.valid_mask = True
    infos = [read_info(path) for path in layout.files_of(names)]
    label_infos = [read_info(p) for p in truth.files] if truth.kind == "raster" else []
    values: list[Any] = []
    target: GeoDataset
    if truth.kind == "raster":
        target = LabelFolder(truth, scenes.crs, scenes.res)
    else:
        label_name, values = polygon_classes(truth.files, label_name)
        background = background or ("class" if len(values) == 1 else "ignore")
        from swath.datasets.polygons import LabelPolygons

        target = LabelPolygons(truth, scenes.crs, scenes.res, label_name, values)
    check_overlap(scenes, target)
    pairs = IntersectionDataset(scenes, target, spatial_only=True)

    statistics, counted = ChannelStatistics(len(names)), LabelCounts()
    cells: list[tuple[float, float, Counter[int]]] = []
    queries = list(windows(pairs, WINDOW, limit + 1, seed))
    exact = len(queries) <= limit
    queries = queries[:limit]
    for query, _ in progress(queries, len(queries)):
        sample = pairs[query]
        image, mask = sample["image"].numpy(), sample["mask"].numpy()
        valid = sample["valid"].numpy()
        statistics.update(image, valid)
        counted.update(mask, valid)
        cells += _cells(sample["bounds"].numpy(), mask, valid)

    codes = _codes(counted.counts, label_infos)
    known = sum(counted.counts[c] for c in codes if truth.kind == "raster" or c > 0)
    total = sum(counted.counts.values())
    if truth.kind == "raster":
        found = [
            ClassFound(
                c, truth.names.get(c, f"class {c}"), _rgb(truth.colors.get(c)),
                counted.counts[c] / max(known, 1),
            )
            for c in codes
        ]  # fmt: skip
        unlabelled = 1 - known / max(total, 1)
    else:
        if background == "class":
            known += counted.counts[0]
        found = [
            ClassFound(v, str(v), None, counted.counts[i + 1] / max(known, 1))
            for i, v in enumerate(values)
        ]
        unlabelled = 1 - known / max(total, 1)
        if background == "class":
            free = counted.counts[0] / max(known, 1)
            found.insert(0, ClassFound(None, "background", (200, 200, 200), free))
    if known == 0:
        raise NoOverlapError(
            f"where the images have data, the labels have none: {total} pixels were read and none "
            "is labelled; check the nodata values and the extents of both"
        )
    ground = shapely.union_all(np.asarray(pairs.index.geometry.values, dtype=object))
    all_scenes = shapely.union_all(np.asarray(scenes.index.geometry.values, dtype=object))
    std = [max(float(s), 1e-6) for s in statistics.std]
    return Survey(
        layout, truth, infos, label_infos, names, scenes.crs, scenes.res,
        [float(m) for m in statistics.mean], std,
        statistics.low.tolist(), statistics.high.tolist(),
        found, label_name, background or "ignore", unlabelled, known, exact,
        _square_kilometres(ground, scenes.crs), ground.area / max(all_scenes.area, 1e-12),
        pairs, cells,
    )  # fmt: skip


def check_overlap(images: GeoDataset, labels: GeoDataset) -> None:
    """Raise NoOverlapError, with both extents and their distance, if no ground is shared."""
    tree = shapely.STRtree(np.asarray(images.index.geometry.values, dtype=object))
    hits = tree.query(np.asarray(labels.index.geometry.values, dtype=object), "intersects")
    if hits.shape[1]:
        return
    import geopandas as gpd
    from pyproj import Geod

    boxes = [
        shapely.box(*gpd.GeoSeries(d.index.geometry.values, crs=d.crs).to_crs(4326).total_bounds)
        for d in (images, labels)
    ]
    a, b = (
        box.representative_point().coords[0] if box.intersects(boxes[1 - i]) else p.coords[0]
        for i, (box, p) in enumerate(zip(boxes, _nearest(*boxes), strict=True))
    )
    metres = Geod(ellps="WGS84").inv(a[0], a[1], b[0], b[1])[2]
    texts = [
        f"longitude {box.bounds[0]:.4f} to {box.bounds[2]:.4f}, latitude {box.bounds[1]:.4f} to "
        f"{box.bounds[3]:.4f}"
        for box in boxes
    ]
    raise NoOverlapError(
        f"images and labels do not overlap: the images are at {texts[0]}, the labels at "
        f"{texts[1]}, {metres / 1000:,.1f} km apart; check that both are of the same area and that "
        f"their CRSs are right (images: {images.crs.to_string()}, file "
        f"{os.path.basename(images.files[0])}; labels: file {os.path.basename(labels.files[0])})"
    )


def _nearest(a: Any, b: Any) -> tuple[Any, Any]:
    line = shapely.shortest_line(a, b)
    return shapely.get_point(line, 0), shapely.get_point(line, 1)


def _codes(counts: Counter[int], infos: Sequence[RasterInfo]) -> list[int]:
    """Codes that are labels: not the fill, not the files' nodata."""
    nodata = {v for info in infos for v in info.nodata if v is not None}
    return sorted(c for c, n in counts.items() if n and c != NO_LABEL and c not in nodata)


def _cells(bounds: Any, mask: Any, valid: Any) -> list[tuple[float, float, Counter[int]]]:
    """Centre and label counts of the squares of a window."""
    xmin, _, xres, _, ymax, yres = bounds[:6]
    found = []
    for r in range(0, mask.shape[0], CELL):
        for c in range(0, mask.shape[1], CELL):
            part = LabelCounts()
            part.update(mask[r : r + CELL, c : c + CELL], valid[r : r + CELL, c : c + CELL])
            if part.counts:
                x, y = xmin + (c + CELL / 2) * xres, ymax - (r + CELL / 2) * yres
                found.append((float(x), float(y), part.counts))
    return found


def _rgb(color: Sequence[int] | None) -> tuple[int, int, int] | None:
    return None if color is None else (int(color[0]), int(color[1]), int(color[2]))


def _square_kilometres(ground: Any, crs: CRS) -> float:
    import geopandas as gpd
    from pyproj import Geod

    lonlat = gpd.GeoSeries([shapely.segmentize(ground, math.sqrt(ground.area) / 20)], crs=crs)
    area, _ = Geod(ellps="WGS84").geometry_area_perimeter(
        shapely.orient_polygons(lonlat.to_crs(4326).iloc[0])
    )
    return abs(area) / 1e6
