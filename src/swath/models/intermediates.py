"""What `forward_intermediates` gives back, in timm's convention, from maps that are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from swath.errors import ConfigError

__all__ = ["Intermediates", "deliver"]

#: Maps alone, or (final, maps).
Intermediates = list[Tensor] | tuple[Tensor, list[Tensor]]


def deliver(
    final: Tensor | None,
    maps: Sequence[Tensor],
    indices: int | Sequence[int] | None = None,
    output_fmt: str = "NCHW",
    intermediates_only: bool = False,
) -> Any:
    """The maps that were asked for, with or without the network's last output.

    Args:
        final: The last output; not used where only the maps are wanted.
        maps: Every level (B, C, H, W), fine to coarse.
        indices: Levels wanted; the last so many if a number, all if left out. Negative ones count
            from the end.
        output_fmt: ``"NCHW"`` or ``"NHWC"``, of the maps.
        intermediates_only: Leave `final` out.

    Raises:
        ConfigError: There is no such level, or no such format.
    """
    count = len(maps)
    if indices is None:
        wanted = list(range(count))
    elif isinstance(indices, int):
        wanted = list(range(count))[-indices:] if 0 < indices <= count else [indices]
    else:
        wanted = list(indices)
    bad = [i for i in wanted if not -count <= i < count]
    if bad or (isinstance(indices, int) and not 0 < indices <= count):
        raise ConfigError(
            f"indices is {indices!r} and there are {count} levels: expected numbers from "
            f"{-count} to {count - 1}, or how many of the last"
        )
    if output_fmt not in ("NCHW", "NHWC"):
        raise ConfigError(f"output_fmt is {output_fmt!r}: expected 'NCHW' or 'NHWC'")
    chosen = [maps[i] for i in wanted]
    if output_fmt == "NHWC":
        chosen = [m.permute(0, 2, 3, 1) for m in chosen]
    return chosen if intermediates_only else (final, chosen)
