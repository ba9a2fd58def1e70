"""Objects in an image: boxes, outlines, masks and classes, whatever file they come from."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.parts import Part, Row
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError, nearest
from swath.typing import Sample

__all__ = ["Found", "Objects", "corners_of", "mask_of"]


@dataclass(frozen=True, slots=True)
class Found:
    """The objects of one image.

    Attributes:
        names: The class of each: its name, or its number as text.
        boxes: (N, 4) of xmin, ymin, xmax, ymax in pixels.
        outlines: Of each, the rings that bound it: (K, 2) of x and y in pixels. Empty where
            outlines are not known.
        shape: (height, width) of the image, where masks are wanted.
    """

    names: Sequence[str]
    boxes: NDArray[np.float64]
    outlines: Sequence[Sequence[NDArray[np.float64]]] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)

    @classmethod
    def of_corners(cls, names: Sequence[str], corners: Iterable[ArrayLike]) -> Found:
        """Objects of which the corners x1, y1, x2, y2, … of their outlines are known."""
        rings = [np.asarray(c, dtype=np.float64).reshape(-1, 2) for c in corners]
        boxes = [[*r.min(0), *r.max(0)] for r in rings]
        return cls(names, np.array(boxes, dtype=np.float64).reshape(-1, 4), [[r] for r in rings])


class Objects(Part):
    """Objects of an image. A subclass says what they are read from.

    Args:
        boxes: Key of the boxes float32 (N, 4): xmin, ymin, xmax, ymax in pixels; None for none.
        corners: Key of the corners float32 (N, 8): x1, y1 to x4, y4 of oriented boxes; None for
            none.
        label: Key of the class numbers int64 (N,); None for none.
        masks: Key of the instance masks uint8 (N, H, W), 1 inside; None for none.
        classes: Name -> number; by default the dataset's ``classes`` in order. Numbers are taken
            as they are.
        offset: Added to numbers.
        when: As in `Part`.
    """

    def __init__(
        self,
        *,
        boxes: str | None = "bbox_xyxy",
        corners: str | None = None,
        label: str | None = "label",
        masks: str | None = None,
        classes: Mapping[str, int] | None = None,
        offset: int = 0,
        when: When | None = None,
    ) -> None:
        super().__init__(boxes or corners or label or "bbox_xyxy", when)
        self.boxes, self.corners, self.label, self.masks = boxes, corners, label, masks
        self.classes, self.offset = classes, offset

    @abc.abstractmethod
    def found(self, site: Site, row: Row) -> Found:
        """What is in the image."""

    def names(self, site: Site) -> list[str]:
        """Names of the classes that an object can have."""
        return list(self.classes if self.classes is not None else site.classes)

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """Boxes, classes, and what else there is."""
        found = self.found(site, row)
        out: dict[str, Any] = {}
        if self.boxes:
            boxes = np.asarray(found.boxes, dtype=np.float32).reshape(-1, 4)
            out[self.boxes] = torch.from_numpy(boxes)
        if self.corners:
            out[self.corners] = torch.from_numpy(corners_of(found))
        if self.label:
            numbers = [self._number(site, name) for name in found.names]
            out[self.label] = torch.tensor(numbers, dtype=torch.int64)
        if self.masks:
            masks = np.zeros((len(found.names), *found.shape), np.uint8)
            for mask, rings in zip(masks, found.outlines, strict=True):
                mask[...] = mask_of(rings, found.shape)
            out[self.masks] = torch.from_numpy(masks)
        return out

    def drawn(self, sample: Sample) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
        """What a picture shows of a sample: the truth, and what was predicted beside it.

        Predictions are ``prediction_boxes``, ``prediction_labels``, ``prediction_scores`` and
        ``prediction_masks``. None if the sample has no objects to draw.
        """
        keys = {"boxes": self.boxes, "corners": self.corners, "labels": self.label,
                "masks": self.masks}  # fmt: skip
        truth = {name: sample[key] for name, key in keys.items() if key and key in sample}
        if "boxes" not in truth and "corners" not in truth:
            return None
        names = ("boxes", "corners", "labels", "scores", "masks")
        found = {n: sample[f"prediction_{n}"] for n in names if f"prediction_{n}" in sample}
        return truth, found if "boxes" in found or "corners" in found else None

    def _number(self, site: Site, name: str) -> int:
        table = self.classes
        if table is None:
            table = site.kept.get("class numbers")
            if table is None:
                table = site.kept["class numbers"] = {n: i for i, n in enumerate(site.classes)}
        if name in table:
            return table[name] + self.offset
        if re.fullmatch(r"-?[0-9]+", name):
            return int(name) + self.offset
        raise UnreadableFileError(
            f"{site.root} has an object of the class {name!r}: {nearest(name, list(table))}"
        )


def corners_of(found: Found) -> NDArray[np.float32]:
    """(N, 8): the four corners of each outline.

    Raises:
        UnreadableFileError: An outline is no quadrilateral.
    """
    out = np.zeros((len(found.outlines), 8), np.float32)
    for i, rings in enumerate(found.outlines):
        if len(rings) != 1 or rings[0].shape != (4, 2):
            raise UnreadableFileError(
                f"an object has the outline {[r.tolist() for r in rings]}: expected four corners"
            )
        out[i] = rings[0].ravel()
    return out


def mask_of(rings: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Which pixels have their centre inside one of the rings: uint8 (height, width).

    A ring too small or too thin to cover any centre marks the pixels that it touches, so that no
    object is without a pixel.
    """
    import shapely

    from swath.vector import burn

    out = np.zeros(shape, np.uint8)
    high, wide = shape
    parts = [r for r in rings if len(r) >= 3]
    if not parts:
        return out
    both = np.concatenate(parts)
    left, top = np.floor(both.min(0)).astype(int).clip(0)
    right, bottom = (np.ceil(both.max(0)).astype(int) + 1).clip(max=(wide, high))
    if right <= left or bottom <= top:
        return out
    # Burning costs by the pixel: only what the object's box covers is looked at.
    polygons = np.array([shapely.Polygon(r - (left, top)) for r in parts], dtype=object)
    size = int(bottom - top), int(right - left)
    inside = burn(polygons, *size)
    if not inside.any():
        inside = burn(polygons, *size, all_touched=True)
    out[top:bottom, left:right] = inside > 0
    return out


def invent_boxes(
    rng: np.random.Generator, shape: tuple[int, int], count: int
) -> NDArray[np.float64]:
    """(count, 4) boxes with whole corners inside an image."""
    high, wide = shape
    low = np.stack([rng.integers(0, wide // 2, count), rng.integers(0, high // 2, count)], 1)
    size = np.stack([rng.integers(3, wide // 2, count), rng.integers(3, high // 2, count)], 1)
    return np.concatenate([low, low + size], 1).astype(np.float64)
