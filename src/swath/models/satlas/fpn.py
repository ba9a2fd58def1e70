"""From a trunk's maps to maps of one width, and up to the image's own resolution."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

__all__ = ["FPN", "Upsample"]


class FPN(nn.Module):
    """Feature pyramid network (https://arxiv.org/abs/1612.03144).

    Args:
        backbone_channels: ``[stride, channels]`` of each of the trunk's maps, finest first.
        out_channels: Of every map; 128 in the published files.
    """

    def __init__(self, backbone_channels: Sequence[Sequence[int]], out_channels: int = 128) -> None:
        super().__init__()
        self.out_channels = [[stride, out_channels] for stride, _ in backbone_channels]
        self.fpn = FeaturePyramidNetwork([c for _, c in backbone_channels], out_channels)

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """As many maps (B, `out_channels`, h, w), of the same sizes."""
        named = OrderedDict((f"feat{i}", m) for i, m in enumerate(x))
        return list(self.fpn(named).values())


class Upsample(nn.Module):
    """The finest map up to the image's resolution, before the others.

    Each step of two is a convolution and a transposed one.

    Args:
        backbone_channels: ``[stride, channels]`` of each map, finest first; the finest stride is
            a power of two.
    """

    def __init__(self, backbone_channels: Sequence[Sequence[int]]) -> None:
        super().__init__()
        stride, width = backbone_channels[0]
        self.in_channels = [list(c) for c in backbone_channels]
        self.out_channels = [[1, width], *self.in_channels]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(width, width, 3, padding=1),
                    nn.ReLU(inplace=True),
                    nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
                    nn.ReLU(inplace=True),
                )
                for _ in range(stride.bit_length() - 1)
            )
        )

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """The maps, and before them one of stride 1."""
        return [self.layers(x[0]), *x]
