"""Scores of a segmentation, all from one confusion matrix over a whole dataset."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix, MultilabelConfusionMatrix

__all__ = ["SegmentationMetrics"]


class SegmentationMetrics(Metric):
    """Overall accuracy, mean IoU and every class's IoU.

    They are computed from the sum of all pixels and not as a mean over batches, in which a class
    that is rare would count as absent in most. The mean is over the classes that occur in the
    truth or the prediction; a class that occurs in neither has no IoU (NaN).

    Args:
        classes: Names, one a class (or a label, for multilabel).
        ignore_index: Truth that is not counted.
        multilabel: Truth and prediction are (B, L, H, W) of 0 and 1.
    """

    full_state_update = False

    def __init__(
        self, classes: Sequence[str], ignore_index: int | None = None, multilabel: bool = False
    ) -> None:
        super().__init__()
        self.names = tuple(classes)
        n = len(self.names)
        self.confusion: Metric = (
            MultilabelConfusionMatrix(n, ignore_index=ignore_index, validate_args=False)
            if multilabel
            else MulticlassConfusionMatrix(n, ignore_index=ignore_index, validate_args=False)
        )
        self.multilabel = multilabel

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count a batch of indices (B, H, W); multilabel (B, L, H, W)."""
        self.confusion.update(preds, target)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.confusion.reset()

    def compute(self) -> dict[str, Tensor]:
        """Scores by name, each a scalar.

        ``accuracy``, ``miou``, ``iou/<class>``, and ``majority``: the accuracy of who calls
        everything by the commonest class's name, which is what a score is to be compared with.
        """
        matrix = self.confusion.compute().double()  # [truth, prediction]
        if self.multilabel:
            hit, false, missed = matrix[:, 1, 1], matrix[:, 0, 1], matrix[:, 1, 0]
            accuracy = (matrix[:, 0, 0] + hit).sum() / matrix.sum()
        else:
            hit = matrix.diagonal()
            false, missed = matrix.sum(0) - hit, matrix.sum(1) - hit
            accuracy = hit.sum() / matrix.sum()
        iou = hit / (hit + false + missed)
        scores = {"accuracy": accuracy, "miou": torch.nanmean(iou)}
        if not self.multilabel:
            scores["majority"] = matrix.sum(1).max() / matrix.sum()
        scores |= {f"iou/{name}": value for name, value in zip(self.names, iou, strict=True)}
        return {name: value.float() for name, value in scores.items()}
