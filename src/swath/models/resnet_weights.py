"""Published weights of the ResNets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torchvision.models import Weights

from swath.models.presets import Preset
from swath.models.published import (
    IMAGENET,
    closp,
    satlas,
    seco,
    ssl4eo_l,
    ssl4eo_s12_sentinel1,
    ssl4eo_s12_sentinel2,
)
from swath.models.weights import WeightsEnum, weight

__all__ = ["ResNet18_Weights", "ResNet50_Weights", "ResNet152_Weights"]

_MODELS = "https://github.com/allenai/satlaspretrain_models"
_landsat18 = partial(ssl4eo_l, "resnet18", "resnet18")
_landsat50 = partial(ssl4eo_l, "resnet50", "resnet50")


def _seco_eco(url: str, bands: Sequence[str]) -> Weights:
    """SeCo-Eco: Sentinel-2 L2A of SSL4Eco. An NDVI band is 10 000 × NDVI like the others."""
    return weight(
        url, Preset(0.0, 10000.0, resize=(224, 224), bands=bands),
        model="resnet50", dataset="SSL4Eco Dataset",
        publication="https://arxiv.org/abs/2504.18256",
        repo="https://github.com/PlekhanovaElena/ssl4eco", ssl_method="seco-eco",
        sensor="sentinel2", bands=bands, units="s2_dn",
    )  # fmt: skip


class ResNet18_Weights(WeightsEnum):
    """Published weights of `swath.models.resnet18`."""

    LANDSAT_TM_TOA_MOCO = _landsat18("tm_toa", "moco", "1c691b4f")
    LANDSAT_TM_TOA_SIMCLR = _landsat18("tm_toa", "simclr", "d2d38ace")
    LANDSAT_ETM_TOA_MOCO = _landsat18("etm_toa", "moco", "bb88689c")
    LANDSAT_ETM_TOA_SIMCLR = _landsat18("etm_toa", "simclr", "4d813f79")
    LANDSAT_ETM_SR_MOCO = _landsat18("etm_sr", "moco", "4f078acd")
    LANDSAT_ETM_SR_SIMCLR = _landsat18("etm_sr", "simclr", "8e8543b4")
    LANDSAT_OLI_TIRS_TOA_MOCO = _landsat18("oli_tirs_toa", "moco", "a3002f51")
    LANDSAT_OLI_TIRS_TOA_SIMCLR = _landsat18("oli_tirs_toa", "simclr", "b0635cc6")
    LANDSAT_OLI_SR_MOCO = _landsat18("oli_sr", "moco", "660e82ed")
    LANDSAT_OLI_SR_SIMCLR = _landsat18("oli_sr", "simclr", "7bced5be")
    SENTINEL2_ALL_MOCO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/resnet18_sentinel2_all_moco/"
        "resolve/5b8cddc9a14f3844350b7f40b85bcd32aed75918/"
        "resnet18_sentinel2_all_moco-59bfdff9.pth",
        "resnet18", "moco",
    )  # fmt: skip
    SENTINEL2_RGB_MOCO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/resnet18_sentinel2_rgb_moco/"
        "resolve/e1c032e7785fd0625224cdb6699aa138bb304eec/"
        "resnet18_sentinel2_rgb_moco-e3a335e3.pth",
        "resnet18", "moco", rgb=True,
    )  # fmt: skip
    SENTINEL2_RGB_SECO = seco(
        "https://hf.co/torchgeo/resnet18_sentinel2_rgb_seco/"
        "resolve/f8dcee692cf7142163b55a5c197d981fe0e717a0/"
        "resnet18_sentinel2_rgb_seco-cefca942.pth",
        "resnet18",
    )


class ResNet50_Weights(WeightsEnum):
    """Published weights of `swath.models.resnet50`."""

    FMOW_RGB_GASSL = weight(
        "https://hf.co/torchgeo/resnet50_fmow_rgb_gassl/"
        "resolve/fe8a91026cf9104f1e884316b8e8772d7af9052c/resnet50_fmow_rgb_gassl-da43d987.pth",
        Preset(0.0, 255.0, then=IMAGENET, resize=(224, 224), bands=("R", "G", "B")),
        model="resnet50", dataset="fMoW Dataset", publication="https://arxiv.org/abs/2011.09980",
        repo="https://github.com/sustainlab-group/geography-aware-ssl", ssl_method="gassl",
        bands=("R", "G", "B"), units="uint8",
    )  # fmt: skip
    LANDSAT_TM_TOA_MOCO = _landsat50("tm_toa", "moco", "ba1ce753")
    LANDSAT_TM_TOA_SIMCLR = _landsat50("tm_toa", "simclr", "a1c93432")
    LANDSAT_ETM_TOA_MOCO = _landsat50("etm_toa", "moco", "e9a84d5a")
    LANDSAT_ETM_TOA_SIMCLR = _landsat50("etm_toa", "simclr", "70b5575f")
    LANDSAT_ETM_SR_MOCO = _landsat50("etm_sr", "moco", "1266cde3")
    LANDSAT_ETM_SR_SIMCLR = _landsat50("etm_sr", "simclr", "e5d185d7")
    LANDSAT_OLI_TIRS_TOA_MOCO = _landsat50("oli_tirs_toa", "moco", "de7f5e0f")
    LANDSAT_OLI_TIRS_TOA_SIMCLR = _landsat50("oli_tirs_toa", "simclr", "030cebfe")
    LANDSAT_OLI_SR_MOCO = _landsat50("oli_sr", "moco", "ff580dad")
    LANDSAT_OLI_SR_SIMCLR = _landsat50("oli_sr", "simclr", "94f78913")
    SENTINEL1_ALL_DECUR = ssl4eo_s12_sentinel1(
        "https://huggingface.co/torchgeo/decur/resolve/9328eeb90c686a88b30f8526ed757b4bc0f12027/"
        "rn50_ssl4eo-s12_sar_decur_ep100-f0e69ba2.pth",
        "resnet50", "decur",
    )  # fmt: skip
    SENTINEL1_ALL_MOCO = ssl4eo_s12_sentinel1(
        "https://hf.co/torchgeo/resnet50_sentinel1_all_moco/"
        "resolve/e79862c667853c10a709bdd77ea8ffbad0e0f1cf/"
        "resnet50_sentinel1_all_moco-906e4356.pth",
        "resnet50", "moco",
    )  # fmt: skip
    SENTINEL1_GRD_CLOSP = closp("closp-rn_s1_encoder-cacc90bc.pth", "resnet50", "sentinel1")
    SENTINEL1_GRD_GEOCLOSP = closp("geoclosp-rn_s1_encoder-e63ae1af.pth", "resnet50", "sentinel1")
    SENTINEL1_GRD_SOFTCON = ssl4eo_s12_sentinel1(
        "https://huggingface.co/wangyi111/softcon/resolve/62ff465b2e7467dbfc70758ec1e9d08ab87fc46b/"
        "B2_rn50_softcon.pth",
        "resnet50", "softcon",
    )  # fmt: skip
    SENTINEL2_ALL_CLOSP = closp("closp-rn_s2_encoder-183922a5.pth", "resnet50", "sentinel2")
    SENTINEL2_ALL_DECUR = ssl4eo_s12_sentinel2(
        "https://huggingface.co/torchgeo/decur/resolve/eba7ae5945d482a4319be046d34b552db5dd9950/"
        "rn50_ssl4eo-s12_ms_decur_ep100-fc6b09ff.pth",
        "resnet50", "decur",
    )  # fmt: skip
    SENTINEL2_ALL_DINO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/resnet50_sentinel2_all_dino/"
        "resolve/d7f14bf5530d70ac69d763e58e77e44dbecfec7c/"
        "resnet50_sentinel2_all_dino-d6c330e9.pth",
        "resnet50", "dino",
    )  # fmt: skip
    SENTINEL2_ALL_GEOCLOSP = closp("geoclosp-rn_s2_encoder-94c37f4a.pth", "resnet50", "sentinel2")
    SENTINEL2_ALL_MOCO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/resnet50_sentinel2_all_moco/"
        "resolve/da4f3c9dbe09272eb902f3b37f46635fa4726879/"
        "resnet50_sentinel2_all_moco-df8b932e.pth",
        "resnet50", "moco",
    )  # fmt: skip
    SENTINEL2_ALL_SOFTCON = ssl4eo_s12_sentinel2(
        "https://huggingface.co/wangyi111/softcon/resolve/62ff465b2e7467dbfc70758ec1e9d08ab87fc46b/"
        "B13_rn50_softcon.pth",
        "resnet50", "softcon",
    )  # fmt: skip
    SENTINEL2_ALL_SECO_ECO = _seco_eco(
        "https://hf.co/torchgeo/seco-eco/resolve/3ede08c40f70534eb1132057ee338b99e54319f0/"
        "resnet50_sentinel2_all_seco_eco-a273eb78.pth",
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"),
    )
    SENTINEL2_ALL_NDVI_SECO_ECO = _seco_eco(
        "https://hf.co/torchgeo/seco-eco-ndvi/resolve/134eb071d078874edf4c70cb6c4ea62dbe924190/"
        "resnet50_sentinel2_all_ndvi_seco_eco-3a74b167.pth",
        ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "NDVI"),
    )
    SENTINEL2_MI_MS_SATLAS = satlas(
        "sentinel2_resnet50_mi_ms-da5413d2.pth", "resnet50", "ms", repo=_MODELS
    )
    SENTINEL2_MI_RGB_SATLAS = satlas(
        "sentinel2_resnet50_mi_rgb-e79bb7fe.pth", "resnet50", "rgb", repo=_MODELS
    )
    SENTINEL2_RGB_MOCO = ssl4eo_s12_sentinel2(
        "https://hf.co/torchgeo/resnet50_sentinel2_rgb_moco/"
        "resolve/efd9723b59a88e9dc1420dc1e96afb25b0630a3c/"
        "resnet50_sentinel2_rgb_moco-2b57ba8b.pth",
        "resnet50", "moco", rgb=True,
    )  # fmt: skip
    SENTINEL2_RGB_SECO = seco(
        "https://hf.co/torchgeo/resnet50_sentinel2_rgb_seco/"
        "resolve/fbd07b02a8edb8fc1035f7957160deed4321c145/"
        "resnet50_sentinel2_rgb_seco-018bf397.pth",
        "resnet50",
    )
    SENTINEL2_SI_MS_SATLAS = satlas(
        "sentinel2_resnet50_si_ms-1f454cc6.pth", "resnet50", "ms", repo=_MODELS
    )
    SENTINEL2_SI_RGB_SATLAS = satlas(
        "sentinel2_resnet50_si_rgb-45fc6972.pth", "resnet50", "rgb", repo=_MODELS
    )


class ResNet152_Weights(WeightsEnum):
    """Published weights of `swath.models.resnet152`."""

    SENTINEL2_MI_MS_SATLAS = satlas(
        "sentinel2_resnet152_mi_ms-fd35b4bb.pth", "resnet152", "ms", repo=_MODELS
    )
    SENTINEL2_MI_RGB_SATLAS = satlas(
        "sentinel2_resnet152_mi_rgb-67563ac5.pth", "resnet152", "rgb", repo=_MODELS
    )
    SENTINEL2_SI_MS_SATLAS = satlas(
        "sentinel2_resnet152_si_ms-4500c6cb.pth", "resnet152", "ms", repo=_MODELS
    )
    SENTINEL2_SI_RGB_SATLAS = satlas(
        "sentinel2_resnet152_si_rgb-f4d24c3c.pth", "resnet152", "rgb", repo=_MODELS
    )
