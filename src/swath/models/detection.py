"""torchvision's detectors on any backbone."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops.feature_pyramid_network import (
    ExtraFPNBlock,
    FeaturePyramidNetwork,
    LastLevelMaxPool,
    LastLevelP6P7,
)

from swath.errors import ConfigError
from swath.models.features import Features
from swath.models.registry import get_model
from swath.models.weights import nearest

__all__ = ["DETECTORS", "FeaturePyramid", "detection_model"]

#: Detectors by name: class, and strides of the backbone's maps.
DETECTORS: dict[str, tuple[Callable[..., nn.Module], tuple[int, ...]]] = {
    "faster-rcnn": (FasterRCNN, (4, 8, 16, 32)),
    "mask-rcnn": (MaskRCNN, (4, 8, 16, 32)),
    "retinanet": (RetinaNet, (8, 16, 32)),
    "fcos": (FCOS, (8, 16, 32)),
}


class FeaturePyramid(nn.Module):
    """Maps of one width at several strides, in the form that torchvision's detectors want.

    Maps of a backbone with stages go through a feature pyramid network (Lin et al. 2017,
    https://arxiv.org/abs/1612.03144); a plain transformer's are a pyramid already (ViTDet,
    https://arxiv.org/abs/2203.16527, found another one on top of no use).

    Args:
        features: Of the backbone.
        extra: Makes coarser levels.
        channels: Of every level.
    """

    def __init__(self, features: Features, extra: ExtraFPNBlock, channels: int = 256) -> None:
        super().__init__()
        self.features = features
        self.out_channels = channels
        self.fpn: FeaturePyramidNetwork | None = None
        if not features.plain:
            self.fpn = FeaturePyramidNetwork(features.channels, channels, extra)
        else:
            self.coarser = extra

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """(B, C, H, W) to maps (B, channels, H/s, W/s), fine to coarse."""
        maps = self.features(x)
        names = [str(i) for i in range(len(maps))]
        if self.fpn is not None:
            found: OrderedDict[str, Tensor] = self.fpn(OrderedDict(zip(names, maps, strict=True)))
            return found
        levels, names = self.coarser(list(maps), list(maps), names)
        return OrderedDict(zip(names, levels, strict=True))


class _Images(GeneralizedRCNNTransform):
    """Torchvision's, for images of whole numbers as well."""

    def normalize(self, image: Tensor) -> Tensor:
        found: Tensor = super().normalize(image if image.is_floating_point() else image.float())
        return found


class _AsTheyAre(_Images):
    """Images are put into one batch, and not resized."""

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target


def detection_model(
    backbone: nn.Module | str,
    kind: str = "faster-rcnn",
    num_classes: int | None = 2,
    *,
    channels: int = 256,
    conditions: Mapping[str, Any] | None = None,
    anchor_sizes: Sequence[float] | None = None,
    min_size: int | None = None,
    max_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    **backbone_options: Any,
) -> nn.Module:
    """Put a detector on a backbone.

    It is used as torchvision's: a list of images (C, H, W), whatever their sizes, and for training
    a list of targets (``boxes`` in pixels, ``labels``, for Mask R-CNN ``masks``); losses by name
    come out in training, else ``boxes``, ``labels``, ``scores`` (and ``masks``) of each image.
    Unlike there, images stay as they are: not resized unless `min_size` (or ``fixed_size`` among
    the options) is given, and not normalised, since the weights' transforms have done it, unless
    ``image_mean`` and ``image_std`` are among the options. Whole numbers are taken as they are.

    Args:
        backbone: A model that gives features (see `Features`), or the name of one of
            `swath.models`.
        kind: One of `DETECTORS`.
        num_classes: With the background, which is class 0; None where `options` bring a
            ``box_predictor``, which says it.
        channels: Of every level of the pyramid; a multiple of 32 from 64 on for ``"fcos"``.
        conditions: Named arguments of the backbone (wavelengths, …).
        anchor_sizes: Side of the square anchors in pixels, one a level, fine to coarse: five
            (``"faster-rcnn"``, ``"mask-rcnn"``: strides 4 to 64; the others: strides 8 to 128).
            Left out: torchvision's, 32 to 512 pixels, which suit photographs; objects of 10 pixels
            want smaller ones.
        min_size: Shorter side in pixels to which images are resized, as torchvision does.
        max_size: Longer side in pixels that resizing does not exceed; 5/3 of `min_size` if left
            out.
        options: For the detector's class in torchvision: ``box_nms_thresh``,
            ``detections_per_img``, …
        **backbone_options: For the backbone's builder, where `backbone` is a name.

    Raises:
        ConfigError: There is no such detector or backbone, or it gives no features;
            `channels`, `num_classes`, `anchor_sizes` or `options` do not suit the detector.
    """
    if kind not in DETECTORS:
        raise ConfigError(f"there is no detector {kind!r}: {nearest(kind, DETECTORS)}")
    build, strides = DETECTORS[kind]
    two_stages = build in (FasterRCNN, MaskRCNN)
    # None leaves the classes to a box_predictor of the user's, as in torchvision
    if num_classes is not None and num_classes < 1 + two_stages:
        raise ConfigError(
            f"num_classes is {num_classes}: expected at least {1 + two_stages}, as it counts the "
            "background"
        )
    given = dict(options or {})
    _check_options(kind, given)
    min_size, max_size = given.pop("min_size", min_size), given.pop("max_size", max_size)
    if max_size is not None and min_size is None:
        raise ConfigError(f"max_size is {max_size} and min_size is missing: give both")
    if kind == "fcos" and (channels % 32 or channels < 64):
        raise ConfigError(
            f"channels is {channels}: FCOS normalises them in 32 groups, expected a multiple of 32 "
            "from 64 on"
        )
    if isinstance(backbone, str):
        backbone = get_model(backbone, **backbone_options)
    elif backbone_options:
        raise ConfigError(
            f"{', '.join(backbone_options)}: the backbone is built already; these go with its name"
        )
    features = Features(backbone, strides, conditions=conditions)
    if features.plain:
        features = Features(backbone, strides, channels, conditions=conditions)
    extra: ExtraFPNBlock = LastLevelMaxPool() if two_stages else LastLevelP6P7(channels, channels)
    resized = {} if min_size is None else {
        "min_size": min_size, "max_size": max_size or round(min_size * 5 / 3)
    }  # fmt: skip
    anchors: dict[str, Any] = {}
    if anchor_sizes is not None:
        anchors = _anchors(kind, anchor_sizes, 5)
    unscaled = {"image_mean": [0.0], "image_std": [1.0]}
    model = build(
        FeaturePyramid(features, extra, channels), num_classes=num_classes,
        **(unscaled | resized | anchors | given),
    )  # fmt: skip
    made: Any = model.transform
    images = _AsTheyAre if min_size is None and made.fixed_size is None else _Images
    model.transform = images(
        made.min_size, made.max_size, made.image_mean, made.image_std, made.size_divisible,
        made.fixed_size,
    )  # fmt: skip
    return model


def _check_options(kind: str, given: Mapping[str, Any]) -> None:
    """Raise for an option that torchvision would pass over: its classes take any name."""
    known = {*inspect.signature(GeneralizedRCNNTransform).parameters}
    for cls in DETECTORS[kind][0].__mro__:  # type: ignore[attr-defined]
        if cls.__module__.startswith("torchvision.models.detection"):
            known |= {*inspect.signature(cls.__init__).parameters}
    known -= {"self", "args", "kwargs", "backbone", "num_classes"}
    for option in given:
        if option not in known:
            raise ConfigError(f"{kind} has no option {option!r}: {nearest(option, known)}")


def _anchors(kind: str, sizes: Sequence[float], levels: int) -> dict[str, Any]:
    """Torchvision's proportions of anchors, of other sizes."""
    if len(sizes) != levels:
        raise ConfigError(f"anchor_sizes has {len(sizes)} members: expected one a level, {levels}")
    if kind == "fcos":
        return {"anchor_generator": AnchorGenerator(tuple((s,) for s in sizes), ((1.0,),) * levels)}
    ratios = ((0.5, 1.0, 2.0),) * levels
    if kind == "retinanet":  # three sizes a level, a third of an octave apart
        thirds = tuple(tuple(s * 2 ** (i / 3) for i in range(3)) for s in sizes)
        return {"anchor_generator": AnchorGenerator(thirds, ratios)}
    return {"rpn_anchor_generator": AnchorGenerator(tuple((s,) for s in sizes), ratios)}
