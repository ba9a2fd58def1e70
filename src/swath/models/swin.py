"""Swin transformers of torchvision with weights that have seen satellite imagery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.swin_transformer import (
    PatchMergingV2,
    SwinTransformer,
    SwinTransformerBlockV2,
)

from swath.errors import ConfigError
from swath.models.dimensions import check_image
from swath.models.factory import Request
from swath.models.intermediates import deliver
from swath.models.prefixes import align_names
from swath.models.registry import register_model
from swath.models.swin_weights import (
    Swin_B_Weights,
    Swin_S_Weights,
    Swin_T_Weights,
    Swin_V2_B_Weights,
    Swin_V2_T_Weights,
    SwinBackbone_Weights,
)
from swath.models.weights import WeightsEnum

__all__ = [
    "Swin",
    "SwinBackbone_Weights",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_t",
]

#: Embedding, depths, heads, window and stochastic depth of each size, as published.
_SIZES: dict[str, dict[str, Any]] = {
    "t": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
    "s": {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24]},
    "b": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
}
_DROP = {"swin_t": 0.2, "swin_s": 0.3, "swin_b": 0.5, "swin_v2_t": 0.2, "swin_v2_b": 0.5}

#: What pre-training leaves in a file beside the network.
_LEFT_OVERS = (
    r"(^|\.)(fc|head|heads|projector|classifier|sem_seg_head|intermediates)\.",
    r"(^|\.)(fpn|upsample)\.",
    # one norm a stage, as networks for segmentation have them on their way out
    r"^norm\d\.",
)


class Swin(SwinTransformer):
    """torchvision's Swin transformer, for any number of channels, with its features at 4 scales.

    Args:
        in_chans: Channels of the image.
        **kwargs: For `torchvision.models.swin_transformer.SwinTransformer`.
    """

    feature_info: list[dict[str, Any]]

    def __init__(self, in_chans: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        stem = self.features[0][0]
        if in_chans != stem.in_channels:
            self.features[0][0] = nn.Conv2d(
                in_chans, stem.out_channels, stem.kernel_size, stem.stride
            )
        self.feature_info = [
            {
                "num_chs": stem.out_channels * 2**i,
                "reduction": stem.stride[0] * 2**i,
                "module": f"features.{2 * i + 1}",
            }
            for i in range(len(self.features) // 2)
        ]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, num_classes).

        Raises:
            BandError: Another number of channels.
            ConfigError: Other dimensions, or smaller than a patch.
        """
        self._check(x)
        found: Tensor = super().forward(x)
        return found

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Maps of the stages, as timm has it.

        Args:
            x: (B, C, H, W).
            indices: Stages; all if None, the last n if a number.
            norm: Put the last norm on the last stage's map.
            output_fmt: ``"NCHW"`` or ``"NHWC"``.
            intermediates_only: Return the maps alone.

        Returns:
            The last map (normed) and a list of maps (B, C, H/s, W/s), or the list.

        Raises:
            ConfigError: There is no such stage or format, or the image is too small.
        """
        self._check(x)
        maps: list[Tensor] = []
        for i in range(len(self.feature_info)):
            # patches (or merging of them), then the stage's blocks
            x = self.features[2 * i + 1](self.features[2 * i](x))
            maps.append(x.permute(0, 3, 1, 2))
        final = self.norm(x).permute(0, 3, 1, 2)
        if norm:
            maps[-1] = final
        return deliver(final, maps, indices, output_fmt, intermediates_only)

    def _check(self, x: Tensor) -> None:
        stem = self.features[0][0]
        check_image(x, stem.in_channels)
        patch = stem.kernel_size[0]
        if min(x.shape[-2:]) < patch:
            raise ConfigError(
                f"an image of {x.shape[-2]} × {x.shape[-1]} pixels is smaller than a patch: "
                f"expected at least {patch} × {patch}"
            )


def _swin(
    name: str,
    enum: type[WeightsEnum],
    weights: Any,
    args: tuple[Any, ...],
    bands: Sequence[str | float] | None,
    kwargs: dict[str, Any],
) -> Swin:
    request = Request.of(enum, weights, bands, kwargs.pop("in_chans", None))
    if args:
        raise ConfigError(f"{name} takes its arguments by name, found {args!r} after the weights")
    second = name.startswith("swin_v2")
    window = 8 if second else 7
    if request.weights is not None:
        window = request.weights.meta.get("window_size", window)
    settings: dict[str, Any] = {
        "patch_size": [4, 4],
        **_SIZES[name[-1]],
        "window_size": [window, window],
        "stochastic_depth_prob": _DROP[name],
    }
    if second:
        settings |= {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    model = Swin(request.in_channels or 3, **settings | kwargs)
    own = model.state_dict()
    return request.finish(
        # a backbone for segmentation is published without the norm before the head
        model, stem="features.0.0.weight", unused=_LEFT_OVERS,
        absent=(r"^head\.", r"^norm\.", r"relative_(position_index|coords_table)$"),
        prepare=lambda tensors: align_names(tensors, own),
    )  # fmt: skip


@register_model(weights=Swin_T_Weights, tasks=("backbone", "classification"))
def swin_t(
    weights: Swin_T_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> Swin:
    """Swin-T, https://arxiv.org/abs/2103.14030. Any size of at least one patch (4 pixels).

    Args:
        weights: A member, its name, or None for random numbers.
        *args: None: the rest goes by name.
        bands: Of the user's image, in order: the first layer is fitted to them.
        **kwargs: ``in_chans``, and what `torchvision.models.swin_transformer.SwinTransformer`
            takes (``num_classes``, ``dropout``, …). The head is never loaded.

    Raises:
        ConfigError: There are no such weights.
        BandError: The bands do not fit the weights.
    """
    return _swin("swin_t", Swin_T_Weights, weights, args, bands, kwargs)


@register_model(weights=Swin_S_Weights, tasks=("backbone", "classification"))
def swin_s(
    weights: Swin_S_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> Swin:
    """Swin-S; see `swin_t`."""
    return _swin("swin_s", Swin_S_Weights, weights, args, bands, kwargs)


@register_model(weights=Swin_B_Weights, tasks=("backbone", "classification"))
def swin_b(
    weights: Swin_B_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> Swin:
    """Swin-B; see `swin_t`. The published weights have windows of 12 × 12 instead of 7 × 7."""
    return _swin("swin_b", Swin_B_Weights, weights, args, bands, kwargs)


@register_model(weights=Swin_V2_T_Weights, tasks=("backbone", "classification"))
def swin_v2_t(
    weights: Swin_V2_T_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> Swin:
    """Swin-T version 2, https://arxiv.org/abs/2111.09883; see `swin_t`."""
    return _swin("swin_v2_t", Swin_V2_T_Weights, weights, args, bands, kwargs)


@register_model(weights=Swin_V2_B_Weights, tasks=("backbone", "classification"))
def swin_v2_b(
    weights: Swin_V2_B_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> Swin:
    """Swin-B version 2; see `swin_t`."""
    return _swin("swin_v2_b", Swin_V2_B_Weights, weights, args, bands, kwargs)
