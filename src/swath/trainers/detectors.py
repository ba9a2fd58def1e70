"""From the words of a config to a detector; its frozen layers, and its losses out of training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models import detection_model
from swath.models.detection import DETECTORS
from swath.models.weights import nearest
from swath.trainers.backbones import backbone_model
from swath.trainers.pretrained import Pretrained

__all__ = ["build_detector", "computing_losses", "freeze_layers", "same_maps"]

#: What a task or `detection_model` says itself.
_TAKEN = ("self", "backbone", "num_classes", "image_mean", "image_std", "kwargs")


def build_detector(
    name: str,
    backbone: str,
    num_classes: int,
    pretrained: Pretrained,
    channels: int = 256,
    anchor_sizes: Sequence[float] | None = None,
    options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """A detector of torchvision's interface on a backbone with weights in it.

    Args:
        name: One of `swath.models.DETECTORS`.
        backbone: Of `swath.models` or timm.
        num_classes: With the background.
        pretrained: Weights of the backbone, and the image's channels.
        channels: Of the pyramid.
        anchor_sizes: As in `swath.models.detection_model`.
        options: For the detector's class in torchvision, and ``min_size`` and ``max_size``.

    Raises:
        ConfigError: No such detector, backbone or option; weights of a whole detector.
    """
    if type(pretrained.weights).__module__.startswith("torchvision.models.detection"):
        raise ConfigError(
            f"weights {pretrained.name!r} are of a whole detector: expected a backbone's, such as "
            "'ResNet50_Weights.SENTINEL2_ALL_MOCO' or True; or load them into torchvision's "
            "detector and give that as model"
        )
    given = dict(options or {})
    known: set[str] = set()
    for cls in DETECTORS[name][0].__mro__:  # type: ignore[attr-defined]
        if cls.__module__.startswith("torchvision.models.detection"):
            known |= set(inspect.signature(cls.__init__).parameters)
    for option in given:
        # torchvision takes any, and passes over those that it does not know
        if option not in known - set(_TAKEN):
            raise ConfigError(
                f"{name} has no option {option!r}: {nearest(option, known - set(_TAKEN))}"
            )
        if isinstance(given[option], nn.Module):
            raise ConfigError(
                f"the option {option!r} is a module, which no checkpoint can hold: build the "
                "detector yourself, with swath.models.detection_model, and give it as model"
            )
    sizes = {n: given.pop(n) for n in ("min_size", "max_size") if n in given}
    return detection_model(
        backbone_model(backbone, pretrained), name, num_classes, channels=channels,
        anchor_sizes=anchor_sizes, options=given, **sizes,
    )  # fmt: skip


def freeze_layers(trunk: nn.Module, trained: int) -> None:
    """Stop the training of all but the last layers of a backbone.

    Layers are those of timm's ``group_matcher``: the stem and the stages of a ResNet (5 in all, as
    torchvision counts), the blocks of a ViT (its stem before and its last norm after them).

    Raises:
        ConfigError: Fewer than none are wanted, or the backbone's layers are not known.
    """
    from timm.models import group_parameters

    if trained < 0:
        raise ConfigError(f"trainable_layers is {trained}: expected 0 or more")
    matcher: Any = getattr(trunk, "group_matcher", None)
    if not callable(matcher):
        raise ConfigError(
            f"trainable_layers is {trained}, and the layers of {type(trunk).__name__} are not "
            "known (it has no group_matcher as timm's models have): leave it out to train all of "
            "them, or set freeze_backbone"
        )
    layers: Any = group_parameters(trunk, matcher(coarse=True), reverse=True)
    depths = sorted(set(layers.values()))
    kept = set(depths[len(depths) - trained :] if trained < len(depths) else depths)
    for name, parameter in trunk.named_parameters():
        parameter.requires_grad_(layers[name] in kept)


@contextmanager
def computing_losses(model: nn.Module) -> Iterator[None]:
    """A detector in evaluation mode says its losses.

    Torchvision's detectors decide by ``training`` whether they compute losses: here only they say
    so, not the layers inside, so that batch norms use and keep their statistics and nothing is
    dropped. The anchors that a loss looks at are drawn from a fixed seed, so that a validation
    loss does not depend on luck, nor training on whether there is a validation.
    """
    said = [
        m for m in model.modules()
        if m is model
        or any(c.__module__.startswith("torchvision.models.detection") for c in type(m).__mro__)
    ]  # fmt: skip
    before = [m.training for m in said]
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    cards = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=cards):
            torch.default_generator.manual_seed(0)
            if cards:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(0)
            for module in said:
                module.training = True
            yield
    finally:
        for module, training in zip(said, before, strict=True):
            module.training = training


@contextmanager
def same_maps(model: nn.Module) -> Iterator[None]:
    """A detector's backbone looks at the images once, however often the detector is asked."""
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, nn.Module) or model._compiled_call_impl is not None:
        yield
        return
    look: Callable[[Tensor], Any] = backbone.forward
    seen: list[Any] = []

    def once(x: Tensor) -> Any:
        if not seen:
            seen.append(look(x))
        return seen[0]

    backbone.forward = once
    try:
        yield
    finally:
        del backbone.forward
