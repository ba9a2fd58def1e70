"""Two views of every image: two dates or one, each augmented its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from kornia.augmentation import (
    AugmentationSequential,
    RandomGaussianBlur,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
)
from torch import Tensor, nn

from swath.errors import BandError, ConfigError, UnsupportedDataError
from swath.transforms import Augmentation, RandomBandJitter, RandomExposure, RandomGrayscale

__all__ = ["augmented", "one_date", "recipe", "two_dates"]


def recipe(
    size: int,
    channels: int,
    grayscale_weights: Any = None,
    *,
    crop: float = 0.08,
    exposure: float = 0.4,
    blur: float = 0.5,
) -> Augmentation:
    """What the papers do to a photograph, for any number of bands on any scale.

    A crop, flips in both directions (there is no up from above), brightness and contrast of all
    bands, a gain of each band (in place of saturation and hue), grey, blur. Solarisation is left
    out: it has no meaning for reflectances.

    Args:
        size: Of a view in pixels.
        channels: Bands.
        grayscale_weights: One a band; the mean of the bands if left out.
        crop: Least share of the area that a view shows.
        exposure: Strength of brightness and contrast.
        blur: Share of the views that are blurred.

    Raises:
        ConfigError: A size that is not positive.
        BandError: Not as many weights as bands.
    """
    if size < 1:
        raise ConfigError(f"size is {size}: expected pixels, 1 or more")
    weights = torch.ones(channels) if grayscale_weights is None else grayscale_weights
    weights = torch.as_tensor(weights, dtype=torch.float32)
    if len(weights) != channels:
        raise BandError(
            f"grayscale_weights has {len(weights)} entries for {channels} bands: expected one each"
        )
    members: list[nn.Module] = [
        RandomResizedCrop((size, size), scale=(crop, 1.0)),
        RandomHorizontalFlip(), RandomVerticalFlip(),
        RandomExposure(exposure, exposure, p=0.8),
    ]  # fmt: skip
    if channels > 1:
        members += [RandomBandJitter(0.1, p=0.8), RandomGrayscale(weights, p=0.2)]
    kernel = max(int(size * 0.1) // 2 * 2 + 1, 3)
    if blur and size > kernel:
        members.append(RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=blur))
    return Augmentation(*members)


def two_dates(image: Tensor, channels: int, shuffled: bool) -> tuple[Tensor, Tensor]:
    """The two images (B, C, H, W) that the views are made of.

    Args:
        image: (B, C, H, W), the same image twice; (B, 2 C, H, W), two dates one after the other; or
            (B, T, C, H, W), two of T dates.
        channels: C.
        shuffled: Draw two different dates for each image, instead of taking the first two.

    Raises:
        BandError: Another number of bands.
    """
    if image.ndim == 5 and image.shape[2] == channels:
        b, t = image.shape[:2]
        if t == 1:
            return image[:, 0], image[:, 0]
        if not shuffled:
            return image[:, 0], image[:, 1]
        dates = torch.rand(b, t).argsort(1)[:, :2].to(image.device)
        rows = torch.arange(b, device=image.device)
        return image[rows, dates[:, 0]], image[rows, dates[:, 1]]
    if image.ndim == 4 and image.shape[1] == channels:
        return image, image
    if image.ndim == 4 and image.shape[1] == 2 * channels:
        return image[:, :channels], image[:, channels:]
    raise BandError(
        f"the batch's image has the shape {tuple(image.shape)}: expected (B, {channels}, H, W), or "
        f"two dates as (B, 2, {channels}, H, W) or (B, {2 * channels}, H, W); say how many bands "
        "there are with in_channels or bands"
    )


def one_date(image: Tensor, channels: int, shuffled: bool) -> Tensor:
    """As `two_dates`, for what needs one image alone."""
    return two_dates(image, channels, shuffled)[0]


@torch.no_grad()
def augmented(members: Sequence[nn.Module], images: Sequence[Tensor]) -> list[Tensor]:
    """Each image through its own augmentation, on the image's device.

    An augmentation takes (B, C, H, W), or a batch as `swath.transforms.Augmentation` and Kornia's
    ``AugmentationSequential(data_keys=None)`` do.

    Raises:
        UnsupportedDataError: What comes out is no batch of images.
    """
    views = []
    for member, image in zip(members, images, strict=True):
        member = member.to(image.device)
        whole = isinstance(member, Augmentation) or (
            isinstance(member, AugmentationSequential) and member.data_keys is None
        )
        view = member({"image": image})["image"] if whole else member(image)
        if not isinstance(view, Tensor) or view.ndim != 4 or view.shape[:2] != image.shape[:2]:
            found = tuple(view.shape) if isinstance(view, Tensor) else type(view).__name__
            raise UnsupportedDataError(
                f"{type(member).__name__} made {found} of {tuple(image.shape)}: expected a batch "
                "of as many images with the same bands"
            )
        views.append(view)
    return views
