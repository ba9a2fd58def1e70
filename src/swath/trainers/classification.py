"""A class, or several labels, for every image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, GridError
from swath.losses import classification_loss
from swath.trainers.backbones import classifier, freeze_all_but, head_of
from swath.trainers.base import STAGES, BaseTask
from swath.trainers.metrics import ClassificationMetrics
from swath.trainers.names import class_names

__all__ = ["ClassificationTask", "MultiLabelClassificationTask"]


class ClassificationTask(BaseTask):
    """Image classification, from raw pixels to a class.

    Batches have ``image`` (B, C, H, W) and ``label``: class indices (B,); 0 or 1 (B,) for binary;
    (B, L) of 0 and 1 for multilabel.

    Args:
        model: A name of `swath.models` or of timm; or a module of (B, C, H, W) -> (B, outputs).
        weights: None for random ones, True for ImageNet's, a member of a weights enum or its full
            name, a path or URL. Published ones are fitted to `bands`, and their normalisation is
            taken where `mean` and `std` are left out.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        task: ``"multiclass"``, ``"binary"`` (one logit) or ``"multilabel"``.
        num_classes: Classes of ``"multiclass"``; taken from `labels` if left out.
        num_labels: Labels of ``"multilabel"``; taken from `labels` if left out.
        labels: Names of the classes or labels: they appear in logs and plots.
        pos_weight: Weight of the positives, for loss ``"bce"``.
        loss: A name of `swath.losses.LOSSES`, or several with weights, ``{"ce": 1, "dice": 1}``.
        class_weights: One weight a class.
        ignore_index: Truth that counts neither in the loss nor in the scores.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the head alone (linear probing).
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ``optimizer``, ….

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    shown = ("accuracy", "average_accuracy")
    best = ("val_accuracy", "max")

    def __init__(
        self,
        model: str | nn.Module = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        task: Literal["binary", "multiclass", "multilabel"] = "multiclass",
        num_classes: int | None = None,
        num_labels: int | None = None,
        labels: list[str] | None = None,
        pos_weight: Any = None,
        loss: str | dict[str, float] = "ce",
        class_weights: Any = None,
        ignore_index: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        **options: Any,
    ) -> None:
        if task == "binary" and loss == "ce":
            raise ConfigError("loss 'ce' is for task 'multiclass', not 'binary': use loss='bce'")
        names = class_names(task, num_classes, num_labels, labels)
        self.given["labels"] = names
        super().__init__(**options)

    @property
    def outputs(self) -> int:
        """Numbers that the network gives an image."""
        return 1 if self.hparams["task"] == "binary" else len(self.hparams["labels"])

    def configure_models(self) -> None:
        """Build the network."""
        h = self.hparams
        self.model = classifier(self.given["model"], self.pretrained, self.outputs)
        if h["freeze_backbone"]:
            freeze_all_but(self.model, head_of(self.model))

    def configure_losses(self) -> None:
        """Set the criterion."""
        h = self.hparams
        self.criterion = classification_loss(
            self.given["loss"], h["task"], h["class_weights"], h["ignore_index"], h["pos_weight"],
            self.outputs,
        )  # fmt: skip

    def configure_metrics(self) -> None:
        """One confusion matrix a stage."""
        h = self.hparams
        for stage in STAGES:
            several = h["task"] == "multilabel"
            metrics = ClassificationMetrics(h["labels"], h["ignore_index"], several)
            setattr(self, f"{stage}_metrics", metrics)

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its scores counted."""
        loss, counted = self.judge(self(batch["image"]), batch["label"], stage)
        self.log_loss(stage, loss, counted)
        return loss

    def judge(self, logits: Tensor, truth: Tensor, stage: str) -> tuple[Tensor, int]:
        """Loss of logits (B, outputs), and of how much truth it is the mean; scores are counted."""
        kind = self.hparams["task"]
        if logits.ndim != 2 or logits.shape[1] != self.outputs:
            raise GridError(
                f"the model gave {tuple(logits.shape)} for {len(truth)} images: expected "
                f"({len(truth)}, {self.outputs})"
            )
        if kind == "binary":
            logits = logits.squeeze(1)
        loss: Tensor = self.criterion(logits, truth)
        ignored = self.hparams["ignore_index"]
        counted = len(truth) if ignored is None else int((truth != ignored).sum())
        found = logits.argmax(1) if kind == "multiclass" else (logits > 0).long()
        metrics = self.metrics(stage)
        if metrics is not None:
            metrics.update(found.detach(), truth)
        return loss, counted

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, classes): softmax; sigmoid for multilabel, and binary as (no, yes)."""
        if self.hparams["task"] == "multiclass":
            return logits.softmax(1)
        yes = logits.sigmoid()
        return torch.cat([1 - yes, yes], 1) if self.hparams["task"] == "binary" else yes

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """``probabilities`` (B, classes), and where each image lies, as far as the batch says."""
        return self.placed(batch, probabilities=self.probabilities(self(batch["image"])))


class MultiLabelClassificationTask(ClassificationTask):
    """`ClassificationTask` of independent labels: (B, L) of 0 and 1.

    Args:
        model: As in `ClassificationTask`.
        weights: As in `ClassificationTask`.
        in_channels: Bands of the image.
        num_labels: Labels; taken from `labels` if left out.
        labels: Their names.
        loss: ``"bce"``, ``"focal"``, ``"dice"``, ….
        **options: Of `ClassificationTask` and `BaseTask`.
    """

    best = ("val_f1", "max")  # most labels are absent: accuracy rewards saying so

    def __init__(
        self,
        model: str | nn.Module = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        num_labels: int | None = None,
        labels: list[str] | None = None,
        loss: str | dict[str, float] = "bce",
        **options: Any,
    ) -> None:
        if options.pop("task", "multilabel") != "multilabel":
            raise ConfigError("MultiLabelClassificationTask is of task 'multilabel' alone")
        if options.pop("num_classes", None) is not None:
            raise ConfigError("MultiLabelClassificationTask has num_labels, not num_classes")
        self.given["task"] = "multilabel"
        super().__init__(
            model,
            weights,
            in_channels,
            "multilabel",
            None,
            num_labels,
            labels,
            loss=loss,
            **options,
        )
