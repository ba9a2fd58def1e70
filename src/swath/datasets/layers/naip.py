"""NAIP: aerial imagery of the United States."""

from __future__ import annotations

from swath.datasets.layers.product import Product

__all__ = ["NAIP"]


class NAIP(Product):
    """National Agriculture Imagery Program: leaf-on aerial photographs, 0.3 to 1 m, four bands.

    Files are quarter quads, ``m_3607717_sw_18_1_20160620.tif`` (quadrangle, quarter, UTM zone,
    resolution, date, and optionally the processing date).
    """

    title = "National Agriculture Imagery Program"
    product_page = (
        "https://www.usgs.gov/centers/eros/science/"
        "usgs-eros-archive-aerial-photography-national-agriculture-imagery-program-naip"
    )
    citation = (
        "U.S. Department of Agriculture, National Agriculture Imagery Program (NAIP). "
        "https://www.fisheries.noaa.gov/inport/item/49508/citation"
    )
    licence = "Public domain (USDA)"

    filename_glob = "m_*.*"
    filename_regex = r"""
        ^m
        _(?P<quadrangle>\d+)
        _(?P<quarter_quad>[a-z]+)
        _(?P<utm_zone>\d+)
        _(?P<resolution>\d+)
        _(?P<date>\d{8})
        (?:_(?P<processing_date>\d{8}))?
        (?:_[A-Za-z]\w*)?
        \.(?i:tiff?|jp2|img|vrt)$
    """
    all_bands = ("R", "G", "B", "NIR")
    rgb_bands = ("R", "G", "B")
    #: Middles of the ranges of the Leica ADS sensors flown for NAIP.
    wavelengths = {"R": 0.635, "G": 0.555, "B": 0.465, "NIR": 0.845}  # noqa: RUF012
