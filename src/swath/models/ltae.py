"""L-TAE: a series of embeddings to one, by light attention over the dates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.models.dimensions import is_traced
from swath.models.registry import register_model

__all__ = ["LTAE"]


@register_model(tasks=("time-series", "embedding"), bands="none")
class LTAE(nn.Module):
    """Lightweight temporal attention encoder, https://arxiv.org/abs/2007.00586.

    The arithmetic is TorchGeo's: attention of every date to every date and then the mean over the
    dates, where the paper has one master query a head. Beyond it, series may be shorter than
    `len_max_seq`, may have holes (a mask), and may each have their own dates.

    Args:
        in_channels: Of the embeddings.
        n_head: Heads of the attention.
        d_k: The paper's size of keys. It has no effect: a head has the width divided by `n_head`.
        n_neurons: Widths of the final layers; the first is the width of the attention.
        dropout: Of positions, attention and output, while training.
        d_model: Width of the attention; that of the input, without a first layer, if None.
        T: Period of the positions, and how many there are: 0 to T - 1.
        len_max_seq: Longest series, where `d_model` is a number: each date of it has its own
            parameters in the first norm.
        positions: Of the dates (days since a common start, say); 0, 1, 2, … if None. TorchGeo
            takes them and does not use them.

    Raises:
        ConfigError: Numbers that contradict each other.
    """

    def __init__(
        self,
        in_channels: int = 128,
        n_head: int = 16,
        d_k: int = 8,
        n_neurons: Sequence[int] = (256, 128),
        dropout: float = 0.2,
        d_model: int | None = 256,
        T: int = 1000,
        len_max_seq: int = 24,
        positions: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        width = in_channels if d_model is None else d_model
        _check(width, n_head, tuple(n_neurons), T, positions)
        self.in_channels, self.len_max_seq = in_channels, len_max_seq
        self.positions = None if positions is None else tuple(int(p) for p in positions)
        self.inconv: nn.Sequential | None = None
        if d_model is not None:
            self.inconv = nn.Sequential(
                nn.Conv1d(in_channels, d_model, 1), nn.LayerNorm((d_model, len_max_seq))
            )
        self.pos_encoder = _Positions(width, T, dropout)
        self.attention = nn.MultiheadAttention(width, n_head, dropout, batch_first=True)
        self.inlayernorm = nn.LayerNorm(in_channels)
        self.outlayernorm = nn.LayerNorm(n_neurons[-1])
        layers: list[nn.Module] = []
        for before, after in pairwise(n_neurons):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        self.mlp = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        """A series to an embedding.

        Args:
            x: (B, T, in_channels).
            mask: (B, T), True where there is a date. What stands elsewhere has no influence: a
                series padded at its end gives what the short one gives.
            positions: (B, T) or (T,), integers, instead of those of the constructor.

        Returns:
            (B, n_neurons[-1]).

        Raises:
            ConfigError: Not of these shapes, a series that is too long or has no date, or a
                position that is not in the table.
            BandError: Another number of channels.
        """
        self._check_input(x, mask)
        if mask is not None:
            # not only without weight: what is not a number would spread all the same
            x = x.masked_fill(~mask[..., None], 0)
        x = self.inlayernorm(x)
        if self.inconv is not None:
            x = self._project(self.inconv, x, mask)
        x = self.pos_encoder(x, self._places(x, positions))
        hidden = None if mask is None else ~mask
        x = self.attention(x, x, x, key_padding_mask=hidden, need_weights=False)[0]
        if mask is None:
            x = x.mean(1)
        else:
            weights = mask.to(x.dtype)[..., None]
            x = x.masked_fill(~mask[..., None], 0).sum(1) / weights.sum(1)
        found: Tensor = self.outlayernorm(self.dropout(self.mlp(x)))
        return found

    def _project(self, layers: nn.Sequential, x: Tensor, mask: Tensor | None) -> Tensor:
        """A wider embedding, normalised over its width and the dates that are there together."""
        x = layers[0](x.transpose(1, 2))
        norm = cast(nn.LayerNorm, layers[1])
        weight, bias = norm.weight[:, : x.shape[-1]], norm.bias[:, : x.shape[-1]]
        if mask is None:
            return F.layer_norm(x, x.shape[1:], weight, bias, norm.eps).transpose(1, 2)
        here = mask.to(x.dtype)[:, None]
        count = here.sum((1, 2), keepdim=True) * x.shape[1]
        mean = (x * here).sum((1, 2), keepdim=True) / count
        variance = ((x - mean).square() * here).sum((1, 2), keepdim=True) / count
        return ((x - mean) * (variance + norm.eps).rsqrt() * weight + bias).transpose(1, 2)

    def _places(self, x: Tensor, positions: Tensor | None) -> Tensor:
        dates = x.shape[1]
        if positions is None:
            if self.positions is None:
                positions = torch.arange(dates, device=x.device)
            elif len(self.positions) < dates:
                raise ConfigError(
                    f"the series has {dates} dates and the model {len(self.positions)} positions: "
                    "expected one a date"
                )
            else:
                positions = torch.tensor(self.positions[:dates], device=x.device)
        elif positions.shape not in (x.shape[1:2], x.shape[:2]) or positions.is_floating_point():
            raise ConfigError(
                f"positions has the shape {tuple(positions.shape)} and is {positions.dtype}: "
                f"expected integers, ({dates},) or {tuple(x.shape[:2])}"
            )
        size = self.pos_encoder.pe.shape[1]
        if not is_traced() and bool(((positions < 0) | (positions >= size)).any()):
            raise ConfigError(
                f"positions from {int(positions.min())} to {int(positions.max())}: expected 0 to "
                f"{size - 1} (T is {size})"
            )
        return positions

    def _check_input(self, x: Tensor, mask: Tensor | None) -> None:
        shape = tuple(x.shape)
        if x.ndim != 3 or 0 in shape:
            raise ConfigError(f"the series has the shape {shape}: expected (B, T, C), none empty")
        if x.shape[2] != self.in_channels:
            raise BandError(
                f"the series has the shape {shape} and so {x.shape[2]} channels: expected "
                f"(B, T, C) with C = {self.in_channels}"
            )
        longest = self.len_max_seq if self.inconv is not None else self.pos_encoder.pe.shape[1]
        if x.shape[1] > longest:
            raise ConfigError(
                f"the series has {x.shape[1]} dates: expected {longest} at most; build the model "
                f"with len_max_seq={x.shape[1]} (and T larger than every position)"
            )
        if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != torch.bool):
            raise ConfigError(
                f"mask has the shape {tuple(mask.shape)} and is {mask.dtype}: expected "
                f"{shape[:2]} of torch.bool, True where there is a date"
            )
        if mask is not None and not is_traced() and not bool(mask.any(1).all()):
            empty = (~mask.any(1)).nonzero().flatten().tolist()
            raise ConfigError(f"no date in series {empty} of the batch: expected at least one each")


class _Positions(nn.Module):
    """Sines and cosines of a position are added to the embedding."""

    pe: Tensor

    def __init__(self, width: int, T: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        place = torch.arange(T, dtype=torch.float32)[:, None]
        # the sine and the cosine beside it have one frequency
        pair = torch.arange(width, dtype=torch.float32) // 2
        angle = place / T ** (2 * pair / width)
        even = torch.arange(width) % 2 == 0
        self.register_buffer("pe", torch.where(even, angle.sin(), angle.cos())[None])

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(B, T, width) and (B, T) or (T,) integers to (B, T, width)."""
        found: Tensor = self.dropout(x + self.pe[0][places])
        return found


def _check(
    width: int, heads: int, neurons: tuple[int, ...], T: int, positions: Sequence[int] | None
) -> None:
    if heads < 1 or width % heads:
        raise ConfigError(f"n_head is {heads} and the width {width}: expected one of its divisors")
    if not neurons or neurons[0] != width:
        raise ConfigError(
            f"n_neurons is {neurons}: expected to begin with the width of the attention, {width}"
        )
    if positions is not None and not all(0 <= p < T for p in positions):
        raise ConfigError(f"positions is {tuple(positions)}: expected 0 to {T - 1} (T is {T})")
