"""A file of raw pixels described in GDAL's words, so that any GDAL driver can copy it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from swath.geometry import Grid

__all__ = ["GDAL_TYPES", "raw_vrt"]

GDAL_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "uint64": "UInt64",
    "int64": "Int64",
    "float32": "Float32",
    "float64": "Float64",
}


def raw_vrt(
    file_name: str,
    grid: Grid,
    dtype: np.dtype[Any],
    count: int,
    *,
    nodata: float | None,
    descriptions: Sequence[str],
    colours: Mapping[int, Sequence[int]],
    classes: Mapping[int, str],
    tags: Mapping[str, str],
) -> str:
    """The VRT of a headerless file that lies beside it: bands in turn.

    Source: https://gdal.org/drivers/raster/vrt.html, VRTRawRasterBand.
    """
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    ET.SubElement(root, "SRS").text = grid.crs.to_wkt()
    geo = grid.transform.to_gdal()
    ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(number)) for number in geo)
    metadata = ET.SubElement(root, "Metadata")
    for key, text in tags.items():
        ET.SubElement(metadata, "MDI", key=key).text = text
    for band in range(count):
        node = ET.SubElement(
            root,
            "VRTRasterBand",
            dataType=GDAL_TYPES[dtype.name],
            band=str(band + 1),
            subClass="VRTRawRasterBand",
        )
        if descriptions:
            ET.SubElement(node, "Description").text = descriptions[band]
        if nodata is not None:
            ET.SubElement(node, "NoDataValue").text = _number(nodata)
        if colours:
            _colour_table(node, colours)
        if classes and count == 1 and min(classes) >= 0 and max(classes) <= 0xFFFF:
            names = ET.SubElement(node, "CategoryNames")
            for value in range(max(classes) + 1):
                ET.SubElement(names, "Category").text = classes.get(value, "")
        item = dtype.itemsize
        ET.SubElement(node, "SourceFilename", relativeToVRT="1").text = file_name
        ET.SubElement(node, "ImageOffset").text = str(band * grid.width * grid.height * item)
        ET.SubElement(node, "PixelOffset").text = str(item)
        ET.SubElement(node, "LineOffset").text = str(grid.width * item)
        ET.SubElement(node, "ByteOrder").text = "LSB" if sys.byteorder == "little" else "MSB"
    return ET.tostring(root, encoding="unicode")


def _colour_table(node: ET.Element, colours: Mapping[int, Sequence[int]]) -> None:
    ET.SubElement(node, "ColorInterp").text = "Palette"
    table = ET.SubElement(node, "ColorTable")
    for value in range(max(colours) + 1):
        red, green, blue, alpha = (*colours.get(value, (0, 0, 0)), 255)[:4]
        ET.SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))


def _number(value: float) -> str:
    if math.isnan(value):
        return "nan"
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))
