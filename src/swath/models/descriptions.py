"""What a model is told beside the pixels, as numbers that a network can read."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from swath.errors import BandError, ConfigError

__all__ = ["LANGUAGE", "check_metadata", "fourier", "language_rows"]

#: Length of an embedding of Llama 3.2 1B.
LANGUAGE = 2048


def fourier(values: Tensor, dim: int, lower: float, upper: float) -> Tensor:
    """(N,) to (N, dim): sines, then cosines, of waves from `lower` to `upper` long.

    Their lengths are in geometric progression, so that nearby and far-apart values are both told
    apart (https://arxiv.org/abs/2405.13063, supplement). Angles are 64-bit: the shortest waves
    turn millions of times.
    """
    device = torch.device("cpu") if values.device.type == "mps" else values.device
    lengths = torch.logspace(
        math.log10(lower), math.log10(upper), dim // 2, base=10, dtype=torch.float64, device=device
    )
    angles = values.to(device, torch.float64)[..., None] * (2 * math.pi / lengths)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(values.device, torch.float32)


def language_rows(embed: Tensor | None, x: Tensor) -> Tensor:
    """The embeddings of the channels of `x`, (C, 2048).

    Raises:
        ConfigError: There are none.
        BandError: They are not one for each channel.
    """
    if embed is None:
        raise ConfigError(
            "input_mode is 'variable' and there is no language_embed: pass the embedding (2048,) "
            "of the variable's name"
        )
    rows = embed[None] if embed.ndim == 1 else embed
    if rows.ndim != 2 or rows.shape[1] != LANGUAGE or rows.shape[0] != x.shape[1]:
        raise BandError(
            f"language_embed has the shape {tuple(embed.shape)} for an image of {x.shape[1]} "
            f"channels: expected ({x.shape[1]}, {LANGUAGE}), one row a channel"
        )
    return rows.to(x.device)


def check_metadata(metadata: Tensor) -> None:
    """Refuse (B, 4) whose longitude, latitude, days or area cannot be.

    Raises:
        ConfigError: A value is neither NaN nor within its limits.
    """
    limits = (
        ("longitude", "degrees", -180.0, 360.0), ("latitude", "degrees", -90.0, 90.0),
        ("time", "days since 1970", -math.inf, math.inf),
        ("area of a patch", "km²", 1e-3, 5.1e8),
    )  # fmt: skip
    for column, (name, unit, low, high) in zip(metadata.T.tolist(), limits, strict=True):
        for value in column:
            nothing = math.isnan(value) or (name.startswith("area") and value == 0)
            if not nothing and not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(
                    f"{name} in the metadata is {value:g}: expected {low:g} to {high:g} {unit}, or "
                    "NaN where it is not known. The columns are longitude, latitude, days since "
                    "1970, area of a patch in km²"
                )
