"""Published files into models, whatever stands before their tensors' names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.adapt import BandFit
from swath.models.loading import load_weights
from swath.models.satlas.catalogue import Satlas_Weights

__all__ = ["load_satlas", "match_names"]

log = logging.getLogger(__name__)
Net = TypeVar("Net", bound=nn.Module)

#: First layers, below what stands before the trunk's names.
STEMS = ("features.0.0.weight", "conv1.weight")
#: Parts of a trunk that no map passes through, and that a file may lack.
CLASSIFIERS = ("head.", "fc.", "norm.")


def load_satlas(
    model: Net, weights: Any, *, fit: BandFit | None = None, stem: str | None = None
) -> Net:
    """Load a file of SatlasPretrain.

    The parts (trunk, feature pyramid, upsampling) are found in the file by their tensors' names
    and shapes, wherever they hang. Every tensor is used or told in the log: the heads of the
    pre-training, a pyramid that `model` does not have, anything else.

    Args:
        model: A `swath.models.satlas.Model`.
        weights: A member of `Satlas_Weights` or its name, or whatever `load_weights` takes.
        fit: How the file's bands become the model's.
        stem: Name in the model of the first layer's kernel; found if left out.

    Raises:
        ConfigError: Tensors of the model are missing in the file or have another shape.
    """
    if isinstance(weights, str) and weights in Satlas_Weights.__members__:
        weights = Satlas_Weights.__members__[weights]
    own = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    trunk = _shared([k for k in own if k.startswith("backbone.")])
    names: dict[str, str] = {}
    left: list[str] = []

    def place(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        names.update(match_names(tensors, own))
        for mine in [k for k in names if k.startswith(tuple(trunk + c for c in CLASSIFIERS))]:
            if tuple(tensors[names[mine]].shape) != own[mine]:
                del names[mine]
        used = set(names.values())
        left.extend(k for k in tensors if k not in used)
        return {mine: tensors[theirs] for mine, theirs in names.items()}

    stem = stem or next((trunk + s for s in STEMS if trunk + s in own), None)
    absent = (r"^head\.", *(rf"^{trunk}{c}" for c in CLASSIFIERS))
    try:
        load_weights(model, weights, fit=fit, stem=stem, absent=absent, prepare=place)
    except ConfigError as error:
        lacks = names and any(k.startswith("fpn.") and k not in names for k in own)
        if not lacks:
            raise
        hint = "The file has no such feature pyramid: build the model with fpn=False."
        raise ConfigError(f"{error} {hint}") from error
    _tell("the state dict" if isinstance(weights, Mapping) else str(weights), left)
    return model


def match_names(
    tensors: Mapping[str, Tensor], own: Mapping[str, tuple[int, ...]]
) -> dict[str, str]:
    """Name in the file of each name in the model that the file has.

    Args:
        tensors: By name, as in the file.
        own: Shapes by name, of the model.
    """
    names: dict[str, str] = {}
    for part in ("backbone", "fpn", "upsample"):
        before = _shared([k for k in own if k.startswith(f"{part}.")])
        inner = {k.removeprefix(before): s for k, s in own.items() if k.startswith(f"{part}.")}
        theirs = _find(tensors, inner, part)
        if theirs is not None:
            names |= {before + k: theirs + k for k in inner if theirs + k in tensors}
    return names | {k: k for k in own if k.startswith("head.") and k in tensors}


def _shared(names: list[str]) -> str:
    """What all names begin with, up to a dot."""
    if not names:
        return ""
    first, last = min(names).split("."), max(names).split(".")
    count = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return "".join(f"{p}." for p in first[:count])


def _find(
    tensors: Mapping[str, Tensor], inner: Mapping[str, tuple[int, ...]], part: str
) -> str | None:
    """What stands before the names of `inner` in the file, judged by names and shapes."""
    if not inner:
        return None
    # The upsampling's names ("0.0.weight") are also those of the heads that follow it.
    heads = part == "upsample"
    best: tuple[int, int, bool, int, str] | None = None
    anchor = next(iter(inner))
    for before in (k.removesuffix(anchor) for k in tensors if k.endswith(anchor)):
        if not before or before.endswith("."):
            named = [k for k in inner if before + k in tensors]
            alike = sum(tuple(tensors[before + k].shape) == inner[k] for k in named)
            in_head = heads and "head" in before
            judged = (len(named), alike, not in_head, -len(before), before)
            best = judged if best is None else max(best, judged)
    return best[4] if best is not None and best[0] * 2 > len(inner) else None


def _tell(source: str, left: list[str]) -> None:
    heads = [k for k in left if k.startswith(("heads.", "head."))]
    above = ("intermediates.", "fpn.", "upsample.")
    pyramid = [k for k in left if k.startswith(above)]
    others = [k for k in left if k not in heads and k not in pyramid]
    if heads:
        log.info("%s: %d tensors of the pre-training heads are not used", source, len(heads))
    if pyramid:
        log.info(
            "%s: %d tensors of the feature pyramid are not used, the model has none", source,
            len(pyramid),
        )  # fmt: skip
    if others:
        log.warning(
            "%s: %d tensors have no place in the model (%s)", source, len(others),
            ", ".join(others[:3]),
        )  # fmt: skip
