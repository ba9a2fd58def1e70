"""What a run leaves behind beside its checkpoints: pictures, or patches of probabilities."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from swath.cli.gallery import Gallery, gallery_of

__all__ = ["PatchWriter", "Picture"]

logger = logging.getLogger("swath.cli")

_PAUSE = 60.0  # seconds between two pictures of a training that goes on


class Picture(Callback):
    """Pictures of what a task says of its validation and test samples, whatever the task.

    What is drawn is the task's own forward pass of the epoch, not a second one. The pictures are
    ``val.png``, ``test.png`` and their like (``val_mistakes.png``, ``val_scatter.png``): they are
    drawn at the end, when something breaks, and at most once a minute in between; and they go to
    loggers that take figures. A picture that cannot be drawn is a warning, and ends no training.
    """

    def __init__(self, folder: str, rows: int = 4) -> None:
        self.folder, self.rows = folder, rows
        self._gallery = Gallery({})
        self._handle: Any = None
        self._said: Any = None
        self._drawn = float("-inf")
        self._complete: tuple[str, Gallery, int] | None = None  # the last whole epoch's

    def _begin(self, task: LightningModule) -> None:
        self._release()
        self._gallery = gallery_of(task)
        self._gallery.rows = self.rows

        def note(module: Any, args: Any, output: Any) -> None:
            self._said = output

        self._handle = task.register_forward_hook(note)

    def _release(self) -> None:
        if self._handle is not None:
            self._handle.remove()
        self._handle = self._said = None

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew: the last epoch's samples are shown."""
        self._begin(pl_module)

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._begin(pl_module)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Look for telling samples."""
        self._look(trainer, batch)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Look for telling samples."""
        self._look(trainer, batch)

    def _look(self, trainer: Trainer, batch: Any) -> None:
        said, self._said = self._said, None
        if said is None or not trainer.is_global_zero:
            return
        try:
            self._gallery.add(batch, said)
        except Exception as error:  # a task of the user's own may speak of anything
            logger.warning("no picture: %s: %s", type(error).__name__, error)
            self._release()
            self._gallery = Gallery({})

    def _end(self, trainer: Trainer, stage: str) -> None:
        self._release()
        if not trainer.sanity_checking:
            self._complete = (stage, self._gallery, trainer.global_step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw, if it is time."""
        self._end(trainer, "val")
        if trainer.state.fn == "validate" or time.monotonic() - self._drawn > _PAUSE:
            self.draw(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw."""
        self._end(trainer, "test")
        self.draw(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the last validation."""
        self.draw(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Draw the last validation that was whole."""
        self._release()
        self.draw(trainer)

    def draw(self, trainer: Trainer) -> None:
        """Write the pictures of the last whole epoch, unless they are there."""
        if self._complete is None or not trainer.is_global_zero:
            return
        from swath.plot import save_figure

        (stage, gallery, step), self._complete = self._complete, None
        try:
            for suffix, figure in gallery.figures().items():
                save_figure(figure, os.path.join(self.folder, f"{stage}{suffix}.png"))
                _send(trainer, f"{stage}{suffix}", figure, step)
        except Exception as error:
            logger.warning("no picture of %s: %s: %s", stage, type(error).__name__, error)
        self._drawn = time.monotonic()


def _send(trainer: Trainer, name: str, figure: Any, step: int) -> None:
    """Give a figure to those loggers that take one."""
    one: Any
    for one in trainer.loggers:
        kind = type(one).__name__
        if kind == "TensorBoardLogger":
            one.experiment.add_figure(name, figure, step, close=False)
        elif kind == "WandbLogger":
            one.log_image(name, [figure], step=step)  # type: ignore[attr-defined]
        elif kind == "MLFlowLogger":
            one.experiment.log_figure(one.run_id, figure, f"pictures/{name}_{step:07d}.png")  # type: ignore[attr-defined]  # fmt: skip


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
