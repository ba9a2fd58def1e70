"""Fitting bands, held to what must be: a picked band is the published model, and nothing is silent.

The oracle is the network itself: with its bands permuted, or with the missing ones at zero.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from swath.errors import BandError
from swath.models import Preset, ResNet18_Weights, WeightsEnum, fit_bands, resnet18, weight
from swath.models.adapt import adapt_kernel, match_bands
from swath.models.registry import weights_enums

KNOWN = {
    "model": "x", "dataset": "d", "publication": "https://a.b/c", "repo": "https://a.b/d",
}  # fmt: skip
S2 = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8a", "B9", "B10", "B11", "B12")
ALL = ResNet18_Weights.SENTINEL2_ALL_MOCO


class BandTestWeights(WeightsEnum):
    S2 = weight(
        "https://a.b/s2.pth", Preset(list(range(13)), list(range(1, 14)), bands=S2),
        sensor="sentinel2", bands=S2, units="s2_dn", **KNOWN,
    )  # fmt: skip
    RGBN = weight(
        "https://a.b/rgbn.pth", Preset(0, 255), sensor="naip", bands=("R", "G", "B", "N"), **KNOWN
    )
    DATES = weight(
        "https://a.b/ftw.pth", Preset(list(range(8)), 3000), sensor="sentinel2",
        bands=("B4", "B3", "B2", "B8") * 2, **KNOWN,
    )  # fmt: skip
    OLI = weight(
        "https://a.b/oli.pth", sensor="landsat8", bands=[f"SR_B{i}" for i in range(1, 8)], **KNOWN
    )
    OLI_TIRS = weight(
        "https://a.b/toa.pth", sensor="landsat8", bands=[f"B{i}" for i in range(1, 12)], **KNOWN
    )
    ETM = weight(
        "https://a.b/etm.pth", sensor="landsat7", bands=("B5", "B6_VCID_1", "B6_VCID_2"), **KNOWN
    )
    RADAR = weight(
        "https://a.b/s1.pth", Preset((-12.59, -20.26), (5.26, 5.91)), sensor="sentinel1",
        bands=("VV", "VH"), **KNOWN,
    )  # fmt: skip
    NDVI = weight("https://a.b/ndvi.pth", sensor="sentinel2", bands=("B2", "B8", "NDVI"), **KNOWN)
    MUTE = weight("https://a.b/mute.pth", **KNOWN)
    RGB_THEN = weight(
        "https://a.b/then.pth",
        Preset((0, 2, 3), (129, 101, 85), then=((0.4, 0.5, 0.6), (0.2, 0.3, 0.1))),
        sensor="sentinel2", bands=("B4", "B3", "B2"), **KNOWN,
    )  # fmt: skip


W = BandTestWeights


def picks(weights: WeightsEnum, bands: tuple[str | float, ...], **options: object) -> list[str]:
    """What each band's kernel is made of, as text."""
    fit = fit_bands(weights, bands, **options)  # type: ignore[arg-type]
    return [
        " + ".join(
            (f"{w:.3g} " if w != 1 else "") + b
            for w, b in zip(row, fit.source, strict=True)
            if w != 0
        )
        for row in fit.mixing.tolist()
    ]


@pytest.mark.parametrize(
    ("weights", "bands", "options", "expected"),
    [
        (W.S2, ("B04", "green", "B2", "NIR"), {}, ["B4", "B3", "B2", "B8"]),
        (W.S2, ("B8A", "b8a"), {}, ["0.5 B8a", "0.5 B8a"]),
        (W.OLI, ("SR_B4", "B3", "nir"), {}, ["SR_B4", "SR_B3", "SR_B5"]),
        (W.OLI, ("B4",), {"sensor": "landsat9"}, ["SR_B4"]),
        (W.S2, ("R", "G", "B", "NIR"), {"sensor": "naip"}, ["B4", "B3", "B2", "B8"]),
        (W.S2, ("B2", "B5", "B6"), {"sensor": "landsat8"}, ["B2", "B8a", "B11"]),
        (W.OLI, ("B08", "B8A"), {"sensor": "s2"}, ["0.5 SR_B5", "0.5 SR_B5"]),
        (W.S2, ("landsat8:B4", "naip:G"), {}, ["B4", "B3"]),
        (W.S2, (0.665, 560, 0.842), {}, ["B4", "B3", "B8"]),
        (W.S2, (1614.0, 2.2), {}, ["B11", "B12"]),
        (W.RGBN, ("B08", "B8A"), {"sensor": "s2"}, ["0.5 N", "0.5 N"]),
        (W.ETM, ("B6", "B6_VCID_2"), {}, ["B6_VCID_1", "B6_VCID_2"]),
        (W.ETM, ("landsat5:B6",), {}, ["B6_VCID_1"]),
        (W.RADAR, ("vh", "VV"), {}, ["VH", "VV"]),
        (W.NDVI, ("ndvi", "B08"), {}, ["NDVI", "B8"]),
        (W.RGBN, ("R", "G", "B", "R", "G", "B"), {}, ["0.5 R", "0.5 G", "0.5 B"] * 2),
        # 0.75 µm lies between 0.7405 and 0.7828, in neither pass band
        (W.S2, ("B6",), {"sensor": "landsat1"}, ["0.775 B6 + 0.225 B7"]),
    ],
)
def test_which_kernel_goes_where(
    weights: WeightsEnum,
    bands: tuple[str | float, ...],
    options: dict[str, object],
    expected: list[str],
) -> None:
    assert picks(weights, bands, **options) == expected


def test_dates_go_by_occurrence() -> None:
    fit = fit_bands(W.DATES, ("B08", "B04", "B08", "B04"))
    assert fit.mixing.nonzero().tolist() == [[0, 3], [1, 0], [2, 7], [3, 4]]
    assert fit.transforms is not None
    assert fit.transforms.mean == (3, 0, 7, 4)
    near = fit_bands(W.DATES, ("B8A", "B8A"))  # the nearest band of each date, not twice the first
    assert near.mixing.nonzero().tolist() == [[0, 3], [1, 7]]
    first = fit_bands(W.DATES, ("B04", "B03", "B02", "B08"))
    assert first.mixing.nonzero().tolist() == [[i, i] for i in range(4)]
    with pytest.raises(BandError, match="'B04' is given 3 times"):
        fit_bands(W.DATES, ("B04",) * 3)


@pytest.mark.parametrize(
    ("weights", "bands", "message"),
    [
        (W.S2, ("B44",), "did you mean B04"),
        (W.S2, (0.6,), "nearest are B3 at 0.5598 µm, B4 at 0.6646 µm"),
        (W.S2, (float("nan"),), "no band"),
        (W.S2, (-1.0,), "no band"),
        (W.S2, ("NDVI",), "no band 'NDVI'"),
        (W.S2, ("sentinel1:VV",), "radar has no part in it"),
        (W.RADAR, ("sentinel2:B04",), "light has no part in it"),
        (W.RADAR, (0.665,), "light has no part in it"),
        (W.RADAR, ("HH",), "it has VV, VH"),
        (W.RGBN, ("sentinel2:B05",), "nearest are R at 0.635 µm"),
        (W.OLI, ("B9",), "no band like landsat8:B9"),  # cirrus is not short-wave infrared
        (W.OLI_TIRS, ("sentinel2:B09",), "no band like sentinel2:B09"),  # nor vapour near infrared
        (W.S2, ("landsat8:B10",), "no band like landsat8:B10"),
        (W.S2, ("rededge",), "several bands"),
        (W.S2, (), "bands is empty"),
        (W.S2, "B04", "expected a list"),
        (W.MUTE, ("B04",), "does not say what its bands are"),
    ],
)
def test_what_has_no_counterpart_is_an_error(
    weights: WeightsEnum, bands: tuple[str | float, ...], message: str
) -> None:
    with pytest.raises(BandError, match=message):
        fit_bands(weights, bands)


def test_tolerance_is_of_the_gap() -> None:
    with pytest.raises(BandError, match=r"at most 0\.01 µm apart"):
        fit_bands(W.S2, (0.6,))
    assert fit_bands(W.S2, (0.6,), tolerance=0.03).how == ("near",)


def test_the_preset_follows() -> None:
    fit = fit_bands(W.S2, ("B04", "B12", "B6"))
    assert fit.transforms is not None
    assert (fit.transforms.mean, fit.transforms.std) == ((3, 12, 5), (4, 13, 6))
    assert fit.transforms.bands == ("B04", "B12", "B6")
    mixed = fit_bands(W.S2, ("B6",), sensor="landsat1")
    assert mixed.transforms is not None
    assert mixed.transforms.mean[0] == pytest.approx(5 * 0.7754 + 6 * 0.2246, abs=1e-3)
    then = fit_bands(W.RGB_THEN, ("B02", "B04"))
    assert then.transforms is not None
    assert then.transforms.then == ((0.6, 0.4), (0.1, 0.2))
    x = torch.rand(3, 5, 5) * 100
    picked = then.transforms.normalize(x[[2, 0]])
    preset = W.RGB_THEN.transforms
    assert torch.allclose(picked, preset.normalize(x)[[2, 0]])
    # a shared kernel is halved, its normalisation is not
    shared = fit_bands(W.S2, ("B04", "red"))
    assert shared.transforms is not None
    assert shared.transforms.mean == (3, 3)
    assert fit_bands(W.RGBN, ("N",)).transforms is not None


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], dict[str, Tensor]]:
    """Random numbers under the published names, in place of the download."""

    def make(channels: int) -> dict[str, Tensor]:
        torch.manual_seed(0)
        model = resnet18(in_chans=channels, num_classes=0)
        state = {k: v for k, v in model.state_dict().items() if not k.startswith("fc.")}
        monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, *a, **k: dict(state))
        return state

    return make


def run(model: torch.nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = model.eval()(x)
    return out


def test_permuted_bands_give_the_same_features(
    checkpoint: Callable[[int], dict[str, Tensor]],
) -> None:
    checkpoint(13)
    x = torch.randn(2, 13, 64, 64, generator=torch.Generator().manual_seed(1))
    published = run(resnet18(ALL, num_classes=0), x)
    for seed in range(3):
        order = torch.randperm(13, generator=torch.Generator().manual_seed(seed)).tolist()
        model = resnet18(ALL, num_classes=0, bands=[S2[i] for i in order])
        assert torch.allclose(run(model, x[:, order]), published, rtol=1e-4, atol=1e-5)


def test_a_subset_is_the_published_model_with_zeros(
    checkpoint: Callable[[int], dict[str, Tensor]],
) -> None:
    checkpoint(13)
    x = torch.randn(2, 13, 64, 64, generator=torch.Generator().manual_seed(1))
    keep = [3, 2, 1, 7]
    zeroed = torch.zeros_like(x)
    zeroed[:, keep] = x[:, keep]
    expected = run(resnet18(ALL, num_classes=0), zeroed)
    model = resnet18(ALL, num_classes=0, bands=("B04", "B03", "B02", "B08"))
    assert torch.allclose(run(model, x[:, keep]), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(run(model, x[:, [1, 2, 3, 7]]), expected, rtol=1e-2)


def test_raw_pixels_through_the_fitted_preset(
    checkpoint: Callable[[int], dict[str, Tensor]],
) -> None:
    """From raw pixels to features, with every band and with them permuted."""
    checkpoint(13)
    raw = torch.rand(1, 13, 64, 64, generator=torch.Generator().manual_seed(2)) * 5000
    order = [12, 0, 3, 5, 1, 2, 4, 11, 10, 9, 8, 7, 6]
    published = resnet18(ALL, num_classes=0)
    fitted = resnet18(ALL, num_classes=0, bands=[S2[i] for i in order])
    one = run(published, published.transforms.normalize(raw))
    two = run(fitted, fitted.transforms.normalize(raw[:, order]))
    assert torch.allclose(one, two, rtol=1e-4, atol=1e-5)


def test_targets_that_share_a_source_count_it_once(
    checkpoint: Callable[[int], dict[str, Tensor]],
) -> None:
    """Two near infrared bands on one kernel: if both hold what it saw, nothing changes."""
    checkpoint(13)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 13, 64, 64, generator=generator)
    published = run(resnet18(ALL, num_classes=0), x)
    model = resnet18(ALL, num_classes=0, bands=[*S2, "landsat8:B5"])  # B8a once more
    assert torch.allclose(run(model, torch.cat([x, x[:, 8:9]], 1)), published, rtol=1e-4, atol=1e-5)


indices = st.lists(st.integers(0, 12), min_size=1, max_size=13, unique=True)


@settings(deadline=None, max_examples=60)
@given(indices, st.integers(0, 2**31 - 1))
def test_first_layer_of_any_choice(chosen: list[int], seed: int) -> None:
    """Any bands in any order: the first layer's output is that of the published one with zeros."""
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(5, 13, 3, 3, generator=generator)
    x = torch.randn(1, 13, 8, 8, generator=generator)
    fit = match_bands(W.S2, [S2[i] for i in chosen])
    zeroed = torch.zeros_like(x)
    zeroed[:, chosen] = x[:, chosen]
    expected = torch.nn.functional.conv2d(zeroed, kernel)
    found = torch.nn.functional.conv2d(x[:, chosen], adapt_kernel(kernel, fit))
    assert torch.allclose(found, expected, atol=1e-4)
    assert fit.exact
    assert fit.transforms is not None
    assert fit.transforms.mean == tuple(chosen)
    assert set(fit.unused) == {S2[i] for i in range(13) if i not in chosen}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0.43, 2.28), min_size=1, max_size=8), st.randoms())
def test_any_wavelengths(lengths: list[float], random: object) -> None:
    """Order does not matter, nothing is counted twice, nothing is negative; nm are µm."""
    known = []
    for length in lengths:
        try:
            match_bands(W.S2, [length])
        except BandError:
            continue
        known.append(length)
    if not known:
        return
    fit = match_bands(W.S2, known)
    assert (fit.mixing >= 0).all()
    assert (fit.mixing.sum(0) <= 1 + 1e-6).all()
    order = list(range(len(known)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = match_bands(W.S2, [known[i] for i in order])
    assert torch.allclose(again.mixing, fit.mixing[order], atol=1e-6)
    metres = match_bands(W.S2, [k * 1000 for k in known])
    assert torch.allclose(metres.mixing, fit.mixing, atol=1e-5)


def test_it_is_never_silent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "swath.models"):
        fit_bands(W.S2, S2)
        assert not caplog.records  # nothing was changed
        fit = fit_bands(W.S2, ("B04", "B03"))
        assert [r.levelname for r in caplog.records] == ["INFO"]
        assert fit.exact
        caplog.clear()
        fit = fit_bands(W.S2, ("B04", "B8A", "B08"), sensor="s2")
        near = fit_bands(W.RGBN, ("B04", "B8A", "B08"), sensor="s2")
    assert [r.levelname for r in caplog.records] == ["INFO", "WARNING"]
    text = str(near)
    assert "BandTestWeights.RGBN: 4 bands, fitted to 3" in text
    assert "B8A  <- 0.5 x N  (the nearest by wavelength, kernel shared)" in text
    assert "left out: G, B" in text
    assert "raw pixels must be s2_dn" in str(fit)


def test_rescale_is_a_choice() -> None:
    plain, scaled = (match_bands(W.S2, ("B04",), rescale=r) for r in (False, True))
    assert scaled.mixing.sum() == 13 * plain.mixing.sum()


def test_kernel_of_another_width() -> None:
    with pytest.raises(BandError, match="expected 13 channels"):
        adapt_kernel(torch.zeros(8, 3, 7, 7), match_bands(W.S2, ("B04",)))


@pytest.mark.parametrize(
    "weights",
    [m for e in weights_enums().values() for m in e.__members__.values() if m.bands],
    ids=repr,
)
def test_published_weights_know_their_bands(weights: WeightsEnum) -> None:
    """Its own bands leave a checkpoint as it is, and backwards is a permutation."""
    same = match_bands(weights, weights.bands)
    assert same.unchanged
    assert same.exact
    other = match_bands(weights, weights.bands[::-1])
    assert (other.mixing.sum(0) == 1).all()
    if isinstance(weights.transforms, Preset):
        assert same.transforms is not None
        found = (same.transforms.mean, same.transforms.std, same.transforms.clip)
        assert found == (weights.transforms.mean, weights.transforms.std, weights.transforms.clip)
