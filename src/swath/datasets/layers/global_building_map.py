"""Buildings of the world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyproj import CRS

from swath.datasets.catalogue.description import Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import MaskLayer
from swath.typing import Path

__all__ = ["GlobalBuildingMap"]


class GlobalBuildingMap(MaskLayer):
    """Global Building Map: buildings of the world at 3 m, from PlanetScope, in tiles.

    Files are ``GBM_v1_e000_n10_e005_n05.tif`` (west, north, east, south; EPSG:3857), to be fetched
    by hand. The sample's ``mask`` holds the codes of the files.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        bands: As in `RasterDataset`.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: No file is there.
    """

    info = Info(
        title="Global Building Map",
        tasks=("segmentation",),
        source="PlanetScope",
        samples=None,
        size="varies",
        resolution="3",
        licence="-",
        citation="Zhu et al. 2024, https://arxiv.org/abs/2404.13911",
        homepage="https://github.com/zhu-xlab/GlobalBuildingMap",
        account="It has no address that a program could download from",
    )
    whole = False
    filename_glob = "GBM_v1_*"
    parts = (Raster("GBM_v1_{tile}.tif", values=(0, 255), crs="EPSG:3857", res=3.0,
                    origin=(0.0, 1_100_000.0)),)  # fmt: skip
    examples = ({"tile": "e000_n10_e005_n05"},)

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        bands: Sequence[str] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            paths, crs, res, transforms, cache, False, True, time_series, bands=bands, **options
        )
