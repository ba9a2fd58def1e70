"""Pixels as people hold them, to the range that the models were trained on."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import torch

from swath.errors import BandError, ConfigError
from swath.models.satlas import (
    MODELS,
    Satlas_Weights,
    landsat_digital_numbers,
    satlas_transform,
    sentinel1_digital_numbers,
    tci_from_reflectance,
)
from swath.sensors import SENSORS, UNITS

REAL = pathlib.Path(__file__).parents[3] / "shared" / "realdata"
SENTINEL2 = [
    next((REAL / "s2_red_clover" / "20200802").glob(f"*{band}*.tif"), None)
    for band in ("B04", "B03", "B02")
]
LANDSAT = sorted((REAL / "zion_l8_nlcd").glob("*b[2-5]*.tif"))
real = pytest.mark.skipif(
    None in SENTINEL2 or len(LANDSAT) < 4, reason="these real scenes are not at hand"
)


def image(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1).expand(-1, 2, 2)


@pytest.mark.parametrize("name", MODELS)
def test_each_family_ends_between_zero_and_one(name: str) -> None:
    member = Satlas_Weights[name]
    raw = torch.randint(0, 65536, (2, 3, len(member.bands), 4, 4))
    found = satlas_transform(name)(raw)
    assert found.dtype == torch.float32
    assert found.shape == raw.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert member.meta["units"] in UNITS
    assert member.sensor in SENSORS
    with pytest.raises(BandError, match=", ".join(member.bands)):
        satlas_transform(name)(raw[:, :, :1])


def test_the_documented_numbers() -> None:
    """https://github.com/allenai/satlas/blob/main/Normalization.md, number by number."""
    rgb = satlas_transform("Sentinel2_SwinB_SI_RGB")(image(0, 51, 255).to(torch.uint8))
    torch.testing.assert_close(rgb, image(0, 0.2, 1))
    many = satlas_transform("Sentinel2_SwinB_SI_MS")(image(0, 51, 255, 816, 8160, 9000, 0, 4080, 1))
    torch.testing.assert_close(many, image(0, 0.2, 1, 0.1, 1, 1, 0, 0.5, 1 / 8160))
    radar = satlas_transform("Sentinel1_SwinB_MI")(image(127.5, 300))
    torch.testing.assert_close(radar, image(0.5, 1))
    landsat = satlas_transform("Landsat_SwinB_SI")(image(0, 4000, *[12160] * 8, 65535))
    torch.testing.assert_close(landsat, image(0, 0, *[0.5] * 8, 1))
    aerial = satlas_transform(Satlas_Weights.Aerial_SwinB_SI)({"image": image(0, 51, 255), "a": 1})
    torch.testing.assert_close(aerial["image"], image(0, 0.2, 1))
    assert aerial["a"] == 1


def test_the_true_colour_image() -> None:
    """255 is a digital number of 3558 (L1C) or 2000 (L2A), 0 is nodata, the rest is linear."""
    dn = torch.tensor([0.0, 1, 1779, 3558, 9000])
    expected = torch.tensor([0, 1, 127.5, 255, 255])
    torch.testing.assert_close(tci_from_reflectance(dn), expected)
    torch.testing.assert_close(tci_from_reflectance(dn[1:] / 1e4, quantification=1), expected[1:])
    later = tci_from_reflectance(dn[1:] + 1000, offset=-1000)
    torch.testing.assert_close(later, expected[1:], rtol=1e-5, atol=1e-3)
    l2a = tci_from_reflectance(torch.tensor([0, 1000, 2000, 5000]), "L2A")
    torch.testing.assert_close(l2a, torch.tensor([0, 127.5, 255, 255]))
    # below the offset's zero there is darkness, not nodata
    assert tci_from_reflectance(torch.tensor([900.0]), offset=-1000).item() == 1
    with pytest.raises(ConfigError, match=r"'L2'.*did you mean L2A"):
        tci_from_reflectance(dn, "L2")
    with pytest.raises(ConfigError, match="quantification=1"):
        tci_from_reflectance(dn / 1e4)


def test_reflectance_products_without_a_true_colour_image() -> None:
    dn = image(3558, 1779, 0, 816, 8160, 9000, 0, 4080, 1)
    expected = image(1, 0.5, 0, 0.1, 1, 1, 0, 0.5, 1 / 8160)
    turn = satlas_transform("Sentinel2_SwinB_MI_MS", "L1C")
    torch.testing.assert_close(turn(dn), expected)
    torch.testing.assert_close(turn(dn.expand(2, 4, 9, 2, 2))[1, 2], expected)
    assert turn({"image": dn})["image"].shape == dn.shape
    later = satlas_transform("Sentinel2_SwinB_MI_MS", "L1C", offset=-1000)
    torch.testing.assert_close(
        later(torch.where(dn == 0, 0, dn + 1000)), expected, rtol=1e-5, atol=1e-6
    )
    share = satlas_transform("Sentinel2_Resnet50_SI_MS", "L1C", quantification=1)
    torch.testing.assert_close(share(dn / 10000), expected)
    # the same as through the true-colour image itself
    through = torch.cat([tci_from_reflectance(dn[:3]), dn[3:]])
    torch.testing.assert_close(satlas_transform("Sentinel2_SwinB_MI_MS")(through), expected)
    rgb = satlas_transform("Sentinel2_SwinT_SI_RGB", "L2A")(image(2000, 1000, 500))
    torch.testing.assert_close(rgb, image(1, 0.5, 0.25))
    with pytest.raises(BandError, match="C = 9"):
        turn(dn[:3])


def test_radar_needs_its_calibration() -> None:
    with pytest.raises(ConfigError, match="calibration"):
        sentinel1_digital_numbers(torch.tensor([-10.0]))
    # ESA: sigma nought = DN² / A²
    dn, table = torch.tensor([0.0, 50, 400]), torch.tensor([300.0, 400, 500])
    sigma = dn**2 / table**2
    torch.testing.assert_close(sentinel1_digital_numbers(sigma, table, decibel=False), dn)
    torch.testing.assert_close(sentinel1_digital_numbers(10 * sigma[1:].log10(), table[1:]), dn[1:])
    with pytest.raises(ConfigError, match="sentinel1_digital_numbers"):
        satlas_transform("Sentinel1_SwinB_SI", "sigma0")


def test_landsat_from_reflectance() -> None:
    # USGS: 2e-5 DN - 0.1 is the reflectance times the sine of the sun's elevation
    dn = torch.tensor([5000.0, 12345, 55000])
    for elevation in (90.0, 30.0, 51.7):
        sine = float(np.sin(np.deg2rad(elevation)))
        reflectance = (dn * 2e-5 - 0.1) / sine
        torch.testing.assert_close(landsat_digital_numbers(reflectance, elevation), dn)
    with pytest.raises(ConfigError, match="sun_elevation is -3"):
        landsat_digital_numbers(dn, -3)
    with pytest.raises(ConfigError, match="landsat_digital_numbers"):
        satlas_transform("Landsat_SwinB_MI", "sr")
    with pytest.raises(ConfigError, match="8-bit"):
        satlas_transform("Aerial_SwinB_MI", "reflectance")


def test_names_are_checked() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        satlas_transform("Sentinel2_SwinB_SI_RBG")
    with pytest.raises(ConfigError, match="None"):
        satlas_transform(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no level 'L3'"):
        satlas_transform("Sentinel2_SwinB_SI_RGB", "L3")


@real
def test_real_scenes_use_the_range() -> None:
    """Land in the sun is neither black nor burnt out."""
    rasterio = pytest.importorskip("rasterio")
    bands = []
    for path in SENTINEL2:
        with rasterio.open(path) as file:
            data = file.read(1).astype("float32")
            bands.append(np.where(data == file.nodata, 0, data))
    found = satlas_transform("Sentinel2_SwinT_SI_RGB", "L2A")(torch.from_numpy(np.stack(bands)))
    seen = found[:, (found > 0).all(0)]
    assert 0.05 < seen.median() < 0.9
    assert (seen >= 1).float().mean() < 0.1
    stack = []
    for path in LANDSAT:
        with rasterio.open(path) as file:
            data = file.read(1)
            stack.append(np.where(data == 65535, 0, data).astype("float32"))
    eleven = torch.from_numpy(np.stack([stack[i % len(stack)] for i in range(11)]))
    found = satlas_transform("Landsat_SwinB_SI")(eleven)
    seen = found[eleven > 0]
    assert 0.1 < seen.median() < 0.9
    assert ((seen <= 0) | (seen >= 1)).float().mean() < 0.1
