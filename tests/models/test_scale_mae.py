"""Scale-MAE: positions are metres, the rest is timm's vision transformer."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import pytest
import torch
from cases_foundation import small_scalemae
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from swath.errors import ConfigError
from swath.models import Features, ScaleMAELarge16_Weights, scalemae_large_patch16
from swath.models.checkpoint import read_state_dict
from swath.models.scale_mae import gsd_encoding


def by_hand(row: int, column: int, dim: int, res: float) -> list[float]:
    """The paper's formula, number by number."""
    found = []
    for position in (column, row):
        angles = [position * res / 10000 ** (k / (dim / 4)) for k in range(dim // 4)]
        found += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    return found


@pytest.mark.parametrize("res", [0.3, 1.0, 10.0, 60.0])
def test_encoding_is_the_papers(res: float) -> None:
    found = gsd_encoding(3, 5, 16, res)[0].view(3, 5, 16)
    for row in range(3):
        for column in range(5):
            expected = torch.tensor(by_hand(row, column, 16, res))
            torch.testing.assert_close(found[row, column], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("times", [2, 3])
def test_the_same_ground_has_the_same_encoding(times: int) -> None:
    """With pixels a half or third as large, every second or third patch stands where one stood."""
    coarse = gsd_encoding(4, 6, 32, 9.0)[0].view(4, 6, 32)
    fine = gsd_encoding(4 * times, 6 * times, 32, 9.0 / times)[0].view(4 * times, 6 * times, 32)
    torch.testing.assert_close(fine[::times, ::times], coarse, rtol=0, atol=1e-6)
    assert (gsd_encoding(4, 6, 32, 3.0)[0] - coarse.flatten(0, 1)).abs().max() > 0.1


def test_a_larger_image_continues_a_smaller_one() -> None:
    small, large = gsd_encoding(3, 4, 16, 5.0), gsd_encoding(7, 9, 16, 5.0)
    torch.testing.assert_close(large.view(7, 9, 16)[:3, :4].flatten(0, 1), small[0])


def test_it_is_timms_transformer_with_that_encoding() -> None:
    """timm's own model, its positions set to the encoding, gives the same."""
    torch.manual_seed(0)
    model = small_scalemae(res=2.5).eval()
    other = VisionTransformer(img_size=64, embed_dim=32, depth=2, num_heads=4, num_classes=5).eval()
    encoding = gsd_encoding(4, 4, 32, 2.5)
    prefix = torch.zeros(1, 1, 32)
    other.load_state_dict({**model.state_dict(), "pos_embed": torch.cat([prefix, encoding], 1)})
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), other(x))
        ours, theirs = (m.forward_intermediates(x, norm=True) for m in (model, other))
    torch.testing.assert_close(ours, theirs)


def test_resolution_of_each_image() -> None:
    model = small_scalemae(res=1.0).eval()
    x = torch.randn(3, 3, 64, 48)
    sizes = [0.5, 10.0, 33.0]
    with torch.no_grad():
        together = model(x, res=torch.tensor(sizes))
        listed = model(x, res=sizes)
        maps = model.forward_intermediates(x, res=sizes, intermediates_only=True)
        for i, size in enumerate(sizes):
            model.res = size
            alone = model(x[i : i + 1])
            torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(
                maps[-1][i : i + 1],
                model.forward_intermediates(x[i : i + 1], intermediates_only=True)[-1],
                rtol=1e-4, atol=1e-5,
            )  # fmt: skip
        model.res = 1.0
        assert (model(x) - together).abs().max() > 1e-4
    assert torch.equal(together, listed)
    assert model.res == 1.0, "said for one call, it is forgotten afterwards"


def test_registers_and_no_class_token() -> None:
    x = torch.randn(2, 3, 32, 48)
    for changes in (
        {"class_token": False, "global_pool": "avg"}, {"reg_tokens": 2}, {"no_embed_class": True},
        {"img_size": (32, 48), "dynamic_img_size": False},
    ):  # fmt: skip
        model = small_scalemae(**changes).eval()
        maps = model.forward_intermediates(x, intermediates_only=True)
        assert [tuple(m.shape) for m in maps] == [(2, 32, 2, 3)] * 2
        assert model(x).shape == (2, 5)


def test_gradient_checkpointing_and_training_change_nothing() -> None:
    model = small_scalemae()
    x = torch.randn(2, 3, 64, 64)
    plain = model(x)
    model.set_grad_checkpointing()
    torch.testing.assert_close(model(x), plain)
    assert not model.pos_embed.requires_grad


@pytest.mark.parametrize("res", [0.0, -1.0, float("nan"), float("inf"), [1.0, 0.0]])
def test_impossible_resolutions(res: Any) -> None:
    with pytest.raises(ConfigError, match="metres a pixel"):
        small_scalemae()(torch.randn(2, 3, 64, 64), res=res)
    with pytest.raises(ConfigError, match="metres a pixel"):
        small_scalemae(res=res)


def test_other_mistakes() -> None:
    with pytest.raises(ConfigError, match="3 numbers and the batch 2 images"):
        small_scalemae()(torch.randn(2, 3, 64, 64), res=[1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="multiple of 4"):
        small_scalemae(embed_dim=6, num_heads=2)
    with pytest.raises(ConfigError, match="48 × 64 and 64 × 80"):
        small_scalemae()(torch.randn(1, 3, 60, 64))


def test_pyramid_of_images_with_a_resolution() -> None:
    model = Features(small_scalemae(), scales=(8, 16)).eval()
    x = torch.randn(2, 3, 50, 70)
    with torch.no_grad():
        near, far = model(x, res=torch.tensor([1.0, 1.0])), model(x, res=torch.tensor([1.0, 30.0]))
    assert [tuple(m.shape[-2:]) for m in near] == [(7, 9), (4, 5)]
    torch.testing.assert_close(near[0][0], far[0][0])
    assert not torch.allclose(near[0][1], far[0][1], atol=1e-3)


SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 4}


@pytest.fixture
def published(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """A small file, the positions of pre-training and leftovers of its decoder included."""
    torch.manual_seed(5)
    state = small_scalemae(img_size=224, num_classes=0).state_dict()
    leftovers = {"decoder_embed.weight": torch.ones(3, 3), "mask_token": torch.ones(1)}
    path = tmp_path / "scalemae.pth"
    torch.save({"model": {**state, **leftovers}, "epoch": 3}, path)
    monkeypatch.setattr(
        "swath.models.weights.fetch_state_dict", lambda *_, **__: read_state_dict(path)
    )
    return state


@pytest.mark.parametrize("size", [224, 64])
def test_published_file_loads(published: dict[str, Tensor], size: int) -> None:
    weights = ScaleMAELarge16_Weights.FMOW_RGB
    model: Any = scalemae_large_patch16(weights, img_size=size, num_classes=7, **SMALL)
    for name, value in published.items():
        if name != "pos_embed" or size == 224:
            assert torch.equal(model.state_dict()[name], value), name
    assert model.head.weight.shape == (7, 32)
    assert model.transforms is weights.transforms


def test_bands_are_fitted(published: dict[str, Tensor]) -> None:
    model: Any = scalemae_large_patch16(
        ScaleMAELarge16_Weights.FMOW_RGB, bands=("B", "G", "R"), res=0.5, **SMALL
    )
    kernel = published["patch_embed.proj.weight"]
    assert torch.equal(model.patch_embed.proj.weight, kernel.flip(1))
    assert model.bands == ("B", "G", "R")


def test_preset_is_imagenets_after_255() -> None:
    x = torch.full((3, 4, 4), 51.0)
    found = ScaleMAELarge16_Weights.FMOW_RGB.transforms(x)
    expected = [(0.2 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    torch.testing.assert_close(found[:, 0, 0], torch.tensor(expected))


def test_exported_for_any_batch_with_resolutions() -> None:
    model = small_scalemae().eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    x, res = torch.randn(2, 3, 64, 64), torch.tensor([1.0, 10.0])
    exported = torch.export.export(
        model, (x,), {"res": res}, dynamic_shapes={"x": {0: batch}, "res": {0: batch}}
    ).module()
    x, res = torch.randn(5, 3, 64, 64), torch.tensor([1.0, 10.0, 0.3, 60.0, 2.0])
    with torch.no_grad():
        torch.testing.assert_close(exported(x, res=res), model(x, res=res), rtol=1e-4, atol=1e-5)
