"""ResNets of timm with weights that have seen satellite imagery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
from torch import nn

from swath.models.factory import Request
from swath.models.prefixes import align_names
from swath.models.registry import register_model
from swath.models.resnet_weights import ResNet18_Weights, ResNet50_Weights, ResNet152_Weights
from swath.models.weights import WeightsEnum

__all__ = [
    "ResNet18_Weights",
    "ResNet50_Weights",
    "ResNet152_Weights",
    "resnet18",
    "resnet50",
    "resnet152",
]

#: What pre-training leaves in a file beside the network: heads, projectors, a second encoder.
_LEFT_OVERS = (
    r"(^|\.)(fc|head|heads|projector|projection_head|predictor|classifier)\.",
    r"(^|\.)(encoder_k|momentum_encoder|teacher)\.",
    r"(^|\.)queue(_ptr)?$",
)


def _resnet(
    name: str,
    enum: type[WeightsEnum],
    weights: Any,
    args: tuple[Any, ...],
    bands: Sequence[str | float] | None,
    kwargs: dict[str, Any],
) -> nn.Module:
    request = Request.settle(enum, weights, bands, kwargs)
    model: nn.Module = timm.create_model(name, *args, **kwargs)
    own = model.state_dict()
    # features_only with few out_indices leaves out the last stages
    pruned = [
        rf"^layer{i}\." for i in range(1, 5) if not any(k.startswith(f"layer{i}.") for k in own)
    ]
    return request.finish(
        model, stem="conv1.weight", absent=(r"^fc\.",), unused=(*_LEFT_OVERS, *pruned),
        prepare=lambda tensors: align_names(tensors, own),
    )  # fmt: skip


@register_model(weights=ResNet18_Weights, tasks=("backbone", "classification"))
def resnet18(
    weights: ResNet18_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ResNet-18, https://arxiv.org/abs/1512.03385.

    Args:
        weights: A member, its name, or None for random numbers.
        *args: For `timm.create_model`.
        bands: Of the user's image, in order: the first layer is fitted to them.
        **kwargs: For `timm.create_model`: ``in_chans``, ``num_classes``, ``features_only``, … The
            head is never loaded.

    Raises:
        ConfigError: There are no such weights.
        BandError: The bands do not fit the weights.
    """
    return _resnet("resnet18", ResNet18_Weights, weights, args, bands, kwargs)


@register_model(weights=ResNet50_Weights, tasks=("backbone", "classification"))
def resnet50(
    weights: ResNet50_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ResNet-50; see `resnet18`."""
    return _resnet("resnet50", ResNet50_Weights, weights, args, bands, kwargs)


@register_model(weights=ResNet152_Weights, tasks=("backbone", "classification"))
def resnet152(
    weights: ResNet152_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ResNet-152; see `resnet18`."""
    return _resnet("resnet152", ResNet152_Weights, weights, args, bands, kwargs)
