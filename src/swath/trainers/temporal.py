"""Series of images, and of numbers: a class or a value for every pixel, or what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from swath.errors import ConfigError, GridError
from swath.models import LTAE, Conv3dLSTM, ConvLSTM
from swath.trainers.architectures import MODELS, freeze_parts, segmentation_model
from swath.trainers.pretrained import Pretrained
from swath.trainers.regression import PixelwiseRegressionTask, RegressionTask
from swath.trainers.segmentation import SemanticSegmentationTask
from swath.trainers.settings import take_others

__all__ = ["SpatioTemporalPixelwiseRegression", "SpatioTemporalSegmentation", "TemporalRegression"]


#: Width that the numbers of a date are embedded to. L-TAE begins with a layer norm over them, which
#: leaves nothing of a single number and little of two.
_EMBEDDED = 64


class TemporalPooling(nn.Module):
    """A network of images, on each date of a series; the mean or maximum of what it says.

    Args:
        network: (N, C, H, W) -> (N, D, h, w).
        pool: ``"mean"`` or ``"max"``.
    """

    def __init__(self, network: nn.Module, pool: str = "mean") -> None:
        super().__init__()
        if pool not in ("mean", "max"):
            raise ConfigError(f"pool is {pool!r}: expected 'mean' or 'max'")
        self.network, self.pool = network, pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, D, h, w)."""
        found: Tensor = self.network(x.flatten(0, 1))
        found = found.view(*x.shape[:2], *found.shape[1:])
        return found.mean(1) if self.pool == "mean" else found.amax(1)


def series_model(
    name: str,
    backbone: str,
    pretrained: Pretrained,
    outputs: int,
    options: Mapping[str, Any],
    freeze_backbone: bool = False,
    freeze_decoder: bool = False,
) -> nn.Module:
    """A network of (B, T, C, H, W) -> (B, outputs, H, W).

    Args:
        name: ``"convlstm"``, ``"conv3dlstm"``, or a segmentation model, whose answers on all dates
            are pooled.
        backbone: Of a segmentation model.
        pretrained: Weights of the backbone, and the channels of a date.
        outputs: Channels that come out.
        options: For the network's class; ``pool`` for a pooled one.
        freeze_backbone: Train the decoder and head of a pooled one alone.
        freeze_decoder: Train the backbone and head of a pooled one alone.

    Raises:
        ConfigError: No such model or option.
    """
    try:
        if name in ("convlstm", "conv3dlstm"):
            if pretrained.weights is not None:
                raise ConfigError(f"{name} has no backbone: weights have no place in it")
            if freeze_backbone or freeze_decoder:
                raise ConfigError(f"{name} has no backbone and no decoder that could be frozen")
            if name == "convlstm":
                return ConvLSTM(pretrained.channels, num_classes=outputs, **options)
            return Conv3dLSTM(pretrained.channels, num_outputs=outputs, **options)
        network = segmentation_model(
            name, backbone, outputs, pretrained, options.get("width", 64), freeze_backbone,
            freeze_decoder,
        )  # fmt: skip
        pooling = {k: v for k, v in options.items() if k != "width"}
        return TemporalPooling(network, **pooling)
    except TypeError as error:
        raise ConfigError(f"cannot build {name} with {dict(options)}: {error}") from error


def _only_model(model: nn.Module, options: Mapping[str, Any]) -> None:
    if options:
        raise ConfigError(
            f"{', '.join(options)}: neither the task nor a module of your own "
            f"({type(model).__name__}) takes such options"
        )


def _series(image: Tensor) -> Tensor:
    if image.ndim != 5:
        raise GridError(
            f"the images have the shape {tuple(image.shape)}: expected a series (B, T, C, H, W)"
        )
    return image


def _padded(image: Tensor, model: str) -> Tensor:
    """Sides of a multiple of 32 for encoders, by repeating the border."""
    if model not in MODELS and model in ("convlstm", "conv3dlstm", "fcn"):
        return image
    h, w = image.shape[-2:]
    flat = image.flatten(0, 1)
    flat = nn.functional.pad(flat, (0, -w % 32, 0, -h % 32), mode="replicate")
    return flat.view(*image.shape[:2], *flat.shape[1:])


class SpatioTemporalSegmentation(SemanticSegmentationTask):
    """A class for every pixel of a series of images: crops, by how they grow.

    Batches have ``image`` (B, T, C, H, W) and ``mask`` (B, H, W).

    Args:
        model: ``"convlstm"``, ``"conv3dlstm"``; a model of `SemanticSegmentationTask`, whose
            answers on all dates are pooled; or a module of (B, T, C, H, W) -> (B, classes, H, W).
        in_channels: Bands of a date.
        task: ``"multiclass"``, ``"binary"`` or ``"multilabel"``.
        num_classes: Classes of ``"multiclass"``.
        num_labels: Labels of ``"multilabel"``.
        labels: Another name of `classes`.
        pos_weight: Weight of the positives in loss ``"bce"``.
        loss: A name of `swath.losses.LOSSES`, or several with weights.
        class_weights: One weight a class.
        ignore_index: Truth that counts neither in the loss nor in the scores.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        backbone: Of a pooled model.
        weights: Of its backbone.
        model_options: For the model's class (``hidden_dim``, ``num_layers``, ``pool``, …).
        **kwargs: Of `SemanticSegmentationTask` and `BaseTask`; what is none of theirs goes to the
            model's class.

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "convlstm",
        in_channels: int | None = None,
        task: Literal["binary", "multiclass", "multilabel"] = "multiclass",
        num_classes: int | None = None,
        num_labels: int | None = None,
        labels: list[str] | None = None,
        pos_weight: Any = None,
        loss: str | dict[str, float] = "ce",
        class_weights: Any = None,
        ignore_index: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        *,
        backbone: str = "resnet18",
        weights: Any = None,
        model_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._note_options(model_options, take_others(SemanticSegmentationTask, kwargs))
        super().__init__(
            model, backbone, weights, in_channels, task, num_classes, num_labels, labels,
            pos_weight=pos_weight, loss=loss, class_weights=class_weights,
            ignore_index=ignore_index, lr=lr, patience=patience, **kwargs,
        )  # fmt: skip

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            _only_model(model, h["model_options"])
            self.model = model
            freeze_parts(model, h["freeze_backbone"], h["freeze_decoder"])
            return
        options = {"width": h["num_filters"], **h["model_options"]} if model == "fcn" else (
            h["model_options"])  # fmt: skip
        self.model = series_model(
            model, h["backbone"], self.pretrained, self.outputs, options, h["freeze_backbone"],
            h["freeze_decoder"],
        )  # fmt: skip

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Logits (B, classes, H, W) of raw pixels (B, T, C, H, W)."""
        image = self.normalize(_series(args[0]))
        found: Tensor = self.model(_padded(image, self.hparams["model"] or "convlstm"))
        return found[..., : image.shape[-2], : image.shape[-1]]


class SpatioTemporalPixelwiseRegression(PixelwiseRegressionTask):
    """Numbers for every pixel of a series of images.

    Batches have ``image`` (B, T, C, H, W) and ``mask`` (B, H, W) or (B, outputs, H, W); NaN is not
    known and does not count.

    Args:
        model: As in `SpatioTemporalSegmentation`.
        in_channels: Bands of a date.
        num_outputs: Numbers a pixel.
        labels: Their names.
        loss: ``"mse"``, ``"mae"`` or ``"huber"``; or a module.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        backbone: Of a pooled model.
        weights: Of its backbone.
        model_options: For the model's class (``hidden_dim``, ``num_layers``, ``pool``, …).
        **kwargs: Of `PixelwiseRegressionTask` and `BaseTask`; what is none of theirs goes to the
            model's class.

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "convlstm",
        in_channels: int | None = None,
        num_outputs: int = 1,
        labels: list[str] | None = None,
        loss: str | nn.Module = "mse",
        lr: float = 1e-3,
        patience: int = 10,
        *,
        backbone: str = "resnet18",
        weights: Any = None,
        model_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._note_options(model_options, take_others(PixelwiseRegressionTask, kwargs))
        super().__init__(
            model, backbone, weights, in_channels, num_outputs, labels, loss=loss, lr=lr,
            patience=patience, **kwargs,
        )  # fmt: skip

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            _only_model(model, h["model_options"])
            self.model = model
            freeze_parts(model, h["freeze_backbone"], h["freeze_decoder"])
            return
        options = {"width": h["num_filters"], **h["model_options"]} if model == "fcn" else (
            h["model_options"])  # fmt: skip
        self.model = series_model(
            model, h["backbone"], self.pretrained, h["num_outputs"], options, h["freeze_backbone"],
            h["freeze_decoder"],
        )  # fmt: skip

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """(B, outputs, H, W) of raw pixels (B, T, C, H, W)."""
        image = self.normalize(_series(args[0]))
        found: Tensor = self.model(_padded(image, self.hparams["model"] or "convlstm"))
        return found[..., : image.shape[-2], : image.shape[-1]]


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
            _only_model(model, h["model_options"])
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
