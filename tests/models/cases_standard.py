"""ResNet, ViT, Swin, the U-Nets, FCN, and decoders on backbones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from model_cases import Case, Inputs

from swath.models import (
    FCN,
    FeaturePyramid,
    Features,
    PlainUNet,
    SegmentationModel,
    resnet18,
    resnet50,
    resnet152,
    segmentation_model,
    swin_b,
    swin_s,
    swin_t,
    swin_v2_b,
    swin_v2_t,
    unet,
    vit_base_patch14_dinov2,
    vit_base_patch16_224,
    vit_huge_patch14_224,
    vit_large_patch16_224,
    vit_small_patch14_dinov2,
    vit_small_patch16_224,
)


def images(batch: int, height: int, width: int, channels: int) -> Inputs:
    return (torch.rand(batch, channels, height, width),), {}


def picture(size: int, channels: int = 3) -> Callable[[], tuple[Any, ...]]:
    def build() -> tuple[Any, ...]:
        torch.manual_seed(2)
        return (torch.rand(1, channels, size, size),)

    return build


SMALL = {"channels": (8, 8, 16, 16), "num_classes": 3}
TINY_SWIN = {"embed_dim": 8, "depths": [1, 2, 1, 1], "num_heads": [1, 1, 2, 2], "num_classes": 3}
#: Patches of 16 and of 14 pixels.
TINY_VIT = {"embed_dim": 16, "depth": 2, "num_heads": 2, "num_classes": 3}
#: Builders that differ in size alone from another one: made small, the networks are the same, and
#: tracing one of them is enough.
SAME_WHEN_SMALL = (
    "resnet152", "vit_base_patch16_224", "vit_large_patch16_224", "vit_base_patch14_dinov2",
    "swin_s", "swin_b",
)  # fmt: skip


def resnet_case(build: Any, name: str, **small: Any) -> Case:
    return Case(
        name=name, covers=(name,), inputs=images, channels=(3, 1, 13),
        build=lambda channels: build(in_chans=channels, **SMALL, **small),
        odd=((33, 65), (1, 1)), listing=f"torchgeo_{name}", listed=build, peer=(name, {}),
        peer_inputs=picture(64), export=name not in SAME_WHEN_SMALL,
    )  # fmt: skip


def vit_case(build: Any, name: str, patch: int, size: int) -> Case:
    return Case(
        name=name, covers=(name,), inputs=images, channels=(3, 1, 13),
        build=lambda channels: build(in_chans=channels, img_size=2 * patch, **TINY_VIT),
        size=(2 * patch, 2 * patch), odd=((3 * patch, patch),), refused=((patch + 1, patch),),
        listing=f"torchgeo_{name}", listed=build, peer=(name, {}), peer_inputs=picture(size),
        export=name not in SAME_WHEN_SMALL,
    )  # fmt: skip


def swin_case(build: Any, name: str) -> Case:
    return Case(
        name=name, covers=(name,), inputs=images, channels=(3, 1, 13),
        build=lambda channels: build(in_chans=channels, **TINY_SWIN), size=(32, 32),
        odd=((37, 50), (4, 4)), refused=((3, 32),), listing=f"torchgeo_{name}", listed=build,
        peer=(name, {}), peer_inputs=picture(64), export=name not in SAME_WHEN_SMALL,
    )  # fmt: skip


CASES = [
    resnet_case(resnet18, "resnet18", layers=(1, 1, 1, 1)),
    resnet_case(resnet50, "resnet50", layers=(1, 1, 1, 1)),
    resnet_case(resnet152, "resnet152", layers=(1, 1, 2, 1)),
    vit_case(vit_small_patch16_224, "vit_small_patch16_224", 16, 224),
    vit_case(vit_base_patch16_224, "vit_base_patch16_224", 16, 224),
    vit_case(vit_large_patch16_224, "vit_large_patch16_224", 16, 224),
    vit_case(vit_huge_patch14_224, "vit_huge_patch14_224", 14, 224),
    vit_case(vit_small_patch14_dinov2, "vit_small_patch14_dinov2", 14, 518),
    vit_case(vit_base_patch14_dinov2, "vit_base_patch14_dinov2", 14, 518),
    swin_case(swin_t, "swin_t"),
    swin_case(swin_s, "swin_s"),
    swin_case(swin_b, "swin_b"),
    swin_case(swin_v2_t, "swin_v2_t"),
    swin_case(swin_v2_b, "swin_v2_b"),
    Case(
        name="unet", covers=("unet",), inputs=images, channels=(3, 8),
        build=lambda channels: unet(
            in_channels=channels, classes=2, encoder_depth=3, decoder_channels=(8, 8, 4),
            encoder_name="resnet18",
        ),
        odd=((33, 65),), listing="torchgeo_unet", listed=unet,
        peer=("unet", {"encoder_weights": None}), peer_inputs=picture(64),
    ),
    Case(
        name="FCN", covers=("FCN",), inputs=images, channels=(4, 1),
        build=lambda channels: FCN(channels, 3, 8), size=(16, 16), odd=((1, 1), (7, 19)),
        listing="torchgeo_FCN", listed=lambda: FCN(4, 3, 8),
        peer=("FCN", {"in_channels": 4, "classes": 3, "num_filters": 8}),
        peer_inputs=picture(20, 4),
    ),
    *(
        Case(
            name=f"PlainUNet-{norm}-{upsampling}", covers=("PlainUNet",), inputs=images,
            channels=(3, 1, 12), size=(16, 16),
            odd=((13, 22),) if norm in ("instance", "group") else ((13, 22), (2, 3), (1, 1)),
            build=lambda channels, n=norm, u=upsampling: PlainUNet(
                channels, 2, (8, 12), norm=n, upsampling=u
            ),
        )
        for norm, upsampling in (
            ("batch", "transposed"), ("group", "bilinear"), ("instance", "transposed"),
            ("none", "bilinear"),
        )
    ),
    Case(
        name="Features-stages", covers=("Features",), inputs=images, channels=(3, 5),
        build=lambda channels: Features(
            resnet18(in_chans=channels, layers=(1, 1, 1, 1), **SMALL), (2, 4, 8, 16, 32, 64)
        ),
        odd=((33, 65), (1, 1)),
    ),
    Case(
        name="Features-plain", covers=("Features",), inputs=images, channels=(3, 5),
        build=lambda channels: Features(
            vit_small_patch14_dinov2(in_chans=channels, img_size=28, **TINY_VIT), channels=8
        ),
        odd=((33, 65), (1, 1)),
    ),
    Case(
        name="SegmentationModel", covers=("SegmentationModel",), inputs=images, channels=(3, 5),
        build=lambda channels: segmentation_on_swin(channels), odd=((33, 65), (1, 1)),
    ),
    Case(
        name="FeaturePyramid", covers=("FeaturePyramid",), inputs=images, channels=(3, 5),
        build=lambda channels: pyramid_on_swin(channels), odd=((33, 65),),
    ),
]  # fmt: skip


def segmentation_on_swin(channels: int) -> SegmentationModel:
    backbone = swin_t(in_chans=channels, **TINY_SWIN)
    return segmentation_model(
        backbone, num_classes=4, options={"decoder_channels": (8, 8, 8, 8, 4)}
    )


def pyramid_on_swin(channels: int) -> FeaturePyramid:
    from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

    features = Features(swin_t(in_chans=channels, **TINY_SWIN))
    return FeaturePyramid(features, LastLevelMaxPool(), 8)
