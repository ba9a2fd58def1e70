"""The trunks of SatlasPretrain: Swin Transformer V2 and ResNet, for one image or several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Any

from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models import swin_transformer as swin

from swath.errors import ConfigError
from swath.models.dimensions import pad_to_multiple
from swath.models.intermediates import deliver
from swath.models.registry import nearest
from swath.models.satlas.temporal import max_over_time, split_time

__all__ = ["AggregationBackbone", "Backbone", "ResnetBackbone", "SwinBackbone", "TemporalBackbone"]


class Backbone(Enum):
    """Architectures with published weights."""

    SWINB = 1
    SWINT = 2
    RESNET50 = 3
    RESNET152 = 4


#: Numbers of the Swin Transformers, as torchvision's builders have them.
SWINS: dict[str, dict[str, Any]] = {
    "swinb": {
        "embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32],
        "window_size": [8, 8], "stochastic_depth_prob": 0.5,
    },
    "swint": {
        "embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24],
        "window_size": [8, 8], "stochastic_depth_prob": 0.2,
    },
}  # fmt: skip
RESNETS: dict[str, tuple[type[nn.Module], list[int]]] = {
    "resnet50": (resnet.Bottleneck, [3, 4, 6, 3]),
    "resnet152": (resnet.Bottleneck, [3, 8, 36, 3]),
}


class TemporalBackbone(nn.Module, ABC):
    """A trunk that pools the feature maps of several images by their maximum.

    Temporal max pooling is the paper's way to make one map of many images
    (https://arxiv.org/abs/2211.15660). Without time it is just a trunk. One of your own defines
    `maps` and sets `num_channels` and `out_channels`.

    Attributes:
        num_channels: Of one image.
        multi_image: Takes several.
        out_channels: ``[stride, channels]`` of each map.
        feature_info: The same in timm's form.
    """

    num_channels: int
    multi_image: bool = False
    out_channels: list[list[int]]

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """Channels (``num_chs``) and stride (``reduction``) of each map."""
        return [{"num_chs": c, "reduction": s} for s, c in self.out_channels]

    @abstractmethod
    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of single images (N, C, H, W)."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Feature maps of strides 4, 8, 16 and 32.

        Args:
            x: (B, C, H, W), (B, T, C, H, W), or (B, T·C, H, W) with the images after one another.
            mask: (B, T), True where there is an image; see `swath.models.satlas.pad_images`.

        Raises:
            BandError: Another number of channels.
            ConfigError: Several images for a trunk of single ones, or a mask that does not fit.
        """
        images = split_time(x, self.num_channels, multi_image=self.multi_image)
        return max_over_time(self.maps, images, mask)

    def forward_intermediates(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """As in timm: ``(last map, [maps])``, or only the maps.

        Args:
            x: As for `forward`.
            mask: As for `forward`.
            indices: Which maps; the last n if a number, all if left out.
            norm: Has no effect: these trunks have no norm of their own for each map.
            output_fmt: ``"NCHW"`` or ``"NHWC"``, of the maps.
            intermediates_only: Leave the last map alone out.

        Raises:
            ConfigError: An index or a format that there is not.
        """
        maps = self(x, mask)
        return deliver(maps[-1], maps, indices, output_fmt, intermediates_only)


class SwinBackbone(TemporalBackbone):
    """Swin Transformer V2 (https://arxiv.org/abs/2111.09883), a map after each of its four stages.

    The classifier and the last norm stay in the state dict, as they are in the published files;
    no map passes through them and they are not trained. Images whose sides are no multiples of
    the patch (4) are continued at the right and the bottom by their last pixels.

    Args:
        num_channels: Of an image.
        arch: ``"swinb"`` or ``"swint"``.
        **changes: For torchvision's ``SwinTransformer``, instead of what `arch` says
            (``embed_dim``, ``depths``, ``num_heads``, ``window_size``, ``stochastic_depth_prob``).

    Raises:
        ConfigError: There is no such architecture.
    """

    def __init__(self, num_channels: int, arch: str = "swinb", **changes: Any) -> None:
        super().__init__()
        numbers = {**_known(arch, SWINS), **changes}
        self.num_channels = num_channels
        self.backbone = swin.SwinTransformer(
            patch_size=[4, 4], num_classes=1000, block=swin.SwinTransformerBlockV2,
            downsample_layer=swin.PatchMergingV2, **numbers,
        )  # fmt: skip
        width = numbers["embed_dim"]
        if num_channels != 3:
            self.backbone.features[0][0] = nn.Conv2d(num_channels, width, 4, stride=4)
        self.backbone.norm.requires_grad_(False)
        self.backbone.head.requires_grad_(False)
        self.out_channels = [[4 * 2**i, width * 2**i] for i in range(len(numbers["depths"]))]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of single images (N, C, H, W)."""
        images = pad_to_multiple(images, 4)
        found: list[Tensor] = []
        for i, layer in enumerate(self.backbone.features):
            images = layer(images)
            if i % 2:  # even ones are the patches and their mergings
                found.append(images.permute(0, 3, 1, 2).contiguous())
        return found


class ResnetBackbone(TemporalBackbone):
    """ResNet (https://arxiv.org/abs/1512.03385), a map after each of its four stages.

    In the published package the ResNets take no more than one image, those called multi-image
    included (https://github.com/allenai/satlaspretrain_models/issues/16); here they pool over
    time as the others do.

    Args:
        num_channels: Of an image.
        arch: ``"resnet50"`` or ``"resnet152"``.
        multi_image: Takes several images.
        block: Instead of that of `arch`.
        layers: Blocks in each stage, instead of those of `arch`.

    Raises:
        ConfigError: There is no such architecture.
    """

    def __init__(
        self,
        num_channels: int,
        arch: str = "resnet50",
        multi_image: bool = False,
        *,
        block: type[nn.Module] | None = None,
        layers: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        own_block, own_layers = _known(arch, RESNETS)
        block = block or own_block
        self.num_channels, self.multi_image = num_channels, multi_image
        self.resnet = resnet.ResNet(block, list(layers or own_layers))
        if num_channels != 3:
            self.resnet.conv1 = nn.Conv2d(num_channels, 64, 7, stride=2, padding=3, bias=False)
        self.resnet.fc.requires_grad_(False)
        grown: int = getattr(block, "expansion", 1)
        self.out_channels = [[4 * 2**i, 64 * 2**i * grown] for i in range(4)]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of single images (N, C, H, W)."""
        net = self.resnet
        x = net.maxpool(net.relu(net.bn1(net.conv1(images))))
        found: list[Tensor] = []
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            found.append(x)
        return found


class AggregationBackbone(TemporalBackbone):
    """Another trunk, on several images.

    Args:
        num_channels: Of one image.
        backbone: The trunk.
    """

    multi_image = True

    def __init__(self, num_channels: int, backbone: TemporalBackbone) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.backbone = backbone
        self.out_channels = backbone.out_channels

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of single images (N, C, H, W)."""
        return self.backbone.maps(images)


def build_backbone(
    backbone: Backbone | str | nn.Module, num_channels: int, multi_image: bool
) -> nn.Module:
    """The trunk of that name, with the parameters' names of the published files.

    A module is taken as it is, if it says what maps it makes.
    """
    if isinstance(backbone, nn.Module):
        if not isinstance(getattr(backbone, "out_channels", None), Sequence):
            raise ConfigError(
                f"the backbone {type(backbone).__name__} has no out_channels: expected a list of "
                "[stride, channels], one a feature map, as SwinBackbone has"
            )
        return backbone
    member = _member(backbone)
    arch = member.name.lower()
    if arch in RESNETS:
        return ResnetBackbone(num_channels, arch, multi_image)
    trunk = SwinBackbone(num_channels, arch)
    return AggregationBackbone(num_channels, trunk) if multi_image else trunk


def _member(backbone: Backbone | str) -> Backbone:
    if isinstance(backbone, Backbone):
        return backbone
    name = str(backbone).upper()
    if name not in Backbone.__members__:
        hint = nearest(name, Backbone.__members__)
        raise ConfigError(f"there is no backbone {backbone!r}: {hint}")
    return Backbone[name]


def _known(arch: str, table: dict[str, Any]) -> Any:
    if arch not in table:
        raise ConfigError(f"there is no architecture {arch!r}: {nearest(arch, table)}")
    return table[arch]
