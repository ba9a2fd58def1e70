"""FarSeg: objects told from the background by their relation to the scene."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import WeightsEnum as TorchvisionWeightsEnum
from torchvision.ops import FeaturePyramidNetwork

from swath.errors import BandError, ConfigError
from swath.models.dimensions import check_image, pad_to_multiple
from swath.models.factory import Request
from swath.models.loading import load_weights
from swath.models.prefixes import align_names
from swath.models.registry import nearest, register_model
from swath.models.weights import WeightsEnum

__all__ = ["FarSeg"]

#: A ResNet's maps are 4, 8, 16 and 32 times smaller than the image.
_STRIDE = 32
_FAMILIES = ("resnet", "resnext", "wide_resnet")


@register_model(tasks=("segmentation",))
class FarSeg(nn.Module):
    """Foreground-aware relation network, https://arxiv.org/abs/2011.09766.

    A ResNet and a feature pyramid; each level is weighted by how alike its pixels are to the whole
    scene (relation = sigmoid of a dot product), and a light decoder brings the levels together.

    Any size: what is not a multiple of 32 is padded at the bottom and right, and the result cut
    back.

    Args:
        backbone: A ResNet, ResNeXt or wide ResNet of torchvision: ``"resnet18"``, ``"resnet50"``,
            ``"resnext50_32x4d"``, …
        classes: Channels of the output.
        backbone_weights: A member of torchvision's enum for the backbone or of
            `swath.models.ResNet50_Weights` and the like.
        in_channels: Of the image; if left out, those of `bands` or of the weights, else 3.
        bands: Of the user's image, in order: the first layer of `backbone_weights` is fitted to
            them.

    Raises:
        ConfigError: There is no such backbone, or the weights are for another one.
        BandError: The weights are for other bands.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        classes: int = 16,
        backbone_weights: TorchvisionWeightsEnum | None = None,
        in_channels: int | None = None,
        *,
        bands: Sequence[str | float] | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.in_channels = _resnet(backbone, backbone_weights, in_channels, bands)
        deepest = self.backbone.fc.in_features
        widths = [deepest // 8, deepest // 4, deepest // 2, deepest]
        self.fpn = FeaturePyramidNetwork(widths, 256)
        self.fsr = _SceneRelation(deepest, len(widths), 256)
        self.decoder = _Decoder(len(widths), 256, 128, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to logits (B, classes, H, W).

        Raises:
            ConfigError: Not of that shape.
            BandError: Another number of channels.
        """
        check_image(x, self.in_channels)
        height, width = x.shape[-2:]
        net = self.backbone
        x = net.maxpool(net.relu(net.bn1(net.conv1(pad_to_multiple(x, _STRIDE)))))
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for level, layer in enumerate((net.layer1, net.layer2, net.layer3, net.layer4), start=2):
            maps[f"c{level}"] = x = layer(x)
        scene = F.adaptive_avg_pool2d(x, 1)
        levels = self.fsr(scene, list(self.fpn(maps).values()))
        found: Tensor = self.decoder(levels)
        return found[..., :height, :width]


class _SceneRelation(nn.Module):
    """Weights each level by its relation to the scene (section 3.2 of the paper)."""

    def __init__(self, scene: int, levels: int, width: int) -> None:
        super().__init__()
        self.scene_encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(scene, width, 1), nn.ReLU(True), nn.Conv2d(width, width, 1))
            for _ in range(levels)
        )
        self.content_encoders = nn.ModuleList(_projection(width) for _ in range(levels))
        self.feature_reencoders = nn.ModuleList(_projection(width) for _ in range(levels))

    def forward(self, scene: Tensor, levels: list[Tensor]) -> list[Tensor]:
        """(B, scene, 1, 1) and maps (B, width, h, w) to as many maps of the same shapes."""
        parts = zip(
            levels, self.scene_encoder, self.content_encoders, self.feature_reencoders, strict=True
        )
        return [
            (embed(scene) * content(level)).sum(1, keepdim=True).sigmoid() * again(level)
            for level, embed, content, again in parts
        ]


class _Decoder(nn.Module):
    """Every level to a quarter of the image's size, their mean, classes (section 3.3)."""

    def __init__(self, levels: int, width: int, out: int, classes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for level in range(levels):
            # the level at a quarter has one convolution and no upsampling
            steps = [_step(width if i == 0 else out, out, level > 0) for i in range(max(level, 1))]
            self.blocks.append(nn.Sequential(*steps))
        self.classifier: nn.Module = classifier(out, classes)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Maps, largest first, to (B, classes, H, W)."""
        found = [block(level) for block, level in zip(self.blocks, levels, strict=True)]
        logits: Tensor = self.classifier(sum(found) / len(found))
        return logits


def classifier(width: int, classes: int) -> nn.Sequential:
    """The head: a convolution at a quarter of the image's size, then four times as large."""
    return nn.Sequential(
        nn.Conv2d(width, classes, 3, padding=1), nn.UpsamplingBilinear2d(scale_factor=4.0)
    )


def _projection(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(True))


def _step(width: int, out: int, enlarge: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, out, 3, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(True),
        nn.UpsamplingBilinear2d(scale_factor=2.0) if enlarge else nn.Identity(),
    )


def _resnet(
    name: str,
    weights: Any,
    in_channels: int | None,
    bands: Sequence[str | float] | None,
) -> tuple[Any, int]:
    """The backbone with its weights, and how many channels it takes."""
    known = [n for n in torchvision.models.list_models(torchvision.models)
             if n.startswith(_FAMILIES)]  # fmt: skip
    if name not in known:
        raise ConfigError(f"there is no backbone {name!r}: {nearest(str(name), known)}")
    model = torchvision.models.get_model(name, weights=None)
    if weights is not None and not isinstance(weights, TorchvisionWeightsEnum):
        raise ConfigError(
            f"backbone_weights is {weights!r}: expected a member of torchvision's or Swath's "
            f"weights enums for {name}, or None"
        )
    for_it = type(torchvision.models.get_model_weights(name).DEFAULT).__name__
    # both libraries call the enum of a resnet50 ResNet50_Weights
    if weights is not None and type(weights).__name__ != for_it:
        raise ConfigError(
            f"backbone_weights is {weights!r} and the backbone is {name}: expected a member of "
            f"{for_it}"
        )
    if isinstance(weights, WeightsEnum):
        request = Request.of(type(weights), weights, bands, in_channels)
        count = request.in_channels or 3
        _restem(model, count)
        own = model.state_dict()
        request.finish(
            model, stem="conv1.weight", absent=(r"^fc\.",),
            unused=(r"(^|\.)(fc|head|heads|projector|projection_head|predictor|classifier)\.",
                    r"(^|\.)(encoder_k|momentum_encoder|teacher)\.", r"(^|\.)queue(_ptr)?$"),
            prepare=lambda tensors: align_names(tensors, own),
        )  # fmt: skip
        return model, count
    if bands is not None and in_channels not in (None, len(bands)):
        raise BandError(f"in_channels is {in_channels} and there are {len(bands)} bands: {bands}")
    count = in_channels if in_channels is not None else len(bands or ()) or 3
    if count < 1:
        raise ConfigError(f"in_channels is {count}: expected at least 1")
    if weights is not None:
        if count != 3:
            raise BandError(
                f"{weights!r} is for 3 channels (red, green, blue) and in_channels is {count}: "
                "leave backbone_weights out, or take weights of swath.models with bands=(…)"
            )
        load_weights(model, weights.get_state_dict(progress=True))
    _restem(model, count)
    return model, count


def _restem(model: Any, count: int) -> None:
    old = model.conv1
    if count != old.in_channels:
        model.conv1 = nn.Conv2d(
            count, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False
        )
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
