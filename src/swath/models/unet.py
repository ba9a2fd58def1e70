"""U-Nets of segmentation-models-pytorch with weights for fields, trees and roads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn
from torchvision.models import Weights

from swath.models.factory import Request
from swath.models.prefixes import align_names
from swath.models.presets import Preset
from swath.models.registry import register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["Unet_Weights", "unet"]

_FTW_BANDS = ("B4", "B3", "B2", "B8") * 2


def _ftw(url: str, classes: int, license: str, encoder: str = "b3") -> Weights:
    """Fields of The World: two Sentinel-2 images of one year, one after the other.

    Publications: https://arxiv.org/abs/2409.16252, and for PRUE https://arxiv.org/abs/2603.27101.
    """
    paper = "2603.27101" if "ftw-prue" in url else "2409.16252"
    return weight(
        url, Preset(0.0, 3000.0, bands=_FTW_BANDS),
        model="U-Net", dataset="FTW", publication=f"https://arxiv.org/abs/{paper}",
        repo="https://github.com/fieldsoftheworld/ftw-baselines", license=license,
        sensor="sentinel2", bands=_FTW_BANDS, units="s2_dn", num_classes=classes,
        encoder=f"efficientnet-{encoder}",
    )  # fmt: skip


def _prue(path: str, encoder: str) -> Weights:
    """PRUE, three classes."""
    license = "CC-BY-4.0" if "ccby" in path else "non-commercial"
    return _ftw(f"https://hf.co/isaaccorley/{path}", 3, license, encoder)


def _tcd(url: str, encoder: str) -> Weights:
    """Tree crowns on OpenAerialMap; how colours were scaled is not published: 0 to 255."""
    return weight(
        url, Preset(resize=(1024, 1024), bands=("R", "G", "B")),
        model="U-Net", dataset="OAM-TCD", publication="https://arxiv.org/abs/2407.11743",
        repo="https://github.com/restor-foundation/tcd", license="CC-BY-NC-4.0", sensor="aerial",
        bands=("R", "G", "B"), units="uint8", num_classes=2, encoder=encoder,
        classes=["background", "tree-canopy"], input_shape=[3, 1024, 1024], resolution=0.1,
    )  # fmt: skip


class Unet_Weights(WeightsEnum):
    """Published weights of `swath.models.unet`."""

    SENTINEL2_2CLASS_FTW = _ftw(
        "https://hf.co/torchgeo/ftw/resolve/2ff807f35ec4e04ab329cd66de6117d8b4c26578/"
        "commercial/2-class/sentinel2_unet_effb3-3ce575ed.pth",
        2, "CC-BY-4.0",
    )  # fmt: skip
    SENTINEL2_3CLASS_FTW = _ftw(
        "https://hf.co/torchgeo/ftw/resolve/d85ee8487a1b513bceaa747d11ad48aa63519f61/"
        "commercial/3-class/sentinel2_unet_effb3-74f7eb81.pth",
        3, "CC-BY-4.0",
    )  # fmt: skip
    SENTINEL2_2CLASS_NC_FTW = _ftw(
        "https://hf.co/torchgeo/ftw/resolve/3224ec89837c6b051b796f329a59dbd44efbf81f/"
        "noncommercial/2-class/sentinel2_unet_effb3-2bbd554b.pth",
        2, "non-commercial",
    )  # fmt: skip
    SENTINEL2_3CLASS_NC_FTW = _ftw(
        "https://hf.co/torchgeo/ftw/resolve/71f0b677a3ac8fd00bc08f61106fe8d8f70ce158/"
        "noncommercial/3-class/sentinel2_unet_effb3-364c657c.pth",
        3, "non-commercial",
    )  # fmt: skip
    SENTINEL2_FTW_PRUE_EFNETB3 = _prue(
        "ftw-prue/resolve/c2d73d8478415db89b51e7635c1d2722e1056c29/prue_efnet3.pth", "b3"
    )
    SENTINEL2_FTW_PRUE_EFNETB5 = _prue(
        "ftw-prue/resolve/c2d73d8478415db89b51e7635c1d2722e1056c29/prue_efnet5.pth", "b5"
    )
    SENTINEL2_FTW_PRUE_EFNETB7 = _prue(
        "ftw-prue/resolve/c2d73d8478415db89b51e7635c1d2722e1056c29/prue_efnet7.pth", "b7"
    )
    SENTINEL2_FTW_PRUE_CCBY_EFNETB3 = _prue(
        "ftw-prue-ccby/resolve/ebd2a7948ac1aad45eadd1d47abc6f63260843bc/"
        "prue_efnetb3_ccby-b35d59a6.pth",
        "b3",
    )
    SENTINEL2_FTW_PRUE_CCBY_EFNETB5 = _prue(
        "ftw-prue-ccby/resolve/9d54aff1c6b903fb9f308dbcb5cba6b98c87a336/"
        "prue_efnetb5_ccby-4fd92b24.pth",
        "b5",
    )
    SENTINEL2_FTW_PRUE_CCBY_EFNETB7 = _prue(
        "ftw-prue-ccby/resolve/59f3136ceb4904dba8eda40e0168b206071cbe6b/"
        "prue_efnetb7_ccby-4bfbbbde.pth",
        "b7",
    )
    OAM_RGB_RESNET50_TCD = _tcd(
        "https://hf.co/isaaccorley/unet_resnet50_oam_rgb_tcd/"
        "resolve/74a8e34652e9bcd08af24d98195c6610edeb80da/"
        "unet_resnet50_oam_rgb_tcd-c648cc7d.pth",
        "resnet50",
    )
    OAM_RGB_RESNET34_TCD = _tcd(
        "https://hf.co/isaaccorley/unet_resnet34_oam_rgb_tcd/"
        "resolve/064afa3dae671d62200cd34566617a02a107d4c3/"
        "unet_resnet34_oam_rgb_tcd-3e2a4603.pth",
        "resnet34",
    )
    NAIP_RGBN_RESNET18_CHESAPEAKERSC = weight(
        "https://hf.co/isaaccorley/chesapeakersc/"
        "resolve/f237c88706903ae522410ecd0688ef307e3d95a7/unet-resnet18-829a85c5.pth",
        Preset(0.0, 255.0, bands=("R", "G", "B", "N")),
        model="U-Net", dataset="ChesapeakeRSC", publication="https://arxiv.org/abs/2401.06762",
        repo="https://github.com/isaaccorley/ChesapeakeRSC", license="MIT", sensor="naip",
        bands=("R", "G", "B", "N"), units="uint8", num_classes=2, encoder="resnet18",
        classes=["background", "road"], input_shape=[4, 512, 512], resolution=1.0,
    )  # fmt: skip


@register_model(weights=Unet_Weights, tasks=("segmentation",))
def unet(
    weights: Unet_Weights | str | None = None,
    classes: int | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """U-Net of segmentation-models-pytorch: (B, C, H, W) to (B, classes, H, W), any H and W.

    Source: https://arxiv.org/abs/1505.04597. For the network of that paper, without an encoder
    that comes from classification, see `PlainUNet`.

    Args:
        weights: A member, its name, or None for random numbers.
        classes: Channels that come out; the checkpoint's if left out, else 1. Where it differs
            from the checkpoint's the head is random.
        *args: For `segmentation_models_pytorch.Unet`.
        bands: Of the user's image, in order: the first layer is fitted to them.
        **kwargs: For `segmentation_models_pytorch.Unet`: ``encoder_name``, ``in_channels``,
            ``decoder_channels``, … Nothing of ImageNet is fetched unless ``encoder_weights``
            says so. ``in_chans`` means ``in_channels``.

    Raises:
        ConfigError: There are no such weights.
        BandError: The bands do not fit the weights.
    """
    channels = kwargs.pop("in_chans", kwargs.pop("in_channels", None))
    request = Request.of(Unet_Weights, weights, bands, channels)
    meta = {} if request.weights is None else request.weights.meta
    trained = meta.get("num_classes")
    classes = classes or trained or 1
    if "encoder" in meta:
        args = ()
        kwargs["encoder_name"] = meta["encoder"]
    if not args:
        kwargs.setdefault("encoder_weights", None)
    if request.in_channels is not None:
        kwargs["in_channels"] = request.in_channels
    model = smp.Unet(*args, classes=classes, **kwargs)
    own = model.state_dict()
    head = () if classes == trained else (r"^segmentation_head\.",)
    return request.finish(
        model, stem=next(name for name, p in model.named_parameters() if p.ndim == 4),
        absent=(*head, r"^classification_head\."), unused=(*head, r"^(criterion|loss)\."),
        prepare=lambda tensors: align_names(tensors, own),
    )  # fmt: skip
