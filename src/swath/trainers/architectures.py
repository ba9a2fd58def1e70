"""Segmentation networks by name: (B, C, H, W) -> (B, classes, H, W), any H and W."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models import FCN, Features
from swath.models import segmentation_model as decoder_on_backbone
from swath.models.encoders import check_encoder, is_encoder
from swath.models.segmentation import DECODERS
from swath.models.weights import nearest
from swath.trainers.backbones import backbone_model
from swath.trainers.pretrained import Pretrained, load_encoder

__all__ = ["MODELS", "freeze_parts", "segmentation_model"]

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
    classes: int,
    pretrained: Pretrained,
    num_filters: int = 64,
    freeze_backbone: bool = False,
    freeze_decoder: bool = False,
) -> nn.Module:
    """Build a network.

    Args:
        name: One of `MODELS` or of `swath.models.DECODERS`; or ``"fcn"``, which has no backbone.
        backbone: An encoder of segmentation-models-pytorch (``"resnet18"``, ``"tu-…"`` for timm),
            a backbone of `swath.models` (``"vit_small_patch16_224"``, ``"swin_v2_b"``) or of timm.
        classes: Channels that come out.
        pretrained: Weights of the encoder, and the image's channels.
        num_filters: Width of ``"fcn"``.
        freeze_backbone: Train the decoder and head alone.
        freeze_decoder: Train the backbone and head alone.

    Raises:
        ConfigError: There is no such model or backbone.
    """
    if name == "fcn":
        if pretrained.weights is not None:
            raise ConfigError(f"fcn has no backbone: weights {pretrained.name!r} have no place")
        network: nn.Module = FCN(pretrained.channels, classes, num_filters)
        freeze_parts(network, freeze_backbone, freeze_decoder)
        return network
    if name not in MODELS and name not in DECODERS:
        known = sorted({*MODELS, *DECODERS, "fcn"})
        raise ConfigError(f"model is {name!r}: {nearest(name, known)}")
    if backbone.startswith("tu-"):
        check_encoder(backbone)
    if name in MODELS and is_encoder(backbone):
        model: Any = _packaged(name, backbone, classes, pretrained)
    else:
        if name not in DECODERS:
            raise ConfigError(
                f"{name} takes encoders of segmentation-models-pytorch, and {backbone!r} is none: "
                f"use one of {', '.join(DECODERS)}"
            )
        trunk = backbone_model(backbone, pretrained)
        model = decoder_on_backbone(trunk, name, classes)
    freeze_parts(model, freeze_backbone, freeze_decoder)
    built: nn.Module = model
    return built


def freeze_parts(model: nn.Module, backbone: bool, decoder: bool) -> None:
    """Stop the training of a network's ``encoder``, or ``decoder``.

    Raises:
        ConfigError: It has none.
    """
    for option, part, frozen in (
        ("freeze_backbone", "encoder", backbone), ("freeze_decoder", "decoder", decoder),
    ):  # fmt: skip
        if not frozen:
            continue
        found = getattr(model, part, None)
        if not isinstance(found, nn.Module):
            raise ConfigError(
                f"{option}: {type(model).__name__} has no {part} that is known: freeze its "
                "parameters yourself before you pass it"
            )
        # what makes further scales of a plain backbone's map is new, and is trained
        found = found.backbone if isinstance(found, Features) else found
        found.requires_grad_(False)


def _packaged(name: str, backbone: str, classes: int, pretrained: Pretrained) -> Any:
    import segmentation_models_pytorch as smp

    try:
        model: Any = getattr(smp, MODELS[name])(
            encoder_name=backbone,
            encoder_weights="imagenet" if pretrained.weights is True else None,
            in_channels=pretrained.channels,
            classes=classes,
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ConfigError(f"cannot build {name} on the backbone {backbone!r}: {error}") from error
    if pretrained.weights is not None and pretrained.weights is not True:
        load_encoder(model.encoder, pretrained)
    return model


def pad_to_multiple(image: Tensor, multiple: int = 32) -> tuple[Tensor, int, int]:
    """`image` (B, C, H, W) extended right and below to multiples, and its own height and width.

    The border is repeated: zeros would look like nodata to the network.
    """
    height, width = image.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if down or right:
        image = nn.functional.pad(image, (0, right, 0, down), mode="replicate")
    return image, height, width
