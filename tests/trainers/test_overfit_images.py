"""Each family of networks learns a tiny set by heart: classes, labels and numbers of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from learning import learn, scenes, scores
from torch import Tensor, nn

from swath.models import DOFA, CopernicusFM, Panopticon, swin_t, swin_v2_t, vit_small_patch16_224
from swath.models.satlas import Model, SwinBackbone
from swath.trainers import ClassificationTask, MultiLabelClassificationTask, RegressionTask

pytestmark = pytest.mark.filterwarnings("ignore")
SWIN: dict[str, Any] = {"embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 4],
                        "stochastic_depth_prob": 0.0}  # fmt: skip
VIT: dict[str, Any] = {"embed_dim": 32, "depth": 2, "num_heads": 4}


class Told(nn.Module):
    """A network that is also told its bands."""

    def __init__(self, network: nn.Module, feed: Callable[[Tensor], tuple[Any, dict]]) -> None:
        super().__init__()
        self.network, self.feed = network, feed

    def forward(self, image: Tensor) -> Tensor:
        args, named = self.feed(image)
        found: Tensor = self.network(*args, **named)
        return found


def dofa() -> nn.Module:
    net = DOFA(img_size=32, patch_size=8, dynamic_embed_dim=32, num_classes=2, **VIT)
    return Told(net, lambda x: ((x, [0.49, 0.56, 0.665]), {}))


def copernicus() -> nn.Module:
    net = CopernicusFM(img_size=32, patch_size=8, hyper_dim=32, num_classes=2, **VIT)
    bands = {"wavelengths": [490.0, 560.0, 665.0], "bandwidths": [65.0, 35.0, 30.0]}
    return Told(
        net, lambda x: ((x, torch.full((len(x), 4), torch.nan)), {**bands, "kernel_size": 8})
    )


def panopticon() -> nn.Module:
    net = nn.Sequential(Panopticon(attn_dim=48, img_size=28, **VIT), nn.Linear(32, 2))
    return Told(
        net,
        lambda x: (
            (
                {
                    "imgs": x[..., 2:30, 2:30],
                    "chn_ids": torch.tensor([490, 560, 665]).repeat(len(x), 1),
                },
            ),
            {},
        ),
    )


class Satlas(nn.Module):
    """SatlasPretrain's network with the mean of its pyramid's deepest map classified."""

    def __init__(self) -> None:
        super().__init__()
        numbers = {**SWIN, "window_size": [4, 4]}
        self.network = Model(3, False, SwinBackbone(3, **numbers), fpn=True, fpn_channels=16)
        self.head = nn.Linear(16, 2)

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.head(self.network(image)[-1].mean((2, 3)))
        return found


FAMILIES: dict[str, tuple[str | Callable[[], nn.Module], float]] = {
    "resnet": ("test_resnet", 3e-3),
    "vit": ("test_vit", 2e-3),
    "our vit": (lambda: vit_small_patch16_224(img_size=32, num_classes=2, **VIT), 3e-3),
    "swin": (lambda: swin_t(num_classes=2, **SWIN), 3e-3),
    "swin v2": (lambda: swin_v2_t(num_classes=2, **SWIN), 1e-3),
    "efficientnet": ("test_efficientnet", 3e-3),
    "convnext": ("test_convnext", 3e-3),
    "dofa": (dofa, 3e-3),
    "copernicus": (copernicus, 3e-3),
    "panopticon": (panopticon, 3e-3),
    "satlas": (Satlas, 1e-3),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_classes(name: str) -> None:
    model, lr = FAMILIES[name]
    torch.manual_seed(0)
    task = ClassificationTask(
        model if isinstance(model, str) else model(), in_channels=3, num_classes=2, lr=lr
    )
    batch = scenes()
    learn(task, batch, 100, enough=0.02)
    found = scores(task, batch)
    assert found["accuracy"] == 1


def test_two_classes_by_one_number() -> None:
    torch.manual_seed(0)
    task = ClassificationTask("test_resnet", task="binary", loss="bce", lr=3e-3)
    batch = scenes()
    learn(task, batch, 60, enough=0.02)
    assert scores(task, batch)["accuracy"] == 1


@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_labels(model: str) -> None:
    torch.manual_seed(0)
    found = scenes()
    task = MultiLabelClassificationTask(model, labels=["barn", "left"], lr=3e-3)
    batch = {"image": found["image"], "label": found["labels"]}
    learn(task, batch, 80, enough=0.02)
    assert scores(task, batch)["f1"] > 0.95


@pytest.mark.parametrize("model", ["test_resnet", "test_vit", "test_efficientnet"])
def test_numbers(model: str) -> None:
    torch.manual_seed(0)
    norms = model == "test_efficientnet"  # its deepest maps have one pixel: see learning.py
    found = scenes(24 if norms else 6)
    task = RegressionTask(model, lr=3e-3)
    truth = found["label"].float() * 2 - 1 if norms else found["amount"]
    batch = {"image": found["image"], "label": truth}
    learn(task, batch, 120, enough=1e-3)
    assert scores(task, batch)["r2"] > 0.95
