"""Tensors in another shape."""

from __future__ import annotations

from typing import Any

from einops import EinopsError, rearrange
from torch import Tensor, nn

from swath.errors import ConfigError

__all__ = ["Rearrange"]


class Rearrange(nn.Module):
    """Dimensions in another order, split or joined, in the notation of einops.

    ``Rearrange("b (t c) h w -> b t c h w", c=4)`` makes a series of stacked channels,
    ``Rearrange("b t c h w -> b (t c) h w")`` stacks a series. Takes a tensor, or a sample or batch
    whose ``image`` is one.

    Args:
        *args: The pattern.
        **kwargs: Lengths of its axes.

    Raises:
        ConfigError: No pattern.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        if len(args) != 1 or not isinstance(args[0], str) or "->" not in args[0]:
            raise ConfigError(
                f"Rearrange got {args}: expected one pattern such as 'b t c h w -> b (t c) h w'"
            )
        self.pattern: str = args[0]
        self.lengths: dict[str, int] = kwargs

    def forward(self, input: Any) -> Any:
        """The rearranged tensor, or the sample with it.

        Raises:
            ConfigError: The tensor does not fit the pattern.
        """
        if isinstance(input, dict):
            return {**input, "image": self(input["image"])}
        try:
            out: Tensor = rearrange(input, self.pattern, **self.lengths)
        except EinopsError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(
                f"an image of shape {tuple(input.shape)} does not fit {self.pattern!r} with "
                f"{self.lengths}: {reason}"
            ) from error
        return out

    def extra_repr(self) -> str:
        """The pattern."""
        return ", ".join([repr(self.pattern), *(f"{k}={v}" for k, v in self.lengths.items())])
