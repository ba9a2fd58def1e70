"""Put a checkpoint into a model: every tensor is used or accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.adapt import BandFit, adapt_kernel
from swath.models.checkpoint import read_state_dict
from swath.models.weights import WeightsEnum

__all__ = ["load_weights"]

Model = TypeVar("Model", bound=nn.Module)


def load_weights(
    model: Model,
    weights: WeightsEnum | str | Mapping[str, Tensor],
    *,
    fit: BandFit | None = None,
    stem: str | None = None,
    rename: Mapping[str, str] | None = None,
    absent: Sequence[str] = (),
    unused: Sequence[str] = (),
) -> Model:
    """Load tensors into `model`, and say what does not fit.

    Args:
        model: Anything.
        weights: A member of a weights enum, the path of a file, or tensors by name.
        fit: How the checkpoint's bands become the model's (see `swath.models.adapt`).
        stem: Name in the model of the first layer's kernel, which `fit` changes.
        rename: Regular expressions of the checkpoint's names, and what to put in their place; an
            empty replacement drops a prefix.
        absent: Regular expressions of the model's names that the checkpoint need not have (a head
            that is to be trained, buffers that are computed).
        unused: Regular expressions of the checkpoint's names that have no place in the model.

    Returns:
        `model`.

    Raises:
        ConfigError: Tensors are missing, left over, or of another shape: the file is of another
            architecture, or for other bands. The model is as it was.
    """
    source, tensors = _tensors(weights)
    for pattern, replacement in (rename or {}).items():
        tensors = {re.sub(pattern, replacement, k): v for k, v in tensors.items()}
    tensors = {k: v for k, v in tensors.items() if not _matches(k, unused)}
    if fit is not None and stem is not None and stem in tensors:
        tensors[stem] = adapt_kernel(tensors[stem], fit)
    own = model.state_dict()
    left_over = [k for k in tensors if k not in own]
    missing = [k for k in own if k not in tensors and not _matches(k, absent)]
    # Old checkpoints lack BatchNorm's counter, which only matters for cumulative averages.
    missing = [k for k in missing if not k.endswith("num_batches_tracked")]
    shapes = [
        f"{k} is {tuple(tensors[k].shape)}, expected {tuple(v.shape)}"
        for k, v in own.items()
        if k in tensors and tensors[k].shape != v.shape
    ]
    if left_over or missing or shapes:
        raise ConfigError(_misfit(type(model).__name__, source, own, left_over, missing, shapes))
    model.load_state_dict(tensors, strict=False)
    return model


def _tensors(weights: Any) -> tuple[str, dict[str, Tensor]]:
    if isinstance(weights, WeightsEnum):
        return repr(weights), dict(weights.get_state_dict(progress=True))
    if isinstance(weights, Mapping):
        return "the state dict", dict(weights)
    return str(weights), read_state_dict(weights)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(re.search(p, name) for p in patterns)


def _misfit(
    kind: str,
    source: str,
    own: Mapping[str, Tensor],
    left_over: list[str],
    missing: list[str],
    shapes: list[str],
) -> str:
    parts = [f"{source} does not fit {kind} ({len(own)} tensors):"]
    for what, names in (
        ("missing in the file", missing),
        ("not in the model", left_over),
        ("of another shape", shapes),
    ):
        if names:
            shown = "; ".join(names[:3]) + ("; …" if len(names) > 3 else "")
            parts.append(f"{len(names)} {what} ({shown}).")
    if not set(own) & (set(own) - set(missing)):
        parts.append("Nothing matches: it is a checkpoint of another architecture.")
    elif shapes and not missing and not left_over:
        parts.append("Build the model with the arguments that the file was trained with.")
    return " ".join(parts)
