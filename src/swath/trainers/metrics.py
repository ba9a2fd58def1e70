"""Scores of a segmentation, all from one confusion matrix over a whole dataset."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix, MultilabelConfusionMatrix

__all__ = ["ClassificationMetrics", "SegmentationMetrics"]


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
        """Count a batch of indices (B, H, W); multilabel (B, L, H, W). Truth of any type."""
        self.confusion.update(preds, target.long())

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.confusion.reset()

    def compute(self) -> dict[str, Tensor]:
        """Scores by name, each a scalar.

        ``accuracy``, ``miou``, ``iou/<class>``, and ``majority``: the accuracy of who calls
        everything by the commonest class's name, which is what a score is to be compared with.
        """
        counts = self.counts()
        iou = counts["hit"] / (counts["hit"] + counts["false"] + counts["missed"])
        scores = {"accuracy": counts["accuracy"], "miou": torch.nanmean(iou)}
        if not self.multilabel:
            scores["majority"] = counts["majority"]
        scores |= {f"iou/{name}": value for name, value in zip(self.names, iou, strict=True)}
        return {name: value.float() for name, value in scores.items()}

    def counts(self) -> dict[str, Tensor]:
        """Hits, false alarms and misses of each class (C,), and what concerns all of them."""
        matrix = self.confusion.compute().double()  # [truth, prediction]
        if not self.multilabel:
            matrix = matrix.view(len(self.names), len(self.names))  # of one class it is a scalar
        if self.multilabel:
            hit, false, missed = matrix[:, 1, 1], matrix[:, 0, 1], matrix[:, 1, 0]
            accuracy = (matrix[:, 0, 0] + hit).sum() / matrix.sum()
            return {"hit": hit, "false": false, "missed": missed, "accuracy": accuracy}
        hit = matrix.diagonal()
        return {
            "hit": hit, "false": matrix.sum(0) - hit, "missed": matrix.sum(1) - hit,
            "accuracy": hit.sum() / matrix.sum(),
            "majority": matrix.sum(1).max() / matrix.sum(),
        }  # fmt: skip


class ClassificationMetrics(SegmentationMetrics):
    """Scores of whole images, from one confusion matrix over a whole dataset.

    Args:
        classes: Names, one a class (or a label, for multilabel).
        ignore_index: Truth that is not counted.
        multilabel: Truth and prediction are (B, L) of 0 and 1.
    """

    def compute(self) -> dict[str, Tensor]:
        """Scores by name, each a scalar.

        ``accuracy`` (of all images), ``average_accuracy`` (the mean of the classes' recalls),
        ``f1`` and ``jaccard`` (means over classes), ``majority`` (the accuracy of always the
        commonest class), and ``recall/<class>``, ``precision/<class>``, ``f1/<class>``. A class
        that occurs in neither truth nor prediction has none (NaN) and is not in the means.
        """
        counts = self.counts()
        hit, false, missed = counts["hit"], counts["false"], counts["missed"]
        recall, precision = hit / (hit + missed), hit / (hit + false)
        f1 = 2 * hit / (2 * hit + false + missed)
        scores = {
            "accuracy": counts["accuracy"],
            "average_accuracy": torch.nanmean(recall),
            "f1": torch.nanmean(f1),
            "jaccard": torch.nanmean(hit / (hit + false + missed)),
        }
        if not self.multilabel:
            scores["majority"] = counts["majority"]
        for i, name in enumerate(self.names):
            scores |= {
                f"recall/{name}": recall[i], f"precision/{name}": precision[i], f"f1/{name}": f1[i]
            }  # fmt: skip
        return {name: value.float() for name, value in scores.items()}
