"""The U-Net as it was published, with today's norms and for any size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from swath.errors import ConfigError

__all__ = ["PlainUNet"]

_NORMS = ("batch", "group", "instance", "none")
_UPSAMPLING = ("transposed", "bilinear")


class PlainUNet(nn.Module):
    """U-Net without a pre-trained encoder: (B, C, H, W) to (B, num_classes, H, W), any H and W.

    Two convolutions a level, a pooling between levels, and one level more below the last of
    `features`, with twice its width; on the way up each level sees its own maps again. Unlike in
    the paper convolutions are padded, so that the output is as large as the input.
    Source: Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597.

    Args:
        in_channels: Bands of the image.
        num_classes: Channels that come out.
        features: Width of each level, from full resolution downwards.
        norm: ``"batch"``, ``"group"`` (at most 8 groups: for small batches), ``"instance"`` or
            ``"none"``. The norms of single images want more than one pixel at the deepest level.
        upsampling: ``"transposed"`` convolution, or ``"bilinear"`` and a convolution of 1 × 1.
        dropout: Share of the deepest level's channels that training leaves out.

    Raises:
        ConfigError: No levels, or an unknown `norm` or `upsampling`.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        features: Sequence[int] = (64, 128, 256, 512),
        *,
        norm: str = "batch",
        upsampling: str = "transposed",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if norm not in _NORMS or upsampling not in _UPSAMPLING or not features:
            raise ConfigError(
                f"features {tuple(features)}, norm {norm!r}, upsampling {upsampling!r}: expected "
                f"one width or more, a norm of {_NORMS} and upsampling of {_UPSAMPLING}"
            )
        widths = [in_channels, *features, 2 * features[-1]]
        self.down = nn.ModuleList(_double(a, b, norm) for a, b in pairwise(widths[:-1]))
        # a last row or column of its own is kept: no size is too small or odd
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.bottom = nn.Sequential(_double(widths[-2], widths[-1], norm), nn.Dropout2d(dropout))
        self.up = nn.ModuleList(
            _upsample(b, a, upsampling) for a, b in zip(widths[-2:0:-1], widths[:1:-1], strict=True)
        )
        self.join = nn.ModuleList(_double(2 * a, a, norm) for a in widths[-2:0:-1])
        self.head = nn.Conv2d(features[0], num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, num_classes, H, W)."""
        skips: list[Tensor] = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for rise, join, skip in zip(self.up, self.join, reversed(skips), strict=True):
            x = rise(x)[..., : skip.shape[-2], : skip.shape[-1]]
            x = join(torch.cat([skip, x], dim=1))
        found: Tensor = self.head(x)
        return found


def _double(channels: int, width: int, norm: str) -> nn.Sequential:
    """Twice: convolution, norm, ReLU."""
    layers: list[nn.Module] = []
    for before in (channels, width):
        layers += [
            nn.Conv2d(before, width, 3, padding=1, bias=norm == "none"),
            *_norm(norm, width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _norm(norm: str, width: int) -> list[nn.Module]:
    if norm == "batch":
        return [nn.BatchNorm2d(width)]
    if norm == "instance":
        return [nn.InstanceNorm2d(width, affine=True)]
    if norm == "group":
        groups = max(g for g in range(1, 9) if width % g == 0)
        return [nn.GroupNorm(groups, width)]
    return []


def _upsample(before: int, width: int, how: str) -> nn.Module:
    if how == "transposed":
        return nn.ConvTranspose2d(before, width, 2, stride=2)
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(before, width, 1))
