"""Each family of networks learns a tiny set by heart: classes and numbers of pixels, change."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from learning import learn, scenes, scores
from torch import Tensor, nn

from swath.models import (
    BTC,
    ChangeStarFarSeg,
    ChangeViT,
    FarSeg,
    segmentation_model,
    swin_t,
)
from swath.trainers import (
    ChangeDetectionTask,
    PixelwiseRegressionTask,
    SemanticSegmentationTask,
    SpatioTemporalSegmentation,
)

pytestmark = pytest.mark.filterwarnings("ignore")
SWIN: dict[str, Any] = {"embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 4],
                        "stochastic_depth_prob": 0.0}  # fmt: skip


def swin_under(decoder: str) -> nn.Module:
    return segmentation_model(swin_t(in_chans=3, num_classes=0, **SWIN), decoder, 3)


def vit_under(decoder: str) -> nn.Module:
    trunk = timm.create_model("test_vit", img_size=32, patch_size=8, num_classes=0)
    return segmentation_model(trunk, decoder, 3)


def narrow_dpt() -> nn.Module:
    return smp.DPT(
        "tu-test_vit", encoder_weights=None, decoder_intermediate_channels=(32, 32, 32, 32),
        decoder_fusion_channels=32, classes=3,
    )  # fmt: skip


#: Model and backbone by name, or a module; learning rate.
SEGMENTATION: dict[str, tuple[str | Callable[[], nn.Module], str, float]] = {
    "fcn": ("fcn", "", 1e-2),
    "unet resnet": ("unet", "test_resnet", 5e-3),
    "unet++ convnext": ("unet++", "test_convnext", 3e-3),
    "linknet efficientnet": ("linknet", "test_efficientnet", 5e-3),
    "manet resnet": ("manet", "test_resnet", 5e-3),
    "fpn resnet": ("fpn", "test_resnet", 5e-3),
    "fpn swin": (functools.partial(swin_under, "fpn"), "", 3e-3),
    "upernet swin": (functools.partial(swin_under, "upernet"), "", 3e-3),
    "segformer vit": (functools.partial(vit_under, "segformer"), "", 3e-3),
    "deeplabv3+ resnet": ("deeplabv3+", "test_resnet", 5e-3),
    "upernet resnet": ("upernet", "test_resnet", 5e-3),
    "upernet vit": (functools.partial(vit_under, "upernet"), "", 3e-3),
    "segformer mit": ("segformer", "mit_b0", 1e-3),
    "dpt vit": (narrow_dpt, "", 3e-3),
    "farseg": (lambda: FarSeg("resnet18", 3, in_channels=3), "", 3e-3),
}


@pytest.mark.parametrize("name", SEGMENTATION)
def test_segmentation(name: str) -> None:
    model, backbone, lr = SEGMENTATION[name]
    torch.manual_seed(0)
    task = SemanticSegmentationTask(
        model if isinstance(model, str) else model(), backbone, num_classes=3, lr=lr,
        in_channels=3, num_filters=16,
    )  # fmt: skip
    batch = scenes()
    learn(task, batch, {"fcn": 120, "fpn resnet": 100}.get(name, 60), enough=0.03)
    # a decoder that ends at a quarter of the image's size rounds corners off
    assert scores(task, batch)["miou"] > (0.85 if name.startswith("fpn") else 0.9)


def small_btc() -> nn.Module:
    narrow = functools.partial(swin_t, **SWIN)
    with mock.patch.dict(sys.modules[BTC.__module__]._SWINS, swin_tiny=narrow):  # type: ignore[attr-defined]
        return BTC("swin_tiny", in_channels=3, decoder_channels=32)


class Star(nn.Module):
    """ChangeStar's change alone, as logits; its ChangeMixin is trained in one order of dates."""

    def __init__(self) -> None:
        super().__init__()
        self.network = ChangeStarFarSeg("resnet18", 1, in_channels=3)

    def forward(self, pair: Tensor) -> Tensor:
        found: dict[str, Tensor] = self.network(pair)
        if self.training:
            return found["bi_change_logit"][:, 0]
        return found["change_prob"].logit(eps=1e-6)


#: Model by name or module; learning rate. Convolutional networks by other names are in
#: test_change_and_series.py. ChangeViT answers a patch at a time: small images want small patches.
CHANGE: dict[str, tuple[str | Callable[[], nn.Module], float]] = {
    "btc": (small_btc, 3e-3),
    "changevit": (lambda: ChangeViT("test_vit", 32, 3, patch_size=4), 1e-3),
    "changestar": (Star, 3e-3),
    "fcsiamconc": ("fcsiamconc", 3e-3),
}


@pytest.mark.parametrize("name", CHANGE)
def test_change(name: str) -> None:
    """A square that is there at the second date alone; in one pair nothing changes."""
    model, lr = CHANGE[name]
    torch.manual_seed(0)
    found = scenes()
    noise = 0.1 * torch.randn_like(found["image"])
    image, mask = torch.stack([noise, found["image"]], 1), (found["mask"] > 0).long()
    image[0, 0], mask[0] = image[0, 1] + 0.5 * noise[0], 0
    task = ChangeDetectionTask(
        model if isinstance(model, str) else model(), "resnet18", in_channels=3, lr=lr
    )
    batch = {"image": image, "mask": mask}
    learn(task, batch, 60, enough=0.02)
    # ChangeStar's features have a quarter of the image's size
    assert scores(task, batch)["iou/change"] > (0.85 if name == "changestar" else 0.9)


def test_numbers_of_pixels() -> None:
    torch.manual_seed(0)
    found = scenes()
    task = PixelwiseRegressionTask("unet", "test_resnet", in_channels=3, lr=5e-3)
    batch = {"image": found["image"], "mask": found["height"]}
    learn(task, batch, 60)
    assert scores(task, batch)["r2"] > 0.9


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_pooled_series(pool: str) -> None:
    """The square is there at one of three dates alone."""
    torch.manual_seed(0)
    found = scenes()
    image = 0.1 * torch.randn(6, 3, 3, 32, 32)
    image[torch.arange(6), torch.arange(6) % 3] = found["image"]
    task = SpatioTemporalSegmentation(
        "unet", 3, num_classes=3, backbone="test_resnet", lr=5e-3, pool=pool
    )
    batch = {"image": image, "mask": found["mask"]}
    learn(task, batch, 40)
    assert scores(task, batch)["miou"] > 0.9
