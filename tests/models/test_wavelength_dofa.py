"""DOFA: what the paper says must hold, and what is shared by the wavelength-conditioned models."""

from __future__ import annotations

import copy
import io
import math
import pathlib
from typing import Any

import numpy as np
import pytest
import torch
from cases_wavelength import (
    IDENTIFIERS,
    MICROMETRES,
    NANOMETRES,
    WIDTHS,
    small_copernicus,
    small_dofa,
    small_panopticon,
)
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import ConfigError
from swath.models import (
    DOFA,
    CopernicusFM_Base_Weights,
    DOFABase16_Weights,
    DOFALarge16_Weights,
    Panopticon_Weights,
    checkpoint,
    copernicusfm_base,
    dofa_base_patch16_224,
    dofa_large_patch16_224,
    panopticon_vitb14,
)
from swath.models.features import Features
from swath.models.hypernetwork import resize_kernel
from swath.models.vit_tokens import sincos, sincos_grid

#: Of each model: small, its conditions by name for six channels, side of a patch.
SIX: dict[str, Any] = {
    "dofa": (small_dofa, {"wavelengths": MICROMETRES}, 16),
    "copernicusfm": (small_copernicus, {"wavelengths": NANOMETRES, "bandwidths": WIDTHS}, 16),
    "panopticon": (small_panopticon, {"chn_ids": IDENTIFIERS}, 14),
}
each = pytest.mark.parametrize("name", SIX)


def randomised(model: nn.Module) -> Any:
    """No parameter at 0 or 1, behind which a mistake might hide."""
    torch.manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return model.eval()


def picked(conditions: dict[str, Any], order: list[int]) -> dict[str, Any]:
    return {k: [v[i] for i in order] for k, v in conditions.items()}


@each
def test_permuted_bands_with_their_wavelengths_are_the_same_image(name: str) -> None:
    build, conditions, patch = SIX[name]
    model, x = randomised(build()), torch.randn(2, 6, 4 * patch, 4 * patch)
    order = [4, 0, 5, 2, 1, 3]
    with torch.no_grad():
        found = model(x, **conditions)
        same = model(x[:, order], **picked(conditions, order))
        other = model(x[:, order], **conditions)
    torch.testing.assert_close(same, found, rtol=1e-4, atol=1e-5)
    assert (other - found).abs().max() > 1e-2


@each
def test_any_number_of_channels_one_after_the_other(name: str) -> None:
    build, conditions, patch = SIX[name]
    model, x = randomised(build()), torch.randn(2, 6, 4 * patch, 4 * patch)
    with torch.no_grad():
        first = model(x, **conditions)
        for count in (1, 5, 2, 6, 3):
            found = model(x[:, :count], **picked(conditions, list(range(count))))
            assert found.shape == first.shape
            assert count == 6 or (found - first).abs().max() > 1e-3
        torch.testing.assert_close(model(x, **conditions), first)


@each
def test_intermediates_are_the_blocks_outputs(name: str) -> None:
    build, conditions, patch = SIX[name]
    model, x = randomised(build()), torch.randn(2, 6, 3 * patch, 5 * patch)
    seen: list[Tensor] = []
    blocks = getattr(model, "model", model).blocks
    hooks = [b.register_forward_hook(lambda *a: seen.append(a[2])) for b in blocks]
    with torch.no_grad():
        final, maps = model.forward_intermediates(x, **conditions)
        for hook in hooks:
            hook.remove()
        torch.testing.assert_close(final, model.forward_features(x, **conditions))
        torch.testing.assert_close(model.forward_head(final), model(x, **conditions))
        assert len(maps) == len(model.feature_info) == len(seen) == 2
        for found, tokens, info in zip(maps, seen, model.feature_info, strict=True):
            assert found.shape == (2, info["num_chs"], 3, 5)
            assert info["reduction"] == patch
            torch.testing.assert_close(found[0, :, 2, 1], tokens[0, 1 + 2 * 5 + 1])
            assert info["module"] in dict(model.named_modules())
        only = {"indices": 1, "intermediates_only": True, **conditions}
        (last,) = model.forward_intermediates(x, output_fmt="NLC", **only)
        torch.testing.assert_close(last, seen[1][:, 1:])
        (normed,) = model.forward_intermediates(x, norm=True, output_fmt="NHWC", **only)
        trunk = getattr(model, "model", model)
        norm = trunk.fc_norm if trunk.global_pool else trunk.norm
        torch.testing.assert_close(normed.flatten(1, 2), norm(seen[1][:, 1:]))
        if name != "panopticon":  # the mean of normalised patches is not the normalised mean
            pooled = norm(seen[1][:, 1:].mean(1))
            torch.testing.assert_close(final, pooled)
    with pytest.raises(ConfigError, match="2 levels"):
        model.forward_intermediates(x, indices=[2], **conditions)
    with pytest.raises(ConfigError, match="'NCHW', 'NHWC' or 'NLC'"):
        model.forward_intermediates(x, output_fmt="CHW", **conditions)


@each
def test_feature_pyramids_stand_on_it(name: str) -> None:
    build, conditions, _ = SIX[name]
    features = Features(build().eval(), scales=(4, 8, 16, 32), conditions=conditions)
    maps = features(torch.randn(1, 6, 64, 48))
    assert [m.shape[-2:] for m in maps] == [(16, 12), (8, 6), (4, 3), (2, 2)]


@each
def test_checkpointing_changes_no_gradient(name: str) -> None:
    build, conditions, patch = SIX[name]
    plain, x = randomised(build()).train(), torch.randn(1, 6, 2 * patch, 2 * patch)
    saving = copy.deepcopy(plain)
    saving.set_grad_checkpointing()
    again: list[int] = []
    first = getattr(saving, "model", saving).blocks[0]
    first.register_forward_pre_hook(lambda *_: again.append(1))
    for model in (plain, saving):
        (model(x, **conditions) ** 2).sum().backward()
    assert len(again) == 2
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None and b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad)
    saving.set_grad_checkpointing(False)
    again.clear()
    saving(x, **conditions).sum().backward()
    assert len(again) == 1


@each
@pytest.mark.filterwarnings("ignore")
def test_onnx(name: str) -> None:
    build, _, patch = SIX[name]
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, x = randomised(build()), torch.randn(2, 6, 4 * patch, 4 * patch)
    bands = ("B02", "B03", "B04", "B08", "VV", "VH")
    model.set_bands(bands)
    file = io.BytesIO()
    torch.onnx.export(model, (x,), file, input_names=["x"], dynamo=False)
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-3, atol=1e-4)


@each
def test_everything_is_where_the_image_is_and_as_precise(name: str) -> None:
    build, conditions, patch = SIX[name]
    model, x = build().eval(), torch.randn(2, 6, 4 * patch, 2 * patch)
    with torch.no_grad():
        expected = model(x, **conditions)
        for kind, tolerance in ((torch.float64, 1e-5), (torch.bfloat16, 0.05)):
            found = copy.deepcopy(model).to(kind)(x.to(kind), **conditions)
            assert found.dtype == kind
            assert (found - expected).abs().max() < tolerance * expected.abs().max()
        elsewhere = model.to("meta")(x.to("meta"), **conditions)
    assert elsewhere.device.type == "meta"
    assert elsewhere.shape == expected.shape


@each
@pytest.mark.filterwarnings("ignore")
def test_exports_for_any_batch(name: str) -> None:
    build, conditions, patch = SIX[name]
    model, x = randomised(build()), torch.randn(2, 6, 2 * patch, 2 * patch)
    told = {k: list(v) for k, v in conditions.items()}
    image = "x_dict" if name == "panopticon" else "x"
    free = {image: {0: torch.export.Dim("batch", min=2)}, **{k: [None] * 6 for k in told}}
    with torch.no_grad():
        exported = torch.export.export(model, (x,), told, dynamic_shapes=free).module()
        more = torch.randn(5, *x.shape[1:])
        torch.testing.assert_close(exported(more, **told), model(more, **told))


@each
def test_other_sizes_interpolate_the_positions(name: str) -> None:
    """The positions that are added are the learned grid, resized by PyTorch's own resizing."""
    build, conditions, patch = SIX[name]
    model = randomised(build())
    trunk = getattr(model, "model", model)
    seen: list[Tensor] = []
    trunk.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    grid = trunk.pos_embed[:, 1:].reshape(1, 4, 4, -1).permute(0, 3, 1, 2)
    for h, w in ((4, 4), (3, 6), (2, 8)):
        x = torch.randn(1, 6, h * patch, w * patch)
        with torch.no_grad():
            model(x, **conditions)
            moved = trunk.pos_embed.clone()
            trunk.pos_embed.zero_()
            model(x, **conditions)
            trunk.pos_embed.copy_(moved)
            added = seen[-2] - seen[-1]
            expected = F.interpolate(grid, (h, w), mode="bicubic", antialias=True)
        torch.testing.assert_close(added[:, 1:], expected.flatten(2).transpose(1, 2))
        torch.testing.assert_close(added[:, 0], moved[:, 0])


def test_wavelengths_are_sines_and_cosines_of_nanometres() -> None:
    found = sincos(torch.tensor([0.49, 2.19]) * 1000, 8).numpy()
    for row, nm in zip(found, (490.0, 2190.0), strict=True):
        angles = [nm / 10000 ** (i / 4) for i in range(4)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        np.testing.assert_allclose(row, expected, atol=2e-4)


def test_fixed_positions_tell_every_cell_apart() -> None:
    grid = sincos_grid(4, 16)
    assert torch.cdist(grid, grid).fill_diagonal_(1).min() > 0.1
    # a row of cells shares the second half, a column the first
    assert torch.equal(grid[0, 8:], grid[3, 8:])
    assert torch.equal(grid[1, :8], grid[13, :8])
    model = DOFA(img_size=64, embed_dim=16, depth=1, num_heads=2)
    assert torch.equal(model.pos_embed[0, 1:], grid)
    assert not model.pos_embed.requires_grad


def test_what_is_resized_is_recognised_by_the_resized_kernel() -> None:
    """FlexiViT's property: a larger copy of a patch gives the same token."""
    torch.manual_seed(0)
    kernel, patch = torch.randn(5, 3, 8, 8), torch.randn(2, 3, 8, 8)
    for size in (8, 12, 16):
        larger = F.interpolate(patch, (size, size), mode="bicubic", antialias=True)
        found = F.conv2d(larger, resize_kernel(kernel, size))
        torch.testing.assert_close(found, F.conv2d(patch, kernel), rtol=1e-3, atol=1e-3)


def test_each_channel_has_its_own_kernel() -> None:
    """The patch embedding is what a convolution with the written kernels gives."""
    model = randomised(small_dofa())
    channels = sincos(torch.tensor(MICROMETRES[:4]) * 1000, 32)
    x = torch.randn(2, 4, 64, 64)
    with torch.no_grad():
        kernel, bias = model.patch_embed.kernels(channels)
        tokens, grid = model.patch_embed(x, channels)
        alone = sum(F.conv2d(x[:, i : i + 1], kernel[:, i : i + 1], stride=16, padding=1)
                    for i in range(4))  # fmt: skip
        expected = alone + bias[:, None, None]
    assert (kernel.shape, grid) == ((48, 4, 16, 16), (4, 4))
    torch.testing.assert_close(tokens, expected.flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-5)
    assert (kernel[:, 0] - kernel[:, 1]).abs().max() > 1e-4


def test_settings_that_do_not_go_together() -> None:
    for wrong, says in (
        ({"img_size": 60}, "img_size is 60: expected a multiple of the patch, 16, such as 48"),
        ({"num_heads": 5}, "embed_dim is 48"),
        ({"dynamic_embed_dim": 30}, "multiple of 4"),
    ):
        with pytest.raises(ConfigError, match=says):
            small_dofa(**wrong)
    with pytest.raises(ConfigError, match=r"60 × 64 .* 48 × 64 and 64 × "):
        small_dofa()(torch.randn(1, 1, 60, 64), [0.5])


# Published files ---------------------------------------------------------------------------------

TINY: dict[str, Any] = {"img_size": 64, "embed_dim": 48, "depth": 1, "num_heads": 4}


def publish(
    enum: Any, tensors: dict[str, Tensor], tmp_path: pathlib.Path, monkeypatch: Any
) -> None:  # fmt: skip
    """The member's file holds `tensors`, as their authors save them."""
    file = tmp_path / f"{enum.__name__}.pth"
    torch.save(tensors, file)
    monkeypatch.setattr(
        enum, "get_state_dict", lambda self, progress=True: checkpoint.read_state_dict(file)
    )


@pytest.mark.parametrize(
    ("build", "enum"),
    [
        (dofa_base_patch16_224, DOFABase16_Weights),
        (dofa_large_patch16_224, DOFALarge16_Weights),
        (copernicusfm_base, CopernicusFM_Base_Weights),
    ],
)
def test_published_files_of_masked_autoencoders(
    build: Any, enum: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encoder with its last norm, without head; pre-training's own tensors may be left in it."""
    (member,) = enum
    source = randomised(build(num_classes=0, **TINY))
    published = {k: v for k, v in source.state_dict().items() if not k.startswith("fc_norm")}
    extra = {
        "mask_token": torch.zeros(1, 1, 48), "norm.weight": torch.ones(48),
        "decoder_blocks.0.attn.qkv.weight": torch.zeros(3, 3), "projector.weight": torch.zeros(2),
    }  # fmt: skip
    x = torch.randn(1, 2, 64, 64)
    told = [[0.49, 0.56]] if "dofa" in build.__name__ else [None, [490.0, 560.0], [65.0, 35.0]]
    for tensors in (published, published | extra):
        publish(enum, {"model": tensors}, tmp_path, monkeypatch)  # type: ignore[dict-item]
        model = build(member.name, num_classes=7, **TINY).eval()
        assert model.weights is member
        assert model(x, *told).shape == (1, 7)
        maps = model.forward_intermediates(x, *told, intermediates_only=True)
        expected = source.forward_intermediates(x, *told, intermediates_only=True)
        torch.testing.assert_close(maps, expected)
    # the class token's features have the norm that pre-training had
    both = published | {"norm.weight": torch.full((48,), 2.0), "norm.bias": torch.ones(48)}
    publish(enum, both, tmp_path, monkeypatch)
    model = build(member, global_pool=False, **TINY)
    assert float(model.norm.weight.detach().mean()) == 2
    # positions of another image size
    larger = build(member, **{**TINY, "img_size": 96})
    assert larger.pos_embed.shape == (1, 37, 48)
    torch.testing.assert_close(larger.pos_embed[:, 0], source.pos_embed[:, 0])
    # another file
    lacking = {k: v for k, v in published.items() if not k.startswith("patch_embed")}
    publish(enum, lacking, tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match="missing in the file"):
        build(member, **TINY)
    publish(enum, published | {"surprise": torch.zeros(1)}, tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match="surprise"):
        build(member, **TINY)


def test_the_published_file_of_panopticon(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A teacher of DINOv2: no prefix, a mask token, positions of 518 pixels."""
    small: dict[str, Any] = {"attn_dim": 48, "embed_dim": 48, "depth": 1, "num_heads": 4}
    source = randomised(panopticon_vitb14(img_size=518, **small))
    published = {k.removeprefix("model."): v for k, v in source.state_dict().items()}
    assert published["pos_embed"].shape == (1, 1370, 48)
    published["mask_token"] = torch.zeros(1, 48)
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.save(published, tmp_path / "checkpoints" / "panopticon_vitb14_teacher.pth")
    model = panopticon_vitb14(Panopticon_Weights.VIT_BASE14, **small).eval()
    grid = published["pos_embed"][:, 1:].reshape(1, 37, 37, 48).permute(0, 3, 1, 2)
    expected = F.interpolate(grid, (16, 16), mode="bicubic", antialias=True)
    found = model.model.pos_embed
    torch.testing.assert_close(found[:, 1:], expected.flatten(2).transpose(1, 2))
    native = panopticon_vitb14("VIT_BASE14", 518, **small).eval()
    x = {"imgs": torch.randn(1, 2, 42, 42), "chn_ids": torch.tensor([[490, -1]])}
    torch.testing.assert_close(native(x), source(x))
    with pytest.raises(ConfigError, match="shape"):
        panopticon_vitb14("VIT_BASE14", **{**small, "embed_dim": 96})
