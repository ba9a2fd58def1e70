"""Whether embeddings are any good, before anything is trained on them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

__all__ = ["EmbeddingMetrics", "nearest_neighbours"]


class EmbeddingMetrics(Metric):
    """Cheap signs of what was learned, over a whole dataset.

    * ``std``: how far embeddings of length 1 differ: the mean of the dimensions' standard
      deviations, times the square root of their number. 1 where they go in all directions, 0 where
      all images are one point (collapse).
    * ``recall``: share of the images whose second view is nearer than those of the rest of the
      batch (so it depends on the batch size).
    * ``knn_accuracy``: share of the labelled images whose nearest neighbours (all others of the
      dataset, weighted by their likeness) have their label; where batches have labels.

    Args:
        width: Of an embedding.
        neighbours: That vote.
        limit: Labelled images a process that are kept for it; later ones are not counted.
    """

    full_state_update = False
    sums: Tensor
    counts: Tensor
    features: list[Tensor]
    labels: list[Tensor]

    def __init__(self, width: int, neighbours: int = 20, limit: int = 10_000) -> None:
        super().__init__()
        self.neighbours, self.limit = neighbours, limit
        # sum and sum of squares of each dimension
        self.add_state("sums", torch.zeros(2, width, dtype=torch.float64), dist_reduce_fx="sum")
        # embeddings; pairs of views, pairs that found each other; labelled images
        self.add_state("counts", torch.zeros(4, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("features", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(
        self,
        one: Tensor,
        two: Tensor | None = None,
        features: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> None:
        """Count a batch.

        Args:
            one: (B, D) embeddings of first views.
            two: (B, D) of second ones.
            features: (B, F) of the images themselves, for the vote.
            labels: (B,) class indices.
        """
        unit = F.normalize(one.detach().float(), dim=1)
        pairs = found = kept = 0
        if two is not None:
            likeness = unit @ F.normalize(two.detach().float(), dim=1).T
            pairs = len(unit)
            found = int((likeness.argmax(1) == torch.arange(pairs, device=unit.device)).sum())
        if features is not None and labels is not None:
            room = max(self.limit - sum(len(part) for part in self.labels), 0)
            kept = min(room, len(labels))
            if kept:
                self.features.append(F.normalize(features.detach().float(), dim=1)[:kept])
                self.labels.append(labels.detach().long()[:kept])
        # not in place: what was reset in a validation cannot be changed in a training
        sums = [unit.double().sum(0), unit.double().square().sum(0)]
        self.sums = self.sums + torch.stack(sums)
        self.counts = self.counts + self.counts.new_tensor([len(unit), pairs, found, kept])

    def compute(self) -> dict[str, Tensor]:
        """Scores by name, each a scalar."""
        count, pairs, found, labelled = self.counts
        mean, square = self.sums / count
        each = (square - mean**2).clamp_min(0).sqrt()
        scores = {"std": (each.mean() * len(each) ** 0.5).float()}
        if pairs > 0:
            scores["recall"] = (found / pairs).float()
        if labelled > 1:
            labels = dim_zero_cat(self.labels)
            votes = nearest_neighbours(dim_zero_cat(self.features), labels, self.neighbours)
            scores["knn_accuracy"] = (votes == labels).float().mean()
        return scores


def nearest_neighbours(
    features: Tensor, labels: Tensor, neighbours: int = 20, temperature: float = 0.07
) -> Tensor:
    """(N,): how the nearest others call each of `features` (N, D), which have the length 1.

    Votes weigh ``exp(likeness / temperature)`` (https://arxiv.org/abs/1805.01978).
    """
    k = min(neighbours, len(features) - 1)
    classes = int(labels.max()) + 1
    found = []
    for start in range(0, len(features), 1024):
        rows = features[start : start + 1024]
        likeness = rows @ features.T
        own = torch.arange(start, start + len(rows), device=rows.device)
        likeness = likeness.scatter(1, own[:, None], -torch.inf)
        best, which = likeness.topk(k, 1)
        weight = ((best - best[:, :1]) / temperature).exp()
        votes = weight.new_zeros(len(rows), classes)
        found.append(votes.scatter_add(1, labels[which], weight).argmax(1))
    return torch.cat(found)
