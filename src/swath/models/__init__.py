"""Architectures and published weights of remote sensing behind one API."""

from swath.models.adapt import BandFit, fit_bands
from swath.models.fcn import FCN
from swath.models.finding import list_weights
from swath.models.loading import load_weights
from swath.models.plain_unet import PlainUNet
from swath.models.presets import Preset
from swath.models.registry import (
    ModelEntry,
    get_model,
    get_model_weights,
    get_weight,
    list_models,
    register_model,
)
from swath.models.resnet import (
    ResNet18_Weights,
    ResNet50_Weights,
    ResNet152_Weights,
    resnet18,
    resnet50,
    resnet152,
)
from swath.models.satlas import Satlas_Weights, satlaspretrain
from swath.models.swin import (
    Swin_B_Weights,
    Swin_S_Weights,
    Swin_T_Weights,
    Swin_V2_B_Weights,
    Swin_V2_T_Weights,
    SwinBackbone_Weights,
    swin_b,
    swin_s,
    swin_t,
    swin_v2_b,
    swin_v2_t,
)
from swath.models.unet import Unet_Weights, unet
from swath.models.vit import (
    ViTBase14_DINOv2_Weights,
    ViTBase16_Weights,
    ViTHuge14_Weights,
    ViTLarge16_Weights,
    ViTSmall14_DINOv2_Weights,
    ViTSmall16_Weights,
    vit_base_patch14_dinov2,
    vit_base_patch16_224,
    vit_huge_patch14_224,
    vit_large_patch16_224,
    vit_small_patch14_dinov2,
    vit_small_patch16_224,
)
from swath.models.weights import WeightsEnum, weight

__all__ = [
    "FCN",
    "BandFit",
    "ModelEntry",
    "PlainUNet",
    "Preset",
    "ResNet18_Weights",
    "ResNet50_Weights",
    "ResNet152_Weights",
    "Satlas_Weights",
    "SwinBackbone_Weights",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_T_Weights",
    "Unet_Weights",
    "ViTBase14_DINOv2_Weights",
    "ViTBase16_Weights",
    "ViTHuge14_Weights",
    "ViTLarge16_Weights",
    "ViTSmall14_DINOv2_Weights",
    "ViTSmall16_Weights",
    "WeightsEnum",
    "fit_bands",
    "get_model",
    "get_model_weights",
    "get_weight",
    "list_models",
    "list_weights",
    "load_weights",
    "register_model",
    "resnet18",
    "resnet50",
    "resnet152",
    "satlaspretrain",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_t",
    "unet",
    "vit_base_patch14_dinov2",
    "vit_base_patch16_224",
    "vit_huge_patch14_224",
    "vit_large_patch16_224",
    "vit_small_patch14_dinov2",
    "vit_small_patch16_224",
    "weight",
]
