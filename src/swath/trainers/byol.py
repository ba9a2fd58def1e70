"""BYOL: predict what a slower copy of yourself sees in another view."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.losses import byol_loss
from swath.trainers.siamese import Siamese, mlp
from swath.trainers.two_views import TwoViewTask

__all__ = ["BYOLTask"]


class BYOLTask(TwoViewTask):
    """Bootstrap Your Own Latent (https://arxiv.org/abs/2006.07733).

    Batches have ``image``: (B, C, H, W), of which two views are made; or two dates as (B, 2, C, H,
    W) or (B, 2 C, H, W), of which each is one view; of more dates two are drawn. See
    `SelfSupervisedTask` for what validation says and how the backbone is used afterwards.

    Args:
        model: A backbone of `swath.models` or of timm; or a module of (B, C, H, W) -> (B, F),
            (B, F, H, W) or (B, N, F).
        weights: To start from: None for random ones, True for ImageNet's, a member of a weights
            enum or its full name, a path. Published ones are fitted to `bands`.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        lr: Learning rate.
        patience: Epochs without improvement before the learning rate falls to a tenth.
        hidden_dim: Width of the projector's and the predictor's hidden layer.
        output_dim: Of an embedding.
        target_momentum: Of the slow copy at the start; rises to 1 along a cosine.
        size: Of a view in pixels.
        grayscale_weights: One a band, for the default augmentation; equal ones if left out.
        augmentation1: Of the first views, in place of the paper's (`swath.transforms`, Kornia); it
            gets normalised images.
        augmentation2: Of the second ones.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ``optimizer``, ….

    Raises:
        ConfigError: Arguments that contradict each other.
    """

    def __init__(
        self,
        model: str | nn.Module = "resnet50",
        weights: Any = None,
        in_channels: int | None = None,
        lr: float = 1e-3,
        patience: int = 10,
        hidden_dim: int = 4096,
        output_dim: int = 256,
        target_momentum: float = 0.996,
        size: int = 224,
        grayscale_weights: Any = None,
        augmentation1: nn.Module | None = None,
        augmentation2: nn.Module | None = None,
        **options: Any,
    ) -> None:
        if not 0 <= target_momentum <= 1:
            raise ConfigError(f"target_momentum is {target_momentum}: expected 0 to 1")
        super().__init__(**options)

    def configure_models(self) -> None:
        """Build backbone, projector, predictor and the slow copy."""
        h = self.hparams
        backbone = self.build_backbone()
        hidden, out = h["hidden_dim"], h["output_dim"]
        self.model = Siamese(
            backbone, mlp([self.width(backbone), hidden, out]), mlp([out, hidden, out]),
            momentum=True,
        )  # fmt: skip
        self.augmentations({"blur": 1.0}, {"blur": 0.1})
        self.score(out)

    def momentum_now(self) -> float | None:
        """Rises from `target_momentum` to 1."""
        return self.rising(self.hparams["target_momentum"])

    def step(self, batch: Any, stage: str) -> Tensor:
        """Loss of a batch in both directions, logged, and its embeddings counted."""
        one, two = self.views(batch, stage)
        found1, found2 = self.model.online(one), self.model.online(two)
        loss = byol_loss(found1, self.model.target(two)) + byol_loss(found2, self.model.target(one))
        self.log_loss(stage, loss, len(one))
        self.count(batch, stage, found1, found2)
        return loss
