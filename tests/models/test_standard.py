"""ResNet, ViT, Swin and U-Net: the libraries' own networks, and files as providers save them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models import (
    PlainUNet,
    ResNet18_Weights,
    ResNet50_Weights,
    Swin_B_Weights,
    Swin_V2_T_Weights,
    Unet_Weights,
    ViTLarge16_Weights,
    ViTSmall14_DINOv2_Weights,
    ViTSmall16_Weights,
    WeightsEnum,
    resnet18,
    resnet50,
    swin_b,
    swin_t,
    swin_v2_t,
    unet,
    vit_large_patch16_224,
    vit_small_patch14_dinov2,
    vit_small_patch16_224,
)
from swath.models.prefixes import align_names

State = dict[str, Tensor]
TINY_VIT = {"embed_dim": 16, "depth": 2, "num_heads": 2}
TINY_SWIN = {"embed_dim": 8, "depths": [1, 2, 1, 1], "num_heads": [1, 1, 2, 2]}
SHALLOW = {"layers": (1, 1, 1, 1), "channels": (8, 8, 16, 16)}


def publish(monkeypatch: pytest.MonkeyPatch, state: Any) -> None:
    """Whatever member is asked for, its file is this one."""

    def get(self: WeightsEnum, *args: Any, **kwargs: Any) -> State:
        return dict(state)

    monkeypatch.setattr(WeightsEnum, "get_state_dict", get)


def noisy(model: nn.Module) -> nn.Module:
    """No number is its initial one."""
    torch.manual_seed(3)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.add_((torch.rand_like(value) - 0.5) * 0.05)
    return model.eval()


def same(a: nn.Module, b: nn.Module, channels: int, size: tuple[int, int] = (64, 64)) -> None:
    torch.manual_seed(4)
    x = torch.rand(1, channels, *size)
    with torch.no_grad():
        torch.testing.assert_close(a.eval()(x), b.eval()(x), rtol=1e-5, atol=1e-5)


# The libraries' networks


@pytest.mark.parametrize("channels", [3, 9])
def test_resnet_is_timms(channels: int) -> None:
    ours = noisy(resnet18(in_chans=channels, num_classes=4))
    theirs = timm.create_model("resnet18", in_chans=channels, num_classes=4)
    theirs.load_state_dict(ours.state_dict())
    same(ours, theirs, channels)


@pytest.mark.parametrize("channels", [3, 9])
def test_vit_is_timms(channels: int) -> None:
    ours = noisy(vit_small_patch16_224(in_chans=channels, num_classes=4))
    theirs = timm.create_model("vit_small_patch16_224", in_chans=channels, num_classes=4)
    theirs.load_state_dict(ours.state_dict())
    same(ours, theirs, channels, (224, 224))


@pytest.mark.parametrize(
    ("build", "library"),
    [(swin_t, torchvision.models.swin_t), (swin_v2_t, torchvision.models.swin_v2_t)],
)
@pytest.mark.parametrize("channels", [3, 9])
def test_swin_is_torchvisions(build: Any, library: Any, channels: int) -> None:
    ours, theirs = noisy(build(in_chans=channels)), library()
    if channels != 3:
        theirs.features[0][0] = nn.Conv2d(channels, 96, 4, 4)
    theirs.load_state_dict(ours.state_dict())
    same(ours, theirs, channels, (70, 64))


def test_swin_says_which_channels_it_takes() -> None:
    model = swin_t(in_chans=3, **TINY_SWIN)
    with pytest.raises(BandError, match=r"4 channels: expected .* C = 3"):
        model(torch.rand(1, 4, 32, 32))
    with pytest.raises(BandError, match="4 channels"):
        model.forward_intermediates(torch.rand(1, 4, 32, 32))
    with pytest.raises(ConfigError, match=r"\(B, C, H, W\)"):
        model(torch.rand(3, 32, 32))


def test_swin_maps_lead_to_its_output() -> None:
    model = noisy(swin_t(**TINY_SWIN))
    x = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        final, maps = model.forward_intermediates(x)
        torch.testing.assert_close(model.head(final.mean((2, 3))), model(x))
        seen: list[Tensor] = []
        for i in (1, 3, 5, 7):
            model.features[i].register_forward_hook(lambda _m, _i, out: seen.append(out))
        model(x)
    assert [m.shape[2:] for m in maps] == [(16 // 2**i, 24 // 2**i) for i in range(4)]
    for found, expected in zip(maps, seen, strict=True):
        torch.testing.assert_close(found.permute(0, 2, 3, 1), expected)
    assert [m.shape[1] for m in maps] == [level["num_chs"] for level in model.feature_info]


def test_unet_is_smps() -> None:
    ours = noisy(unet(classes=3, encoder_name="resnet18", in_chans=5))
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=3, in_channels=5)
    theirs.load_state_dict(ours.state_dict())
    same(ours, theirs, 5)


def test_vit_says_which_sizes_it_takes() -> None:
    model = vit_small_patch14_dinov2(img_size=28, **TINY_VIT)
    with pytest.raises(ConfigError, match=r"30 × 41 .* 28 × 28 and 42 × 42"):
        model(torch.rand(1, 3, 30, 41))
    with pytest.raises(ConfigError, match="30 × 28"):
        model.forward_intermediates(torch.rand(1, 3, 30, 28))


def test_plain_unet_sees_far_and_has_the_papers_size() -> None:
    model = PlainUNet(1, 1, (4, 8), norm="none").eval().double()
    x = torch.zeros(1, 1, 32, 32, dtype=torch.double, requires_grad=True)
    model(x)[0, 0, 16, 16].backward()
    assert x.grad is not None
    reached = x.grad[0, 0].abs() > 0
    rows, columns = reached.nonzero(as_tuple=True)
    assert rows.min() < 8
    assert columns.max() > 22
    params = sum(p.numel() for p in PlainUNet(1, 2, norm="none").parameters())
    # The paper's network (572 × 572, two classes) has 31 030 658 parameters with its biases.
    assert params == 31_030_658


# Files


def encoder(build: Callable[..., nn.Module], drop: str, **options: Any) -> State:
    state = noisy(build(**options)).state_dict()
    return {k: v.clone() for k, v in state.items() if not k.startswith(drop)}


def loaded(model: nn.Module, state: State, drop: str) -> None:
    own = model.state_dict()
    for name in own:
        if not name.startswith(drop) and not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(own[name], state[name], msg=name)


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.encoder_q.", "backbone.resnet."])
def test_resnet_files(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    state = encoder(resnet18, "fc.", in_chans=13, **SHALLOW)
    extra = {
        "fc.weight": torch.rand(7, 16), "module.encoder_k.conv1.weight": torch.rand(8, 13, 7, 7),
        "queue": torch.rand(3), "module.queue_ptr": torch.rand(1),
    }  # fmt: skip
    publish(monkeypatch, {prefix + k: v for k, v in state.items()} | extra)
    model = resnet18(ResNet18_Weights.SENTINEL2_ALL_MOCO, num_classes=5, **SHALLOW)
    loaded(model, state, "fc.")
    assert model.fc.weight.shape == (5, 16)
    assert model.weights is ResNet18_Weights.SENTINEL2_ALL_MOCO
    loaded(resnet18("SENTINEL2_ALL_MOCO", features_only=True, **SHALLOW), state, "fc.")
    few = resnet18("SENTINEL2_ALL_MOCO", features_only=True, out_indices=(1, 2), **SHALLOW)
    assert "layer4.0.conv1.weight" not in few.state_dict()
    loaded(few, state, "fc.")


def test_the_first_layer_is_fitted_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    state = encoder(resnet50, "fc.", in_chans=13, **SHALLOW)
    publish(monkeypatch, state)
    model = resnet50("SENTINEL2_ALL_DINO", bands=("B4", "B3", "B2", "B8"), **SHALLOW)
    kernel = state["conv1.weight"]
    torch.testing.assert_close(model.conv1.weight, kernel[:, [3, 2, 1, 7]])


def test_a_file_of_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    state = encoder(resnet50, "fc.", in_chans=13, **SHALLOW)
    publish(monkeypatch, state)
    with pytest.raises(ConfigError):
        resnet18("SENTINEL2_ALL_MOCO", **SHALLOW)
    publish(monkeypatch, {k: v for k, v in state.items() if not k.startswith("layer3")})
    with pytest.raises(ConfigError, match="layer3"):
        resnet50("SENTINEL2_ALL_DINO", **SHALLOW)
    publish(monkeypatch, state | {"surprise.weight": torch.rand(2)})
    with pytest.raises(ConfigError, match="surprise"):
        resnet50("SENTINEL2_ALL_DINO", **SHALLOW)


def test_vit_files(monkeypatch: pytest.MonkeyPatch) -> None:
    state = encoder(vit_small_patch16_224, "head.", in_chans=13, **TINY_VIT)
    decoder = {"mask_token": torch.rand(1, 1, 8), "decoder_blocks.0.norm1.weight": torch.rand(8),
               "decoder_pos_embed": torch.rand(1, 197, 8)}  # fmt: skip
    publish(monkeypatch, state | decoder | {"head.weight": torch.rand(9, 16)})
    model = vit_small_patch16_224(ViTSmall16_Weights.SENTINEL2_ALL_MAE, num_classes=3, **TINY_VIT)
    loaded(model, state, "head.")
    pooled = vit_small_patch16_224("SENTINEL2_ALL_MAE", global_pool="avg", **TINY_VIT)
    torch.testing.assert_close(pooled.fc_norm.weight, state["norm.weight"])
    maps = vit_small_patch16_224(
        "SENTINEL2_ALL_MAE", features_only=True, out_indices=(0, 1), **TINY_VIT
    )
    x = torch.rand(1, 13, 64, 32)
    with torch.no_grad():
        found = maps.eval()(x)
        expected = model.eval().forward_intermediates(x, intermediates_only=True, norm=False)
    torch.testing.assert_close(found[-1], expected[-1])


def test_vit_positions_of_another_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """SoftCon's 16 × 16 positions in a model for 8 × 8; a smooth field stays what it is."""
    small = ViTSmall14_DINOv2_Weights.SENTINEL2_ALL_SOFTCON
    state = encoder(vit_small_patch14_dinov2, "?", in_chans=13, img_size=224, **TINY_VIT)
    ramp = torch.linspace(-1, 1, 16)
    state["pos_embed"][0, 1:, 0] = ramp.repeat_interleave(16)
    publish(monkeypatch, state)
    model = vit_small_patch14_dinov2(small, **TINY_VIT)
    assert model.patch_embed.img_size == (224, 224)
    loaded(model, state, "?")
    model = vit_small_patch14_dinov2(small, img_size=112, **TINY_VIT)
    found = model.pos_embed[0, 1:, 0].reshape(8, 8)
    torch.testing.assert_close(model.pos_embed[0, 0], state["pos_embed"][0, 0])
    expected = torch.nn.functional.avg_pool1d(ramp[None], 2)[0]
    torch.testing.assert_close(found[2:6, 3], expected[2:6], rtol=0, atol=0.02)


@pytest.mark.parametrize("prefix", ["", "backbone.", "backbone.backbone.backbone."])
def test_swin_files(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    state = encoder(swin_v2_t, "head.", in_chans=9, **TINY_SWIN)
    extra = {"upsample.layers.0.weight": torch.rand(2), "intermediates.0.fpn.a": torch.rand(2)}
    publish(monkeypatch, {prefix + k: v for k, v in state.items()} | extra)
    loaded(swin_v2_t(Swin_V2_T_Weights.SENTINEL2_SI_MS_SATLAS, **TINY_SWIN), state, "head.")


def test_swin_with_the_checkpoints_window(monkeypatch: pytest.MonkeyPatch) -> None:
    state = encoder(swin_b, "norm", window_size=[12, 12], **TINY_SWIN)
    state = {k: v for k, v in state.items() if not k.startswith("head.")}
    publish(monkeypatch, state | {f"norm{i}.weight": torch.rand(3) for i in range(4)})
    model = swin_b(Swin_B_Weights.CITYSCAPES_SEMSEG, **TINY_SWIN)
    assert model.features[1][0].attn.window_size == [12, 12]
    loaded(model, state, ("head.", "norm."))  # type: ignore[arg-type]


def test_unet_files(monkeypatch: pytest.MonkeyPatch) -> None:
    name = Unet_Weights.NAIP_RGBN_RESNET18_CHESAPEAKERSC
    build = {"encoder_name": "resnet18", "in_chans": 4, "classes": 2}
    state = encoder(unet, "?", **build)
    publish(monkeypatch, {f"model.{k}": v for k, v in state.items()})
    loaded(unet(name), state, "?")
    other = unet(name, classes=5)
    loaded(other, state, "segmentation_head.")
    assert other.segmentation_head[0].out_channels == 5


def test_a_file_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """The whole way: SWATH_HOME, the name of the published file, the wrapping."""
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    member = ViTLarge16_Weights.SENTINEL1_GRD_MAE  # its name promises no hash
    state = encoder(vit_large_patch16_224, "head.", in_chans=2, **TINY_VIT)
    (tmp_path / "checkpoints").mkdir()
    torch.save({"model": state, "epoch": 3}, tmp_path / "checkpoints" / member.url.split("/")[-1])
    loaded(vit_large_patch16_224(member, **TINY_VIT), state, "head.")


def test_prefixes() -> None:
    a, b = torch.zeros(1), torch.ones(1)
    own = ["conv.weight", "bn.bias"]
    file = {"x.y.conv.weight": a, "x.y.bn.bias": a, "z.conv.weight": b, "head.weight": b}
    assert list(align_names(file, own)) == [
        "conv.weight",
        "bn.bias",
        "z.conv.weight",
        "head.weight",
    ]
    wrapped = [f"model.{n}" for n in own]
    assert list(align_names({"conv.weight": a, "bn.bias": a}, wrapped)) == wrapped
    assert align_names({"other": a}, own) == {"other": a}


# Normalisation


def test_seco_is_stretched_band_by_band() -> None:
    preset = ResNet50_Weights.SENTINEL2_RGB_SECO.transforms
    low, high = torch.tensor([0.0, 2, 3]), torch.tensor([129.0, 103, 88])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for values, unit in ((low, 0.0), (high, 1.0), (high + 50, 1.0), ((low + high) / 2, 0.5)):
        found = preset.normalize(values.view(3, 1, 1).expand(3, 4, 4))
        torch.testing.assert_close(found[:, 0, 0], (unit - mean) / std, rtol=1e-4, atol=1e-4)


def test_satlas_ends_between_0_and_1() -> None:
    preset = Swin_V2_T_Weights.SENTINEL2_SI_MS_SATLAS.transforms
    found = preset.normalize(torch.full((9, 2, 2), 10000.0))
    assert found.min() == found.max() == 1
    half = torch.tensor([127.5] * 3 + [4080.0] * 6).view(9, 1, 1)
    torch.testing.assert_close(preset.normalize(half), torch.full((9, 1, 1), 0.5))
