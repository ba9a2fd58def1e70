"""Detections where they lie on the ground: corners, polygons, rows for a GIS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.errors import ConfigError, CRSError, GridError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["ground_corners", "to_features"]


def ground_corners(boxes: Tensor, transform: Tensor) -> Tensor:
    """Corners of boxes in ground coordinates: also a turned image's boxes lie right.

    Args:
        boxes: (N, 4) of xmin, ymin, xmax, ymax in pixels from the upper left corner.
        transform: (9,) or (3, 3), pixel corners (column, row) to ground coordinates.

    Returns:
        (N, 4, 2) float64 of x and y, on the CPU, from the box's upper left corner clockwise (as
        the image is seen).
    """
    x0, y0, x1, y1 = boxes.detach().double().cpu().reshape(-1, 4).unbind(1)
    columns, rows = torch.stack([x0, x1, x1, x0], 1), torch.stack([y0, y0, y1, y1], 1)
    a, b, c, d, e, f = transform.detach().double().cpu().reshape(-1)[:6]
    return torch.stack([a * columns + b * rows + c, d * columns + e * rows + f], 2)


def to_features(
    prediction: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    crs: Any = None,
    classes: Sequence[str] | Mapping[int, str] | None = None,
    *,
    min_score: float = 0.5,
) -> GeoDataFrame:
    """Detections as features: polygons with class and score, for a GIS.

    Boxes become their four corners; masks become their outline along the pixels, with holes and
    islands (a mask without a pixel becomes nothing). Objects that several overlapping images show
    come out once an image.

    Args:
        prediction: What a detector's ``predict_step`` gave, or a list of it
            (``Trainer.predict``); with ``transform``.
        crs: Of the ground coordinates; left out, the batch's own ``crs``.
        classes: Names of the labels 1, 2, … in order, or by label (``task.hparams["classes"]``).
        min_score: Less certain detections are left out.

    Returns:
        Rows of ``label``, ``class`` (where `classes` is given), ``score``, ``image`` (its number
        among all images of the prediction) and the polygon, the most certain first in each image.

    Raises:
        CRSError: Nobody says the CRS, or several are said.
        GridError: It is not said where the images lie.
        ConfigError: A label without a name.
    """
    import geopandas as gpd

    batches = [prediction] if isinstance(prediction, Mapping) else list(prediction)
    crs = _one_crs(batches) if crs is None else crs
    rows: dict[str, list[Any]] = {"label": [], "score": [], "image": []}
    shapes: list[Any] = []
    before = 0
    for batch in batches:
        if "transform" not in batch:
            raise GridError(
                "the prediction has no 'transform': its batch must say where each image lies"
            )
        for i, place in enumerate(batch["transform"]):
            if not bool(torch.isfinite(place).all()):
                raise GridError(f"image {before + i} has the transform {place.tolist()}")
            scores = batch["scores"][i].detach().float().cpu()
            order = torch.argsort(scores, descending=True, stable=True)
            picked = order[scores[order] >= min_score]
            for number, shape in zip(picked.tolist(), _shapes(batch, i, picked), strict=True):
                if shape.is_empty:
                    continue
                rows["label"].append(int(batch["labels"][i][number]))
                rows["score"].append(float(scores[number]))
                rows["image"].append(before + i)
                shapes.append(shape)
        before += len(batch["transform"])
    columns: dict[str, Any] = {
        "label": np.array(rows["label"], np.int64), "score": np.array(rows["score"], np.float64),
        "image": np.array(rows["image"], np.int64),
    }  # fmt: skip
    if classes is not None:
        columns = {"class": _names(rows["label"], classes), **columns}
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)


def _one_crs(batches: Sequence[Mapping[str, Any]]) -> Any:
    said: list[Any] = []
    for batch in batches:
        own = batch.get("crs", [])
        for crs in own if isinstance(own, list | tuple) else [own]:
            if crs not in said:
                said.append(crs)
    if len(said) != 1:
        raise CRSError(
            f"the prediction says {len(said)} coordinate reference systems ({said}): say which "
            "with crs=…"
        )
    return said[0]


def _names(labels: Sequence[int], classes: Sequence[str] | Mapping[int, str]) -> NDArray[Any]:
    names = classes if isinstance(classes, Mapping) else dict(enumerate(classes, 1))
    absent = sorted(set(labels) - set(names))
    if absent:
        raise ConfigError(f"classes has no name of label {absent[0]}: it names {dict(names)}")
    return np.array([names[label] for label in labels], dtype=object)


def _shapes(batch: Mapping[str, Any], i: int, picked: Tensor) -> Iterator[Any]:
    """A polygon, or several in one, of each detection that was picked."""
    place = batch["transform"][i]
    boxes = batch["boxes"][i].detach().cpu()[picked]
    if "masks" not in batch:
        yield from (shapely.Polygon(c) for c in ground_corners(boxes, place).numpy())
        return
    ground = place.detach().double().cpu().reshape(-1)[:6].tolist()
    for number in picked.tolist():
        yield _outline(batch["masks"][i][number].detach().cpu().numpy() > 0, ground)


def _outline(mask: NDArray[np.bool_], ground: Sequence[float]) -> Any:
    from rasterio import features

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return shapely.Polygon()
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    traced = features.shapes(part, mask=part > 0, connectivity=4)
    parts: list[Any] = [shapely.geometry.shape(found) for found, _ in traced]
    pixels: Any = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)

    a, b, c, d, e, f = ground

    def place(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        column, row = xy[:, 0] + left, xy[:, 1] + top
        return np.stack([a * column + b * row + c, d * column + e * row + f], 1)

    return shapely.transform(pixels, place)
