"""DOFA: one transformer for any set of bands, told apart by wavelength."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torchvision.models import Weights

from swath.models.factory import Request
from swath.models.hypernetwork import DynamicPatchEmbed
from swath.models.presets import Preset
from swath.models.registry import register_model, resolve_weights
from swath.models.vit import check_patches
from swath.models.vit_tokens import TokenViT, resample_positions, sincos
from swath.models.wavelengths import Quantity, known_bands
from swath.models.weights import WeightsEnum, weight

__all__ = [
    "DOFA",
    "DOFABase16_Weights",
    "DOFALarge16_Weights",
    "dofa_base_patch16_224",
    "dofa_huge_patch14_224",
    "dofa_large_patch16_224",
    "dofa_small_patch16_224",
]

#: What the published weights were told of Sentinel-1's VV and VH: a placeholder, no wavelength.
RADAR = 3.75
WAVELENGTHS = Quantity(
    "wavelengths", "µm", 0.1, 100.0,
    f"Radar has {RADAR:g} in the published weights (its wavelength is beyond what they saw)",
)  # fmt: skip


class DOFA(TokenViT):
    """Dynamic One-For-All, https://arxiv.org/abs/2403.15356.

    A hypernetwork writes the patch embedding's kernel of each channel from the channel's centre
    wavelength, so one set of parameters takes any number of channels in any order: bands that are
    permuted together with their wavelengths give the same output.

    Beyond TorchGeo's class of this name: images of any size that is a multiple of the patch
    (positions are interpolated; sizes that are not are refused, not cut off), default wavelengths
    from the names of bands, `dynamic_embed_dim` is heeded (there it is 128 whatever one says),
    and the fixed positions of a new network are the paper's sines and cosines (there zeros, which
    is no positions at all). With the same parameters the output is the same.

    Args:
        img_size: Side of the image in pixels that the positions are for.
        patch_size: Side of a patch in pixels.
        drop_rate: Dropout before the head.
        embed_dim: Channels of a token.
        depth: Blocks.
        num_heads: Heads of a block.
        dynamic_embed_dim: Numbers that describe a channel to the hypernetwork; a multiple of 4.
        num_classes: Of the head; 0 for none.
        global_pool: Mean of the patches as the image's features; else the class token.
        mlp_ratio: Hidden channels of a block's MLP, in multiples of `embed_dim`.
        norm_layer: Called with the number of channels; LayerNorm with epsilon 1e-6 if left out.

    Raises:
        ConfigError: Sizes that do not go together.
    """

    def __init__(
        self,
        img_size: int = 224,
        patch_size: int = 16,
        drop_rate: float = 0.0,
        embed_dim: int = 1024,
        depth: int = 24,
        num_heads: int = 16,
        dynamic_embed_dim: int = 128,
        num_classes: int = 45,
        global_pool: bool = True,
        mlp_ratio: float = 4.0,
        norm_layer: type[nn.Module] | None = None,
    ) -> None:
        super().__init__(
            img_size=img_size, patch_size=patch_size, embed_dim=embed_dim, depth=depth,
            num_heads=num_heads, mlp_ratio=mlp_ratio, num_classes=num_classes,
            norm_layer=norm_layer or partial(nn.LayerNorm, eps=1e-6), global_pool=global_pool,
            drop_rate=drop_rate,
        )  # fmt: skip
        self.dynamic_embed_dim = dynamic_embed_dim
        self.wavelengths: tuple[float, ...] | None = None
        self.patch_embed = DynamicPatchEmbed(dynamic_embed_dim, patch_size, embed_dim)

    def set_bands(self, bands: Sequence[str | float], sensor: str | None = None) -> None:
        """Say which bands images have, so that `wavelengths` can be left out from then on.

        Args:
            bands: Names or centre wavelengths, as `known_bands` takes them.
            sensor: Whose names they are, where that is not plain.

        Raises:
            BandError: No such band, or no telling which.
        """
        found = known_bands(bands, sensor)
        self.wavelengths = tuple(RADAR if b.wavelength is None else b.wavelength for b in found)
        self.bands = tuple(str(b) for b in bands)

    def forward_features(
        self, x: Tensor, wavelengths: Sequence[float] | Tensor | None = None
    ) -> Tensor:
        """Image (B, C, H, W) to features (B, embed_dim); see `forward`."""
        return self.pool(self.transform(self._tokens(x, wavelengths)[0])[-1])

    def forward(self, x: Tensor, wavelengths: Sequence[float] | Tensor | None = None) -> Tensor:
        """Image (B, C, H, W) to logits (B, num_classes).

        Args:
            x: Normalised image; H and W multiples of the patch.
            wavelengths: Centre of each channel in micrometres; 3.75 for radar with the published
                weights. Left out: those of `set_bands`.

        Raises:
            BandError: No wavelengths, not one for each channel, or in another unit.
            ConfigError: H or W is not a multiple of the patch.
        """
        return self.forward_head(self.forward_features(x, wavelengths))

    def forward_intermediates(
        self,
        x: Tensor,
        wavelengths: Sequence[float] | Tensor | None = None,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Features (B, embed_dim) and the blocks' maps [(B, embed_dim, h, w)], or the maps alone.

        Args:
            x: As `forward`.
            wavelengths: As `forward`.
            indices: Blocks wanted; the last so many if a number, all if left out.
            norm: Normalise the maps as the output is.
            output_fmt: ``"NCHW"``, ``"NHWC"`` or ``"NLC"``, of the maps.
            intermediates_only: The maps alone.

        Raises:
            ConfigError: No such block or format, or as `forward`.
            BandError: As `forward`.
        """
        tokens, grid = self._tokens(x, wavelengths)
        return self.intermediates(tokens, grid, indices, norm, output_fmt, intermediates_only)

    def _tokens(
        self, x: Tensor, wavelengths: Sequence[float] | Tensor | None
    ) -> tuple[Tensor, tuple[int, int]]:
        check_patches(x.shape[-2:], (self.patch_size, self.patch_size))
        waves = WAVELENGTHS.tensor(wavelengths, self.wavelengths, x, "DOFA")
        # nanometres, as positions are counted
        tokens, grid = self.patch_embed(x, sincos(waves * 1000, self.dynamic_embed_dim))
        return self.place(tokens, grid), grid


def _published(size: str, url: str) -> Weights:
    return weight(
        url,
        Preset(crop=224),
        model=f"dofa_{size}_patch16_224",
        dataset="SatlasPretrain, Five-Billion-Pixels, HySpecNet-11k",
        publication="https://arxiv.org/abs/2403.15356",
        repo="https://github.com/zhu-xlab/DOFA",
        license="CC-BY-4.0",
        ssl_method="mae",
    )


_HUB = "https://hf.co/torchgeo/dofa/resolve/b8db318b64a90b9e085ec04ba8851233c5893666/"


class DOFABase16_Weights(WeightsEnum):
    """Weights of `dofa_base_patch16_224`.

    Trained on Sentinel-1, Sentinel-2, Gaofen, NAIP and EnMAP images, each normalised by its own
    mean and standard deviation; `transforms` crops and leaves values alone.
    """

    DOFA_MAE = _published("base", f"{_HUB}dofa_base_patch16_224-a0275954.pth")


class DOFALarge16_Weights(WeightsEnum):
    """Weights of `dofa_large_patch16_224`; see `DOFABase16_Weights`."""

    DOFA_MAE = _published("large", f"{_HUB}dofa_large_patch16_224-0ff904d3.pth")


def _dofa(
    enum: type[WeightsEnum] | None,
    weights: Any,
    args: tuple[Any, ...],
    bands: Sequence[str | float] | None,
    sensor: str | None,
    kwargs: dict[str, Any],
    **size: Any,
) -> DOFA:
    member = None if enum is None else resolve_weights(enum, weights)
    model = DOFA(*args, **{**size, **kwargs})
    own = model.state_dict()
    mine, other = ("fc_norm", "norm") if model.global_pool else ("norm", "fc_norm")
    request = Request(member, None, (), None)
    request.finish(
        model,
        # pre-training has no head, and normalises whatever it pools
        absent=(r"^head\.", rf"^{mine}\."),
        unused=(r"^head\.", rf"^{other}\.", r"^mask_token$", r"^(decoder|projector)"),
        prepare=lambda tensors: resample_positions(tensors, own),
    )
    if bands is not None:
        model.set_bands(bands, sensor)
    return model


@register_model(tasks=("backbone", "classification"), bands="any")
def dofa_small_patch16_224(
    *args: Any,
    bands: Sequence[str | float] | None = None,
    sensor: str | None = None,
    **kwargs: Any,
) -> DOFA:
    """DOFA on ViT-S/16; nothing is published for it. See `dofa_base_patch16_224`."""
    size = {"patch_size": 16, "embed_dim": 384, "depth": 12, "num_heads": 6}
    return _dofa(None, None, args, bands, sensor, kwargs, **size)


@register_model(weights=DOFABase16_Weights, tasks=("backbone", "classification"), bands="any")
def dofa_base_patch16_224(
    weights: DOFABase16_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    sensor: str | None = None,
    **kwargs: Any,
) -> DOFA:
    """DOFA on ViT-B/16.

    Args:
        weights: A member, its name, or None for random numbers. The head is never loaded.
        *args: For `DOFA`.
        bands: Of the user's images, in order, for `DOFA.set_bands`: ``model(x)`` is enough then.
        sensor: Whose names they are, where that is not plain.
        **kwargs: For `DOFA`.

    Raises:
        ConfigError: There are no such weights.
        BandError: No such band, or no telling which.
    """
    size = {"patch_size": 16, "embed_dim": 768, "depth": 12, "num_heads": 12}
    return _dofa(DOFABase16_Weights, weights, args, bands, sensor, kwargs, **size)


@register_model(weights=DOFALarge16_Weights, tasks=("backbone", "classification"), bands="any")
def dofa_large_patch16_224(
    weights: DOFALarge16_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    sensor: str | None = None,
    **kwargs: Any,
) -> DOFA:
    """DOFA on ViT-L/16; see `dofa_base_patch16_224`."""
    size = {"patch_size": 16, "embed_dim": 1024, "depth": 24, "num_heads": 16}
    return _dofa(DOFALarge16_Weights, weights, args, bands, sensor, kwargs, **size)


@register_model(tasks=("backbone", "classification"), bands="any")
def dofa_huge_patch14_224(
    *args: Any,
    bands: Sequence[str | float] | None = None,
    sensor: str | None = None,
    **kwargs: Any,
) -> DOFA:
    """DOFA on ViT-H/14; nothing is published for it. See `dofa_base_patch16_224`."""
    size = {"patch_size": 14, "embed_dim": 1280, "depth": 32, "num_heads": 16}
    return _dofa(None, None, args, bands, sensor, kwargs, **size)
