"""LandCover.ai as a layer."""

from __future__ import annotations

import os
from typing import Any

from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import LabelledLayer, beside
from swath.datasets.layers.tables import colour_table
from swath.typing import Path

__all__ = ["LandCoverAIGeo"]

# The field's numbers and names; the colours are ours.
_NAMES, _COLOURS = colour_table("""
0 000000 Background
1 dc3c32 Building
2 287832 Woodland
3 286edc Water
4 aaaaaa Road
""")


class LandCoverAIGeo(LabelledLayer):
    """LandCover.ai: 41 aerial photographs of Poland with four classes of land cover.

    33 are of 0.25 m and 8 of 0.5 m a pixel, in EPSG:2180, 216.27 km² in all. `LandCoverAI` has the
    same ground as the paper's patches and splits. ``mask`` is (H, W), as everywhere here (in the
    field: (1, H, W)).

    Args:
        root: The folder.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download what is missing.
        checksum: Compare the archive's digest with the published one.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Nothing is there, and was not to be downloaded.
        ChecksumError: The archive is not the one that was published.
    """

    info = Info(
        title="LandCover.ai",
        tasks=("segmentation",),
        source="aerial",
        samples=41,
        size="about 9000x9500 and 4200x4700",
        resolution="0.25-0.5",
        licence="CC-BY-NC-SA-4.0",
        citation="Boguszewski et al. 2021, https://doi.org/10.1109/CVPRW53098.2021.00121",
        homepage="https://landcover.ai.linuxpolska.com/",
    )
    published = (
        Archive(
            "landcover.ai.v1.zip",
            "https://landcover.ai.linuxpolska.com/download/landcover.ai.v1.zip",
            sha256="dd448287ff3a76291f2b159084b8a265f2ba4559bb80b0551fc8c6c0eb149a4b",
            gives=("images/", "masks/"),
        ),
    )
    classes_by_value = _NAMES
    cmap = _COLOURS
    filename_glob = "*.tif"
    all_bands = ("R", "G", "B")
    rgb_bands = ("R", "G", "B")
    parts = (
        Raster("images/{name}.tif", bands=3, crs="EPSG:2180", res=0.25, origin=(360e3, 530e3)),
        Raster("masks/{name}.tif", values=tuple(range(5)), crs="EPSG:2180", res=0.25,
               origin=(360e3, 530e3)),
    )  # fmt: skip
    examples = ({"name": "M-33-20-D-c-4-2"}, {"name": "M-33-20-D-d-3-3"})

    def __init__(
        self,
        root: Path = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            root, crs, res, None, transforms, cache, download, checksum, time_series, **options
        )

    def _find(self) -> list[str]:
        return [
            path for path in super()._find() if os.path.basename(os.path.dirname(path)) == "images"
        ]

    def label_files(self, path: str) -> list[str]:
        """The photograph's mask."""
        return [beside(path, "masks", os.path.basename(path))]
