"""DOFA, Copernicus-FM and Panopticon under contract."""

from __future__ import annotations

import math
from typing import Any

import torch
from model_cases import Case, Inputs
from torch import Tensor

from swath.models import (
    DOFA,
    CopernicusFM,
    Panopticon,
    copernicusfm_base,
    dofa_base_patch16_224,
    dofa_huge_patch14_224,
    dofa_large_patch16_224,
    dofa_small_patch16_224,
    panopticon_vitb14,
)

SMALL = {"img_size": 64, "embed_dim": 48, "depth": 2, "num_heads": 4}
#: Sentinel-2's ten metres, then Sentinel-1.
MICROMETRES = (0.49, 0.56, 0.665, 0.842, 3.75, 3.75)
NANOMETRES = (490.0, 560.0, 665.0, 842.0, 5e7, 5e7)
WIDTHS = (65.0, 35.0, 30.0, 115.0, 1e9, 1e9)
IDENTIFIERS = (490, 560, 665, 842, -1, -2)


def small_dofa(**kwargs: Any) -> DOFA:
    return DOFA(**{**SMALL, "dynamic_embed_dim": 32, "num_classes": 5, **kwargs})


def small_copernicus(**kwargs: Any) -> CopernicusFM:
    return CopernicusFM(**{**SMALL, "hyper_dim": 32, "num_classes": 5, **kwargs})


def small_panopticon(**kwargs: Any) -> Panopticon:
    return Panopticon(
        **{"attn_dim": 96, "embed_dim": 48, "img_size": 56, "depth": 2, "num_heads": 4, **kwargs}
    )


def metadata(batch: int) -> Tensor:
    """Longitude, latitude, days, area; with some of them not known."""
    rows = torch.tensor([
        [11.5, 48.1, 19000.0, 0.0256], [math.nan, math.nan, 18000.0, 0.0256],
        [-70.0, -33.0, math.nan, 1.0], [math.nan] * 4,
    ])  # fmt: skip
    return rows[torch.arange(batch) % 4]


def dofa_inputs(batch: int, height: int, width: int, channels: int = 4) -> Inputs:
    return (torch.randn(batch, channels, height, width), list(MICROMETRES[:channels])), {}


def copernicus_inputs(batch: int, height: int, width: int, channels: int = 4) -> Inputs:
    x = torch.randn(batch, channels, height, width)
    return (x, metadata(batch)), {
        "wavelengths": list(NANOMETRES[:channels]), "bandwidths": list(WIDTHS[:channels])
    }  # fmt: skip


def variable_inputs(batch: int, height: int, width: int) -> Inputs:
    x, embed = torch.randn(batch, 1, height, width), torch.randn(2048)
    return (x, metadata(batch)), {"language_embed": embed, "input_mode": "variable"}


def panopticon_inputs(batch: int, height: int, width: int, channels: int = 4) -> Inputs:
    ids = torch.tensor(IDENTIFIERS[:channels]).repeat(batch, 1)
    return ({"imgs": torch.randn(batch, channels, height, width), "chn_ids": ids},), {}


def of_channels(build: Any) -> Any:
    """A builder that is told the number of channels, which the model need not know."""
    return lambda channels: build()


CASES = [
    Case(
        "dofa", ("DOFA", "dofa_base_patch16_224"), of_channels(small_dofa), dofa_inputs,
        odd=((32, 96), (64, 80)), refused=((60, 64), (8, 8)), channels=(4, 1, 6),
        listing="torchgeo_dofa_base_patch16_224", listed=dofa_base_patch16_224,
        peer=("dofa_base_patch16_224", {}),
        peer_inputs=lambda: dofa_inputs(2, 224, 224, 6)[0],
    ),
    Case(
        "dofa_small", ("dofa_small_patch16_224",), small_dofa, dofa_inputs,
        listing="torchgeo_dofa_small_patch16_224", listed=dofa_small_patch16_224,
        peer=("dofa_small_patch16_224", {}),
        peer_inputs=lambda: dofa_inputs(2, 224, 224, 3)[0],
    ),
    Case(
        "dofa_large", ("dofa_large_patch16_224",), lambda: small_dofa(global_pool=False),
        dofa_inputs,
        listing="torchgeo_dofa_large_patch16_224", listed=dofa_large_patch16_224,
        peer=("dofa_large_patch16_224", {}),
        peer_inputs=lambda: dofa_inputs(1, 224, 224, 4)[0],
    ),
    Case(
        "dofa_huge", ("dofa_huge_patch14_224",), lambda: small_dofa(img_size=56, patch_size=14),
        dofa_inputs, size=(56, 56), odd=((42, 70),), refused=((64, 64),),
        listing="torchgeo_dofa_huge_patch14_224", listed=dofa_huge_patch14_224,
        peer=("dofa_huge_patch14_224", {}),
        peer_inputs=lambda: dofa_inputs(1, 224, 224, 2)[0],
    ),
    Case(
        "copernicusfm", ("CopernicusFM", "copernicusfm_base"), of_channels(small_copernicus),
        copernicus_inputs,
        odd=((32, 96), (64, 80)), refused=((60, 64), (8, 8)), channels=(4, 1, 6),
        listing="torchgeo_copernicusfm_base", listed=copernicusfm_base,
        peer=("copernicusfm_base", {}),
        # one image: the peer takes metadata from all images when one lacks them
        peer_inputs=lambda: (
            torch.randn(1, 6, 224, 224), metadata(1), list(NANOMETRES), list(WIDTHS),
        ),
    ),
    Case(
        "copernicusfm_variable", (), small_copernicus, variable_inputs,
        odd=((32, 96),), refused=((60, 64),),
        listing="torchgeo_copernicusfm_base", listed=copernicusfm_base,
        peer=("copernicusfm_base", {}),
        peer_inputs=lambda: (
            torch.randn(2, 1, 112, 112), torch.full((2, 4), math.nan), None, None,
            torch.randn(2048), "variable", 8,
        ),
    ),
    Case(
        "panopticon", ("Panopticon", "panopticon_vitb14"), of_channels(small_panopticon),
        panopticon_inputs, size=(56, 56),
        odd=((28, 70), (84, 84)), refused=((50, 56), (7, 7)), channels=(4, 1, 6),
        listing="torchgeo_panopticon_vitb14", listed=panopticon_vitb14,
        peer=("panopticon_vitb14", {}),
        peer_inputs=lambda: panopticon_inputs(2, 224, 224, 6)[0],
    ),
]  # fmt: skip
