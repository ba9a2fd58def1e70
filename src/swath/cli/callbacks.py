"""What a run leaves behind beside its checkpoints: a picture, or patches of probabilities."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

__all__ = ["PatchWriter", "Picture"]


class Picture(Callback):
    """Image | truth | prediction of a few patches: those with most classes and most labels."""

    def __init__(self, folder: str, rows: int = 4) -> None:
        self.folder, self.rows = folder, rows
        self._kept: list[tuple[float, torch.Tensor, torch.Tensor, Any]] = []

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew: the last epoch's patches are shown."""
        self._kept = []

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._kept = []

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Look for telling patches."""
        self._keep(batch, pl_module)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Look for telling patches."""
        self._keep(batch, pl_module)

    def _keep(self, batch: Any, task: LightningModule) -> None:
        ignored = task.hparams.get("ignore_index")
        places = batch["bounds"].tolist() if "bounds" in batch else [None] * len(batch["image"])
        for image, mask, place in zip(batch["image"], batch["mask"], places, strict=True):
            known = mask if ignored is None else mask[mask != ignored]
            telling = len(known.unique()) + known.numel() / mask.numel()
            same = [k for k in self._kept if _shared(k[3], place) > 0.2]
            worse = [k for k in same if k[0] < telling]
            if len(worse) < len(same) or (
                not same and len(self._kept) == self.rows and telling <= self._kept[-1][0]
            ):
                continue
            kept = [k for k in self._kept if all(k is not w for w in worse)]
            kept.append((telling, image.cpu(), mask.cpu(), place))
            self._kept = sorted(kept, key=lambda k: -k[0])[: self.rows]

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw validation patches."""
        self._draw(trainer, pl_module, "val")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw validation patches of `swath validate`."""
        if trainer.state.fn == "validate":
            self._draw(trainer, pl_module, "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw test patches."""
        self._draw(trainer, pl_module, "test")

    @torch.no_grad()
    def _draw(self, trainer: Trainer, task: LightningModule, stage: str) -> None:
        if not self._kept or not trainer.is_global_zero:
            return
        from swath.cli.picture import panel_figure
        from swath.plot import save_figure

        was_training = task.training
        task.eval()
        images = torch.stack([k[1] for k in self._kept])
        masks = torch.stack([k[2] for k in self._kept])
        found = task(images.to(task.device)).argmax(1).cpu()
        task.train(was_training)
        figure = panel_figure(images.numpy(), masks.numpy(), found.numpy(), dict(task.hparams))
        save_figure(figure, os.path.join(self.folder, f"{stage}.png"))


def _shared(a: Sequence[float] | None, b: Sequence[float] | None) -> float:
    """Share of patch `a` that patch `b` covers too, of their `bounds`."""
    if a is None or b is None:
        return 0.0
    width = min(a[1], b[1]) - max(a[0], b[0])
    height = min(a[4], b[4]) - max(a[3], b[3])
    return max(width, 0.0) * max(height, 0.0) / ((a[1] - a[0]) * (a[4] - a[3]))


class PatchWriter(BasePredictionWriter):
    """One GeoTIFF of class probabilities a patch."""

    def __init__(self, folder: str) -> None:
        super().__init__("batch")
        self.folder = folder

    def write_on_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, prediction: Any, batch_indices: Any,
        batch: Any, batch_idx: int, dataloader_idx: int,
    ) -> None:  # fmt: skip
        """Write the files of a batch."""
        from affine import Affine

        from swath.geometry import Grid
        from swath.raster import write_raster

        crs = trainer.datamodule.predict_dataset.crs  # type: ignore[attr-defined]
        os.makedirs(self.folder, exist_ok=True)
        for i, chances in enumerate(prediction["probabilities"].float().cpu().numpy()):
            a, b, c, d, e, f = batch["transform"][i].flatten()[:6].tolist()
            grid = Grid(crs, Affine(a, b, c, d, e, f), chances.shape[2], chances.shape[1])
            name = f"{trainer.global_rank}_{batch_idx:06d}_{i:03d}.tif"
            write_raster(
                os.path.join(self.folder, name), chances, grid,
                descriptions=pl_module.hparams["classes"], cog=False,
            )  # fmt: skip
