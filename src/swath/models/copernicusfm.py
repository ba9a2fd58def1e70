"""Copernicus-FM: any spectral or non-spectral variable, with place, area and time where known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.descriptions import LANGUAGE, check_metadata, fourier, language_rows
from swath.models.factory import Request
from swath.models.hypernetwork import DynamicPatchEmbed
from swath.models.registry import register_model, resolve_weights
from swath.models.vit import check_patches
from swath.models.vit_tokens import TokenViT, resample_positions
from swath.models.wavelengths import Quantity, known_bands, may_look
from swath.models.weights import WeightsEnum, weight

__all__ = ["CopernicusFM", "CopernicusFM_Base_Weights", "copernicusfm_base"]

#: Centre and width in nanometres taken for both polarisations of Sentinel-1 (C band, about 5 cm).
#: The width is not confirmed by a page that can be cited: pass your own with `bandwidths`.
RADAR = (5e7, 1e9)
_RADAR = f"Sentinel-1 has {RADAR[0]:g} with a bandwidth of {RADAR[1]:g}"
WAVELENGTHS = Quantity("wavelengths", "nm", 100.0, 1e9, _RADAR)
BANDWIDTHS = Quantity("bandwidths", "nm", 1.0, 1e9, _RADAR)

Numbers = Sequence[float] | Tensor


class CopernicusFM(TokenViT):
    """Copernicus-FM, https://arxiv.org/abs/2503.11849.

    Two hypernetworks write the patch embedding's kernels: from each band's centre wavelength and
    bandwidth (``input_mode="spectral"``), or from an embedding of a variable's name
    (``"variable"``: elevation, a gas). Where a patch lies, how large it is and when it was seen
    is added to every token; what is not known (NaN) has a learned token instead.

    Beyond TorchGeo's class of this name: metadata of one image that are missing leave the other
    images of the batch theirs (there, one NaN takes them from all), metadata may be left out,
    images need not be square, several variables can be fed at once, and values out of range are
    refused by name. Sizes that are no multiple of the patch are refused, not cut off. With the
    same parameters the output is the same.

    Args:
        img_size: Side of the image in pixels that the positions are for.
        patch_size: Side of a patch in pixels, unless `kernel_size` says otherwise.
        drop_rate: Dropout before the head.
        embed_dim: Channels of a token; a multiple of 4.
        depth: Blocks.
        num_heads: Heads of a block.
        hyper_dim: Numbers that describe a channel to the hypernetworks; a multiple of 4.
        num_classes: Of the head; 0 for none.
        global_pool: Mean of the patches as the image's features; else the class token.
        mlp_ratio: Hidden channels of a block's MLP, in multiples of `embed_dim`.
        norm_layer: Called with the number of channels.

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
        hyper_dim: int = 128,
        num_classes: int = 0,
        global_pool: bool = True,
        mlp_ratio: float = 4.0,
        norm_layer: type[nn.Module] = nn.LayerNorm,
    ) -> None:
        super().__init__(
            img_size=img_size, patch_size=patch_size, embed_dim=embed_dim, depth=depth,
            num_heads=num_heads, mlp_ratio=mlp_ratio, num_classes=num_classes,
            norm_layer=norm_layer, global_pool=global_pool, drop_rate=drop_rate,
        )  # fmt: skip
        self.hyper_dim = hyper_dim
        self.wavelengths: tuple[float, ...] | None = None
        self.bandwidths: tuple[float, ...] | None = None
        self.patch_embed_spectral = DynamicPatchEmbed(hyper_dim, patch_size, embed_dim)
        self.patch_embed_variable = DynamicPatchEmbed(hyper_dim, patch_size, embed_dim, LANGUAGE)
        for what in ("coord", "scale", "time"):
            setattr(self, f"{what}_fc", nn.Linear(embed_dim, embed_dim))
            token = nn.Parameter(torch.empty(1, 1, embed_dim))
            setattr(self, f"{what}_token", nn.init.normal_(token, std=0.02))

    def set_bands(self, bands: Sequence[str | float], sensor: str | None = None) -> None:
        """Say which bands images have: `wavelengths` and `bandwidths` can be left out from then on.

        Args:
            bands: Names or centre wavelengths, as `known_bands` takes them; a bare wavelength has
                no bandwidth, which must then be passed with every image.
            sensor: Whose names they are, where that is not plain.

        Raises:
            BandError: No such band, or no telling which.
        """
        found = known_bands(bands, sensor)
        pairs = [RADAR if b.wavelength is None else (b.wavelength * 1e3, b.width * 1e3)
                 for b in found]  # fmt: skip
        self.wavelengths = tuple(round(centre, 3) for centre, _ in pairs)
        widths = tuple(round(width, 3) for _, width in pairs)
        self.bandwidths = widths if all(widths) else None
        self.bands = tuple(str(b) for b in bands)

    def get_coord_pos_embed(self, lons: Tensor, lats: Tensor, embed_dim: int) -> Tensor:
        """Longitudes and latitudes (N,) in degrees to (N, 1, embed_dim), half for each."""
        halves = [
            fourier(degrees, embed_dim // 2, 1e-4, 720) for degrees in (lons + 180, lats + 90)
        ]
        return torch.cat(halves, dim=-1).unsqueeze(1)

    def get_area_pos_embed(self, areas: Tensor, embed_dim: int) -> Tensor:
        """Areas of a patch (N,) in km² to (N, 1, embed_dim); waves up to the Earth's surface."""
        return fourier(areas, embed_dim, 1e-3, 5.1e8).unsqueeze(1)

    def get_time_pos_embed(self, times: Tensor, embed_dim: int) -> Tensor:
        """Days since 1970 (N,) to (N, 1, embed_dim); waves of a day to a year."""
        return fourier(times, embed_dim, 1, 365.25).unsqueeze(1)

    def forward_features(
        self,
        x: Tensor,
        metadata: Tensor | None = None,
        wavelengths: Numbers | None = None,
        bandwidths: Numbers | None = None,
        language_embed: Tensor | None = None,
        input_mode: Literal["spectral", "variable"] = "spectral",
        kernel_size: int | None = None,
    ) -> Tensor:
        """Image (B, C, H, W) to features (B, embed_dim); see `forward`."""
        tokens, _ = self._tokens(
            x, metadata, wavelengths, bandwidths, language_embed, input_mode, kernel_size
        )
        return self.pool(self.transform(tokens)[-1])

    def forward(
        self,
        x: Tensor,
        metadata: Tensor | None = None,
        wavelengths: Numbers | None = None,
        bandwidths: Numbers | None = None,
        language_embed: Tensor | None = None,
        input_mode: Literal["spectral", "variable"] = "spectral",
        kernel_size: int | None = None,
    ) -> Tensor:
        """Image (B, C, H, W) to features (B, embed_dim), or logits if there is a head.

        Args:
            x: Normalised image; H and W multiples of the patch.
            metadata: (B, 4): longitude and latitude in degrees, days since 1970-01-01, area of a
                patch in km². NaN for what is not known; nothing is known if left out.
            wavelengths: Centre of each channel in nanometres, for ``"spectral"``. Left out: those
                of `set_bands`.
            bandwidths: Width of each channel in nanometres, likewise.
            language_embed: (2048,), or (C, 2048) for several channels: embedding by Llama 3.2 1B
                of the variable's name, for ``"variable"``.
            input_mode: What the channels are.
            kernel_size: Side of a patch in pixels: kernels are resized to it. The papers' images
                of coarse sensors are small and have small patches. Under 3 pixels the padding
                adds rows and columns of tokens.

        Raises:
            BandError: No wavelengths or bandwidths, not one for each channel, or in another unit.
            ConfigError: Metadata out of range, another `input_mode`, H or W not a multiple of the
                patch.
        """
        return self.forward_head(
            self.forward_features(
                x, metadata, wavelengths, bandwidths, language_embed, input_mode, kernel_size
            )
        )

    def forward_intermediates(
        self,
        x: Tensor,
        metadata: Tensor | None = None,
        wavelengths: Numbers | None = None,
        bandwidths: Numbers | None = None,
        language_embed: Tensor | None = None,
        input_mode: Literal["spectral", "variable"] = "spectral",
        kernel_size: int | None = None,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Features (B, embed_dim) and the blocks' maps [(B, embed_dim, h, w)], or the maps alone.

        Arguments up to `kernel_size` are those of `forward`; a cell of a map is `kernel_size`
        pixels then, whatever `feature_info` says.

        Args:
            x: As `forward`.
            metadata: As `forward`.
            wavelengths: As `forward`.
            bandwidths: As `forward`.
            language_embed: As `forward`.
            input_mode: As `forward`.
            kernel_size: As `forward`.
            indices: Blocks wanted; the last so many if a number, all if left out.
            norm: Normalise the maps as the output is.
            output_fmt: ``"NCHW"``, ``"NHWC"`` or ``"NLC"``, of the maps.
            intermediates_only: The maps alone.

        Raises:
            ConfigError: No such block or format, or as `forward`.
            BandError: As `forward`.
        """
        tokens, grid = self._tokens(
            x, metadata, wavelengths, bandwidths, language_embed, input_mode, kernel_size
        )
        return self.intermediates(tokens, grid, indices, norm, output_fmt, intermediates_only)

    def _tokens(
        self,
        x: Tensor,
        metadata: Tensor | None,
        wavelengths: Numbers | None,
        bandwidths: Numbers | None,
        language_embed: Tensor | None,
        input_mode: str,
        kernel_size: int | None,
    ) -> tuple[Tensor, tuple[int, int]]:
        size = self.patch_size if kernel_size is None else kernel_size
        if size < 1:
            raise ConfigError(f"kernel_size is {kernel_size}: expected pixels, 1 or more")
        check_patches(x.shape[-2:], (size, size))
        if input_mode == "spectral":
            centres = WAVELENGTHS.tensor(wavelengths, self.wavelengths, x, "Copernicus-FM")
            widths = BANDWIDTHS.tensor(bandwidths, self.bandwidths, x, "Copernicus-FM")
            channels = fourier(centres, self.hyper_dim, 100, 1e9)
            channels = channels + fourier(widths, self.hyper_dim, 1, 1e9)
            tokens, grid = self.patch_embed_spectral(x, channels, kernel_size)
        elif input_mode == "variable":
            project = self.patch_embed_variable.language_proj
            channels = project(language_rows(language_embed, x).to(project.weight.dtype))
            tokens, grid = self.patch_embed_variable(x, channels, kernel_size)
        else:
            raise ConfigError(f"input_mode is {input_mode!r}: expected 'spectral' or 'variable'")
        return self.place(tokens, grid, self._metadata(metadata, x)), grid

    def _metadata(self, metadata: Tensor | None, x: Tensor) -> Tensor:
        """(B, 4), NaN where not known, to what is added to every token, (B, 1, embed_dim)."""
        if metadata is None:
            metadata = x.new_full((1, 4), math.nan, dtype=torch.float32)
        batch = x.shape[0]
        rows = metadata[None] if metadata.ndim == 1 else metadata
        if rows.ndim != 2 or rows.shape[1] != 4 or rows.shape[0] not in (1, batch):
            raise ConfigError(
                f"metadata has the shape {tuple(metadata.shape)} for {batch} images: expected "
                f"({batch}, 4), longitude, latitude, days since 1970 and area of a patch in km²"
            )
        if may_look(rows):
            check_metadata(rows)
        lon, lat, days, area = rows.to(x.device).expand(batch, 4).unbind(1)
        dim = self.embed_dim
        parts = (
            ("coord", lon.isnan() | lat.isnan(),
             self.get_coord_pos_embed(lon.nan_to_num(), lat.nan_to_num(), dim)),
            ("scale", area.isnan(), self.get_area_pos_embed(area.nan_to_num(), dim)),
            ("time", days.isnan(), self.get_time_pos_embed(days.nan_to_num(), dim)),
        )  # fmt: skip
        total = torch.zeros((), device=x.device)
        for what, missing, known in parts:
            token: Tensor = getattr(self, f"{what}_token")
            said = torch.where(missing[:, None, None], token, known.to(token.dtype))
            total = total + getattr(self, f"{what}_fc")(said)
        return total


class CopernicusFM_Base_Weights(WeightsEnum):
    """Weights of `copernicusfm_base`.

    Trained on Sentinel-1, 2, 3, 5P and elevation, each variable normalised by its own mean and
    standard deviation; there is no transform.
    """

    CopernicusFM_ViT = weight(
        "https://huggingface.co/torchgeo/copernicus-fm/resolve/"
        "f395812cc990ba25a451dbb9c9e6d95c8482947e/CopernicusFM_ViT_base_varlang-085350e4.pth",
        model="copernicusfm_base",
        dataset="Copernicus-Pretrain",
        publication="https://arxiv.org/abs/2503.11849",
        repo="https://github.com/zhu-xlab/Copernicus-FM",
        license="CC-BY-4.0",
        ssl_method="mae+distill",
    )


@register_model(
    weights=CopernicusFM_Base_Weights, tasks=("backbone", "classification"), bands="any"
)
def copernicusfm_base(
    weights: CopernicusFM_Base_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    sensor: str | None = None,
    **kwargs: Any,
) -> CopernicusFM:
    """Copernicus-FM on ViT-B/16.

    Args:
        weights: A member, its name, or None for random numbers. The head is never loaded.
        *args: For `CopernicusFM`.
        bands: Of the user's images, in order, for `CopernicusFM.set_bands`: ``model(x)`` is
            enough then.
        sensor: Whose names they are, where that is not plain.
        **kwargs: For `CopernicusFM`.

    Raises:
        ConfigError: There are no such weights.
        BandError: No such band, or no telling which.
    """
    size = {"patch_size": 16, "embed_dim": 768, "depth": 12, "num_heads": 12}
    model = CopernicusFM(*args, **{**size, **kwargs})
    own = model.state_dict()
    mine, other = ("fc_norm", "norm") if model.global_pool else ("norm", "fc_norm")
    Request(resolve_weights(CopernicusFM_Base_Weights, weights), None, (), None).finish(
        model,
        # pre-training has no head, and normalises whatever it pools
        absent=(r"^head\.", rf"^{mine}\."),
        unused=(r"^head\.", rf"^{other}\.", r"^mask_token$", r"^(decoder|projector)"),
        prepare=lambda tensors: resample_positions(tensors, own),
    )
    if bands is not None:
        model.set_bands(bands, sensor)
    return model
