"""Label polygons from files that nobody wrote a class for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swath.datasets.discover import LabelLayout
from swath.datasets.folder import set_dates
from swath.datasets.vector import VectorDataset

__all__ = ["LabelPolygons"]


class LabelPolygons(VectorDataset):
    """Label polygons: 0 where there is none, else the place of the polygon's class in `values`,
    counted from 1.

    Args:
        layout: What `discover_labels` found.
        crs: Of queries.
        res: Pixel size.
        label_name: The column with the class; None makes all polygons one class.
        values: The classes, as the column has them.
        layer: Of files with several.
    """

    def __init__(
        self,
        layout: LabelLayout,
        crs: Any,
        res: float | tuple[float, float],
        label_name: str | None = None,
        values: Sequence[Any] = (),
        layer: str | int | None = None,
    ) -> None:
        super().__init__(
            list(layout.files), crs, res, label_name=label_name, layer=layer,
            classes=None if label_name is None else list(values),
        )  # fmt: skip
        set_dates(self, dict(zip(layout.files, layout.dates, strict=True)))
