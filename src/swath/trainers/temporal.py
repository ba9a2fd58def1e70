"""Series of images: a class or a value for every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from swath.errors import ConfigError, GridError
from swath.models import Conv3dLSTM, ConvLSTM
from swath.models.dimensions import pad_to_multiple
from swath.trainers.architectures import freeze_parts, segmentation_model
from swath.trainers.base import BaseTask
from swath.trainers.pretrained import Pretrained
from swath.trainers.regression import PixelwiseRegressionTask
from swath.trainers.segmentation import SemanticSegmentationTask
from swath.trainers.settings import take_others, takes_no_options

__all__ = ["SpatioTemporalPixelwiseRegression", "SpatioTemporalSegmentation"]


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


def _network(task: BaseTask, outputs: int) -> nn.Module:
    """What the task is told to train: a module of the user's, or one that is built."""
    h, model = task.hparams, task.given["model"]
    freeze = (h["freeze_backbone"], h["freeze_decoder"])
    if isinstance(model, nn.Module):
        takes_no_options(model, h["model_options"])
        freeze_parts(model, *freeze)
        return model
    options = dict(h["model_options"])
    if model == "fcn":
        options.setdefault("width", h["num_filters"])
    return series_model(model, h["backbone"], task.pretrained, outputs, options, *freeze)


def _answer(task: BaseTask, image: Tensor) -> Tensor:
    """(B, outputs, H, W) of raw pixels (B, T, C, H, W), whatever their height and width."""
    if image.ndim != 5:
        raise GridError(
            f"the images have the shape {tuple(image.shape)}: expected a series (B, T, C, H, W)"
        )
    height, width = image.shape[-2:]
    image = task.normalize(image)
    if task.hparams["model"] not in (None, "convlstm", "conv3dlstm", "fcn"):
        image = pad_to_multiple(image, 32)  # as encoders want it
    found: Tensor = task.model(image)
    return found[..., :height, :width]


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
        self.model = _network(self, self.outputs)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Logits (B, classes, H, W) of raw pixels (B, T, C, H, W)."""
        return _answer(self, args[0])


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
        self.model = _network(self, self.hparams["num_outputs"])

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """(B, outputs, H, W) of raw pixels (B, T, C, H, W)."""
        return _answer(self, args[0])
