"""Stretches, composites and class colours, checked by value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import ConfigError, RGBBandsMissingError
from swath.plot import as_array, class_table, colour_mask, default_colours, rgb, stretch


def test_stretch_puts_percentiles_at_the_ends() -> None:
    image = np.stack([np.arange(101.0).repeat(101).reshape(101, 101), np.full((101, 101), 7.0)])
    out = stretch(image, percentiles=(10, 90))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0, :, 0], np.clip((np.arange(101) - 10) / 80, 0, 1), atol=1e-6)
    assert (out[1] == 0.5).all()


def test_stretch_ignores_what_is_not_valid() -> None:
    image = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    valid = np.ones((20, 20), bool)
    valid[:3] = False
    spoilt = image.copy()
    spoilt[0] = 1e9
    spoilt[1] = np.nan
    spoilt[2] = -1e9
    out = stretch(spoilt, valid=valid)
    np.testing.assert_array_equal(out[3:], stretch(image[3:]))
    assert (out[:3] == 0).all()
    # NaN and infinity need no mask.
    spoilt[0] = np.inf
    spoilt[2] = -np.inf
    np.testing.assert_array_equal(stretch(spoilt), out)


def test_stretch_of_a_spike_falls_back_on_the_range() -> None:
    image = np.zeros((50, 50))
    image[0, 0] = 4
    assert stretch(image)[0, 0] == 1
    assert stretch(image)[1, 1] == 0


def test_stretch_gamma_limits_and_shared_channels() -> None:
    image = np.array([[[0.0, 50.0, 100.0]], [[0.0, 100.0, 200.0]]])
    out = stretch(image, limits=(0, 100), gamma=2)
    np.testing.assert_allclose(out[0, 0], [0, 0.5**0.5, 1], atol=1e-6)
    np.testing.assert_allclose(out[1, 0], [0, 1, 1])
    shared = stretch(image, percentiles=(0, 100), per_channel=False)
    np.testing.assert_allclose(shared[0, 0], [0, 0.25, 0.5])


@pytest.mark.parametrize(
    "options",
    [{"percentiles": (98, 2)}, {"limits": (3, 3)}, {"gamma": 0}, {"percentiles": (0, 101)}],
)
def test_impossible_stretches(options: dict) -> None:
    with pytest.raises(ConfigError):
        stretch(np.zeros((2, 2)), **options)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 3))
def test_stretch_stays_in_range_and_keeps_order(seed: int, gamma: float) -> None:
    values = np.random.default_rng(seed).normal(0, 1e4, (1, 9, 9))
    out = stretch(values, gamma=gamma)
    assert out.min() >= 0
    assert out.max() <= 1
    order = values.ravel().argsort()
    assert (np.diff(out.ravel()[order]) >= 0).all()


def test_rgb_takes_bands_by_name_and_blanks_nodata() -> None:
    image = torch.zeros(4, 2, 3)
    image[:, 0] = torch.tensor([10.0, 20.0, 30.0, 40.0])[:, None]
    out = rgb(
        image, bands=["B2", "B3", "B4", "B5"], rgb_bands=["B4", "B3", "B2"], limits=(0, 51),
        nodata=0,
    )  # fmt: skip
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out[0, 0], [150, 100, 50, 255])
    np.testing.assert_array_equal(out[1, :, 3], 0)
    grey = rgb(image, rgb_bands=[3], limits=(0, 40))
    np.testing.assert_array_equal(grey[0, 0], [255, 255, 255, 255])
    np.testing.assert_array_equal(rgb(image[:2], limits=(0, 10))[0, 0], [255, 255, 255, 255])
    assert rgb(image, valid=torch.zeros(2, 3))[..., 3].max() == 0


def test_rgb_says_which_band_is_missing() -> None:
    with pytest.raises(RGBBandsMissingError, match=r"'B4' is not in the image.*\['B8', 'B3'\]"):
        rgb(np.zeros((2, 4, 4)), bands=["B8", "B3"], rgb_bands=["B4", "B3", "B2"])
    with pytest.raises(RGBBandsMissingError, match="three bands"):
        rgb(np.zeros((2, 4, 4)), rgb_bands=[0, 1])
    with pytest.raises(RGBBandsMissingError, match="shape"):
        rgb(np.zeros(4))


def test_colour_mask_colours_every_value() -> None:
    mask = torch.tensor([[0, 1, 2], [7, 255, -1]])
    out = colour_mask(mask, {0: (1, 2, 3), 1: (4, 5, 6, 128)}, nodata=255)
    spare = default_colours([2, 7])
    np.testing.assert_array_equal(
        out.reshape(-1, 4),
        [(1, 2, 3, 255), (4, 5, 6, 128), (*spare[2], 255), (*spare[7], 255), [0] * 4, [0] * 4],
    )
    np.testing.assert_array_equal(colour_mask(mask[None]), colour_mask(mask))
    with pytest.raises(ConfigError, match="shape"):
        colour_mask(torch.zeros(2, 3, 3))


def test_default_colours_differ() -> None:
    colours = default_colours(range(60))
    assert len(set(colours.values())) == 60
    first = np.array([colours[i] for i in range(8)], float)
    apart = np.linalg.norm(first[:, None] - first, axis=-1) + 1e3 * np.eye(8)
    assert apart.min() > 60
    assert default_colours([300]) == default_colours(np.array([300]))


def test_class_table_fills_in() -> None:
    table = class_table({3: "forest", 1: "water"}, {3: (0, 99, 0)}, values=[1, 9])
    assert list(table) == [3, 1, 9]
    assert table[3] == ("forest", (0, 99, 0))
    assert table[9][0] == "9"
    assert class_table(["a", "b"], [(1, 1, 1), (2, 2, 2)])[1] == ("b", (2, 2, 2))
    with pytest.raises(ConfigError, match="colour of class 0"):
        class_table(["a"], [(1, 1, 256)])


def test_as_array_takes_tensors_of_any_kind() -> None:
    assert as_array(torch.ones(2, requires_grad=True)).sum() == 2
    assert as_array(torch.ones(2, dtype=torch.bfloat16)).sum() == 2
    assert as_array([1, 2]).shape == (2,)
