"""EarthLoc: descriptors of length 1, of any dimension, from images of any size."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import pytest
import torch

from swath.errors import BandError, ConfigError
from swath.models import EarthLoc, EarthLoc_Weights, earthloc
from swath.models.earthloc import MixVPR


@pytest.mark.parametrize("length", [1, 3, 10, 64])
def test_descriptors_have_length_one(length: int) -> None:
    model = EarthLoc(3, 64, length, "resnet18").eval()
    for size in ((64, 64), (90, 65), (17, 200)):
        with torch.no_grad():
            found = model(torch.randn(2, 3, *size))
        assert found.shape == (2, length)
        torch.testing.assert_close(found.norm(dim=1), torch.ones(2))


def test_mixing_is_the_formula() -> None:
    """Position by position and channel by channel, in plain loops over the definition."""
    torch.manual_seed(0)
    model = MixVPR(5, (2, 3), 4, mix_depth=2, out_rows=2).double().requires_grad_(False)
    for p in model.parameters():
        torch.nn.init.normal_(p)
    x = torch.randn(1, 5, 2, 3, dtype=torch.float64)
    rows = [[float(v) for v in x[0, c].flatten()] for c in range(5)]

    def linear(values: list[float], layer: Any) -> list[float]:
        return [
            sum(float(w) * v for w, v in zip(row, values, strict=True)) + float(b)
            for row, b in zip(layer.weight, layer.bias, strict=True)
        ]

    for mixer in model.mix:
        norm, first, _, second = mixer.get_submodule("mix")  # type: ignore[misc]
        for c, row in enumerate(rows):
            mean = sum(row) / 6
            std = math.sqrt(sum((v - mean) ** 2 for v in row) / 6 + norm.eps)
            y = [
                (v - mean) / std * float(w) + float(b)
                for v, w, b in zip(row, norm.weight, norm.bias, strict=True)
            ]
            y = linear([max(0.0, v) for v in linear(y, first)], second)
            rows[c] = [a + b for a, b in zip(row, y, strict=True)]
    columns = [linear([row[i] for row in rows], model.channel_proj) for i in range(6)]
    flat = [v for c in range(4) for v in linear([columns[i][c] for i in range(6)], model.row_proj)]
    length = math.sqrt(sum(v * v for v in flat))
    expected = torch.tensor([[v / length for v in flat]], dtype=torch.float64)
    torch.testing.assert_close(model(x), expected)


def test_an_image_of_the_trained_size_is_not_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    model = EarthLoc(3, 70, 8, "resnet18").eval()
    assert model.aggregator.grid == (5, 5)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("resampled")

    monkeypatch.setattr(torch.nn.functional, "interpolate", refuse)
    with torch.no_grad():
        model(torch.randn(1, 3, 70, 70))
    with pytest.raises(AssertionError, match="resampled"), torch.no_grad():
        model(torch.randn(1, 3, 100, 70))


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "convnext_atto", "resnet18d"])
def test_maps_and_their_description_agree(backbone: str) -> None:
    model = EarthLoc(4, 64, 8, backbone).eval()
    with torch.no_grad():
        final, maps = model.forward_intermediates(torch.randn(1, 4, 64, 96))
    assert final.shape == maps[-1].shape
    assert len(maps) == len(model.feature_info) >= 3
    for found, level in zip(maps, model.feature_info, strict=True):
        r = level["reduction"]
        assert found.shape == (1, level["num_chs"], 64 // r, 96 // r)
    assert model.feature_info[-1]["reduction"] == 16


def test_the_published_file_loads(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    torch.manual_seed(0)
    published = EarthLoc(3, 32, 8, "resnet18").eval()
    monkeypatch.setattr(EarthLoc_Weights, "get_state_dict", lambda *_, **__: published.state_dict())
    small = {"image_size": 32, "desc_dim": 8, "backbone": "resnet18"}
    model = earthloc("SENTINEL2_RESNET50", **small).eval()
    x = torch.randint(0, 256, (1, 3, 40, 50)).float()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        expected = published((x / 255 - mean) / std)
        torch.testing.assert_close(model(model.transforms.normalize(x)), expected)
        assert model.transforms(x).shape == (1, 3, 320, 320)
        turned = earthloc("SENTINEL2_RESNET50", bands=("B2", "B3", "B4"), **small).eval()
        torch.testing.assert_close(turned(turned.transforms.normalize(x.flip(1))), expected)
    with pytest.raises(ConfigError, match="shape"):
        earthloc("SENTINEL2_RESNET50", image_size=64, desc_dim=8, backbone="resnet18")


def test_bad_input_is_told() -> None:
    with pytest.raises(ConfigError, match="resnet"):
        EarthLoc(backbone="resnet5")
    with pytest.raises(ConfigError, match="desc_dim"):
        EarthLoc(desc_dim=0)
    with pytest.raises(BandError, match="C = 3"):
        EarthLoc(3, 32, 8, "resnet18")(torch.randn(1, 4, 32, 32))
