"""Bands by name, and what the wavelength-conditioned models refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from cases_wavelength import small_copernicus, small_dofa, small_panopticon

from swath.errors import BandError, ConfigError
from swath.models import (
    copernicusfm_base,
    dofa_base_patch16_224,
    dofa_huge_patch14_224,
    dofa_small_patch16_224,
    panopticon_vitb14,
)
from swath.models.wavelengths import known_bands
from swath.sensors import SENSORS

TINY: dict[str, Any] = {"img_size": 32, "embed_dim": 48, "depth": 1, "num_heads": 4}


def named(*bands: str | float, sensor: str | None = None) -> list[str]:
    return [f"{b.sensor}:{b.name}" for b in known_bands(bands, sensor)]


def test_names_that_leave_no_doubt() -> None:
    assert named("B04", "B8A", "VV") == ["sentinel2:B04", "sentinel2:B8A", "sentinel1:VV"]
    assert named("B11", "B12") == ["sentinel2:B11", "sentinel2:B12"]
    assert named("B02", "B11", "VH") == ["sentinel2:B02", "sentinel2:B11", "sentinel1:VH"]
    assert named("B2", "B3", "B10")[:2] == ["landsat8:B2", "landsat8:B3"]
    assert named("landsat7:B3", "B04") == ["landsat7:B3", "sentinel2:B04"]
    assert named("red", "nir", sensor="naip") == ["naip:R", "naip:NIR"]
    assert named("red", "B8A") == ["sentinel2:B04", "sentinel2:B8A"]
    assert named("b4", sensor="Sentinel-2") == ["sentinel2:B04"]


def test_wavelengths_as_bands() -> None:
    micrometres, nanometres = known_bands((0.665, 665))
    assert micrometres.wavelength == nanometres.wavelength == 0.665


def test_names_that_do() -> None:
    with pytest.raises(BandError, match=r"'B4' is a band of .*landsat5.*sensor=.*'\w+:B4'"):
        known_bands(("B4",))
    with pytest.raises(BandError, match=r"'red' is a band of .*sentinel2.*sensor="):
        known_bands(("red",))
    with pytest.raises(BandError, match=r"'rededge1' is .* \(.*sentinel2\): .*wavelength"):
        known_bands(("rededge1",))
    with pytest.raises(BandError, match="no sensor has it"):
        known_bands(("B04", "B99"))
    with pytest.raises(BandError, match="sentinel2 has no band 'B99'"):
        known_bands(("B99",), "sentinel2")
    with pytest.raises(ConfigError, match="sentinel2"):
        known_bands(("B04",), "sentinal2")
    with pytest.raises(BandError, match="expected a list"):
        known_bands("B04")
    with pytest.raises(BandError, match="empty"):
        known_bands(())


def test_factories_take_bands() -> None:
    """`model(x)` is the same as with what the sensors' table says."""
    x, y = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 28, 28)
    table = {b.name: b for b in SENSORS["sentinel2"].bands}
    bands = ("B12", "B04", "B02")
    centres = [table[b].wavelength or 0.0 for b in bands]
    with torch.no_grad():
        for build in (dofa_small_patch16_224, dofa_base_patch16_224):
            model = build(bands=bands, **TINY).eval()
            assert model.bands == bands
            torch.testing.assert_close(model(x), model(x, centres))
        other = copernicusfm_base(bands=bands, **TINY).eval()
        told = [1000 * c for c in centres], [1000 * table[b].width for b in bands]
        torch.testing.assert_close(other(x), other(x, None, *told))
        third = panopticon_vitb14(
            attn_dim=48, bands=bands, **{**TINY, "img_size": 28}
        ).eval()  # fmt: skip
        ids = torch.tensor([[round(1000 * c) for c in centres]])
        torch.testing.assert_close(third(y), third({"imgs": y, "chn_ids": ids}))
    landsat = dofa_huge_patch14_224(
        bands=("red", "nir"), sensor="landsat8", **{**TINY, "img_size": 28}
    )
    assert landsat.wavelengths == (0.6545, 0.865)


def test_radar_by_name() -> None:
    dofa, copernicus, panopticon = small_dofa(), small_copernicus(), small_panopticon()
    for model in (dofa, copernicus, panopticon):
        model.set_bands(("VV", "VH"))
    assert dofa.wavelengths == (3.75, 3.75)
    assert (copernicus.wavelengths, copernicus.bandwidths) == ((5e7, 5e7), (1e9, 1e9))
    assert panopticon.chn_ids == (-1, -2)


def test_bare_wavelengths_have_no_bandwidth() -> None:
    model = small_copernicus().eval()
    model.set_bands((0.49, 0.56))
    assert model.wavelengths == (490, 560)
    x = torch.randn(1, 2, 64, 64)
    with pytest.raises(BandError, match="needs bandwidths"):
        model(x)
    assert model(x, bandwidths=[65, 35]).shape == (1, 5)


X = torch.randn(1, 3, 64, 64)
NM, WIDTHS = [490.0, 560.0, 665.0], [65.0, 35.0, 30.0]


@pytest.mark.parametrize(
    ("wavelengths", "says"),
    [
        (None, r"DOFA needs wavelengths \(in µm\).*3 channels.*bands="),
        ([0.49, 0.56], r"2 wavelengths for an image of 3 channels \(1, 3, 64, 64\)"),
        (NM, r"in µm, from 0.1 to 100, and got 490, which looks like nm: divide by 1000"),
        ([0.49, 0.56, 55_465.0], r"got 55465.*Radar has 3.75"),
        ([0.49, 0.56, -1.0], "got -1"),
        ([0.49, 0.56, math.nan], "got nan"),
        (torch.full((1, 3), 0.5), r"the shape \(1, 3\)"),
    ],
)
def test_dofa_refuses(wavelengths: Any, says: str) -> None:
    with pytest.raises(BandError, match=says):
        small_dofa()(X, wavelengths)


@pytest.mark.parametrize(
    ("wavelengths", "bandwidths", "says"),
    [
        (None, None, r"needs wavelengths \(in nm\)"),
        (NM, None, r"needs bandwidths \(in nm\)"),
        (NM[:2], WIDTHS, "2 wavelengths for an image of 3 channels"),
        (NM, [*WIDTHS, 1.0], "4 bandwidths for an image of 3 channels"),
        ([0.49, 0.56, 0.665], WIDTHS, "got 0.49, which looks like µm: multiply by 1000"),
        (NM, [0.065, 0.035, 0.03], "bandwidths in nm.*got 0.065, which looks like µm"),
    ],
)
def test_copernicus_refuses(wavelengths: Any, bandwidths: Any, says: str) -> None:
    with pytest.raises(BandError, match=says):
        small_copernicus()(X, None, wavelengths, bandwidths)


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        (None, "needs chn_ids"),
        ([[490, 560]], r"shape \(1, 2\) for images \(1, 3, 56, 56\)"),
        ([[0.49, 0.56, 0.665]], "0.49 .it looks like micrometres: multiply by 1000"),
        ([[490, 560, -13]], "-13.*-1 to -12 for radar"),
        ([[490, 560, 0]], "chn_ids has 0"),
        ([[490, 560, 55_465_000]], "100000"),
    ],
)
def test_panopticon_refuses(ids: Any, says: str) -> None:
    x = {"imgs": torch.randn(1, 3, 56, 56)} | ({} if ids is None else {"chn_ids": ids})
    if ids is not None:
        x["chn_ids"] = torch.tensor(ids)
    with pytest.raises(BandError, match=says):
        small_panopticon()(x)
    with pytest.raises(ConfigError, match="expected imgs"):
        small_panopticon()({"image": x["imgs"]})
