"""A layer or image and a weight that disagree: converted as documented, or a clear error."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swath.errors import BandError, ConfigError
from swath.models import (
    Preset,
    ResNet18_Weights,
    ResNet50_Weights,
    WeightsEnum,
    check_input,
    check_values,
    weight,
)
from swath.models.registry import weights_enums
from swath.sensors import SENSORS, UNITS

S2 = ResNet18_Weights.SENTINEL2_ALL_MOCO
S1 = ResNet50_Weights.SENTINEL1_ALL_MOCO
TOA = ResNet18_Weights.LANDSAT_OLI_TIRS_TOA_MOCO
SR = ResNet18_Weights.LANDSAT_OLI_SR_MOCO
KNOWN = {
    "model": "x", "dataset": "d", "publication": "https://a.b/c", "repo": "https://a.b/d",
}  # fmt: skip


class InputTestWeights(WeightsEnum):
    TCI = weight(
        "https://a.b/tci.pth", Preset(0, (255, 255, 255, 8160), clip=(0, 1)), sensor="sentinel2",
        bands=("B04", "B03", "B02", "B08"), units="s2_tci_dn", **KNOWN,
    )  # fmt: skip
    STANDARD = weight(
        "https://a.b/std.pth", Preset((1000, 2000), (500, 700), then=((0.5, 0.4), (0.2, 0.3))),
        sensor="sentinel2", bands=("B04", "B08"), units="s2_dn", **KNOWN,
    )  # fmt: skip
    UNSAID = weight("https://a.b/u.pth", sensor="sentinel2", bands=("B04",), **KNOWN)


def layer(kind: str, **known: object) -> object:
    """What a layer shows of itself: its class and its bands."""
    return type(kind, (), known)()


def test_same_units_need_nothing() -> None:
    found = check_input(S2, ("B04", "B03"), units="s2_dn")
    assert found.conversion is None
    x = torch.rand(2, 20, 20) * 10000
    assert torch.equal(found.transforms(x), found.fit.transforms(x))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("units", "to_reflectance"),
    [
        ("reflectance", lambda x: x),
        ("s2_dn_offset", lambda x: (x - 1000) / 10000),
        ("landsat_c2_dn", lambda x: x * 0.0000275 - 0.2),
    ],
)
def test_reflectance_becomes_digital_numbers(units: str, to_reflectance: object) -> None:
    reflectance = torch.tensor([0.05, 0.4]).view(2, 1, 1).expand(2, 3, 3)
    raw = {
        "reflectance": reflectance, "s2_dn_offset": reflectance * 10000 + 1000,
        "landsat_c2_dn": (reflectance + 0.2) / 0.0000275,
    }[units]  # fmt: skip
    assert torch.allclose(to_reflectance(raw), reflectance, atol=1e-6)  # type: ignore[operator]
    found = check_input(InputTestWeights.STANDARD, ("B04", "B08"), units=units)
    preset = InputTestWeights.STANDARD.transforms
    expected = preset.normalize(reflectance * 10000)
    assert torch.allclose(found.transforms(raw), expected, atol=1e-4)
    assert found.preset is not None
    assert torch.allclose(found.preset.normalize(raw), expected, atol=1e-4)


def test_radar_becomes_decibels() -> None:
    power = torch.tensor([0.5, 0.0]).view(2, 1, 1).expand(2, 3, 3)
    found = check_input(S1, units="s1_power")
    assert found.conversion is not None
    decibels = found.conversion(power)
    assert decibels[0, 0, 0] == pytest.approx(10 * math.log10(0.5))
    assert decibels[1, 0, 0] == -60  # nothing there is -60 dB, not minus infinity
    amplitude = check_input(S1, units="s1_amplitude").conversion
    assert amplitude is not None
    assert torch.allclose(amplitude(power.sqrt()), decibels, atol=1e-4)
    with pytest.raises(ConfigError, match="not linear"):
        _ = found.preset


@given(st.floats(1e-5, 100))
def test_radar_against_numpy(power: float) -> None:
    conversion = check_input(S1, units="s1_power").conversion
    assert conversion is not None
    x = torch.full((2, 1, 1), power)
    assert conversion(x)[0, 0, 0].item() == pytest.approx(10 * np.log10(power), abs=1e-3)


def test_mixed_units_go_by_the_band() -> None:
    found = check_input(InputTestWeights.TCI, ("B08", "B04"), units="s2_dn")
    assert found.conversion is not None
    x = torch.tensor([4080.0, 1779.0]).view(2, 1, 1)
    # B08 stays a digital number; a reflectance of 0.1779 is half of what the true colour shows
    assert found.conversion(x).flatten().tolist() == pytest.approx([4080, 127.5])
    assert found.transforms(x).flatten().tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("weights", "bands", "units", "message"),
    [
        (TOA, ("B4", "B3"), "landsat_c2_dn", "landsat_toa_uint8.*landsat_c2_dn.*cannot be made"),
        (S1, None, "s1_dn", "cannot be made"),
        (S2, ("B04",), "uint8", "cannot be made"),
        (S2, ("B04",), "s2_nd", "did you mean s2_dn"),
    ],
)
def test_what_cannot_be_made_is_an_error(
    weights: WeightsEnum, bands: tuple[str, ...] | None, units: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_input(weights, bands, units=units)


def test_the_error_names_weights_that_would_do() -> None:
    with pytest.raises(ConfigError, match=r"take weights for these units \(\w+_Weights\.\w+"):
        check_input(SR, ("SR_B4", "SR_B3"), units="landsat_c2_dn")


def test_thermal_bands_are_not_reflectance() -> None:
    weights = next(
        m for e in weights_enums().values() for m in e.__members__.values()
        if m.meta.get("units") == "landsat_l1_dn"
    )  # fmt: skip
    assert check_input(weights, ("B4",), units="landsat_c2_dn").conversion is not None
    with pytest.raises(ConfigError, match="leave the thermal band out"):
        check_input(weights, ("B4", "B10"), units="landsat_c2_dn")


def test_layers_say_what_they_hold() -> None:
    sentinel2 = layer("Sentinel2", bands=["B02", "B8A"], baseline_offset=True)
    found = check_input(S2, layer=sentinel2)
    assert (found.fit.target, found.units, found.conversion) == (("B02", "B8A"), "s2_dn", None)
    landsat = layer("Landsat9", bands=["SR_B4", "SR_B5"])
    found = check_input(S2, layer=landsat)
    assert found.units == "landsat_c2_dn"
    assert [found.fit.source[int(r.argmax())] for r in found.fit.mixing] == ["B4", "B8a"]
    with pytest.raises(ConfigError, match="landsat_toa_uint8"):
        check_input(TOA, layer=landsat)
    naip = layer("NAIP", bands=["R", "G", "B", "NIR"])
    with pytest.raises(ConfigError, match="uint8"):
        check_input(S2, layer=naip)
    with pytest.raises(BandError, match="light has no part"):
        check_input(S1, layer=naip)
    with pytest.raises(BandError, match="does not say its bands"):
        check_input(S2, layer=SimpleNamespace())
    enmap = layer("EnMAP", bands=["B48"], wavelengths={"B48": 0.666637})
    found = check_input(S2, layer=enmap)
    assert found.fit.source[int(found.fit.mixing[0].argmax())] == "B4"
    assert found.units == "enmap_dn"


def test_real_layers_are_understood(tmp_path: object) -> None:
    """The classes of `swath.datasets`, by their declarations."""
    from swath.datasets import NAIP, EnMAP, Landsat8, Sentinel2

    for kind, weights in ((Landsat8, SR), (Sentinel2, S2)):
        found = check_input(weights, layer=_bare(kind), units=weights.meta["units"])
        assert found.fit.exact
    assert check_input(S2, layer=_bare(NAIP), units="s2_dn").fit.how[1:] == ("counterpart",) * 3
    with pytest.raises(BandError, match="nearest"):
        check_input(S2, layer=_bare(EnMAP))  # most of its bands are between Sentinel's


def _bare(kind: type) -> object:
    made = kind.__new__(kind)
    made.bands = list(kind.default_bands or kind.all_bands)  # type: ignore[attr-defined]
    return made


def test_what_is_not_known_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "swath.models"):
        assert "not checked" in str(check_input(S2, ("B04",)))
        assert "units were not given" in caplog.text
        check_input(InputTestWeights.UNSAID, ("B04",), units="s2_dn")
        assert "does not say what pixels it expects" in caplog.text
        check_input(InputTestWeights.STANDARD, ("B04",), units="reflectance")
        assert "pixels are converted, reflectance -> s2_dn" in caplog.text


def test_values_are_looked_at() -> None:
    reflectance = torch.rand(2, 3, 8, 8)
    assert "s2_dn" in (check_values(reflectance, "s2_dn") or "")
    assert check_values(reflectance * 5000, "s2_dn") is None
    assert check_values(torch.zeros(2, 3, 8, 8), "s2_dn") is None  # nodata
    holes = (reflectance * 5000).masked_fill(reflectance > 0.9, torch.nan)
    assert check_values(holes, "s2_dn") is None
    assert check_values((reflectance * 255).byte(), "uint8") is None
    assert "below zero" in (check_values(reflectance, "s1_db") or "")


def test_every_published_weight_speaks_these_words() -> None:
    for enum in weights_enums().values():
        for member in enum.__members__.values():
            assert member.meta.get("units") in (None, *UNITS), repr(member)
            assert member.sensor in (None, *SENSORS), repr(member)
