"""A number, or several, for every image or every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from swath.errors import ConfigError, GridError
from swath.losses import RegressionLoss
from swath.trainers.architectures import freeze_parts, pad_to_multiple, segmentation_model
from swath.trainers.backbones import classifier, freeze_all_but, head_of
from swath.trainers.base import STAGES, BaseTask

__all__ = ["PixelwiseRegressionTask", "RegressionMetrics", "RegressionTask"]


class RegressionMetrics(Metric):
    """Errors over a whole dataset, from sums: what is not known (NaN, `ignore_value`) has no say.

    Args:
        names: Of the outputs.
        ignore_value: Truth that does not count.
    """

    full_state_update = False
    sums: Tensor

    def __init__(self, names: list[str], ignore_value: float | None = None) -> None:
        super().__init__()
        self.names, self.ignore_value = list(names), ignore_value
        # number, error, |error|, error², truth, truth² of each output
        zeros = torch.zeros(6, len(names), dtype=torch.float64)
        self.add_state("sums", zeros, dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count (B, outputs, …) of both."""
        preds = preds.movedim(1, 0).flatten(1).double()
        target = target.movedim(1, 0).flatten(1)
        # in the truth's own precision: -99.9 is another number in float64
        known = ~target.isnan()
        if self.ignore_value is not None:
            known &= target != self.ignore_value
        target = target.double()
        truth = torch.where(known, target, 0)
        error = torch.where(known, preds, 0) - truth
        parts = [known.double(), error, error.abs(), error**2, truth, truth**2]
        self.sums += torch.stack([part.sum(1) for part in parts])

    def compute(self) -> dict[str, Tensor]:
        """Scores by name, each a scalar; of several outputs the mean, and each by its name.

        ``rmse``, ``mae``, ``bias`` (mean of prediction less truth) and ``r2`` (1 is perfect, 0 as
        good as always the mean).
        """
        count, error, absolute, square, truth, truth2 = self.sums
        spread = truth2 - truth**2 / count
        each = {
            "rmse": (square / count).sqrt(), "mae": absolute / count, "bias": error / count,
            "r2": torch.where(spread > 0, 1 - square / spread, torch.nan),
        }  # fmt: skip
        scores = {name: torch.nanmean(values).float() for name, values in each.items()}
        if len(self.names) > 1:
            for score, values in each.items():
                for name, value in zip(self.names, values, strict=True):
                    scores[f"{score}/{name}"] = value.float()
        return scores


class RegressionTask(BaseTask):
    """Numbers for every image: population, wind speed, yield, ….

    Batches have ``image`` (B, C, H, W) and ``label`` (B,) or (B, outputs); NaN is not known and
    does not count.

    Args:
        model: A name of `swath.models` or of timm; or a module of (B, C, H, W) -> (B, outputs).
        backbone: Not used here; `PixelwiseRegressionTask` has one.
        weights: None for random ones, True for ImageNet's, a member of a weights enum or its full
            name, or a path.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        num_outputs: Numbers an image.
        labels: Their names.
        num_filters: Width of model ``"fcn"``, for pixels.
        loss: ``"mse"``, ``"mae"`` or ``"huber"``; or a module of (prediction, truth).
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the head (or decoder) alone.
        freeze_decoder: Train the backbone alone, for pixels.
        ignore_value: Truth that is not known, beside NaN: a nodata value.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ``optimizer``, ….

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    target_key = "label"
    shown = ("rmse", "r2")
    best = ("val_rmse", "min")

    def __init__(
        self,
        model: str | nn.Module = "resnet50",
        backbone: str = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        num_outputs: int = 1,
        labels: list[str] | None = None,
        num_filters: int = 3,
        loss: str | nn.Module = "mse",
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        freeze_decoder: bool = False,
        ignore_value: float | None = None,
        **options: Any,
    ) -> None:
        if num_outputs < 1 or (labels is not None and len(labels) != num_outputs):
            raise ConfigError(
                f"num_outputs is {num_outputs} and the names are {labels}: expected one a number"
            )
        self.given["labels"] = labels or [f"output {i}" for i in range(num_outputs)]
        super().__init__(**options)

    def configure_models(self) -> None:
        """Build the network."""
        h = self.hparams
        self.model = classifier(self.given["model"], self.pretrained, h["num_outputs"])
        if h["freeze_backbone"]:
            freeze_all_but(self.model, head_of(self.model))

    def configure_losses(self) -> None:
        """Set the criterion."""
        loss = self.given["loss"]
        self.criterion: nn.Module = (
            loss
            if isinstance(loss, nn.Module)
            else RegressionLoss(loss, ignore_value=self.hparams["ignore_value"])
        )

    def configure_metrics(self) -> None:
        """Sums of errors, a stage each."""
        h = self.hparams
        for stage in STAGES:
            setattr(self, f"{stage}_metrics", RegressionMetrics(h["labels"], h["ignore_value"]))

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its errors counted."""
        loss, counted = self.judge(self(batch["image"]), batch[self.target_key], stage)
        self.log_loss(stage, loss, counted)
        return loss

    def judge(self, found: Tensor, truth: Tensor, stage: str) -> tuple[Tensor, int]:
        """Loss of numbers (B, outputs, …), and of how many it is the mean; errors are counted."""
        # half precision has three digits: neither truth nor errors fit in
        found = found.to(torch.promote_types(found.dtype, torch.float32))
        given = tuple(truth.shape)
        found, truth = self._aligned(found, truth.to(found.dtype))
        if truth.shape != found.shape:
            raise GridError(
                f"{self.target_key!r} has the shape {given} and the "
                f"prediction {tuple(found.shape)}: expected (B, {self.hparams['num_outputs']}, …)"
            )
        loss: Tensor = self.criterion(found, truth)
        known = ~truth.isnan()
        if self.hparams["ignore_value"] is not None:
            known &= truth != self.hparams["ignore_value"]
        metrics = self.metrics(stage)
        if metrics is not None:
            metrics.update(found.detach(), truth)
        return loss, int(known.sum())

    def _aligned(self, found: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Both as (B, outputs, …)."""
        if truth.ndim == found.ndim - 1 and found.shape[1] == 1:
            truth = truth.unsqueeze(1)
        return found, truth

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """``prediction`` (B, outputs, …), and where each image lies, as far as the batch says."""
        return self.placed(batch, prediction=self(batch["image"]))


class PixelwiseRegressionTask(RegressionTask):
    """Numbers for every pixel: canopy height, depth, biomass, ….

    Batches have ``image`` (B, C, H, W) and ``mask`` (B, H, W) or (B, outputs, H, W) of numbers; NaN
    is not known and does not count. Arguments as in `RegressionTask`, but `model` and `backbone`
    are those of `SemanticSegmentationTask`; a module is (B, C, H, W) -> (B, outputs, H, W).
    """

    target_key = "mask"

    def __init__(
        self,
        model: str | nn.Module = "unet",
        backbone: str = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        num_outputs: int = 1,
        labels: list[str] | None = None,
        num_filters: int = 64,
        loss: str | nn.Module = "mse",
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        freeze_decoder: bool = False,
        ignore_value: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            model, backbone, weights, in_channels, num_outputs, labels, num_filters, loss, lr,
            patience, freeze_backbone, freeze_decoder, ignore_value, **options,
        )  # fmt: skip

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            self.model = model
            freeze_parts(model, h["freeze_backbone"], h["freeze_decoder"])
            return
        self.model = segmentation_model(
            model, h["backbone"], h["num_outputs"], self.pretrained, h["num_filters"],
            h["freeze_backbone"], h["freeze_decoder"],
        )  # fmt: skip

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """(B, outputs, H, W) of raw pixels (B, C, H, W); any H and W."""
        own = isinstance(self.given["model"], nn.Module) or self.given["model"] == "fcn"
        image, height, width = pad_to_multiple(self.normalize(args[0]), 1 if own else 32)
        found: Tensor = self.model(image)
        return found[..., :height, :width]
