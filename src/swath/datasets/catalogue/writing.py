"""Small made-up files in published formats."""

from __future__ import annotations

import pathlib
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError

__all__ = ["write_picture"]


def write_picture(
    path: str, pixels: NDArray[Any], crs: str | None = None, scale: float = 1.0
) -> None:
    """Write (C, H, W) in the format that the name's ending says: a TIFF, JPEG, PNG or array.

    Args:
        path: The file; its folders are made.
        pixels: What is in it.
        crs: Of a TIFF.
        scale: Pixel size of a TIFF is ten times this, in units of the CRS (1e-4 times in degrees).
    """
    place = pathlib.Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    kind = place.suffix.lower()
    if kind == ".npy":
        np.save(place, pixels)
    elif kind in (".tif", ".tiff", ".jp2"):
        _write_tiff(place, pixels, crs, scale)
    elif kind in (".jpg", ".jpeg", ".png", ".bmp"):
        from PIL import Image

        picture = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
        Image.fromarray(picture).save(place)
    else:
        raise ConfigError(f"{path}: no way is known to write a picture as {kind!r}")


def _write_tiff(place: pathlib.Path, pixels: NDArray[Any], crs: str | None, scale: float) -> None:
    import rasterio
    from pyproj import CRS
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import from_origin

    geographic = crs is not None and CRS.from_user_input(crs).is_geographic
    unit = 1e-4 if geographic else 10.0
    west, north = (8.0, 47.0) if geographic else (500_000.0, 5_200_000.0)
    # No two pictures lie in the same place: a digest of the name moves them.
    step = sum(place.name.encode()) % 97
    transform = from_origin(west + 64 * step * unit, north, unit * scale, unit * scale)
    options = {"crs": crs, "transform": transform} if crs is not None else {}
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            place, "w", driver="JP2OpenJPEG" if place.suffix == ".jp2" else "GTiff",
            count=pixels.shape[0], height=pixels.shape[1], width=pixels.shape[2],
            dtype=pixels.dtype, **options,
        ) as target:  # fmt: skip
            target.write(pixels)
