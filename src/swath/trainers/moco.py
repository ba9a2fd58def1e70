"""MoCo: find your key among those that a slower copy of yourself has made."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR

from swath.errors import ConfigError
from swath.losses import info_nce
from swath.trainers.siamese import Siamese, mlp
from swath.trainers.two_views import TwoViewTask

__all__ = ["MoCoTask"]

logger = logging.getLogger("swath.trainers")

#: What each version's paper says.
_PAPER: dict[int, dict[str, Any]] = {
    1: {
        "layers": 1, "hidden_dim": 2048, "output_dim": 128, "weight_decay": 1e-4,
        "temperature": 0.07, "memory_bank_size": 65536, "moco_momentum": 0.999,
        "optimizer": "sgd", "schedule": [120, 160], "warmup_epochs": 0,
    },
    2: {
        "layers": 2, "hidden_dim": 2048, "output_dim": 128, "weight_decay": 1e-4,
        "temperature": 0.07, "memory_bank_size": 65536, "moco_momentum": 0.999,
        "optimizer": "sgd", "schedule": [120, 160], "warmup_epochs": 0,
    },
    3: {
        "layers": 3, "hidden_dim": 4096, "output_dim": 256, "weight_decay": 1e-6,
        "temperature": 1.0, "memory_bank_size": 0, "moco_momentum": 0.99,
        "optimizer": "lars", "schedule": "cosine", "warmup_epochs": 10,
    },
}  # fmt: skip


class MoCoTask(TwoViewTask):
    """Momentum Contrast, versions 1 to 3.

    v1 (https://arxiv.org/abs/1911.05722): a linear head, and a queue of keys. v2
    (https://arxiv.org/abs/2003.04297): an MLP, and blur. v3 (https://arxiv.org/abs/2104.02057): no
    queue, a predictor, both directions, LARS.

    Batches have ``image``: (B, C, H, W), of which two views are made; or two dates as (B, 2, C, H,
    W) or (B, 2 C, H, W), of which each is one view (https://arxiv.org/abs/2103.16607); of more
    dates two are drawn. See `SelfSupervisedTask` for what validation says and how the backbone is
    used afterwards. What is None is as in the version's paper. For one process, batch norms can
    tell keys of the same batch apart in v1 and v2; between several, images are shuffled.

    Args:
        model: A backbone of `swath.models` or of timm; or a module of (B, C, H, W) -> (B, F),
            (B, F, H, W) or (B, N, F).
        weights: To start from: None for random ones, True for ImageNet's, a member of a weights
            enum or its full name, a path. Published ones are fitted to `bands`.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        version: 1, 2 or 3.
        layers: Of the projector: 1, 2, 3.
        hidden_dim: Width of its hidden layers: 2048 (v2), 4096 (v3).
        output_dim: Of an embedding: 128, 128, 256.
        lr: Learning rate; if left out, 0.03 for a batch of 256 (v1, v2), 9.6 for one of 4096 (v3),
            with SGD and LARS, and 1.5e-4 for one of 256 with others; in proportion for others.
        weight_decay: 1e-4, 1e-4, 1e-6.
        momentum: Of SGD and LARS.
        schedule: Epochs at which the learning rate falls to a tenth, or a name of `BaseTask`'s:
            [120, 160] (v1, v2), ``"cosine"`` (v3).
        temperature: 0.07, 0.07, 1.
        memory_bank_size: Keys in the queue: 65536, 65536, 0.
        moco_momentum: Of the slow copy: 0.999, 0.999; 0.99 rising to 1 (v3).
        gather_distributed: Choose among the keys of all processes, where there is no queue.
        size: Of a view in pixels.
        grayscale_weights: One a band, for the default augmentation; equal ones if left out.
        augmentation1: Of the first views, in place of the paper's (`swath.transforms`, Kornia); it
            gets normalised images.
        augmentation2: Of the second ones.
        optimizer: ``"sgd"`` (v1, v2), ``"lars"`` (v3; ``"adamw"`` for ViTs).
        warmup_epochs: 0; 10 (v3).
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ….

    Raises:
        ConfigError: There is no such version; arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        version: int = 3,
        layers: int | None = None,
        hidden_dim: int | None = None,
        output_dim: int | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        momentum: float = 0.9,
        schedule: list[int] | str | None = None,
        temperature: float | None = None,
        memory_bank_size: int | None = None,
        moco_momentum: float | None = None,
        gather_distributed: bool = False,
        size: int = 224,
        grayscale_weights: Any = None,
        augmentation1: nn.Module | None = None,
        augmentation2: nn.Module | None = None,
        optimizer: str | None = None,
        warmup_epochs: int | None = None,
        **options: Any,
    ) -> None:
        if version not in _PAPER:
            raise ConfigError(f"version is {version!r}: MoCo has the versions 1, 2 and 3")
        for name, value in _PAPER[version].items():
            if self.given.get(name) is None:
                self.given[name] = value
        given = self.given
        if not isinstance(given["schedule"], str):
            if warmup_epochs:
                raise ConfigError(
                    f"schedule is {given['schedule']} and warmup_epochs is {warmup_epochs}: a "
                    "warm-up goes with schedule 'cosine' or 'constant'"
                )
            given["warmup_epochs"] = 0
        if not 0 <= given["moco_momentum"] <= 1:
            raise ConfigError(f"moco_momentum is {given['moco_momentum']}: expected 0 to 1")
        if given["layers"] < 1:
            raise ConfigError(f"layers is {given['layers']}: expected 1 or more")
        if version < 3 and not given["memory_bank_size"]:
            logger.warning("MoCo v%d has a queue: memory_bank_size is 0", version)
        if version == 3 and given["memory_bank_size"]:
            logger.warning("MoCo v3 has no queue: memory_bank_size is not 0")
        super().__init__(**options)

    def configure_models(self) -> None:
        """Build backbone, projector, predictor (v3), the slow copy and the queue."""
        h = self.hparams
        third = h["version"] == 3
        backbone = self.build_backbone()
        hidden, out = h["hidden_dim"], h["output_dim"]
        self.model = Siamese(
            backbone,
            mlp(
                [self.width(backbone), *[hidden] * (h["layers"] - 1), out],
                norm=third, last_norm=third,
            ),
            mlp([out, hidden, out], last_norm=True) if third else None,
            momentum=True, width=out, bank=h["memory_bank_size"],
        )  # fmt: skip
        first: dict[str, Any] = {1: {"blur": 0.0}, 2: {"blur": 0.5}, 3: {"blur": 1.0}}[h["version"]]
        second = {"blur": 0.1} if third else first
        crop = 0.08 if third else 0.2
        self.augmentations({**first, "crop": crop}, {**second, "crop": crop})
        self.score(out)

    def momentum_now(self) -> float | None:
        """As given; in v3 it rises to 1."""
        base: float = self.hparams["moco_momentum"]
        return self.rising(base) if self.hparams["version"] == 3 else base

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch, logged, and its embeddings counted."""
        one, two = self.views(batch, stage)
        temperature = self.hparams["temperature"]
        query = self.model.online(one)
        if self.hparams["version"] == 3:
            other = self.model.online(two)
            keys, others = self.model.target(two), self.model.target(one)
            # 2 t: gradients do not shrink with the temperature (the paper's algorithm 1)
            loss = self._found(query, keys, stage) + self._found(other, others, stage)
            loss = 2 * temperature * loss
        else:
            keys = self._shuffled(two, stage)
            loss = self._found(query, keys, stage)
        if stage == "train" and self.model.bank is not None:
            self._keys = keys
        self.log_loss(stage, loss, len(one))
        self.count(batch, stage, query, keys)
        return loss

    def _found(self, queries: Tensor, keys: Tensor, stage: str) -> Tensor:
        bank, temperature = self.model.bank, self.hparams["temperature"]
        if bank is not None:
            return info_nce(queries, keys, temperature, bank=bank)
        everyone, first = self.gathered(keys, stage)
        return info_nce(queries, keys, temperature, everyone=everyone, first=first)

    @torch.no_grad()
    def _shuffled(self, image: Tensor, stage: str) -> Tensor:
        """Keys, of images shuffled between processes: batch norms then tell nothing of the query.

        Section 3.3 of the first paper.
        """
        alone = self._trainer is None or self.trainer.world_size == 1
        if alone or stage != "train":
            return self.model.target(image)
        images: Tensor = self.all_gather(image).flatten(0, 1)  # type: ignore[union-attr]
        order = self.trainer.strategy.broadcast(torch.randperm(len(images))).to(image.device)
        world, rank = self.trainer.world_size, self.trainer.global_rank
        keys = self.model.target(images[order.view(world, -1)[rank]])
        everyone: Tensor = self.all_gather(keys).flatten(0, 1)  # type: ignore[union-attr]
        return everyone[order.argsort()].view(world, len(keys), -1)[rank]

    def group_options(self) -> Mapping[str, Any]:
        """Plain momentum, as in the papers."""
        return {"momentum": self.hparams["momentum"], "nesterov": False}

    def optimizer_options(self) -> dict[str, Any]:
        """Steps at given epochs stand for a schedule of their own."""
        steps = not isinstance(self.hparams["schedule"], str)
        own = {"schedule": "constant", "warmup_epochs": 0} if steps else {}
        return {**super().optimizer_options(), **own}

    def paper_rate(self) -> tuple[float, int]:
        """Each version's; for optimisers that adapt that of v3's ViTs."""
        if self.hparams["optimizer"] not in ("lars", "sgd"):
            return super().paper_rate()
        return (9.6, 4096) if self.hparams["version"] == 3 else (0.03, 256)

    def configure_optimizers(self) -> Any:
        """The optimiser, and a schedule by name or by epochs."""
        found = super().configure_optimizers()
        if not isinstance(self.hparams["schedule"], str):
            steps = MultiStepLR(found["optimizer"], list(self.hparams["schedule"]), 0.1)
            found["lr_scheduler"] = {"scheduler": steps, "interval": "epoch"}
        return found
