"""Panopticon: channels of any optical or radar sensor, attended to patch by patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.channel_attention import ChannelPatchEmbed, identifiers, radar_id
from swath.models.factory import Request
from swath.models.registry import register_model, resolve_weights
from swath.models.vit import check_patches
from swath.models.vit_tokens import TokenViT, resample_positions
from swath.models.wavelengths import known_bands
from swath.models.weights import WeightsEnum, weight

__all__ = ["Panopticon", "Panopticon_Weights", "panopticon_vitb14"]


class _Trunk(TokenViT):
    """The ViT, and the patch embedding that stands before it."""

    def __init__(self, *, attn_dim: int, embed_dim: int, patch_size: int, **kwargs: Any) -> None:
        super().__init__(embed_dim=embed_dim, patch_size=patch_size, **kwargs)
        self.patch_embed = ChannelPatchEmbed(attn_dim, embed_dim, patch_size)


class Panopticon(nn.Module):
    """Panopticon, https://arxiv.org/abs/2503.10845.

    Every channel is cut into patches by the same kernels; an embedding says what the channel is;
    and cross attention over the channels makes one token of a patch. So one set of parameters
    takes any number of channels in any order, optical and radar together. A DINOv2 ViT follows.

    A channel is told by a whole number (`chn_ids`): its centre wavelength in nanometres, or for
    radar -1 (VV), -2 (VH), -3 (HH), -4 (HV), 4 less (-5 … -8) on an ascending orbit, 8 less
    (-9 … -12) on a descending one.

    Beyond TorchGeo's class of this name: images of any size that is a multiple of the patch
    (positions are interpolated; sizes that are not are refused, not cut off), default channels
    from the names of bands, an image may be passed without the dictionary, and other depths. With
    the same parameters the output is the same.

    Args:
        attn_dim: Numbers of a channel's token; a multiple of 48 (three parts, 16 heads).
        embed_dim: Channels of a patch's token.
        img_size: Side of the image in pixels that the positions are for.
        depth: Blocks.
        num_heads: Heads of a block.
        patch_size: Side of a patch in pixels.

    Raises:
        ConfigError: Sizes that do not go together.
    """

    bands: tuple[str, ...]

    def __init__(
        self,
        attn_dim: int = 2304,
        embed_dim: int = 768,
        img_size: int = 224,
        *,
        depth: int = 12,
        num_heads: int = 12,
        patch_size: int = 14,
    ) -> None:
        super().__init__()
        self.model = _Trunk(
            img_size=img_size, patch_size=patch_size, embed_dim=embed_dim, depth=depth,
            num_heads=num_heads, mlp_ratio=4.0, norm_layer=partial(nn.LayerNorm, eps=1e-6),
            layer_scale=1e-5, fixed_positions=False, attn_dim=attn_dim,
        )  # fmt: skip
        self.feature_info = [
            {**info, "module": f"model.{info['module']}"} for info in self.model.feature_info
        ]
        self.bands = ()
        self.chn_ids: tuple[int, ...] | None = None

    def set_bands(self, bands: Sequence[str | float], sensor: str | None = None) -> None:
        """Say which bands images have, so that `chn_ids` can be left out from then on.

        Args:
            bands: Names or centre wavelengths, as `known_bands` takes them. Radar's are those of
                an unknown orbit.
            sensor: Whose names they are, where that is not plain.

        Raises:
            BandError: No such band, or no telling which.
        """
        self.chn_ids = tuple(
            radar_id(b.polarisation or b.name)
            if b.wavelength is None
            else round(b.wavelength * 1000)
            for b in known_bands(bands, sensor)
        )
        self.bands = tuple(str(b) for b in bands)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the blocks again in the backward pass instead of keeping what they computed."""
        self.model.set_grad_checkpointing(enable)

    def forward_features(
        self,
        x_dict: Mapping[str, Tensor] | Tensor,
        chn_ids: Sequence[int] | Tensor | None = None,
    ) -> Tensor:
        """As `forward`, which has no head to add."""
        return self.model.pool(self.model.transform(self._tokens(x_dict, chn_ids)[0])[-1])

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Features as they are: there is no head."""
        return self.model.forward_head(x, pre_logits)

    def forward(
        self,
        x_dict: Mapping[str, Tensor] | Tensor,
        chn_ids: Sequence[int] | Tensor | None = None,
    ) -> Tensor:
        """Images to their class tokens (B, embed_dim).

        Args:
            x_dict: ``imgs`` (B, C, H, W), normalised, H and W multiples of the patch; ``chn_ids``
                (B, C), what the channels are (see the class); and, where images have fewer
                channels than others of the batch, ``spec_masks`` (B, C), True where a channel is
                padding. Or the images alone.
            chn_ids: (B, C) or (C,), where `x_dict` has none; those of `set_bands` where nobody
                says.

        Raises:
            BandError: Channels are not told, or are none that there are.
            ConfigError: H or W is not a multiple of the patch, or the dictionary lacks images.
        """
        return self.forward_head(self.forward_features(x_dict, chn_ids))

    def forward_intermediates(
        self,
        x: Mapping[str, Tensor] | Tensor,
        chn_ids: Sequence[int] | Tensor | None = None,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Features (B, embed_dim) and the blocks' maps [(B, embed_dim, h, w)], or the maps alone.

        Args:
            x: As `forward`.
            chn_ids: As `forward`.
            indices: Blocks wanted; the last so many if a number, all if left out.
            norm: Normalise the maps as the output is.
            output_fmt: ``"NCHW"``, ``"NHWC"`` or ``"NLC"``, of the maps.
            intermediates_only: The maps alone.

        Raises:
            ConfigError: No such block or format, or as `forward`.
            BandError: As `forward`.
        """
        tokens, grid = self._tokens(x, chn_ids)
        return self.model.intermediates(tokens, grid, indices, norm, output_fmt, intermediates_only)

    def _tokens(
        self, x: Mapping[str, Tensor] | Tensor, chn_ids: Sequence[int] | Tensor | None
    ) -> tuple[Tensor, tuple[int, int]]:
        mask: Tensor | None = None
        if isinstance(x, Mapping):
            if "imgs" not in x:
                raise ConfigError(f"the dictionary has {', '.join(x)}: expected imgs and chn_ids")
            chn_ids = x.get("chn_ids", chn_ids)  # type: ignore[arg-type]
            images, mask = x["imgs"], x.get("spec_masks")
        else:
            images = x
        patch = self.model.patch_size
        check_patches(images.shape[-2:], (patch, patch))
        ids = identifiers(self.chn_ids if chn_ids is None else chn_ids, images)
        tokens, grid = self.model.patch_embed(images, ids, mask)
        return self.model.place(tokens, grid), grid


class Panopticon_Weights(WeightsEnum):
    """Weights of `panopticon_vitb14`: the teacher.

    Trained on many sensors, each channel normalised by its own mean and standard deviation; there
    is no transform. No licence is known for the file.
    """

    VIT_BASE14 = weight(
        "https://hf.co/lewaldm/panopticon/resolve/c8c2bb9555819e8b2bcedf5b3b00e3bf531554e7/"
        "panopticon_vitb14_teacher.pth",
        model="panopticon_vitb14",
        dataset="optical and radar images of many sensors (section 4 of the paper)",
        publication="https://arxiv.org/abs/2503.10845",
        repo="https://github.com/Panopticon-FM/panopticon",
        ssl_method="dinov2+spectral_progressive_pretraining",
    )


@register_model(weights=Panopticon_Weights, bands="any")
def panopticon_vitb14(
    weights: Panopticon_Weights | str | None = None,
    img_size: int = 224,
    *,
    bands: Sequence[str | float] | None = None,
    sensor: str | None = None,
    **kwargs: Any,
) -> Panopticon:
    """Panopticon on ViT-B/14.

    Args:
        weights: A member, its name, or None for random numbers. Its positions, made for 518 pixels,
            are resampled to `img_size`.
        img_size: Side of the image in pixels that the positions are for; others can be fed.
        bands: Of the user's images, in order, for `Panopticon.set_bands`: ``model(x)`` is enough
            then.
        sensor: Whose names they are, where that is not plain.
        **kwargs: For `Panopticon`.

    Raises:
        ConfigError: There are no such weights.
        BandError: No such band, or no telling which.
    """
    model = Panopticon(img_size=img_size, **kwargs)
    own = model.state_dict()
    Request(resolve_weights(Panopticon_Weights, weights), None, (), None).finish(
        model,
        rename={r"^(?!model\.)": "model."},
        unused=(r"^model\.mask_token$",),
        prepare=lambda tensors: resample_positions(tensors, own, "model.pos_embed"),
    )
    if bands is not None:
        model.set_bands(bands, sensor)
    return model
