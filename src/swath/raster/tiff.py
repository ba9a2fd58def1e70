"""GeoTIFF without GDAL: header in about a tenth of a millisecond, tiles in place or decoded."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Hashable
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from swath.errors import BandError, SwathError, UnreadableFileError
from swath.raster import geotiff
from swath.raster.bytesource import ByteSource, MappedBytes, open_bytes
from swath.raster.cache import tile_cache
from swath.raster.geotiff import Unusual
from swath.raster.ifd import Directory, read_directories
from swath.raster.info import MaskKind, RasterInfo
from swath.raster.pieces import TiffImage
from swath.raster.protocol import DirectTiles

__all__ = ["TiffSource", "Unusual", "open_tiff", "plain_tiff"]

_REDUCED, _MASK = 1, 4


class TiffSource:
    """An open TIFF; see `swath.raster.Source`."""

    __slots__ = ("_count", "_images", "_masks", "info", "key")

    def __init__(
        self,
        info: RasterInfo,
        key: Hashable,
        images: list[TiffImage],
        masks: list[TiffImage] | None,
    ) -> None:
        self.info = info
        self.key = key
        self._images = images
        self._masks = masks
        self._count = info.count

    def tile(self, level: int, band: int, ty: int, tx: int) -> NDArray[Any]:
        """Pixels of one tile; see `Source.tile`."""
        if not 0 <= band < self._count:
            raise BandError(
                f"{self.info.path} has {self._count} bands, asked for band {band + 1} (from 1)"
            )
        image = self._images[level]
        if image.direct:
            view = image.view(band, ty, tx)
            if view is not None:
                return view
        plane = band if image.planar else 0
        found = tile_cache().fetch((self.key, level, plane, ty, tx), image.decode, plane, ty, tx)
        return found if found.ndim == 2 else found[:, :, band]

    def mask_tile(self, level: int, ty: int, tx: int) -> NDArray[np.uint8] | None:
        """Validity of one tile; see `Source.mask_tile`."""
        if self._masks is not None:
            return tile_cache().fetch((self.key, level, -1, ty, tx), self._mask, level, ty, tx)
        if self.info.mask != "alpha":
            return None
        alpha = self.tile(level, self._count - 1, ty, tx)
        return alpha if alpha.dtype == np.uint8 else (alpha != 0).view(np.uint8)

    def direct(self, level: int, band: int) -> DirectTiles | None:
        """Addresses of the tiles; see `Source.direct`."""
        return self._images[level].addresses(band)

    def whole(self) -> NDArray[Any] | None:
        """All bands (count, height, width), not to be written to, where one tile holds them.

        Nothing of it is kept: this is for small images that are read once in a while.
        """
        return self._images[0].whole()

    def _mask(self, level: int, ty: int, tx: int) -> NDArray[np.uint8]:
        """The mask under one tile of the image; the mask's own tiles may be cut differently."""
        assert self._masks is not None  # noqa: S101 - the caller has looked
        mask, wanted = self._masks[level], self._images[level].level
        if mask.level == wanted:
            return mask.decode(0, ty, tx)
        top, left = ty * wanted.tile_height, tx * wanted.tile_width
        bottom = min(top + wanted.tile_height, wanted.height)
        right = min(left + wanted.tile_width, wanted.width)
        out = np.empty((bottom - top, right - left), np.uint8)
        height, width = mask.level.tile_height, mask.level.tile_width
        for my in range(top // height, -(-bottom // height)):
            for mx in range(left // width, -(-right // width)):
                part = mask.decode(0, my, mx)
                y0, x0 = my * height, mx * width
                y1, x1 = min(y0 + height, bottom), min(x0 + width, right)
                ya, xa = max(y0, top), max(x0, left)
                out[ya - top : y1 - top, xa - left : x1 - left] = part[
                    ya - y0 : y1 - y0, xa - x0 : x1 - x0
                ]
        return out


def open_tiff(path: str) -> TiffSource:
    """Open a local TIFF.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is damaged.
        UnsupportedDataError: Complex pixels.
        Unusual: GDAL has to read it.
    """
    source = open_bytes(path)
    directories = read_directories(source)
    main = directories[0]
    image = TiffImage(source, main)
    if os.path.exists(path + ".msk"):
        raise Unusual("external mask")
    images, masks = _levels(source, image, directories[1:])
    if len(images) == 1 and os.path.exists(path + ".ovr"):
        images += _external(path + ".ovr", image)
    if masks is not None and len(masks) < len(images):
        sizes = {(m.width, m.height) for m in masks}
        images = [i for i in images if (i.width, i.height) in sizes]
    if os.path.exists(path + ".aux.xml"):
        info = _ask_gdal(path)
    else:
        transform = geotiff.transform(main)
        if transform is None and 34735 not in main:
            # Perhaps a world file or another side-car: GDAL knows them all.
            info = _ask_gdal(path)
        else:
            info = _header(path, main, image, transform)
    nodata = info.nodata[0]
    for level in images:
        level.set_fill(nodata)
    info = dataclasses.replace(
        info,
        levels=tuple(i.level for i in images),
        mask=_mask_kind(info, main, masks is not None),
    )
    return TiffSource(info, (path, source.size, source.mtime_ns), images, masks)


def plain_tiff(path: str) -> NDArray[Any] | None:
    """The pixels of a local TIFF that says nothing of where it lies: (count, height, width).

    None if it does say so, if it is in several tiles, or if GDAL has to read it: `open_tiff`, which
    then looks for side-car files too.

    Raises:
        FileMissingError, UnreadableFileError, UnsupportedDataError: As `open_tiff`.
    """
    source = open_bytes(path)
    main = read_directories(source)[0]
    if 34735 in main:
        return None
    try:
        image = TiffImage(source, main)
        image.set_fill(geotiff.nodata(main))
        return image.whole()
    except Unusual:
        return None


def _header(path: str, main: Directory, image: TiffImage, transform: Affine | None) -> RasterInfo:
    count = image.samples
    nodata = geotiff.nodata(main)
    names, scales, offsets, tags = geotiff.band_metadata(main, count)
    return RasterInfo(
        path=path,
        driver="GTiff",
        crs=geotiff.geokeys_crs(main),
        transform=Affine.identity() if transform is None else transform,
        width=image.width,
        height=image.height,
        count=count,
        dtype=image.dtype,
        nodata=(nodata,) * count,
        levels=(image.level,),
        descriptions=names,
        colormap=geotiff.colormap(main, image.form.bits, nodata),
        scales=scales,
        offsets=offsets,
        tags=tags,
    )


def _ask_gdal(path: str) -> RasterInfo:
    from swath.raster.gdal import read_gdal_info

    info = read_gdal_info(path)
    if info.driver != "GTiff":
        raise Unusual(info.driver)
    return info


def _mask_kind(info: RasterInfo, main: Directory, mask: bool) -> MaskKind:
    """Where validity is written, by GDAL's order of preference."""
    if mask:
        return "band"
    if any(value is not None for value in info.nodata):
        return "nodata"
    extra = main.ints(338)
    # GDAL takes an alpha band for a mask in grey + alpha and red + green + blue + alpha only.
    if (
        extra
        and extra[-1] in (1, 2)
        and info.count in (2, 4)
        and info.dtype.str[1:] in ("u1", "u2")
    ):
        return "alpha"
    return "none"


def _levels(
    source: ByteSource, image: TiffImage, directories: list[Directory]
) -> tuple[list[TiffImage], list[TiffImage] | None]:
    """The image with its overviews, finest first, and the masks of the levels that have one."""
    overviews: list[TiffImage] = []
    masks: dict[tuple[int, int], TiffImage] = {}
    for directory in directories:
        kind = directory.number(254, 0)
        if kind & _MASK:
            mask = TiffImage(source, directory, mask=True)
            if mask.samples == 1 and mask.dtype == np.uint8:
                masks.setdefault((mask.width, mask.height), mask)
        elif kind & _REDUCED:
            overviews += _overview(source, directory, image)
    overviews.sort(key=lambda level: -level.width)
    images = [image, *overviews]
    if (image.width, image.height) not in masks:
        return images, None
    # A level without its mask could not say what is valid: better a finer one.
    images = [i for i in images if (i.width, i.height) in masks]
    return images, [masks[i.width, i.height] for i in images]


def _overview(source: ByteSource, directory: Directory, image: TiffImage) -> list[TiffImage]:
    """The overview if it can be used; a damaged or odd one is left out, it is a convenience."""
    try:
        level = TiffImage(source, directory)
    except (SwathError, Unusual):
        return []
    fits = (
        level.samples == image.samples
        and level.dtype == image.dtype
        and level.width <= image.width
        and level.height <= image.height
        and (level.width, level.height) != (image.width, image.height)
    )
    return [level] if fits else []


def _external(path: str, image: TiffImage) -> list[TiffImage]:
    try:
        source: MappedBytes = open_bytes(path)
        directories = read_directories(source)
    except UnreadableFileError:
        return []
    found: list[TiffImage] = []
    for directory in directories:
        if not directory.number(254, 0) & _MASK:
            found += _overview(source, directory, image)
    return sorted(found, key=lambda level: -level.width)
