"""Objects and their outlines."""

from __future__ import annotations

from typing import Any

from torch import nn

from swath.errors import ConfigError
from swath.trainers.detection import ObjectDetectionTask

__all__ = ["InstanceSegmentationTask"]


class InstanceSegmentationTask(ObjectDetectionTask):
    """Instance segmentation: boxes, classes, scores and a mask of each object.

    As `ObjectDetectionTask`, and batches have ``mask`` besides: a list of (N, H, W), one layer an
    object, anything but 0 inside. Scores are logged of masks and of boxes: ``val_segm_map``,
    ``val_segm_map_50``, …, ``val_segm_map/<class>``, and ``val_bbox_map``, ….

    Args:
        model: ``"mask-rcnn"`` (https://arxiv.org/abs/1703.06870), or a module that is used as
            torchvision's.
        backbone: A backbone of `swath.models` or timm.
        weights: Of the backbone, as in `ObjectDetectionTask`.
        weights_backbone: Another name of `weights`.
        in_channels: Bands of the image.
        num_classes: With the background; one more than `classes` if left out.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the pyramid and heads alone.
        **options: Of `ObjectDetectionTask` (``classes``, ``trainable_layers``, ``channels``,
            ``anchor_sizes``, ``model_options``) and of `BaseTask`.

    Raises:
        ConfigError: Arguments that contradict each other; an unknown detector, backbone or option.
        BandError: Bands that the weights have nothing for.
    """

    shown = ("segm_map", "segm_map_50")
    best = ("val_segm_map", "max")
    kinds = ("mask-rcnn",)
    masks = True

    def __init__(
        self,
        model: str | nn.Module = "mask-rcnn",
        backbone: str = "resnet50",
        weights: Any = None,
        weights_backbone: Any = None,
        in_channels: int | None = None,
        num_classes: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        **options: Any,
    ) -> None:
        if weights is not None and weights_backbone is not None:
            raise ConfigError(
                f"weights is {weights!r} and weights_backbone is {weights_backbone!r}: both mean "
                "the backbone's, give one of them"
            )
        if weights is None:
            weights = weights_backbone
        self.given |= {"weights": weights, "weights_backbone": None}
        super().__init__(
            model, backbone, weights, in_channels, num_classes, lr=lr, patience=patience,
            freeze_backbone=freeze_backbone, **options,
        )  # fmt: skip
