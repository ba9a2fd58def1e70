"""ASTER GDEM: elevation of the world."""

from __future__ import annotations

from swath.datasets.layers.product import Product

__all__ = ["AsterGDEM"]


class AsterGDEM(Product):
    """ASTER Global Digital Elevation Model, version 3: metres above EGM96, one arc second.

    Files are ``ASTGTMV003_N37W006_dem.tif``, one a degree; those of the water-body and number-of-
    scenes layers (``…_num.tif``) are left alone. Elevation is the ``mask``, int64, -9999 where
    there is none. Free, after an account is made at NASA Earthdata.
    """

    title = "ASTER Global Digital Elevation Model V003"
    product_page = "https://www.earthdata.nasa.gov/data/catalog/lpcloud-astgtm-003"
    citation = (
        "NASA/METI/AIST/Japan Spacesystems and U.S./Japan ASTER Science Team (2019). ASTER Global "
        "Digital Elevation Model V003. NASA EOSDIS Land Processes DAAC. "
        "https://doi.org/10.5067/ASTER/ASTGTM.003"
    )
    licence = "Open data without restriction on use (NASA LP DAAC)"
    quantity = "elevation (m)"
    default_nodata = -9999.0

    is_image = False
    filename_glob = "ASTGTMV003_*_dem*"
    filename_regex = r"""
        ^(?P<name>ASTGTMV003)
        _(?P<id>[A-Z0-9]{7})
        _(?P<data>dem)
        .*\.(?i:tiff?|img|vrt)$
    """
