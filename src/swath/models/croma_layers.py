"""The transformer of CROMA: attention with a bias by distance, within one sensor and across two."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["JointTransformer", "PatchEncoder", "alibi", "gap_head"]


def alibi(height: int, width: int, heads: int) -> Tensor:
    """(1, heads, N, N): minus slope times distance, for the N = height · width cells of a grid.

    Distances are Euclidean, in cells, between cells row by row; head h = 1…H has the slope
    2^(-8h/H). Source: 2D-ALiBi in https://arxiv.org/abs/2311.00566, after
    https://arxiv.org/abs/2108.12409. For any number of heads, while others want an even one.
    """
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = y.flatten().double(), x.flatten().double()
    distance = ((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2).sqrt()
    slope = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=torch.float64) / heads)
    return -(slope[:, None, None] * distance)[None].float()


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, heads: int) -> Tensor:
    """Scaled dot products of (B, N, D) in heads of equal width, plus a bias."""
    q, k, v = (t.view(*t.shape[:2], heads, -1).transpose(1, 2) for t in (q, k, v))
    out = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
    return out.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Norm, attention with a bias, projection."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)
        self.input_norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        q, k, v = self.to_qkv(self.input_norm(x)).chunk(3, -1)
        out: Tensor = self.to_out(_attend(q, k, v, bias, self.heads))
        return out


class CrossAttention(nn.Module):
    """The same, with keys and values of another sequence, which goes through the same norm."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(dim, dim, bias=False)
        self.to_v = nn.Linear(dim, dim, bias=False)
        self.to_out = nn.Linear(dim, dim)
        self.input_norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """(B, N, D) and a context (B, N, D) to (B, N, D)."""
        context = self.input_norm(context)
        q, k, v = self.to_q(self.input_norm(x)), self.to_k(context), self.to_v(context)
        out: Tensor = self.to_out(_attend(q, k, v, bias, self.heads))
        return out


class FeedForward(nn.Module):
    """Norm and two layers, four times as wide between."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # the third place is a dropout's, which is never on
        self.net = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Identity(), nn.Linear(4 * dim, dim)
        )
        self.input_norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        out: Tensor = self.net(self.input_norm(x))
        return out


class Transformer(nn.Module):
    """Blocks of self-attention and feed-forward, each added to its input, and a norm."""

    def __init__(self, depth: int, dim: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([SelfAttention(dim, heads), FeedForward(dim)]) for _ in range(depth)
        )
        self.norm_out = nn.LayerNorm(dim)

    def blocks(self, x: Tensor, bias: Tensor) -> list[Tensor]:
        """The input, and the tokens (B, N, D) after each block."""
        found = [x]
        for layer in self.layers:
            attention, feed_forward = cast(nn.ModuleList, layer)
            x = x + attention(x, bias)
            x = x + feed_forward(x)
            found.append(x)
        return found


class PatchEncoder(nn.Module):
    """Patches, linearly embedded, through a `Transformer`."""

    def __init__(self, channels: int, patch: int, depth: int, dim: int, heads: int) -> None:
        super().__init__()
        self.patch = patch
        self.linear_input = nn.Linear(channels * patch**2, dim)
        self.transformer = Transformer(depth, dim, heads)

    def blocks(self, image: Tensor, bias: Tensor) -> list[Tensor]:
        """The tokens (B, N, D) after each block, before the norm."""
        return self._all(image, bias)[1:]

    def _all(self, image: Tensor, bias: Tensor) -> list[Tensor]:
        batch, channels, height, width = image.shape
        p = self.patch
        cells = image.reshape(batch, channels, height // p, p, width // p, p)
        flat = cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return self.transformer.blocks(self.linear_input(flat), bias)

    def forward(self, image: Tensor, bias: Tensor) -> Tensor:
        """(B, C, H, W) to (B, N, D)."""
        out: Tensor = self.transformer.norm_out(self._all(image, bias)[-1])
        return out


class JointTransformer(nn.Module):
    """Blocks of self-attention, attention to a context and feed-forward, and a norm."""

    def __init__(self, depth: int, dim: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([SelfAttention(dim, heads), CrossAttention(dim, heads), FeedForward(dim)])
            for _ in range(depth)
        )
        self.norm_out = nn.LayerNorm(dim)

    def blocks(self, x: Tensor, context: Tensor, bias: Tensor) -> list[Tensor]:
        """The tokens (B, N, D) after each block, before the norm."""
        return self._all(x, context, bias)[1:]

    def _all(self, x: Tensor, context: Tensor, bias: Tensor) -> list[Tensor]:
        found = [x]
        for layer in self.layers:
            attention, cross, feed_forward = cast(nn.ModuleList, layer)
            x = x + attention(x, bias)
            x = x + cross(x, context, bias)
            x = x + feed_forward(x)
            found.append(x)
        return found

    def forward(self, x: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """(B, N, D) and a context (B, N, D) to (B, N, D)."""
        out: Tensor = self.norm_out(self._all(x, context, bias)[-1])
        return out


def gap_head(dim: int) -> nn.Sequential:
    """What follows the mean over the tokens of one sensor."""
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
    )
