"""The plain vision transformer behind models that make their own patch embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from swath.errors import ConfigError
from swath.models.intermediates import deliver

__all__ = ["TokenViT", "resample_positions", "sincos", "sincos_grid", "square_grid"]


def sincos(positions: Tensor, dim: int) -> Tensor:
    """Positions (...,) to (..., dim): sines, then cosines, of angular frequencies 1 to 1/10000.

    As in "Attention is all you need" (https://arxiv.org/abs/1706.03762), the halves not
    interleaved. It is 32-bit arithmetic whatever autocast says, since published weights were
    trained on its rounding: a radian more or less is all that tells neighbouring wavelengths apart.
    """
    steps = torch.arange(dim // 2, dtype=torch.float32, device=positions.device)
    angles = positions.float()[..., None] * (1.0 / 10000 ** (steps / (dim / 2)))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def sincos_grid(side: int, dim: int) -> Tensor:
    """Embeddings (side · side, dim) of the cells of a square, row by row: columns, then rows."""
    steps = torch.arange(side, dtype=torch.float32)
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    halves = [sincos(columns.flatten(), dim // 2), sincos(rows.flatten(), dim // 2)]
    return torch.cat(halves, dim=1)


def square_grid(img_size: int, patch_size: int) -> int:
    """Patches along a side of the square image that a network's positions are made for.

    Raises:
        ConfigError: `img_size` is not a multiple of `patch_size`.
    """
    if img_size < patch_size or img_size % patch_size:
        below = max(img_size // patch_size, 1) * patch_size
        raise ConfigError(
            f"img_size is {img_size}: expected a multiple of the patch, {patch_size}, such as "
            f"{below} or {below + patch_size} (images of other sizes can be fed all the same)"
        )
    return img_size // patch_size


def resample_positions(
    tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], name: str = "pos_embed"
) -> dict[str, Tensor]:
    """A checkpoint's tensors with its positions resampled to the model's grid, where it differs."""
    found = dict(tensors)
    if name not in found or name not in own or found[name].ndim != 3:
        return found
    old, new = (round((t[name].shape[1] - 1) ** 0.5) for t in (found, own))
    square = old * old + 1 == found[name].shape[1]
    if square and old != new and found[name].shape[2] == own[name].shape[2]:
        with torch.no_grad():
            found[name] = resample_abs_pos_embed(found[name], [new, new]).to(found[name].dtype)
    return found


class TokenViT(nn.Module):
    """Class token, positions, transformer blocks and head: all but the patch embedding.

    Subclasses have a method that turns an image into tokens (B, h · w, embed_dim). Parameters are
    called as in timm's VisionTransformer.

    Attributes:
        feature_info: For each block ``num_chs``, ``reduction`` (pixels a cell) and ``module``.
        patch_size: Side of a patch in pixels.
        bands: Names of the channels, where somebody said (see the subclass's `set_bands`).

    Args:
        img_size: Side of the image that the learned positions are for; a multiple of `patch_size`.
        patch_size: Side of a patch in pixels.
        embed_dim: Channels of a token.
        depth: Blocks.
        num_heads: Heads of a block.
        mlp_ratio: Hidden channels of a block's MLP, in multiples of `embed_dim`.
        norm_layer: Called with the number of channels.
        num_classes: Of the linear head; 0 for none.
        global_pool: Mean of the patches, normalised (``fc_norm``), instead of the class token of
            normalised tokens (``norm``).
        drop_rate: Dropout before the head.
        layer_scale: Initial value of LayerScale; None for none.
        fixed_positions: Sines and cosines that are not trained, instead of a parameter that is.

    Raises:
        ConfigError: Sizes that do not go together.
    """

    bands: tuple[str, ...]

    def __init__(
        self,
        *,
        img_size: int,
        patch_size: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        mlp_ratio: float,
        norm_layer: Any,
        num_classes: int = 0,
        global_pool: bool = False,
        drop_rate: float = 0.0,
        layer_scale: float | None = None,
        fixed_positions: bool = True,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads or embed_dim % 4:
            raise ConfigError(
                f"embed_dim is {embed_dim}: expected a multiple of num_heads ({num_heads}) and of 4"
            )
        self.img_size, self.patch_size, self.embed_dim = img_size, patch_size, embed_dim
        self.num_classes, self.global_pool = num_classes, global_pool
        self.grid_size = square_grid(img_size, patch_size)
        self.num_patches = self.grid_size**2
        self.bands = ()
        self.grad_checkpointing = False
        self.feature_info = [
            {"num_chs": embed_dim, "reduction": patch_size, "module": f"blocks.{i}"}
            for i in range(depth)
        ]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(
            torch.zeros(1, 1 + self.num_patches, embed_dim), requires_grad=not fixed_positions
        )
        self.blocks = nn.ModuleList(
            Block(
                embed_dim, num_heads, mlp_ratio, qkv_bias=True, norm_layer=norm_layer,
                init_values=layer_scale,
            )
            for _ in range(depth)
        )  # fmt: skip
        if global_pool:
            self.fc_norm = norm_layer(embed_dim)
        else:
            self.norm = norm_layer(embed_dim)
        self.head_drop = nn.Dropout(drop_rate)
        self.head = nn.Linear(embed_dim, num_classes) if num_classes else nn.Identity()
        nn.init.normal_(self.cls_token, std=0.02)
        if fixed_positions:
            with torch.no_grad():
                self.pos_embed[0, 1:] = sincos_grid(self.grid_size, embed_dim)
        else:
            nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the blocks again in the backward pass instead of keeping what they computed."""
        self.grad_checkpointing = enable

    def place(self, tokens: Tensor, grid: tuple[int, int], extra: Tensor | None = None) -> Tensor:
        """Class token in front, positions added; positions are interpolated for another grid.

        Args:
            tokens: (B, h · w, D).
            grid: (h, w).
            extra: (B, 1, D), added to every token.
        """
        positions = resample_abs_pos_embed(
            self.pos_embed, list(grid), [self.grid_size, self.grid_size]
        )
        tokens = torch.cat([self.cls_token.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        tokens = tokens + positions
        return tokens if extra is None else tokens + extra

    def transform(self, tokens: Tensor) -> list[Tensor]:
        """(B, 1 + h · w, D) after each block."""
        found = []
        for block in self.blocks:
            if self.grad_checkpointing and self.training and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
            found.append(tokens)
        return found

    def pool(self, tokens: Tensor) -> Tensor:
        """(B, 1 + h · w, D) to the image's (B, D), normalised."""
        pooled: Tensor
        if self.global_pool:
            pooled = self.fc_norm(tokens[:, 1:].mean(dim=1))
        else:
            pooled = self.norm(tokens)[:, 0]
        return pooled

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Features (B, D) to logits (B, num_classes), or back as they are with `pre_logits`."""
        x = self.head_drop(x)
        logits: Tensor = x if pre_logits else self.head(x)
        return logits

    def intermediates(
        self,
        tokens: Tensor,
        grid: tuple[int, int],
        indices: int | Sequence[int] | None,
        norm: bool,
        output_fmt: str,
        intermediates_only: bool,
    ) -> Any:
        """What `forward_intermediates` of a subclass gives back, from placed tokens.

        Raises:
            ConfigError: There is no such block, or no such format.
        """
        if output_fmt not in ("NCHW", "NHWC", "NLC"):
            raise ConfigError(f"output_fmt is {output_fmt!r}: expected 'NCHW', 'NHWC' or 'NLC'")
        every = self.transform(tokens)
        maps = []
        for found in deliver(None, every, indices, intermediates_only=True):
            patches = found[:, 1:]
            if norm:
                patches = (self.fc_norm if self.global_pool else self.norm)(patches)
            if output_fmt != "NLC":
                patches = patches.reshape(patches.shape[0], *grid, -1)
            maps.append(patches.permute(0, 3, 1, 2) if output_fmt == "NCHW" else patches)
        return maps if intermediates_only else (self.pool(every[-1]), maps)
