"""EarthLoc: descriptors by which a photograph from orbit finds its place among satellite images.

Source: Berton et al. 2024, https://arxiv.org/abs/2403.06758; the aggregation is MixVPR, Ali-bey et
al. 2023, https://arxiv.org/abs/2303.02190.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import timm
from torch import Tensor, nn
from torch.nn import functional

from swath.errors import ConfigError
from swath.models.dimensions import check_image
from swath.models.factory import Request
from swath.models.intermediates import deliver
from swath.models.presets import Preset
from swath.models.registry import register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["EarthLoc", "EarthLoc_Weights", "MixVPR", "earthloc"]

_RGB = ("B4", "B3", "B2")
#: Stride of the map that is aggregated.
_STRIDE = 16


class EarthLoc_Weights(WeightsEnum):
    """Published weights of `earthloc`, for 8-bit pictures of cloudless Sentinel-2 mosaics.

    No licence of the file is known.
    """

    SENTINEL2_RESNET50 = weight(
        "https://hf.co/torchgeo/earthloc/resolve/5a47f9ba5f0ef5ce23dae5b48a6177cd9b400a21/"
        "earthloc-287af725.pth",
        Preset(
            0.0,
            255.0,
            then=((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            resize=(320, 320),
            bands=_RGB,
        ),
        model="EarthLoc",
        dataset="EarthLoc",
        publication="https://arxiv.org/abs/2403.06758",
        repo="https://github.com/gmberton/EarthLoc",
        sensor="sentinel2",
        bands=_RGB,
        units="uint8",
        encoder="resnet50",
        image_size=320,
        desc_dim=4096,
    )


class _Mixer(nn.Module):
    """A layer that mixes the positions of every feature map, added to its input."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.LayerNorm(positions),
            nn.Linear(positions, positions),
            nn.ReLU(),
            nn.Linear(positions, positions),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, positions) to the same."""
        return x + cast(Tensor, self.mix(x))


class MixVPR(nn.Module):
    """A feature map to one vector, by mixing positions and projecting channels and positions.

    The mixing is for one grid of positions. Maps of another size are brought to it (bilinearly),
    so that images of any size have a descriptor.

    Args:
        in_channels: Channels of the map.
        grid: (height, width) of the map.
        out_channels: Channels after the projection.
        mix_depth: Mixing layers.
        out_rows: Positions after the projection.

    Source: https://arxiv.org/abs/2303.02190.
    """

    def __init__(
        self,
        in_channels: int,
        grid: tuple[int, int],
        out_channels: int,
        mix_depth: int = 4,
        out_rows: int = 4,
    ) -> None:
        super().__init__()
        self.grid = grid
        positions = grid[0] * grid[1]
        self.mix = nn.Sequential(*(_Mixer(positions) for _ in range(mix_depth)))
        self.channel_proj = nn.Linear(in_channels, out_channels)
        self.row_proj = nn.Linear(positions, out_rows)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) to (B, out_channels · out_rows), of length 1."""
        if tuple(x.shape[-2:]) != self.grid:
            x = functional.interpolate(x, self.grid, mode="bilinear", align_corners=False)
        x = self.mix(x.flatten(2))
        x = self.channel_proj(x.transpose(1, 2)).transpose(1, 2)
        return functional.normalize(self.row_proj(x).flatten(1), dim=-1)


class EarthLoc(nn.Module):
    """Descriptors of length 1 for retrieval: the nearest one is of the same ground.

    Images of another size than `image_size` are taken as well; descriptors compare best at the
    size of the training.

    Args:
        in_channels: Bands.
        image_size: Side in pixels for which the aggregation is made.
        desc_dim: Length of the descriptor, any number.
        backbone: A ResNet of timm without its last stage, or any other network of timm that gives
            feature maps: its coarsest one at no more than 1/16 of the size.
        pretrained: ImageNet's weights for the backbone.

    Raises:
        ConfigError: timm has no such backbone, or sizes below 1.

    Source: https://arxiv.org/abs/2403.06758.
    """

    def __init__(
        self,
        in_channels: int = 3,
        image_size: int = 320,
        desc_dim: int = 4096,
        backbone: str = "resnet50",
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if min(in_channels, image_size, desc_dim) < 1:
            raise ConfigError(
                f"in_channels is {in_channels}, image_size {image_size} and desc_dim {desc_dim}: "
                "expected 1 or more of each"
            )
        self.in_channels, self.image_size, self.desc_dim = in_channels, image_size, desc_dim
        if not timm.is_model(backbone):
            near = ", ".join(timm.list_models(f"*{backbone[:5]}*")[:8]) or "see timm.list_models()"
            raise ConfigError(f"timm has no model {backbone!r}: {near}")
        trunk = timm.create_model(backbone, pretrained=pretrained, in_chans=in_channels)
        #: Width and stride of each level, as in timm.
        self.feature_info: list[dict[str, Any]]
        self._residual = isinstance(trunk, timm.models.ResNet)
        if isinstance(trunk, timm.models.ResNet):
            self.feature_info = [dict(level) for level in trunk.feature_info[:4]]
            trunk.layer4, trunk.fc = nn.Identity(), nn.Identity()  # type: ignore[assignment]
        else:
            trunk = timm.create_model(
                backbone, pretrained=pretrained, in_chans=in_channels, features_only=True
            )
            levels = [dict(level) for level in cast(Any, trunk).feature_info]
            self.feature_info = [lv for lv in levels if lv["reduction"] <= _STRIDE] or levels[:1]
        self.backbone = trunk
        side = -(-image_size // self.feature_info[-1]["reduction"])
        width = -(-desc_dim // 4)
        self.aggregator = MixVPR(self.feature_info[-1]["num_chs"], (side, side), width)
        self.fc = nn.Linear(4 * width, desc_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, desc_dim), each of length 1.

        Raises:
            BandError: Another number of channels.
            ConfigError: Other dimensions.
        """
        return functional.normalize(self.fc(self.aggregator(self._maps(x)[-1])), dim=-1)

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Maps of the backbone (`feature_info`: 1/2 to 1/16 of the size), as timm gives them.

        Args:
            x: (B, in_channels, H, W).
            indices: Levels wanted, or how many of the last; all if left out.
            norm: There is nothing to normalise.
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
        trunk: Any = self.backbone
        if not self._residual:
            return list(trunk(x))[: len(self.feature_info)]
        x = trunk.act1(trunk.bn1(trunk.conv1(x)))
        maps = [x]
        x = trunk.maxpool(x)
        for layer in (trunk.layer1, trunk.layer2, trunk.layer3):
            x = layer(x)
            maps.append(x)
        return maps


@register_model(weights=EarthLoc_Weights, tasks=("backbone", "retrieval", "embedding"))
def earthloc(
    weights: EarthLoc_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> EarthLoc:
    """EarthLoc, with the weights of its paper if wanted.

    Args:
        weights: A member of `EarthLoc_Weights`, its name, or None for random numbers.
        *args: For `EarthLoc`.
        bands: The image's bands, in order, where they are not the weights' (see `fit_bands`).
        **kwargs: For `EarthLoc`.

    Raises:
        ConfigError: There are no such weights, or they are for another ``image_size``,
            ``desc_dim`` or backbone (images of other sizes need no other ``image_size``).
        BandError: The bands do not fit the weights.
    """
    if args:
        kwargs["in_channels"], args = args[0], args[1:]
    request = Request.settle(EarthLoc_Weights, weights, bands, kwargs, "in_channels")
    channels = kwargs.pop("in_channels", 3)
    return request.finish(EarthLoc(channels, *args, **kwargs), stem="backbone.conv1.weight")
