"""What GeoTIFF and GDAL write into a TIFF's tags: CRS, transform, nodata, names, colours.

OGC 19-008r4 (GeoTIFF 1.1) for the keys; the GDAL tags as the GTiff driver documents them. Where
a file says something unusual, `Unusual` is raised, and GDAL is asked for the header instead.
"""

from __future__ import annotations

import html
import os
import re
import struct
import threading
from functools import lru_cache

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCRSError

from swath.raster.ifd import Directory

__all__ = ["Unusual", "band_metadata", "colormap", "geokeys_crs", "nodata", "transform"]

PIXEL_SCALE, TIEPOINTS, TRANSFORMATION = 33550, 33922, 34264
GEO_KEYS, GEO_DOUBLES, GEO_ASCII = 34735, 34736, 34737
GDAL_METADATA, GDAL_NODATA, COLORMAP = 42112, 42113, 320
_TEXT_TAGS = {
    269: "TIFFTAG_DOCUMENTNAME",
    270: "TIFFTAG_IMAGEDESCRIPTION",
    305: "TIFFTAG_SOFTWARE",
    306: "TIFFTAG_DATETIME",
    315: "TIFFTAG_ARTIST",
    316: "TIFFTAG_HOSTCOMPUTER",
    33432: "TIFFTAG_COPYRIGHT",
}


class Unusual(Exception):  # noqa: N818 - a turn of the road, not an error
    """The native reader leaves this file, or its header, to GDAL."""


def is_point(directory: Directory) -> bool:
    """Whether the raster's coordinates mean pixel centres (RasterPixelIsPoint)."""
    keys = directory.ints(GEO_KEYS)
    for i in range(4, len(keys) - 3, 4):
        if keys[i] == 1025:
            return keys[i + 1] == 0 and keys[i + 3] == 2
    return False


def transform(directory: Directory) -> Affine | None:
    """Affine from pixel corners to coordinates; None where the tags give none.

    Raises:
        Unusual: Ground control points, or scales of a sign that readers disagree about.
    """
    matrix = directory.array(TRANSFORMATION)
    if matrix is not None:
        if matrix.size != 16 or matrix.dtype.kind != "f":
            raise Unusual("transformation matrix")
        m = matrix.tolist()
        found = Affine(m[0], m[1], m[3], m[4], m[5], m[7])
    else:
        points = directory.array(TIEPOINTS)
        scale = directory.array(PIXEL_SCALE)
        if points is None and scale is None:
            return None
        if points is None or scale is None or points.size < 6 or scale.size < 2:
            raise Unusual("ground control points")
        sx, sy = scale[:2].tolist()
        if not (sx > 0 and sy > 0):
            raise Unusual("pixel scale")
        i, j, _, x, y, _ = points[:6].tolist()
        found = Affine(sx, 0.0, x - i * sx, 0.0, -sy, y + j * sy)
    if is_point(directory):
        a, b, c, d, e, f = found[:6]
        found = Affine(a, b, c - (a * 0.5 + b * 0.5), d, e, f - (d * 0.5 + e * 0.5))
    return found


_crs_lock = threading.Lock()
_crs_of: dict[tuple[bytes, bytes, bytes], CRS | None] = {}


def _after_fork() -> None:
    global _crs_lock
    _crs_lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


@lru_cache(maxsize=4096)
def epsg_crs(code: int) -> CRS:
    """One shared object an EPSG code (building one takes about a millisecond)."""
    return CRS.from_epsg(code)


@lru_cache(maxsize=4096)
def wkt_crs(wkt: str) -> CRS:
    """One shared object a WKT text; that of its EPSG code where it is exactly that one."""
    crs = CRS.from_wkt(wkt)
    try:
        code = crs.to_epsg(min_confidence=100)
        if code is not None and epsg_crs(code) == crs:
            return epsg_crs(code)
    except ProjCRSError:
        pass
    return crs


def geokeys_crs(directory: Directory) -> CRS | None:
    """The CRS of the file, shared between all files with the same keys.

    An EPSG code that stands alone is looked up directly; every other combination of keys is
    given to GDAL, which knows the dialects.
    """
    if GEO_KEYS not in directory:
        return None
    raw = (
        np.asarray(directory.ints(GEO_KEYS), "<u2").tobytes(),
        directory.raw(GEO_DOUBLES) or b"",
        directory.raw(GEO_ASCII) or b"",
    )
    try:
        return _crs_of[raw]
    except KeyError:
        pass
    with _crs_lock:
        if raw not in _crs_of:
            code = _plain_epsg(directory.ints(GEO_KEYS), raw[2])
            _crs_of[raw] = epsg_crs(code) if code is not None else _ask_gdal(raw)
        return _crs_of[raw]


def _plain_epsg(keys: tuple[int, ...], text: bytes) -> int | None:
    """The EPSG code, if the keys define the CRS by nothing else."""
    if len(keys) < 4 or len(keys) != 4 + 4 * keys[3] or b"ESRI" in text:
        return None
    short = {k: v for k, place, _, v in zip(*[iter(keys[4:])] * 4, strict=True) if place == 0}
    every = set(keys[4::4])
    # Citations, the raster type, angular degrees and linear metres define nothing by themselves.
    if (
        short.get(1024) == 1
        and every <= {1024, 1025, 1026, 2049, 2054, 3072, 3073, 3076}
        and short.get(2054, 9102) == 9102
        and short.get(3076, 9001) == 9001
        and 1024 <= short.get(3072, 0) < 32767
    ):
        code = short[3072]
        # A code whose own unit is not the metre would contradict the key.
        crs = _epsg_or_none(code)
        if crs is None or any(axis.unit_name != "metre" for axis in crs.axis_info):
            return None
        return code
    return None


def _epsg_or_none(code: int) -> CRS | None:
    try:
        return epsg_crs(code)
    except ProjCRSError:
        return None


def _ask_gdal(raw: tuple[bytes, bytes, bytes]) -> CRS | None:
    """GDAL's reading of the keys, from a one-pixel TIFF that holds nothing else."""
    from swath.raster.gdal import crs_of_bytes

    keys, doubles, text = raw
    tags: list[tuple[int, int, int, bytes]] = [
        (256, 3, 1, b"\1\0"),
        (257, 3, 1, b"\1\0"),
        (258, 3, 1, b"\10\0"),
        (259, 3, 1, b"\1\0"),
        (262, 3, 1, b"\1\0"),
        (273, 4, 1, struct.pack("<I", 8)),
        (277, 3, 1, b"\1\0"),
        (278, 3, 1, b"\1\0"),
        (279, 4, 1, struct.pack("<I", 1)),
        (PIXEL_SCALE, 12, 3, struct.pack("<3d", 1, 1, 0)),
        (TIEPOINTS, 12, 6, struct.pack("<6d", 0, 0, 0, 0, 0, 0)),
        (GEO_KEYS, 3, len(keys) // 2, keys),
    ]
    if doubles:
        tags.append((GEO_DOUBLES, 12, len(doubles) // 8, doubles))
    if text:
        tags.append((GEO_ASCII, 2, len(text), text))
    start = 16
    after = start + 2 + 12 * len(tags) + 4
    directory, values = struct.pack("<H", len(tags)), b""
    for tag, kind, count, value in tags:
        if len(value) > 4:
            field = struct.pack("<I", after + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            field = value.ljust(4, b"\0")
        directory += struct.pack("<HHI", tag, kind, count) + field
    head = struct.pack("<2sHI8x", b"II", 42, start)
    return crs_of_bytes(head + directory + b"\0" * 4 + values)


def nodata(directory: Directory) -> float | None:
    """GDAL's nodata value.

    Raises:
        Unusual: A text that is no number.
    """
    text = directory.text(GDAL_NODATA)
    if text is None:
        return None
    text = text.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise Unusual(f"nodata {text!r}") from None


_ITEM = re.compile(r"<Item\b([^>]*?)(?:/>|>(.*?)</Item>)", re.DOTALL)
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def band_metadata(
    directory: Directory, count: int
) -> tuple[tuple[str | None, ...], tuple[float, ...], tuple[float, ...], dict[str, str]]:
    """Band names, scales and offsets, and the file's tags.

    Raises:
        Unusual: A scale or offset that is no number.
    """
    names: list[str | None] = [None] * count
    scales, offsets = [1.0] * count, [0.0] * count
    tags: dict[str, str] = {}
    for tag, name in _TEXT_TAGS.items():
        if tag in directory:
            tags[name] = directory.text(tag) or ""
    if GEO_KEYS in directory:
        tags["AREA_OR_POINT"] = "Point" if is_point(directory) else "Area"
    text = directory.text(GDAL_METADATA) if GDAL_METADATA in directory else None
    for match in _ITEM.finditer(text or ""):
        about = {k: html.unescape(a or b) for k, a, b in _ATTRIBUTE.findall(match[1])}
        # GDAL escapes values twice.
        value = html.unescape(html.unescape(match[2] or ""))
        if "domain" in about or "name" not in about:
            continue
        sample = about.get("sample")
        if sample is None:
            tags[about["name"]] = value
            continue
        if not sample.isdecimal() or int(sample) >= count:
            continue
        role = about.get("role", "")
        try:
            if role == "description":
                names[int(sample)] = value
            elif role == "scale":
                scales[int(sample)] = float(value)
            elif role == "offset":
                offsets[int(sample)] = float(value)
        except ValueError:
            raise Unusual(f"{role} {value!r}") from None
    return tuple(names), tuple(scales), tuple(offsets), tags


def colormap(
    directory: Directory, bits: int, nodata_value: float | None
) -> dict[int, tuple[int, int, int, int]] | None:
    """Class value to (red, green, blue, alpha), 0-255; the nodata class is transparent."""
    found = directory.array(COLORMAP)
    if found is None or found.size != 3 << bits or found.dtype.kind != "u":
        return None
    # The specification's 16 bits; some writers used only eight of them.
    shift = 8 if found.max(initial=0) > 255 else 0
    red, green, blue = (found.reshape(3, -1) >> shift).tolist()
    return {
        i: (r, g, b, 0 if nodata_value is not None and i == nodata_value else 255)
        for i, (r, g, b) in enumerate(zip(red, green, blue, strict=True))
    }
