"""Where in a checkpoint a network lies: under which prefix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

__all__ = ["align_names"]


def align_names(tensors: Mapping[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """`tensors` with their names changed to those of a model, where only the prefix differs.

    Checkpoints keep a network under ``backbone.``, ``module.encoder_q.`` and the like, and a model
    may itself lie in a wrapper. The pair of prefixes under which most names are the model's is
    taken, the shorter ones and the ones met first in the file where several match as many. Tensors
    outside the prefix keep their names, so that whoever loads them accounts for them.

    Args:
        tensors: By name, as in the file.
        own: Names of the model's tensors.
    """
    own = list(own)
    best, pair = 0, ("", "")
    for target in _common_prefixes(own):
        wanted = {name.removeprefix(target) for name in own}
        counts: dict[str, int] = {}
        for name in tensors:
            for prefix in _prefixes(name):
                if name[len(prefix) :] in wanted:
                    counts[prefix] = counts.get(prefix, 0) + 1
        for prefix in sorted(counts, key=len):
            if counts[prefix] > best:
                best, pair = counts[prefix], (prefix, target)
    source, target = pair
    if source == target:
        return dict(tensors)
    return {
        target + name.removeprefix(source) if name.startswith(source) else name: tensor
        for name, tensor in tensors.items()
    }


def _prefixes(name: str) -> list[str]:
    """``a.b.c``: the empty one, ``a.``, ``a.b.``."""
    parts = name.split(".")
    return ["".join(f"{p}." for p in parts[:i]) for i in range(len(parts))]


def _common_prefixes(names: list[str]) -> list[str]:
    """Prefixes that all of `names` have, the empty one first."""
    if not names:
        return [""]
    return [p for p in _prefixes(names[0]) if all(n.startswith(p) for n in names)]
