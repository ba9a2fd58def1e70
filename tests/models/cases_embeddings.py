"""Cases of the models that make one vector of an image, a pixel's year or a place."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

import torch
from model_cases import Case
from torch import nn

from swath.models import DEO, MOSAIKS, RCF, EarthLoc, Tessera, TileNet, deo
from swath.models.tessera import TesseraEncoder


class Images:
    """A dataset of random images, as short as can be."""

    def __init__(self, count: int = 5, channels: int = 3, height: int = 9, width: int = 11) -> None:
        source = torch.Generator().manual_seed(0)
        self.images = torch.randn(count, channels, height, width, generator=source)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": self.images[index]}


def image(batch: int, height: int, width: int, channels: int = 3) -> Any:
    return (torch.randn(batch, channels, height, width),), {}


def series(batch: int, length: int = 7, channels: int = 14) -> torch.Tensor:
    """Normalised series; the last channel of each sensor is the day."""
    x = torch.randn(batch, length, channels)
    days = torch.linspace(1, 366, length).round()
    if channels in (11, 14):
        x[..., 10] = days
    if channels in (3, 14):
        x[..., -1] = days.flip(0)
    return x


def small_deo(channels: int = 10) -> nn.Module:
    """DEO at a size for tests: narrow, shallow, windows of 4."""
    size = (16, (1, 2, 1, 1), (1, 2, 2, 4), 4)
    with mock.patch.dict(deo._SIZES, {"tiny": size}):
        return DEO("tiny", in_chans=channels)  # type: ignore[arg-type]


def small_tessera() -> nn.Module:
    """Tessera with two narrow layers a sensor in place of eight wide ones."""

    def encoder(bands: int, **shape: int) -> nn.Module:
        return TesseraEncoder(bands, **{**shape, "num_encoder_layers": 2, "dim_feedforward": 32})

    with mock.patch.object(sys.modules[Tessera.__module__], "TesseraEncoder", encoder):
        return Tessera(8)


def small_encoder(bands: int) -> nn.Module:
    return TesseraEncoder(bands, 4, nhead=2, num_encoder_layers=2, dim_feedforward=32)


CASES = [
    Case(
        "tilenet", ("TileNet", "tilenet"),
        build=lambda channels: TileNet(channels, 8), inputs=image, size=(32, 32),
        odd=((50, 50), (17, 33), (1, 1)), channels=(4, 3, 1, 13),
        listing="torchgeo_tilenet", listed=TileNet,
        peer=("TileNet", {}), peer_inputs=lambda: (torch.randn(2, 4, 50, 50),),
    ),
    Case(
        "earthloc", ("EarthLoc", "earthloc"),
        build=lambda channels: EarthLoc(channels, 64, 32, "resnet18"), inputs=image,
        odd=((320, 320), (33, 70), (16, 16)), channels=(3, 1, 4, 13),
        listing="torchgeo_earthloc", listed=EarthLoc,
        peer=("EarthLoc", {}), peer_inputs=lambda: (torch.randn(1, 3, 320, 320),),
    ),
    Case(
        "earthloc_100", (),
        build=lambda: EarthLoc(3, 64, 100), inputs=image, listed=lambda: EarthLoc(3, 64, 100),
        peer=("EarthLoc", {"image_size": 64, "desc_dim": 100}),
        peer_inputs=lambda: (torch.randn(2, 3, 64, 64),),
    ),
    Case(
        "deo", ("DEO", "deo_base"),
        build=small_deo, inputs=image, odd=((65, 33), (4, 4), (100, 50)), refused=((3, 3),),
        channels=(10, 3, 1, 13), listing="torchgeo_deo_base", listed=DEO,
        peer=("DEO", {}), peer_inputs=lambda: (torch.randn(1, 10, 100, 68),),
    ),
    Case(
        "deo_rgb", (),
        build=lambda: small_deo(10), inputs=image, listed=DEO,
        peer=("DEO", {}), peer_inputs=lambda: (torch.randn(1, 3, 64, 96),),
    ),
    Case(
        "rcf", ("RCF",),
        build=lambda channels: RCF(channels, seed=0), inputs=image, odd=((3, 3), (20, 31)),
        refused=((2, 5),), channels=(4, 3, 1, 13), backward=False,
        listing="torchgeo_RCF", listed=lambda: RCF(3, 4, seed=0),
        peer=("RCF", {"in_channels": 3, "features": 4}),
        peer_inputs=lambda: (torch.randn(2, 3, 33, 20),),
    ),
    Case(
        "mosaiks", ("MOSAIKS",),
        build=lambda: MOSAIKS(Images(), features=16, seed=0), inputs=image, odd=((4, 4), (9, 31)),
        refused=((3, 5),), backward=False,
        listed=lambda: RCF(3, 600, 4, seed=0), peer=("RCF", {"in_channels": 3, "features": 600,
                                                             "kernel_size": 4}),
        peer_inputs=lambda: (torch.randn(2, 3, 16, 20),),
    ),
    Case(
        "tessera", ("Tessera", "tessera"),
        build=small_tessera, inputs=lambda batch, *_: ((series(batch),), {}), size=None,
        listing="torchgeo_tessera", listed=Tessera,
        peer=("Tessera", {}), peer_inputs=lambda: (series(3, 12),),
    ),
    Case(
        "tessera_masked", (),
        build=small_tessera, size=None,
        inputs=lambda batch, *_: (
            (series(batch),), {"mask": torch.rand(batch, 7, 2) > 0.4}
        ),
    ),
    *(
        Case(
            f"tessera_{length}", (), build=small_tessera, size=None,
            inputs=lambda batch, *_, n=length: ((series(batch, n),), {}), export=length == 1,
            listed=lambda: Tessera(32), peer=("Tessera", {"embed_dim": 32}),
            peer_inputs=lambda n=length: (series(2, n),),
        )
        for length in (1, 40)
    ),
    *(
        Case(
            f"tessera_{sensor}", (), build=lambda b=bands: small_encoder(b), size=None,
            inputs=lambda batch, *_, b=bands: ((series(batch, 7, b + 1),), {}),
        )
        for sensor, bands in (("s2", 10), ("s1", 2))
    ),
]  # fmt: skip
