"""Names and colours of classes as the files that QGIS and GDAL look for beside a raster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

__all__ = ["qml_style"]


def qml_style(
    classes: Mapping[int, str], colours: Mapping[int, Sequence[int]], *, band: int = 1
) -> str:
    """A QGIS layer style: one entry with name and colour for each class value.

    QGIS applies it by itself when it lies beside the raster under the raster's name with the
    suffix ``.qml``. The format is QGIS's paletted renderer ("Paletted/Unique values" in the layer
    properties).

    Args:
        classes: Name by value, in the order of the legend.
        colours: (red, green, blue[, alpha]) from 0 to 255 by value; a class without one is grey.
        band: The band with the class values, from 1.
    """
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe,
        "rasterrenderer",
        type="paletted",
        band=str(band),
        opacity="1",
        alphaBand="-1",
        nodataColor="",
    )
    palette = ET.SubElement(renderer, "colorPalette")
    for value, name in classes.items():
        red, green, blue, alpha = (*colours.get(value, (128, 128, 128)), 255)[:4]
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(value),
            color=f"#{red:02x}{green:02x}{blue:02x}",
            alpha=str(alpha),
            label=name,
        )
    ET.indent(root, " ")
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return doctype + ET.tostring(root, encoding="unicode") + "\n"
