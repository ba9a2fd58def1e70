"""What changed between two dates, for every pixel."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, GridError
from swath.models import BTC, ChangeViT, FCSiamConc, FCSiamDiff
from swath.trainers.architectures import freeze_parts, pad_to_multiple, segmentation_model
from swath.trainers.pretrained import load_encoder
from swath.trainers.segmentation import SemanticSegmentationTask

__all__ = ["ChangeDetectionTask"]

#: Networks of pairs (B, 2, C, H, W); every other name is a network of the two dates on top of
#: each other.
_SIAMESE = ("fcsiamdiff", "fcsiamconc", "changevit", "btc")


class ChangeDetectionTask(SemanticSegmentationTask):
    """Change detection, from the raw pixels of two dates to a map of what changed.

    Batches have ``image`` (B, 2, C, H, W), the earlier date first, or ``image1`` and ``image2``
    (B, C, H, W); and ``mask`` (B, H, W) of 0 and 1 (or of classes of change).

    Args:
        model: ``"fcsiamdiff"``, ``"fcsiamconc"`` (U-Nets that compare features), ``"changevit"``
            (with a ViT of timm as `backbone`), ``"btc"`` (with ``"swin_tiny"``, ``"swin_small"`` or
            ``"swin_base"``); any model of `SemanticSegmentationTask`, which sees both dates on top
            of each other; or a module of (B, 2, C, H, W) -> (B, classes, H, W).
        backbone: An encoder of segmentation-models-pytorch, or any other that `model` takes.
        weights: As in `SemanticSegmentationTask`, of an encoder of one date.
        in_channels: Bands of one date.
        task: ``"binary"`` (one logit), ``"multiclass"`` or ``"multilabel"``.
        num_classes: Classes of ``"multiclass"``.
        num_labels: Labels of ``"multilabel"``.
        labels: Another name of `classes`.
        num_filters: Width of ``"fcn"``.
        pos_weight: Weight of the changed pixels in loss ``"bce"``: change is rare.
        loss: A name of `swath.losses.LOSSES`, or several with weights.
        class_weights: One weight a class.
        ignore_index: Truth that counts neither in the loss nor in the scores.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the decoder and head alone.
        freeze_decoder: Train the backbone and head alone.
        **options: Of `SemanticSegmentationTask` and `BaseTask`.

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "unet",
        backbone: str = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        task: Literal["binary", "multiclass", "multilabel"] = "binary",
        num_classes: int | None = None,
        num_labels: int | None = None,
        labels: list[str] | None = None,
        num_filters: int = 64,
        pos_weight: Any = None,
        loss: str | dict[str, float] = "bce",
        class_weights: Any = None,
        ignore_index: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        freeze_decoder: bool = False,
        **options: Any,
    ) -> None:
        if task == "binary" and labels is None and options.get("classes") is None:
            labels = ["no change", "change"]
        super().__init__(
            model, backbone, weights, in_channels, task, num_classes, num_labels, labels,
            num_filters, pos_weight, loss, class_weights, ignore_index, lr, patience,
            freeze_backbone, freeze_decoder, **options,
        )  # fmt: skip

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            self.model = model
            freeze_parts(model, h["freeze_backbone"], h["freeze_decoder"])
            return
        if model not in _SIAMESE:
            self.model = segmentation_model(
                model, h["backbone"], self.outputs, self.pretrained, h["num_filters"],
                h["freeze_backbone"], h["freeze_decoder"],
            )  # fmt: skip
            double_stem(self.model, self.pretrained.channels)
            return
        if h["freeze_decoder"] and not model.startswith("fcsiam"):
            raise ConfigError(f"freeze_decoder: {model} has no decoder that is known")
        self.model = self._siamese(model)
        parts = {"encoder": h["freeze_backbone"], "decoder": h["freeze_decoder"]}
        for name, frozen in parts.items():
            if not frozen:
                continue
            part = getattr(self.model, name, getattr(self.model, "backbone", None))
            if part is None:
                raise ConfigError(f"freeze_backbone: {model} has no backbone that is known")
            part.requires_grad_(False)

    def _siamese(self, name: str) -> nn.Module:
        backbone, pretrained = self.hparams["backbone"], self.pretrained
        found: Any
        if name.startswith("fcsiam"):
            kind = FCSiamDiff if name == "fcsiamdiff" else FCSiamConc
            found = kind(
                encoder_name=backbone,
                encoder_weights="imagenet" if pretrained.weights is True else None,
                in_channels=pretrained.channels, classes=self.outputs,
            )  # fmt: skip
            if pretrained.weights not in (None, True):
                load_encoder(found.encoder, pretrained)
            return found  # type: ignore[no-any-return]
        if pretrained.weights not in (None, True):
            raise ConfigError(
                f"{name} takes weights=True alone, not {pretrained.name!r}: use 'fcsiamdiff'"
            )
        known = pretrained.weights is True
        if name == "btc":
            found = BTC(backbone, known, self.outputs, pretrained.channels)
        else:
            found = ChangeViT(
                backbone, in_channels=pretrained.channels, num_classes=self.outputs,
                pretrained=known,
            )  # fmt: skip
        return found  # type: ignore[no-any-return]

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Logits (B, classes, H, W) of raw pixels (B, 2, C, H, W); any H and W."""
        pair: Tensor = args[0]
        if pair.ndim != 5 or pair.shape[1] != 2:
            raise GridError(
                f"the images have the shape {tuple(pair.shape)}: expected (B, 2, C, H, W), the "
                "earlier date first"
            )
        pair = self.normalize(pair)
        b, _, c, height, width = pair.shape
        model = self.given["model"]
        multiple = 1 if model == "fcn" or isinstance(model, nn.Module) else 32
        flat, _, _ = pad_to_multiple(pair.flatten(1, 2), multiple)
        own = isinstance(model, nn.Module) or model in _SIAMESE
        found: Tensor = self.model(flat.view(b, 2, c, *flat.shape[-2:]) if own else flat)
        return found[..., :height, :width]

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its scores counted."""
        return super().step(_paired(batch), stage)

    def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
        """``probabilities`` (B, classes, H, W), and where each image lies."""
        return super().predict_step(_paired(batch), batch_idx, dataloader_idx)


def _paired(batch: Any) -> Any:
    """A batch whose ``image`` is (B, 2, C, H, W)."""
    if "image" in batch:
        return batch
    missing = [key for key in ("image1", "image2") if key not in batch]
    if missing:
        raise ConfigError(
            f"the batch has the keys {', '.join(batch)}: expected image (B, 2, C, H, W), or image1 "
            "and image2 (B, C, H, W)"
        )
    return {**batch, "image": torch.stack([batch["image1"], batch["image2"]], 1)}


def double_stem(network: nn.Module, channels: int) -> None:
    """Let a network of `channels` take twice as many: the first kernel for both dates, halved.

    On two equal dates it answers as it did on one.

    Raises:
        ConfigError: It has no convolution of as many channels.
    """
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or module.in_channels != channels:
            continue
        wide = nn.Conv2d(
            2 * channels, module.out_channels, module.kernel_size, module.stride,  # type: ignore[arg-type]
            module.padding, module.dilation, module.groups, module.bias is not None,  # type: ignore[arg-type]
            module.padding_mode,
        )  # fmt: skip
        with torch.no_grad():
            wide.weight.copy_(module.weight.repeat(1, 2, 1, 1) / 2)
            if module.bias is not None and wide.bias is not None:
                wide.bias.copy_(module.bias)
        wide.requires_grad_(module.weight.requires_grad)
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, wide)
        for owner in network.modules():  # what encoders say of their own input
            if getattr(owner, "_in_channels", None) == channels:
                object.__setattr__(owner, "_in_channels", 2 * channels)
        return
    raise ConfigError(f"{type(network).__name__} has no convolution of {channels} channels")
