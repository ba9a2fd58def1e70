"""Tessera: one vector for a pixel's year, from its Sentinel-2 and Sentinel-1 time series.

Source: Feng et al. 2025, https://arxiv.org/abs/2506.20380.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models.factory import Request
from swath.models.registry import register_model
from swath.models.tessera_weights import (
    S1_SERIES,
    S2_SERIES,
    SeriesPreset,
    Tessera_Weights,
    pixel_series,
)

__all__ = [
    "SeriesPreset",
    "Tessera",
    "TesseraEncoder",
    "Tessera_Weights",
    "pixel_series",
    "tessera",
]


class _Pooling(nn.Module):
    """Weighted mean over the dates; the weights come from a recurrent look at all before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, 1)
        self.temporal_context = nn.GRU(width, width, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, D) to (B, D)."""
        scores = self.query(self.temporal_context(x)[0])
        if mask is not None:
            scores = scores.masked_fill(~mask.unsqueeze(-1), -math.inf)
        return (scores.softmax(1) * x).sum(1)


class _Days(nn.Module):
    """Sines and cosines of the day of the year."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, days: Tensor) -> Tensor:
        """(B, T) to (B, T, width)."""
        steps = torch.arange(0, self.width, 2, device=days.device, dtype=torch.float32)
        angle = days.float().unsqueeze(-1) * torch.exp(steps * (-math.log(10_000.0) / self.width))
        return torch.stack((angle.sin(), angle.cos()), -1).flatten(-2)


class TesseraEncoder(nn.Module):
    """A transformer over the dates of one sensor's series, pooled with a recurrent network.

    The transformer does not mind the order of the dates, as each has its day; the pooling does:
    give them in order.

    Args:
        band_num: Bands, without the day.
        latent_dim: A quarter of the output's length.
        nhead: Heads of attention.
        num_encoder_layers: Layers.
        dim_feedforward: Width inside the layers.
        dropout: Share left out in training.

    Source: https://arxiv.org/abs/2506.20380.
    """

    def __init__(
        self,
        band_num: int,
        latent_dim: int,
        nhead: int = 8,
        num_encoder_layers: int = 4,
        dim_feedforward: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        width = 4 * latent_dim
        if width % nhead or width % 2:
            raise ConfigError(
                f"latent_dim is {latent_dim} and nhead {nhead}: expected 4 · latent_dim to be "
                "divisible by nhead"
            )
        self.band_num, self.latent_dim = band_num, latent_dim
        self.embedding = nn.Sequential(
            nn.Linear(band_num, width), nn.ReLU(), nn.Linear(width, width)
        )
        self.temporal_encoder = _Days(width)
        layer = nn.TransformerEncoderLayer(
            width, nhead, dim_feedforward, dropout, activation="relu", batch_first=True
        )
        self.transformer_encoder = nn.TransformerEncoder(
            layer, num_encoder_layers, enable_nested_tensor=False
        )
        self.attn_pool = _Pooling(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalised series to vectors.

        Args:
            x: (B, T, bands + 1); the last channel is the day of the year, any T.
            mask: (B, T), True where there is an observation; all if left out. The result is that
                of the series without the other dates; with none at all it is 0.

        Returns:
            (B, 4 · latent_dim).

        Raises:
            BandError: Another number of channels.
            ConfigError: A mask of another shape.
        """
        if x.ndim != 3 or x.shape[-1] != self.band_num + 1:
            raise BandError(
                f"the series have the shape {tuple(x.shape)}: expected (B, T, C) with "
                f"C = {self.band_num + 1}, {self.band_num} bands and the day of the year"
            )
        present = None
        if mask is not None:
            if mask.shape != x.shape[:2]:
                raise ConfigError(
                    f"mask has the shape {tuple(mask.shape)}: expected {tuple(x.shape[:2])}, one "
                    "value a date"
                )
            mask = mask.bool()
            present = mask.any(1, keepdim=True)
            # dates that are there come first, so that the recurrent network never sees the others
            order = (~mask).to(torch.uint8).argsort(stable=True, dim=1)
            x = x.gather(1, order.unsqueeze(-1).expand_as(x))
            # a series without any date is computed as if all were there, and set to 0 at the end
            mask = mask.gather(1, order) | ~present
        tokens = self.embedding(x[..., :-1]) + self.temporal_encoder(x[..., -1])
        tokens = self.transformer_encoder(
            tokens, src_key_padding_mask=None if mask is None else ~mask
        )
        pooled = cast(Tensor, self.attn_pool(tokens, mask))
        return pooled if present is None else torch.where(present, pooled, 0.0)


class Tessera(nn.Module):
    """Both encoders and a linear layer that joins them.

    Args:
        embed_dim: Length of the embedding.

    Source: https://arxiv.org/abs/2506.20380.
    """

    def __init__(self, embed_dim: int = 128) -> None:
        super().__init__()
        if embed_dim < 2 or embed_dim % 2:
            raise ConfigError(f"embed_dim is {embed_dim}: expected an even number")
        self.embed_dim = embed_dim
        shape: dict[str, Any] = {
            "latent_dim": embed_dim, "nhead": 8, "num_encoder_layers": 8, "dim_feedforward": 4096,
        }  # fmt: skip
        self.s2_backbone = TesseraEncoder(len(S2_SERIES) - 1, **shape)
        self.s1_backbone = TesseraEncoder(len(S1_SERIES) - 1, **shape)
        self.dim_reducer = nn.Sequential(nn.Linear(8 * embed_dim, embed_dim))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalised series to embeddings.

        Args:
            x: (B, T, 14): ten bands of Sentinel-2 in the order of `Tessera_Weights`, their day of
                the year; VV and VH of Sentinel-1, their day. Any T. Where one sensor has fewer
                dates than the other, fill up and say so in `mask` (the provider draws dates
                again instead, which needs no mask).
            mask: (B, T) or (B, T, 2) for Sentinel-2 and Sentinel-1: True where there is an
                observation; all if left out.

        Returns:
            (B, embed_dim).

        Raises:
            BandError: Another number of channels.
            ConfigError: A mask of another shape.
        """
        if x.ndim != 3 or x.shape[-1] != len(S2_SERIES + S1_SERIES):
            raise BandError(
                f"the series have the shape {tuple(x.shape)}: expected (B, T, C) with "
                f"C = {len(S2_SERIES + S1_SERIES)} ({', '.join(S2_SERIES + S1_SERIES)})"
            )
        masks: tuple[Tensor | None, Tensor | None] = (mask, mask)
        if mask is not None and mask.ndim == 3:
            if mask.shape[-1] != 2:
                raise ConfigError(
                    f"mask has the shape {tuple(mask.shape)}: expected (B, T) or (B, T, 2)"
                )
            masks = (mask[..., 0], mask[..., 1])
        optical = self.s2_backbone(x[..., : len(S2_SERIES)], masks[0])
        radar = self.s1_backbone(x[..., len(S2_SERIES) :], masks[1])
        return cast(Tensor, self.dim_reducer(torch.cat((optical, radar), -1)))


@register_model(weights=Tessera_Weights, tasks=("time-series", "embedding"), bands="none")
def tessera(
    weights: Tessera_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> Tessera | TesseraEncoder:
    """Tessera, or one of its encoders where the weights are of one.

    Args:
        weights: A member of `Tessera_Weights`, its name, or None for random numbers.
        *args: For `Tessera`.
        bands: The channels, to have them checked: there are no others than the weights' own, in
            their order.
        **kwargs: For `Tessera`.

    Raises:
        ConfigError: There are no such weights, or they are for another ``embed_dim``.
        BandError: Other channels than the weights'.
    """
    request = Request.of(Tessera_Weights, weights)
    member = request.weights
    expected = member.bands if member is not None else S2_SERIES + S1_SERIES
    given = None if bands is None else tuple(str(b).upper().replace("B0", "B") for b in bands)
    if given is not None and given != expected:
        raise BandError(
            f"bands is {bands!r}: Tessera's channels are fixed, expected {', '.join(expected)}"
        )
    model: Tessera | TesseraEncoder = Tessera(*args, **kwargs)
    if member is Tessera_Weights.TESSERA_SENTINEL2_ENCODER:
        model = cast(Tessera, model).s2_backbone
    elif member is Tessera_Weights.TESSERA_SENTINEL1_ENCODER:
        model = cast(Tessera, model).s1_backbone
    prefix = {} if isinstance(model, Tessera) else {r"^s[12]_backbone\.": ""}
    return request.finish(model, rename=prefix)
