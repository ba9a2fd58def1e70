"""Mean average precision over a whole dataset, of all classes and of each by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed
from torchmetrics.detection import MeanAveragePrecision

from swath.errors import DependencyNotFoundError

__all__ = ["DetectionMetrics"]


class DetectionMetrics(MeanAveragePrecision):
    """COCO's average precision and recall (https://cocodataset.org/#detection-eval).

    Every detection of every image is kept (on the CPU; masks run-length encoded) until the scores
    are computed, since average precision of batches has no mean that means anything. Under
    distributed training the processes may have seen different numbers of images.

    Args:
        classes: Names of the labels 1, 2, ….
        masks: Score masks as well: their scores begin with ``segm_``, those of boxes with
            ``bbox_``.
        most: Detections that an image may have; more are not counted, the least certain ones first.

    Raises:
        DependencyNotFoundError: faster-coco-eval is not installed.
    """

    def __init__(self, classes: Sequence[str], masks: bool = False, most: int = 100) -> None:
        try:
            super().__init__(
                iou_type=("bbox", "segm") if masks else "bbox", class_metrics=True,
                max_detection_thresholds=[1, 10, max(most, 11)], backend="faster_coco_eval",
                # COCO's own: the defaults are rounded to single precision, and a recall of 3/5
                # would not reach 0.6
                iou_thresholds=np.linspace(0.5, 0.95, 10).tolist(),
                rec_thresholds=np.linspace(0.0, 1.0, 101).tolist(),
            )  # fmt: skip
        except ModuleNotFoundError as error:
            raise DependencyNotFoundError(
                "mean average precision needs faster-coco-eval: pip install faster-coco-eval"
            ) from error
        self.names = tuple(classes)
        self.masks = masks

    def update(
        self, preds: Sequence[Mapping[str, Tensor]], target: Sequence[Mapping[str, Tensor]]
    ) -> None:
        """Count a batch.

        Args:
            preds: ``boxes`` (N, 4), ``scores`` (N,), ``labels`` (N,), ``masks`` (N, H, W) bool of
                each image.
            target: ``boxes``, ``labels`` and ``masks`` of each.
        """
        super().update([self._kept(p) for p in preds], [self._kept(t) for t in target])

    def _kept(self, objects: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = ("boxes", "scores", "labels", "masks") if self.masks else (
            "boxes", "scores", "labels")  # fmt: skip
        kept = {n: objects[n].detach().cpu() for n in names if n in objects}
        return {n: v.float() if v.is_floating_point() else v for n, v in kept.items()}

    def compute(self) -> dict[str, Tensor]:
        """Scores by name, each a scalar.

        ``map`` (the mean of overlaps 0.5 to 0.95), ``map_50``, ``map_75``, ``map_small`` (below
        32 × 32 pixels), ``map_medium``, ``map_large`` (from 96 × 96), ``mar_…`` (average recall at
        so many detections an image), and ``map/<class>``. What the truth has nothing of has no
        score (NaN) and is not in the means.
        """
        found: dict[str, Tensor] = super().compute()
        present = [int(i) for i in found.pop("classes").reshape(-1)]
        scores: dict[str, Tensor] = {}
        for name, value in found.items():
            kind = name.removesuffix("_per_class")
            if kind == name:
                scores[name] = value
            elif kind.endswith("map"):
                each = dict(zip(present, value.reshape(-1), strict=False))
                undefined = value.new_tensor(-1.0)
                scores |= {
                    f"{kind}/{n}": each.get(i, undefined) for i, n in enumerate(self.names, 1)
                }
        return {n: torch.where(v < 0, torch.nan, v).float() for n, v in scores.items()}

    def _sync_dist(self, dist_sync_fn: Any = None, process_group: Any = None) -> None:
        """All processes' objects, one process after the other, however many each has."""
        own = {name: getattr(self, name) for name in self._reductions}
        everyone: list[Any] = [None] * distributed.get_world_size(process_group)
        distributed.all_gather_object(everyone, own, group=process_group)
        for name in own:
            setattr(self, name, [item for part in everyone for item in part[name]])
