"""Landsat 1 to 9, Collection 2: top-of-atmosphere and surface reflectance products."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import ClassVar

from swath.datasets.layers.product import Product

__all__ = [
    "Landsat",
    "Landsat1",
    "Landsat2",
    "Landsat3",
    "Landsat4MSS",
    "Landsat4TM",
    "Landsat5MSS",
    "Landsat5TM",
    "Landsat7",
    "Landsat8",
    "Landsat9",
]

log = logging.getLogger(__name__)

_QUALITY = ("QA_PIXEL", "QA_RADSAT")
_SURFACE = ("SR_QA_AEROSOL", "SR_CLOUD_QA", "SR_ATMOS_OPACITY")
_THERMAL = (
    "ST_ATRAN", "ST_CDIST", "ST_DRAD", "ST_EMIS", "ST_EMSD", "ST_QA", "ST_TRAD", "ST_URAD",
)  # fmt: skip


def _all(numbers: Sequence[str], surface: Sequence[str], thermal: Sequence[str]) -> tuple[str, ...]:
    """Names of all bands: as level 1 writes them, then as level 2 does."""
    level2 = [f"SR_{b}" for b in surface] + [f"ST_{b}" for b in thermal]
    extra = (*_SURFACE, *_THERMAL) if surface else ()
    return (*numbers, *level2, *_QUALITY, *extra)


class Landsat(Product):
    """Landsat scenes of Collection 2: a folder or ``.tar`` archive a scene, a file a band.

    Level 1 (``L1TP``, ``L1GT``, ``L1GS``) names its bands ``B1`` …, level 2 (``L2SP``, ``L2SR``)
    ``SR_B1`` … (surface reflectance) and ``ST_B10`` (surface temperature). Either name may be
    given in `bands`, whichever level the files are: where no file has the name that was asked
    for, the files of the other level are read, and the log says so. Levels are never mixed in
    one layer.

    Values are the stored integers. To reflectance: level 2 ``0.0000275 * x - 0.2``; temperature
    in kelvin ``0.00341802 * x + 149``; level 1 by the gains in the scene's MTL file. 0 is nodata.

    Folders are searched to any depth, and so are ``.tar`` archives in them; a scene that is there
    both as an archive and extracted is read once, from its files.
    """

    title = "Landsat Collection 2"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-collection-2"
    citation = (
        "Landsat data courtesy of the U.S. Geological Survey. Crawford, C. J. et al. (2023). The "
        "50-year Landsat collection 2 archive. Science of Remote Sensing 8, 100103. "
        "https://doi.org/10.1016/j.srs.2023.100103"
    )
    licence = "Public domain (USGS)"

    filename_regex = r"""
        ^L
        (?P<sensor>[COTEM])
        (?P<satellite>\d{2})
        _(?P<processing_correction_level>[A-Z0-9]{4})
        _(?P<wrs_path>\d{3})
        (?P<wrs_row>\d{3})
        _(?P<date>\d{8})
        _(?P<processing_date>\d{8})
        _(?P<collection_number>\d{2})
        _(?P<collection_category>[A-Z0-9]{2})
        _(?P<band>[A-Z0-9_]+)
        \.(?i:tiff?|jp2|vrt|img)$
    """
    filename_glob = "L*_{}.*"
    separate_files = True
    default_nodata = 0.0
    #: How level 2 names the thermal band, by its name in level 1.
    thermal: ClassVar[dict[str, str]] = {}
    #: How files name a band that is commonly called something else.
    aliases: ClassVar[dict[str, str]] = {}

    def _patterns(self) -> list[str]:
        return [self.filename_glob.format(name) for name in self._first_names() or ["*"]]

    def _archive_patterns(self) -> list[str]:
        sensor = self.filename_glob.partition("_")[0]
        return [f"{sensor}_*.tar", f"{sensor}_*.tar.gz"]

    def _first_names(self) -> list[str]:
        return self._names(self.bands[0]) if self.bands else []

    def _names(self, band: str) -> list[str]:
        """Names that a band may have in files, the one that was asked for first."""
        base = band[3:] if band.startswith(("SR_B", "ST_B")) else band
        if not re.fullmatch(r"B\d+(_VCID_\d)?", base):
            return [band]
        names = [self.aliases.get(band, band)]
        for other in (self.aliases.get(base, base), self.thermal.get(base, f"SR_{base}")):
            if other not in names and other in self.all_bands:
                names.append(other)
        return names

    def _find(self) -> list[str]:
        files = super()._find()
        if not self.bands:
            return files
        wanted = self._names(self.bands[0])[0]
        exact = [f for f in files if self._band_of(f) == wanted]
        if exact or not files:
            return exact
        found = sorted({self._band_of(f) for f in files} - {""})
        log.warning(
            "%s: no file of band %s in %s; the files of band %s are read, which are of another "
            "processing level",
            type(self).__name__, self.bands[0], self.paths, ", ".join(found),
        )  # fmt: skip
        return [f for f in files if self._band_of(f) == found[0]] if found else files

    def _band_path(self, path: str, band: str) -> str:
        match = re.match(self.filename_regex, os.path.basename(path), re.VERBOSE)
        if match is not None:
            level2 = match["processing_correction_level"].startswith("L2")
            for name in self._names(band):
                if name.startswith(("SR_", "ST_")) == level2 or name in _QUALITY:
                    band = name
                    break
        return super()._band_path(path, band)

    def _shown(self) -> list[str] | None:
        """The red, green and blue bands, by the names under which they were read."""
        if len(self.bands) == 1:
            return list(self.bands)
        shown = []
        for band in self.rgb_bands:
            names = [name for name in self._names(band) if name in self.bands]
            shown.append(names[0] if names else band)
        return shown or None


class Landsat1(Landsat):
    """Landsat 1 Multispectral Scanner (MSS), 1972 to 1978, level 1 only."""

    title = "Landsat 1 MSS"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-1"
    filename_glob = "LM01_*_{}.*"
    all_bands = _all(("B4", "B5", "B6", "B7"), (), ())
    default_bands = ("B4", "B5", "B6", "B7")
    rgb_bands = ("B6", "B5", "B4")
    wavelengths = {"B4": 0.55, "B5": 0.65, "B6": 0.75, "B7": 0.95}  # noqa: RUF012


class Landsat2(Landsat1):
    """Landsat 2 Multispectral Scanner (MSS), 1975 to 1982, level 1 only."""

    title = "Landsat 2 MSS"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-2"
    filename_glob = "LM02_*_{}.*"


class Landsat3(Landsat1):
    """Landsat 3 Multispectral Scanner (MSS), 1978 to 1983, level 1 only."""

    title = "Landsat 3 MSS"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-3"
    filename_glob = "LM03_*_{}.*"


class Landsat4MSS(Landsat):
    """Landsat 4 Multispectral Scanner (MSS), 1982 to 1992, level 1 only."""

    title = "Landsat 4 MSS"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-4"
    filename_glob = "LM04_*_{}.*"
    all_bands = _all(("B1", "B2", "B3", "B4"), (), ())
    default_bands = ("B1", "B2", "B3", "B4")
    rgb_bands = ("B3", "B2", "B1")
    wavelengths = {"B1": 0.55, "B2": 0.65, "B3": 0.75, "B4": 0.95}  # noqa: RUF012


class Landsat4TM(Landsat):
    """Landsat 4 Thematic Mapper (TM), 1982 to 1993."""

    title = "Landsat 4 TM"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-4"
    filename_glob = "LT04_*_{}.*"
    thermal = {"B6": "ST_B6"}  # noqa: RUF012
    all_bands = _all(
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7"), ("B1", "B2", "B3", "B4", "B5", "B7"), ("B6",)
    )
    default_bands = ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7")
    rgb_bands = ("SR_B3", "SR_B2", "SR_B1")
    wavelengths = {  # noqa: RUF012
        "B1": 0.485, "B2": 0.56, "B3": 0.66, "B4": 0.83, "B5": 1.65, "B6": 11.45, "B7": 2.215,
    }  # fmt: skip


class Landsat5MSS(Landsat4MSS):
    """Landsat 5 Multispectral Scanner (MSS), 1984 to 2013, level 1 only."""

    title = "Landsat 5 MSS"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-5"
    filename_glob = "LM05_*_{}.*"


class Landsat5TM(Landsat4TM):
    """Landsat 5 Thematic Mapper (TM), 1984 to 2013."""

    title = "Landsat 5 TM"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-5"
    filename_glob = "LT05_*_{}.*"


class Landsat7(Landsat):
    """Landsat 7 Enhanced Thematic Mapper Plus (ETM+), 1999 to 2024.

    Since 31 May 2003 scenes have wedges without data (the scan line corrector failed). Level 1
    has the thermal band in two gains, ``B6_VCID_1`` and ``B6_VCID_2``; ``B6`` is the first.
    """

    title = "Landsat 7 ETM+"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-7"
    filename_glob = "LE07_*_{}.*"
    thermal = {"B6": "ST_B6", "B6_VCID_1": "ST_B6", "B6_VCID_2": "ST_B6"}  # noqa: RUF012
    aliases = {"B6": "B6_VCID_1"}  # noqa: RUF012
    all_bands = _all(
        ("B1", "B2", "B3", "B4", "B5", "B6", "B6_VCID_1", "B6_VCID_2", "B7", "B8"),
        ("B1", "B2", "B3", "B4", "B5", "B7"),
        ("B6",),
    )
    default_bands = ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7")
    rgb_bands = ("SR_B3", "SR_B2", "SR_B1")
    wavelengths = {  # noqa: RUF012
        "B1": 0.485, "B2": 0.56, "B3": 0.66, "B4": 0.835, "B5": 1.65, "B6": 11.45, "B7": 2.22,
        "B8": 0.71,
    }  # fmt: skip


class Landsat8(Landsat):
    """Landsat 8 Operational Land Imager (OLI) and Thermal Infrared Sensor (TIRS), since 2013."""

    title = "Landsat 8 OLI/TIRS"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-8"
    filename_glob = "LC08_*_{}.*"
    thermal = {"B10": "ST_B10"}  # noqa: RUF012
    all_bands = _all(
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11"),
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7"),
        ("B10",),
    )
    default_bands = ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7")
    rgb_bands = ("SR_B4", "SR_B3", "SR_B2")
    wavelengths = {  # noqa: RUF012
        "B1": 0.44, "B2": 0.48, "B3": 0.56, "B4": 0.655, "B5": 0.865, "B6": 1.61, "B7": 2.2,
        "B8": 0.59, "B9": 1.37, "B10": 10.895, "B11": 12.005,
    }  # fmt: skip


class Landsat9(Landsat8):
    """Landsat 9 Operational Land Imager 2 (OLI-2) and Thermal Infrared Sensor 2, since 2021."""

    title = "Landsat 9 OLI-2/TIRS-2"
    product_page = "https://www.usgs.gov/landsat-missions/landsat-9"
    filename_glob = "LC09_*_{}.*"
