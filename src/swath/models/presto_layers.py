"""What Presto's tokens are told of time, and the blocks of its transformers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from swath.errors import ConfigError

__all__ = ["Block", "initialise", "month_table", "months_of", "positions"]


def positions(steps: int, dim: int) -> Tensor:
    """(steps, dim): sines and cosines by turns, of frequencies from 1 down to 1/1000."""
    angle = torch.arange(steps, dtype=torch.float64)[:, None] / 1000 ** (
        2 * torch.arange((dim + 1) // 2, dtype=torch.float64) / dim
    )
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :dim].float()


def month_table(dim: int) -> Tensor:
    """(12, dim): the sine of the month's angle in the year, then its cosine, each repeated."""
    angle = torch.arange(12, dtype=torch.float64)[:, None] * (2 * math.pi / 12)
    half = dim // 2
    return torch.cat([angle.sin().expand(-1, half), angle.cos().expand(-1, dim - half)], 1).float()


def months_of(month: Tensor | int, batch: int, steps: int, device: torch.device) -> Tensor:
    """(B, T), 0 to 11, from the first month of all series, of each, or from every month.

    Raises:
        ConfigError: There is no such month, or the shape is another.
    """
    given = torch.as_tensor(month, device=device)
    if not (torch.compiler.is_compiling() or given.is_meta) and not bool(
        ((given >= 0) & (given <= 11)).all()
    ):
        raise ConfigError(f"month is {month}: expected 0 (January) to 11 (December)")
    given = given.long()
    if given.ndim < 2 and given.shape in ((), (batch,)):
        later = torch.arange(steps, device=device)
        return (given.reshape(-1, 1) + later).remainder(12).expand(batch, -1)
    if given.shape != (batch, steps):
        raise ConfigError(
            f"month has the shape {tuple(given.shape)}: expected a number, ({batch},) or "
            f"({batch}, {steps})"
        )
    return given


class Attention(nn.Module):
    """Self-attention that leaves out keys."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """(B, N, D), and which keys (B, N) there are, to (B, N, D)."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = None if keep is None else keep[:, None, None]
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        projected: Tensor = self.proj(out.transpose(1, 2).flatten(2))
        return projected


class Mlp(nn.Module):
    """Two layers with GELU between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Attention and two layers, each after a norm and added to its input."""

    def __init__(self, dim: int, heads: int, ratio: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn, self.mlp = Attention(dim, heads), Mlp(dim, int(dim * ratio))

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        x = x + self.attn(self.norm1(x), keep)
        added: Tensor = x + self.mlp(self.norm2(x))
        return added


def initialise(module: nn.Module) -> None:
    """Linear layers by Xavier, without bias."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)
