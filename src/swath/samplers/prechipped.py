"""Whole files at a time: `PreChippedGeoSampler`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import ConfigError, QueryError
from swath.samplers.areas import row_areas
from swath.samplers.base import BLOCK, GeoSampler
from swath.samplers.seeds import AnyGenerator, mix
from swath.typing import GeoSlice

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["PreChippedGeoSampler"]


class PreChippedGeoSampler(GeoSampler):
    """The bounds of each row, for data that was cut into chips before.

    Args:
        dataset: The layer.
        roi: Region of interest in the dataset's CRS, any polygon.
        toi: Time of interest.
        shuffle: A new order every epoch.
        generator: Source of the order; None is PyTorch's default generator.
        inside: Rows partly in `roi` give their bounds cut to it ("clip"), or come whole where
            they lie in it wholly ("patch"), by their "centre", or in part ("touch").
        rank: This process's number, by default what torch.distributed says.
        num_replicas: Number of processes that share an epoch.

    Raises:
        QueryError: No row shares ground and time with `roi` and `toi`, or a row has no extent.
        ConfigError: An unknown `inside`.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        roi: BaseGeometry | None = None,
        toi: pd.Interval[pd.Timestamp] | None = None,
        shuffle: bool = False,
        generator: AnyGenerator = None,
        *,
        inside: Literal["clip", "patch", "centre", "touch"] = "clip",
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        super().__init__(
            dataset, roi, toi, generator=generator, rank=rank, num_replicas=num_replicas
        )
        self.shuffle = shuffle
        areas = row_areas(dataset, roi, toi)
        if roi is not None and inside == "patch":
            areas = areas.take(np.asarray(shapely.covers(roi, areas.footprint)))
        elif roi is not None and inside == "centre":
            middle = (areas.bounds[:, :2] + areas.bounds[:, 2:]) / 2
            areas = areas.take(np.asarray(shapely.intersects_xy(roi, *middle.T)))
        elif inside not in ("clip", "patch", "centre", "touch"):
            raise ConfigError(
                f"inside is {inside!r}; expected 'clip', 'patch', 'centre' or 'touch'"
            )
        shapes = areas.region if inside == "clip" else areas.footprint
        boxes = shapely.bounds(shapes).reshape(-1, 4)
        flat = int((boxes[:, :2] >= boxes[:, 2:]).any(axis=1).sum()) if len(boxes) else 0
        if len(areas) == 0 or flat:
            raise QueryError(
                f"{flat or 'none'} of the {len(areas) or len(dataset.index)} rows "
                f"{'have no extent' if flat else f'satisfies inside={inside!r}'}; use "
                f"{'RandomGeoSampler, which places patches on points' if flat else 'clip'}"
            )
        x0, y0, x1, y1 = boxes.T.tolist()
        self._queries: list[GeoSlice] = [
            (slice(a, b), slice(c, d), t)
            for a, b, c, d, t in zip(x0, x1, y0, y1, areas.times, strict=True)
        ]
        self._order: tuple[int, NDArray[np.intp]] | None = None

    def _count(self) -> int:
        return len(self._queries)

    def _epoch_seed(self) -> int:
        return super()._epoch_seed() if self.shuffle else 0

    def _block(self, seed: int, block: int, keep: NDArray[np.int64]) -> list[GeoSlice]:
        position = block * BLOCK + keep
        if self.shuffle:
            if self._order is None or self._order[0] != seed:
                rng = np.random.default_rng(mix(seed, 0))
                self._order = seed, rng.permutation(len(self._queries))
            position = self._order[1][position]
        return [self._queries[k] for k in position.tolist()]
