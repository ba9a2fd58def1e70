"""Published weights of the vision transformers."""

from __future__ import annotations

from functools import partial

from swath.models.published import (
    closp,
    ssl4eo_l,
    ssl4eo_s12_sentinel1,
    ssl4eo_s12_sentinel2,
)
from swath.models.weights import WeightsEnum

__all__ = [
    "ViTBase14_DINOv2_Weights",
    "ViTBase16_Weights",
    "ViTHuge14_Weights",
    "ViTLarge16_Weights",
    "ViTSmall14_DINOv2_Weights",
    "ViTSmall16_Weights",
]

_landsat = partial(ssl4eo_l, "vits16", "vit_small_patch16_224")


class ViTSmall16_Weights(WeightsEnum):
    """Published weights of `swath.models.vit_small_patch16_224`."""

    LANDSAT_TM_TOA_MOCO = _landsat("tm_toa", "moco", "a1c967d8")
    LANDSAT_TM_TOA_SIMCLR = _landsat("tm_toa", "simclr", "7c2d9799")
    LANDSAT_ETM_TOA_MOCO = _landsat("etm_toa", "moco", "26d19bcf")
    LANDSAT_ETM_TOA_SIMCLR = _landsat("etm_toa", "simclr", "34fb12cb")
    LANDSAT_ETM_SR_MOCO = _landsat("etm_sr", "moco", "eaa4674e")
    LANDSAT_ETM_SR_SIMCLR = _landsat("etm_sr", "simclr", "a14c466a")
    LANDSAT_OLI_TIRS_TOA_MOCO = _landsat("oli_tirs_toa", "moco", "c7c2cceb")
    LANDSAT_OLI_TIRS_TOA_SIMCLR = _landsat("oli_tirs_toa", "simclr", "ad43e9a4")
    LANDSAT_OLI_SR_MOCO = _landsat("oli_sr", "moco", "c9b8898d")
    LANDSAT_OLI_SR_SIMCLR = _landsat("oli_sr", "simclr", "4e8f6102")
    SENTINEL2_ALL_CLOSP = closp(
        "closp-vs_s2_encoder-1a3ee5a5.pth", "vit_small_patch16_224", "sentinel2", resize=(224, 224)
    )
    SENTINEL2_ALL_DINO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/vit_small_patch16_224_sentinel2_all_dino/"
        "resolve/5b41dd418a79de47ac9f5be3e035405a83818a62/"
        "vit_small_patch16_224_sentinel2_all_dino-36bcc127.pth",
        "vit_small_patch16_224", "dino",
    )  # fmt: skip
    SENTINEL2_ALL_MOCO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/vit_small_patch16_224_sentinel2_all_moco/"
        "resolve/1cb683f6c14739634cdfaaceb076529adf898c74/"
        "vit_small_patch16_224_sentinel2_all_moco-67c9032d.pth",
        "vit_small_patch16_224", "moco",
    )  # fmt: skip
    SENTINEL2_ALL_MAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B13_vits16_mae_ep99_enc.pth",
        "vit_small_patch16_224", "mae",
    )  # fmt: skip
    SENTINEL2_ALL_FGMAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B13_vits16_fgmae_ep99_enc.pth",
        "vit_small_patch16_224", "fg-mae",
    )  # fmt: skip
    SENTINEL1_GRD_CLOSP = closp(
        "closp-vs_s1_encoder-180f1e6e.pth", "vit_small_patch16_224", "sentinel1", resize=(224, 224)
    )
    SENTINEL1_GRD_MAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B2_vits16_mae_ep99_enc.pth",
        "vit_small_patch16_224", "mae",
    )  # fmt: skip
    SENTINEL1_GRD_FGMAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B2_vits16_fgmae_ep99_enc.pth",
        "vit_small_patch16_224", "fg-mae",
    )  # fmt: skip


class ViTBase16_Weights(WeightsEnum):
    """Published weights of `swath.models.vit_base_patch16_224`."""

    SENTINEL2_ALL_MAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B13_vitb16_mae_ep99_enc.pth",
        "vit_base_patch16_224", "mae",
    )  # fmt: skip
    SENTINEL2_ALL_FGMAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B13_vitb16_fgmae_ep99_enc.pth",
        "vit_base_patch16_224", "fg-mae",
    )  # fmt: skip
    SENTINEL1_GRD_MAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B2_vitb16_mae_ep99_enc.pth",
        "vit_base_patch16_224", "mae",
    )  # fmt: skip
    SENTINEL1_GRD_FGMAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B2_vitb16_fgmae_ep99_enc.pth",
        "vit_base_patch16_224", "fg-mae",
    )  # fmt: skip


class ViTLarge16_Weights(WeightsEnum):
    """Published weights of `swath.models.vit_large_patch16_224`."""

    SENTINEL2_ALL_CLOSP = closp(
        "closp-vl_s2_encoder-4a4f026a.pth", "vit_large_patch16_224", "sentinel2", resize=(224, 224)
    )
    SENTINEL2_ALL_MAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B13_vitl16_mae_ep99_enc.pth",
        "vit_large_patch16_224", "mae",
    )  # fmt: skip
    SENTINEL2_ALL_FGMAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B13_vitl16_fgmae_ep99_enc.pth",
        "vit_large_patch16_224", "fg-mae",
    )  # fmt: skip
    SENTINEL1_GRD_CLOSP = closp(
        "closp-vl_s1_encoder-6f88d037.pth", "vit_large_patch16_224", "sentinel1", resize=(224, 224)
    )
    SENTINEL1_GRD_MAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B2_vitl16_mae_ep99_enc.pth",
        "vit_large_patch16_224", "mae",
    )  # fmt: skip
    SENTINEL1_GRD_FGMAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B2_vitl16_fgmae_ep99_enc.pth",
        "vit_large_patch16_224", "fg-mae",
    )  # fmt: skip


class ViTHuge14_Weights(WeightsEnum):
    """Published weights of `swath.models.vit_huge_patch14_224`."""

    SENTINEL2_ALL_MAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B13_vith14_mae_ep199_enc.pth",
        "vit_huge_patch14_224", "mae",
    )  # fmt: skip
    SENTINEL2_ALL_FGMAE = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B13_vith14_fgmae_ep399_enc.pth",
        "vit_huge_patch14_224", "fg-mae",
    )  # fmt: skip
    SENTINEL1_GRD_MAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/SSL4EO-S12/"
        "resolve/75c72195d35201dc1fb210818993518c25da566b/"
        "B2_vith14_mae_ep199_enc.pth",
        "vit_huge_patch14_224", "mae",
    )  # fmt: skip
    SENTINEL1_GRD_FGMAE = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/FGMAE/resolve/24dd3077d7a99ecd454eaec7adb83d045d7fa122/"
        "B2_vith14_fgmae_ep399_enc.pth",
        "vit_huge_patch14_224", "fg-mae",
    )  # fmt: skip


class ViTSmall14_DINOv2_Weights(WeightsEnum):
    """Published weights of `swath.models.vit_small_patch14_dinov2`."""

    SENTINEL2_ALL_SOFTCON = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/softcon/resolve/bae909781911f8ec034b4b959992fae17b973c0c/"
        "B13_vits14_softcon_enc.pth",
        "vit_small_patch14_dinov2", "softcon", img_size=224,
    )  # fmt: skip
    SENTINEL1_GRD_SOFTCON = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/softcon/resolve/bae909781911f8ec034b4b959992fae17b973c0c/"
        "B2_vits14_softcon_enc.pth",
        "vit_small_patch14_dinov2", "softcon", img_size=224,
    )  # fmt: skip


class ViTBase14_DINOv2_Weights(WeightsEnum):
    """Published weights of `swath.models.vit_base_patch14_dinov2`."""

    SENTINEL2_ALL_SOFTCON = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/softcon/resolve/bae909781911f8ec034b4b959992fae17b973c0c/"
        "B13_vitb14_softcon_enc.pth",
        "vit_base_patch14_dinov2", "softcon", img_size=224,
    )  # fmt: skip
    SENTINEL1_GRD_SOFTCON = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/softcon/resolve/bae909781911f8ec034b4b959992fae17b973c0c/"
        "B2_vitb14_softcon_enc.pth",
        "vit_base_patch14_dinov2", "softcon", img_size=224,
    )  # fmt: skip
