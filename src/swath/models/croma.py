"""CROMA: radar and optical encoders whose attention knows distances, and one that joins them.

Source: Fuller et al. 2023, https://arxiv.org/abs/2311.00566.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models.croma_layers import JointTransformer, PatchEncoder, alibi, gap_head
from swath.models.factory import Request
from swath.models.intermediates import deliver
from swath.models.registry import register_model
from swath.models.vit import check_patches
from swath.models.weights import WeightsEnum, nearest, weight

__all__ = [
    "CROMA",
    "CROMABase_Weights",
    "CROMALarge_Weights",
    "croma_base",
    "croma_large",
]

MODALITIES = ("sar", "optical")
SAR_BANDS = ("VV", "VH")
OPTICAL_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")


def _croma(url: str) -> Any:
    return weight(
        url, model="vit", dataset="SSL4EO", publication="https://arxiv.org/abs/2311.00566",
        repo="https://github.com/antofuller/CROMA", license="MIT", ssl_method="croma",
        sar_bands=list(SAR_BANDS), optical_bands=list(OPTICAL_BANDS), img_size=120,
    )  # fmt: skip


class CROMABase_Weights(WeightsEnum):
    """Published weights of `croma_base`.

    ``meta["sar_bands"]`` and ``meta["optical_bands"]`` are the two inputs' channels: Sentinel-1
    in decibels, Sentinel-2 level 2A without B10. No statistics were published with the file; the
    paper scales each band of the data set to 0…1 between two standard deviations below and above
    its mean.
    """

    CROMA_VIT = _croma(
        "https://hf.co/torchgeo/croma/resolve/387883f08af79d777167519c57cd826eda89a16f/"
        "CROMA_base-0238d814.pt"
    )


class CROMALarge_Weights(WeightsEnum):
    """Published weights of `croma_large`; see `CROMABase_Weights`."""

    CROMA_VIT = _croma(
        "https://huggingface.co/torchgeo/croma/resolve/92cb1a0f4e34c6c01558baf070197c01255382f6/"
        "CROMA_large-921e69ad.pt"
    )


class CROMA(nn.Module):
    """Encoders of radar and optical images without positions: attention falls with distance.

    There is no positional embedding. Each head h of H subtracts 2^(-8h/H) times the distance
    between two patches (Euclidean, in patches) from its attention logits, so that a model trained
    on one image size works on any other. The radar encoder has half of `encoder_depth`, the
    joint one, in which radar attends to optical tokens, too.

    Only the parts that `modalities` needs are built.

    Args:
        modalities: ``"sar"``, ``"optical"`` or both, in any order.
        encoder_dim: Width of a token; a multiple of `num_heads`.
        encoder_depth: Blocks of the optical encoder.
        num_heads: Of every attention.
        patch_size: Side of a patch in pixels.
        image_size: Side of the images for which the distances are computed beforehand; others
            are computed when they come.

    Raises:
        ConfigError: An unknown modality, none, or numbers that do not divide.
    """

    def __init__(
        self,
        modalities: Sequence[str] = ("sar", "optical"),
        encoder_dim: int = 768,
        encoder_depth: int = 12,
        num_heads: int = 16,
        patch_size: int = 8,
        image_size: int = 120,
    ) -> None:
        super().__init__()
        names = [modalities] if isinstance(modalities, str) else list(modalities)
        for name in names:
            if name not in MODALITIES:
                raise ConfigError(f"{name!r} is no modality: {nearest(str(name), MODALITIES)}")
        if not names:
            raise ConfigError(f"modalities is empty: expected some of {', '.join(MODALITIES)}")
        if num_heads < 1 or encoder_dim % num_heads:
            raise ConfigError(
                f"encoder_dim is {encoder_dim} and num_heads {num_heads}: expected a multiple"
            )
        check_patches((image_size, image_size), (patch_size, patch_size))
        self.modalities = names
        self.encoder_dim, self.encoder_depth, self.num_heads = encoder_dim, encoder_depth, num_heads
        self.patch_size, self.image_size = patch_size, image_size
        side = image_size // patch_size
        self.num_patches = side**2
        self.s1_channels, self.s2_channels = len(SAR_BANDS), len(OPTICAL_BANDS)
        self.attn_bias: Tensor
        self.register_buffer("attn_bias", alibi(side, side, num_heads))
        size = (encoder_dim, num_heads)
        if "sar" in names:
            self.s1_encoder = PatchEncoder(self.s1_channels, patch_size, encoder_depth // 2, *size)
            self.s1_GAP_FFN = gap_head(encoder_dim)
        if "optical" in names:
            self.s2_encoder = PatchEncoder(self.s2_channels, patch_size, encoder_depth, *size)
            self.s2_GAP_FFN = gap_head(encoder_dim)
        if "sar" in names and "optical" in names:
            self.joint_encoder = JointTransformer(encoder_depth // 2, *size)
        self.feature_info = self.features_of(self._default())

    def _default(self) -> str:
        return "joint" if hasattr(self, "joint_encoder") else self.modalities[0]

    def features_of(self, modality: str) -> list[dict[str, Any]]:
        """What `forward_intermediates` gives for a modality (``"joint"`` too): a dict a block.

        Raises:
            ConfigError: The model has no such modality.
        """
        self._check_modality(modality)
        depth = self.encoder_depth if modality == "optical" else self.encoder_depth // 2
        stack = {
            "sar": "s1_encoder.transformer", "optical": "s2_encoder.transformer",
            "joint": "joint_encoder",
        }[modality]  # fmt: skip
        return [
            {
                "num_chs": self.encoder_dim,
                "reduction": self.patch_size,
                "module": f"{stack}.layers.{i}",
            }
            for i in range(depth)
        ]

    def forward(
        self, x_sar: Tensor | None = None, x_optical: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Encode what the model was built for; an image of another modality is not looked at.

        Args:
            x_sar: (B, 2, H, W): VV, VH; H and W are multiples of the patch.
            x_optical: (B, 12, H, W), the bands of Sentinel-2 without B10, on the same grid.

        Returns:
            For each modality (``sar``, ``optical``, and ``joint`` if there are both)
            ``…_encodings`` (B, N, D), a token a patch row by row, and ``…_GAP`` (B, D).

        Raises:
            ConfigError: An image is missing, or has a size that cannot be cut into patches, or
                the two differ in size.
            BandError: Another number of channels.
        """
        sar, optical, bias = self._prepare(x_sar, x_optical)
        out: dict[str, Tensor] = {}
        if sar is not None:
            out["sar_encodings"] = self.s1_encoder(sar, bias)
            out["sar_GAP"] = self.s1_GAP_FFN(out["sar_encodings"].mean(1))
        if optical is not None:
            out["optical_encodings"] = self.s2_encoder(optical, bias)
            out["optical_GAP"] = self.s2_GAP_FFN(out["optical_encodings"].mean(1))
        if sar is not None and optical is not None:
            out["joint_encodings"] = self.joint_encoder(
                out["sar_encodings"], out["optical_encodings"], bias
            )
            out["joint_GAP"] = out["joint_encodings"].mean(1)
        return out

    def forward_intermediates(
        self,
        x_sar: Tensor | None = None,
        x_optical: Tensor | None = None,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
        modality: str | None = None,
    ) -> Any:
        """Tokens after each block as maps, all with the patch's stride.

        Args:
            x_sar: As in `forward`. A model for optical images alone takes them here as well, as
                every other backbone takes its images in the first place.
            x_optical: As in `forward`.
            indices: Blocks wanted: the last so many, or a list; all if left out.
            norm: Put the encoder's last norm on every map.
            output_fmt: ``"NCHW"`` or ``"NHWC"``.
            intermediates_only: The maps alone.
            modality: Whose blocks: ``"sar"``, ``"optical"`` or ``"joint"``; left out: the joint
                ones if there are both modalities (as `feature_info` says). Only the images that it
                needs have to be given.

        Returns:
            (encodings (B, N, D), maps), or the maps.

        Raises:
            ConfigError: As `forward`; there is no such block, format or modality.
        """
        modality = modality or self._default()
        self._check_modality(modality)
        needed = MODALITIES if modality == "joint" else (modality,)
        if self.modalities == ["optical"] and x_optical is None:
            x_sar, x_optical = None, x_sar
        sar, optical, bias = self._prepare(x_sar, x_optical, needed)
        image = sar if sar is not None else optical
        if image is None:
            raise ConfigError("no image was given: expected x_sar, x_optical or both")
        grid = tuple(n // self.patch_size for n in image.shape[-2:])
        if modality == "joint":
            maps = self.joint_encoder.blocks(
                self.s1_encoder(sar, bias), self.s2_encoder(optical, bias), bias
            )
            last = self.joint_encoder.norm_out
        else:
            encoder = self.s1_encoder if modality == "sar" else self.s2_encoder
            maps = encoder.blocks(image, bias)
            last = encoder.transformer.norm_out
        final = last(maps[-1]) if maps else None
        shaped = [(last(m) if norm else m).transpose(1, 2).unflatten(2, grid) for m in maps]
        return deliver(final, shaped, indices, output_fmt, intermediates_only)

    def _check_modality(self, modality: str) -> None:
        there = [*self.modalities, "joint"] if hasattr(self, "joint_encoder") else self.modalities
        if modality not in there:
            raise ConfigError(
                f"modality is {modality!r}, and the model was built for {', '.join(there)}: "
                "build it with modalities=[…] that hold it"
            )

    def _prepare(
        self, x_sar: Tensor | None, x_optical: Tensor | None, needed: Sequence[str] = ()
    ) -> tuple[Tensor | None, Tensor | None, Tensor]:
        """The images that are needed, checked, and their distances."""
        needed = needed or self.modalities
        images: dict[str, Tensor | None] = {"sar": x_sar, "optical": x_optical}
        channels = {"sar": SAR_BANDS, "optical": OPTICAL_BANDS}
        sizes = set()
        for name in MODALITIES:
            image = images[name]
            if name not in needed:
                images[name] = None
                continue
            if image is None:
                raise ConfigError(
                    f"x_{name} is required and missing: the model was built for "
                    f"{' and '.join(self.modalities)}. Give it, or build the model with "
                    f"modalities={[m for m in MODALITIES if m != name]}"
                )
            if image.ndim != 4 or image.shape[1] != len(channels[name]):
                raise BandError(
                    f"x_{name} has the shape {tuple(image.shape)}: expected (B, "
                    f"{len(channels[name])}, H, W) with {', '.join(channels[name])}"
                )
            check_patches(image.shape[-2:], (self.patch_size, self.patch_size))
            sizes.add(tuple(image.shape[-2:]))
        if len(sizes) > 1:
            raise ConfigError(f"x_sar and x_optical differ in size, {sorted(sizes)}: resample one")
        height, width = (n // self.patch_size for n in sizes.pop())
        side = self.image_size // self.patch_size
        if (height, width) == (side, side):
            bias = self.attn_bias
        else:
            bias = alibi(height, width, self.num_heads).to(self.attn_bias)
        return images["sar"], images["optical"], bias


def _build(
    enum: type[WeightsEnum], weights: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> CROMA:
    request = Request.of(enum, weights)
    model = CROMA(*args, **kwargs)

    def prepare(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        # computed, and for the size of the training images
        bias = tensors.get("attn_bias")
        if bias is not None and bias.shape != model.attn_bias.shape:
            del tensors["attn_bias"]
        return tensors

    spare = [
        pattern
        for part, pattern in (("s1_encoder", r"^s1_"), ("s2_encoder", r"^s2_"))
        if not hasattr(model, part)
    ]
    return request.finish(
        model, absent=(r"^attn_bias$",), prepare=prepare,
        unused=(*spare, r"^joint_encoder\.") if spare else (),
    )  # fmt: skip


@register_model(weights=CROMABase_Weights, tasks=("backbone",), bands="none")
def croma_base(weights: CROMABase_Weights | str | None = None, *args: Any, **kwargs: Any) -> CROMA:
    """CROMA with encoders of the size of ViT-B, https://arxiv.org/abs/2311.00566.

    Args:
        weights: A member, its name, or None for random numbers. With ``modalities=["sar"]`` or
            ``["optical"]`` only that part of the checkpoint is loaded.
        *args: For `CROMA`.
        **kwargs: For `CROMA`.

    Raises:
        ConfigError: There are no such weights, or arguments that `CROMA` refuses.
    """
    return _build(CROMABase_Weights, weights, args, kwargs)


@register_model(weights=CROMALarge_Weights, tasks=("backbone",), bands="none")
def croma_large(
    weights: CROMALarge_Weights | str | None = None, *args: Any, **kwargs: Any
) -> CROMA:
    """CROMA with encoders of the size of ViT-L (1024 wide, 24 deep); see `croma_base`."""
    if not args[1:]:
        kwargs.setdefault("encoder_dim", 1024)
    if not args[2:]:
        kwargs.setdefault("encoder_depth", 24)
    return _build(CROMALarge_Weights, weights, args, kwargs)
