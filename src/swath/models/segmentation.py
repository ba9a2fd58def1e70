"""Decoders of segmentation-models-pytorch on any backbone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.features import Features, extend, feature_levels, image_size
from swath.models.registry import get_model
from swath.models.weights import nearest

__all__ = ["DECODERS", "SegmentationModel", "segmentation_model"]


@dataclass(frozen=True)
class _Decoder:
    """How a decoder of segmentation-models-pytorch is built.

    Attributes:
        place: Module and class.
        options: Of its `Arguments`, unless the user says otherwise; (strides, widths) to options.
        width: Channels that come out, from its options.
        half: Whether it works on a map of half the resolution: ``"made"`` where a backbone has
            none, ``"empty"`` if it may be left out there, ``"unused"``.
    """

    place: tuple[str, str]
    options: Callable[[Sequence[int], Sequence[int]], dict[str, Any]]
    width: Callable[[Mapping[str, Any]], int]
    half: str = "unused"


def _levels(strides: Sequence[int], widths: Sequence[int]) -> dict[str, Any]:
    """A level upwards for each stride."""
    return {
        "encoder_channels": widths,
        "decoder_channels": (256, 128, 64, 32, 16),
        "n_blocks": len(strides),
    }


def _aspp(strides: Sequence[int], widths: Sequence[int]) -> dict[str, Any]:
    """Rates of the paper, 6, 12 and 18 at a stride of 16, so that their reach stays as it is."""
    rates = tuple(max(round(r * 16 / strides[-1]), 1) for r in (6, 12, 18))
    return {"out_channels": 256, "atrous_rates": rates, "aspp_dropout": 0.5}


def _pyramid(strides: Sequence[int], widths: Sequence[int]) -> dict[str, Any]:
    return {"encoder_channels": widths, "encoder_depth": 5}


#: Decoders by name.
DECODERS: dict[str, _Decoder] = {
    "unet": _Decoder(
        ("unet", "UnetDecoder"), _levels, lambda o: o["decoder_channels"][-1], "empty"
    ),
    "unet++": _Decoder(
        ("unetplusplus", "UnetPlusPlusDecoder"),
        _levels,
        lambda o: o["decoder_channels"][-1],
        "made",
    ),
    "linknet": _Decoder(
        ("linknet", "LinknetDecoder"),
        lambda s, w: {"encoder_channels": w, "n_blocks": len(s), "prefinal_channels": 32},
        lambda o: o["prefinal_channels"],
        "made",
    ),
    "manet": _Decoder(
        ("manet", "MAnetDecoder"), _levels, lambda o: o["decoder_channels"][-1], "made"
    ),
    "fpn": _Decoder(
        ("fpn", "FPNDecoder"),
        lambda s, w: _pyramid(s, w) | {"segmentation_channels": 128, "merge_policy": "add"},
        lambda o: o["segmentation_channels"] * (4 if o["merge_policy"] == "cat" else 1),
    ),
    "upernet": _Decoder(
        ("upernet", "UPerNetDecoder"),
        lambda s, w: _pyramid(s, w) | {"decoder_channels": 256},
        lambda o: o["decoder_channels"],
    ),
    "segformer": _Decoder(
        ("segformer", "SegformerDecoder"),
        lambda s, w: _pyramid(s, w) | {"segmentation_channels": 256},
        lambda o: o["segmentation_channels"],
    ),
    "deeplabv3": _Decoder(
        ("deeplabv3", "DeepLabV3Decoder"),
        lambda s, w: _aspp(s, w) | {"in_channels": w[-1], "aspp_separable": False},
        lambda o: o["out_channels"],
    ),
    "deeplabv3+": _Decoder(
        ("deeplabv3", "DeepLabV3PlusDecoder"),
        lambda s, w: (
            _aspp(s, w)
            | {"encoder_channels": w, "encoder_depth": 5, "output_stride": 16}
            | {"aspp_separable": True}
        ),
        lambda o: o["out_channels"],
    ),
}


class SegmentationModel(nn.Module):
    """A backbone, a decoder, a head: (B, C, H, W) to (B, num_classes, H, W), any H and W.

    `segmentation_model` builds it.

    Args:
        encoder: Features at the scales that the decoder wants.
        decoder: Of segmentation-models-pytorch, on maps of stride 1, 2, 4, …
        width: Channels of the decoder's map.
        num_classes: Channels that come out.
        kernel: Of the head's convolution.
    """

    def __init__(
        self, encoder: Features, decoder: nn.Module, width: int, num_classes: int, kernel: int = 3
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.segmentation_head = nn.Conv2d(width, num_classes, kernel, padding=kernel // 2)

    def forward(self, x: Any = None, **conditions: Any) -> Tensor:
        """(B, C, H, W) to (B, num_classes, H, W).

        Args:
            x: Images, or what else the backbone takes first.
            **conditions: For the backbone, by name (see `Features`).
        """
        return self.with_maps(x, **conditions)[0]

    def with_maps(self, x: Any = None, **conditions: Any) -> tuple[Tensor, list[Tensor]]:
        """As `forward`; and the encoder's maps, finest first, for further heads."""
        size = image_size(x, *conditions.values())
        multiple = max(self.encoder.multiple, 4)
        whole = [-(-n // multiple) * multiple for n in size]
        given = {k: extend(v, size, whole) for k, v in conditions.items()}
        found_maps = self.encoder(extend(x, size, whole), **given)
        maps = dict(zip(self.encoder.strides, found_maps, strict=True))
        # Where the decoder looks at no map, there is one without channels that has its size.
        empty = maps[self.encoder.strides[-1]][:, :0]
        levels = [
            maps.get(2**i, empty.new_zeros(len(empty), 0, whole[0] // 2**i, whole[1] // 2**i))
            for i in range(max(self.encoder.strides).bit_length())
        ]
        found: Tensor = self.segmentation_head(self.decoder(levels))
        if list(found.shape[-2:]) != whole:
            found = nn.functional.interpolate(found, size=whole, mode="bilinear")
        return found[..., : size[0], : size[1]], found_maps


def segmentation_model(
    backbone: nn.Module | str,
    decoder: str = "unet",
    num_classes: int = 2,
    *,
    conditions: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **backbone_options: Any,
) -> SegmentationModel:
    """Put a decoder on a backbone.

    Args:
        backbone: A model of `swath.models`, timm or torchvision that gives features (see
            `Features`), or the name of one of `swath.models`.
        decoder: One of `DECODERS`.
        num_classes: Channels that come out.
        conditions: Named arguments of the backbone that stay the same (wavelengths, …).
        options: For the decoder's class in segmentation-models-pytorch: ``decoder_channels``, …
        **backbone_options: For the backbone's builder, where `backbone` is a name: ``weights``,
            ``bands``, ``in_chans``, …

    Raises:
        ConfigError: There is no such decoder or backbone, or it gives no features.
    """
    if decoder not in DECODERS:
        raise ConfigError(f"there is no decoder {decoder!r}: {nearest(decoder, DECODERS)}")
    if num_classes < 1:
        raise ConfigError(f"num_classes is {num_classes}: expected at least 1")
    if isinstance(backbone, str):
        backbone = get_model(backbone, **backbone_options)
    elif backbone_options:
        raise ConfigError(
            f"{', '.join(backbone_options)}: the backbone is built already; these go with its name"
        )
    kind = DECODERS[decoder]
    strides = _strides(kind, backbone)
    encoder = Features(backbone, strides, conditions=conditions)
    widths = dict(zip(strides, encoder.channels, strict=True))
    count = strides[-1].bit_length()
    chosen = kind.options(
        [2**i for i in range(1, count)], [widths.get(2**i, 0) for i in range(count)]
    )
    chosen |= dict(options or {})
    module = importlib.import_module(
        f"segmentation_models_pytorch.decoders.{kind.place[0]}.decoder"
    )
    try:
        built: nn.Module = getattr(module, kind.place[1])(**chosen)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"cannot build the decoder {decoder!r} with {chosen}: {error}") from error
    if decoder == "deeplabv3+":
        built.up = nn.Upsample(scale_factor=strides[-1] / 4, mode="bilinear")
    model = SegmentationModel(encoder, built, kind.width(chosen), num_classes)
    from segmentation_models_pytorch.base.initialization import initialize_decoder

    initialize_decoder(built)
    return model


def _strides(kind: _Decoder, backbone: nn.Module) -> list[int]:
    """Strides of the maps that a decoder wants of a backbone."""
    has = {r for _, r in feature_levels(backbone)}
    if kind.place[0] == "deeplabv3":
        # the deepest map that the backbone has of itself: dilated ones end at 8 or 16
        deepest = max(16 if len(has) == 1 else int(min(max(has), 32)), 8)
        return [4, deepest] if kind.place[1] == "DeepLabV3PlusDecoder" else [deepest]
    half = kind.half == "made" or (kind.half == "empty" and 2 in has)
    return [*([2] if half else []), 4, 8, 16, 32]
