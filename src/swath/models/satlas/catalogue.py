"""The published files of SatlasPretrain: what each has seen, and how it is fed.

The models are published under ODC-BY, as the authors say
(https://allenai.org/blog/satlaspretrain-models-foundation-models-for-satellite-and-aerial-imagery-1679ebe4bbfb);
the model card on Hugging Face, where the files lie, says Apache-2.0. The files' names hold no hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torchvision.models import Weights as Member

from swath.models.presets import Preset
from swath.models.satlas.backbones import Backbone
from swath.models.weights import WeightsEnum, weight

__all__ = ["MODELS", "SatlasPretrain_weights", "Satlas_Weights"]

FILES = "https://huggingface.co/allenai/satlas-pretrain/resolve/main/"
#: Of what pixels are and how they are scaled.
SOURCE = "https://github.com/allenai/satlas/blob/main/Normalization.md"

TCI = ("B04", "B03", "B02")
SENTINEL2 = (*TCI, "B05", "B06", "B07", "B08", "B11", "B12")
SENTINEL1 = ("VH", "VV")
LANDSAT = tuple(f"B{i}" for i in range(1, 12))
AERIAL = ("R", "G", "B")


class Family(NamedTuple):
    """What one kind of imagery was to the models."""

    sensor: str
    bands: tuple[str, ...]
    units: str
    pixels: str
    scale: str
    preset: Preset


FAMILIES: dict[str, Family] = {
    "S2_RGB": Family(
        "sentinel2", TCI, "s2_tci", "the 8-bit true-colour image (TCI)", "x/255",
        Preset(0, 255, clip=(0, 1), bands=TCI),
    ),
    "S2_MS": Family(
        "sentinel2", SENTINEL2, "s2_tci_dn", "the first three bands from the 8-bit true-colour "
        "image (TCI), the others the product's digital numbers",
        "TCI: x/255; others: clip(x/8160, 0, 1)",
        Preset(0, [255.0] * 3 + [8160.0] * 6, clip=(0, 1), bands=SENTINEL2),
    ),
    "S1": Family(
        "sentinel1", SENTINEL1, "s1_dn", "digital numbers of Level-1 GRD IW products, 10 m",
        "clip(x/255, 0, 1)", Preset(0, 255, clip=(0, 1), bands=SENTINEL1),
    ),
    "LANDSAT": Family(
        "landsat8", LANDSAT, "landsat_l1_dn", "digital numbers of Level-1 products of Landsat 8 "
        "and 9, all bands on one grid", "clip((x-4000)/16320, 0, 1)",
        Preset(4000, 16320, clip=(0, 1), bands=LANDSAT),
    ),
    "AERIAL": Family(
        "naip", AERIAL, "uint8", "8-bit aerial imagery of 0.5 to 2 m", "x/255",
        Preset(0, 255, clip=(0, 1), bands=AERIAL),
    ),
}  # fmt: skip


def _row(file: str, backbone: Backbone, family: str, multi_image: bool) -> Member:
    known = FAMILIES[family]
    model = {"SWINB": "swin_v2_b", "SWINT": "swin_v2_t"}.get(backbone.name, backbone.name.lower())
    return weight(
        f"{FILES}{file}.pth", known.preset, model=model, dataset="SatlasPretrain",
        sensor=known.sensor, bands=known.bands, units=known.units,
        publication="https://arxiv.org/abs/2211.15660",
        repo="https://github.com/allenai/satlaspretrain_models", license="ODC-By-1.0",
        backbone=backbone.name, family=family, multi_image=multi_image, input=known.pixels,
        scale=known.scale, scale_source=SOURCE,
    )  # fmt: skip


class Satlas_Weights(WeightsEnum):
    """SatlasPretrain's files, by the names that their authors gave them.

    SI files are for one image, MI files for several of one place. The multispectral Sentinel-2
    files mix units: see `swath.models.satlas.satlas_transform` for products without a TCI.
    """

    Sentinel2_SwinB_SI_RGB = _row("sentinel2_swinb_si_rgb", Backbone.SWINB, "S2_RGB", False)
    Sentinel2_SwinB_MI_RGB = _row("sentinel2_swinb_mi_rgb", Backbone.SWINB, "S2_RGB", True)
    Sentinel2_SwinB_SI_MS = _row("sentinel2_swinb_si_ms", Backbone.SWINB, "S2_MS", False)
    Sentinel2_SwinB_MI_MS = _row("sentinel2_swinb_mi_ms", Backbone.SWINB, "S2_MS", True)
    Sentinel1_SwinB_SI = _row("sentinel1_swinb_si", Backbone.SWINB, "S1", False)
    Sentinel1_SwinB_MI = _row("sentinel1_swinb_mi", Backbone.SWINB, "S1", True)
    Landsat_SwinB_SI = _row("landsat_swinb_si", Backbone.SWINB, "LANDSAT", False)
    Landsat_SwinB_MI = _row("landsat_swinb_mi", Backbone.SWINB, "LANDSAT", True)
    Aerial_SwinB_SI = _row("aerial_swinb_si", Backbone.SWINB, "AERIAL", False)
    Aerial_SwinB_MI = _row("aerial_swinb_mi", Backbone.SWINB, "AERIAL", True)
    Sentinel2_SwinT_SI_RGB = _row("sentinel2_swint_si_rgb", Backbone.SWINT, "S2_RGB", False)
    Sentinel2_SwinT_SI_MS = _row("sentinel2_swint_si_ms", Backbone.SWINT, "S2_MS", False)
    Sentinel2_SwinT_MI_RGB = _row("sentinel2_swint_mi_rgb", Backbone.SWINT, "S2_RGB", True)
    Sentinel2_SwinT_MI_MS = _row("sentinel2_swint_mi_ms", Backbone.SWINT, "S2_MS", True)
    Sentinel2_Resnet50_SI_RGB = _row(
        "sentinel2_resnet50_si_rgb", Backbone.RESNET50, "S2_RGB", False
    )
    Sentinel2_Resnet50_SI_MS = _row("sentinel2_resnet50_si_ms", Backbone.RESNET50, "S2_MS", False)
    Sentinel2_Resnet50_MI_RGB = _row("sentinel2_resnet50_mi_rgb", Backbone.RESNET50, "S2_RGB", True)
    Sentinel2_Resnet50_MI_MS = _row("sentinel2_resnet50_mi_ms", Backbone.RESNET50, "S2_MS", True)
    Sentinel2_Resnet152_SI_RGB = _row(
        "sentinel2_resnet152_si_rgb", Backbone.RESNET152, "S2_RGB", False
    )
    Sentinel2_Resnet152_SI_MS = _row(
        "sentinel2_resnet152_si_ms", Backbone.RESNET152, "S2_MS", False
    )
    Sentinel2_Resnet152_MI_RGB = _row(
        "sentinel2_resnet152_mi_rgb", Backbone.RESNET152, "S2_RGB", True
    )
    Sentinel2_Resnet152_MI_MS = _row("sentinel2_resnet152_mi_ms", Backbone.RESNET152, "S2_MS", True)


#: What is known of each file, by its name.
MODELS: Mapping[str, Mapping[str, Any]] = {
    name: {"url": member.url, "num_channels": member.meta["in_chans"], **member.meta}
    for name, member in Satlas_Weights.__members__.items()
}

#: The same in the few words that users of the published package know.
SatlasPretrain_weights: dict[str, dict[str, Any]] = {
    name: {
        "url": record["url"],
        "backbone": Backbone[record["backbone"]],
        "num_channels": record["num_channels"],
        "multi_image": record["multi_image"],
    }
    for name, record in MODELS.items()
}
