"""Heads that find things: Faster R-CNN and Mask R-CNN on the pyramid's maps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import faster_rcnn, image_list, mask_rcnn, roi_heads, rpn
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import LevelMapper

from swath.errors import ConfigError
from swath.models.satlas.heads import Head
from swath.models.satlas.targets import box_targets

__all__ = ["FRCNNHead"]


class FRCNNHead(nn.Module):
    """Faster R-CNN (https://arxiv.org/abs/1506.01497) or Mask R-CNN (1703.06870).

    Outputs are a list with a dictionary an image: ``boxes`` (n, 4) as (xmin, ymin, xmax, ymax) in
    pixels, ``labels`` (n,), ``scores`` (n,), and for instances ``masks`` (n, 1, H, W) between 0
    and 1. Targets are the same without scores, masks (n, H, W); an image may have none. Label 0
    is the background. In training mode outputs are an empty list, as in torchvision.

    What the published package does otherwise: it sees nothing of boxes of 224 pixels and more
    (their features are zeros), it returns masks of 28 x 28 pixels each within its box, and its
    loss is 0 in eval mode; here it is the loss, of a random sample of proposals as in training.

    Args:
        task: ``Head.DETECT`` or ``Head.INSTANCE``.
        backbone_channels: ``[stride, channels]`` of each map, finest first, all of one width: the
            first four are used.
        num_categories: Classes, with the background.
        anchor_sizes: In pixels, of each map.
        aspect_ratios: Of anchors.
        box_score_thresh: Boxes below it are left out.
        box_nms_thresh: Overlap (IoU) of boxes of one class, of which the lesser is left out.
        box_detections_per_img: At most.
        box_batch_size_per_image: Proposals that the loss is made of.
        mask_layers: Channels of the convolutions of a mask's head.

    Raises:
        ConfigError: Another task, or maps of several widths.
    """

    def __init__(
        self,
        task: Head | str,
        backbone_channels: Sequence[Sequence[int]],
        num_categories: int = 2,
        *,
        anchor_sizes: Sequence[float] = (32, 64, 128, 256),
        aspect_ratios: Sequence[float] = (0.5, 1.0, 2.0),
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_batch_size_per_image: int = 512,
        mask_layers: Sequence[int] = (256, 256, 256, 256),
    ) -> None:
        super().__init__()
        self.task = Head.of(task)
        if self.task not in (Head.DETECT, Head.INSTANCE):
            raise ConfigError(f"{self.task.name} has no boxes: its head is SimpleHead")
        levels = list(backbone_channels)[: len(anchor_sizes)]
        widths = {c for _, c in levels}
        if len(widths) > 1 or len(levels) < len(anchor_sizes):
            raise ConfigError(
                f"the maps have {[c for _, c in backbone_channels]} channels: boxes are looked for "
                f"on {len(anchor_sizes)} maps of one width; build the model with fpn=True"
            )
        if num_categories < 2:
            raise ConfigError(
                f"num_categories is {num_categories}: expected at least 2, it counts the background"
            )
        self.num_categories = num_categories
        self.use_layers = list(range(len(levels)))
        scales = [1 / stride for stride, _ in levels]
        width = widths.pop()
        anchors = rpn.AnchorGenerator(
            [[size] for size in anchor_sizes], [tuple(aspect_ratios)] * len(levels)
        )
        self.rpn = rpn.RegionProposalNetwork(
            anchors, rpn.RPNHead(width, anchors.num_anchors_per_location()[0]),
            fg_iou_thresh=0.7, bg_iou_thresh=0.3, batch_size_per_image=256, positive_fraction=0.5,
            pre_nms_top_n={"training": 2000, "testing": 2000},
            post_nms_top_n={"training": 2000, "testing": 2000}, nms_thresh=0.7,
        )  # fmt: skip
        masks: dict[str, Any] = {}
        if self.task is Head.INSTANCE:
            masks = {
                "mask_roi_pool": _pool(self.use_layers, scales, 14),
                "mask_head": mask_rcnn.MaskRCNNHeads(width, mask_layers, 1),
                "mask_predictor": mask_rcnn.MaskRCNNPredictor(
                    mask_layers[-1], mask_layers[-1], num_categories
                ),
            }
        self.roi_heads = roi_heads.RoIHeads(
            _pool(self.use_layers, scales, 7), faster_rcnn.TwoMLPHead(width * 7 * 7, 1024),
            faster_rcnn.FastRCNNPredictor(1024, num_categories),
            fg_iou_thresh=0.5, bg_iou_thresh=0.5, batch_size_per_image=box_batch_size_per_image,
            positive_fraction=0.25, bbox_reg_weights=None, score_thresh=box_score_thresh,
            nms_thresh=box_nms_thresh, detections_per_img=box_detections_per_img, **masks,
        )  # fmt: skip

    def forward(
        self, image_list: Tensor, raw_features: Sequence[Tensor], targets: Any = None,
        size: Sequence[int] | None = None,
    ) -> tuple[list[dict[str, Tensor]], Tensor | None]:  # fmt: skip
        """Outputs, and the sum of the losses if there are targets.

        Args:
            image_list: The images, their sides multiples of every stride in use.
            raw_features: Maps, finest first.
            targets: One dictionary an image.
            size: Height and width without what was padded; boxes do not leave it.

        Raises:
            ConfigError: No targets in training mode, or targets that are none.
        """
        batch, padded = image_list.shape[0], tuple(image_list.shape[-2:])
        size = tuple(size or padded)
        device = raw_features[0].device
        truth = None
        if targets is not None:
            masks = self.task is Head.INSTANCE
            truth = box_targets(
                targets, batch, size, self.num_categories, masks=masks, device=device
            )
        elif self.training:
            raise ConfigError(
                "there are no targets: in training mode boxes are not found but learnt; pass "
                "targets, or call model.eval()"
            )
        # Boxes in bfloat16 would be off by pixels.
        with torch.autocast(device.type, enabled=False):
            maps = OrderedDict((f"feat{i}", raw_features[i].float()) for i in self.use_layers)
            loss = None if truth is None else self._loss(maps, padded, size, truth)
            return ([] if self.training else self._find(maps, padded, size, batch)), loss

    def _find(
        self, maps: dict[str, Tensor], padded: Any, size: Any, batch: int
    ) -> list[dict[str, Tensor]]:
        images = _images(maps, padded, size, batch)
        proposals, _ = self.rpn(images, maps)
        found, _ = self.roi_heads(maps, proposals, images.image_sizes)
        for one in found:
            if "masks" in one:
                one["masks"] = roi_heads.paste_masks_in_image(one["masks"], one["boxes"], size)
        return list(found)

    def _loss(
        self, maps: dict[str, Tensor], padded: Any, size: Any, truth: list[dict[str, Tensor]]
    ) -> Tensor:
        images = _images(maps, padded, size, len(truth))
        was = self.rpn.training, self.roi_heads.training
        # Both compute losses only when they train; nothing else in them depends on it.
        self.rpn.training = self.roi_heads.training = True
        try:
            proposals, first = self.rpn(images, maps, truth)
            _, second = self.roi_heads(maps, proposals, images.image_sizes, truth)
        finally:
            self.rpn.training, self.roi_heads.training = was
        return torch.stack([*first.values(), *second.values()]).sum()


def _images(
    maps: dict[str, Tensor], padded: tuple[int, int], size: tuple[int, int], batch: int
) -> image_list.ImageList:
    pixels = next(iter(maps.values())).new_empty(batch, 0, *padded)  # only the shape is read
    return image_list.ImageList(pixels, [size] * batch)


def _pool(layers: Sequence[int], scales: list[float], side: int) -> MultiScaleRoIAlign:
    pool = MultiScaleRoIAlign([f"feat{i}" for i in layers], output_size=side, sampling_ratio=2)
    # By itself it takes the strides 1, 4, 8, 16 for five levels, and finds no map for the last.
    pool.scales, pool.map_levels = scales, LevelMapper(0, len(scales) - 1)
    return pool
