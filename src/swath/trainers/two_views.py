"""Learning that two views show the same: views, embeddings of all processes, momentum, queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.trainers.siamese import Siamese, momentum_at, pooled
from swath.trainers.ssl import SelfSupervisedTask
from swath.trainers.ssl_views import augmented, recipe, two_dates

__all__ = ["TwoViewTask"]


class TwoViewTask(SelfSupervisedTask):
    """Learns that two views show the same: `BYOLTask`, `MoCoTask`, `SimCLRTask`."""

    model: Siamese
    #: Keys that go into the queue when the batch is done.
    _keys: Tensor | None = None
    _seen_step = 0

    def width(self, backbone: nn.Module) -> int:
        """Features that the backbone gives, found by asking it."""
        size = int(self.hparams["size"])
        was = backbone.training
        with torch.no_grad():
            blank = torch.zeros(1, self.channels, size, size)
            found = pooled(backbone.eval()(blank), backbone).shape[1]
        backbone.train(was)
        return found

    def augmentations(self, *recipes: Mapping[str, Any]) -> None:
        """Take the user's augmentations where there are any, else make the paper's.

        They are no submodules: a checkpoint has nothing of them.
        """
        h = self.hparams
        names = [n for n in ("augmentation1", "augmentation2", "augmentations") if n in h]
        found = [
            self.given[name]
            if self.given.get(name) is not None
            else recipe(h["size"], self.channels, self.given["grayscale_weights"], **options)
            for name, options in zip(names, recipes, strict=True)
        ]
        self._augmentations = (found * 2)[:2]

    def views(self, batch: Mapping[str, Any], stage: str) -> list[Tensor]:
        """Two views (B, C, size, size) of each image, normalised."""
        dates = two_dates(batch["image"], self.channels, shuffled=stage == "train")
        return augmented(self._augmentations, [self.normalize(date) for date in dates])

    def gathered(self, embeddings: Tensor, stage: str) -> tuple[Tensor, int]:
        """Embeddings of all processes, gradients included, and where this one's begin."""
        if self._trainer is None or not self.hparams.get("gather_distributed"):
            return embeddings, 0
        if self.trainer.world_size == 1 or stage != "train":
            return embeddings, 0
        found: Tensor = self.all_gather(embeddings, sync_grads=embeddings.requires_grad)  # type: ignore[assignment]
        return found.flatten(0, 1), self.trainer.global_rank * len(embeddings)

    def momentum_now(self) -> float | None:
        """Of the momentum encoder at this step; None where there is none."""
        return None

    def rising(self, base: float) -> float:
        """`momentum_at` this step of the training."""
        if self._trainer is None:
            return base
        return momentum_at(base, self.global_step, float(self.trainer.estimated_stepping_batches))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """After each step of the optimiser, the momentum encoder follows; the queue moves on."""
        stepped = self._trainer is None or self.global_step != self._seen_step
        momentum = self.momentum_now()
        if stepped and momentum is not None:
            self.model.follow(momentum)
            self._seen_step = self.global_step
        if self._keys is not None:
            keys = self._keys
            if self._trainer is not None and self.trainer.world_size > 1:
                keys = self.all_gather(keys).flatten(0, 1)  # type: ignore[union-attr]
            self.model.enqueue(keys)
            self._keys = None

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Loss of a batch.

        Raises:
            ConfigError: A batch of one image, which has nothing to differ from.
        """
        if len(batch["image"]) < 2:
            raise ConfigError(
                "a batch has one image, which has nothing to differ from: expected 2 or more "
                "(batch_size, and drop_last=True if only the last one is so small)"
            )
        return self.step(batch, "train")
