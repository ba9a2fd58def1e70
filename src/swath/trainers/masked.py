"""A masked autoencoder around a ViT: most patches are hidden, and a small decoder paints them."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import checkpoint_seq
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from swath.errors import ConfigError, GridError

__all__ = ["MaskedAutoencoder", "patches_to_image", "positions", "to_patches"]


def to_patches(image: Tensor, patch: tuple[int, int]) -> Tensor:
    """(B, C, H, W) as (B, patches, p · p · C), row by row.

    Raises:
        GridError: Not a whole number of patches.
    """
    (b, c, h, w), (p, q) = image.shape, patch
    if h % p or w % q:
        raise GridError(
            f"an image of {h} × {w} pixels has no whole number of patches of {p} × {q}: expected "
            "multiples (size)"
        )
    cut = image.reshape(b, c, h // p, p, w // q, q)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(b, (h // p) * (w // q), p * q * c)


def patches_to_image(patches: Tensor, patch: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The inverse of `to_patches`, for an image of `size` pixels."""
    (h, w), (p, q) = size, patch
    cut = patches.reshape(len(patches), h // p, w // q, p, q, -1)
    return cut.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, h, w)


def positions(grid: tuple[int, int], width: int, prefix: int = 0) -> Tensor:
    """(prefix + rows · columns, width): sines and cosines of a patch's row and column.

    Half of the width says the column, half the row, in the order of the published networks of
    https://arxiv.org/abs/2111.06377; the prefix (class token) has 0.

    Raises:
        ConfigError: A width that is no multiple of 4.
    """
    if width % 4:
        raise ConfigError(f"a width of {width} cannot hold positions: expected a multiple of 4")
    rate = 10000 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in grid), indexing="ij")
    parts = [wave for axis in axes[::-1] for a in [axis.reshape(-1, 1) * rate]
             for wave in (a.sin(), a.cos())]  # fmt: skip
    found = torch.cat(parts, 1).float()
    return torch.cat([torch.zeros(prefix, width), found])


class Decoder(nn.Module):
    """Tokens of the visible patches -> pixels of all of them."""

    def __init__(self, width: int, dim: int, depth: int, heads: int, pixels: int) -> None:
        super().__init__()
        if dim < 4 or heads < 1 or dim % heads:
            raise ConfigError(
                f"decoder_dim is {dim} and decoder_num_heads is {heads}: expected a width that the "
                "heads divide"
            )
        if depth < 0:
            raise ConfigError(f"decoder_depth is {depth}: expected 0 or more")
        self.embed = nn.Linear(width, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.Sequential(*[Block(dim, heads, 4.0, qkv_bias=True) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.pixels = nn.Linear(dim, pixels)
        nn.init.normal_(self.mask_token, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor, order: Tensor, grid: tuple[int, int], prefix: int) -> Tensor:
        """(B, patches, pixels).

        Args:
            tokens: (B, prefix + visible, width).
            order: (B, patches): places of the visible patches, then of the hidden ones.
            grid: Rows and columns of patches.
            prefix: Tokens that are no patches (class token, registers).
        """
        tokens = self.embed(tokens)
        start, seen = tokens[:, :prefix], tokens[:, prefix:]
        hidden = self.mask_token.expand(len(order), order.shape[1] - seen.shape[1], -1)
        everywhere = torch.cat([seen, hidden.to(seen.dtype)], 1)
        tokens = torch.cat([start, _pick(everywhere, order.argsort(1))], 1)
        tokens = tokens + positions(grid, tokens.shape[2], prefix).to(tokens)
        found: Tensor = self.pixels(self.norm(self.blocks(tokens))[:, prefix:])
        return found


class MaskedAutoencoder(nn.Module):
    """https://arxiv.org/abs/2111.06377, for any timm ViT and any number of bands.

    ``forward`` gives the backbone's features of whole images (B, F); `masked` is what trains.

    Args:
        backbone: A timm ``VisionTransformer``.
        channels: Bands.
        dim: Width of the decoder.
        depth: Its blocks.
        heads: Its attention heads.

    Raises:
        ConfigError: No ViT; a decoder that cannot be.
    """

    def __init__(
        self, backbone: nn.Module, channels: int, dim: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        if not isinstance(backbone, VisionTransformer):
            raise ConfigError(
                f"model is a {type(backbone).__name__}: a masked autoencoder needs a ViT whose "
                "patches can be left out (timm's VisionTransformer): 'vit_small_patch16_224', …"
            )
        self.backbone = backbone
        embed: Any = backbone.patch_embed
        self.patch: tuple[int, int] = tuple(embed.patch_size)
        pixels = self.patch[0] * self.patch[1] * channels
        self.decoder = Decoder(backbone.embed_dim, dim, depth, heads, pixels)

    def fix_positions(self) -> None:
        """Give the encoder sines and cosines for positions, which are not trained (the paper's)."""
        own = self.backbone.pos_embed
        if own is None:
            return
        embed: Any = self.backbone.patch_embed
        extra = 0 if self.backbone.no_embed_class else self.backbone.num_prefix_tokens
        own.data.copy_(positions(embed.grid_size, own.shape[2], extra))
        own.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, F)."""
        found: Tensor = self.backbone(image)
        return found

    def masked(self, image: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
        """Paint an image of which `ratio` is hidden.

        Returns:
            Patches (B, N, p · p · C), in the order of `to_patches`; and (B, N), true where hidden.

        Raises:
            GridError: Not a whole number of patches, or only one.
        """
        (p, q), (h, w) = self.patch, image.shape[-2:]
        if h % p or w % q or (h // p) * (w // q) < 2:
            raise GridError(
                f"an image of {h} × {w} pixels and patches of {p} × {q}: expected several "
                "whole ones (size)"
            )
        vit, grid = self.backbone, (h // p, w // q)
        tokens = vit._pos_embed(vit.patch_embed(image))
        prefix, count = vit.num_prefix_tokens, grid[0] * grid[1]
        order = torch.rand(len(image), count, device=image.device).argsort(1)
        visible = min(max(round(count * (1 - ratio)), 1), count - 1)
        seen = _pick(tokens[:, prefix:], order[:, :visible])
        tokens = vit.norm_pre(torch.cat([tokens[:, :prefix], seen], 1))
        if vit.grad_checkpointing and self.training:
            tokens = checkpoint_seq(vit.blocks, tokens)
        else:
            tokens = vit.blocks(tokens)
        # networks that pool patches have their last norm after the pooling
        tokens = vit.fc_norm(vit.norm(tokens))
        hidden = torch.ones_like(order, dtype=torch.bool).scatter(1, order[:, :visible], False)
        return self.decoder(tokens, order, grid, prefix), hidden

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the blocks: whole images and visible patches both go through them."""
        self.backbone.blocks.compile(*args, **kwargs)
        self.decoder.compile(*args, **kwargs)


def _pick(tokens: Tensor, places: Tensor) -> Tensor:
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))
