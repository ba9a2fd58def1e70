"""What all tasks share: how the parts are configured, and the optimiser."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

__all__ = ["BaseTask"]


class BaseTask(LightningModule):
    """A Lightning module whose hyperparameters are plain Python, so that a checkpoint is plain too.

    A task overrides `configure_models` (sets ``self.model``), `configure_losses` and
    `configure_metrics`, and the steps.
    """

    #: What the learning rate's schedule and the best checkpoint look at.
    monitor = "val_loss"
    mode = "min"

    model: nn.Module

    def _configure(self) -> None:
        """Call at the end of ``__init__``, after `save_hyperparameters`."""
        self.configure_losses()
        self.configure_metrics()
        self.configure_models()

    def configure_models(self) -> None:
        """Set ``self.model``."""

    def configure_losses(self) -> None:
        """Set ``self.criterion``."""

    def configure_metrics(self) -> None:
        """Set one metric object a stage."""

    def configure_optimizers(self) -> Any:
        """AdamW, and a learning rate that falls when `monitor` has not improved for `patience`."""
        optimizer = torch.optim.AdamW(
            (p for p in self.parameters() if p.requires_grad), lr=self.hparams["lr"]
        )
        scheduler = ReduceLROnPlateau(optimizer, mode="min", patience=self.hparams["patience"])
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": self.monitor, "strict": False},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Name the task in the checkpoint, so that `load_task` finds it."""
        checkpoint["swath_task"] = type(self).__name__

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """What ``self.model`` says of its input."""
        out: Tensor = self.model(*args, **kwargs)
        return out
