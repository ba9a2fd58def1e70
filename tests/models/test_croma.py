"""CROMA: distances in attention, modalities, any size, the published file."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import torch
from cases_foundation import small_croma
from scipy.spatial.distance import cdist
from torch import Tensor

from swath.errors import BandError, ConfigError
from swath.models import CROMABase_Weights, Features, croma_base, croma_large
from swath.models.checkpoint import read_state_dict
from swath.models.croma_layers import alibi


def images(height: int = 64, width: int = 64, batch: int = 2) -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return torch.randn(batch, 2, height, width), torch.randn(batch, 12, height, width)


def flip_patches(image: Tensor, patch: int = 8) -> Tensor:
    """Patches from right to left, the content of each as it was."""
    return image.unflatten(3, (-1, patch)).flip(3).flatten(3)


def turn_patches(image: Tensor, patch: int = 8) -> Tensor:
    """Patches turned by a quarter around the image's centre, the content of each as it was."""
    cells = image.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))
    return cells.rot90(1, (2, 4)).flatten(4).flatten(2, 3)


@pytest.mark.parametrize(("height", "width", "heads"), [(3, 5, 16), (4, 4, 1), (2, 2, 6)])
def test_bias_is_distance_times_slope(height: int, width: int, heads: int) -> None:
    cells = np.stack(np.meshgrid(range(height), range(width), indexing="ij"), -1).reshape(-1, 2)
    distance = cdist(cells, cells)
    bias = alibi(height, width, heads)[0].double().numpy()
    for head in range(heads):
        slope = 256 ** (-(head + 1) / heads)
        np.testing.assert_allclose(bias[head], -slope * distance, atol=1e-6)
    assert (bias <= 0).all()
    np.testing.assert_array_equal(bias, bias.transpose(0, 2, 1))


def test_slopes_of_the_paper() -> None:
    """Eight heads have the slopes 1/2, 1/4, …, 1/256, after the paper on ALiBi."""
    found = -alibi(1, 2, 8)[0, :, 0, 1]
    torch.testing.assert_close(found, torch.tensor([0.5**i for i in range(1, 9)]))


def test_attention_with_the_bias_is_what_it_says() -> None:
    """One layer, computed by hand from its parameters."""
    model = small_croma(modalities=["sar"]).eval()
    layer: Any = model.s1_encoder.transformer.layers[0]
    attention = layer[0]
    x = torch.randn(1, 64, 32)
    q, k, v = (attention.to_qkv(attention.input_norm(x)))[0].chunk(3, -1)
    parts = []
    for head in range(4):
        columns = slice(8 * head, 8 * head + 8)
        logits = q[:, columns] @ k[:, columns].T / 8**0.5 + model.attn_bias[0, head]
        parts.append(torch.softmax(logits, -1) @ v[:, columns])
    by_hand = attention.to_out(torch.cat(parts, -1))
    torch.testing.assert_close(attention(x, model.attn_bias)[0], by_hand, rtol=1e-4, atol=1e-5)


def test_radar_attends_to_optical_tokens_through_one_norm() -> None:
    """The cross-attention, computed by hand from its parameters."""
    model = small_croma().eval()
    attention: Any = model.joint_encoder.layers[0][1]
    for parameter in attention.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.3)
    x, context = torch.randn(1, 64, 32), torch.randn(1, 64, 32) * 3 + 1
    q = attention.to_q(attention.input_norm(x))[0]
    k, v = (to(attention.input_norm(context))[0] for to in (attention.to_k, attention.to_v))
    parts = []
    for head in range(4):
        columns = slice(8 * head, 8 * head + 8)
        logits = q[:, columns] @ k[:, columns].T / 8**0.5 + model.attn_bias[0, head]
        parts.append(torch.softmax(logits, -1) @ v[:, columns])
    by_hand = attention.to_out(torch.cat(parts, -1))
    found = attention(x, context, model.attn_bias)[0]
    torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-5)


def test_joint_encoder_is_radars_and_sees_both() -> None:
    model = small_croma().eval()
    sar, optical = images()
    with torch.no_grad():
        out = model(sar, optical)
        other = model(sar, optical.flip(0))
        expected = model.joint_encoder(
            out["sar_encodings"], out["optical_encodings"], model.attn_bias
        )
    assert torch.equal(out["joint_encodings"], expected)
    assert torch.equal(out["joint_GAP"], expected.mean(1))
    assert (other["joint_encodings"] - expected).abs().max() > 1e-4
    assert torch.equal(other["sar_encodings"], out["sar_encodings"])


@pytest.mark.parametrize("move", [flip_patches, turn_patches])
def test_patches_that_keep_their_distances_keep_their_encodings(move: Any) -> None:
    """No position but distance: isometries of the grid permute tokens and change nothing else."""
    model = small_croma().eval()
    sar, optical = images()
    with torch.no_grad():
        out, moved = model(sar, optical), model(move(sar), move(optical))
    for name in ("sar", "optical", "joint"):
        grid = out[f"{name}_encodings"].unflatten(1, (8, 8))
        expected = grid.flip(2) if move is flip_patches else grid.rot90(1, (1, 2))
        torch.testing.assert_close(
            moved[f"{name}_encodings"], expected.flatten(1, 2), rtol=1e-4, atol=1e-5
        )
        torch.testing.assert_close(moved[f"{name}_GAP"], out[f"{name}_GAP"], rtol=1e-4, atol=1e-5)


def test_patches_that_change_their_distances_do_not() -> None:
    model = small_croma().eval()
    sar, optical = images()
    with torch.no_grad():
        out = model(sar, optical)
        shuffled = model(sar.roll(8, 3), optical.roll(8, 3))
    for name in ("sar", "optical", "joint"):
        rolled = out[f"{name}_encodings"].unflatten(1, (8, 8)).roll(1, 2).flatten(1, 2)
        assert (shuffled[f"{name}_encodings"] - rolled).abs().max() > 1e-4


def test_a_uniform_image_is_encoded_as_uniform_whatever_its_size() -> None:
    """Every patch the same: attention averages equal values, and the size cannot be told."""
    model = small_croma().eval()
    pixel = torch.randn(1, 2, 1, 1), torch.randn(1, 12, 1, 1)
    with torch.no_grad():
        outs = [model(*(p.expand(-1, -1, h, w) for p in pixel)) for h, w in ((64, 64), (24, 200))]
    for name in ("sar", "optical", "joint"):
        a, b = (out[f"{name}_encodings"] for out in outs)
        assert b.shape == (1, 3 * 25, 32)
        torch.testing.assert_close(b, a[:, :1].expand_as(b), rtol=1e-4, atol=1e-5)


def test_distances_computed_on_the_way_are_those_of_a_model_of_that_size() -> None:
    small, large = small_croma(image_size=32).eval(), small_croma(image_size=64).eval()
    state = small.state_dict()
    large.load_state_dict({**state, "attn_bias": large.attn_bias})
    with torch.no_grad():
        a, b = small(*images(64, 64)), large(*images(64, 64))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_only_what_is_needed_is_built_and_said() -> None:
    sar, optical = images()
    both = small_croma().eval()
    for name, prefix, image in (("sar", "s1", sar), ("optical", "s2", optical)):
        model = small_croma(modalities=[name]).eval()
        parts = {k.partition(".")[0] for k in model.state_dict()}
        assert parts == {"attn_bias", f"{prefix}_encoder", f"{prefix}_GAP_FFN"}
        model.load_state_dict({k: both.state_dict()[k] for k in model.state_dict()})
        with torch.no_grad():
            alone, together = model(**{f"x_{name}": image}), both(sar, optical)
            ignored = model(sar, optical)
        assert set(alone) == {f"{name}_encodings", f"{name}_GAP"}
        for key, value in alone.items():
            assert torch.equal(value, together[key])
            assert torch.equal(value, ignored[key])


def test_what_is_missing_or_wrong_is_named() -> None:
    model = small_croma()
    sar, optical = images()
    with pytest.raises(ConfigError, match="x_optical is required") as caught:
        model(sar)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(ConfigError, match=r"x_sar is required.*modalities=\['optical'\]"):
        model(x_optical=optical)
    with pytest.raises(ConfigError, match="x_optical is required"):
        small_croma(modalities=["optical"])(sar)
    with pytest.raises(BandError, match=r"expected .B, 12, H, W. with B1, B2"):
        model(sar, optical[:, :10])
    with pytest.raises(ConfigError, match="differ in size"):
        model(sar, optical[..., :32])
    with pytest.raises(ConfigError, match="56 × 64 and 64 × 72"):
        model(sar[:, :, :60], optical[:, :, :60])
    with pytest.raises(ConfigError, match="did you mean optical"):
        small_croma(modalities=["sar", "opticl"])
    with pytest.raises(ConfigError, match="modalities is empty"):
        small_croma(modalities=[])
    with pytest.raises(ConfigError, match="num_heads"):
        small_croma(num_heads=5)
    with pytest.raises(ConfigError, match="cannot be cut"):
        small_croma(image_size=60)
    with pytest.raises(ConfigError, match="built for sar"):
        small_croma(modalities=["sar"]).forward_intermediates(sar, modality="joint")


@pytest.mark.parametrize("modality", ["sar", "optical", "joint"])
def test_maps_are_the_tokens_of_each_block(modality: str) -> None:
    model = small_croma(encoder_depth=4).eval()
    sar, optical = images(32, 48)
    with torch.no_grad():
        out = model(sar, optical)
        final, maps = model.forward_intermediates(sar, optical, modality=modality, norm=True)
        raw = model.forward_intermediates(
            sar, optical, indices=[-1], intermediates_only=True, modality=modality
        )
    info = model.features_of(modality)
    assert len(maps) == len(info) == (4 if modality == "optical" else 2)
    torch.testing.assert_close(final, out[f"{modality}_encodings"])
    torch.testing.assert_close(maps[-1].flatten(2).transpose(1, 2), final)
    assert raw[0].shape == (2, info[-1]["num_chs"], 32 // info[-1]["reduction"], 6)
    assert {i["module"] for i in info} <= {n for n, _ in model.named_modules()}


def test_one_modality_makes_a_pyramid() -> None:
    model = Features(small_croma(modalities=["optical"]), scales=(4, 8, 16)).eval()
    with torch.no_grad():
        maps = model(images(50, 70)[1])
    assert [tuple(m.shape[-2:]) for m in maps] == [(13, 18), (7, 9), (4, 5)]


SMALL = {"encoder_dim": 32, "encoder_depth": 2, "num_heads": 4}


@pytest.fixture
def published(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A small file in the authors' form: a dict of state dicts, one a part; gives the tensors."""
    torch.manual_seed(5)
    state = small_croma(image_size=120).state_dict()
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        if rest:
            parts.setdefault(part, {})[rest] = value
    path = tmp_path / "CROMA_base.pt"
    torch.save(parts, path)
    monkeypatch.setattr(
        "swath.models.weights.fetch_state_dict", lambda *_, **__: read_state_dict(path)
    )
    return state


def test_published_file_loads_whole(published: dict[str, Tensor]) -> None:
    model = croma_base(CROMABase_Weights.CROMA_VIT, **SMALL)
    assert all(torch.equal(model.state_dict()[k], v) for k, v in published.items())
    # for other sizes the distances are others, and everything else is the same
    other = croma_base("CROMA_VIT", image_size=64, **SMALL).state_dict()
    assert other["attn_bias"].shape == (1, 4, 64, 64)
    assert all(torch.equal(other[k], v) for k, v in published.items() if k != "attn_bias")


def test_published_file_loads_in_part(published: dict[str, Tensor]) -> None:
    model = croma_base(CROMABase_Weights.CROMA_VIT, modalities=["sar"], **SMALL)
    assert all(torch.equal(v, published[k]) for k, v in model.state_dict().items())
    with pytest.raises(ConfigError, match="does not fit CROMA"):
        croma_base(CROMABase_Weights.CROMA_VIT, **{**SMALL, "encoder_depth": 4})


def test_a_flat_file_with_distances_loads(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    state = small_croma(image_size=120).state_dict()
    monkeypatch.setattr("swath.models.weights.fetch_state_dict", lambda *_, **__: dict(state))
    for size in (120, 64):
        model = croma_base(CROMABase_Weights.CROMA_VIT, image_size=size, **SMALL)
        assert torch.equal(
            model.joint_encoder.norm_out.weight, state["joint_encoder.norm_out.weight"]
        )


def test_large_takes_arguments_in_order() -> None:
    with torch.device("meta"):
        assert croma_large(None, ["sar"]).encoder_dim == 1024
        assert croma_large(None, ["sar"], 64, 2).encoder_depth == 2
