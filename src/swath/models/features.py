"""Features at several scales from every backbone, whatever it is made of and whatever its input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn
from torchvision.models import ResNet, SwinTransformer

from swath.errors import ConfigError
from swath.models.dimensions import pad_images

__all__ = ["Features", "extend", "feature_levels", "image_size"]

#: Width of a plain transformer's pyramid, as published.
_PYRAMID = 256


class Features(nn.Module):
    """An image to maps at several scales: what every decoder and detector here stands on.

    A backbone that has stages (ResNet, Swin, …) gives the last map of each. A plain one, whose maps
    all have the patch's stride, gets a simple feature pyramid on its last map, out of transposed
    convolutions and pooling (ViTDet, https://arxiv.org/abs/2203.16527). Scales that a backbone
    does not have are made from the nearest one in the same way; strides that are no power of two,
    as patches of 14 pixels have them, are resampled, pixel centres kept.

    Images of any size are taken: borders are repeated to the right and below until the backbone can
    take them, and what was added is cut off the maps.

    Args:
        backbone: Has ``feature_info`` and ``forward_intermediates`` as in timm, or was built with
            timm's ``features_only``, or is a ResNet or Swin of torchvision.
        scales: Strides of the maps, in pixels.
        channels: Of every map, by a convolution of 1 × 1; left out, those of the stages, and 256
            for plain backbones.
        conditions: Named arguments of every forward pass (wavelengths, ground sampling distance,
            times); those of the call come on top.

    Attributes:
        channels: Of each map.
        strides: Of each map.

    Raises:
        ConfigError: The backbone gives no maps, or the scales are none.
    """

    def __init__(
        self,
        backbone: nn.Module,
        scales: Sequence[int] = (4, 8, 16, 32),
        channels: int | None = None,
        *,
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not scales or any(s < 1 or s != int(s) for s in scales):
            raise ConfigError(f"scales is {tuple(scales)}: expected one positive stride or more")
        levels = feature_levels(backbone)
        self.backbone = backbone
        self.conditions = dict(conditions or {})
        self.strides = [int(s) for s in scales]
        self.plain = len({r for _, r in levels}) == 1
        self.picks = [_nearest(levels, s) for s in self.strides]
        #: The image is extended to a multiple of it, and for the backbone of this on top
        self.multiple = math.lcm(*self.strides)
        self.patch = math.lcm(*(math.ceil(r) for _, r in levels))
        self.channels: list[int] = []
        self.rescale = nn.ModuleList()
        self.project = nn.ModuleList()
        for stride, pick in zip(self.strides, self.picks, strict=True):
            width, reduction = levels[pick]
            neck = _Rescale(width, reduction / stride)
            out = channels or (_PYRAMID if self.plain else neck.channels)
            parts: list[nn.Module] = []
            if self.plain:
                parts += [
                    nn.Conv2d(neck.channels, out, 1, bias=False),
                    LayerNorm2d(out),
                    nn.Conv2d(out, out, 3, padding=1, bias=False),
                    LayerNorm2d(out),
                ]
            elif out != neck.channels or channels:
                parts.append(nn.Conv2d(neck.channels, out, 1))
            self.rescale.append(neck)
            self.project.append(nn.Sequential(*parts))
            self.channels.append(out)

    def forward(self, x: Any = None, **conditions: Any) -> list[Tensor]:
        """(B, C, H, W) to one map (B, C', ⌈H/s⌉, ⌈W/s⌉) for each scale s.

        Args:
            x: Images; or what else the backbone takes first, a dictionary with images among its
                values for instance.
            **conditions: For the backbone, by name. Tensors that are as high and wide as `x` are
                taken for images and extended in the same way.

        Raises:
            ConfigError: There is no image.
        """
        given = self.conditions | conditions
        height, width = image_size(x, *given.values())
        whole = [_ceil(n, self.multiple) for n in (height, width)]
        fed = [_ceil(n, self.patch) for n in whole]
        given = {k: extend(v, (height, width), fed) for k, v in given.items()}
        x = extend(x, (height, width), fed)
        maps = _maps(self.backbone, x, sorted(set(self.picks)), given)
        found: list[Tensor] = []
        for stride, pick, rescale, project in zip(
            self.strides, self.picks, self.rescale, self.project, strict=True
        ):
            level = rescale(maps[pick])[..., : whole[0] // stride, : whole[1] // stride]
            level = project(level)
            found.append(level[..., : _cells(height, stride), : _cells(width, stride)])
        return found


class _Rescale(nn.Module):
    """A map, `ratio` times finer: by twos, learnt upwards, pooled downwards; the rest resampled."""

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        steps = round(math.log2(ratio))
        layers: list[nn.Module] = []
        for i in range(steps):
            half = max(channels // 2, 1)
            layers += [LayerNorm2d(channels), nn.GELU()] if i else []
            layers.append(nn.ConvTranspose2d(channels, half, 2, stride=2))
            channels = half
        layers += [nn.MaxPool2d(2, ceil_mode=True) for _ in range(-steps)]
        self.steps = nn.Sequential(*layers)
        self.rest = ratio / 2.0**steps
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.steps(x)
        if self.rest != 1:
            found = nn.functional.interpolate(
                found, scale_factor=self.rest, mode="bilinear", recompute_scale_factor=False
            )
        return found


def feature_levels(backbone: nn.Module) -> list[tuple[int, float]]:
    """(channels, stride) of each map that a backbone gives.

    Raises:
        ConfigError: It gives none.
    """
    info: Any = getattr(backbone, "feature_info", None)
    if hasattr(info, "channels"):
        return list(zip(info.channels(), info.reduction(), strict=True))
    if info and (_listed(backbone) or hasattr(backbone, "forward_intermediates")):
        return [(level["num_chs"], level["reduction"]) for level in info]
    if isinstance(backbone, ResNet):
        return _resnet_levels(backbone)
    if isinstance(backbone, SwinTransformer):
        width, patch = backbone.features[0][0].out_channels, backbone.features[0][0].stride[0]
        return [(width * 2**i, patch * 2**i) for i in range(len(backbone.features) // 2)]
    raise ConfigError(
        f"{type(backbone).__name__} gives no features: expected a model with feature_info and "
        "forward_intermediates (every backbone of swath.models and timm), or a ResNet or Swin of "
        "torchvision"
    )


def image_size(*values: Any) -> tuple[int, int]:
    """Height and width of the first image."""
    for value in values:
        for found in value.values() if isinstance(value, Mapping) else (value,):
            if isinstance(found, Tensor) and found.ndim > 3:
                return found.shape[-2], found.shape[-1]
    raise ConfigError("there is no image (B, C, H, W) among the arguments")


def extend(value: Any, size: tuple[int, int], whole: Sequence[int]) -> Any:
    """`value`, with the images in it extended."""
    if isinstance(value, Mapping):
        return {k: extend(v, size, whole) for k, v in value.items()}
    if isinstance(value, Tensor) and value.ndim > 2 and tuple(value.shape[-2:]) == size:
        return pad_images(value, whole)
    return value


def _listed(backbone: nn.Module) -> bool:
    """Built with timm's ``features_only``: its forward pass gives the maps."""
    return type(backbone).__module__ == "timm.models._features"


def _maps(
    backbone: nn.Module, x: Any, picks: list[int], conditions: Mapping[str, Any]
) -> dict[int, Tensor]:
    """Maps by the number of their level."""
    if _listed(backbone):
        found = list(backbone(x, **conditions))
        return {i: found[i] for i in picks}
    if hasattr(backbone, "forward_intermediates"):
        maps: Any = backbone.forward_intermediates(
            x, indices=picks, intermediates_only=True, **conditions
        )  # type: ignore[operator]
        return dict(zip(picks, maps, strict=True))
    stages = _resnet_maps if isinstance(backbone, ResNet) else _swin_maps
    return {i: m for i, m in enumerate(stages(backbone, x)) if i in picks}


def _resnet_levels(resnet: Any) -> list[tuple[int, float]]:
    strides = [2, 4]
    for stage in (resnet.layer2, resnet.layer3, resnet.layer4):
        strides.append(strides[-1] * stage[0].downsample[0].stride[0])
    widths = [resnet.conv1.out_channels]
    for stage in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        last = stage[-1]
        widths.append((last.conv3 if hasattr(last, "conv3") else last.conv2).out_channels)
    return list(zip(widths, strides, strict=True))


def _resnet_maps(resnet: Any, x: Tensor) -> Iterator[Tensor]:
    x = resnet.relu(resnet.bn1(resnet.conv1(x)))
    yield x
    x = resnet.maxpool(x)
    for stage in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        x = stage(x)
        yield x


def _swin_maps(swin: Any, x: Tensor) -> Iterator[Tensor]:
    for i, stage in enumerate(swin.features):
        x = stage(x)
        if i % 2:
            yield x.permute(0, 3, 1, 2)


def _nearest(levels: Sequence[tuple[int, float]], stride: int) -> int:
    """The last level of the stride that is nearest, the finer where two are as near."""
    distances = [abs(math.log2(r / stride)) for _, r in levels]
    near = min(distances)
    finest = min(r for (_, r), d in zip(levels, distances, strict=True) if d == near)
    return max(i for i, (_, r) in enumerate(levels) if r == finest)


def _ceil(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def _cells(n: int, stride: int) -> int:
    return -(-n // stride)
