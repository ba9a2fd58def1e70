"""What goes into a network: are its dimensions right, and is it as large as the strides want."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import BandError, ConfigError

__all__ = ["check_image", "check_series", "is_traced", "pad_images", "pad_to_multiple"]


def check_image(x: Tensor, channels: int | None = None, what: str = "the image") -> None:
    """Raise unless `x` is (B, C, H, W) with that many channels.

    Raises:
        ConfigError: Other dimensions.
        BandError: Another number of channels.
    """
    _check(x, "(B, C, H, W)", 4, what)
    _check_channels(x, channels, "(B, C, H, W)", what)


def check_series(
    x: Tensor, channels: int | None = None, dates: int | None = None, what: str = "the series"
) -> None:
    """Raise unless `x` is (B, T, C, H, W) with that many dates and channels.

    Raises:
        ConfigError: Other dimensions, or another number of dates.
        BandError: Another number of channels.
    """
    _check(x, "(B, T, C, H, W)", 5, what)
    if dates is not None and x.shape[1] != dates:
        raise ConfigError(
            f"{what} has the shape {tuple(x.shape)} and so {x.shape[1]} dates: expected "
            f"(B, T, C, H, W) with T = {dates}"
        )
    _check_channels(x, channels, "(B, T, C, H, W)", what)


def pad_images(images: Tensor, size: Sequence[int]) -> Tensor:
    """Images (…, C, H, W) extended at the bottom and at the right to `size`, their border repeated.

    Zeros would look like nodata to the network, and draw means over the image to them. What has
    the size already is returned as it is.
    """
    down, right = size[0] - images.shape[-2], size[1] - images.shape[-1]
    if not down and not right:
        return images
    flat = images.reshape(-1, *images.shape[-3:])
    padded = F.pad(flat, (0, right, 0, down), mode="replicate")
    return padded.reshape(*images.shape[:-2], *padded.shape[-2:])


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """`pad_images` to multiples of `multiple` pixels."""
    height, width = x.shape[-2:]
    return pad_images(x, (height + -height % multiple, width + -width % multiple))


def is_traced() -> bool:
    """Whether a graph is being made, so that values cannot be looked at."""
    tracing: bool = torch._C._get_tracing_state() is not None
    return torch.compiler.is_compiling() or tracing


def _check(x: Tensor, expected: str, dimensions: int, what: str) -> None:
    if x.ndim != dimensions or 0 in x.shape:
        raise ConfigError(f"{what} has the shape {tuple(x.shape)}: expected {expected}, none empty")


def _check_channels(x: Tensor, channels: int | None, expected: str, what: str) -> None:
    if channels is not None and x.shape[-3] != channels:
        raise BandError(
            f"{what} has the shape {tuple(x.shape)} and so {x.shape[-3]} channels: expected "
            f"{expected} with C = {channels}; a model for {x.shape[-3]} has to be built with as "
            "many"
        )
