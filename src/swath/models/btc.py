"""BTC: a Swin transformer for both dates, the difference of its maps, a UPerNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.models.dimensions import check_series
from swath.models.presets import Preset
from swath.models.published import IMAGENET
from swath.models.registry import nearest, register_model
from swath.models.swin import Swin, swin_b, swin_s, swin_t

__all__ = ["BTC"]

_SWINS: dict[str, Callable[..., Swin]] = {
    "swin_tiny": swin_t, "swin_small": swin_s, "swin_base": swin_b,
}  # fmt: skip


@register_model(tasks=("change",))
class BTC(nn.Module):
    """Be The Change, https://arxiv.org/abs/2507.03367: a plain network, well trained.

    The maps of the second date are subtracted from those of the first at four scales. Any size of
    at least 4 × 4 pixels.

    Colours (3 channels) are expected between 0 and 1 and normalised within, by the mean and
    standard deviation of ImageNet. Any other number of channels has to be normalised by the
    caller, unless `bands` fits pre-trained weights to them.

    Args:
        backbone: ``"swin_tiny"``, ``"swin_small"`` or ``"swin_base"``.
        backbone_pretrained: Begin with weights that have seen the street scenes of Cityscapes.
        classes: Channels of the output.
        in_channels: Of one date.
        bands: Of one date, in order: the first layer of the pre-trained weights is fitted to them.
        decoder_channels: Width of the decoder.

    Raises:
        ConfigError: There is no such backbone.
        BandError: The pre-trained weights do not fit the channels or bands.
    """

    def __init__(
        self,
        backbone: str,
        backbone_pretrained: bool = False,
        classes: int = 1,
        in_channels: int = 3,
        *,
        bands: Sequence[str | float] | None = None,
        decoder_channels: int = 512,
    ) -> None:
        super().__init__()
        if backbone not in _SWINS:
            raise ConfigError(
                f"there is no backbone {backbone!r}: {nearest(str(backbone), _SWINS)}"
            )
        self.encoder = _Encoder(_SWINS[backbone], backbone_pretrained, in_channels, bands)
        self.in_channels = self.encoder.in_channels
        self.decoder = _Decoder(self.encoder.channels, decoder_channels)
        self.final_layer = nn.Sequential(nn.Conv2d(decoder_channels, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images of two dates to logits of change (B, classes, H, W).

        Args:
            x: (B, 2 · C, H, W), the first date's channels first, or (B, 2, C, H, W).

        Raises:
            ConfigError: Not of that shape.
            BandError: Another number of channels.
        """
        if x.ndim == 4:
            if x.shape[1] != 2 * self.in_channels:
                raise BandError(
                    f"the pair of images has the shape {tuple(x.shape)}: expected (B, 2 · C, H, W) "
                    f"or (B, 2, C, H, W) with C = {self.in_channels}"
                )
            x = x.reshape(x.shape[0], 2, self.in_channels, *x.shape[2:])
        check_series(x, self.in_channels, 2, "the pair of images")
        batch = x.shape[0]
        maps = [m.unflatten(0, (batch, 2)) for m in self.encoder(x.flatten(0, 1))]
        changes = [m[:, 0] - m[:, 1] for m in maps]
        logits: Tensor = self.final_layer(self.decoder(changes))
        return F.interpolate(logits, size=x.shape[-2:], mode="bilinear", align_corners=False)


class _Decoder(UPerNetDecoder):  # type: ignore[misc]
    """UPerNet on maps at strides 4 to 32 that have their norms already.

    Its class in segmentation-models-pytorch counts the image and its half as maps of an encoder,
    and passes them over: here they are empty.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__((0, 0, *widths), len(widths), channels)
        for level in range(len(self.feature_norms)):
            self.feature_norms[level] = nn.Identity()

    def forward(self, features: list[Tensor]) -> Tensor:
        """Maps (B, width, H / s, W / s) to one (B, channels, H / 4, W / 4)."""
        empty = features[0].new_zeros(())
        fused: Tensor = super().forward([empty, empty, *features])
        return fused


class _Encoder(nn.Module):
    """A Swin transformer's four maps, each with a norm: channels first."""

    def __init__(
        self,
        build: Callable[..., Swin],
        pretrained: bool,
        in_channels: int,
        bands: Sequence[str | float] | None,
    ) -> None:
        super().__init__()
        if bands is not None:
            if in_channels not in (3, len(bands)):
                raise BandError(
                    f"in_channels is {in_channels} and there are {len(bands)} bands: {bands}"
                )
            in_channels = len(bands)
        if in_channels < 1:
            raise ConfigError(f"in_channels is {in_channels}: expected at least 1")
        if pretrained and bands is None and in_channels != 3:
            raise BandError(
                f"in_channels is {in_channels} and the pre-trained weights are for 3 (red, green, "
                "blue): name yours with bands=(…) and the first layer is fitted to them"
            )
        weights = "CITYSCAPES_SEMSEG" if pretrained else None
        swin = build(weights, bands=bands, in_chans=in_channels)
        self.in_channels = in_channels
        self.channels = [int(level["num_chs"]) for level in swin.feature_info]
        self.feature_extractor = nn.ModuleDict({"features": swin.features})
        fitted: Any = getattr(swin, "transforms", None)
        plain = Preset(*IMAGENET) if in_channels == 3 else nn.Identity()
        self.image_normalization: nn.Module = plain if fitted is None else fitted
        self.norms = nn.ModuleList(nn.LayerNorm(n) for n in self.channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) to maps 4, 8, 16 and 32 times smaller."""
        if min(x.shape[-2:]) < 4:
            raise ConfigError(
                f"an image of {x.shape[-2]} × {x.shape[-1]} pixels is smaller than a patch: "
                "expected at least 4 × 4"
            )
        x = self.image_normalization(x)
        maps = []
        layers: Any = self.feature_extractor["features"]
        for i, norm in enumerate(self.norms):
            # patches, or merging of four of them, then the blocks of the stage
            x = layers[2 * i + 1](layers[2 * i](x))
            maps.append(norm(x).permute(0, 3, 1, 2))
        return maps
