"""Vision transformers of timm with weights that have seen satellite imagery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.factory import Request
from swath.models.prefixes import align_names
from swath.models.registry import register_model
from swath.models.vit_weights import (
    ViTBase14_DINOv2_Weights,
    ViTBase16_Weights,
    ViTHuge14_Weights,
    ViTLarge16_Weights,
    ViTSmall14_DINOv2_Weights,
    ViTSmall16_Weights,
)
from swath.models.weights import WeightsEnum

__all__ = [
    "ViTBase14_DINOv2_Weights",
    "ViTBase16_Weights",
    "ViTHuge14_Weights",
    "ViTLarge16_Weights",
    "ViTSmall14_DINOv2_Weights",
    "ViTSmall16_Weights",
    "vit_base_patch14_dinov2",
    "vit_base_patch16_224",
    "vit_huge_patch14_224",
    "vit_large_patch16_224",
    "vit_small_patch14_dinov2",
    "vit_small_patch16_224",
]

#: What pre-training leaves in a file beside the network: heads, decoders, a second encoder.
_LEFT_OVERS = (
    r"(^|\.)(fc|head|heads|projector|projection_head|predictor|classifier|pre_logits)\.",
    r"(^|\.)(head_drop|decoder\w*|momentum_encoder|teacher)(\.|$)",
    r"(^|\.)mask_token$",
)


def check_patches(size: Sequence[int], patch: Sequence[int]) -> None:
    """Height and width must be multiples of the patch.

    Raises:
        ConfigError: They are not; the text names the nearest sizes that are.
    """
    height, width = int(size[0]), int(size[1])
    if height % patch[0] or width % patch[1] or not height or not width:
        below, above = (
            tuple(max(n // p + up, 1) * p for n, p in zip((height, width), patch, strict=True))
            for up in (0, 1)
        )
        raise ConfigError(
            f"an image of {height} × {width} pixels cannot be cut into patches of {patch[0]} × "
            f"{patch[1]}: the nearest sizes that can are {below[0]} × {below[1]} and "
            f"{above[0]} × {above[1]} (pad the image, or let swath.models.Features do it)"
        )


def _check_size(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    check_patches(inputs[0].shape[-2:], module.patch_size)  # type: ignore[arg-type]


def _vit(
    name: str,
    enum: type[WeightsEnum],
    weights: Any,
    args: tuple[Any, ...],
    bands: Sequence[str | float] | None,
    kwargs: dict[str, Any],
) -> nn.Module:
    request = Request.settle(enum, weights, bands, kwargs)
    if request.weights is not None and "img_size" in request.weights.meta:
        kwargs.setdefault("img_size", request.weights.meta["img_size"])
    kwargs.setdefault("dynamic_img_size", True)
    model: nn.Module = timm.create_model(name, *args, **kwargs)
    # features_only puts the network into a wrapper
    inner, prefix = (model.model, "model.") if hasattr(model, "model") else (model, "")
    inner.patch_embed.register_forward_pre_hook(_check_size)  # type: ignore[union-attr]
    own = model.state_dict()

    def prepare(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return _resample(_fit_norm(align_names(tensors, own), own, prefix), own, prefix)

    depth = len(inner.blocks)  # type: ignore[arg-type,union-attr]
    dropped = [rf"^{prefix}blocks\.{i}\." for i in range(depth, 64)] if prefix else []
    dropped += [rf"^{prefix}norm\."] if prefix and f"{prefix}norm.weight" not in own else []
    return request.finish(
        model, stem=f"{prefix}patch_embed.proj.weight", absent=(rf"^{prefix}head\.",),
        unused=(*_LEFT_OVERS, *dropped), prepare=prepare,
    )  # fmt: skip


def _fit_norm(
    tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """The last norm stands before or after pooling (``norm``, ``fc_norm``), as timm has it."""
    found = dict(tensors)
    for mine, other in (("norm", "fc_norm"), ("fc_norm", "norm")):
        for part in ("weight", "bias"):
            name, spare = f"{prefix}{mine}.{part}", f"{prefix}{other}.{part}"
            if name in own and name not in found and spare in found and spare not in own:
                found[name] = found.pop(spare)
    return found


def _resample(
    tensors: dict[str, Tensor], own: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """Position embeddings of another image size, resampled."""
    name, cls = f"{prefix}pos_embed", f"{prefix}cls_token"
    if name in tensors and name in own and tensors[name].ndim == own[name].ndim == 3:
        extra = own[cls].shape[1] if cls in own else 0
        old, new = ((t[name].shape[1] - extra) ** 0.5 for t in (tensors, own))
        square = old == int(old) and new == int(new) and old != new
        if square and tensors[name].shape[2] == own[name].shape[2]:
            with torch.no_grad():
                resampled: Tensor = resample_abs_pos_embed(
                    tensors[name].float(), [int(new), int(new)], num_prefix_tokens=extra
                )
            tensors[name] = resampled.to(tensors[name].dtype)
    return tensors


@register_model(weights=ViTSmall16_Weights, tasks=("backbone", "classification"))
def vit_small_patch16_224(
    weights: ViTSmall16_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ViT-S/16, https://arxiv.org/abs/2010.11929.

    Any height and width that are multiples of the patch will do: position embeddings are
    interpolated (``dynamic_img_size=False`` forbids it, as timm's default does).

    Args:
        weights: A member, its name, or None for random numbers.
        *args: For `timm.create_model`.
        bands: Of the user's image, in order: the first layer is fitted to them.
        **kwargs: For `timm.create_model`: ``in_chans``, ``num_classes``, ``img_size``,
            ``features_only``, … The head is never loaded.

    Raises:
        ConfigError: There are no such weights; in the forward pass, a size that is not a multiple
            of the patch.
        BandError: The bands do not fit the weights.
    """
    return _vit("vit_small_patch16_224", ViTSmall16_Weights, weights, args, bands, kwargs)


@register_model(weights=ViTBase16_Weights, tasks=("backbone", "classification"))
def vit_base_patch16_224(
    weights: ViTBase16_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ViT-B/16; see `vit_small_patch16_224`."""
    return _vit("vit_base_patch16_224", ViTBase16_Weights, weights, args, bands, kwargs)


@register_model(weights=ViTLarge16_Weights, tasks=("backbone", "classification"))
def vit_large_patch16_224(
    weights: ViTLarge16_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ViT-L/16; see `vit_small_patch16_224`."""
    return _vit("vit_large_patch16_224", ViTLarge16_Weights, weights, args, bands, kwargs)


@register_model(weights=ViTHuge14_Weights, tasks=("backbone", "classification"))
def vit_huge_patch14_224(
    weights: ViTHuge14_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ViT-H/14; see `vit_small_patch16_224`."""
    return _vit("vit_huge_patch14_224", ViTHuge14_Weights, weights, args, bands, kwargs)


@register_model(weights=ViTSmall14_DINOv2_Weights, tasks=("backbone", "classification"))
def vit_small_patch14_dinov2(
    weights: ViTSmall14_DINOv2_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ViT-S/14 of DINOv2, https://arxiv.org/abs/2304.07193; see `vit_small_patch16_224`.

    Without weights its positions are those of 518 × 518 pixels, with weights those of the
    checkpoint, 224 × 224, unless ``img_size`` says otherwise.
    """
    return _vit("vit_small_patch14_dinov2", ViTSmall14_DINOv2_Weights, weights, args, bands, kwargs)


@register_model(weights=ViTBase14_DINOv2_Weights, tasks=("backbone", "classification"))
def vit_base_patch14_dinov2(
    weights: ViTBase14_DINOv2_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """ViT-B/14 of DINOv2; see `vit_small_patch14_dinov2`."""
    return _vit("vit_base_patch14_dinov2", ViTBase14_DINOv2_Weights, weights, args, bands, kwargs)
