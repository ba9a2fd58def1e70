"""Views of images: of one date or two, for any bands, on any scale of values."""

from __future__ import annotations

import pytest
import torch
from kornia.augmentation import AugmentationSequential, RandomHorizontalFlip
from torch import nn

from swath.errors import BandError, ConfigError, UnsupportedDataError
from swath.trainers.ssl_views import augmented, recipe, two_dates
from swath.transforms import Augmentation, RandomExposure


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
def test_the_recipe_takes_any_bands_and_values(channels: int) -> None:
    torch.manual_seed(0)
    image = torch.randn(4, channels, 40, 48) * 1000 - 500
    view = recipe(32, channels)({"image": image})["image"]
    assert view.shape == (4, channels, 32, 32)
    assert view.isfinite().all()
    assert view.min() < -500  # nothing is cut off at 0
    assert not torch.equal(view[0], view[1])


def test_exposure_does_not_depend_on_the_scale() -> None:
    image = torch.rand(3, 5, 8, 8)
    transform = RandomExposure(0.4, 0.4, p=1.0)
    torch.manual_seed(0)
    one = transform(image)
    torch.manual_seed(0)
    other = transform(image * 7 - 30)
    torch.testing.assert_close(other, one * 7 - 30, rtol=1e-4, atol=1e-3)
    # every band is (x - mean) f + mean + b std, with the same f and b
    before, after = image.flatten(2), one.flatten(2)
    f = after.std(2, correction=0) / before.std(2, correction=0)
    b = (after.mean(2) - before.mean(2)) / before.std(2, correction=0)
    torch.testing.assert_close(f, f[:, :1].expand_as(f))
    torch.testing.assert_close(b, b[:, :1].expand_as(b), rtol=1e-3, atol=1e-4)
    assert ((f > 0.6) & (f < 1.4)).all()
    assert (b.abs() < 0.4).all()


def test_exposure_leaves_nodata_alone() -> None:
    image = torch.rand(2, 3, 8, 8)
    image[0, :, :4] = torch.nan
    found = RandomExposure(p=1.0)(image)
    assert torch.equal(found.isnan(), image.isnan())
    with pytest.raises(ConfigError, match=r"contrast is 1\.5"):
        RandomExposure(0.4, 1.5)


def test_two_dates_are_the_two_views() -> None:
    dates = torch.rand(3, 2, 4, 8, 8)
    for image in (dates, dates.flatten(1, 2)):
        one, two = two_dates(image, 4, shuffled=False)
        assert torch.equal(one, dates[:, 0])
        assert torch.equal(two, dates[:, 1])
    one, two = two_dates(dates[:, 0], 4, shuffled=True)
    assert one is two
    one, two = two_dates(dates[:, :1], 4, shuffled=True)
    assert torch.equal(one, two)


def test_of_many_dates_two_different_ones_are_drawn() -> None:
    torch.manual_seed(0)
    image = torch.arange(5.0).view(1, 5, 1, 1, 1).expand(200, 5, 2, 4, 4)
    one, two = (part[:, 0, 0, 0] for part in two_dates(image, 2, shuffled=True))
    assert (one != two).all()
    assert set(one.tolist()) == set(two.tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}


def test_wrong_bands_are_told() -> None:
    for image in (torch.zeros(2, 3, 8, 8), torch.zeros(2, 2, 3, 8, 8)):
        with pytest.raises(BandError, match="in_channels or bands"):
            two_dates(image, 4, shuffled=False)
    with pytest.raises(BandError, match="grayscale_weights has 3 entries for 4 bands"):
        recipe(8, 4, [0.3, 0.5, 0.2])


@pytest.mark.parametrize(
    "member",
    [
        RandomHorizontalFlip(p=1.0),
        AugmentationSequential(RandomHorizontalFlip(p=1.0), data_keys=["input"]),
        AugmentationSequential(RandomHorizontalFlip(p=1.0), data_keys=None),
        Augmentation(RandomHorizontalFlip(p=1.0)),
        nn.Sequential(RandomHorizontalFlip(p=1.0)),
    ],
)
def test_anybodys_augmentation_is_taken(member: nn.Module) -> None:
    image = torch.rand(2, 5, 8, 8)
    (view,) = augmented([member], [image])
    torch.testing.assert_close(view, image.flip(-1))


def test_an_augmentation_that_makes_something_else() -> None:
    with pytest.raises(UnsupportedDataError, match="Flatten made"):
        augmented([nn.Flatten()], [torch.rand(2, 3, 8, 8)])
