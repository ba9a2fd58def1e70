"""A fully convolutional network of five layers at full resolution."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["FCN"]


class FCN(nn.Module):
    """Five convolutions of 3 × 3 at full resolution: the smallest network that sees a context.

    (B, C, H, W) to (B, classes, H, W), any H and W; a pixel sees 11 × 11 pixels.
    Without pooling, unlike the networks of https://arxiv.org/abs/1411.4038 that gave it its name.

    Args:
        in_channels: Bands of the image.
        classes: Channels that come out.
        num_filters: Width of every layer.
    """

    def __init__(self, in_channels: int, classes: int, num_filters: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(5):
            width = in_channels if i == 0 else num_filters
            layers += [nn.Conv2d(width, num_filters, 3, padding=1), nn.LeakyReLU(inplace=True)]
        self.backbone = nn.Sequential(*layers)
        self.last = nn.Conv2d(num_filters, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, classes, H, W)."""
        found: Tensor = self.last(self.backbone(x))
        return found
