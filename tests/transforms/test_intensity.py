"""Values: speckle, scaling, band and weather augmentations, series."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

import swath.transforms as T
from swath.errors import BandError, ConfigError, UnsupportedDataError


def image(channels: int = 3, batch: int = 4, size: int = 16) -> Tensor:
    return torch.rand(batch, channels, size, size, generator=torch.Generator().manual_seed(0))


def test_lee_filter_is_lee_s_formula() -> None:
    x = image(1, 1, 20) ** 2 * 5
    found = T.LeeFilter(5, num_looks=3.0)(x)[0, 0].numpy()
    pixels = x[0, 0].double().numpy()
    mean = ndimage.uniform_filter(pixels, 5, mode="mirror")
    variance = ndimage.uniform_filter(pixels**2, 5, mode="mirror") - mean**2
    share = np.clip(1 - (mean**2 / 3) / variance, 0, 1)
    np.testing.assert_allclose(found, mean + share * (pixels - mean), rtol=1e-4, atol=1e-5)


def test_lee_filter_smooths_speckle_and_keeps_a_bright_point() -> None:
    torch.manual_seed(0)
    speckle = -torch.rand(1, 1, 64, 64).log()  # single-look intensity of flat ground
    speckle[0, 0, 32, 32] = 500
    out = T.LeeFilter(7)(speckle)
    assert float(out[0, 0, :20].std()) < 0.5 * float(speckle[0, 0, :20].std())
    assert float(out[0, 0, 32, 32]) > 400
    assert float(out[0, 0, :20].mean()) == pytest.approx(1, abs=0.1)


def test_lee_filter_and_bad_input() -> None:
    x = image(1)
    x[0, 0, 3, 3] = torch.nan
    out = T.LeeFilter(3)(x)
    assert bool(out[0, 0, 3, 3].isnan())
    assert int(out.isnan().sum()) == 1
    with pytest.raises(UnsupportedDataError, match="dB"):
        T.LeeFilter()(x - 5)
    with pytest.raises(ConfigError, match="window_size is 4"):
        T.LeeFilter(4)


def test_scaling_to_physical_units() -> None:
    dn = torch.tensor([0.0, 1000, 2000, 11000]).view(1, 1, 1, 4)
    out = T.ToReflectance("sentinel2-04.00", nodata=0)(dn).flatten()
    assert math.isnan(out[0])
    torch.testing.assert_close(out[1:], torch.tensor([0.0, 0.1, 1.0]))
    landsat = T.ToReflectance("landsat-c2-sr")(torch.full((1, 1, 1, 1), 20000, dtype=torch.int32))
    assert float(landsat) == pytest.approx(0.35)
    with pytest.raises(ConfigError, match="no product 'sentinel-2'"):
        T.ToReflectance("sentinel-2")


def test_decibel_there_and_back() -> None:
    power = torch.tensor([1e-3, 0.1, 1, 20]).view(1, 1, 2, 2)
    decibel = T.ToDecibel()(power)
    np.testing.assert_allclose(decibel.numpy(), 10 * np.log10(power.numpy()), atol=1e-4)
    torch.testing.assert_close(T.FromDecibel()(decibel), power)
    assert float(T.ToDecibel(floor=-40)(torch.zeros(1, 1, 1))) == -40
    assert bool(T.ToDecibel(floor=math.nan)(torch.zeros(1, 1, 1)).isnan())


def test_normalize_like_its_formula() -> None:
    x = image()
    out = T.Normalize([0.1, 0.2, 0.3], [0.5, 1, 2])(x)
    for band, (m, s) in enumerate(zip([0.1, 0.2, 0.3], [0.5, 1, 2], strict=True)):
        torch.testing.assert_close(out[:, band], (x[:, band] - m) / s)
    with pytest.raises(BandError, match="3 bands"):
        T.Normalize([0, 0, 0], [1, 1, 1])(image(4))
    with pytest.raises(ConfigError, match="not 0"):
        T.Normalize(0, 0)


def test_grayscale_is_the_weighted_mean() -> None:
    x = image()
    out = T.RandomGrayscale(torch.tensor([3.0, 1, 0]), p=1.0)(x)
    expected = 0.75 * x[:, 0] + 0.25 * x[:, 1]
    for band in range(3):
        torch.testing.assert_close(out[:, band], expected)
    with pytest.raises(BandError, match="4 bands"):
        T.RandomGrayscale(torch.ones(3), p=1.0)(image(4))


RANDOM = {
    "jitter": lambda p: T.RandomBandJitter(0.3, 0.1, p=p),
    "dropout": lambda p: T.RandomBandDropout(0.9, fill=7.0, p=p),
    "gray": lambda p: T.RandomGrayscale(torch.ones(3), p=p),
    "clouds": lambda p: T.RandomClouds(cover=(0.3, 0.5), brightness=3.0, p=p),
    "shadow": lambda p: T.RandomShadow(cover=(0.3, 0.5), p=p),
    "haze": lambda p: T.RandomHaze(wavelengths=[0.49, 0.56, 0.66], p=p),
}


@pytest.mark.parametrize("name", RANDOM)
def test_probability_shape_seed_and_nodata(name: str) -> None:
    x = image()
    x[1, 1, 2, 2] = torch.nan
    never = RANDOM[name](0.0)(x)
    assert torch.equal(never.nan_to_num(-1), x.nan_to_num(-1))
    torch.manual_seed(5)
    always = RANDOM[name](1.0)(x)
    torch.manual_seed(5)
    again = RANDOM[name](1.0)(x)
    assert torch.equal(always.nan_to_num(-1), again.nan_to_num(-1))
    assert torch.equal(always.isnan(), x.isnan()), "nodata spread or vanished"
    changed = [not torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in
               zip(always, x, strict=True)]  # fmt: skip
    assert all(changed)
    torch.manual_seed(0)
    many = RANDOM[name](0.5)(image(3, 64))
    share = np.mean([not torch.equal(a, b) for a, b in zip(many, image(3, 64), strict=True)])
    assert 0.3 < share < 0.7
    with pytest.raises(ConfigError, match="probability"):
        RANDOM[name](1.5)


def test_jitter_is_one_gain_and_offset_a_band() -> None:
    torch.manual_seed(0)
    x = image(2, 1)
    out = T.RandomBandJitter(0.2, 0.05, p=1.0)(x)
    fits = [np.polyfit(x[0, b].flatten().numpy(), out[0, b].flatten().numpy(), 1) for b in (0, 1)]
    for gain, offset in fits:
        assert 0.8 <= gain <= 1.2
        assert -0.05 <= offset <= 0.05
    assert abs(fits[0][0] - fits[1][0]) > 1e-3


def test_dropout_leaves_a_band() -> None:
    torch.manual_seed(0)
    out = T.RandomBandDropout(1.0, fill=0.0, keep=1, p=1.0)(image(5, 16) + 1)
    left = (out != 0).flatten(2).any(2).sum(1)
    assert left.tolist() == [1] * 16


def test_clouds_cover_what_they_promise() -> None:
    torch.manual_seed(0)
    dark = torch.zeros(8, 2, 64, 64)
    out = T.RandomClouds(cover=(0.3, 0.3), brightness=[1.0, 0.5], softness=0.0, p=1.0)(dark)
    for clouded in out:
        assert float((clouded[0] > 0).float().mean()) == pytest.approx(0.3, abs=0.01)
        torch.testing.assert_close(clouded[1], clouded[0] * 0.5)
    patches = ndimage.label(out[0, 0].numpy() > 0)[1]
    assert patches < 40, "clouds are lumps, not salt"


def test_shadows_darken_and_haze_is_strongest_in_blue() -> None:
    torch.manual_seed(0)
    x = image() + 0.5
    assert bool((T.RandomShadow(p=1.0)(x) <= x + 1e-6).all())
    flat = torch.full((4, 3, 16, 16), 0.1)
    hazy = T.RandomHaze(0.5, wavelengths=[0.49, 0.66, 1.6], p=1.0)(flat).mean((0, 2, 3))
    assert hazy[0] > hazy[1] > hazy[2] >= 0.1


def test_rearrange() -> None:
    stacked = torch.rand(2, 6, 4, 5)
    series = T.Rearrange("b (t c) h w -> b t c h w", c=3)(stacked)
    assert series.shape == (2, 2, 3, 4, 5)
    assert torch.equal(T.Rearrange("b t c h w -> b (t c) h w")({"image": series})["image"], stacked)
    with pytest.raises(ConfigError, match="does not fit"):
        T.Rearrange("b (t c) h w -> b t c h w", c=4)(stacked)
    with pytest.raises(ConfigError, match="one pattern"):
        T.Rearrange(3)


def test_slide_mix_rolls_images_and_labels_alike() -> None:
    torch.manual_seed(0)
    x = torch.arange(2 * 6 * 8).float().view(2, 1, 6, 8)
    batch = {
        "image": x, "mask": x[:, 0].long(), "label": torch.tensor([3, 4]),
        "bounds": torch.zeros(2, 9), "transform": torch.zeros(2, 9),
    }  # fmt: skip
    out = T.SatSlideMix(gamma=3, p=1.0)(batch)
    assert out["image"].shape == (6, 1, 6, 8)
    assert torch.equal(out["image"][:, 0].long(), out["mask"])
    assert out["label"].tolist() == [3, 3, 3, 4, 4, 4]
    assert bool(out["bounds"].isnan().all())
    for i, rolled in enumerate(out["image"]):
        assert sorted(rolled.flatten().tolist()) == sorted(x[i // 3].flatten().tolist())
    still = T.SatSlideMix(gamma=2, p=0.0)(x)
    assert torch.equal(still, x.repeat_interleave(2, 0))
    in_chain = T.Augmentation(T.SatSlideMix(gamma=2, p=1.0))(batch)
    assert torch.equal(in_chain["image"][:, 0].long(), in_chain["mask"])
    with pytest.raises(ConfigError, match="gamma is 0"):
        T.SatSlideMix(0)


def series() -> dict[str, Tensor]:
    dates = torch.arange(5).expand(3, 5)
    image = dates.float()[:, :, None, None, None].expand(3, 5, 2, 4, 4) + 1
    return {"image": image.clone(), "dates": dates.clone(), "mask": torch.zeros(3, 4, 4)}


def test_dates_keep_their_images() -> None:
    torch.manual_seed(0)
    for transform in (T.RandomTemporalShuffle(p=1.0), T.RandomTemporalDropout(0.6, p=1.0)):
        out = transform(series())
        assert torch.equal(out["image"][:, :, 0, 0, 0], out["dates"].float() + 1)
        assert out["mask"].shape == (3, 4, 4)
    assert out["image"].shape[1] < 5
    assert bool((out["dates"].diff(dim=1) > 0).all()), "dropout keeps the order"


def test_temporal_mask_blots_out_dates_and_leaves_one() -> None:
    torch.manual_seed(0)
    out = T.RandomTemporalMask(1.0, fill=-1.0, p=1.0)(series())["image"]
    gone = (out == -1).flatten(2).all(2)
    assert gone.sum(1).tolist() == [4, 4, 4]
    with pytest.raises(ConfigError, match="expected a series"):
        T.RandomTemporalMask()(torch.rand(2, 3, 4, 4))
