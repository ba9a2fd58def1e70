"""Series of numbers: what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError, GridError
from swath.models import LTAE
from swath.trainers.regression import RegressionTask
from swath.trainers.settings import take_others, takes_no_options

__all__ = ["TemporalRegression"]

#: Width that the numbers of a date are embedded to. L-TAE begins with a layer norm over them, which
#: leaves nothing of a single number and little of two.
_EMBEDDED = 64


class TemporalRegression(RegressionTask):
    """From a series of numbers to the numbers that come next: air quality, stream flow, yield.

    Batches have ``input`` (B, T, C) and ``target`` (B, out_steps, num_outputs); NaN in the target
    is not known and does not count. An input's NaN counts as its mean. The numbers of a date are
    embedded before L-TAE, which would see nothing of a single one; TorchGeo's task leaves that out.

    Args:
        model: ``"ltae"`` (arXiv 2007.00586); or a module of (B, T, C) -> (B, out_steps *
            num_outputs).
        in_channels: Numbers of a date.
        num_outputs: Numbers of a date to come.
        labels: Their names.
        out_steps: Dates to come.
        loss: ``"mse"``, ``"mae"`` or ``"huber"``; or a module.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        model_options: For the model's class (``n_head``, ``d_model``, ``len_max_seq``, …).
        **kwargs: Of `RegressionTask` and `BaseTask`; what is none of theirs goes to the model's
            class.

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "ltae",
        in_channels: int = 1,
        num_outputs: int = 1,
        labels: list[str] | None = None,
        out_steps: int = 1,
        loss: str | nn.Module = "mse",
        lr: float = 1e-3,
        patience: int = 10,
        *,
        model_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if out_steps < 1:
            raise ConfigError(f"out_steps is {out_steps}: expected at least 1")
        self._note_options(model_options, take_others(RegressionTask, kwargs))
        super().__init__(
            model, in_channels=in_channels, num_outputs=num_outputs, labels=labels, loss=loss,
            lr=lr, patience=patience, **kwargs,
        )  # fmt: skip

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if h["weights"] or h["freeze_backbone"] or h["freeze_decoder"]:
            raise ConfigError(
                "weights, freeze_backbone and freeze_decoder are for models of images: "
                "TemporalRegression has no backbone"
            )
        if isinstance(model, nn.Module):
            takes_no_options(model, h["model_options"])
            self.model = model
            return
        if model != "ltae":
            raise ConfigError(f"model is {model!r}: expected 'ltae', or a module")
        options = {"n_neurons": [256, 128], **h["model_options"]}
        try:
            encoder = LTAE(in_channels=_EMBEDDED, **options)
        except TypeError as error:
            raise ConfigError(f"cannot build ltae with {options}: {error}") from error
        outputs = h["out_steps"] * h["num_outputs"]
        self.model = nn.Sequential(
            nn.Linear(h["in_channels"], _EMBEDDED),
            encoder,
            nn.Linear(options["n_neurons"][-1], outputs),
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """(B, out_steps, num_outputs) of (B, T, C)."""
        series: Tensor = args[0]
        if series.ndim != 3:
            raise GridError(f"the series has the shape {tuple(series.shape)}: expected (B, T, C)")
        series = self.normalize(series[..., None, None])[..., 0, 0]
        found: Tensor = self.model(series)
        return found.view(len(series), self.hparams["out_steps"], self.hparams["num_outputs"])

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its errors counted."""
        # the numbers of a date are the outputs that scores have names for
        return super().step({"image": batch["input"], "label": batch["target"]}, stage)

    def _aligned(self, found: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        if truth.ndim == 2 and found.shape[2] == 1:
            truth = truth.unsqueeze(2)
        if truth.ndim != 3:
            raise GridError(
                f"'target' has the shape {tuple(truth.shape)} and the prediction "
                f"{tuple(found.shape)}: expected (B, out_steps, num_outputs)"
            )
        return found.transpose(1, 2), truth.transpose(1, 2)

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """``prediction`` (B, out_steps, num_outputs)."""
        return self.placed(batch, prediction=self(batch["input"]))
