"""Heads that are trained on top: classes, masks and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError
from swath.models.registry import nearest
from swath.models.satlas.targets import binary_targets, class_targets, value_targets

__all__ = ["Head", "SimpleHead"]


class Head(Enum):
    """What a head predicts. See `SimpleHead` and `FRCNNHead` for outputs and targets."""

    CLASSIFY = 1
    MULTICLASSIFY = 2
    DETECT = 3
    INSTANCE = 4
    SEGMENT = 5
    BINSEGMENT = 6
    REGRESS = 7

    @classmethod
    def of(cls, value: Head | str) -> Head:
        """A member, or the one of that name in any case.

        Raises:
            ConfigError: There is none.
        """
        if isinstance(value, cls):
            return value
        name = str(value).upper()
        if name not in cls.__members__:
            raise ConfigError(f"there is no head {value!r}: {nearest(name, cls.__members__)}")
        return cls[name]


#: Values of a regression are this many times the network's own numbers, which stay near 1.
REGRESSION_SCALE = 255.0


class SimpleHead(nn.Module):
    """A convolution on the finest map, and the task's own layer.

    ==================  ================================  ==========================  =============
    task                outputs                           targets                     loss
    ==================  ================================  ==========================  =============
    ``CLASSIFY``        (B, N) probabilities, sum 1       (B,) class numbers          cross entropy
    ``MULTICLASSIFY``   (B, N) probabilities, each alone  (B, N) zeros and ones       binary
    ``SEGMENT``         (B, N, H, W), sum 1               (B, H, W) class numbers     cross entropy
    ``BINSEGMENT``      (B, N, H, W), each alone          (B, N, H, W), or (B, H, W)  binary
                                                          where N is 1: zeros, ones
    ``REGRESS``         (B, H, W) numbers                 (B, H, W) numbers           L1, of 1/255
    ==================  ================================  ==========================  =============

    Outputs are the same in training. Nothing is learnt where a target is unknown: where it is
    `ignore_index`, or NaN for numbers and zeros and ones. H and W are the image's own; without a
    feature pyramid the finest map is coarser, and what comes out is interpolated.

    What the published package does otherwise, against its own documentation: its binary
    segmentation is trained as one choice among N (softmax), its regression with squared errors,
    its multi-label classification cannot be trained, and its outputs are coarser than the targets
    where there is no feature pyramid.

    Args:
        task: Not ``DETECT`` or ``INSTANCE``.
        backbone_channels: ``[stride, channels]`` of each map, finest first.
        num_categories: N. For a regression, layers; only the first is used.
        ignore_index: Of unknown targets; -100 if left out (regression: only NaN).

    Raises:
        ConfigError: Another task.
    """

    def __init__(
        self,
        task: Head | str,
        backbone_channels: Sequence[Sequence[int]],
        num_categories: int = 2,
        *,
        ignore_index: float | None = None,
    ) -> None:
        super().__init__()
        self.task = Head.of(task)
        if self.task not in _LOSSES:
            raise ConfigError(f"{self.task.name} has boxes: its head is FRCNNHead")
        self.num_categories, self.ignore_index = num_categories, ignore_index
        width = backbone_channels[0][1]
        first = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True))
        self.extra: nn.Linear | None = None
        if self.task in (Head.CLASSIFY, Head.MULTICLASSIFY):
            self.layers = nn.Sequential(first)
            self.extra = nn.Linear(width, num_categories)
        else:
            self.layers = nn.Sequential(first, nn.Conv2d(width, num_categories, 3, padding=1))

    def forward(
        self, image_list: Tensor, raw_features: Sequence[Tensor], targets: Any = None
    ) -> tuple[Tensor, Tensor | None]:
        """Outputs, and the loss if there are targets.

        Args:
            image_list: The images; only their height and width count.
            raw_features: Maps, finest first.
            targets: As in the table above.

        Raises:
            ConfigError: Targets of another shape, or with values that are none.
        """
        found = self.layers(raw_features[0])
        if self.extra is not None:
            found = self.extra(found.amax((2, 3)))  # noqa: S610 (a layer, no query)
        elif found.shape[-2:] != image_list.shape[-2:]:
            found = F.interpolate(found, image_list.shape[-2:], mode="bilinear")
        found = found.float()  # probabilities and losses under autocast too
        if self.task is Head.REGRESS:
            found = found[:, 0]
        loss = None if targets is None else _LOSSES[self.task](self, found, targets)
        if self.task is Head.REGRESS:
            return found * REGRESSION_SCALE, loss
        alone = self.task in (Head.MULTICLASSIFY, Head.BINSEGMENT)
        return (found.sigmoid() if alone else found.softmax(1)), loss


def _choice(head: SimpleHead, logits: Tensor, targets: Any) -> Tensor:
    ignore = -100 if head.ignore_index is None else int(head.ignore_index)
    shape = (logits.shape[0], *logits.shape[2:])
    classes = class_targets(targets, shape, logits.shape[1], ignore, logits.device)
    total = F.cross_entropy(logits, classes, ignore_index=ignore, reduction="sum")
    return total / (classes != ignore).sum().clamp_min(1)


def _alone(head: SimpleHead, logits: Tensor, targets: Any) -> Tensor:
    ignore = -100.0 if head.ignore_index is None else head.ignore_index
    if isinstance(targets, Tensor) and targets.ndim == 3 and logits.shape[1] == 1:
        targets = targets[:, None]
    truth, known = binary_targets(targets, logits.shape, ignore, logits.device)
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * known).sum() / known.sum().clamp_min(1)


def _distance(head: SimpleHead, numbers: Tensor, targets: Any) -> Tensor:
    truth, known = value_targets(targets, numbers.shape, head.ignore_index, numbers.device)
    each = (numbers - truth / REGRESSION_SCALE).abs()
    return (each * known).sum() / known.sum().clamp_min(1)


_LOSSES: dict[Head, Callable[[SimpleHead, Tensor, Any], Tensor]] = {
    Head.CLASSIFY: _choice, Head.MULTICLASSIFY: _alone, Head.SEGMENT: _choice,
    Head.BINSEGMENT: _alone, Head.REGRESS: _distance,
}  # fmt: skip
