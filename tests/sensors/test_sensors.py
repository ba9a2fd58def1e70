from __future__ import annotations

import subprocess
import sys

import pytest

from swath.datasets.layers import landsat, naip, sentinel2
from swath.errors import BandError, ConfigError
from swath.sensors import SENSORS, UNITS, find_sensor, sensor_family

LAYERS = [
    kind
    for module in (landsat, naip, sentinel2)
    for kind in vars(module).values()
    if isinstance(kind, type) and getattr(kind, "wavelengths", None)
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda k: k.__name__)
def test_wavelengths_are_those_of_the_layers(layer: type) -> None:
    sensor = find_sensor(layer.__name__)
    for name, wavelength in layer.wavelengths.items():  # type: ignore[attr-defined]
        assert sensor.band(name).wavelength == pytest.approx(wavelength, abs=0.004), name


@pytest.mark.parametrize(
    ("sensor", "names", "band"),
    [
        ("sentinel2", ("B4", "B04", "b4", "Band 4", "red", "R"), "B04"),
        ("sentinel2", ("B8a", "B8A", "b08a", "nir08"), "B8A"),
        ("sentinel2", ("nir", "N", "NIR", "B8"), "B08"),
        ("sentinel2", ("swir1", "swir16", "B11"), "B11"),
        ("landsat8", ("B4", "SR_B4", "B04", "red"), "B4"),
        ("landsat8", ("nir", "SR_B5", "nir08"), "B5"),
        ("landsat8", ("ST_B10", "B10", "lwir11"), "B10"),
        ("landsat7", ("B6", "B6_VCID_1", "b6_vcid_1", "ST_B6"), "B6_VCID_1"),
        ("landsat7", ("B6_VCID_2",), "B6_VCID_2"),
        ("landsat5", ("B4", "SR_B4", "nir"), "B4"),
        ("landsat1", ("B4", "green"), "B4"),
        ("naip", ("NIR", "N", "nir"), "NIR"),
        ("sentinel1", ("vv", "VV"), "VV"),
        ("planetscope", ("B8", "nir"), "nir"),
    ],
)
def test_a_band_has_many_names(sensor: str, names: tuple[str, ...], band: str) -> None:
    assert {SENSORS[sensor].band(name).name for name in names} == {band}


def test_a_name_of_several_bands_is_told() -> None:
    with pytest.raises(BandError, match=r"B05.*B06.*B07"):
        SENSORS["sentinel2"].band("rededge")
    with pytest.raises(BandError, match="sentinel2 has no band 'B44': did you mean B04"):
        SENSORS["sentinel2"].band("B44")
    with pytest.raises(BandError, match="SR_B4"):  # Landsat's name is not Sentinel's
        SENSORS["sentinel2"].band("SR_B4")


@pytest.mark.parametrize("name", ["sentinel2", "Sentinel-2", "S2", "Sentinel2", "sentinel-2-l2a"])
def test_a_sensor_has_many_names(name: str) -> None:
    assert find_sensor(name).name == "sentinel2"


def test_sensors_are_sound() -> None:
    with pytest.raises(ConfigError, match="did you mean landsat8"):
        find_sensor("lansat8")
    assert {s.name for s in sensor_family("landsat")} >= {"landsat5", "landsat7", "landsat8"}
    for sensor in SENSORS.values():
        names = [b.name for b in sensor.bands]
        assert len(names) == len(set(names))
        for band in sensor.bands:
            assert band.sensor == sensor.name
            assert sensor.band(band.name) is band
            assert (band.polarisation is None) == (band.kind != "radar")
            if band.wavelength is not None:
                assert 0.4 < band.wavelength < 13
                assert 0 < band.width < 2.2
    assert all(name == unit.name for name, unit in UNITS.items())


def test_landsat_9_is_of_8s_design() -> None:
    pairs = zip(SENSORS["landsat8"].bands, SENSORS["landsat9"].bands, strict=True)
    assert all(a.is_like(b) and a != b for a, b in pairs)


@pytest.mark.parametrize(
    ("units", "lowest", "highest", "doubted"),
    [
        ("s2_dn", 0, 8000, False),
        ("s2_dn", 0.0, 0.8, True),
        ("s2_dn", 0, 255, True),
        ("uint8", 0, 255, False),
        ("uint8", 0, 1.0, True),
        ("uint8", 0, 9000, True),
        ("rgb01", 0, 1.0, False),
        ("rgb01", 0, 255, True),
        ("s1_db", -30, 5, False),
        ("s1_db", 0, 0.4, True),
        ("s1_power", 0, 3.0, False),
        ("s1_power", -25, 1, True),
        ("landsat_c2_dn", 7000, 20000, False),
        ("landsat_c2_dn", 0, 0.5, True),
    ],
)
def test_values_in_another_unit_are_doubted(
    units: str, lowest: float, highest: float, doubted: bool
) -> None:
    assert (UNITS[units].doubt(lowest, highest) is not None) == doubted


def test_sensors_bring_no_torch() -> None:
    code = "import sys, swath.sensors; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
