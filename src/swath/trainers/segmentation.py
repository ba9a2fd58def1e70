"""A class for every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.losses import classification_loss
from swath.trainers.architectures import freeze_parts, pad_to_multiple, segmentation_model
from swath.trainers.base import BaseTask
from swath.trainers.metrics import SegmentationMetrics

__all__ = ["SemanticSegmentationTask"]


class SemanticSegmentationTask(BaseTask):
    """Semantic segmentation, from raw pixels to a map's classes.

    The task normalises its input itself (`mean`, `std`, inside `forward`), and carries the bands,
    classes, colours and label codes: a checkpoint of it is all that a map needs.

    Args:
        model: ``"unet"``, ``"deeplabv3+"``, ``"upernet"``, ``"segformer"``, ``"dpt"``, ``"fcn"`` or
            another of `swath.models.DECODERS`; or a module of (B, C, H, W) -> (B, classes, H, W).
        backbone: An encoder of segmentation-models-pytorch, such as ``"resnet18"``, or any backbone
            of `swath.models` or timm, such as ``"vit_small_patch16_224"``.
        weights: None for random ones, True for ImageNet's, a path to a state dict, or published
            ones: a member of a weights enum or its full name, such as
            ``"ResNet18_Weights.SENTINEL2_ALL_MOCO"``.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        task: ``"multiclass"``; ``"binary"`` (one logit); ``"multilabel"`` (masks (B, L, H, W)).
        num_classes: Classes of ``"multiclass"``; taken from `classes` if left out.
        num_labels: Labels of ``"multilabel"``.
        labels: Another name of `classes`.
        num_filters: Width of ``"fcn"``.
        pos_weight: Weight of the positives in loss ``"bce"``.
        loss: A name of `swath.losses.LOSSES`, or several with weights, ``{"ce": 1, "dice": 1}``.
        class_weights: One weight a class, for loss ``"ce"``.
        ignore_index: Truth that counts neither in the loss nor in the scores.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the decoder and head alone.
        freeze_decoder: Train the backbone and head alone.
        classes: Names of the classes, in the order of their index.
        colors: RGB or RGBA (0 to 255) of each class, for maps and pictures.
        values: The code of each class in label files and in maps; the index if left out.
        crs: Where it was trained: a hint for mapping.
        res: Pixel size it was trained at, in units of `crs`: a hint for mapping.
        patch_size: Window it was trained at, in pixels: a hint for mapping.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ``optimizer``, ….

    Raises:
        ConfigError: Arguments that contradict each other, weights that do not exist or that are
            for another backbone or for pixels of another kind.
        BandError: Bands that the weights have nothing for.
    """

    shown = ("miou", "accuracy")
    best = ("val_miou", "max")

    def __init__(
        self,
        model: str | nn.Module = "unet",
        backbone: str = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        task: Literal["binary", "multiclass", "multilabel"] = "multiclass",
        num_classes: int | None = None,
        num_labels: int | None = None,
        labels: list[str] | None = None,
        num_filters: int = 64,
        pos_weight: Any = None,
        loss: str | dict[str, float] = "ce",
        class_weights: Any = None,
        ignore_index: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        freeze_decoder: bool = False,
        *,
        classes: list[str] | None = None,
        colors: list[list[int]] | None = None,
        values: list[int] | None = None,
        crs: str | None = None,
        res: float | list[float] | None = None,
        patch_size: int | None = None,
        **options: Any,
    ) -> None:
        names = classes if classes is not None else labels
        outputs = _outputs(task, num_classes, num_labels, names)
        count = 2 if task == "binary" else outputs
        names = list(names) if names is not None else [f"class {i}" for i in range(count)]
        _check_lengths(count, classes=names, colors=colors, values=values)
        self.given["classes"] = names
        super().__init__(**options)

    @property
    def outputs(self) -> int:
        """Channels that the network gives."""
        h = self.hparams
        return _outputs(h["task"], h["num_classes"], h["num_labels"], h["classes"])

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            self.model = model
            freeze_parts(model, h["freeze_backbone"], h["freeze_decoder"])
            return
        self.model = segmentation_model(
            model,
            h["backbone"],
            self.outputs,
            self.pretrained,
            h["num_filters"],
            h["freeze_backbone"],
            h["freeze_decoder"],
        )

    def configure_losses(self) -> None:
        """Set the criterion."""
        h = self.hparams
        self.criterion = classification_loss(
            self.given["loss"], h["task"], h["class_weights"], h["ignore_index"], h["pos_weight"],
            self.outputs,
        )  # fmt: skip

    def configure_metrics(self) -> None:
        """One confusion matrix a stage: they must not see each other's pixels."""
        h = self.hparams
        several = h["task"] == "multilabel"
        for stage in ("train", "val", "test"):
            metrics = SegmentationMetrics(h["classes"], h["ignore_index"], several)
            setattr(self, f"{stage}_metrics", metrics)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Logits (B, classes, H, W) of raw pixels (B, C, H, W); any H and W. NaN counts as mean."""
        image = self.normalize(args[0])
        # 32 is the deepest stride of encoders; a module of the user's knows itself
        multiple = 1 if self.hparams["model"] in ("fcn", None) else 32
        image, height, width = pad_to_multiple(image, multiple)
        logits: Tensor = self.model(image)
        return logits[..., :height, :width]

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, classes, H, W): softmax; sigmoid for the other tasks, binary as (no, yes)."""
        if self.hparams["task"] == "multiclass":
            return logits.softmax(1)
        yes = logits.sigmoid()
        return torch.cat([1 - yes, yes], 1) if self.hparams["task"] == "binary" else yes

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """``probabilities`` (B, classes, H, W), and where each image lies."""
        return self.placed(batch, probabilities=self.probabilities(self(batch["image"])))

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its scores counted."""
        loss, counted = self.judge(self(batch["image"]), batch["mask"], stage)
        # Weighted by pixels: batches with few labels must not weigh as much as full ones.
        self.log_loss(stage, loss, counted)
        return loss

    def judge(self, logits: Tensor, mask: Tensor, stage: str) -> tuple[Tensor, int]:
        """Loss of logits (B, outputs, H, W), and of how many pixels it is the mean; scored."""
        if self.hparams["task"] != "multilabel" and mask.ndim == 4:
            mask = mask.squeeze(1)
        if self.hparams["task"] == "binary":
            logits = logits.squeeze(1)
        loss: Tensor = self.criterion(logits, mask)
        ignored = self.hparams["ignore_index"]
        counted = mask.numel() if ignored is None else int((mask != ignored).sum())
        found = logits.argmax(1) if self.hparams["task"] == "multiclass" else (logits > 0).long()
        getattr(self, f"{stage}_metrics").update(found.detach(), mask)
        return loss, counted


def _outputs(
    task: str, num_classes: int | None, num_labels: int | None, names: Sequence[str] | None
) -> int:
    """Channels that the network puts out."""
    if task == "binary":
        return 1
    option, given = ("num_labels", num_labels) if task == "multilabel" else (
        "num_classes", num_classes)  # fmt: skip
    found = given if given is not None else (len(names) if names is not None else None)
    if found is None or found < 1:
        raise ConfigError(f"task {task!r} needs {option} (or classes, the names); got {given}")
    return found


def _check_lengths(expected: int, **lists: Sequence[Any] | None) -> None:
    for name, values in lists.items():
        if values is not None and len(values) != expected:
            raise ConfigError(
                f"{name} has {len(values)} entries where the number of classes is {expected}"
            )
