"""What all tasks share: plain settings, normalised input, optimisers, scores by stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.trainers.adopting import adopt
from swath.trainers.foundation import full_name
from swath.trainers.layers import checkpoint_gradients, hold_frozen
from swath.trainers.noted import Noted
from swath.trainers.optimizers import build_optimizers
from swath.trainers.pretrained import Pretrained
from swath.trainers.settings import plain
from swath.trainers.stages import STAGES, StagedModule

__all__ = ["STAGES", "BaseTask"]


class BaseTask(Noted, StagedModule):
    """A Lightning module whose hyperparameters are plain Python, so that a checkpoint is plain too.

    A subclass's ``__init__`` checks its arguments and passes the rest on (``**options``); what it
    was called with is saved as ``hparams`` by itself, and the objects among it (a module, a member
    of a weights enum) are in ``given``. Then it overrides `configure_models` (sets ``self.model``),
    `configure_losses`, `configure_metrics` and the steps.

    Args:
        bands: Names of the image's bands, in order.
        mean: Of each band, in raw pixel values; subtracted from the input. If left out, what the
            published weights or else the data module say; 0 where neither does.
        std: Of each band; the input is divided by it. If left out, as with `mean`, and else 1.
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
        ema: Decay of an exponential moving average of the weights (0.999, say): it is what is
            validated, tested and saved.
        gradient_checkpointing: Compute activations twice instead of keeping them: less memory.
        compile: Compile the model with ``torch.compile``.
        sensor: Whose bands `bands` are, where it is not the published weights' sensor.
        units: What raw pixels mean, a name of `swath.sensors.UNITS`, where it is not what the
            published weights expect: they are converted if that is possible, else it is an error.
        clip: Limits of the values after `mean` and `std`; if left out, the published weights'.
        then: A second mean and std after `clip`; if left out, the published weights'.

    Published weights (the argument ``weights`` of most tasks) are loaded with the first layer
    fitted to `bands` (`swath.models.fit_bands`), by any names or wavelengths that this takes; what
    that does to each band is logged. If `mean` and `std` are left out, the task normalises as these
    weights were trained; if they are given, they are used and the disagreement is logged. The first
    batch is looked at: pixels that can hardly be in the weights' units are told.

    Raises:
        ConfigError: An option that is unknown or contradicts another; weights that do not exist,
            or that are for another backbone or for pixels of another kind.
        BandError: Bands that the weights have nothing for.
    """

    #: What the learning rate's schedule looks at.
    monitor = "val_loss"
    mode = "min"
    #: The score by which `swath fit` keeps the best checkpoint, and whether less or more is better.
    best: tuple[str, str] = ("val_loss", "min")
    #: Names of arguments that are not saved.
    ignore: tuple[str, ...] = ()

    model: nn.Module
    mean: Tensor
    std: Tensor
    given: dict[str, Any]
    #: Names of arguments that were given a value.
    told: frozenset[str]
    pretrained: Pretrained

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
        ema: float | None = None,
        gradient_checkpointing: bool = False,
        compile: bool = False,
        sensor: str | None = None,
        units: str | None = None,
        clip: list[float] | None = None,
        then: list[list[float]] | None = None,
    ) -> None:
        given, told = self.given, self.told
        super().__init__()
        self.given, self.told = given, told
        channels = given.get("in_channels")
        for name, numbers in (("bands", bands), ("mean", mean), ("std", std)):
            if numbers is not None and channels is not None and len(numbers) != channels:
                raise BandError(
                    f"{name} has {len(numbers)} entries where in_channels is {channels}: expected "
                    "one a band"
                )
        if std is not None and any(value == 0 for value in std):
            raise ConfigError(f"std is {std}: a constant band has std 1, not 0")
        if ema is not None and not 0 < ema < 1:
            raise ConfigError(f"ema is {ema}: expected a decay between 0 and 1, such as 0.999")
        self.pretrained = Pretrained.of(given.get("weights"), bands, channels, sensor, units)
        for name in ("model", "backbone"):
            if isinstance(given.get(name), str):
                given[name] = full_name(given[name], self.pretrained)
        numbers_in = self.pretrained.normalisation(mean, std)
        numbers_in |= {n: v for n, v in (("clip", clip), ("then", then)) if v is not None}
        for name in ("mean", "std"):
            if "in_channels" in given and len(numbers_in[name]) != self.pretrained.channels:
                raise BandError(
                    f"{name} has {len(numbers_in[name])} entries and the image "
                    f"{self.pretrained.channels} bands: expected one a band"
                )
        given |= numbers_in
        if "in_channels" in given:
            given["in_channels"] = self.pretrained.channels
        self.save_hyperparameters({k: plain(v) for k, v in given.items() if k not in self.ignore})
        for name in ("mean", "std"):
            column = torch.tensor(numbers_in[name]).float().view(-1, 1, 1)
            self.register_buffer(name, column, persistent=False)
        self.configure_losses()
        self.configure_metrics()
        self.configure_models()
        if lora is not None:
            from swath.trainers.adapters import add_lora

            self.model = add_lora(self.model, lora)
        if gradient_checkpointing:
            checkpoint_gradients(self.model)
        if compile:
            self.model.compile()
        self._hold()

    def _note_options(
        self, model_options: Mapping[str, Any] | None, extra: Mapping[str, Any]
    ) -> None:
        """Options of the model's own class, however they were given, as one hyperparameter."""
        for name in extra:
            self.given.pop(name, None)
        self.given["model_options"] = {**(model_options or {}), **extra}

    #: Whether layers that want no gradient also keep statistics and drop nothing in training.
    holds_frozen = True

    def train(self, mode: bool = True) -> Self:
        """Training mode; layers that are frozen stay as they are in evaluation."""
        super().train(mode)
        if mode:
            self._hold()
        return self

    def _hold(self) -> None:
        model = getattr(self, "model", None)
        if self.holds_frozen and isinstance(model, nn.Module):
            hold_frozen(model)

    def on_fit_start(self) -> None:
        """Train, also a task that was loaded for evaluation; but not what is frozen."""
        if self.training:
            self._hold()
        else:
            self.train()

    def normalize(self, image: Tensor) -> Tensor:
        """(…, C, H, W) of raw pixels as the model's input; NaN (nodata) becomes 0, the mean."""
        image = (image.float() - self.mean) / self.std
        if self.hparams["clip"] is not None:
            image = image.clamp(*self.hparams["clip"])
        if self.hparams["then"] is not None:
            mean, std = (image.new_tensor(n).view(-1, 1, 1) for n in self.hparams["then"])
            image = (image - mean) / std
        # in the model's precision (bf16-true, half), which the buffers share
        return torch.nan_to_num(image).to(self.mean.dtype)

    def setup(self, stage: str) -> None:
        """Take over what the data module knows and the task was not told (`adopt`)."""
        adopt(self, self.trainer.datamodule)  # type: ignore[attr-defined]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Doubt the first batch, if its values can hardly be what the weights expect."""
        if (
            self.global_step == 0
            and batch_idx == 0
            and isinstance(batch, dict)
            and "image" in batch
        ):
            self.pretrained.look_at(batch["image"])

    def placed(self, batch: Mapping[str, Any], **found: Tensor) -> dict[str, Any]:
        """What was predicted, with ``bounds``, ``transform`` and ``crs`` of the batch beside it."""
        return {**found, **{k: batch[k] for k in ("bounds", "transform", "crs") if k in batch}}

    def configure_models(self) -> None:
        """Set ``self.model``."""

    def configure_losses(self) -> None:
        """Set ``self.criterion``."""

    def configure_metrics(self) -> None:
        """Set ``train_metrics``, ``val_metrics`` and ``test_metrics``: stages must not mix."""

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule of `hparams`."""
        total = self.trainer.max_epochs if self._trainer is not None else None
        beside = getattr(self, "criterion", nn.Identity()).parameters()
        return build_optimizers(
            self.model, dict(self.hparams), self.monitor, total, self.mode, beside
        )

    def configure_callbacks(self) -> Any:
        """The averaging of weights, where `ema` asks for it."""
        decay = self.hparams["ema"]
        if decay is None:
            return []
        from lightning.pytorch.callbacks import EMAWeightAveraging

        return [EMAWeightAveraging(decay=decay)]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Name the task in the checkpoint, so that `load_task` finds it."""
        checkpoint["swath_task"] = type(self).__name__

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What ``self.model`` says of raw pixels (B, C, H, W)."""
        image, *rest = args
        return self.model(self.normalize(image), *rest, **kwargs)

    def example_names(self) -> list[str]:
        """Names of the classes or values that the task speaks of."""
        names: list[str] = list(self.hparams.get("classes") or self.hparams.get("labels") or [])
        return names
