"""Segmentation networks by name: (B, C, H, W) -> (B, classes, H, W), any H and W."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, FileMissingError
from swath.models import FCN

__all__ = ["MODELS", "segmentation_model"]

#: Names in the field, and the classes of segmentation-models-pytorch that they stand for.
MODELS = {
    "unet": "Unet",
    "deeplabv3+": "DeepLabV3Plus",
    "upernet": "UPerNet",
    "segformer": "Segformer",
    "dpt": "DPT",
}


def segmentation_model(
    name: str,
    backbone: str,
    in_channels: int,
    classes: int,
    weights: Any = None,
    num_filters: int = 64,
    freeze_backbone: bool = False,
    freeze_decoder: bool = False,
) -> nn.Module:
    """Build a network.

    Args:
        name: One of `MODELS`, or ``"fcn"``, which has no backbone.
        backbone: An encoder of segmentation-models-pytorch (``"resnet18"``, ``"tu-…"`` for timm).
        in_channels: Bands of the image.
        classes: Channels that come out.
        weights: None or False for none, True for ImageNet's, a path to a state dict of the
            encoder, or a member of a weights enum (it has ``get_state_dict``).
        num_filters: Width of ``"fcn"``.
        freeze_backbone: Train the decoder and head alone.
        freeze_decoder: Train the backbone and head alone.

    Raises:
        ConfigError: There is no such model or backbone.
    """
    if name == "fcn":
        return FCN(in_channels, classes, num_filters)
    if name not in MODELS:
        raise ConfigError(f"model is {name!r}; the models are {', '.join(MODELS)}, fcn")
    import segmentation_models_pytorch as smp

    try:
        model: nn.Module = getattr(smp, MODELS[name])(
            encoder_name=backbone,
            encoder_weights="imagenet" if weights is True else None,
            in_channels=in_channels,
            classes=classes,
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ConfigError(f"cannot build {name} on the backbone {backbone!r}: {error}") from error
    if weights is not None and not isinstance(weights, bool):
        _load_encoder(model.encoder, weights)
    for part, frozen in (("encoder", freeze_backbone), ("decoder", freeze_decoder)):
        if frozen:
            getattr(model, part).requires_grad_(False)
    return model


def _load_encoder(encoder: Any, weights: Any) -> None:
    """Load an encoder's weights; a classifier's head in the file is passed over, nothing else."""
    if hasattr(weights, "get_state_dict"):
        state, name = weights.get_state_dict(progress=True), str(weights)
    else:
        name = os.fspath(weights)
        if not os.path.exists(name):
            raise FileMissingError(f"the weights {name} do not exist (a path to a state dict)")
        state = torch.load(name, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    own = encoder.state_dict()
    wrong = [k for k, v in own.items() if k not in state or state[k].shape != v.shape]
    wrong = [k for k in wrong if not k.endswith("num_batches_tracked")]
    if wrong:
        raise ConfigError(
            f"{name} does not fit the backbone: {len(wrong)} of {len(own)} parameters are missing "
            f"or of another shape, first {wrong[0]}"
        )
    encoder.load_state_dict({k: v for k, v in state.items() if k in own}, strict=False)


def pad_to_multiple(image: Tensor, multiple: int = 32) -> tuple[Tensor, int, int]:
    """`image` (B, C, H, W) extended right and below to multiples, and its own height and width.

    The border is repeated: zeros would look like nodata to the network.
    """
    height, width = image.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if down or right:
        image = nn.functional.pad(image, (0, right, 0, down), mode="replicate")
    return image, height, width
