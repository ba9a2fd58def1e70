"""Published weights of the Swin transformers."""

from __future__ import annotations

from torchvision.models import Weights

from swath.models.presets import Preset
from swath.models.published import IMAGENET, satlas
from swath.models.weights import WeightsEnum, weight

__all__ = [
    "SwinBackbone_Weights",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_T_Weights",
]


def _cityscapes(url: str, size: str, window: int) -> Weights:
    """Mask2Former's backbone, trained on street scenes; colours between 0 and 1."""
    bands = ("R", "G", "B")
    return weight(
        url, Preset(IMAGENET[0], IMAGENET[1], bands=bands),
        model=f"SwinTransformer {size}", dataset="Cityscapes - semantic segmentation",
        publication="https://arxiv.org/abs/2112.01527",
        repo="https://github.com/facebookresearch/Mask2Former/", bands=bands, units="rgb01",
        window_size=window,
    )  # fmt: skip


class SwinBackbone_Weights(WeightsEnum):
    """Any weights of a Swin transformer (v1)."""


class Swin_T_Weights(SwinBackbone_Weights):
    """Published weights of `swath.models.swin_t`."""

    CITYSCAPES_SEMSEG = _cityscapes(
        "https://hf.co/blaz-r/swin_tiny_cityscapes_semantic_torchvision/"
        "resolve/0fc235be19c60ae5873ee0e569561c4e43f403ba/swin_tiny_cityscapes_semantic.pth",
        "Tiny", 7,
    )  # fmt: skip


class Swin_S_Weights(SwinBackbone_Weights):
    """Published weights of `swath.models.swin_s`."""

    CITYSCAPES_SEMSEG = _cityscapes(
        "https://hf.co/blaz-r/swin_small_cityscapes_semantic_torchvision/"
        "resolve/97ea7dddaa2f62b3b5de85e16e2597f1635598d3/swin_small_cityscapes_semantic.pth",
        "Small", 7,
    )  # fmt: skip


class Swin_B_Weights(SwinBackbone_Weights):
    """Published weights of `swath.models.swin_b`."""

    CITYSCAPES_SEMSEG = _cityscapes(
        "https://hf.co/blaz-r/swin_base_cityscapes_semantic_torchvision/"
        "resolve/972003c5f18caaa5fc07f9db74ba2dc69eb6c051/swin_base_cityscapes_semantic.pth",
        "Base", 12,
    )  # fmt: skip


class Swin_V2_T_Weights(WeightsEnum):
    """Published weights of `swath.models.swin_v2_t`."""

    SENTINEL2_MI_MS_SATLAS = satlas("sentinel2_swint_mi_ms-d8c659e3.pth", "swin_v2_t", "ms")
    SENTINEL2_MI_RGB_SATLAS = satlas("sentinel2_swint_mi_rgb-424d91f4.pth", "swin_v2_t", "rgb")
    SENTINEL2_SI_MS_SATLAS = satlas("sentinel2_swint_si_ms-bc68e396.pth", "swin_v2_t", "ms")
    SENTINEL2_SI_RGB_SATLAS = satlas("sentinel2_swint_si_rgb-0c1a96e0.pth", "swin_v2_t", "rgb")


class Swin_V2_B_Weights(WeightsEnum):
    """Published weights of `swath.models.swin_v2_b`."""

    NAIP_RGB_MI_SATLAS = satlas("aerial_swinb_mi-326d69e1.pth", "swin_v2_b", "aerial")
    NAIP_RGB_SI_SATLAS = satlas("aerial_swinb_si-e4169eb1.pth", "swin_v2_b", "aerial")
    LANDSAT_MI_SATLAS = satlas("landsat_swinb_mi-6b4a1cda.pth", "swin_v2_b", "landsat")
    LANDSAT_SI_SATLAS = satlas("landsat_swinb_si-4af978f6.pth", "swin_v2_b", "landsat")
    SENTINEL1_MI_SATLAS = satlas("sentinel1_swinb_mi-f6c43d97.pth", "swin_v2_b", "sentinel1")
    SENTINEL1_SI_SATLAS = satlas("sentinel1_swinb_si-3981c153.pth", "swin_v2_b", "sentinel1")
    SENTINEL2_MI_MS_SATLAS = satlas("sentinel2_swinb_mi_ms-39c86721.pth", "swin_v2_b", "ms")
    SENTINEL2_MI_RGB_SATLAS = satlas("sentinel2_swinb_mi_rgb-4efa210c.pth", "swin_v2_b", "rgb")
    SENTINEL2_SI_MS_SATLAS = satlas("sentinel2_swinb_si_ms-fe22a12c.pth", "swin_v2_b", "ms")
    SENTINEL2_SI_RGB_SATLAS = satlas("sentinel2_swinb_si_rgb-156a98d5.pth", "swin_v2_b", "rgb")
