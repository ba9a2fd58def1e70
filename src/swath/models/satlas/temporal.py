"""Several images of one place: in as (B, T, C, H, W) or with time folded into channels, one out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from swath.errors import BandError, ConfigError

__all__ = ["max_over_time", "pad_images", "split_time"]


def pad_images(images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Places with different numbers of images as one batch.

    Args:
        images: One tensor (T, C, H, W) a place; T may differ, C, H and W may not.

    Returns:
        Images (B, T, C, H, W), with zeros after the last of each place, and the mask (B, T) that
        is True where there is an image. No model here lets the zeros touch its result.

    Raises:
        ConfigError: A place has no image, or sizes differ.
    """
    if not images:
        raise ConfigError("there are no images: expected one tensor (T, C, H, W) a place")
    shapes = [tuple(i.shape) for i in images]
    if any(len(s) != 4 or s[0] == 0 or s[1:] != shapes[0][1:] for s in shapes):
        raise ConfigError(
            f"the places have the shapes {shapes[:8]}: expected (T, C, H, W) with T of at least 1 "
            "and the same C, H and W"
        )
    most = max(s[0] for s in shapes)
    batch = images[0].new_zeros(len(images), most, *shapes[0][1:])
    mask = torch.zeros(len(images), most, dtype=torch.bool, device=batch.device)
    for i, image in enumerate(images):
        batch[i, : image.shape[0]] = image
        mask[i, : image.shape[0]] = True
    return batch, mask


def split_time(x: Tensor, channels: int, *, multi_image: bool) -> Tensor:
    """Images (B, T, C, H, W), or (B, T·C, H, W) folded image by image, as (B, T, C, H, W).

    Args:
        x: The images.
        channels: C.
        multi_image: More than one image is allowed.

    Raises:
        BandError: Not a multiple of `channels`.
        ConfigError: Several images for a model of single ones, or no batch of images at all.
    """
    if x.ndim == 5:
        if x.shape[2] != channels:
            raise BandError(
                f"the images are {tuple(x.shape)}: expected (B, T, C, H, W) with C = {channels}"
            )
    elif x.ndim == 4:
        if x.shape[1] % channels or x.shape[1] == 0:
            images = f"{channels} a image, times the number of images" if multi_image else channels
            raise BandError(f"the image has {x.shape[1]} channels: expected {images}")
        x = x.reshape(x.shape[0], -1, channels, *x.shape[2:])
    else:
        raise ConfigError(
            f"the images are {tuple(x.shape)}: expected (B, C, H, W), (B, T, C, H, W) or "
            "(B, T·C, H, W)"
        )
    if x.shape[1] != 1 and not multi_image:
        raise ConfigError(
            f"there are {x.shape[1]} images of each place and the model is for single ones: give "
            "it one, or take a model with multi_image=True (MI in the names of SatlasPretrain)"
        )
    return x


def max_over_time(
    maps: Callable[[Tensor], Sequence[Tensor]], x: Tensor, mask: Tensor | None = None
) -> list[Tensor]:
    """Feature maps of every image by itself, then their maximum over the images of a place.

    Args:
        maps: From images (N, C, H, W) to feature maps (N, c, h, w).
        x: Images (B, T, C, H, W).
        mask: (B, T), True where there is an image: the others are not even looked at, so that
            batch statistics do not see them either.

    Returns:
        Feature maps (B, c, h, w).

    Raises:
        ConfigError: The mask does not fit, or leaves a place without an image.
    """
    batch, times = x.shape[:2]
    if mask is None:
        if times == 1:
            return list(maps(x[:, 0]))
        return [m.reshape(batch, times, *m.shape[1:]).amax(1) for m in maps(x.flatten(0, 1))]
    if mask.shape != x.shape[:2]:
        raise ConfigError(f"the mask is {tuple(mask.shape)}: expected (B, T) = {(batch, times)}")
    there = mask.to(device=x.device, dtype=torch.bool)
    if torch.compiler.is_compiling():  # shapes that follow from values cannot be traced
        found = maps(x.masked_fill(~there[:, :, None, None, None], 0).flatten(0, 1))
        hidden = ~there[:, :, None, None, None]
        return [
            m.reshape(batch, times, *m.shape[1:]).masked_fill(hidden, -torch.inf).amax(1)
            for m in found
        ]
    empty = (~there.any(1)).nonzero().flatten().tolist()
    if empty:
        raise ConfigError(f"the mask leaves no image of the places {empty[:8]} of the batch")
    pooled = []
    for m in maps(x[there]):
        spread = m.new_full((batch * times, *m.shape[1:]), -torch.inf)
        spread[there.flatten()] = m
        pooled.append(spread.reshape(batch, times, *m.shape[1:]).amax(1))
    return pooled
