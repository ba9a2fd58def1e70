"""ChangeStar: change detection on top of any network for segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from swath.errors import ConfigError
from swath.models.dimensions import check_series, pad_to_multiple
from swath.models.farseg import FarSeg, classifier
from swath.models.registry import nearest, register_model

__all__ = ["ChangeMixin", "ChangeStar", "ChangeStarFarSeg"]

Mode = Literal["t1t2", "t2t1", "mean"]


class ChangeMixin(nn.Module):
    """Makes change out of the features of two dates, https://arxiv.org/abs/2108.07002.

    Args:
        in_channels: Channels of the features, both dates together.
        inner_channels: Channels within.
        num_convs: Convolutions, each with a batch norm and a ReLU, before the last one.
        scale_factor: How many times larger the output is than the features.

    Raises:
        ConfigError: Fewer than one convolution.
    """

    def __init__(
        self,
        in_channels: int = 256,
        inner_channels: int = 16,
        num_convs: int = 4,
        scale_factor: float = 4.0,
    ) -> None:
        super().__init__()
        if num_convs < 1:
            raise ConfigError(f"num_convs is {num_convs}: expected at least 1")
        self.in_channels = in_channels
        widths = [in_channels] + [inner_channels] * num_convs
        self.convs = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(widths[i], inner_channels, 3, padding=1),
                    nn.BatchNorm2d(inner_channels),
                    nn.ReLU(True),
                )
                for i in range(num_convs)
            ),
            nn.Conv2d(inner_channels, 1, 3, padding=1),
            nn.UpsamplingBilinear2d(scale_factor=scale_factor),
        )

    def forward(self, bi_feature: Tensor) -> list[Tensor]:
        """Features (B, 2, C, h, w) to the logits of change, (B, 1, H, W) each.

        Both orders go through together: the first output is from the first date to the second,
        the second one is from the second date to the first.

        Raises:
            ConfigError: Not of that shape.
            BandError: Other channels than half of `in_channels`.
        """
        check_series(bi_feature, self.in_channels // 2, 2, "the pair of features")
        first, second = bi_feature.unbind(1)
        both = torch.cat([torch.cat([first, second], 1), torch.cat([second, first], 1)])
        return list(self.convs(both).chunk(2))


class ChangeStar(nn.Module):
    """Change detection out of a network for segmentation, https://arxiv.org/abs/2108.07002.

    Args:
        dense_feature_extractor: Images (N, C, H, W) to features (N, D, h, w), such as a network
            for segmentation without its classifier.
        seg_classifier: Features to logits of the classes, (N, classes, H, W).
        changemixin: Features of two dates to change, usually a `ChangeMixin`.
        inference_mode: What a trained network answers: change from the first date to the second
            (``"t1t2"``), the other way round (``"t2t1"``), or the mean of both probabilities
            (``"mean"``), which does not change when the dates are swapped.

    Raises:
        ConfigError: There is no such mode.
    """

    def __init__(
        self,
        dense_feature_extractor: nn.Module,
        seg_classifier: nn.Module,
        changemixin: ChangeMixin,
        inference_mode: Mode = "t1t2",
    ) -> None:
        super().__init__()
        if inference_mode not in get_args(Mode):
            raise ConfigError(
                f"there is no inference_mode {inference_mode!r}: "
                f"{nearest(str(inference_mode), get_args(Mode))}"
            )
        self.dense_feature_extractor = dense_feature_extractor
        self.seg_classifier = seg_classifier
        self.changemixin = changemixin
        self.inference_mode = inference_mode

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Images of two dates (B, 2, C, H, W) to what the mode of training or evaluation wants.

        Returns:
            ``bi_seg_logit``: logits of the classes at both dates, (B, 2, classes, H, W). In
            training ``bi_change_logit``: logits of change in both orders, (B, 2, 1, H, W). In
            evaluation ``change_prob``: its probability, (B, 1, H, W).

        Raises:
            ConfigError: Not of that shape.
        """
        check_series(x, dates=2, what="the pair of images")
        batch = x.shape[0]
        features = self.dense_feature_extractor(x.flatten(0, 1))
        segments = self.seg_classifier(features).unflatten(0, (batch, 2))
        change = self.changemixin(features.unflatten(0, (batch, 2)))
        if self.training:
            return {"bi_seg_logit": segments, "bi_change_logit": torch.stack(change, 1)}
        if self.inference_mode == "mean":
            chance = (change[0].sigmoid() + change[1].sigmoid()) / 2
        else:
            chance = change[0 if self.inference_mode == "t1t2" else 1].sigmoid()
        return {"bi_seg_logit": segments, "change_prob": chance}


@register_model(tasks=("change",))
class ChangeStarFarSeg(ChangeStar):
    """ChangeStar on `FarSeg`, https://arxiv.org/abs/2108.07002. Any size, as `FarSeg`.

    Args:
        backbone: As of `FarSeg`.
        classes: Channels of the segmentation.
        backbone_weights: As of `FarSeg`.
        in_channels: Of one date; as of `FarSeg`.
        inference_mode: As of `ChangeStar`.
        bands: Of one date; as of `FarSeg`.

    Raises:
        ConfigError: There is no such backbone or mode, or the weights are for another backbone.
        BandError: The weights are for other bands.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        classes: int = 1,
        backbone_weights: WeightsEnum | None = None,
        in_channels: int | None = None,
        inference_mode: Mode = "t1t2",
        *,
        bands: Sequence[str | float] | None = None,
    ) -> None:
        network = FarSeg(backbone, classes, backbone_weights, in_channels, bands=bands)
        network.decoder.classifier = nn.Identity()
        super().__init__(
            network, classifier(128, classes), ChangeMixin(256, 16, 4, 4.0), inference_mode
        )
        self.in_channels = network.in_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Images of two dates (B, 2, C, H, W); see `ChangeStar.forward`.

        Raises:
            ConfigError: Not of that shape.
            BandError: Another number of channels.
        """
        check_series(x, self.in_channels, 2, "the pair of images")
        height, width = x.shape[-2:]
        found = super().forward(pad_to_multiple(x, 32))
        return {name: value[..., :height, :width] for name, value in found.items()}
