"""Random convolutional features: a fixed description of an image, nothing is learned.

Source: Rolf et al. 2021, https://www.nature.com/articles/s41467-021-24638-z (MOSAIKS).
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from swath.errors import BandError, ConfigError, GridError
from swath.models.dimensions import check_image
from swath.models.registry import nearest

__all__ = ["MOSAIKS", "RCF", "whiten_patches"]

#: Filters that are convolved at once: 4096 features of a large image would fill the memory.
_AT_ONCE = 256


class _Images(Protocol):
    """Anything with a length whose samples are ``dict(image=(C, H, W), …)``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def whiten_patches(patches: Tensor, min_norm: float = 1e-8, zca_bias: float = 1e-3) -> Tensor:
    """Patches as filters, as MOSAIKS makes them.

    Each patch has its mean taken off and is divided by its length; then all are multiplied by the
    inverse (regularised) covariance, which is to whiten the patches and the images that they will
    be convolved with in one step.

    Args:
        patches: (N, …) of real numbers.
        min_norm: Shorter patches (of one colour) are left as they are, all zero.
        zca_bias: Added to the covariance's eigenvalues.

    Returns:
        The same shape, float32.

    Source: https://www.nature.com/articles/s41467-021-24638-z, supplementary material.
    """
    flat = patches.detach().to("cpu", torch.float64).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    length = flat.norm(dim=1, keepdim=True)
    flat = flat / torch.where(length < min_norm, 1.0, length)
    values, vectors = torch.linalg.eigh(flat.T @ flat / flat.shape[0])
    whitened = flat @ (vectors / (values + zca_bias)) @ vectors.T
    return whitened.reshape(patches.shape).float()


class RCF(nn.Module):
    """Mean activation of random filters, and of the same filters with the opposite sign.

    With filter w and bias b, two features are the means over the image of max(0, w * x + b) and
    max(0, -(w * x + b)). Images are taken at any size from that of the filters on. Nothing can be
    trained; the filters are in the state dict.

    Args:
        in_channels: Bands.
        features: Length of the output, an even number.
        kernel_size: Side of the filters in pixels.
        bias: Added after the convolution.
        seed: Of the filters: the same number gives the same ones as in TorchGeo (but for 0,
            which is a seed like any other here). None takes PyTorch's global generator.
        mode: ``"gaussian"``: filters of standard normal numbers; ``"empirical"``: whitened
            patches of the images in `dataset` (`whiten_patches`).
        dataset: Samples ``dict(image=(C, H, W))``, where `mode` is ``"empirical"``.

    Raises:
        ConfigError: An odd number of features, an unknown mode, no dataset or an empty one.
        BandError: The images have another number of bands.
        GridError: The images are smaller than the filters.

    Source: https://www.nature.com/articles/s41467-021-24638-z.
    """

    weights: Tensor
    biases: Tensor

    def __init__(
        self,
        in_channels: int = 4,
        features: int = 16,
        kernel_size: int = 3,
        bias: float = -1.0,
        seed: int | None = None,
        mode: str = "gaussian",
        dataset: _Images | None = None,
    ) -> None:
        super().__init__()
        modes = ("gaussian", "empirical")
        if mode not in modes:
            raise ConfigError(f"mode is {mode!r}: {nearest(str(mode), modes)}")
        if features < 2 or features % 2:
            raise ConfigError(
                f"features is {features}: expected an even number from 2 on, as each filter "
                "makes two"
            )
        if in_channels < 1 or kernel_size < 1:
            raise ConfigError(
                f"in_channels is {in_channels} and kernel_size {kernel_size}: expected 1 or more"
            )
        shape = (features // 2, in_channels, kernel_size, kernel_size)
        source = None if seed is None else Generator("cpu").manual_seed(seed)
        # drawn in both modes, so that a seed means the same patches as in TorchGeo
        filters = torch.randn(shape, generator=source, device="cpu")
        if mode == "empirical":
            if dataset is None:
                raise ConfigError(
                    "mode is 'empirical' and there is no dataset: give dataset=, whose samples "
                    "are dict(image=(C, H, W))"
                )
            filters = whiten_patches(_draw_patches(dataset, shape, source))
        self.register_buffer("weights", filters)
        self.register_buffer("biases", torch.full((shape[0],), float(bias)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, features): those of the filters, then those of their opposites.

        Raises:
            BandError: Another number of channels.
            ConfigError: Other dimensions.
            GridError: The images are smaller than the filters.
        """
        channels, side = self.weights.shape[1:3]
        check_image(x, channels)
        if min(x.shape[-2:]) < side:
            raise GridError(
                f"the images are {x.shape[-2]}x{x.shape[-1]} pixels: expected {side}x{side} or "
                "more, the size of the filters"
            )
        positive, negative = [], []
        for start in range(0, len(self.weights), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            found = functional.conv2d(x, self.weights[some], self.biases[some])
            positive.append(functional.relu(found).mean((2, 3)))
            negative.append(functional.relu(-found).mean((2, 3)))
        return torch.cat(positive + negative, dim=1)


class MOSAIKS(RCF):
    """`RCF` with the filters that its paper recommends: 4x4 pixels, from patches of the images.

    Args:
        dataset: Samples ``dict(image=(C, H, W))``.
        in_channels: Bands.
        features: Length of the output, an even number.
        kernel_size: Side of the filters in pixels.
        bias: Added after the convolution.
        seed: Of the patches.

    Raises:
        ConfigError, BandError, GridError: As `RCF`.

    Source: https://www.nature.com/articles/s41467-021-24638-z.
    """

    def __init__(
        self,
        dataset: _Images,
        in_channels: int = 3,
        features: int = 4096,
        kernel_size: int = 4,
        bias: float = -1.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(in_channels, features, kernel_size, bias, seed, "empirical", dataset)


def _draw_patches(
    dataset: _Images, shape: tuple[int, int, int, int], source: Generator | None
) -> Tensor:
    """Patches (N, C, k, k) at random places of random images."""
    count, channels, side, _ = shape
    total = len(dataset)
    if not total:
        raise ConfigError("the dataset is empty: expected images to take patches from")
    height, width = _image(dataset, 0, channels, side).shape[-2:]
    # The upper limits are TorchGeo's, for the same patches from the same seed: the last row and
    # column of places are never drawn, except where there is no other.
    rows_high, columns_high = max(height - side, 1), max(width - side, 1)
    indices, rows, columns = (
        torch.randint(0, high, (count,), generator=source, device="cpu").tolist()
        for high in (total, rows_high, columns_high)
    )
    patches = torch.empty(shape, device="cpu")
    for i, (index, row, column) in enumerate(zip(indices, rows, columns, strict=True)):
        image = _image(dataset, index, channels, side)
        # images smaller than the first one: the place wraps around
        top, left = row % (image.shape[1] - side + 1), column % (image.shape[2] - side + 1)
        patches[i] = image[:, top : top + side, left : left + side]
    return patches


def _image(dataset: _Images, index: int, channels: int, side: int) -> Tensor:
    sample = dataset[index]
    if not isinstance(sample, dict) or not isinstance(sample.get("image"), Tensor):
        raise ConfigError(
            f"sample {index} of the dataset is no dict with an image: expected "
            "dict(image=(C, H, W)) of tensors"
        )
    image: Tensor = sample["image"]
    if image.ndim != 3 or image.shape[0] != channels:
        raise BandError(
            f"image {index} of the dataset has the shape {tuple(image.shape)}: expected (C, H, W) "
            f"with C = {channels}, as in_channels says"
        )
    if min(image.shape[1:]) < side:
        raise GridError(
            f"image {index} of the dataset is {image.shape[1]}x{image.shape[2]} pixels: expected "
            f"{side}x{side} or more, the size of the filters"
        )
    return image.to("cpu", torch.float32)
