"""Scale-MAE: a vision transformer whose positions are metres on the ground.

Source: Reed et al. 2023, https://arxiv.org/abs/2212.14532.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from swath.errors import ConfigError
from swath.models.factory import Request
from swath.models.presets import Preset
from swath.models.published import IMAGENET
from swath.models.registry import register_model
from swath.models.vit import check_patches
from swath.models.weights import WeightsEnum, weight

__all__ = ["ScaleMAE", "ScaleMAELarge16_Weights", "gsd_encoding", "scalemae_large_patch16"]


class ScaleMAELarge16_Weights(WeightsEnum):
    """Published weights of `scalemae_large_patch16`.

    The images were pictures of commercial satellites with 0.3 to 1 m a pixel, for which there is
    no sensor of their own here: they count as aerial.
    """

    FMOW_RGB = weight(
        "https://hf.co/isaaccorley/vit_large_patch16_224_fmow_rgb_scalemae/resolve/"
        "75650aaca720ef9c6638d16f5b4375f0022c56c9/"
        "vit_large_patch16_224_fmow_rgb_scalemae-386989c9.pth",
        Preset(0.0, 255.0, then=IMAGENET, bands=("R", "G", "B")),
        model="vit_large_patch16", dataset="fMoW", publication="https://arxiv.org/abs/2212.14532",
        repo="https://github.com/bair-climate-initiative/scale-mae", license="CC-BY-NC-4.0",
        ssl_method="scale-mae", sensor="aerial", bands=("R", "G", "B"), units="uint8",
        img_size=224,
    )  # fmt: skip


def gsd_encoding(height: int, width: int, dim: int, res: float | Tensor = 1.0) -> Tensor:
    """(1 or B, height · width, dim): sines and cosines of patch numbers times ground distance.

    The first half of `dim` is for columns, the second for rows; in each half the sines of
    ``res · i / 10000^(4k/dim)`` for k = 0 … dim/4 - 1, then the cosines. Patches at the same
    ``res · i`` have the same encoding, whatever the resolution: those of an image and of the same
    image with half the pixel size, every second one. Source: equation 1 of
    https://arxiv.org/abs/2212.14532 with a reference of 1 metre.

    Args:
        height: Rows of patches.
        width: Columns of patches.
        dim: A multiple of 4.
        res: Metres a pixel: one number, or a tensor (B,) with one an image.

    Raises:
        ConfigError: `dim` is no multiple of 4, or `res` is not positive.
    """
    if dim % 4:
        raise ConfigError(f"the width of a token is {dim}: expected a multiple of 4")
    res = _resolution(res)
    kind = torch.float32 if res.device.type == "mps" else torch.float64
    place = {"device": res.device, "dtype": kind}
    steps = torch.arange(dim // 4, **place) * 4 / dim  # type: ignore[call-overload]
    frequency = res.to(kind)[:, None, None] / 10000.0**steps

    def axis(count: int) -> Tensor:
        angle = torch.arange(count, **place)[:, None] * frequency  # type: ignore[call-overload]
        return torch.cat([angle.sin(), angle.cos()], -1)

    columns = axis(width)[:, None].expand(-1, height, -1, -1)
    rows = axis(height)[:, :, None].expand(-1, -1, width, -1)
    return torch.cat([columns, rows], -1).flatten(1, 2).float()


def _resolution(res: float | Sequence[float] | Tensor) -> Tensor:
    """(1,) or (B,)."""
    found = torch.as_tensor(res)
    found = (found if found.is_floating_point() else found.float()).reshape(-1)
    # values are not known while a graph is traced
    if (
        not torch.compiler.is_compiling()
        and not found.is_meta
        and not bool((torch.isfinite(found) & (found > 0)).all())
    ):
        raise ConfigError(f"res is {found.tolist()}: expected metres a pixel, above 0")
    return found


class ScaleMAE(VisionTransformer):
    """timm's vision transformer with positions by ground sample distance.

    ``pos_embed`` is in the state dict because published files have it; it is frozen and not used:
    the encoding is computed for the size and resolution of each image, so any multiple of the
    patch will do for height and width. The class token and registers get none.

    Args:
        res: Metres a pixel. May be changed later (``model.res = 0.3``), or said in the forward
            pass, for all images or for each.
        *args: For `timm.models.vision_transformer.VisionTransformer`.
        **kwargs: The same. ``dynamic_img_size`` is True unless it is set.

    Raises:
        ConfigError: `res` is not positive, or the width is no multiple of 4.
    """

    def __init__(self, res: float = 1.0, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("dynamic_img_size", True)
        super().__init__(*args, **kwargs)
        _resolution(res)
        self.res: float | Tensor = res
        if self.pos_embed is not None:
            self.pos_embed.requires_grad = False
        height, width = self.patch_embed.grid_size
        gsd_encoding(height, width, self.embed_dim, 1.0)  # refuses widths

    def _at(self, res: float | Sequence[float] | Tensor | None) -> ScaleMAE:
        """The model itself, or one that shares everything with it except the resolution."""
        if res is None:
            return self
        twin = copy.copy(self)
        twin.res = _resolution(res)
        return twin

    def _pos_embed(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            height, width = x.shape[1:3]
            x = x.flatten(1, 2)
        else:
            height, width = self.patch_embed.grid_size
        res = _resolution(self.res).to(x.device)
        if res.shape[0] not in (1, x.shape[0]):
            raise ConfigError(
                f"res has {res.shape[0]} numbers and the batch {x.shape[0]} images: expected one "
                "number, or one an image"
            )
        x = x + gsd_encoding(height, width, self.embed_dim, res).to(x.dtype)
        front = [
            t.expand(x.shape[0], -1, -1) for t in (self.cls_token, self.reg_token) if t is not None
        ]
        x = torch.cat([*(t.to(x.dtype) for t in front), x], 1)
        dropped: Tensor = self.pos_drop(x)
        return dropped

    def _check(self, x: Tensor) -> None:
        check_patches(x.shape[-2:], self.patch_embed.patch_size)

    def forward(
        self,
        x: Tensor,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        *,
        res: float | Sequence[float] | Tensor | None = None,
    ) -> Tensor:
        """(B, C, H, W) to (B, classes), or to features (B, D) without a head.

        Args:
            x: Images whose height and width are multiples of the patch.
            attn_mask: As timm has it.
            is_causal: As timm has it.
            res: Metres a pixel, one number or one an image; `self.res` if left out.

        Raises:
            ConfigError: A size that cannot be cut into patches, or an impossible `res`.
        """
        self._check(x)
        masked: dict[str, Any] = {"attn_mask": attn_mask, "is_causal": is_causal}
        # older versions of timm know nothing of masks
        given = masked if attn_mask is not None or is_causal else {}
        out: Tensor = super(ScaleMAE, self._at(res)).forward(x, **given)
        return out

    def forward_intermediates(
        self,
        x: Tensor,
        *args: Any,
        res: float | Sequence[float] | Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Tokens after each block as maps, as timm has it, for images of `res` metres a pixel."""
        self._check(x)
        return super(ScaleMAE, self._at(res)).forward_intermediates(x, *args, **kwargs)


@register_model(weights=ScaleMAELarge16_Weights, tasks=("backbone", "classification"))
def scalemae_large_patch16(
    weights: ScaleMAELarge16_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> ScaleMAE:
    """Scale-MAE with ViT-L/16, https://arxiv.org/abs/2212.14532.

    Args:
        weights: A member, its name, or None for random numbers.
        *args: For `ScaleMAE`, `res` first.
        bands: Of the user's image, in order: the first layer is fitted to them.
        **kwargs: For `ScaleMAE`: ``res``, ``img_size``, ``in_chans``, ``num_classes``, …

    Raises:
        ConfigError: There are no such weights.
        BandError: The bands do not fit the weights.
    """
    request = Request.settle(ScaleMAELarge16_Weights, weights, bands, kwargs)
    sizes = {"patch_size": 16, "embed_dim": 1024, "depth": 24, "num_heads": 16}
    model = ScaleMAE(*args, **{**sizes, **kwargs})
    own = model.state_dict()

    def prepare(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        there = tensors.get("pos_embed")  # of another image size: it is not used anyway
        if there is not None and there.shape != own["pos_embed"].shape:
            del tensors["pos_embed"]
        return tensors

    return request.finish(
        model, stem="patch_embed.proj.weight", absent=(r"^head\.", r"^pos_embed$"),
        unused=(r"^(head|decoder\w*|fpn\w*|fcn\w*)(\.|$)", r"^mask_token"), prepare=prepare,
    )  # fmt: skip
