"""TileNet: tiles of any size and length, features at several scales, the published file."""

from __future__ import annotations

import pathlib

import pytest
import torch

from swath.errors import BandError, ConfigError
from swath.models import TileNet, TileNet_Weights, tilenet


def test_any_length_and_size() -> None:
    for length in (1, 10, 512):
        model = TileNet(3, length).eval()
        for size in ((50, 50), (7, 13), (1, 1)):
            with torch.no_grad():
                assert model(torch.randn(2, 3, *size)).shape == (2, length)


def test_a_block_is_three_convolutions_and_a_way_past() -> None:
    """Against the formula, with the batch norm written out."""
    torch.manual_seed(0)
    block = TileNet(4, 8).eval().get_submodule("layer2.0")
    for value in block.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * 0.5)
    state = {k: v.double() for k, v in block.state_dict().items()}
    x = torch.randn(2, 64, 9, 11, dtype=torch.float64)

    def norm(y: torch.Tensor, n: str) -> torch.Tensor:
        mean, var, w, b = (
            state[f"{n}.{k}"].view(1, -1, 1, 1)
            for k in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / torch.sqrt(var + 1e-5) * w + b

    conv = torch.nn.functional.conv2d
    y = norm(conv(x, state["conv1.weight"], stride=2, padding=1), "bn1").clamp(min=0)
    y = norm(conv(y, state["conv2.weight"], padding=1), "bn2").clamp(min=0)
    y = norm(conv(y, state["conv3.weight"], state["conv3.bias"], padding=1), "bn3")
    past = norm(conv(x, state["shortcut.0.weight"], stride=2), "shortcut.1")
    expected = (y + past).clamp(min=0)
    with torch.no_grad():
        torch.testing.assert_close(block.double()(x), expected)


def test_maps_and_their_description_agree() -> None:
    model = TileNet(4, 16).eval()
    x = torch.randn(1, 4, 48, 32)
    with torch.no_grad():
        final, maps = model.forward_intermediates(x)
        assert len(maps) == len(model.feature_info)
        for found, level in zip(maps, model.feature_info, strict=True):
            r = int(str(level["reduction"]))
            assert found.shape == (1, level["num_chs"], 48 // r, 32 // r)
        torch.testing.assert_close(model(x), maps[-1].mean((2, 3)))
        torch.testing.assert_close(final, maps[-1])
        last = model.forward_intermediates(x, indices=2, intermediates_only=True)
        assert [m.shape for m in last] == [m.shape for m in maps[-2:]]
        one = model.forward_intermediates(
            x, indices=[-1], output_fmt="NHWC", intermediates_only=True
        )
        assert one[0].shape == (1, 3, 2, 16)
    with pytest.raises(ConfigError, match="5 levels"):
        model.forward_intermediates(x, indices=[5])
    with pytest.raises(ConfigError, match="NCHW"):
        model.forward_intermediates(x, output_fmt="CHW")


def test_the_published_file_loads(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    torch.manual_seed(0)
    published = TileNet().eval()
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save(published.state_dict(), folder / "TileNet_Weights.NAIP_ALL_TILE2VEC.pth")
    model = tilenet("NAIP_ALL_TILE2VEC").eval()
    x = torch.randint(0, 256, (1, 4, 50, 50)).float()
    with torch.no_grad():
        torch.testing.assert_close(model(model.transforms(x)), published(x / 255))
        # other order of the bands: the kernels follow
        swapped = tilenet(TileNet_Weights.NAIP_ALL_TILE2VEC, bands=("NIR", "R", "G", "B")).eval()
        torch.testing.assert_close(
            swapped(swapped.transforms(x[:, [3, 0, 1, 2]])), published(x / 255)
        )
    with pytest.raises(ConfigError, match="shape"):
        tilenet("NAIP_ALL_TILE2VEC", z_dim=10)


def test_other_bands_are_told() -> None:
    with pytest.raises(BandError, match="C = 4"):
        TileNet()(torch.randn(1, 3, 50, 50))
