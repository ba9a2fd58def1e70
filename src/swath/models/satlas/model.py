"""A whole model: trunk, feature pyramid, head."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError
from swath.models.intermediates import deliver
from swath.models.satlas.backbones import Backbone, build_backbone
from swath.models.satlas.detection import FRCNNHead
from swath.models.satlas.fpn import FPN, Upsample
from swath.models.satlas.heads import Head, SimpleHead
from swath.models.satlas.temporal import pad_images

__all__ = ["Model"]

log = logging.getLogger(__name__)
BOXES = (Head.DETECT, Head.INSTANCE)


class Model(nn.Module):
    """SatlasPretrain's model (https://arxiv.org/abs/2211.15660).

    Args:
        num_channels: Of one image.
        multi_image: Takes several images of a place; their features are pooled by the maximum.
        backbone: A member of `Backbone`, its name, or any module that makes a list of maps and
            has ``out_channels`` (``[stride, channels]`` of each).
        fpn: Put a feature pyramid on top, and from its finest map one of the image's own size.
        head: A member of `Head`, its name, or None. Without `fpn` it sees the finest map alone,
            and boxes cannot be found.
        num_categories: Of the head.
        weights: Tensors by name, a file, a member of `Satlas_Weights` or its name: loaded if given.
        fpn_channels: Of the pyramid's maps; 128 in the published files.
        head_options: More arguments of `SimpleHead` (``ignore_index``) or `FRCNNHead`.

    Attributes:
        out_channels: ``[stride, channels]`` of each map.
        feature_info: The same in timm's form.

    Raises:
        ConfigError: Arguments that contradict each other, or weights that do not fit.
    """

    def __init__(
        self,
        num_channels: int = 3,
        multi_image: bool = False,
        backbone: Backbone | str | nn.Module = Backbone.SWINB,
        fpn: bool = False,
        head: Head | str | None = None,
        num_categories: int | None = None,
        weights: Any = None,
        *,
        fpn_channels: int = 128,
        head_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        head = None if head is None else Head.of(head)
        if head is not None and num_categories is None:
            raise ConfigError(f"num_categories is missing: how many does {head.name} have?")
        self.backbone = build_backbone(backbone, num_channels, multi_image)
        channels: Any = self.backbone.out_channels
        self.fpn: FPN | None = None
        self.upsample: Upsample | None = None
        if fpn:
            self.fpn = FPN(channels, fpn_channels)
            self.upsample = Upsample(self.fpn.out_channels)
            channels = self.upsample.out_channels
        self.out_channels: list[list[int]] = [list(c) for c in channels]
        self.head: SimpleHead | FRCNNHead | None = None
        if head is not None:
            build = FRCNNHead if head in BOXES else SimpleHead
            self.head = build(head, channels, num_categories or 2, **(head_options or {}))
            self._settle(head)
        if weights is not None:
            from swath.models.satlas.loading import load_satlas

            load_satlas(self, weights)

    def _settle(self, head: Head) -> None:
        """Train nothing that the head does not see: distributed training waits for gradients."""
        if self.fpn is None:
            log.warning(
                "%s without a feature pyramid sees the finest map alone, after a few layers of "
                "the trunk: fpn=True gives it all of them", head.name,
            )  # fmt: skip
            return
        seen = 3 if head in BOXES else 1
        for block in list(self.fpn.fpn.layer_blocks)[seen:]:
            block.requires_grad_(False)

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """Channels (``num_chs``) and stride (``reduction``) of each map."""
        return [{"num_chs": c, "reduction": s} for s, c in self.out_channels]

    def forward(
        self,
        imgs: Tensor | Sequence[Tensor],
        targets: Any = None,
        mask: Tensor | None = None,
    ) -> Any:
        """Maps, finest first, or what the head says.

        Args:
            imgs: (B, C, H, W); for several images (B, T, C, H, W), or (B, T·C, H, W) with the
                images after one another, or a list of (T, C, H, W) with different T. Any H and W.
            targets: For the head; see `SimpleHead` and `FRCNNHead`.
            mask: (B, T), True where there is an image.

        Returns:
            Without a head a list of maps: four of strides 4 to 32, or with the feature pyramid
            five of 128 channels, the first of the image's size. With a head ``(outputs, loss)``;
            the loss is None without targets.

        Raises:
            BandError: Another number of channels.
            ConfigError: Several images for a model of single ones; a mask or targets that do not
                fit.
        """
        if not isinstance(imgs, Tensor):
            if mask is not None:
                raise ConfigError("a list of images has its own numbers of images: leave mask out")
            imgs, mask = pad_images(imgs)
        size = imgs.shape[-2:]
        if isinstance(self.head, FRCNNHead):
            imgs = _whole_strides(imgs)
            return self.head(imgs, self._maps(imgs, mask), targets, size)
        maps = self._maps(imgs, mask)
        return maps if self.head is None else self.head(imgs, maps, targets)

    def _maps(self, imgs: Tensor, mask: Tensor | None) -> list[Tensor]:
        maps: list[Tensor] = self.backbone(imgs) if mask is None else self.backbone(imgs, mask)
        if self.fpn is None or self.upsample is None:
            return maps
        maps = self.upsample(self.fpn(maps))
        # Strides round the size up: what reaches over the image is cut off.
        maps[0] = maps[0][..., : imgs.shape[-2], : imgs.shape[-1]]
        return maps

    def forward_intermediates(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """As in timm: ``(last map, [maps])``, or only the maps; the head is left out.

        Args:
            x: As for `forward`.
            mask: As for `forward`.
            indices: Which maps; the last n if a number, all if left out.
            norm: Has no effect.
            output_fmt: ``"NCHW"`` or ``"NHWC"``, of the maps.
            intermediates_only: Leave the last map alone out.

        Raises:
            ConfigError: An index or a format that there is not.
        """
        maps = self._maps(x, mask)
        return deliver(maps[-1], maps, indices, output_fmt, intermediates_only)


def _whole_strides(imgs: Tensor, stride: int = 32) -> Tensor:
    """Zeros at the right and the bottom up to a multiple: boxes need maps of exact strides."""
    return F.pad(imgs, (0, -imgs.shape[-1] % stride, 0, -imgs.shape[-2] % stride))
