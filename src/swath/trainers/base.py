"""What all tasks share: plain settings, normalised input, optimisers, scores by stage."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics import Metric

from swath.errors import ConfigError
from swath.models import Preset
from swath.trainers.optimizers import build_optimizers
from swath.trainers.settings import given_settings, plain

__all__ = ["BaseTask"]

STAGES = ("train", "val", "test")


class BaseTask(LightningModule):
    """A Lightning module whose hyperparameters are plain Python, so that a checkpoint is plain too.

    A subclass's ``__init__`` checks its arguments and passes the rest on (``**options``); what it
    was called with is saved as ``hparams`` by itself, and the objects among it (a module, a member
    of a weights enum) are in ``given``. Then it overrides `configure_models` (sets ``self.model``),
    `configure_losses`, `configure_metrics` and the steps.

    Args:
        bands: Names of the image's bands, in order.
        mean: Of each band, in raw pixel values; subtracted from the input. 0 if left out.
        std: Of each band; the input is divided by it. 1 if left out.
        optimizer: ``"adamw"``, ``"adam"``, ``"sgd"`` (momentum 0.9, Nesterov), ``"lars"`` or
            ``"lamb"``.
        weight_decay: Of weights; not of biases and norms. The optimiser's own if left out.
        schedule: ``"plateau"`` (a tenth when `monitor` has not improved for `patience` epochs),
            ``"cosine"`` (to 0 at the last epoch) or ``"constant"``.
        warmup_epochs: Epochs in which the learning rate rises to its value.
        layer_decay: Each layer nearer to the input learns slower by this factor (0.65 to 0.9 for
            fine-tuning ViTs).
        lora: Rank of low-rank adapters: they are trained in place of the backbone, which is frozen.
            Needs ``pip install "swath[lora]"``.
        gradient_checkpointing: Compute activations twice instead of keeping them: less memory.
        compile: Compile the model with ``torch.compile``.
        preset: Normalisation of published weights, as arguments of `swath.models.Preset`, in place
            of `mean` and `std`. Set by itself when such weights are loaded.

    Raises:
        ConfigError: An option that is unknown or contradicts another.
    """

    #: What the learning rate's schedule and the best checkpoint look at.
    monitor = "val_loss"
    mode = "min"
    #: Names of arguments that are not saved.
    ignore: tuple[str, ...] = ()

    model: nn.Module
    mean: Tensor
    std: Tensor
    given: dict[str, Any]
    # In a tuple: a module that is an attribute would be a part of the task's state.
    _preset: tuple[Preset] | tuple[()] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Note what the task is made with, before any ``__init__`` changes it."""
        self = super().__new__(cls)
        object.__setattr__(self, "given", given_settings(cls, args, kwargs))
        return self

    def __init__(
        self,
        *,
        bands: list[str] | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        optimizer: str = "adamw",
        weight_decay: float | None = None,
        schedule: str = "plateau",
        warmup_epochs: int = 0,
        layer_decay: float | None = None,
        lora: int | None = None,
        gradient_checkpointing: bool = False,
        compile: bool = False,
        preset: dict[str, Any] | None = None,
    ) -> None:
        given = self.given
        super().__init__()
        self.given = given
        settings = {k: plain(v) for k, v in given.items() if k not in self.ignore}
        self.save_hyperparameters(settings)
        channels = given.get("in_channels")
        for name, numbers in (("bands", bands), ("mean", mean), ("std", std)):
            if numbers is not None and channels is not None and len(numbers) != channels:
                raise ConfigError(
                    f"{name} has {len(numbers)} entries where in_channels is {channels}: expected "
                    "one a band"
                )
        if std is not None and any(value == 0 for value in std):
            raise ConfigError(f"std is {std}: a constant band has std 1, not 0")
        if preset is not None and (mean is not None or std is not None):
            raise ConfigError("preset says how the input is normalised, and so do mean and std")
        self._normalize_with(mean, std, channels or 1)
        if preset is not None:
            self._preset = (Preset(**preset),)
        self.configure_losses()
        self.configure_metrics()
        self.configure_models()
        if lora is not None:
            from swath.trainers.adapters import add_lora

            self.model = add_lora(self.model, lora)
        if gradient_checkpointing:
            _checkpoint_gradients(self.model)
        if compile:
            self.model.compile()

    def _normalize_with(
        self, mean: Sequence[float] | None, std: Sequence[float] | None, channels: int
    ) -> None:
        for name, numbers, default in (("mean", mean, 0.0), ("std", std, 1.0)):
            column = torch.tensor(numbers if numbers is not None else [default] * channels)
            self.register_buffer(name, column.float().view(-1, 1, 1), persistent=False)

    def normalize(self, image: Tensor) -> Tensor:
        """(…, C, H, W) of raw pixels as the model's input; NaN (nodata) becomes the mean."""
        if self._preset:
            return torch.nan_to_num(self._preset[0].normalize(image.float()))
        return torch.nan_to_num((image.float() - self.mean) / self.std)

    def placed(self, batch: Mapping[str, Any], **found: Tensor) -> dict[str, Any]:
        """What was predicted, with ``bounds``, ``transform`` and ``crs`` of the batch beside it."""
        return {**found, **{k: batch[k] for k in ("bounds", "transform", "crs") if k in batch}}

    def adopt_input(self, model: nn.Module) -> None:
        """Normalise as the published weights in `model` expect, unless the user said how.

        What they expect becomes the hyperparameter ``preset``, so that a checkpoint knows it.
        """
        found = getattr(model, "transforms", None)
        told = any(self.given.get(name) is not None for name in ("mean", "std", "preset"))
        if isinstance(found, Preset) and not told:
            self.hparams["preset"] = {
                "mean": list(found.mean), "std": list(found.std),
                "clip": list(found.clip) if found.clip else None,
                "then": [list(part) for part in found.then] if found.then else None,
            }  # fmt: skip
            self._preset = (Preset(found.mean, found.std, clip=found.clip, then=found.then),)

    def configure_models(self) -> None:
        """Set ``self.model``."""

    def configure_losses(self) -> None:
        """Set ``self.criterion``."""

    def configure_metrics(self) -> None:
        """Set ``train_metrics``, ``val_metrics`` and ``test_metrics``: stages must not mix."""

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule of `hparams`."""
        total = self.trainer.max_epochs if self._trainer is not None else None
        return build_optimizers(self.model, dict(self.hparams), self.monitor, total)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Name the task in the checkpoint, so that `load_task` finds it."""
        checkpoint["swath_task"] = type(self).__name__

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What ``self.model`` says of raw pixels (B, C, H, W)."""
        image, *rest = args
        return self.model(self.normalize(image), *rest, **kwargs)

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
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def example_names(self) -> list[str]:
        """Names of the classes or values that the task speaks of."""
        names: list[str] = list(self.hparams.get("classes") or self.hparams.get("labels") or [])
        return names


def _checkpoint_gradients(model: nn.Module) -> None:
    for module in [model, *model.modules()]:
        switch = getattr(module, "set_grad_checkpointing", None)
        if callable(switch) and "enable" in inspect.signature(switch).parameters:
            switch(enable=True)
            return
    raise ConfigError(
        f"{type(model).__name__} has no gradient checkpointing: expected a backbone of timm or "
        "swath.models that has set_grad_checkpointing"
    )
