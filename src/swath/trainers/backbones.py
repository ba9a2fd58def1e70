"""From the words of a config to a backbone with weights in it."""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from swath.errors import ConfigError
from swath.models import get_model, list_models
from swath.models.registry import model_entry
from swath.models.weights import nearest
from swath.trainers.foundation import SATLAS, satlas, told_model, with_head
from swath.trainers.pretrained import Pretrained, load_encoder

__all__ = ["backbone_model", "classifier", "freeze_all_but", "head_of"]


def classifier(model: str | nn.Module, pretrained: Pretrained, outputs: int) -> nn.Module:
    """A network of (B, C, H, W) -> (B, outputs).

    Args:
        model: A name of `swath.models` (a backbone) or of timm; or any module, which is given back
            as it is.
        pretrained: Weights, and the image's channels.
        outputs: Numbers an image.

    Raises:
        ConfigError: No such model; or weights of another one.
    """
    if isinstance(model, nn.Module):
        if pretrained.weights is not None:
            raise ConfigError(
                f"weights {pretrained.name!r} and a module of your own ({type(model).__name__}): "
                "load them into it yourself, with swath.models.load_weights"
            )
        return model
    return _filled(model, pretrained, outputs)


def backbone_model(name: str, pretrained: Pretrained) -> nn.Module:
    """A backbone without a head, for decoders and detectors.

    Args:
        name: A backbone of `swath.models` or of timm.
        pretrained: Weights, and the image's channels.

    Raises:
        ConfigError: No such backbone; or weights of another one.
    """
    return _filled(name, pretrained, 0)


def _filled(model: str, pretrained: Pretrained, outputs: int) -> nn.Module:
    """The network of that name with its weights in it."""
    name = model.lower()
    if name == "satlaspretrain" or name in SATLAS:
        return with_head(satlas(model, pretrained), outputs)
    if name in {n.lower() for n in list_models()} and model_entry(model).bands == "any":
        return told_model(model_entry(model), pretrained, outputs)
    network = _build(model, pretrained, outputs)
    if pretrained.weights not in (None, True):
        load_encoder(network, pretrained, absent=_heads(network))
    return network


def _build(model: str, pretrained: Pretrained, outputs: int) -> nn.Module:
    ours = {name.lower() for name in list_models()}
    # timm knows ImageNet's weights of its own models, which ours with the same names are not
    if model.lower() in ours and pretrained.weights is not True:
        entry = model_entry(model)
        if "classification" not in entry.tasks and "backbone" not in entry.tasks:
            raise ConfigError(f"{model!r} is for {', '.join(entry.tasks)}, not for whole images")
        try:
            return get_model(model, in_chans=pretrained.channels, num_classes=outputs)
        except TypeError as error:
            raise ConfigError(
                f"{model!r} is not built from channels and outputs alone ({error}): build it "
                "yourself and pass the module"
            ) from error
    if model not in set(timm.list_models()) | set(timm.list_pretrained()):
        known = sorted({*list_models(), *SATLAS, *timm.list_models()})
        raise ConfigError(f"there is no model {model!r}: {nearest(model, known)}")
    asked: dict[str, Any] = {
        "pretrained": pretrained.weights is True, "in_chans": pretrained.channels,
        "num_classes": outputs,
    }  # fmt: skip
    # Transformers are made for one size of image unless they are asked to take any
    ways: list[dict[str, Any]] = [{"dynamic_img_size": True}, {"strict_img_size": False}, {}]
    for flexible in ways:
        try:
            network: nn.Module = timm.create_model(model, **asked, **flexible)
        except TypeError:
            if flexible:
                continue
            raise
        except (RuntimeError, OSError, ValueError) as error:
            raise ConfigError(f"cannot build {model!r}: {error}") from error
        return network
    raise ConfigError(f"cannot build {model!r}")


def _heads(network: nn.Module) -> list[str]:
    """Patterns of a classifier's last layers, which are the task's own."""
    config = getattr(network, "pretrained_cfg", None)
    names = (config or {}).get("classifier") or ("head", "fc")
    return [rf"^{name}\." for name in ([names] if isinstance(names, str) else names)]


def head_of(network: nn.Module) -> nn.Module | None:
    """A classifier's last layer, as timm says it or under the usual names; None if it has none."""
    said = getattr(network, "get_classifier", None)
    for found in (said() if callable(said) else None, getattr(network, "head", None)):
        if isinstance(found, nn.Module):
            return found
    return None


def freeze_all_but(network: nn.Module, kept: nn.Module | None) -> None:
    """Stop the training of everything but the layers of `kept`.

    Raises:
        ConfigError: Nobody knows which layers to keep.
    """
    if kept is None or not any(True for _ in kept.parameters()):
        raise ConfigError(
            f"freeze_backbone: {type(network).__name__} has no head that is known (timm's "
            "get_classifier, or a layer called head): freeze its parameters yourself before you "
            "pass it"
        )
    network.requires_grad_(False)
    kept.requires_grad_(True)
