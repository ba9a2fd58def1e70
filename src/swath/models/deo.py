"""DEO: a Swin transformer that learned from a multispectral and an optical teacher at once.

Source: Wolf et al. 2026, https://arxiv.org/abs/2602.19863.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, cast

from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.ops.misc import Permute

from swath.errors import BandError, ConfigError, GridError
from swath.models.factory import Request
from swath.models.intermediates import deliver
from swath.models.prefixes import align_names
from swath.models.presets import Preset
from swath.models.registry import nearest, register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["DEO", "DEO_Weights", "deo_base"]

_BANDS = ("B4", "B3", "B2", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
_MEAN = (
    0.4182007312774658, 0.4214799106121063, 0.3991275727748871, 1263.73947144, 1645.40315151,
    1846.87040806, 1762.59530783, 1972.62420416, 1732.16362238, 1247.91870117,
)  # fmt: skip
_STD = (
    0.28774282336235046, 0.27541765570640564, 0.2764017581939697, 948.9819932, 1108.06650639,
    1258.36394548, 1233.1492281, 1364.38688993, 1310.36996126, 1087.6020813,
)  # fmt: skip
#: Width, blocks and heads of each stage, side of the windows.
_SIZES: dict[str, tuple[int, tuple[int, ...], tuple[int, ...], int]] = {
    "swin_b": (128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
}


class DEO_Weights(WeightsEnum):
    """Published weights of `deo_base`.

    The ten channels are not in one unit, as the training mixed two data sets (the repository
    names both, fMoW-RGB and fMoW-Sentinel, and gives no units; the means tell): B4, B3 and B2 are
    a picture with values between 0 and 1, normalised with the statistics of fMoW-RGB, the other
    bands are digital numbers of Sentinel-2 level 1C (reflectance · 10,000), normalised with those
    of fMoW-Sentinel.
    """

    DEO_SWIN = weight(
        "https://huggingface.co/SolaireTheSun/DEO/resolve/"
        "e3111b635eda09ae534973b444db58b412c87f4c/"
        "filename-06c431372992ada3da5eb25362a4c6d477428b066c803e228e5de00272fad775.pth",
        Preset(_MEAN, _STD, bands=_BANDS),
        model="Swin_b",
        dataset="fMoW, fMoW-Sentinel",
        ssl_method="DEO",
        publication="https://arxiv.org/abs/2602.19863",
        repo="https://github.com/wolfilip/DEO-FM",
        license="MIT",
        sensor="sentinel2",
        bands=_BANDS,
        units="rgb01_s2_dn",
        img_size=224,
    )


class DEO(nn.Module):
    """A Swin transformer with a first layer for many bands and one for red, green and blue.

    Which of the two is taken follows from the number of channels: `in_chans` or 3. Any height and
    width from 4 pixels on will do; windows and merged patches are padded.

    Args:
        model: Size of the transformer, so far ``"swin_b"``.
        in_chans: Bands of the multispectral layer. With 3, that layer takes images of 3 bands.

    Raises:
        ConfigError: There is no such size.

    Source: https://arxiv.org/abs/2602.19863.
    """

    def __init__(self, model: Literal["swin_b"] = "swin_b", in_chans: int = 10) -> None:
        super().__init__()
        if model not in _SIZES:
            raise ConfigError(f"DEO has no model {model!r}: {nearest(str(model), _SIZES)}")
        width, depths, heads, window = _SIZES[model]
        swin = SwinTransformer(
            patch_size=[4, 4], embed_dim=width, depths=list(depths), num_heads=list(heads),
            window_size=[window, window], stochastic_depth_prob=0.5,
            norm_layer=partial(nn.LayerNorm, eps=1e-5),
        )  # fmt: skip
        swin.features = nn.Sequential(*list(swin.features)[1:])
        del swin.head
        swin.conv_ms = self._stem(in_chans, width)
        swin.conv_rgb = self._stem(3, width)
        self.in_chans = in_chans
        self.feat_extr = swin
        #: Width and stride of each level, as in timm.
        self.feature_info = [
            {
                "num_chs": width * 2**i,
                "reduction": 4 * 2**i,
                "module": f"feat_extr.features.{2 * i}",
            }
            for i in range(len(depths))
        ]

    @staticmethod
    def _stem(bands: int, width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(bands, width, 4, 4), Permute([0, 2, 3, 1]), nn.LayerNorm(width, eps=1e-5)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The last map, channels last, as the published code returns it and without its norm.

        Args:
            x: (B, `in_chans` or 3, H, W).

        Returns:
            (B, H / 32, W / 32, C), C = 1024 for ``"swin_b"``, sizes rounded up from the stem on.
            The documentation elsewhere says (B, C, H, W): that is what `forward_features` and
            `forward_intermediates` give.

        Raises:
            BandError: Neither `in_chans` nor 3 channels.
            GridError: Less than 4 pixels high or wide.
        """
        return self._maps(x)[-1]

    def forward_features(self, x: Tensor) -> list[Tensor]:
        """Maps of the four stages, (B, C, H / 4, W / 4) to (B, 8 C, H / 32, W / 32).

        Raises:
            BandError: Neither `in_chans` nor 3 channels.
            GridError: Less than 4 pixels high or wide.
        """
        return [m.permute(0, 3, 1, 2) for m in self._maps(x)]

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Maps of the four stages at 1/4 to 1/32 of the size, as timm gives them.

        Args:
            x: (B, `in_chans` or 3, H, W).
            indices: Levels wanted, or how many of the last; all if left out.
            norm: Put the last map through the final layer norm.
            output_fmt: ``"NCHW"`` or ``"NHWC"``.
            intermediates_only: Only the maps; else (the last map, maps).

        Raises:
            BandError: Neither `in_chans` nor 3 channels.
            GridError: Less than 4 pixels high or wide.
            ConfigError: There is no such level.
        """
        maps = self._maps(x)
        if norm:
            maps[-1] = self.feat_extr.norm(maps[-1])
        maps = [m.permute(0, 3, 1, 2) for m in maps]
        return deliver(maps[-1], maps, indices, output_fmt, intermediates_only)

    def _maps(self, x: Tensor) -> list[Tensor]:
        channels = x.shape[1] if x.ndim == 4 else 0
        if channels not in (self.in_chans, 3):
            raise BandError(
                f"the images have the shape {tuple(x.shape)}: expected (B, C, H, W) with "
                f"C = {self.in_chans} bands, or 3 (red, green, blue); for other bands give bands="
            )
        if min(x.shape[-2:]) < 4:
            raise GridError(
                f"the images are {x.shape[-2]}x{x.shape[-1]} pixels: expected 4x4 or more"
            )
        stem = self.feat_extr.conv_ms if channels == self.in_chans else self.feat_extr.conv_rgb
        x = cast(nn.Module, stem)(x)
        maps = []
        for i, stage in enumerate(self.feat_extr.features):
            x = stage(x)
            if i % 2 == 0:
                maps.append(x)
        return maps


@register_model(weights=DEO_Weights, tasks=("backbone", "embedding"))
def deo_base(
    weights: DEO_Weights | str | None = None,
    *args: Any,
    bands: Sequence[str | float] | None = None,
    **kwargs: Any,
) -> DEO:
    """DEO with a Swin-B.

    Args:
        weights: A member of `DEO_Weights`, its name, or None for random numbers.
        *args: For `DEO`.
        bands: The image's bands, in order, where they are not the weights' (see `fit_bands`):
            the multispectral first layer is fitted to them. Red, green and blue in this order
            need no fitting: they have a first layer of their own.
        **kwargs: For `DEO`.

    Raises:
        ConfigError: There are no such weights.
        BandError: The bands do not fit the weights.
    """
    request = Request.of(DEO_Weights, weights, bands, kwargs.get("in_chans"))
    fit = request.fit
    pictures = fit is not None and len(fit.target) == 3 and bool(
        (fit.mixing[:, :3].diagonal() == 1).all()
    )  # fmt: skip
    if pictures:
        kwargs["in_chans"] = len(_BANDS)
    elif request.in_channels is not None:
        kwargs["in_chans"] = request.in_channels
    model = DEO(*args, **kwargs)
    names = list(model.state_dict())
    loading: dict[str, Any] = {
        "prepare": lambda tensors: align_names(tensors, names),
        "absent": (r"relative_position_index$",),
        "unused": (r"(^|\.)head\.",),
    }
    if pictures:
        return _rgb(request, model, loading)
    return request.finish(model, stem="feat_extr.conv_ms.0.weight", **loading)


def _rgb(request: Request, model: DEO, loading: dict[str, Any]) -> DEO:
    """Nothing to fit: red, green and blue have a first layer of their own."""
    plain = Request(request.weights, None, request.bands, 3)
    model = plain.finish(model, **loading)
    object.__setattr__(model, "transforms", request.fit and request.fit.transforms)
    return model
