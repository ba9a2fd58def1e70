"""Training, validation and test: the same step, and scores that do not mix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor
from torchmetrics import Metric

__all__ = ["STAGES", "StagedModule"]

STAGES = ("train", "val", "test")


class StagedModule(LightningModule):
    """A module that has one `step` for all stages, and for each stage ``<stage>_metrics``."""

    def log_loss(self, stage: str, loss: Tensor, count: int) -> None:
        """Log ``<stage>_loss``, weighted by the `count` of what it is the mean of."""
        self.log(
            f"{stage}_loss", loss, batch_size=max(count, 1), on_step=False, on_epoch=True,
            prog_bar=stage != "test", sync_dist=True,
        )  # fmt: skip

    def metrics(self, stage: str) -> Metric | None:
        """What scores a stage, if anything does."""
        found: Metric | None = getattr(self, f"{stage}_metrics", None)
        return found

    #: Scores that the progress bar shows.
    shown: tuple[str, ...] = ()

    def _log_scores(self, stage: str) -> None:
        metrics = self.metrics(stage)
        if metrics is None or not metrics.update_called:
            return
        scores: Mapping[str, Tensor] = metrics.compute()
        metrics.reset()
        for name, value in scores.items():
            self.log(f"{stage}_{name}", value, prog_bar=stage != "train" and name in self.shown)

    def on_train_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("train")

    def on_validation_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("test")

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Loss of a batch."""
        return self.step(batch, "train")

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        """Loss of a batch; scores at the epoch's end."""
        return self.step(batch, "val")

    def test_step(self, batch: Any, batch_idx: int) -> Any:
        """Loss of a batch; scores at the epoch's end."""
        return self.step(batch, "test")

    def step(self, batch: Any, stage: str) -> Any:
        """Loss of a batch, logged, and its scores counted."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say what a batch's loss is: define "
            "step(self, batch, stage), or training_step, validation_step and test_step, in the "
            "class"
        )
