"""From the words of a config to a backbone with weights in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import timm
from torch import nn

from swath.errors import ConfigError, FileMissingError
from swath.models import WeightsEnum, get_model, get_weight, list_models, load_weights
from swath.models.registry import nearest

__all__ = ["classifier", "find_weights", "freeze_all_but"]


def find_weights(weights: Any) -> WeightsEnum | str | bool | None:
    """What `weights` of a task means: a member of a weights enum, a file or URL, or ImageNet's.

    Args:
        weights: None or False for none; True for the library's own (ImageNet); a member or its
            full name (``"ResNet18_Weights.SENTINEL2_ALL_MOCO"``); a path or URL.

    Raises:
        ConfigError: None of these.
        FileMissingError: A path without a file.
    """
    if weights is None or isinstance(weights, bool | WeightsEnum):
        return weights or None
    if isinstance(weights, os.PathLike):
        weights = os.fspath(weights)
    if not isinstance(weights, str):
        raise ConfigError(
            f"weights is {weights!r}: expected True, a member of a weights enum, its name, a path "
            "or a URL"
        )
    if weights.startswith(("http://", "https://")):
        return weights
    head, dot, _ = weights.partition(".")
    if dot and head.lower().endswith("_weights"):
        return get_weight(weights)
    if not os.path.exists(weights):
        raise FileMissingError(
            f"the weights {weights} do not exist: expected a file, a URL, or a name such as "
            "ResNet18_Weights.SENTINEL2_ALL_MOCO (swath models list shows them)"
        )
    return weights


def classifier(
    model: str | nn.Module,
    weights: Any,
    in_channels: int,
    outputs: int,
    bands: Sequence[str] | None = None,
) -> nn.Module:
    """A network of (B, C, H, W) -> (B, outputs).

    Args:
        model: A name of `swath.models` or of timm; or any module, which is given back as it is.
        weights: As in `find_weights`.
        in_channels: Bands of the image.
        outputs: Numbers an image.
        bands: Their names: published weights are fitted to them.

    Raises:
        ConfigError: No such model; or weights of another one.
        BandError: Weights of other bands.
    """
    if isinstance(model, nn.Module):
        return model
    found = find_weights(weights)
    own = model.lower() in {name.lower() for name in list_models()}
    if isinstance(found, WeightsEnum):
        if not own:
            raise ConfigError(
                f"{found!r} is for {found.meta.get('model')!r} of swath.models and the model is "
                f"{model!r}"
            )
        options: dict[str, Any] = {} if bands is None else {"bands": tuple(bands)}
        return get_model(model, weights=found, num_classes=outputs, in_chans=in_channels, **options)
    names = set(timm.list_models()) | set(timm.list_pretrained())
    if model not in names:
        known = sorted({*list_models(), *timm.list_models()})
        raise ConfigError(f"there is no model {model!r}: {nearest(model, known)}")
    try:
        network: nn.Module = timm.create_model(
            model, pretrained=found is True, in_chans=in_channels, num_classes=outputs
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise ConfigError(f"cannot build {model!r}: {error}") from error
    if isinstance(found, str):
        heads = [rf"^{name}\." for name in _heads(network)]
        load_weights(network, found, absent=heads, unused=heads)
    return network


def _heads(network: nn.Module) -> list[str]:
    """Names of a classifier's last layers, which are the task's own."""
    config: Any = getattr(network, "pretrained_cfg", {}) or {}
    names = config.get("classifier") or ("head", "fc")
    return [names] if isinstance(names, str) else list(names)


def freeze_all_but(network: nn.Module, kept: nn.Module | None) -> None:
    """Stop the training of everything but the layers of `kept`.

    Raises:
        ConfigError: Nobody knows which layers to keep.
    """
    if kept is None or not any(True for _ in kept.parameters()):
        raise ConfigError(
            f"freeze_backbone: {type(network).__name__} has no head that is known (timm's "
            "get_classifier): freeze its parameters yourself before you pass it"
        )
    network.requires_grad_(False)
    kept.requires_grad_(True)
