"""Encoder and decoder of Presto: tokens of band groups and months, attention among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.presto_layers import Block, initialise, month_table, months_of, positions

__all__ = ["BAND_GROUPS", "MISSING_CLASS", "Decoder", "Encoder"]

BAND_GROUPS: dict[str, tuple[int, ...]] = {
    "S1": (0, 1),
    "S2_RGB": (2, 3, 4),
    "S2_Red_Edge": (5, 6, 7),
    "S2_NIR_10m": (8,),
    "S2_NIR_20m": (9,),
    "S2_SWIR": (10, 11),
    "ERA5": (12, 13),
    "SRTM": (14, 15),
    "NDVI": (16,),
}
#: The group that is the same in every month.
_STATIC = "SRTM"
_CLASS = "dynamic_world"
#: Of Dynamic World, where it is not known.
MISSING_CLASS = 9


class _Series(nn.Module):
    """What encoder and decoder share: the order of the tokens, and what says where each stands.

    Tokens are group by group, month by month; the static group is one; the classes come last.
    """

    pos_embed: nn.Parameter
    month_embed: nn.Embedding

    def __init__(self, groups: Mapping[str, Sequence[int]], dim: int, heads: int) -> None:
        super().__init__()
        for name, channels in groups.items():
            if not channels or min(channels) < 0 or name == _CLASS:
                raise ConfigError(
                    f"the band group {name!r} is {channels}: expected numbers of channels from 0 "
                    f"on, and another name than {_CLASS!r}"
                )
        if not groups:
            raise ConfigError("band_groups is empty: expected names and channels")
        if dim % heads:
            raise ConfigError(
                f"the width is {dim} and there are {heads} heads: expected a multiple"
            )
        self.band_groups = {k: tuple(v) for k, v in groups.items()}
        self.band_group_to_idx = {k: i for i, k in enumerate([*groups, _CLASS])}
        self.channels = 1 + max(c for channels in groups.values() for c in channels)

    def _make_tables(self, steps: int, channel: int, month: int, dim: int) -> None:
        rest = dim - channel - month
        if channel < 0 or month < 2 or rest < 2:
            raise ConfigError(
                f"of {dim} numbers of a token {channel} would be for its group, {month} for the "
                f"month and {rest} for the step: expected at least 2 each"
            )
        self.max_sequence_length = steps
        self.pos_embed = nn.Parameter(positions(steps, rest)[None], requires_grad=False)
        self.month_embed = nn.Embedding(12, month, _weight=month_table(month), _freeze=True)

    def _where(self, months: Tensor, channel: nn.Embedding) -> dict[str, Tensor]:
        """For each group what is added to its tokens, (B or 1, T or 1, D)."""
        batch, steps = months.shape
        table: Tensor = self.pos_embed
        if steps > table.shape[1]:
            longer = positions(steps, table.shape[2])[None].to(table)
            table = torch.cat([table, longer[:, table.shape[1] :]], 1)
        month, step = self.month_embed(months), table[:, :steps].expand(batch, -1, -1)
        found = {}
        for name, i in self.band_group_to_idx.items():
            group = channel.weight[i].expand(batch, steps, -1)
            if name == _STATIC:  # neither month nor step
                nothing = [torch.zeros_like(t[:1, :1]) for t in (month, step)]
                found[name] = torch.cat([nothing[0], group[:1, :1], nothing[1]], -1)
            else:
                found[name] = torch.cat([month, group, step], -1)
        return found

    def _steps(self, name: str, steps: int) -> int:
        return 1 if name == _STATIC else steps


class Encoder(_Series):
    """Tokens of what is there, and a transformer over them; arguments as in `Presto`."""

    def __init__(
        self,
        band_groups: Mapping[str, Sequence[int]] | None = None,
        embedding_size: int = 128,
        channel_embed_ratio: float = 0.25,
        month_embed_ratio: float = 0.25,
        depth: int = 2,
        mlp_ratio: float = 2,
        num_heads: int = 8,
        max_sequence_length: int = 24,
    ) -> None:
        groups = BAND_GROUPS if band_groups is None else band_groups
        super().__init__(groups, embedding_size, num_heads)
        self.embedding_size = embedding_size
        channel = int(embedding_size * channel_embed_ratio)
        month = int(embedding_size * month_embed_ratio)
        self.eo_patch_embed = nn.ModuleDict(
            {k: nn.Linear(len(v), embedding_size) for k, v in self.band_groups.items()}
        )
        self.dw_embed = nn.Embedding(MISSING_CLASS + 1, embedding_size)
        self.latlon_embed = nn.Linear(3, embedding_size)
        self.blocks = nn.ModuleList(
            Block(embedding_size, num_heads, mlp_ratio) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embedding_size)
        self.channel_embed = nn.Embedding(len(self.band_group_to_idx), channel)
        self._make_tables(max_sequence_length, channel, month, embedding_size)
        initialise(self)

    def tokens(
        self,
        x: Tensor,
        dynamic_world: Tensor | None,
        latlons: Tensor | None,
        mask: Tensor | None,
        months: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """All tokens (B, N, D), and which are there (B, N): the place's first, if it is given."""
        batch, steps = x.shape[:2]
        gone = torch.zeros_like(x, dtype=torch.bool) if mask is None else mask != 0
        x = torch.where(gone, 0, x)  # NaN times nothing would be NaN
        if dynamic_world is None:
            dynamic_world = torch.full((batch, steps), MISSING_CLASS, device=x.device)
        where = self._where(months, self.channel_embed)
        found, keep = [], []
        for name, channels in self.band_groups.items():
            length = self._steps(name, steps)
            values = x[:, :length, list(channels)]
            found.append(self.eo_patch_embed[name](values) + where[name])
            keep.append(~gone[:, :length, list(channels)].any(-1))
        found.append(self.dw_embed(dynamic_world.long()) + where[_CLASS])
        keep.append(dynamic_world != MISSING_CLASS)
        if latlons is not None:
            lat, lon = torch.deg2rad(latlons).unbind(-1)
            sphere = [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
            place = torch.stack(sphere, -1).to(x.dtype)
            found.insert(0, self.latlon_embed(place)[:, None])
            keep.insert(0, torch.ones_like(keep[0][:, :1]))
        there = torch.cat(keep, 1)
        if not (torch.compiler.is_compiling() or there.is_meta) and not bool(there.any(1).all()):
            raise ConfigError(
                "everything of a series is masked and its place is not given: expected something"
            )
        return torch.cat(found, 1), there

    def encode(
        self,
        x: Tensor,
        dynamic_world: Tensor | None,
        latlons: Tensor | None,
        mask: Tensor | None,
        months: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Encoded tokens (B, N, D) in their places, and which are there (B, N).

        Tokens that are not there hold numbers without meaning, and nothing attends to them.
        """
        tokens, keep = self.tokens(x, dynamic_world, latlons, mask, months)
        if torch.compiler.is_compiling() or keep.is_meta:
            return self._transform(tokens, keep), keep
        # what no series has needs no attention either: much, where a sensor is missing altogether
        used = keep.any(0)
        there = keep[:, used]
        short = self._transform(tokens[:, used], None if bool(there.all()) else there)
        if bool(used.all()):
            return short, keep
        placed = short.new_zeros(*tokens.shape[:2], short.shape[2])
        placed[:, used] = short
        return placed, keep

    def _transform(self, tokens: Tensor, keep: Tensor | None) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens, keep)
        normed: Tensor = self.norm(tokens)
        return normed

    def forward(
        self,
        x: Tensor,
        dynamic_world: Tensor | None = None,
        latlons: Tensor | None = None,
        mask: Tensor | None = None,
        month: Tensor | int = 0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Encoded tokens that are there, and the numbers of those that are and are not.

        Returns:
            Tokens (B, n, D), the place's first if it is given; numbers of the others among them
            (B, n'), and of the missing (B, N - n').

        Raises:
            ConfigError: Series of a batch lack different numbers of tokens (`encode` takes them).
        """
        months = months_of(month, x.shape[0], x.shape[1], x.device)
        tokens, keep = self.encode(x, dynamic_world, latlons, mask, months)
        counts = keep.sum(1)
        if int(counts.min()) != int(counts.max()):
            raise ConfigError(
                f"series of the batch have {int(counts.min())} to {int(counts.max())} tokens: "
                "expected equal numbers; encode(…) and Presto itself take any"
            )
        count, front = int(counts[0]), int(latlons is not None)
        order = (~keep).to(torch.uint8).argsort(dim=1, stable=True)
        packed = tokens.take_along_dim(order[:, :count, None], 1)
        return packed, order[:, front:count] - front, order[:, count:] - front


class Decoder(_Series):
    """From encoded tokens to what every token stood for; arguments as in `Presto`."""

    def __init__(
        self,
        channel_embeddings: nn.Embedding,
        band_groups: Mapping[str, Sequence[int]] | None = None,
        encoder_embed_dim: int = 128,
        decoder_embed_dim: int = 128,
        decoder_depth: int = 2,
        decoder_num_heads: int = 8,
        mlp_ratio: float = 2,
        max_sequence_length: int = 24,
    ) -> None:
        groups = BAND_GROUPS if band_groups is None else band_groups
        super().__init__(groups, decoder_embed_dim, decoder_num_heads)
        self.mask_token = nn.Parameter(torch.zeros(decoder_embed_dim))
        self.decoder_embed = nn.Linear(encoder_embed_dim, decoder_embed_dim)
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_embed_dim, decoder_num_heads, mlp_ratio) for _ in range(decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_embed_dim)
        self.eo_decoder_pred = nn.ModuleDict(
            {k: nn.Linear(decoder_embed_dim, len(v)) for k, v in self.band_groups.items()}
        )
        self.dw_decoder_pred = nn.Linear(decoder_embed_dim, MISSING_CLASS)
        # one tensor with the encoder, under a name of its own
        self.channel_embeddings = channel_embeddings
        channel = channel_embeddings.embedding_dim
        month = (decoder_embed_dim - channel) // 2
        self._make_tables(max_sequence_length, channel, month, decoder_embed_dim)
        initialise(self)

    def reconstruct(
        self, tokens: Tensor, keep: Tensor, months: Tensor, *, place: bool
    ) -> tuple[Tensor, Tensor]:
        """Values (B, T, C) and logits of classes (B, T, 9) from `Encoder.encode`'s tokens."""
        steps = months.shape[1]
        x = self.decoder_embed(tokens)
        x = torch.where(keep[..., None], x, self.mask_token.to(x.dtype))
        where = self._where(months, self.channel_embeddings)
        added = torch.cat([w.expand(x.shape[0], -1, -1) for w in where.values()], 1)
        if place:
            added = torch.cat([torch.zeros_like(added[:, :1]), added], 1)
        x = x + added
        for block in self.decoder_blocks:
            x = block(x)
        x = self.decoder_norm(x)
        lengths = [self._steps(name, steps) for name in self.band_group_to_idx]
        *parts, classes = x[:, int(place) :].split(lengths, 1)
        columns: dict[int, Tensor] = {}
        for (name, channels), part in zip(self.band_groups.items(), parts, strict=True):
            values = self.eo_decoder_pred[name](part).expand(-1, steps, -1)
            columns.update(zip(channels, values.unbind(-1), strict=True))
        nothing = torch.zeros_like(next(iter(columns.values())))
        filled = torch.stack([columns.get(c, nothing) for c in range(self.channels)], -1)
        return filled, self.dw_decoder_pred(classes)
