"""The warp against GDAL's exact warp on real uint16 imagery, where the folder of it is there."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from swath.geometry.transform import transformer
from swath.raster.engine import Target, read_scenes
from swath.raster.scene import SceneBand, open_scene

FOLDER = Path(
    os.environ.get("SWATH_REALDATA") or Path(__file__).parents[2].parent / "shared" / "realdata"
)
FILES = [FOLDER / "l8_greenland" / f"LC80030172015001LGN00_B{b}.tiff" for b in (2, 3, 4, 5)]
TARGETS = [(32623, 30.0), (3413, 30.0), (3035, 30.0), (3035, 10.0), (4326, 0.0002)]

pytestmark = pytest.mark.skipif(
    not all(f.exists() for f in FILES), reason="the real Landsat scene is not here"
)


@pytest.mark.parametrize(("epsg", "res"), TARGETS)
@pytest.mark.parametrize(("method", "limit"), [("nearest", 0.0), ("bilinear", 1.0), ("cubic", 1.0)])
def test_real_imagery_is_gdals_exact_warp(epsg, res, method, limit):
    scene = open_scene([SceneBand(str(f), 0, i) for i, f in enumerate(FILES)])
    crs, size = CRS.from_epsg(epsg), 224
    x, y = transformer(scene.crs, crs).transform(*(scene.groups[0].info.transform @ (600, 550)))
    place = Affine(res, 0, x - res * size / 2, 0, -res, y + res * size / 2)
    out = np.zeros((1, 4, size, size), np.float32)
    filled = np.zeros((1, size, size), np.uint8)
    read_scenes(
        [Target(place, size, size)], crs, [[scene]], out, filled,
        resampling=method, fills=np.zeros(4), overviews=False,
    )  # fmt: skip
    assert filled.all()
    for band, path in zip(out[0], FILES, strict=True):
        with (
            rasterio.open(path) as file,
            WarpedVRT(
                file, crs=crs.to_wkt(), transform=place, height=size, width=size,
                resampling=Resampling[method], tolerance=1e-9, XSCALE=1, YSCALE=1,
            ) as warped,
        ):  # fmt: skip
            expected = warped.read(1)
        assert expected.std() > 10  # real relief, not a flat corner
        assert np.abs(band - expected).max() <= limit
