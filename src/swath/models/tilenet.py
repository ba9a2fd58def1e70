"""Tile2Vec's encoder: one vector for a tile, near for neighbours and far for distant ground.

Source: Jean et al. 2019, https://arxiv.org/abs/1805.02855 (a ResNet-18 without the first pooling,
with three convolutions a block and a fifth stage).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from swath.models.dimensions import check_image
from swath.models.factory import Request
from swath.models.intermediates import deliver
from swath.models.presets import Preset
from swath.models.registry import register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["TileNet", "TileNet_Weights", "tilenet"]


class TileNet_Weights(WeightsEnum):
    """Published weights of `tilenet`.

    No licence of the file is known.
    """

    NAIP_ALL_TILE2VEC = weight(
        "https://hf.co/pgangapurwala/TileNet_Weights.NAIP_ALL_TILE2VEC/resolve/"
        "af12210f5c130af76579ce8ec5e7036c1551ba25/TileNet_Weights.NAIP_ALL_TILE2VEC.pth",
        Preset(0.0, 255.0, bands=("R", "G", "B", "NIR")),
        model="tilenet",
        dataset="NAIP",
        ssl_method="tile2vec",
        publication="https://arxiv.org/abs/1805.02855",
        repo="https://github.com/ermongroup/tile2vec",
        sensor="naip",
        bands=("R", "G", "B", "NIR"),
        units="uint8",
    )


class _Block(nn.Module):
    """Three 3x3 convolutions and a way past them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


class TileNet(nn.Module):
    """Tile2Vec's encoder.

    Any size will do. The embedding is the mean of the last map: for tiles of 49 to 64 pixels, as
    it was trained (50), that is what the published code computes. For other sizes that code takes
    means of blocks of 4x4, which leaves the right and lower edges out, gives several embeddings in
    a row from 113 pixels on and fails below 49; here the whole tile counts, once.

    Args:
        in_channels: Bands.
        z_dim: Length of the embedding.

    Source: https://arxiv.org/abs/1805.02855.
    """

    def __init__(self, in_channels: int = 4, z_dim: int = 512) -> None:
        super().__init__()
        self.in_channels, self.z_dim = in_channels, z_dim
        self.conv1 = nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = (64, 64, 128, 256, 512, z_dim)
        strides = (1, 2, 2, 2, 2)
        for i, stride in enumerate(strides):
            stage = nn.Sequential(
                _Block(widths[i], widths[i + 1], stride), _Block(widths[i + 1], widths[i + 1], 1)
            )
            setattr(self, f"layer{i + 1}", stage)
        #: Width and stride of each level, as in timm.
        self.feature_info = [
            {"num_chs": width, "reduction": 2**i, "module": f"layer{i + 1}"}
            for i, width in enumerate(widths[1:])
        ]

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, z_dim).

        Raises:
            BandError: Another number of channels.
            ConfigError: Other dimensions.
        """
        return self._maps(x)[-1].mean((2, 3))

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Maps of the five stages, at 1, 1/2, 1/4, 1/8 and 1/16 of the size, as timm gives them.

        Args:
            x: (B, in_channels, H, W).
            indices: Levels wanted, or how many of the last; all if left out.
            norm: There is nothing to normalise: the maps are as the next stage takes them.
            output_fmt: ``"NCHW"`` or ``"NHWC"``.
            intermediates_only: Only the maps; else (the last map, maps).

        Raises:
            BandError: Another number of channels.
            ConfigError: Other dimensions, or there is no such level.
        """
        maps = self._maps(x)
        return deliver(maps[-1], maps, indices, output_fmt, intermediates_only)

    def _maps(self, x: Tensor) -> list[Tensor]:
        check_image(x, self.in_channels)
        x = functional.relu(self.bn1(self.conv1(x)))
        maps = []
        for level in self.feature_info:
            x = self.get_submodule(str(level["module"]))(x)
            maps.append(x)
        return maps


@register_model(weights=TileNet_Weights, tasks=("backbone", "embedding"))
def tilenet(
    weights: TileNet_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> TileNet:
    """Tile2Vec's encoder (`TileNet`), trained on aerial images with infrared if wanted.

    Args:
        weights: A member of `TileNet_Weights`, its name, or None for random numbers.
        *args: For `TileNet`.
        bands: The image's bands, in order, where they are not the weights' (see `fit_bands`).
        **kwargs: For `TileNet`.

    Raises:
        ConfigError: There are no such weights, or they are for another ``z_dim``.
        BandError: The bands do not fit the weights.
    """
    if args:
        kwargs["in_channels"], args = args[0], args[1:]
    request = Request.settle(TileNet_Weights, weights, bands, kwargs, "in_channels")
    channels = kwargs.pop("in_channels", 4)
    return request.finish(TileNet(channels, *args, **kwargs), stem="conv1.weight")
