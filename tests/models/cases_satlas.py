"""SatlasPretrain under contract: each published model by its listing, the parts as small models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from model_cases import Case, Inputs
from torch import nn
from torchvision.models.resnet import BasicBlock

from swath.models.satlas import (
    MODELS,
    AggregationBackbone,
    Head,
    Model,
    ResnetBackbone,
    SwinBackbone,
    satlaspretrain,
)


def small_swin(channels: int = 3, multi_image: bool = False, **changes: Any) -> nn.Module:
    """A Swin Transformer of four stages, of some thousand parameters."""
    numbers = {
        "embed_dim": 8, "depths": [1, 1, 2, 1], "num_heads": [1, 2, 2, 4], "window_size": [4, 4],
        "stochastic_depth_prob": 0.0, **changes,
    }  # fmt: skip
    trunk = SwinBackbone(channels, **numbers)
    return AggregationBackbone(channels, trunk) if multi_image else trunk


def small_resnet(channels: int = 3, multi_image: bool = False) -> nn.Module:
    """A ResNet of four blocks."""
    return ResnetBackbone(channels, multi_image=multi_image, block=BasicBlock, layers=[1, 1, 1, 1])


def small(
    backbone: str = "swin", channels: int = 3, multi_image: bool = False, **arguments: Any
) -> Model:
    """A small model of either trunk."""
    trunk = small_swin if backbone == "swin" else small_resnet
    return Model(
        channels, multi_image, trunk(channels, multi_image), fpn_channels=8, **arguments
    )  # fmt: skip


def feed(batch: int, height: int, width: int, channels: int = 3, times: int = 1) -> Inputs:
    return (torch.rand(batch, times * channels, height, width),), {}


def published(name: str, record: Mapping[str, Any]) -> Case:
    channels, several = record["num_channels"], record["multi_image"]
    backbone = record["backbone"]
    # the peer's ResNets take one image, whatever they are called
    times = 2 if several and backbone.startswith("SWIN") else 1
    arguments = {
        "num_channels": channels, "multi_image": several, "backbone": backbone, "fpn": True,
    }  # fmt: skip
    kind = "swin" if backbone.startswith("SWIN") else "resnet"
    return Case(
        name=f"satlas_{name}",
        covers=("satlaspretrain",),
        build=partial(small, kind, channels, several),
        inputs=partial(feed, channels=channels, times=times),
        size=(32, 32),
        listing=f"satlas_{name}",
        listed=partial(satlaspretrain, None, in_chans=channels, fpn=True, backbone=backbone,
                       multi_image=several),
        peer=(
            "satlaspretrain_models:Model", arguments | {"backbone": f"@Backbone.{backbone}"}
        ),
        peer_inputs=lambda: (torch.rand(1, times * channels, 64, 96),),
        export=False,
        bf16=False,
    )  # fmt: skip


def part(name: str, **changes: Any) -> Case:
    arguments = changes.pop("model", {})
    settings: dict[str, Any] = {
        "build": lambda channels: small(channels=channels, **arguments),
        "inputs": feed, "size": (32, 32), "odd": ((37, 50), (8, 8), (33, 5)), "channels": (3, 9),
    }  # fmt: skip
    return Case(name=f"satlas_{name}", covers=("satlaspretrain",), **(settings | changes))


def headed(head: Head, categories: int, **arguments: Any) -> dict[str, Any]:
    """A whole model with a head, as the published package has it too."""
    known = {"fpn": True, "num_categories": categories}
    return {
        "model": {"fpn": True, "head": head, "num_categories": categories} | arguments,
        "listed": partial(Model, backbone="SWINT", head=head, **known),
        "peer": ("satlaspretrain_models:Model",
                 known | {"backbone": "@Backbone.SWINT", "head": f"@Head.{head.name}"}),
        "peer_inputs": lambda: (torch.rand(2, 3, 64, 96),),
    }  # fmt: skip


CASES = [
    *(published(name, record) for name, record in MODELS.items()),
    part("swin", model={"fpn": True}),
    part("swin_time", model={"fpn": True, "multi_image": True}, inputs=partial(feed, times=3)),
    part("resnet_time", model={"backbone": "resnet", "fpn": True, "multi_image": True},
         inputs=partial(feed, times=2)),
    part("segment", **headed(Head.SEGMENT, 4)),
    part("regress", **headed(Head.REGRESS, 1, fpn=False)),
    part("classify", **headed(Head.CLASSIFY, 4, fpn=False, backbone="resnet")),
    part("multiclassify", **headed(Head.MULTICLASSIFY, 4), export=False),
]  # fmt: skip
