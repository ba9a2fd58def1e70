"""Small made-up files in published formats."""

from __future__ import annotations

import pathlib
import warnings
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError

__all__ = ["write_picture"]


def write_picture(
    path: str,
    pixels: NDArray[Any],
    crs: str | None = None,
    scale: float = 1.0,
    place: object = None,
) -> None:
    """Write (C, H, W) in the format that the name's ending says: a TIFF, JPEG, PNG or array.

    Args:
        path: The file; its folders are made.
        pixels: What is in it.
        crs: Of a TIFF.
        scale: Pixel size of a TIFF is ten times this, in units of the CRS (1e-4 times in degrees).
        place: Whatever tells one sample's place from another's; TIFFs with the same one lie in the
            same place. By default the file's name.
    """
    target = pathlib.Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    kind = target.suffix.lower()
    # Not every reader takes the JPEG 2000 that GDAL writes.
    plain = kind == ".jp2" and crs is None and pixels.dtype == np.uint8
    if kind == ".npy":
        np.save(target, pixels)
    elif kind in (".tif", ".tiff", ".jp2") and not plain:
        _write_tiff(target, pixels, crs, scale, target.name if place is None else place)
    elif plain or kind in (".jpg", ".jpeg", ".png", ".bmp"):
        from PIL import Image

        picture = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
        Image.fromarray(picture).save(target)
    else:
        raise ConfigError(f"{path}: no way is known to write a picture as {kind!r}")


def _write_tiff(
    path: pathlib.Path, pixels: NDArray[Any], crs: str | None, scale: float, place: object
) -> None:
    import rasterio
    from pyproj import CRS
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import from_origin

    geographic = crs is not None and CRS.from_user_input(crs).is_geographic
    unit = 1e-4 if geographic else 10.0
    west, north = (8.0, 47.0) if geographic else (500_000.0, 5_200_000.0)
    # Pictures of different samples lie in different places: a digest moves them.
    down, right = divmod(zlib.crc32(repr(place).encode()) % 97**2, 97)
    step = 64 * unit
    transform = from_origin(west + step * right, north - step * down, unit * scale, unit * scale)
    options = {"crs": crs, "transform": transform} if crs is not None else {}
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="JP2OpenJPEG" if path.suffix == ".jp2" else "GTiff",
            count=pixels.shape[0], height=pixels.shape[1], width=pixels.shape[2],
            dtype=pixels.dtype, **options,
        ) as target:  # fmt: skip
            target.write(pixels)
