"""Small raster files, and GDAL's exact warp of them as the measure of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from swath.datasets import RasterDataset


class Images(RasterDataset):
    """Files named ``name_20210622.tif``, dated by the day."""

    filename_glob = "*.tif"
    filename_regex = r"^.*?(?:_(?P<date>\d{8}))?\.tif$"


class Labels(Images):
    is_image = False


def write(
    path: Path,
    data: NDArray[Any],
    *,
    crs: int | None = 32633,
    x: float = 500000.0,
    y: float = 5000000.0,
    res: float = 10.0,
    nodata: float | None = None,
    **options: Any,
) -> str:
    """A GeoTIFF of (C, H, W) or (H, W), its upper left corner at (x, y)."""
    data = data if data.ndim == 3 else data[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "count": len(data), "height": data.shape[1], "width": data.shape[2],
        "dtype": data.dtype.name, "crs": None if crs is None else CRS.from_epsg(crs).to_wkt(),
        "transform": Affine(res, 0, x, 0, -res, y), "nodata": nodata, **options,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(data)
    return str(path)


def hills(shape: tuple[int, int], bands: int = 1, seed: int = 0) -> NDArray[np.uint16]:
    """Smooth numbers with noise, 1 to 5000."""
    rng = np.random.default_rng(seed)
    r, c = np.mgrid[: shape[0], : shape[1]]
    base = [
        2000 + 900 * np.sin(c / (9 + b)) * np.cos(r / 11) + rng.normal(0, 80, shape)
        for b in range(bands)
    ]
    return np.clip(np.stack(base), 1, 5000).astype(np.uint16)


def classes(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Patches of classes 1 to 5."""
    rng = np.random.default_rng(seed)
    small = rng.integers(1, 6, (-(-shape[0] // 7), -(-shape[1] // 7)))
    return np.kron(small, np.ones((7, 7)))[: shape[0], : shape[1]].astype(np.uint8)


def warped(path: str, sample: dict[str, Any], crs: CRS, method: str, key: str) -> Any:
    """The file on the sample's grid as GDAL's exact warp has it (0 outside)."""
    transform = Affine(*sample["transform"].tolist()[:6])
    height, width = sample[key].shape[-2:]
    with (
        rasterio.open(path) as file,
        WarpedVRT(
            file, crs=crs.to_wkt(), transform=transform, height=height, width=width,
            resampling=Resampling[method], tolerance=1e-9, XSCALE=1, YSCALE=1,
        ) as vrt,
    ):  # fmt: skip
        return vrt.read()
