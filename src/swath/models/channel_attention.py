"""Channels of any sensor, told apart by number, to one token a patch by cross attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.models.vit_tokens import sincos
from swath.models.wavelengths import may_look

__all__ = ["ChannelPatchEmbed", "identifiers", "radar_id"]

#: Heads of the attention over channels.
_HEADS = 16
#: What a radar's channel is: (transmits, receives), 0 for vertical and 1 for horizontal.
_POLARISATIONS = {"VV": (0, 0), "VH": (0, 1), "HH": (1, 1), "HV": (1, 0)}
#: Least identifier: four polarisations, times an orbit that is unknown, ascending, descending.
_LEAST = -12
#: Least wavelength in nanometres; less is micrometres.
_SHORTEST = 100
#: Greatest wavelength: light, the thermal infrared included.
_LONGEST = 100_000


def radar_id(polarisation: str, orbit: str | None = None) -> int:
    """The identifier of a radar's channel.

    Args:
        polarisation: ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``, sent and received.
        orbit: ``"ascending"``, ``"descending"``, or None where it is not known.

    Raises:
        BandError: Another polarisation or orbit.
    """
    orbits = (None, "ascending", "descending")
    if polarisation.upper() not in _POLARISATIONS or orbit not in orbits:
        raise BandError(
            f"{polarisation!r} on the orbit {orbit!r} is no radar channel: expected "
            f"{', '.join(_POLARISATIONS)}, and 'ascending', 'descending' or None"
        )
    return -1 - [*_POLARISATIONS].index(polarisation.upper()) - 4 * orbits.index(orbit)


def identifiers(given: Sequence[int] | Tensor | None, images: Tensor) -> Tensor:
    """(B, C), whole numbers, where the images are."""
    batch, channels = images.shape[:2]
    if given is None:
        raise BandError(
            f"Panopticon needs chn_ids, what each of the {channels} channels is: centre "
            "wavelengths in nanometres, or -1 … -12 for radar. Pass them, or say once which bands "
            "they are with bands=(…) or set_bands"
        )
    ids = given if isinstance(given, Tensor) else torch.tensor(list(given))
    if ids.ndim not in (1, 2) or ids.shape[-1] != channels or (
        ids.ndim == 2 and ids.shape[0] not in (1, batch)
    ):  # fmt: skip
        raise BandError(
            f"chn_ids has the shape {tuple(ids.shape)} for images {tuple(images.shape)}: expected "
            f"({batch}, {channels}) or ({channels},), one for each channel"
        )
    if may_look(ids):
        for value in ids.flatten().tolist():
            radar = _LEAST <= value <= -1 and value == int(value)
            if not radar and not _SHORTEST <= value <= _LONGEST:
                looks = " (it looks like micrometres: multiply by 1000)" if 0 < value < 100 else ""
                raise BandError(
                    f"chn_ids has {value:g}{looks}: expected centre wavelengths in nanometres, "
                    f"{_SHORTEST} to {_LONGEST}, or -1 to {_LEAST} for radar (VV, VH, HH, HV; 4 "
                    "less on an ascending orbit, 8 less on a descending one)"
                )
    return ids.to(images.device).long().expand(batch, channels)


class ChannelPatchEmbed(nn.Module):
    """Images and what their channels are to tokens.

    Args:
        attn_dim: Numbers of a channel's token.
        embed_dim: Channels of a patch's token.
        patch_size: Side of a patch in pixels.

    Raises:
        ConfigError: `attn_dim` is no multiple of 48.
    """

    def __init__(self, attn_dim: int, embed_dim: int, patch_size: int) -> None:
        super().__init__()
        if attn_dim % (3 * _HEADS) or attn_dim <= 0:
            raise ConfigError(f"attn_dim is {attn_dim}: expected a multiple of {3 * _HEADS}")
        self.patch_size = patch_size
        self.conv3d = Planes(attn_dim, patch_size)
        self.chnfus = ChannelAttention(attn_dim)
        self.proj = nn.Linear(attn_dim, embed_dim)

    def forward(
        self, x: Tensor, chn_ids: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (B, h · w, embed_dim), and (h, w).

        Args:
            x: (B, C, H, W).
            chn_ids: (B, C).
            mask: (B, C), True where a channel is left out.
        """
        planes = self.conv3d(x)
        height, width = planes.shape[-2:]
        tokens = planes.flatten(3).transpose(2, 3)
        return self.proj(self.chnfus(tokens, chn_ids, mask)), (height, width)


class Planes(nn.Module):
    """Every channel by itself to patches, with the same kernels."""

    def __init__(self, dim: int, patch_size: int) -> None:
        super().__init__()
        size = (1, patch_size, patch_size)
        self.conv3d = nn.Conv3d(1, dim, size, size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, dim, h, w)."""
        # As planes of a batch, which is faster than in 3-D and the same.
        kernel, bias = self.conv3d.weight[:, :, 0], self.conv3d.bias
        planes = F.conv2d(x.flatten(0, 1)[:, None], kernel, bias, stride=kernel.shape[-1])
        return planes.reshape(*x.shape[:2], *planes.shape[1:])


class ChannelAttention(nn.Module):
    """The tokens of a patch's channels to one, by attention with a learned query."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, dim))
        self.chnemb = ChannelEmbedding(dim)
        self.xattn = nn.ModuleDict(
            {name: nn.Linear(dim, dim, bias=False) for name in ("inproj_k", "inproj_v")}
        )

    def forward(self, x: Tensor, chn_ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, L, dim) to (B, L, dim)."""
        batch, channels, length, dim = x.shape
        x = x + self.chnemb(chn_ids).to(x.dtype)[:, :, None]
        tokens = x.transpose(1, 2).reshape(batch * length, channels, dim)

        def heads(rows: Tensor) -> Tensor:
            return rows.reshape(*rows.shape[:2], _HEADS, -1).transpose(1, 2)

        seen = None
        if mask is not None:
            seen = ~mask.to(x.device).bool()[:, None].expand(-1, length, -1)
            seen = seen.reshape(batch * length, 1, 1, channels)
        found = F.scaled_dot_product_attention(
            heads(self.query.to(x.dtype).expand(batch * length, -1, -1)),
            heads(self.xattn["inproj_k"](tokens)).to(x.dtype),
            heads(self.xattn["inproj_v"](tokens)).to(x.dtype),
            attn_mask=seen,
        )
        return found.transpose(1, 2).reshape(batch, length, dim)


class ChannelEmbedding(nn.Module):
    """What a channel is, as numbers: sines and cosines of a wavelength, or a radar's modes."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.embed_transmit = nn.Parameter(torch.zeros(2, dim // 3))
        self.embed_receive = nn.Parameter(torch.zeros(2, dim // 3))
        self.embed_orbit = nn.Parameter(torch.zeros(2, dim // 3))

    def forward(self, chn_ids: Tensor) -> Tensor:
        """(B, C) to (B, C, dim)."""
        modes = torch.where(chn_ids < 0, -1 - chn_ids, 0)
        radar = self._radar()[modes]
        return torch.where((chn_ids < 0)[..., None], radar, sincos(chn_ids, self.dim))

    def _radar(self) -> Tensor:
        """(12, dim): polarisations on an unknown orbit, an ascending and a descending one."""
        orbits = (self.embed_orbit.mean(0), self.embed_orbit[0], self.embed_orbit[1])
        return torch.stack([
            torch.cat([self.embed_transmit[sent], self.embed_receive[received], orbit])
            for orbit in orbits for sent, received in _POLARISATIONS.values()
        ])  # fmt: skip
