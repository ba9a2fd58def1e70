"""Patch embeddings whose kernels a small transformer writes, one for each channel's description."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError

__all__ = ["DynamicPatchEmbed", "resize_kernel"]

#: Tokens that the generator reads beside the channels.
_WEIGHT_TOKENS = 128
_HEADS = 4
#: What comes out of the generator is made small: patch embeddings start near zero.
_SCALE = 0.01


class ResidualMLP(nn.Module):
    """x + relu(w2 relu(w1 x))."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(dim, dim)
        self.w2 = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) to the same."""
        return x + F.relu(self.w2(F.relu(self.w1(x))))


class WeightGenerator(nn.Module):
    """Descriptions of channels (C, dim) to their kernels (C, outputs) and one bias (embed_dim).

    A transformer without positions reads learned tokens, the channels and one token for the bias;
    each channel's kernel follows from what it says of that channel and the description itself.
    """

    def __init__(self, dim: int, outputs: int, embed_dim: int) -> None:
        super().__init__()
        self.weight_tokens = nn.Parameter(torch.empty(_WEIGHT_TOKENS, dim))
        self.bias_token = nn.Parameter(torch.empty(1, dim))
        layer = nn.TransformerEncoderLayer(dim, _HEADS, dropout=0.0, activation="gelu")
        self.transformer_encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.fc_weight = nn.Linear(dim, outputs)
        self.fc_bias = nn.Linear(dim, embed_dim)
        nn.init.normal_(self.weight_tokens, std=0.02)
        nn.init.normal_(self.bias_token, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """(C, dim) to (C, outputs) and (embed_dim,)."""
        read = torch.cat([self.weight_tokens, channels, self.bias_token])
        said = self.transformer_encoder(read)
        kernels = self.fc_weight(said[_WEIGHT_TOKENS:-1] + channels)
        return kernels, self.fc_bias(said[-1])


class DynamicPatchEmbed(nn.Module):
    """An image and a description of each channel to tokens.

    The convolution has the kernels that the generator writes. Its padding is one pixel on all
    sides, which is how the published weights were trained: a patch is the square one pixel above
    and to the left of its place, and the last row and column of pixels is not seen.

    Args:
        dim: Numbers that describe a channel; a multiple of 4.
        kernel_size: Side of a patch in pixels, for which kernels are written.
        embed_dim: Channels of a token.
        language_dim: Length of the language embeddings that describe channels, where they do.

    Raises:
        ConfigError: `dim` is no multiple of 4.
    """

    def __init__(
        self, dim: int, kernel_size: int, embed_dim: int, language_dim: int | None = None
    ) -> None:
        super().__init__()
        if dim % _HEADS or dim <= 0:
            raise ConfigError(
                f"the dimension of the weight generator is {dim}: expected a multiple of {_HEADS}"
            )
        self.dim, self.kernel_size, self.embed_dim = dim, kernel_size, embed_dim
        if language_dim is not None:
            self.language_proj = nn.Linear(language_dim, dim)
        self.weight_generator = WeightGenerator(dim, kernel_size**2 * embed_dim, embed_dim)
        self.fclayer = ResidualMLP(dim)

    def kernels(self, channels: Tensor, kernel_size: int | None = None) -> tuple[Tensor, Tensor]:
        """Descriptions (C, dim) to a kernel (embed_dim, C, k, k) and a bias (embed_dim,).

        Args:
            channels: One row a channel.
            kernel_size: Side to resize the kernels to.
        """
        written, bias = self.weight_generator(self.fclayer(channels))
        k = self.kernel_size
        kernel = written.reshape(-1, k, k, self.embed_dim).permute(3, 0, 1, 2)
        if kernel_size is not None and kernel_size != k:
            kernel = resize_kernel(kernel, kernel_size)
        return kernel * _SCALE, bias * _SCALE

    def forward(
        self, x: Tensor, channels: Tensor, kernel_size: int | None = None
    ) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (B, h · w, embed_dim), and (h, w).

        Args:
            x: (B, C, H, W).
            channels: Descriptions (C, dim).
            kernel_size: Side of a patch in pixels, where it is not the native one.
        """
        kernel, bias = self.kernels(channels.to(self.fclayer.w1.weight.dtype), kernel_size)
        found = F.conv2d(x, kernel, bias, stride=kernel.shape[-1], padding=1)
        return found.flatten(2).transpose(1, 2), (found.shape[2], found.shape[3])


def resize_kernel(kernel: Tensor, size: int) -> Tensor:
    """A patch embedding's kernel for patches of another size.

    The pseudo-inverse of resizing images, so that a resized patch gives nearly the same token
    ("PI-resize" of FlexiViT, https://arxiv.org/abs/2212.08013; bicubic, antialiased).

    Args:
        kernel: (out, in, k, k).
        size: New k.
    """
    build = _inverse.__wrapped__ if torch.compiler.is_compiling() else _inverse
    matrix = build(kernel.shape[-1], size).to(kernel)
    return (kernel.flatten(2) @ matrix).reshape(*kernel.shape[:2], size, size)


@cache
def _inverse(old: int, new: int) -> Tensor:
    """(old², new²): what makes kernels of `new` pixels from those of `old`."""
    pixels = torch.eye(old * old, device="cpu").reshape(old * old, 1, old, old)
    resized = F.interpolate(
        pixels, size=(new, new), mode="bicubic", antialias=True, align_corners=False
    )
    return torch.linalg.pinv(resized.flatten(1)).T.contiguous()
