"""Sentinel-1: C-band radar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyproj import CRS

from swath.datasets.geo import Transform
from swath.datasets.layers.product import Product
from swath.errors import BandError
from swath.typing import Path

__all__ = ["Sentinel1"]


class Sentinel1(Product):
    """Sentinel-1 backscatter, radiometrically terrain corrected (RTC), a file a polarisation.

    Files are those of the Alaska Satellite Facility's RTC products, for instance
    ``S1A_IW_20221204T161641_DVR_RTC30_G_gpuned_1AE1_VV.tif``. Products in radar geometry (GRD,
    SLC) carry ground control points in place of a grid and must be terrain corrected first.

    Values are as stored: power, amplitude or decibels, gamma nought or sigma nought, as the name
    says (``_gpuned``: gamma, power, …). Don't mix them in one layer.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        bands: Polarisations: ``VV`` and ``VH``, or ``HH`` and ``HV``, or one of them. A scene has
            one transmit polarisation, so vertical and horizontal don't come together.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        BandError: No such polarisations in one scene.
    """

    title = "Sentinel-1 C-band SAR"
    product_page = "https://sentiwiki.copernicus.eu/web/s1-mission"
    citation = (
        "Contains modified Copernicus Sentinel data. Torres, R. et al. (2012). GMES Sentinel-1 "
        "mission. Remote Sensing of Environment 120, 9-24. "
        "https://doi.org/10.1016/j.rse.2011.05.028"
    )
    licence = "Copernicus Sentinel data: free, full and open, with attribution"

    filename_glob = "S1*{}.*"
    filename_regex = r"""
        ^S1(?P<mission>[A-D])
        _(?P<mode>SM|IW|EW|WV)
        _(?P<date>\d{8}T\d{6})
        _(?P<polarization>[DS][HV])
        (?P<orbit>[PRO])
        _RTC(?P<spacing>\d{2})
        _(?P<package>G)
        _(?P<backscatter>[gs])
        (?P<scale>[pda])
        (?P<mask>[uw])
        (?P<filter>[nf])
        (?P<area>[ec])
        (?P<matching>[dm])
        _(?P<product>[0-9A-Z]{4})
        _(?P<band>[VH]{2})
        \.(?i:tiff?|img|vrt)$
    """
    date_format = "%Y%m%dT%H%M%S"
    separate_files = True
    all_bands = ("HH", "HV", "VV", "VH")
    default_nodata = 0.0
    #: Of the radar, in micrometres.
    wavelength = 55500

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = (10, 10),
        bands: Sequence[str] = ("VV", "VH"),
        transforms: Transform | None = None,
        cache: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(paths, crs, res, bands, transforms, cache, time_series, **options)

    def _check_bands(self, bands: Sequence[str] | None) -> Sequence[str]:
        chosen = super()._check_bands(bands if bands is not None else ("VV", "VH"))
        if len(set(chosen)) != len(chosen):
            raise BandError(f"bands={list(chosen)} names a polarisation twice")
        if len({band[0] for band in chosen}) > 1:
            raise BandError(
                f"bands={list(chosen)} mixes vertical and horizontal transmission, and a scene has "
                "one of them: expected VV and VH, or HH and HV; make two layers and join them"
            )
        return chosen

    def _plot_options(self) -> dict[str, Any]:
        from swath.plot.layers import radar_composite

        order = [i for i, band in enumerate(self.bands) if band[0] == band[1]]
        order += [i for i in range(len(self.bands)) if i not in order]
        return {"composite": lambda image, valid: radar_composite(image[order], valid)}
