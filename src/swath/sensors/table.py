"""The sensors: what their providers publish, in micrometres and metres."""

from __future__ import annotations

from functools import cache

from swath.errors import ConfigError
from swath.sensors.bands import Band, Sensor, did_you_mean, name_key

__all__ = ["SENSORS", "find_sensor", "sensor_family"]


def _optical(sensor: str, text: str, aliases: str = "") -> tuple[Band, ...]:
    """Bands from lines ``name low high resolution common_name kind [alias …]`` (limits in nm).

    `aliases` is a pattern for further names, ``{}`` standing for the band's own.
    """
    bands = []
    for line in text.strip().splitlines():
        name, low, high, resolution, common, kind, *others = line.split()
        bands.append(
            Band(
                sensor, name, round((float(low) + float(high)) / 2000, 6),
                round((float(high) - float(low)) / 1000, 6), float(resolution),
                None if common == "-" else common, kind,
                (*others, *(pattern.format(name) for pattern in aliases.split())),
            )
        )  # fmt: skip
    return tuple(bands)


def _radar(sensor: str, resolution: float) -> tuple[Band, ...]:
    return tuple(
        Band(sensor, p, resolution=resolution, kind="radar", polarisation=p)
        for p in ("VV", "VH", "HH", "HV")
    )


# Centre ∓ half the width of Sentinel-2A; B and C differ by less than 20 nm.
_SENTINEL2 = """
B01  432.2  453.2 60 coastal surface aerosol
B02  459.7  525.7 10 blue surface
B03  541.8  577.8 10 green surface
B04  649.1  680.1 10 red surface
B05  696.6  711.6 20 rededge071 surface rededge rededge1
B06  733.0  748.0 20 rededge075 surface rededge rededge2
B07  772.8  792.8 20 rededge078 surface rededge rededge3
B08  779.8  885.8 10 nir surface
B8A  854.2  875.2 20 nir08 surface rededge4 nirn
B09  935.1  955.1 60 nir09 atmosphere watervapor watervapour
B10 1358.0 1389.0 60 cirrus atmosphere
B11 1568.2 1659.2 20 swir16 surface swir1
B12 2114.9 2289.9 20 swir22 surface swir2
"""
_OLI = """
B1   435   451  30 coastal surface aerosol
B2   452   512  30 blue surface
B3   533   590  30 green surface
B4   636   673  30 red surface
B5   851   879  30 nir08 surface nir N
B6  1566  1651  30 swir16 surface swir1
B7  2107  2294  30 swir22 surface swir2
B8   503   676  15 pan pan
B9  1363  1384  30 cirrus atmosphere
B10 10600 11190 100 lwir11 thermal lwir tir1 ST_B10
B11 11500 12510 100 lwir12 thermal tir2 ST_B11
"""
_ETM = """
B1   450   520  30 blue surface
B2   520   600  30 green surface
B3   630   690  30 red surface
B4   770   900  30 nir08 surface nir N
B5  1550  1750  30 swir16 surface swir1
B6_VCID_1 10400 12500 60 lwir thermal B6 ST_B6
B6_VCID_2 10400 12500 60 lwir thermal ST_B6_VCID_2
B7  2090  2350  30 swir22 surface swir2
B8   520   900  15 pan pan
"""
_TM = """
B1   450   520  30 blue surface
B2   520   600  30 green surface
B3   630   690  30 red surface
B4   760   900  30 nir08 surface nir N
B5  1550  1750  30 swir16 surface swir1
B6 10400 12500 120 lwir thermal ST_B6
B7  2080  2350  30 swir22 surface swir2
"""
_MSS = """
B{} 500  600 60 green surface
B{} 600  700 60 red surface
B{} 700  800 60 nir08 surface
B{} 800 1100 60 nir09 surface nir N
"""
# Leica ADS100, one of several cameras that are flown.
_NAIP = """
R   619 651 1 red surface
G   525 585 1 green surface
B   435 495 1 blue surface
NIR 808 882 1 nir surface
"""
# No provider: the ranges that STAC gives its common names, about what cameras have.
_AERIAL = """
R   600 700 1 red surface
G   500 600 1 green surface
B   430 500 1 blue surface
NIR 760 900 1 nir surface
"""
_SUPERDOVE = """
coastal_blue 431 452 3 coastal surface B1
blue     465 515 3 blue surface B2
green_i  513 549 3 - surface B3 green1
green    547 583 3 green surface B4 green2
yellow   600 620 3 yellow surface B5
red      650 680 3 red surface B6
rededge  697 713 3 rededge surface B7
nir      845 885 3 nir08 surface B8
"""
_MODIS = """
B1  620  670 250 red surface
B2  841  876 250 nir08 surface nir N
B3  459  479 500 blue surface
B4  545  565 500 green surface
B5 1230 1250 500 - surface nir12
B6 1628 1652 500 swir16 surface swir1
B7 2105 2155 500 swir22 surface swir2
"""

_USGS = "https://www.usgs.gov/faqs/what-are-band-designations-landsat-satellites"
_SENTIWIKI = "https://sentiwiki.copernicus.eu/web/s2-mission"


def _landsat(number: int, design: str, text: str, *aliases: str, name: str = "") -> Sensor:
    name = name or f"landsat{number}"
    level2 = "" if design == "MSS" else "SR_{}"
    title = f"Landsat {number} {design}"
    bands = _optical(name, text, level2)
    return Sensor(name, title, "landsat", bands, aliases, _USGS)


def _mss(number: int, first: int, name: str = "") -> Sensor:
    text = _MSS.format(*range(first, first + 4))
    return _landsat(number, "MSS", text, name=name)


#: Every sensor by name.
SENSORS: dict[str, Sensor] = {
    sensor.name: sensor
    for sensor in (
        Sensor("sentinel1", "Sentinel-1 C-band radar", "sentinel1", _radar("sentinel1", 10),
               ("s1", "sentinel1grd", "sentinel1rtc"),
               "https://sentiwiki.copernicus.eu/web/s1-mission"),
        Sensor("sentinel2", "Sentinel-2 MSI", "sentinel2", _optical("sentinel2", _SENTINEL2),
               ("s2", "msi", "sentinel2l1c", "sentinel2l2a", "sentinel2a", "sentinel2b",
                "sentinel2c"), _SENTIWIKI),
        _mss(1, 4), _mss(2, 4), _mss(3, 4),
        _mss(4, 1, "landsat4mss"), _mss(5, 1, "landsat5mss"),
        _landsat(4, "TM", _TM, "landsat4tm"),
        _landsat(5, "TM", _TM, "landsat5tm", "tm", "landsattm"),
        _landsat(7, "ETM+", _ETM, "etm", "etm+", "landsat7etm", "landsatetm"),
        _landsat(8, "OLI/TIRS", _OLI, "oli", "olitirs", "landsat8oli", "landsatoli",
                 "landsatolitirs"),
        _landsat(9, "OLI-2/TIRS-2", _OLI, "oli2", "landsat9oli"),
        Sensor("naip", "NAIP aerial imagery", "aerial", _optical("naip", _NAIP), (),
               "https://www.usgs.gov/centers/eros/science/usgs-eros-archive-aerial-photography-"
               "national-agriculture-imagery-program-naip"),
        Sensor("aerial", "Aerial or very-high-resolution pictures in red, green, blue and perhaps "
               "near infrared; cameras differ", "aerial", _optical("aerial", _AERIAL), ("rgb",),
               "https://github.com/stac-extensions/eo#common-band-names"),
        Sensor("planetscope", "PlanetScope SuperDove", "planet",
               _optical("planetscope", _SUPERDOVE), ("planet", "superdove"),
               "https://support.planet.com/hc/en-us/articles/35928274738333"),
        Sensor("modis", "MODIS, land bands", "modis", _optical("modis", _MODIS),
               ("mod09", "mcd43"), "https://modis.gsfc.nasa.gov/about/specifications.php"),
    )
}  # fmt: skip


@cache
def _names() -> dict[str, str]:
    return {name_key(alias): s.name for s in SENSORS.values() for alias in (s.name, *s.aliases)}


def find_sensor(name: str) -> Sensor:
    """The sensor called `name`, however it is spelt: ``"sentinel2"``, ``"Sentinel-2"``, ``"S2"``.

    Raises:
        ConfigError: There is none; the text suggests the nearest name.
    """
    known = _names()
    if name_key(name) not in known:
        raise ConfigError(f"there is no sensor {name!r}: {did_you_mean(name, SENSORS)}")
    return SENSORS[known[name_key(name)]]


def sensor_family(name: str) -> tuple[Sensor, ...]:
    """The sensors that `name` stands for: one, or all of a family (``"landsat"``).

    Raises:
        ConfigError: There is neither.
    """
    if name_key(name) in _names():
        return (find_sensor(name),)
    family = tuple(s for s in SENSORS.values() if s.family == name_key(name))
    return family or (find_sensor(name),)
