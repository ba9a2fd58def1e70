"""Several questions about one image: one backbone, and a head for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, GridError, nearest
from swath.models import segmentation_model
from swath.models.segmentation import DECODERS, SegmentationModel
from swath.trainers.architectures import pad_to_multiple
from swath.trainers.backbones import backbone_model
from swath.trainers.base import BaseTask
from swath.trainers.heads import Balance, Head, build_heads
from swath.trainers.siamese import pooled

__all__ = ["MultiTask"]


class SharedNetwork(nn.Module):
    """A backbone, a decoder on it where pixels are asked for, and a last layer for each head.

    Heads of images look at the mean of the deepest map. Heads of pixels share the decoder: their
    last layers are the parts of one convolution.

    Args:
        backbone: Without a head.
        decoder: One of `swath.models.DECODERS`.
        images: Outputs of each head of images, by name.
        pixels: Outputs of each head of pixels, by name.
        channels: Of the image.
    """

    def __init__(
        self, backbone: nn.Module, decoder: str, images: Mapping[str, int],
        pixels: Mapping[str, int], channels: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.images, self.pixels = dict(images), dict(pixels)
        self.backbone: nn.Module | None = None
        self.maps: SegmentationModel | None = None
        if pixels:
            self.maps = segmentation_model(backbone, decoder, sum(pixels.values()))
            width = self.maps.encoder.channels[-1]
        else:
            self.backbone = backbone
            width = _width(backbone, channels)
        self.answers = nn.Linear(width, sum(images.values())) if images else None

    @property
    def trunk(self) -> nn.Module:
        """The backbone."""
        found: Any = self.backbone if self.maps is None else self.maps.encoder.backbone
        return found  # type: ignore[no-any-return]

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) to (B, outputs) or (B, outputs, H, W) by the head's name."""
        found: dict[str, Tensor] = {}
        if self.maps is not None:
            every, levels = self.maps.with_maps(image)
            found |= _split(every, self.pixels)
            features = levels[-1].mean((2, 3))
        else:
            features = pooled(self.trunk(image), self.trunk)
        if self.answers is not None:
            found |= _split(self.answers(features), self.images)
        return found


class MultiTask(BaseTask):
    """Several questions about the same image, answered by one network.

    Every head has a ``kind``: ``"classification"``, ``"multilabel"`` or ``"regression"`` of whole
    images, ``"segmentation"`` or ``"pixelwise_regression"`` of pixels. It has the ``key`` of its
    truth in a batch (``"label"`` or ``"mask"`` if left out), a ``weight`` (1), and the options of
    the task of its kind: ``num_classes``, ``classes`` or ``labels``, ``task``, ``loss``,
    ``class_weights``, ``pos_weight``, ``ignore_index``; ``num_outputs``, ``labels``, ``loss``,
    ``ignore_value``::

        MultiTask(
            backbone="resnet50", in_channels=4, weighting="uncertainty",
            heads={
                "cover": {"kind": "segmentation", "key": "mask", "classes": ["field", "forest"]},
                "height": {"kind": "pixelwise_regression", "key": "height", "loss": "huber"},
                "scene": {"kind": "classification", "key": "label", "num_classes": 10},
            },
        )

    Batches have ``image`` (B, C, H, W) and, under its key, the truth of each head as the task of
    its kind takes it. Where it is NaN, or a head's ``ignore_index`` or ``ignore_value``, it counts
    neither in the loss nor in the scores: an image may have truth for some heads alone.

    Logged are ``val_loss``, and of each head ``val/<head>/loss`` and its scores
    (``val/<head>/miou``, …). Predictions have the heads' names.

    Args:
        model: The decoder for heads of pixels, one of `swath.models.DECODERS`; or a module of
            (B, C, H, W) -> (B, outputs) or (B, outputs, H, W) by the head's name.
        backbone: A backbone of `swath.models` or timm.
        weights: Of the backbone: None for random ones, True for ImageNet's, a member of a weights
            enum or its full name, a path or URL. Published ones are fitted to `bands`.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        heads: By name; plain, as a config writes it.
        weighting: ``"fixed"`` (each head's ``weight``), or ``"uncertainty"``, which learns them
            (https://arxiv.org/abs/1705.07115): losses of different units need no tuning.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        freeze_backbone: Train the decoder and heads alone.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ``optimizer``, ….

    Raises:
        ConfigError: Arguments that contradict each other; a head that cannot be.
        BandError: Bands that the weights have nothing for.
    """

    def __init__(
        self,
        model: str | nn.Module = "unet",
        backbone: str = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        heads: dict[str, dict[str, Any]] | None = None,
        weighting: str = "fixed",
        lr: float = 1e-3,
        patience: int = 10,
        freeze_backbone: bool = False,
        **options: Any,
    ) -> None:
        if weighting not in ("fixed", "uncertainty"):
            raise ConfigError(f"weighting is {weighting!r}: expected 'fixed' or 'uncertainty'")
        found = build_heads(heads)
        if weighting == "uncertainty" and any("weight" in h for h in (heads or {}).values()):
            raise ConfigError(
                "weighting 'uncertainty' learns the heads' weights: leave theirs out, or use "
                "'fixed'"
            )
        if not isinstance(model, nn.Module) and model not in DECODERS:
            raise ConfigError(f"model is {model!r}: {nearest(str(model), DECODERS)}")
        # in a tuple, which is no module: the base's constructor forgets modules that are there
        self._found = tuple(found)
        super().__init__(**options)
        # so that losses and scores follow the task to its device
        self.parts = nn.ModuleList([head.task for head in found])

    @property
    def heads(self) -> tuple[Head, ...]:
        """The heads, in their order."""
        return self._found

    def configure_models(self) -> None:
        """Build the network."""
        h, model = self.hparams, self.given["model"]
        if isinstance(model, nn.Module):
            if self.pretrained.weights is not None or h["freeze_backbone"]:
                raise ConfigError(
                    f"weights and freeze_backbone are for networks by name: load and freeze your "
                    f"{type(model).__name__} before you pass it"
                )
            self.model = model
            return
        images = {head.name: head.outputs for head in self.heads if not head.pixels}
        pixels = {head.name: head.outputs for head in self.heads if head.pixels}
        trunk = backbone_model(h["backbone"], self.pretrained)
        network = SharedNetwork(trunk, model, images, pixels, self.pretrained.channels)
        if h["freeze_backbone"]:
            network.trunk.requires_grad_(False)
        self.model = network

    def configure_losses(self) -> None:
        """Set the balance of the heads' losses."""
        self.criterion = Balance(
            [head.weight for head in self.heads], [head.squared for head in self.heads],
            self.hparams["weighting"] == "uncertainty",
        )  # fmt: skip

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Logits or numbers of each head by its name, of raw pixels (B, C, H, W); any H and W.

        Raises:
            GridError: A module of the user's own gives something else.
        """
        own = isinstance(self.given["model"], nn.Module)
        image, height, width = pad_to_multiple(self.normalize(args[0]), 1 if own else 32)
        found: dict[str, Tensor] = self.model(image)
        for head in self.heads if own else ():
            given = found.get(head.name) if isinstance(found, Mapping) else None
            axes = 4 if head.pixels else 2
            if given is None or given.ndim != axes or given.shape[1] != head.outputs:
                raise GridError(
                    f"{type(self.model).__name__} gave "
                    f"{'nothing' if given is None else tuple(given.shape)} for the head "
                    f"{head.name!r}: expected {head.outputs} outputs an "
                    f"{'image and pixel (B, C, H, W)' if head.pixels else 'image (B, C)'}, by name"
                )
        return {n: f[..., :height, :width] if f.ndim == 4 else f for n, f in found.items()}

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged by its heads, and their scores counted."""
        found = self(batch["image"])
        losses, counts = [], []
        for head in self.heads:
            loss, count = head.task.judge(found[head.name], head.truth(batch), stage)
            self.log(
                f"{stage}/{head.name}/loss", loss.detach(), on_step=False, on_epoch=True,
                batch_size=count, sync_dist=True,
            )  # fmt: skip
            losses.append(loss)
            counts.append(count)
        total: Tensor = self.criterion(losses, counts)
        self.log_loss(stage, total, len(batch["image"]))
        return total

    def _log_scores(self, stage: str) -> None:
        for head in self.heads:
            metrics = head.task.metrics(stage)
            if metrics is None or not metrics.update_called:
                continue
            for name, value in metrics.compute().items():
                self.log(f"{stage}/{head.name}/{name}", value)
            metrics.reset()

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """Of each head by its name, and where each image lies, as far as the batch says.

        Returns:
            Probabilities (B, classes) or (B, classes, H, W) of classes; numbers (B, outputs) or
            (B, outputs, H, W).
        """
        found = self(batch["image"])
        return self.placed(batch, **{h.name: h.answer(found[h.name]) for h in self.heads})

    def only(self, name: str) -> nn.Module:
        """One head as a network of its own, raw pixels to logits or numbers: for `predict_map`.

        Raises:
            ConfigError: There is no such head.
        """
        names = [head.name for head in self.heads]
        if name not in names:
            raise ConfigError(f"there is no head {name!r}: {nearest(name, names)}")
        return _Only(self, name)


class _Only(nn.Module):
    def __init__(self, task: MultiTask, name: str) -> None:
        super().__init__()
        self.task, self.name = task, name

    def forward(self, image: Tensor) -> Tensor:
        found: dict[str, Tensor] = self.task(image)
        return found[self.name]


def _split(values: Tensor, outputs: Mapping[str, int]) -> dict[str, Tensor]:
    return dict(zip(outputs, torch.split(values, list(outputs.values()), 1), strict=True))


def _width(backbone: nn.Module, channels: int) -> int:
    """Features that a backbone gives, found by asking it."""
    was = backbone.training
    with torch.no_grad():
        found = pooled(backbone.eval()(torch.zeros(1, channels, 224, 224)), backbone)
    backbone.train(was)
    return int(found.shape[1])
