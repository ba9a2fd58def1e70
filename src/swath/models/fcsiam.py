"""Fully convolutional Siamese networks: one encoder for two dates, one decoder for their change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationHead, SegmentationModel
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor

from swath.errors import ConfigError
from swath.models.dimensions import check_series
from swath.models.encoders import check_encoder
from swath.models.registry import nearest, register_model

__all__ = ["FCSiamConc", "FCSiamDiff"]

Difference = Literal["absolute", "signed"]


@register_model(tasks=("change",))
class FCSiamConc(SegmentationModel):  # type: ignore[misc]
    """FC-Siam-conc: the features of both dates on top of each other, at every scale.

    https://arxiv.org/abs/1810.08462 (ICIP 2018), with the encoders and the U-Net decoder of
    segmentation-models-pytorch in place of the paper's small ones. The second date's channels come
    first. Any size that the encoder takes; convolutional ones take all.

    Args:
        encoder_name: Of segmentation-models-pytorch.
        encoder_depth: Its stages, 3 to 5.
        encoder_weights: ``"imagenet"`` and whatever else there is for it, or None.
        decoder_use_batchnorm: Norm of the decoder: True, False, a name or a dict, as
            ``decoder_use_norm`` of `segmentation_models_pytorch.Unet`.
        decoder_channels: Of each stage of the decoder, as many as `encoder_depth`.
        decoder_attention_type: None or ``"scse"``.
        in_channels: Of one date.
        classes: Channels of the output.
        activation: After the last convolution: None, ``"sigmoid"``, ``"softmax"``, …, a callable.
        **kwargs: For the encoder, such as ``img_size`` of a transformer.

    Raises:
        ConfigError: There is no such encoder, or the numbers contradict each other.
    """

    def __init__(
        self,
        encoder_name: str = "resnet34",
        encoder_depth: int = 5,
        encoder_weights: str | None = "imagenet",
        decoder_use_batchnorm: bool | str | dict[str, Any] = "batchnorm",
        decoder_channels: Sequence[int] = (256, 128, 64, 32, 16),
        decoder_attention_type: str | None = None,
        in_channels: int = 3,
        classes: int = 1,
        activation: str | Callable[[Tensor], Tensor] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        _check_encoder(encoder_name, encoder_depth, decoder_channels)
        self.in_channels = in_channels
        self.encoder = get_encoder(
            encoder_name, in_channels=in_channels, depth=encoder_depth, weights=encoder_weights,
            **kwargs,
        )  # fmt: skip
        self.decoder = UnetDecoder(
            # the full resolution is no skip: its number only has to be there
            encoder_channels=[n * 2 for n in self.encoder.out_channels],
            decoder_channels=decoder_channels,
            n_blocks=encoder_depth,
            use_norm=decoder_use_batchnorm,
            attention_type=decoder_attention_type,
            add_center_block=encoder_name.startswith("vgg"),
        )
        self.segmentation_head = SegmentationHead(
            in_channels=decoder_channels[-1], out_channels=classes, activation=activation,
            kernel_size=3,
        )  # fmt: skip
        self.classification_head = None
        self.name = f"u-{encoder_name}"
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        """Images of two dates (B, 2, C, H, W) to logits of change (B, classes, H, W).

        Raises:
            ConfigError: Not of that shape.
            BandError: Another number of channels.
        """
        check_series(x, self.in_channels, 2, "the pair of images")
        first, second = self.encoder(x[:, 0]), self.encoder(x[:, 1])
        skips = [torch.cat([b, a], 1) for a, b in zip(first[1:], second[1:], strict=True)]
        found: Tensor = self.segmentation_head(self.decoder([second[0], *skips]))
        return found


@register_model(tasks=("change",))
class FCSiamDiff(smp.Unet):  # type: ignore[misc]
    """FC-Siam-diff: the difference between the features of both dates, at every scale.

    https://arxiv.org/abs/1810.08462 (ICIP 2018), with the encoders and the U-Net decoder of
    segmentation-models-pytorch in place of the paper's small ones. Any size that the encoder
    takes; convolutional ones take all.

    The paper takes the absolute value of the difference, so that swapping the dates changes
    nothing, and so does this class. TorchGeo takes the second date minus the first: a model
    trained there goes on with ``difference="signed"``.

    Args:
        *args: For `segmentation_models_pytorch.Unet`.
        difference: ``"absolute"`` or ``"signed"``.
        **kwargs: For `segmentation_models_pytorch.Unet`.

    Raises:
        ConfigError: There is no such encoder or difference, or the numbers contradict each other.
    """

    def __init__(self, *args: Any, difference: Difference = "absolute", **kwargs: Any) -> None:
        given = dict(zip(_UNET, args, strict=False)) | kwargs
        _check_encoder(
            given.get("encoder_name", "resnet34"),
            given.get("encoder_depth", 5),
            given.get("decoder_channels", (256, 128, 64, 32, 16)),
        )
        if difference not in get_args(Difference):
            raise ConfigError(
                f"there is no difference {difference!r}: "
                f"{nearest(str(difference), get_args(Difference))}"
            )
        # the older of its two names draws a warning
        if "decoder_use_batchnorm" in kwargs:
            kwargs["decoder_use_norm"] = kwargs.pop("decoder_use_batchnorm")
        super().__init__(*args, **kwargs)
        self.in_channels = given.get("in_channels", 3)
        self.difference = difference

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Images of two dates (B, 2, C, H, W) to logits of change (B, classes, H, W).

        With ``aux_params``, the output of the classification head, (B, its classes), comes second,
        as from `segmentation_models_pytorch.Unet`.

        Raises:
            ConfigError: Not of that shape.
            BandError: Another number of channels.
        """
        check_series(x, self.in_channels, 2, "the pair of images")
        first, second = self.encoder(x[:, 0]), self.encoder(x[:, 1])
        skips = [b - a for a, b in zip(first[1:], second[1:], strict=True)]
        if self.difference == "absolute":
            skips = [skip.abs() for skip in skips]
        found: Tensor = self.segmentation_head(self.decoder([second[0], *skips]))
        if self.classification_head is not None:
            return found, self.classification_head(skips[-1])
        return found


#: Positional arguments of `segmentation_models_pytorch.Unet`.
_UNET = (
    "encoder_name", "encoder_depth", "encoder_weights", "decoder_use_norm", "decoder_channels",
    "decoder_attention_type", "decoder_interpolation", "in_channels", "classes", "activation",
    "aux_params",
)  # fmt: skip


def _check_encoder(name: str, depth: int, channels: Sequence[int]) -> None:
    check_encoder(name)
    if len(channels) != depth:
        raise ConfigError(
            f"decoder_channels has {len(channels)} numbers ({tuple(channels)}) and encoder_depth "
            f"is {depth}: expected one a stage"
        )
