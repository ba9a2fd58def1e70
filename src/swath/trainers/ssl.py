"""What self-supervised tasks share: a backbone, embeddings, and the way out of here."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path as LocalPath
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.trainers.backbones import backbone_model
from swath.trainers.base import STAGES, BaseTask
from swath.trainers.optimizers import build_optimizers
from swath.trainers.ssl_metrics import EmbeddingMetrics
from swath.trainers.ssl_views import two_dates
from swath.typing import Path

__all__ = ["SelfSupervisedTask"]

logger = logging.getLogger("swath.trainers")


class SelfSupervisedTask(BaseTask):
    """A task that learns from images alone; its backbone is what it is for.

    After the training, the backbone is there as tensors and as a file::

        task.save_backbone("backbone.pth")
        ClassificationTask("resnet50", weights="backbone.pth", in_channels=13, num_classes=10)

    (``swath fit``'s checkpoint does as well as ``weights``.) Give the next task the same `bands`,
    `mean` and `std`.

    Validation is on views that are the same in every epoch. Beside the loss it gives ``val_std``
    (0 is collapse, 1 is spread out), ``val_recall`` (views that find each other in a batch) and,
    where batches have ``label`` (B,), ``val_knn_accuracy``.
    """

    shown: tuple[str, ...] = ("std", "knn_accuracy")
    #: Momentum encoders are not trained, and yet their batch norms have statistics of their own.
    holds_frozen = False

    def __init__(self, **options: Any) -> None:
        if options.get("lora") is not None:
            raise ConfigError("lora trains a backbone that is there: pre-training needs all of it")
        super().__init__(**options)

    @property
    def channels(self) -> int:
        """Bands of an image."""
        return self.pretrained.channels

    @property
    def backbone(self) -> nn.Module:
        """The network that is trained to be used elsewhere."""
        found: nn.Module = self.model.backbone  # type: ignore[assignment]
        return found

    def build_backbone(self) -> nn.Module:
        """The user's own module, or the one of that name with its weights, for views of `size`.

        Raises:
            ConfigError: No such backbone; weights for a module of the user's own.
        """
        model, size = self.given["model"], self.hparams["size"]
        if isinstance(model, nn.Module):
            if self.pretrained.weights is not None:
                raise ConfigError(
                    f"weights {self.pretrained.name!r} and a module of your own "
                    f"({type(model).__name__}): load them into it yourself, with "
                    "swath.models.load_weights"
                )
            return model
        backbone = backbone_model(model, self.pretrained)
        patches = getattr(backbone, "patch_embed", None)
        fixed = getattr(patches, "img_size", None) if not _dynamic(backbone) else None
        if fixed is not None and tuple(fixed) != (size, size):
            self._native = tuple(fixed)
            backbone.set_input_size(img_size=(size, size))  # type: ignore[operator]
        return backbone

    #: Image size that the backbone's name stands for, where `size` is another.
    _native: tuple[int, ...] | None = None

    def backbone_state_dict(self) -> dict[str, Tensor]:
        """The backbone's tensors on the CPU, under its own names.

        Positions of a ViT are resampled to the image size that its name stands for, if it was
        trained at another.
        """
        tensors = {k: v.detach().cpu().clone() for k, v in self.backbone.state_dict().items()}
        if self._native is not None and tensors.get("pos_embed", torch.zeros(0)).ndim == 3:
            from timm.layers.pos_embed import resample_abs_pos_embed

            patch = self.backbone.patch_embed.patch_size  # type: ignore[union-attr]
            grid = [n // int(p) for n, p in zip(self._native, patch, strict=True)]  # type: ignore[arg-type]
            extra = tensors["pos_embed"].shape[1] - self.backbone.patch_embed.num_patches  # type: ignore[union-attr,operator]
            tensors["pos_embed"] = resample_abs_pos_embed(
                tensors["pos_embed"], grid, num_prefix_tokens=int(extra)
            )
        return tensors

    def save_backbone(self, path: Path) -> str:
        """Write `backbone_state_dict` to a file, whole or not at all; its name."""
        target = LocalPath(os.fspath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            torch.save(self.backbone_state_dict(), part)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return str(target)

    def score(self, width: int) -> None:
        """Make the metrics of embeddings (B, `width`), each stage its own."""
        for stage in STAGES:
            setattr(self, f"{stage}_metrics", EmbeddingMetrics(width))

    def count(
        self, batch: Mapping[str, Any], stage: str, one: Tensor, two: Tensor | None = None
    ) -> None:
        """Count embeddings; outside of training with the labels that a batch has."""
        metrics = self.metrics(stage)
        if metrics is None:
            return
        label = batch.get("label")
        features = None
        classes = isinstance(label, Tensor) and label.ndim == 1 and not label.is_floating_point()
        if stage != "train" and classes:
            with torch.no_grad():
                features = self(two_dates(batch["image"], self.channels, False)[0])
        metrics.update(one, two, features, label if features is not None else None)

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """``embedding`` (B, F) of the backbone, and where each image lies, as far as is known.

        Of batches with several dates it is the first date's.
        """
        image = two_dates(batch["image"], self.channels, False)[0]
        return self.placed(batch, embedding=self(image))

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        """Loss of a batch, of the same views in every epoch."""
        with self._same_views(batch_idx):
            return self.step(batch, "val")

    def test_step(self, batch: Any, batch_idx: int) -> Any:
        """As `validation_step`."""
        with self._same_views(batch_idx):
            return self.step(batch, "test")

    @contextlib.contextmanager
    def _same_views(self, batch_idx: int) -> Iterator[None]:
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(batch_idx)
            yield

    def group_options(self) -> Mapping[str, Any]:
        """Settings of the optimiser that are not the house's."""
        return {}

    def paper_rate(self) -> tuple[float, int]:
        """The paper's learning rate, and the batch that it is for."""
        return 1.5e-4, 256

    def optimizer_options(self) -> dict[str, Any]:
        """What the optimiser and its schedule are made of.

        A learning rate that is left out is the paper's, in proportion to the batch of all
        processes: that of 4096 images lets the weights of a network that sees 8 grow without end.
        """
        options, trainer = {"patience": 10, **self.hparams}, self._trainer
        if options["lr"] is None:
            rate, wanted = self.paper_rate()
            batch = wanted if trainer is None else _whole_batch(trainer) or wanted
            options["lr"] = rate * batch / wanted
            logger.info("lr is %.3g, for batches of %d", options["lr"], batch)
        epochs = None if trainer is None else trainer.max_epochs
        warmup = options.get("warmup_epochs") or 0
        if options["schedule"] != "plateau" and epochs and 0 < epochs <= warmup:
            logger.info("warmup_epochs is %d of %d: %d are taken", warmup, epochs, epochs // 10)
            options["warmup_epochs"] = epochs // 10
        return options

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule of `hparams`; a plateau is the training's without validation.

        `warmup_epochs` is a tenth of the epochs where there are no more of them.
        """
        trainer = self._trainer
        epochs = None if trainer is None else trainer.max_epochs
        watched = trainer is None or trainer.enable_validation
        monitor, mode = (self.monitor, self.mode) if watched else ("train_loss", "min")
        found = build_optimizers(self.model, self.optimizer_options(), monitor, epochs, mode)
        for group in found["optimizer"].param_groups:
            group.update({k: v for k, v in self.group_options().items() if k in group})
        return found


def _whole_batch(trainer: Trainer) -> int | None:
    """Images of a step of all processes; None where nobody knows them yet."""
    if not trainer.training:
        return None
    _ = trainer.estimated_stepping_batches  # which makes the loaders
    loader = trainer.train_dataloader
    size = getattr(loader, "batch_size", None)
    if size is None:
        size = getattr(getattr(loader, "batch_sampler", None), "batch_size", None)
    if not isinstance(size, int):
        return None
    return size * trainer.world_size * int(trainer.accumulate_grad_batches)


def _dynamic(backbone: nn.Module) -> bool:
    if not hasattr(backbone, "set_input_size"):
        return True
    return bool(getattr(backbone, "dynamic_img_size", False))
