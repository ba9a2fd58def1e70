"""Networks for segmentation and change that learn from scratch or from a backbone."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from unittest import mock

import torch
from model_cases import Case, Inputs
from torch import nn

from swath.models import (
    BTC,
    ChangeMixin,
    ChangeStar,
    ChangeStarFarSeg,
    ChangeViT,
    FarSeg,
    FCSiamConc,
    FCSiamDiff,
    swin_t,
)


def image(batch: int, height: int, width: int, channels: int = 3) -> Inputs:
    return (torch.randn(batch, channels, height, width),), {}


def pair(batch: int, height: int, width: int, channels: int = 3) -> Inputs:
    return (torch.randn(batch, 2, channels, height, width),), {}


def given(*shape: int) -> Callable[[], tuple[torch.Tensor, ...]]:
    """What both sides of a comparison get: one tensor of that shape."""

    def make() -> tuple[torch.Tensor, ...]:
        torch.manual_seed(2)
        return (torch.randn(*shape),)

    return make


def siamese(
    kind: Callable[..., nn.Module], channels: int = 3, encoder: str = "resnet18", **settings: str
) -> nn.Module:
    return kind(
        encoder, encoder_depth=3, encoder_weights=None, decoder_channels=(16, 8, 4), classes=2,
        in_channels=channels, **settings,
    )  # fmt: skip


def small_changestar(channels: int = 3) -> ChangeStar:
    features = nn.Sequential(nn.Conv2d(channels, 6, 3, 4, 1), nn.BatchNorm2d(6), nn.ReLU())
    head = nn.Sequential(nn.Conv2d(6, 2, 1), nn.UpsamplingBilinear2d(scale_factor=4))
    return ChangeStar(features, head, ChangeMixin(12, 4, 2), "mean")


def small_btc(channels: int) -> nn.Module:
    """BTC on a Swin that is narrow and shallow."""
    narrow = functools.partial(swin_t, embed_dim=8, depths=[1, 2, 1, 1], num_heads=[1, 1, 2, 2])
    with mock.patch.dict(sys.modules[BTC.__module__]._SWINS, swin_tiny=narrow):
        return BTC("swin_tiny", in_channels=channels, decoder_channels=16)


_SIAM = {"encoder_weights": None, "classes": 2}
_TINY = "vit_tiny_patch16_224"
_VIT = {"img_size": 32, "depth": 2, "embed_dim": 32, "num_heads": 4}

CASES = [
    Case(
        "farseg", ("FarSeg",), lambda channels: FarSeg("resnet18", 3, in_channels=channels),
        image, size=(32, 32), odd=((33, 47), (64, 32), (5, 3)), channels=(3, 1, 13),
        listing="torchgeo_FarSeg", listed=lambda: FarSeg("resnet18", 3),
        peer=("FarSeg", {"backbone": "resnet18", "classes": 3}),
        peer_inputs=given(2, 3, 64, 96),
    ),
    Case(
        "farseg_resnet50", (), lambda: FarSeg("resnet50", 2), image, size=(32, 32),
        listed=lambda: FarSeg("resnet50", 16), peer=("FarSeg", {}),
        peer_inputs=given(1, 3, 64, 64), bf16=False, export=False,
    ),
    Case(
        "fc_siam_conc", ("FCSiamConc",), functools.partial(siamese, FCSiamConc), pair,
        size=(32, 32), odd=((33, 47), (17, 8)), channels=(3, 1, 13),
        listing="torchgeo_FCSiamConc", listed=lambda: FCSiamConc(**_SIAM),
        peer=("FCSiamConc", _SIAM), peer_inputs=given(2, 2, 3, 60, 64),
    ),
    Case(
        "fc_siam_diff", ("FCSiamDiff",), functools.partial(siamese, FCSiamDiff), pair,
        size=(32, 32), odd=((33, 47), (17, 8)), channels=(3, 1, 13),
        listing="torchgeo_FCSiamDiff", listed=lambda: FCSiamDiff(difference="signed", **_SIAM),
        peer=("FCSiamDiff", _SIAM), peer_inputs=given(2, 2, 3, 60, 64),
    ),
    Case(
        "fc_siam_conc_vgg", (),
        functools.partial(siamese, FCSiamConc, encoder="mobilenet_v2"), pair,
        size=(32, 32), odd=((33, 47),), channels=(3, 2),
        listed=lambda: FCSiamConc("vgg11", decoder_attention_type="scse", **_SIAM),
        peer=("FCSiamConc",
              {"encoder_name": "vgg11", "decoder_attention_type": "scse", **_SIAM}),
        peer_inputs=given(1, 2, 3, 64, 64),
    ),
    Case(
        "change_mixin", ("ChangeMixin",), lambda: ChangeMixin(8, 4, 2),
        lambda batch, height, width: pair(batch, height, width, 4), size=(8, 8),
        odd=((5, 9), (1, 1)), listed=ChangeMixin, peer=("ChangeMixin", {}),
        peer_inputs=given(2, 2, 128, 8, 12),
    ),
    Case(
        "change_star", ("ChangeStar",), small_changestar, pair, size=(32, 32), odd=((16, 40),),
        channels=(3, 5),
    ),
    Case(
        "change_star_farseg", ("ChangeStarFarSeg",),
        lambda channels: ChangeStarFarSeg("resnet18", 2, in_channels=channels), pair,
        size=(32, 32), odd=((33, 47), (64, 32)), channels=(3, 1, 4),
        listing="torchgeo_ChangeStarFarSeg", listed=lambda: ChangeStarFarSeg("resnet18", 2),
        peer=("ChangeStarFarSeg", {"backbone": "resnet18", "classes": 2}),
        peer_inputs=given(2, 2, 3, 64, 96),
    ),
    Case(
        "btc", ("BTC",), small_btc, pair,
        size=(32, 32), odd=((33, 47), (4, 5)), refused=((3, 3),), channels=(3, 2),
        listing="torchgeo_BTC", listed=lambda: BTC("swin_tiny", classes=2),
        peer=("BTC", {"backbone": "swin_tiny", "classes": 2}), peer_inputs=given(2, 6, 65, 90),
    ),
    Case(
        "change_vit", ("ChangeViT",),
        lambda channels: ChangeViT(_TINY, in_channels=channels, num_classes=2, **_VIT), pair,
        size=(32, 32), odd=((48, 16), (33, 47), (5, 3)), channels=(3, 1, 13),
        listed=lambda: ChangeViT(_TINY, img_size=64, in_channels=5, num_classes=2),
        peer=("ChangeViT",
              {"backbone": _TINY, "img_size": 64, "in_channels": 5, "num_classes": 2}),
        peer_inputs=given(2, 2, 5, 64, 96),
    ),
    Case(
        # registers: TorchGeo takes them for patches, so it is no oracle here
        "change_vit_dinov3", (),
        lambda: ChangeViT("vit_small_patch16_dinov3", 32, depth=1, embed_dim=32, num_heads=2),
        pair, size=(32, 32), odd=((17, 40),),
    ),
    Case(
        "change_vit_dinov2", (),
        lambda: ChangeViT("vit_small_patch14_dinov2", 28, depth=1, embed_dim=32, num_heads=2),
        pair, size=(28, 28), odd=((14, 30),),
        listed=lambda: ChangeViT("vit_small_patch14_dinov2", img_size=56),
        peer=("ChangeViT", {"backbone": "vit_small_patch14_dinov2", "img_size": 56}),
        peer_inputs=given(2, 2, 3, 84, 56),
    ),
]  # fmt: skip
