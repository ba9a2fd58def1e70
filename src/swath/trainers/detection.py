"""Objects and the boxes around them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, UnsupportedDataError
from swath.models.weights import nearest
from swath.trainers.base import BaseTask
from swath.trainers.detection_metrics import DetectionMetrics
from swath.trainers.detectors import (
    build_detector,
    computing_losses,
    freeze_layers,
    same_maps,
)
from swath.trainers.located import ground_corners
from swath.trainers.objects import objects_of

__all__ = ["ObjectDetectionTask"]

logger = logging.getLogger("swath.trainers")


class ObjectDetectionTask(BaseTask):
    """Object detection: boxes, classes and scores, by torchvision's detectors on any backbone.

    Batches have ``image`` (B, C, H, W), or a list of (C, H, W) of several sizes; ``bbox_xyxy``, a
    list of (N, 4) of xmin, ymin, xmax, ymax in pixels; and ``label``, a list of (N,). Labels count
    from 1, since torchvision's detectors call the background 0: a label of 0 is an error. N may
    differ and be 0. Tensors (B, N, …) do as well; rows of label -1 or of zeros are padding.

    Boxes of no width or no height enclose nothing to learn: they are left out of loss and scores,
    each with a warning that names the image. A box whose sides are negative is an error.

    Validation logs ``val_loss``, of what the network says in evaluation (batch norms keep their
    statistics, and the anchors that are drawn are the same each time), and COCO's average
    precision over the whole stage: ``val_map``, ``val_map_50``, …, ``val_map/<class>``
    (`DetectionMetrics`).

    Args:
        model: ``"faster-rcnn"`` (https://arxiv.org/abs/1506.01497), ``"fcos"``
            (https://arxiv.org/abs/1904.01355) or ``"retinanet"``
            (https://arxiv.org/abs/1708.02002); or a module that is used as torchvision's detectors.
        backbone: A backbone of `swath.models` or timm, such as ``"resnet50"`` or
            ``"vit_small_patch16_224"``.
        weights: Of the backbone: None for random ones, True for ImageNet's, a member of a weights
            enum or its full name, a path or URL. Published ones are fitted to `bands`.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        num_classes: With the background, as in torchvision; one more than `classes` if left out.
        trainable_layers: How many of the backbone's last layers are trained (`freeze_layers`):
            a ResNet has 5. If left out, 3 where there are weights and the layers are known, else
            all: layers of random weights are not frozen, which would only lose information.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the pyramid and heads alone. Batch norms of frozen layers keep
            their statistics.
        classes: Names of the classes labelled 1, 2, …: they appear in logs and features.
        channels: Of the feature pyramid.
        anchor_sizes: Sides of the anchors in pixels, one a level, fine to coarse: five. If left
            out, 32 to 512, which suits large objects; ships of 10 pixels want (8, 16, 32, 64, 128).
        model_options: For the detector's class in torchvision: ``box_detections_per_img``,
            ``detections_per_img``, ``box_score_thresh``, …; images are resized only where
            ``min_size`` says so.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ``optimizer``, ….

    Raises:
        ConfigError: Arguments that contradict each other; an unknown detector, backbone or option.
        BandError: Bands that the weights have nothing for.
    """

    shown = ("map", "map_50")
    best = ("val_map", "max")
    #: Detectors of this task.
    kinds: tuple[str, ...] = ("faster-rcnn", "fcos", "retinanet")
    #: Whether objects have masks.
    masks = False

    def __init__(
        self,
        model: str | nn.Module = "faster-rcnn",
        backbone: str = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        num_classes: int | None = None,
        trainable_layers: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        *,
        classes: list[str] | None = None,
        channels: int = 256,
        anchor_sizes: Sequence[float] | None = None,
        model_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(model, nn.Module) and model not in self.kinds:
            other = {"mask-rcnn": "InstanceSegmentationTask"}.get(str(model), "ObjectDetectionTask")
            hint = nearest(str(model), self.kinds)
            known = ("mask-rcnn", *ObjectDetectionTask.kinds)
            raise ConfigError(
                f"model is {model!r}: {f'it belongs to {other}' if model in known else hint}"
            )
        names = _class_names(num_classes, classes)
        self.given["classes"], self.given["num_classes"] = names, len(names) + 1
        super().__init__(**options)
        self._told: set[str] = set()

    def configure_models(self) -> None:
        """Build the detector, and freeze what is not trained."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            if self.pretrained.weights is not None:
                raise ConfigError(
                    f"weights {self.pretrained.name!r} and a module of your own "
                    f"({type(model).__name__}): load them into it yourself"
                )
            self.model = model
        else:
            self.model = build_detector(
                model, h["backbone"], h["num_classes"], self.pretrained, h["channels"],
                h["anchor_sizes"], self.given["model_options"],
            )  # fmt: skip
        if h["freeze_backbone"]:
            self.trunk.requires_grad_(False)
            return
        told = h["trainable_layers"] is not None or self.pretrained.weights is None
        if not told and hasattr(self.trunk, "group_matcher"):
            h["trainable_layers"] = 3  # and so it is when a checkpoint is read again
        if h["trainable_layers"] is not None:
            freeze_layers(self.trunk, h["trainable_layers"])

    @property
    def trunk(self) -> nn.Module:
        """The backbone without the pyramid on it.

        Raises:
            ConfigError: A module of the user's that has none.
        """
        found = getattr(self.model, "backbone", None)
        features = getattr(found, "features", None)
        found = getattr(features, "backbone", found)
        if not isinstance(found, nn.Module):
            raise ConfigError(
                f"{type(self.model).__name__} has no part named 'backbone': freeze what is to be "
                "frozen before you pass it"
            )
        return found

    def configure_metrics(self) -> None:
        """Detections of validation and test are kept apart; training has losses only."""
        options = self.hparams["model_options"] or {}
        most = [n for k, n in options.items() if k.endswith("detections_per_img")]
        for stage in ("val", "test"):
            metrics = DetectionMetrics(self.hparams["classes"], self.masks, max([100, *most]))
            setattr(self, f"{stage}_metrics", metrics)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Doubt the first batch, if its values can hardly be what the weights expect."""
        images = batch["image"]
        one = images if isinstance(images, Tensor) else images[0][None]
        super().on_train_batch_start({"image": one}, batch_idx)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What torchvision's detectors say of raw pixels (B, C, H, W), or a list of (C, H, W).

        Losses by name in training (and targets), else ``boxes``, ``labels``, ``scores`` (and
        ``masks``) of each image. NaN counts as mean.
        """
        images, *rest = args
        return self.model([self.normalize(image) for image in images], *rest, **kwargs)

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged by its parts, and detections counted."""
        targets, left_out = objects_of(batch, self.hparams["num_classes"], self.masks)
        for words in left_out:
            if words not in self._told:
                self._told.add(words)
                logger.warning("%s: it is left out", words)
        if stage == "train":
            losses: Mapping[str, Tensor] = self(batch["image"], targets)
        else:
            with same_maps(self.model):
                with computing_losses(self.model):
                    losses = self(batch["image"], targets)
                found = self.detections(batch["image"])
            metrics = self.metrics(stage)
            if metrics is not None:
                metrics.update(found, targets)
        if not isinstance(losses, Mapping) or not losses:
            raise UnsupportedDataError(
                f"{type(self.model).__name__} gave {type(losses).__name__} for images and targets: "
                "expected losses by name, as torchvision's detectors give"
            )
        loss = torch.stack([value.float() for value in losses.values()]).sum()
        self.log_loss(stage, loss, len(targets))
        for name, value in losses.items():
            self.log(
                f"{stage}_loss/{name.removeprefix('loss_')}", value.detach(), on_step=False,
                on_epoch=True, batch_size=len(targets), sync_dist=True,
            )  # fmt: skip
        return loss

    def detections(self, images: Any) -> list[dict[str, Tensor]]:
        """Objects of each image: ``boxes``, ``labels``, ``scores``, and ``masks`` (N, H, W) bool.

        Args:
            images: Raw pixels (B, C, H, W), or a list of (C, H, W).
        """
        found: list[dict[str, Tensor]] = self(images)
        for objects in found:
            # FCOS and RetinaNet have an output for class 0 as well, which nothing ever is
            real = objects["labels"] > 0
            objects.update({name: values[real] for name, values in objects.items()})
            if "masks" in objects:
                objects["masks"] = objects["masks"].squeeze(1) > 0.5
        return found

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """Objects, and where they lie.

        Returns:
            Lists, one entry an image: ``boxes`` (N, 4) in pixels, ``labels`` (N,), ``scores`` (N,),
            ``masks`` (N, H, W) bool of instances, and, where the batch has ``transform``,
            ``corners`` (N, 4, 2) in ground coordinates, clockwise from the upper left; and
            ``bounds``, ``transform`` and ``crs`` as the batch has them. `to_features` makes
            polygons of it.
        """
        found = self.detections(batch["image"])
        names = ("boxes", "labels", "scores", *(("masks",) if self.masks else ()))
        lists: dict[str, Any] = {name: [objects[name] for objects in found] for name in names}
        if "transform" in batch:
            lists["corners"] = [
                ground_corners(objects["boxes"], place)
                for objects, place in zip(found, batch["transform"], strict=True)
            ]
        return self.placed(batch, **lists)


def _class_names(num_classes: int | None, classes: Sequence[str] | None) -> list[str]:
    """A name of each class but the background."""
    if num_classes is None and classes is None:
        raise ConfigError("num_classes (with the background) or classes, their names, is needed")
    count = len(classes or ()) + 1 if num_classes is None else num_classes
    if count < 2:
        raise ConfigError(
            f"num_classes is {count}: expected 2 or more, the background and a class at least"
        )
    if classes is not None and len(classes) != count - 1:
        raise ConfigError(
            f"there are {len(classes)} classes and num_classes is {count}, with the background: "
            f"expected {count - 1} names, without it"
        )
    return list(classes) if classes is not None else [f"class {i}" for i in range(1, count)]
