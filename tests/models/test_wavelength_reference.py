"""The numbers that TorchGeo 0.10.1 gives for the same parameters and inputs, kept here.

Parameters and inputs follow from formulas, so that anybody can compute the same with any
implementation. ``benchmarks/agreement.py`` compares many more where TorchGeo is installed.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swath.models import DOFA, CopernicusFM, Panopticon

SMALL = {"img_size": 32, "embed_dim": 48, "depth": 2, "num_heads": 4, "num_classes": 4}
NAN = math.nan


def wave(*shape: int, phase: float = 0.0) -> Tensor:
    steps = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(steps * 0.7 + steps**2 * 0.013 + phase).float().reshape(shape)


def fill(model: nn.Module) -> Any:
    """Every parameter gets numbers that follow from its name."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            own = zlib.crc32(name.encode()) % 1000 / 100
            centre = 1.0 if name.endswith(("norm.weight", "norm1.weight", "norm2.weight")) else 0.0
            p.copy_(centre + 0.1 * wave(*p.shape, phase=own))
    return model.eval()


CASES: dict[str, tuple[Any, dict[str, Any], tuple[Any, ...]]] = {
    "dofa": (DOFA, SMALL, (wave(1, 4, 32, 32), [0.49, 0.665, 2.19, 3.75])),
    "dofa, class token": (
        DOFA, {**SMALL, "global_pool": False}, (wave(1, 2, 32, 32), [0.56, 0.842]),
    ),
    "copernicusfm": (
        CopernicusFM, {**SMALL, "hyper_dim": 16},
        (wave(1, 3, 32, 48)[..., :32], torch.tensor([[11.5, 48.1, 19000.0, 0.0256]]),
         [490.0, 665.0, 5e7], [65.0, 30.0, 1e9]),
    ),
    "copernicusfm, larger image, unknown time": (
        CopernicusFM, {**SMALL, "hyper_dim": 16},
        (wave(1, 2, 48, 48), torch.tensor([[-70.0, -33.0, NAN, 0.5]]), [490.0, 665.0],
         [65.0, 30.0]),
    ),
    "copernicusfm, a variable, small patches": (
        CopernicusFM, {**SMALL, "hyper_dim": 16},
        (wave(1, 1, 24, 24), torch.tensor([[NAN, NAN, 19000.0, NAN]]), None, None, wave(2048),
         "variable", 8),
    ),
    "panopticon": (
        Panopticon, {"attn_dim": 96, "img_size": 28},
        ({"imgs": wave(2, 4, 28, 28),
          "chn_ids": torch.tensor([[490, 665, 2190, 10900], [842, -2, -7, -12]])},),
    ),
}  # fmt: skip

#: First four numbers of the last image.
EXPECTED: dict[str, list[float]] = {
    "dofa": [-0.05122, 0.6685, -0.071175, 0.018477],
    "dofa, class token": [-0.233309, 0.597692, -0.265448, -0.649645],
    "copernicusfm": [0.427177, -0.113874, -0.121518, -0.147624],
    "copernicusfm, larger image, unknown time": [0.323841, -0.374479, -0.158483, 0.569897],
    "copernicusfm, a variable, small patches": [-0.011913, 1.115374, 0.099475, 0.811379],
    "panopticon": [0.952399, -0.134333, 0.795615, -0.134855],
}


def first(found: Tensor) -> list[float]:
    return [float(v) for v in found[-1, :4]]


@pytest.mark.parametrize("name", CASES)
def test_numbers(name: str) -> None:
    build, arguments, inputs = CASES[name]
    shallow = {"depth": 2} if build is Panopticon else {}
    with torch.no_grad():
        found = first(fill(build(**arguments, **shallow))(*inputs))
    assert found == pytest.approx(EXPECTED[name], rel=2e-4, abs=2e-5)
