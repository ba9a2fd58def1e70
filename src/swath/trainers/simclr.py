"""SimCLR: find your other view among all views of a batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.losses import nt_xent
from swath.trainers.siamese import Siamese, mlp
from swath.trainers.two_views import TwoViewTask

__all__ = ["SimCLRTask"]

logger = logging.getLogger("swath.trainers")

#: What each version's paper says.
_PAPER: dict[int, dict[str, Any]] = {
    1: {"layers": 2, "weight_decay": 1e-6, "memory_bank_size": 0},
    2: {"layers": 3, "weight_decay": 1e-4, "memory_bank_size": 64_000},
}


class SimCLRTask(TwoViewTask):
    """A simple framework for contrastive learning, versions 1 and 2.

    v1: https://arxiv.org/abs/2002.05709. v2 (https://arxiv.org/abs/2006.10029): a deeper head, and
    a queue of embeddings by a slowly following copy, which are further wrong choices.

    Batches have ``image``: (B, C, H, W), of which two views are made; or two dates as (B, 2, C, H,
    W) or (B, 2 C, H, W), of which each is one view; of more dates two are drawn. See
    `SelfSupervisedTask` for what validation says and how the backbone is used afterwards. What is
    None is as in the version's paper.

    Args:
        model: A backbone of `swath.models` or of timm; or a module of (B, C, H, W) -> (B, F),
            (B, F, H, W) or (B, N, F).
        weights: To start from: None for random ones, True for ImageNet's, a member of a weights
            enum or its full name, a path. Published ones are fitted to `bands`.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        version: 1 or 2.
        layers: Of the projector: 2, 3.
        hidden_dim: Width of its hidden layers; as many as features, if left out.
        output_dim: Of an embedding; as many as features, if left out.
        lr: Learning rate; if left out, 0.3 for a batch of 256 and in proportion for others (4.8 for
            4096), with LARS and SGD, else 1.5e-4.
        momentum: Of LARS or SGD.
        weight_decay: 1e-6, 1e-4.
        temperature: Of the loss.
        memory_bank_size: Embeddings in the queue: 0, 64000.
        gather_distributed: Choose among the views of all processes; not where there is a queue.
        size: Of a view in pixels.
        grayscale_weights: One a band, for the default augmentation; equal ones if left out.
        augmentations: In place of the paper's (`swath.transforms`, Kornia), for both views; it gets
            normalised images.
        memory_momentum: Of the copy that fills the queue.
        optimizer: ``"lars"``, or another of `BaseTask`'s.
        schedule: Of `BaseTask`.
        warmup_epochs: Epochs in which the learning rate rises.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ….

    Raises:
        ConfigError: There is no such version; arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        version: int = 2,
        layers: int | None = None,
        hidden_dim: int | None = None,
        output_dim: int | None = None,
        lr: float | None = None,
        momentum: float = 0.9,
        weight_decay: float | None = None,
        temperature: float = 0.07,
        memory_bank_size: int | None = None,
        gather_distributed: bool = False,
        size: int = 224,
        grayscale_weights: Any = None,
        augmentations: nn.Module | None = None,
        memory_momentum: float = 0.999,
        optimizer: str = "lars",
        schedule: str = "cosine",
        warmup_epochs: int = 10,
        **options: Any,
    ) -> None:
        if version not in _PAPER:
            raise ConfigError(f"version is {version!r}: SimCLR has the versions 1 and 2")
        for name, value in _PAPER[version].items():
            if self.given.get(name) is None:
                self.given[name] = value
        if self.given["layers"] < 1:
            raise ConfigError(f"layers is {layers}: expected 1 or more")
        if version == 1 and self.given["memory_bank_size"]:
            logger.warning("SimCLR v1 has no queue: memory_bank_size is %d", memory_bank_size)
        if not 0 <= memory_momentum <= 1:
            raise ConfigError(f"memory_momentum is {memory_momentum}: expected 0 to 1")
        super().__init__(**options)

    def configure_models(self) -> None:
        """Build backbone, projector and, for a queue, the slow copy."""
        h = self.hparams
        backbone = self.build_backbone()
        features = self.width(backbone)
        hidden, out = h["hidden_dim"] or features, h["output_dim"] or features
        self.model = Siamese(
            backbone, mlp([features, *[hidden] * (h["layers"] - 1), out], last_norm=True),
            momentum=h["memory_bank_size"] > 0, width=out, bank=h["memory_bank_size"],
        )  # fmt: skip
        # the paper's strength of colours is twice that of the others
        self.augmentations({"exposure": 0.8})
        self.score(out)

    def momentum_now(self) -> float | None:
        """As given, where there is a copy."""
        return None if self.model.bank is None else float(self.hparams["memory_momentum"])

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its embeddings counted."""
        one, two = self.views(batch, stage)
        z1, z2 = self.model.online(one), self.model.online(two)
        bank, temperature = self.model.bank, self.hparams["temperature"]
        if bank is None:
            (all1, first), (all2, _) = self.gathered(z1, stage), self.gathered(z2, stage)
            loss = nt_xent(z1, z2, temperature, everyone=(all1, all2), first=first)
        else:
            loss = nt_xent(z1, z2, temperature, bank=bank)
            if stage == "train":
                self._keys = self.model.target(two)
        self.log_loss(stage, loss, len(one))
        self.count(batch, stage, z1, z2)
        return loss

    def paper_rate(self) -> tuple[float, int]:
        """That of LARS; the house's of optimisers that adapt."""
        return (0.3, 256) if self.hparams["optimizer"] in ("lars", "sgd") else super().paper_rate()

    def group_options(self) -> Mapping[str, Any]:
        """Plain momentum, as in the papers."""
        return {"momentum": self.hparams["momentum"], "nesterov": False}
