"""Presto: a small transformer for what many sensors saw of one pixel, month by month.

Source: Tseng et al. 2023, https://arxiv.org/abs/2304.14065.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models.factory import Request
from swath.models.presto_layers import months_of
from swath.models.presto_parts import (
    BAND_GROUPS,
    MISSING_CLASS,
    Decoder,
    Encoder,
)
from swath.models.registry import register_model
from swath.models.satclip import check_places
from swath.models.weights import WeightsEnum, weight

__all__ = ["Presto", "Presto_Weights", "presto"]


class Presto_Weights(WeightsEnum):
    """Published weights of `presto`."""

    PRESTO = weight(
        "https://hf.co/torchgeo/presto/resolve/43f8d500a930772d226b309a06ec32be6dc077dd/"
        "model-e5e57c68.pth",
        model="Presto", dataset="LEM (Presto pretraining dataset)",
        publication="https://arxiv.org/abs/2304.14065",
        repo="https://github.com/nasaharvest/presto", license="MIT",
    )  # fmt: skip


class Presto(nn.Module):
    """Encoder and decoder of masked series of one pixel.

    A token is one group of bands in one month; the Dynamic World class of a month is one more, and
    the place and the topography are one each. What is masked is no token: it has no influence on
    anything. To a token are added which group it is, which step, and which month of the year.

    Args:
        band_groups: Names of groups to the channels that are in each. The group ``SRTM`` does not
            change with time. By default: S1 (VV, VH), S2_RGB (B2, B3, B4), S2_Red_Edge (B5, B6,
            B7), S2_NIR_10m (B8), S2_NIR_20m (B8A), S2_SWIR (B11, B12), ERA5 (temperature,
            precipitation), SRTM (elevation, slope) and NDVI: 17 channels.
        encoder_embedding_size: Width of the encoder.
        channel_embed_ratio: Share of a token's width that says which group it is …
        month_embed_ratio: … and which month; the rest says which step.
        encoder_depth: Blocks of the encoder.
        mlp_ratio: Width between the two layers after attention, of a token's.
        encoder_num_heads: Heads of the encoder.
        decoder_embedding_size: Width of the decoder.
        decoder_depth: Blocks of the decoder.
        decoder_num_heads: Heads of the decoder.
        max_sequence_length: Steps whose positions are in the state dict. More will do: positions
            are a formula.

    Raises:
        ConfigError: Numbers that do not divide, or groups without or with negative channels.
    """

    def __init__(
        self,
        band_groups: Mapping[str, Sequence[int]] | None = None,
        encoder_embedding_size: int = 128,
        channel_embed_ratio: float = 0.25,
        month_embed_ratio: float = 0.25,
        encoder_depth: int = 2,
        mlp_ratio: int = 4,
        encoder_num_heads: int = 8,
        decoder_embedding_size: int = 128,
        decoder_depth: int = 2,
        decoder_num_heads: int = 8,
        max_sequence_length: int = 24,
    ) -> None:
        super().__init__()
        groups = {
            k: tuple(v) for k, v in (BAND_GROUPS if band_groups is None else band_groups).items()
        }
        self.encoder = Encoder(
            groups, encoder_embedding_size, channel_embed_ratio, month_embed_ratio,
            encoder_depth, mlp_ratio, encoder_num_heads, max_sequence_length,
        )  # fmt: skip
        self.decoder = Decoder(
            self.encoder.channel_embed, groups, encoder_embedding_size, decoder_embedding_size,
            decoder_depth, decoder_num_heads, mlp_ratio, max_sequence_length,
        )  # fmt: skip

    def forward(
        self,
        x: Tensor,
        dynamic_world: Tensor | None = None,
        latlons: Tensor | None = None,
        mask: Tensor | None = None,
        month: Tensor | int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Fill in what is masked.

        Args:
            x: (B, T, C): channels as in `band_groups`, normalised as for pre-training. What is
                masked may hold anything, NaN too.
            dynamic_world: (B, T) classes 0…8; 9 where none is known. Left out: none is.
            latlons: (B, 2), latitude and longitude in degrees. Left out: there is no such token
                (it was always there in pre-training).
            mask: (B, T, C): not zero where a value is missing. A group is masked in a month as
                soon as one of its channels is; the topography where it is in the first month.
            month: Of the year, 0 (January) to 11: of the first step (one number, or (B,), the
                others follow), or of each step (B, T).

        Returns:
            Values (B, T, C'), where C' is as many as the groups' highest channel says and
            channels in no group are 0; and logits (B, T, 9) of the Dynamic World classes.

        Raises:
            ConfigError: Shapes that do not fit, months, classes or coordinates that do not exist,
                or a series of which everything is masked.
            BandError: Fewer channels than the groups need.
        """
        months = self._check(x, dynamic_world, latlons, mask, month)
        tokens, keep = self.encoder.encode(x, dynamic_world, latlons, mask, months)
        return self.decoder.reconstruct(tokens, keep, months, place=latlons is not None)

    def embed(
        self,
        x: Tensor,
        dynamic_world: Tensor | None = None,
        latlons: Tensor | None = None,
        mask: Tensor | None = None,
        month: Tensor | int = 0,
    ) -> Tensor:
        """One vector (B, D) a series: the mean of its tokens, for classifiers and regressors.

        Arguments and errors as in `forward`.
        """
        months = self._check(x, dynamic_world, latlons, mask, month)
        tokens, keep = self.encoder.encode(x, dynamic_world, latlons, mask, months)
        share = keep.to(tokens.dtype) / keep.sum(1, keepdim=True).to(tokens.dtype)
        return (tokens * share[..., None]).sum(1)

    def _check(
        self,
        x: Tensor,
        dynamic_world: Tensor | None,
        latlons: Tensor | None,
        mask: Tensor | None,
        month: Tensor | int,
    ) -> Tensor:
        """Refuse what cannot be; months (B, T)."""
        needed = self.encoder.channels
        if x.ndim != 3 or x.shape[1] == 0:
            raise ConfigError(f"x has the shape {tuple(x.shape)}: expected (B, T, C)")
        if x.shape[2] < needed:
            raise BandError(
                f"x has {x.shape[2]} channels: expected {needed}, in the groups "
                f"{', '.join(self.encoder.band_groups)} (missing ones are masked, not left out)"
            )
        for name, tensor, shape in (
            ("dynamic_world", dynamic_world, x.shape[:2]),
            ("latlons", latlons, (x.shape[0], 2)),
            ("mask", mask, x.shape),
        ):
            if tensor is not None and tuple(tensor.shape) != tuple(shape):
                raise ConfigError(
                    f"{name} has the shape {tuple(tensor.shape)}: expected {tuple(shape)}"
                )
        if latlons is not None:
            check_places(latlons, ("latitude", "longitude"))
        if (
            dynamic_world is not None
            and not torch.compiler.is_compiling()
            and not dynamic_world.is_meta
            and not bool(((dynamic_world >= 0) & (dynamic_world <= MISSING_CLASS)).all())
        ):
            raise ConfigError(
                f"dynamic_world has classes from {int(dynamic_world.min())} to "
                f"{int(dynamic_world.max())}: expected 0 to 8, and 9 where it is not known"
            )
        return months_of(month, x.shape[0], x.shape[1], x.device)


@register_model(weights=Presto_Weights, tasks=("time-series", "embedding"), bands="none")
def presto(weights: Presto_Weights | str | None = None, *args: Any, **kwargs: Any) -> Presto:
    """Presto, https://arxiv.org/abs/2304.14065.

    Raw values are decibels for Sentinel-1, reflectance · 10,000 for Sentinel-2, kelvins and
    metres a month for ERA5-Land, metres and degrees for SRTM
    (https://github.com/nasaharvest/presto/issues/19); the model wants them normalised as its
    authors' code does it.

    Args:
        weights: A member, its name, or None for random numbers.
        *args: For `Presto`.
        **kwargs: For `Presto`.

    Raises:
        ConfigError: There are no such weights.
    """
    request = Request.of(Presto_Weights, weights)
    return request.finish(Presto(*args, **kwargs))
