"""ChangeViT: a plain vision transformer sees large changes, a small ResNet the details."""

from __future__ import annotations

import math
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError
from swath.models.dimensions import check_series, pad_to_multiple
from swath.models.registry import nearest, register_model

__all__ = ["ChangeViT"]

#: Channels of the details at a half, a quarter and an eighth of the image's size.
_DETAILS = (64, 128, 256)
_HEADS = 8


@register_model(tasks=("change",))
class ChangeViT(nn.Module):
    """Change detection with a plain vision transformer, https://arxiv.org/abs/2406.12847.

    The transformer sees each date alone. A ResNet-18 sees both dates on top of each other and
    gives details at three scales; the transformer's patches look them up by attention, scale by
    scale. The answer is the change from the first date to the second.

    Class tokens and registers (DINOv2 and DINOv3 have them) are left out; TorchGeo takes registers
    for the first patches, so that its maps are shifted there.

    Any size: what is not a multiple of the patches is padded at the bottom and right, and the
    result cut back. Positions are interpolated for sizes other than `img_size`.

    Args:
        backbone: A plain vision transformer of timm (``"vit_small_patch16_224"``,
            ``"vit_small_patch14_dinov2"``, ``"vit_large_patch16_dinov3.sat493m"``, …), whose width
            is a multiple of 8.
        img_size: For which its positions are made.
        in_channels: Of one date.
        num_classes: Channels of the output.
        pretrained: Begin with timm's weights for `backbone`, and for the ResNet.
        **kwargs: For `timm.create_model` of `backbone`.

    Raises:
        ConfigError: There is no such backbone, or it is no plain transformer.
    """

    def __init__(
        self,
        backbone: str,
        img_size: int = 256,
        in_channels: int = 3,
        num_classes: int = 1,
        pretrained: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.encoder = _transformer(
            backbone,
            {"pretrained": pretrained, "num_classes": 0, "img_size": img_size,
             "dynamic_img_size": True, "in_chans": in_channels, **kwargs},
        )  # fmt: skip
        width = self.encoder.embed_dim
        if width % _HEADS:
            raise ConfigError(
                f"{backbone} is {width} wide: expected a multiple of {_HEADS}, the heads of the "
                "attention to details"
            )
        patch = self.encoder.patch_embed.patch_size
        self._patch = (int(patch[0]), int(patch[1]))
        self.detail_capture = _DetailCapture(2 * in_channels, pretrained)
        self.feature_injector = _FeatureInjector(width)
        self.decoder = _Decoder(2 * width, 64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images of two dates (B, 2, C, H, W) to logits of change (B, num_classes, H, W).

        Raises:
            ConfigError: Not of that shape.
            BandError: Another number of channels.
        """
        check_series(x, self.in_channels, 2, "the pair of images")
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, max(self._patch))
        batch, size = x.shape[0], x.shape[-2:]
        grid = (size[0] // self._patch[0], size[1] // self._patch[1])
        tokens = self.encoder.forward_features(x.flatten(0, 1))
        tokens = tokens[:, self.encoder.num_prefix_tokens :].unflatten(0, (batch, 2))
        # as many details as patches, on a square grid whatever the image's shape is
        details = self.detail_capture(x.flatten(1, 2), math.isqrt(grid[0] * grid[1]))
        dates = [
            self.feature_injector(tokens[:, t], details).transpose(1, 2).unflatten(2, grid)
            for t in range(2)
        ]
        change = F.interpolate(
            self.decoder(torch.cat(dates, 1)), size=size, mode="bilinear", align_corners=False
        )
        return change[..., :height, :width]


class _DetailCapture(nn.Module):
    """The first stages of a ResNet-18 on both dates (section III-C of the paper)."""

    def __init__(self, channels: int, pretrained: bool) -> None:
        super().__init__()
        self.backbone = timm.create_model(
            "resnet18", pretrained=pretrained, features_only=True, out_indices=[0, 1, 2],
            in_chans=channels,
        )  # fmt: skip
        info: Any = self.backbone.feature_info
        for i, (width, out) in enumerate(zip(info.channels(), _DETAILS, strict=True), start=1):
            setattr(self, f"proj{i}", nn.Conv2d(width, out, 1))

    def forward(self, x: Tensor, side: int) -> list[Tensor]:
        """(B, 2 · C, H, W) to tokens (B, side², D) of each scale, means over a square grid."""
        maps = self.backbone(x)
        tokens = []
        for i, level in enumerate(maps, start=1):
            projected = self.get_submodule(f"proj{i}")(level)
            tokens.append(F.adaptive_avg_pool2d(projected, side).flatten(2).transpose(1, 2))
        return tokens


class _FeatureInjector(nn.Module):
    """Patches look up details at each scale (section III-D of the paper)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        scales = len(_DETAILS)
        self.cross_attns = nn.ModuleList(
            nn.MultiheadAttention(width, _HEADS, batch_first=True) for _ in range(scales)
        )
        self.detail_projs = nn.ModuleList(nn.Linear(n, width) for n in _DETAILS)
        self.fusion = nn.Sequential(
            nn.Linear((scales + 1) * width, width), nn.ReLU(True), nn.Linear(width, width)
        )

    def forward(self, tokens: Tensor, details: list[Tensor]) -> Tensor:
        """Patches (B, N, width) and details (B, N, D) of each scale to (B, N, width)."""
        found = [tokens]
        parts = zip(self.cross_attns, self.detail_projs, details, strict=True)
        for attend, project, detail in parts:
            keys = project(detail)
            found.append(attend(tokens, keys, keys, need_weights=False)[0])
        fused: Tensor = self.fusion(torch.cat(found, -1))
        return fused


class _Decoder(nn.Module):
    """Three convolutions and a head, at the size of the patches."""

    def __init__(self, width: int, inner: int, classes: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(width if i == 0 else inner, inner, 3, padding=1),
                    nn.BatchNorm2d(inner),
                    nn.ReLU(True),
                )
                for i in range(3)
            )
        )
        self.head = nn.Conv2d(inner, classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) to (B, classes, h, w)."""
        found: Tensor = self.head(self.convs(x))
        return found


def _transformer(name: str, settings: dict[str, Any]) -> Any:
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        vits = timm.list_models("vit_*")
        raise ConfigError(f"timm has no model {name!r}: {nearest(str(name), vits)}")
    try:
        model = timm.create_model(name, **settings)
    except TypeError as error:
        raise ConfigError(f"{name} is no plain vision transformer: {error}") from error
    if not (hasattr(model, "num_prefix_tokens") and hasattr(model, "patch_embed")):
        raise ConfigError(
            f"{name} is no plain vision transformer ({type(model).__name__}): expected one like "
            "vit_small_patch16_224"
        )
    return model
