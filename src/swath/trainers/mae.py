"""MAE: paint what is hidden from what is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from kornia.augmentation import RandomHorizontalFlip, RandomResizedCrop, RandomVerticalFlip
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError
from swath.trainers.masked import MaskedAutoencoder, patches_to_image, to_patches
from swath.trainers.ssl import SelfSupervisedTask
from swath.trainers.ssl_views import augmented, two_dates
from swath.transforms import Augmentation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MAETask"]


class MAETask(SelfSupervisedTask):
    """Masked autoencoder (https://arxiv.org/abs/2111.06377).

    Batches have ``image``: (B, C, H, W); of several dates, (B, T, C, H, W), one is drawn. In
    validation an image is resized to `size` as a whole, and what is hidden is the same in every
    epoch. See `SelfSupervisedTask` for what validation says and how the backbone is used
    afterwards; the decoder is thrown away.

    Args:
        model: A ViT of `swath.models` or of timm; or a timm ``VisionTransformer``.
        weights: To start from: None for random ones, True for ImageNet's, a member of a weights
            enum or its full name, a path. Published ones are fitted to `bands`.
        in_channels: Bands of the image; if left out, as many as `bands`, else as the published
            weights have, else 3.
        transform: In place of the paper's augmentation (a crop of at least a fifth, flips); it gets
            normalised images and gives views of `size`.
        decoder_dim: Width of the decoder.
        lr: Learning rate: 1.5e-4 for a batch of 256; in proportion for others.
        decoder_num_heads: Attention heads of the decoder.
        decoder_depth: Blocks of the decoder.
        weight_decay: Of AdamW.
        mask_ratio: Share of the patches that are hidden.
        size: Of a view in pixels.
        norm_pix_loss: Compare each patch with mean and spread taken out.
        warmup_epochs: Epochs in which the learning rate rises (a tenth of the training, if that
            has no more than these).
        schedule: Of `BaseTask`.
        **options: Of `BaseTask`: ``bands``, ``mean``, ``std``, ….

    Raises:
        ConfigError: No ViT; arguments that contradict each other.
    """

    model: MaskedAutoencoder

    def __init__(
        self,
        model: str | nn.Module = "vit_base_patch32_224",
        weights: Any = None,
        in_channels: int | None = None,
        transform: nn.Module | None = None,
        decoder_dim: int = 512,
        lr: float = 1.5e-4,
        decoder_num_heads: int = 8,
        decoder_depth: int = 1,
        weight_decay: float = 0.05,
        mask_ratio: float = 0.75,
        size: int = 224,
        norm_pix_loss: bool = True,
        warmup_epochs: int = 40,
        schedule: str = "cosine",
        **options: Any,
    ) -> None:
        if not 0 < mask_ratio < 1:
            raise ConfigError(f"mask_ratio is {mask_ratio}: expected a share, 0 < mask_ratio < 1")
        super().__init__(**options)

    def configure_models(self) -> None:
        """Build encoder and decoder."""
        h, own = self.hparams, isinstance(self.given["model"], nn.Module)
        self.model = MaskedAutoencoder(
            self.build_backbone(), self.channels, h["decoder_dim"], h["decoder_depth"],
            h["decoder_num_heads"],
        )  # fmt: skip
        if not own and self.pretrained.weights is None:
            self.model.fix_positions()
        size = (h["size"], h["size"])
        transform = self.given["transform"]
        if transform is None:
            transform = Augmentation(
                RandomResizedCrop(size, scale=(0.2, 1.0)),
                RandomHorizontalFlip(), RandomVerticalFlip(),
            )  # fmt: skip
        self._augmentations = [transform]
        self.score(self.model.backbone.num_features)

    def view(self, batch: Mapping[str, Any], stage: str) -> Tensor:
        """(B, C, size, size), normalised: augmented in training, else the whole image."""
        train = stage == "train"
        image = self.normalize(two_dates(batch["image"], self.channels, train)[0])
        if train:
            return augmented(self._augmentations, [image])[0]
        return self._sized(image)

    def _sized(self, image: Tensor) -> Tensor:
        size = (int(self.hparams["size"]),) * 2
        if image.shape[-2:] == size:
            return image
        return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Features (B, F) of raw pixels (B, C, H, W), resized to `size`."""
        return self.model(self._sized(self.normalize(args[0])))

    def step(self, batch: Any, stage: str) -> Tensor:
        """Mean squared error of the hidden patches, logged."""
        image = self.view(batch, stage)
        found, hidden = self.model.masked(image, self.hparams["mask_ratio"])
        loss = self.error(found, image, hidden)
        self.log_loss(stage, loss, len(image))
        if stage != "train":
            with torch.no_grad():
                self.count(batch, stage, self.model(image))
        return loss

    def error(self, found: Tensor, image: Tensor, hidden: Tensor) -> Tensor:
        """Mean squared error of the patches that are `hidden` (B, N)."""
        truth = to_patches(image, self.model.patch).float()
        if self.hparams["norm_pix_loss"]:
            mean, spread = _level(truth)
            truth = (truth - mean) / spread
        each = (found.float() - truth).square().mean(2)
        return each[hidden].mean()

    @torch.no_grad()
    def reconstruct(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """What the task paints, in raw pixels.

        Returns:
            ``image`` (B, C, size, size), ``visible`` (the same, NaN where hidden) and
            ``reconstruction`` (painted where hidden), as far as `clip` left the values; ``hidden``
            (B, size, size).
        """
        was = self.training
        self.eval()
        image = self.view(batch, "val")
        found, hidden = self.model.masked(image, self.hparams["mask_ratio"])
        self.train(was)
        patch, size = self.model.patch, (int(image.shape[-2]), int(image.shape[-1]))
        truth = to_patches(image, patch).float()
        found = found.float()
        if self.hparams["norm_pix_loss"]:  # level and spread of a patch are not what is painted
            mean, spread = _level(truth)
            found = found * spread + mean
        dark = hidden[..., None]
        painted = patches_to_image(torch.where(dark, found, truth), patch, size)
        seen = patches_to_image(truth.masked_fill(dark, torch.nan), patch, size)
        where = patches_to_image(dark.expand_as(truth).float(), patch, size)[:, 0] > 0.5
        return {
            "image": self._raw(image.float()), "visible": self._raw(seen),
            "reconstruction": self._raw(painted), "hidden": where,
        }  # fmt: skip

    def _raw(self, image: Tensor) -> Tensor:
        """The inverse of `normalize`, within its limits."""
        if self.hparams["then"] is not None:
            mean, std = (image.new_tensor(n).view(-1, 1, 1) for n in self.hparams["then"])
            image = image * std + mean
        return image * self.std + self.mean

    def plot_reconstruction(
        self, batch: Mapping[str, Any], limit: int = 4, **options: Any
    ) -> Figure:
        """A picture: image, what is seen of it, what is painted; one row an image.

        Args:
            batch: As in training.
            limit: Rows at most.
            **options: Of `swath.plot.plot_reconstruction`: ``bands``, ``rgb_bands``, ….
        """
        from swath.plot import plot_reconstruction

        batch = {"image": batch["image"][:limit].to(self.device)}
        found = self.reconstruct(batch)
        options.setdefault("bands", self.hparams["bands"])
        return plot_reconstruction(
            found["image"], found["visible"], found["reconstruction"], **options
        )

    def group_options(self) -> Mapping[str, Any]:
        """The paper's betas."""
        return {"betas": (0.9, 0.95)}


def _level(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of each patch (B, N, 1)."""
    return patches.mean(2, keepdim=True), (patches.var(2, keepdim=True) + 1e-6).sqrt()
