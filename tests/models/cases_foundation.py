"""Models of several sensors, scales, places and times: CROMA, Scale-MAE, SatCLIP, Presto."""

from __future__ import annotations

from typing import Any

import torch
from model_cases import Case, Inputs
from torch import Tensor

from swath.models import (
    CROMA,
    Presto,
    SatCLIP,
    ScaleMAE,
    croma_base,
    croma_large,
    presto,
    satclip,
    scalemae_large_patch16,
)


def small_croma(**changes: Any) -> CROMA:
    """Of some thousand parameters."""
    numbers = {"encoder_dim": 32, "encoder_depth": 2, "num_heads": 4, "image_size": 64}
    return CROMA(**{**numbers, **changes})


def small_scalemae(channels: int = 3, **changes: Any) -> ScaleMAE:
    """Of some thousand parameters."""
    numbers = {
        "res": 10.0, "img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 4,
        "num_classes": 5, "in_chans": channels,
    }  # fmt: skip
    return ScaleMAE(**{**numbers, **changes})


def small_presto(**changes: Any) -> Presto:
    """Of some thousand parameters."""
    numbers = {
        "encoder_embedding_size": 32, "decoder_embedding_size": 32, "encoder_num_heads": 4,
        "decoder_num_heads": 4, "max_sequence_length": 12,
    }  # fmt: skip
    return Presto(**{**numbers, **changes})


def places(batch: int) -> Tensor:
    """(B, 2): longitude, latitude, the corners of the world among them."""
    corners = [[180.0, -33.0], [-180.0, -33.0], [12.0, 90.0], [0.0, 0.0], [-75.0, -90.0]]
    anywhere = (torch.rand(max(batch, 5), 2) * 2 - 1) * torch.tensor([180.0, 90.0])
    return torch.cat([torch.tensor(corners), anywhere])[:batch]


def middle_latitudes() -> Tensor:
    """Places where the peer's harmonics, in single precision, are good to some digits.

    Towards the poles they lose them; there scipy is the oracle (``test_satclip.py``).
    """
    return (torch.rand(200, 2) * 2 - 1) * torch.tensor([180.0, 60.0])


def series(batch: int, steps: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """x, dynamic_world, latlons."""
    x = torch.randn(batch, steps, 17)
    return x, torch.randint(0, 10, (batch, steps)), places(batch).flip(1)


def masked_series(batch: int, steps: int = 12, *, same: bool = False) -> dict[str, Any]:
    """The same with a mask; `same`: for all series, and of complete groups."""
    x, classes, latlons = series(batch, steps)
    mask = torch.zeros_like(x)
    if same:
        mask[:, 3:5, 2:12] = 1
        mask[:, :, 12:14] = 1
        classes = classes[:1].expand(batch, -1).clone()
    else:
        mask[torch.rand_like(x) < 0.2] = 1
    month = (torch.arange(batch) * 5 + 3) % 12
    return {
        "x": x, "dynamic_world": classes, "latlons": latlons, "mask": mask, "month": month
    }  # fmt: skip


def croma_inputs(batch: int, height: int, width: int) -> Inputs:
    return (torch.randn(batch, 2, height, width), torch.randn(batch, 12, height, width)), {}


def sar_inputs(batch: int, height: int, width: int) -> Inputs:
    return (torch.randn(batch, 2, height, width),), {}


def optical_inputs(batch: int, height: int, width: int) -> Inputs:
    return (), {"x_optical": torch.randn(batch, 12, height, width)}


def scalemae_inputs(batch: int, height: int, width: int, channels: int) -> Inputs:
    return (torch.randn(batch, channels, height, width),), {}


def many_res_inputs(batch: int, height: int, width: int) -> Inputs:
    res = torch.linspace(0.3, 30, batch)
    return (torch.randn(batch, 3, height, width),), {"res": res}


def peer_croma(*modalities: str, **numbers: Any) -> tuple[str, dict[str, Any]]:
    return "CROMA", {"modalities": list(modalities), **numbers}


def with_seed(values: Any) -> Any:
    """`values` called with numbers that are always the same."""

    def call() -> Any:
        torch.manual_seed(7)
        return values()

    return call


def presto_peer(**changes: Any) -> Any:
    def call() -> tuple[Any, ...]:
        given = {**masked_series(3, same=True), **changes}
        return tuple(given[k] for k in ("x", "dynamic_world", "latlons", "mask", "month"))

    return with_seed(call)


# 16 heads: the peer's encoders have as many whatever num_heads is
_SMALL = {"encoder_dim": 64, "encoder_depth": 4, "num_heads": 16, "image_size": 40}


def agrees(name: str, listed: Any, peer: Any, peer_inputs: Any, like: Case) -> Case:
    """One more instance and input for ``benchmarks/agreement.py``; otherwise as `like`."""
    return Case(
        name=name, covers=(), build=like.build, inputs=like.inputs, size=like.size,
        listed=listed, peer=peer, peer_inputs=peer_inputs, channels=like.channels,
        export=False, onnx=False, backward=False, bf16=False,
    )  # fmt: skip


CROMA_CASE = Case(
    name="croma",
    covers=("CROMA", "croma_base"),
    build=small_croma,
    inputs=croma_inputs,
    odd=((8, 8), (24, 40), (72, 64)),
    refused=((60, 64), (64, 4)),
    listing="torchgeo_croma_base",
    listed=croma_base,
    peer=("croma_base", {}),
    peer_inputs=with_seed(lambda: croma_inputs(1, 120, 120)[0]),
)
SCALEMAE_CASE = Case(
    name="scalemae",
    covers=("ScaleMAE", "scalemae_large_patch16"),
    build=small_scalemae,
    inputs=scalemae_inputs,
    odd=((32, 96), (16, 16), (80, 80)),
    refused=((60, 64), (8, 16)),
    channels=(3, 1, 10),
    listing="torchgeo_scalemae_large_patch16",
    listed=scalemae_large_patch16,
    peer=("scalemae_large_patch16", {}),
    peer_inputs=with_seed(lambda: (torch.randn(1, 3, 224, 224),)),
)
SATCLIP_CASE = Case(
    name="satclip",
    covers=("SatCLIP", "satclip"),
    build=lambda: SatCLIP(legendre_polys=6, capacity=16, embed_dim=8),
    inputs=lambda batch, height, width: ((places(batch),), {}),
    size=None,
    listing="torchgeo_satclip",
    listed=satclip,
    peer=("satclip", {}),
    peer_inputs=with_seed(lambda: (middle_latitudes(),)),
)
PRESTO_CASE = Case(
    name="presto",
    covers=("Presto", "presto"),
    build=small_presto,
    inputs=lambda batch, height, width: ((), masked_series(batch)),
    size=None,
    listing="torchgeo_presto",
    listed=presto,
    peer=("presto", {}),
    peer_inputs=presto_peer(),
)


def small_mae(**changes: Any) -> tuple[Any, tuple[str, dict[str, Any]]]:
    """Ours and the peer's with the same numbers."""
    numbers = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 4, **changes}
    return (lambda: ScaleMAE(**numbers)), ("ScaleMAE", numbers)


CASES = [
    CROMA_CASE,
    Case(
        name="croma_large",
        covers=("croma_large",),
        build=lambda: croma_large(
            encoder_dim=32, encoder_depth=2, num_heads=4, image_size=32
        ),
        inputs=croma_inputs,
        size=(32, 32),
        listing="torchgeo_croma_large",
        listed=croma_large,
    ),
    Case(
        name="croma_sar",
        covers=(),
        build=lambda: small_croma(modalities=["sar"]),
        inputs=sar_inputs,
        odd=((24, 40),),
        refused=((60, 64),),
        listed=lambda: CROMA(["sar"], **_SMALL),
        peer=peer_croma("sar", **_SMALL),
        peer_inputs=with_seed(lambda: sar_inputs(2, 40, 40)[0]),
    ),
    Case(
        name="croma_optical",
        covers=(),
        build=lambda: small_croma(modalities=["optical"]),
        inputs=optical_inputs,
        odd=((24, 40),),
        refused=((60, 64),),
        listed=lambda: CROMA(["optical"], **_SMALL),
        peer=peer_croma("optical", **_SMALL),
        peer_inputs=with_seed(lambda: (None, torch.randn(2, 12, 40, 40))),
    ),
    agrees(
        "croma_both_of_40", lambda: CROMA(["optical", "sar"], **_SMALL),
        peer_croma("optical", "sar", **_SMALL), with_seed(lambda: croma_inputs(2, 40, 40)[0]),
        CROMA_CASE,
    ),
    SCALEMAE_CASE,
    Case(
        name="scalemae_res_each",
        covers=(),
        build=small_scalemae,
        inputs=many_res_inputs,
        odd=((32, 96),),
    ),
    *(
        agrees(f"scalemae_{name}", *small_mae(**changes), inputs, SCALEMAE_CASE)
        for name, changes, inputs in (
            ("0.3m", {"res": 0.3}, with_seed(lambda: (torch.randn(2, 3, 64, 64),))),
            ("60m", {"res": 60.0}, with_seed(lambda: (torch.randn(2, 3, 64, 64),))),
            (
                "bands", {"res": 10, "in_chans": 7, "num_classes": 0, "global_pool": "avg"},
                with_seed(lambda: (torch.randn(2, 7, 64, 64),)),
            ),
        )
    ),
    SATCLIP_CASE,
    agrees(
        "satclip_small", lambda: SatCLIP(10, 64, 32, 1),
        ("SatCLIP", {
            "legendre_polys": 10, "capacity": 64, "embed_dim": 32, "num_hidden_layers": 1
        }),
        with_seed(lambda: (middle_latitudes(),)), SATCLIP_CASE,
    ),
    PRESTO_CASE,
    Case(
        name="presto_place_unknown",
        covers=(),
        build=small_presto,
        inputs=lambda batch, height, width: ((series(batch)[0],), {"month": 4}),
        size=None,
    ),
    *(
        agrees(f"presto_{name}", presto, ("presto", {}), inputs, PRESTO_CASE)
        for name, inputs in (
            ("complete", presto_peer(mask=None, dynamic_world=torch.zeros(3, 12).long(), month=0)),
            ("month_9", presto_peer(month=9)),
            ("month_each", presto_peer(month=torch.randint(0, 12, (3, 12)))),
            ("no_classes", presto_peer(dynamic_world=torch.full((3, 12), 9))),
            ("two_years", with_seed(lambda: (*series(2, 24)[:1], torch.ones(2, 24).long(),
                                             places(2).flip(1)))),
            ("one_month", with_seed(lambda: (*series(2, 1)[:1], torch.ones(2, 1).long(),
                                             places(2).flip(1)))),
        )
    ),
    agrees(
        "presto_small",
        lambda: small_presto(channel_embed_ratio=0.125, month_embed_ratio=0.25, mlp_ratio=2,
                             band_groups={"A": (0, 1), "SRTM": (2, 3), "B": (4,)}),
        ("Presto", {
            "encoder_embedding_size": 32, "decoder_embedding_size": 32, "encoder_num_heads": 4,
            "decoder_num_heads": 4, "max_sequence_length": 12, "channel_embed_ratio": 0.125,
            "month_embed_ratio": 0.25, "mlp_ratio": 2,
            "band_groups": {"A": (0, 1), "SRTM": (2, 3), "B": (4,)},
        }),
        with_seed(lambda: (torch.randn(2, 6, 5), torch.ones(2, 6).long(), places(2).flip(1))),
        PRESTO_CASE,
    ),
]  # fmt: skip
