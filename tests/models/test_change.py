"""What networks for segmentation and change must do beyond the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torchvision
from cases_change import small_changestar
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.models import (
    BTC,
    ChangeMixin,
    ChangeStar,
    ChangeStarFarSeg,
    ChangeViT,
    FarSeg,
    FCSiamConc,
    FCSiamDiff,
    ResNet18_Weights,
    ResNet50_Weights,
    get_model,
)
from swath.models.dimensions import check_image, check_series, pad_to_multiple
from swath.models.swin import swin_t
from swath.models.weights import WeightsEnum

SIAM: dict[str, Any] = {
    "encoder_name": "resnet18", "encoder_depth": 3, "encoder_weights": None,
    "decoder_channels": (16, 8, 4),
}  # fmt: skip
VIT: dict[str, Any] = {"img_size": 32, "depth": 1, "embed_dim": 32, "num_heads": 4}


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(0)


def btc(**settings: Any) -> BTC:
    return BTC("swin_tiny", decoder_channels=16, **settings)


def changevit(name: str = "vit_tiny_patch16_224", **settings: Any) -> ChangeViT:
    return ChangeViT(name, **{**VIT, **settings})


PAIRS: dict[str, Callable[[], nn.Module]] = {
    "fc_siam_conc": lambda: FCSiamConc(**SIAM),
    "fc_siam_diff": lambda: FCSiamDiff(**SIAM),
    "change_star_farseg": lambda: ChangeStarFarSeg("resnet18"),
    "change_star": small_changestar,
    "btc": btc,
    "change_vit": changevit,
}


# -- shapes


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shape", [(1, 3, 3, 32, 32), (1, 1, 3, 32, 32), (1, 3, 32, 32),
                                   (1, 2, 3, 32), (0, 2, 3, 32, 32)])  # fmt: skip
def test_pairs_of_another_shape_are_refused(name: str, shape: tuple[int, ...]) -> None:
    model = PAIRS[name]().eval()
    with pytest.raises((ConfigError, BandError), match=r"expected \(B, (T, C|2 · C), H, W\)"):
        model(torch.zeros(shape))


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - {"change_star"}))
def test_other_channels_are_refused(name: str) -> None:
    with pytest.raises(BandError, match=r"4 channels: expected \(B, T, C, H, W\) with C = 3"):
        PAIRS[name]().eval()(torch.zeros(1, 2, 4, 32, 32))


def test_farseg_refuses_other_images() -> None:
    model = FarSeg("resnet18").eval()
    with pytest.raises(ConfigError, match=r"\(3, 32, 32\): expected \(B, C, H, W\)"):
        model(torch.zeros(3, 32, 32))
    with pytest.raises(BandError, match="C = 3"):
        model(torch.zeros(1, 5, 32, 32))


def test_padding_repeats_the_last_row_and_column() -> None:
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    padded = pad_to_multiple(x, 4)
    assert padded.shape == (1, 1, 4, 4)
    assert padded[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert pad_to_multiple(padded, 4) is padded
    series = torch.randn(2, 3, 4, 5, 7)
    found = pad_to_multiple(series, 8)
    assert found.shape == (2, 3, 4, 8, 8)
    torch.testing.assert_close(found[..., :5, :7], series)
    check_image(padded)
    check_series(series, 4, 3)


@pytest.mark.parametrize("name", ["farseg", "change_star_farseg", "change_vit"])
def test_odd_sizes_are_padded_images_cut_back(name: str) -> None:
    model = FarSeg("resnet18", 2) if name == "farseg" else PAIRS[name]()
    model.eval()
    x = torch.randn(1, 3, 37, 50) if name == "farseg" else torch.randn(1, 2, 3, 37, 50)
    whole = F.pad(x.flatten(0, -4), (0, 14, 0, 27), mode="replicate")
    whole = whole.reshape(*x.shape[:-2], 64, 64)
    if name == "change_vit":
        whole = whole[..., :48, :]
    with torch.no_grad():
        found, expected = model(x), model(whole)
    if isinstance(found, dict):
        assert found["bi_seg_logit"].shape == (1, 2, 1, 37, 50)
        found, expected = found["change_prob"], expected["change_prob"]
    assert found.shape[-2:] == (37, 50)
    torch.testing.assert_close(found, expected[..., :37, :50])


# -- backbones and weights


def test_farseg_takes_other_resnets() -> None:
    with torch.device("meta"):
        model = FarSeg("resnext50_32x4d", 4, in_channels=6)
    assert model.fpn.inner_blocks[3][0].in_channels == 2048
    assert model.backbone.conv1.weight.shape == (64, 6, 7, 7)
    with pytest.raises(ConfigError, match="did you mean resnet50"):
        FarSeg("resnet5")
    with pytest.raises(ConfigError, match="there is no backbone 'vgg16'"):
        FarSeg("vgg16")
    with pytest.raises(ConfigError, match="expected at least 1"):
        FarSeg("resnet18", in_channels=0)


def published(monkeypatch: pytest.MonkeyPatch, tensors: dict[str, Tensor]) -> None:
    """Every enum's file has these tensors."""
    for enum in (WeightsEnum, torchvision.models.WeightsEnum):
        monkeypatch.setattr(enum, "get_state_dict", lambda *a, **k: dict(tensors))


def test_farseg_with_weights_that_have_seen_satellites(monkeypatch: pytest.MonkeyPatch) -> None:
    source = timm.create_model("resnet18", in_chans=13, num_classes=0)
    published(monkeypatch, source.state_dict())
    model = FarSeg("resnet18", 2, ResNet18_Weights.SENTINEL2_ALL_MOCO)
    assert model.in_channels == 13
    for name, tensor in source.state_dict().items():
        torch.testing.assert_close(model.backbone.state_dict()[name], tensor)
    rgb = FarSeg("resnet18", 2, ResNet18_Weights.SENTINEL2_ALL_MOCO, bands=("B04", "B03", "B02"))
    kernel = source.conv1.weight[:, [3, 2, 1]]
    torch.testing.assert_close(rgb.backbone.conv1.weight, kernel)
    with pytest.raises(BandError, match="13 bands"):
        FarSeg("resnet18", 2, ResNet18_Weights.SENTINEL2_ALL_MOCO, in_channels=3)
    both = ChangeStarFarSeg("resnet18", 2, ResNet18_Weights.SENTINEL2_ALL_MOCO)
    assert both.in_channels == 13
    torch.testing.assert_close(
        both.dense_feature_extractor.backbone.layer4[1].conv2.weight, source.layer4[1].conv2.weight
    )


def test_farseg_with_weights_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    source = torchvision.models.resnet18()
    published(monkeypatch, source.state_dict())
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    model = FarSeg("resnet18", 2, weights)
    torch.testing.assert_close(model.backbone.fc.weight, source.fc.weight)
    with pytest.raises(BandError, match="3 channels"):
        FarSeg("resnet18", 2, weights, in_channels=4)


@pytest.mark.parametrize(
    "weights", [ResNet50_Weights.SENTINEL2_ALL_MOCO, torchvision.models.ResNet50_Weights.DEFAULT]
)
def test_weights_of_another_backbone_are_refused(weights: Any) -> None:
    with pytest.raises(ConfigError, match="expected a member of ResNet18_Weights"):
        FarSeg("resnet18", backbone_weights=weights)
    with pytest.raises(ConfigError, match="weights enums for resnet18"):
        FarSeg("resnet18", backbone_weights="imagenet")  # type: ignore[arg-type]


# -- FC-Siam


def test_swapping_dates_does_not_change_their_absolute_difference() -> None:
    x = torch.randn(2, 2, 3, 32, 32)
    model = FCSiamDiff(**SIAM).eval()
    signed = FCSiamDiff(difference="signed", **SIAM).eval()
    signed.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(model(x), model(x.flip(1)))
        assert (signed(x) - signed(x.flip(1))).abs().max() > 1e-4
        assert (signed(x) - model(x)).abs().max() > 1e-4


@pytest.mark.parametrize("difference", ["absolute", "signed"])
def test_no_difference_says_the_same_of_every_image(difference: Any) -> None:
    model = FCSiamDiff(difference=difference, **SIAM).eval()
    a, b = torch.randn(2, 1, 1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(a.expand(1, 2, -1, -1, -1)),
                                   model(b.expand(1, 2, -1, -1, -1)))  # fmt: skip


def test_the_second_date_comes_first_in_the_concatenation() -> None:
    """Kernels with their halves swapped take the dates in the other order."""
    model, other = FCSiamConc(**SIAM).eval(), FCSiamConc(**SIAM).eval()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    for i, skip in enumerate((128, 64, 64)):
        # of each block's input, the last channels are the skip's; the first block's are the head's
        name = f"decoder.blocks.{i}.conv1.0.weight"
        head, rest = (2 * skip, 128) if i == 0 else ((16, 8)[i - 1], 2 * skip if i < 2 else 0)
        kernel = state[name]
        parts = [kernel[:, :head], kernel[:, head:]]
        assert parts[1].shape[1] == rest
        if i == 0:
            parts = [torch.cat(p.chunk(2, 1)[::-1], 1) for p in parts]
        elif rest:
            parts[1] = torch.cat(parts[1].chunk(2, 1)[::-1], 1)
        state[name] = torch.cat(parts, 1)
    other.load_state_dict(state)
    x = torch.randn(1, 2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(other(x.flip(1)), model(x), rtol=1e-4, atol=1e-5)
        assert (model(x.flip(1)) - model(x)).abs().max() > 1e-4


def test_fc_siam_arguments() -> None:
    with pytest.raises(ConfigError, match="did you mean resnet18"):
        FCSiamConc("resnet81", encoder_weights=None)
    with pytest.raises(ConfigError, match="one a stage"):
        FCSiamDiff("resnet18", 4, None)
    with pytest.raises(ConfigError, match="absolute"):
        FCSiamDiff(difference="abs", **SIAM)  # type: ignore[arg-type]
    model = FCSiamDiff(**SIAM, decoder_use_batchnorm=False, aux_params={"classes": 5}).eval()
    assert not [n for n in model.state_dict() if n.startswith("decoder") and "running" in n]
    masks, labels = model(torch.randn(1, 2, 3, 32, 32))
    assert (masks.shape, labels.shape) == ((1, 1, 32, 32), (1, 5))


# -- ChangeStar


def test_modes_of_changestar() -> None:
    mean = small_changestar().eval()
    x = torch.randn(2, 2, 3, 32, 32)
    parts = (mean.dense_feature_extractor, mean.seg_classifier, mean.changemixin)
    there, back = (ChangeStar(*parts, mode).eval() for mode in ("t1t2", "t2t1"))  # type: ignore[arg-type]
    with torch.no_grad():
        a, b, both = (m(x)["change_prob"] for m in (there, back, mean))
        torch.testing.assert_close(both, (a + b) / 2)
        assert (a - b).abs().max() > 1e-4
        swapped = {m: m(x.flip(1)) for m in (there, back, mean)}
        torch.testing.assert_close(swapped[mean]["change_prob"], both)
        torch.testing.assert_close(swapped[there]["change_prob"], b)
        torch.testing.assert_close(swapped[back]["change_prob"], a)
        segments = mean.seg_classifier(mean.dense_feature_extractor(x[:, 1]))
        torch.testing.assert_close(mean(x)["bi_seg_logit"][:, 1], segments)
    with pytest.raises(ConfigError, match="did you mean t1t2"):
        ChangeStar(*parts, "t1t")  # type: ignore[arg-type]


def test_changestar_in_training() -> None:
    model = small_changestar().train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()
    x = torch.randn(2, 2, 3, 32, 32)
    found = model(x)
    assert found["bi_seg_logit"].shape == (2, 2, 2, 32, 32)
    assert found["bi_change_logit"].shape == (2, 2, 1, 32, 32)
    prob = found["bi_change_logit"].sigmoid().mean(1)
    torch.testing.assert_close(prob, model.eval()(x)["change_prob"])


def test_change_mixin_arguments() -> None:
    assert [t.shape for t in ChangeMixin(4, 2, 1, 2.5)(torch.randn(3, 2, 2, 4, 4))] == [
        (3, 1, 10, 10)
    ] * 2
    with pytest.raises(ConfigError, match="at least 1"):
        ChangeMixin(num_convs=0)
    with pytest.raises(BandError, match="C = 2"):
        ChangeMixin(4)(torch.randn(1, 2, 4, 4, 4))


# -- BTC


def test_btc_takes_dates_folded_and_stacked() -> None:
    model = btc().eval()
    x = torch.rand(2, 2, 3, 33, 40)
    with torch.no_grad():
        torch.testing.assert_close(model(x), model(x.flatten(1, 2)))
        same = [model(x[i : i + 1, :1].expand(-1, 2, -1, -1, -1)) for i in range(2)]
        torch.testing.assert_close(same[0], same[1])
    with pytest.raises(BandError, match=r"\(1, 12, 32, 32\)"):
        model(torch.zeros(1, 12, 32, 32))


def test_btc_normalises_colours() -> None:
    """Torchvision's own normalisation and Swin are the oracle of the first map."""
    model = btc().eval()
    swin = torchvision.models.swin_t().eval()
    features: Any = model.encoder.feature_extractor["features"]
    swin.features.load_state_dict(features.state_dict())
    x = torch.rand(1, 3, 32, 32)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    shown = torchvision.transforms.functional.normalize(x, mean, std)
    with torch.no_grad():
        expected = model.encoder.norms[3](swin.features(shown)).permute(0, 3, 1, 2)
        torch.testing.assert_close(model.encoder(x)[3], expected)
        four = btc(in_channels=4).eval()
        assert isinstance(four.encoder.image_normalization, nn.Identity)


def test_btc_with_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    source = {k: v for k, v in swin_t().state_dict().items() if not k.startswith("head")}
    published(monkeypatch, source)
    model = btc(backbone_pretrained=True)
    for name, tensor in model.encoder.feature_extractor.state_dict().items():
        torch.testing.assert_close(tensor, source[name])
    two = btc(backbone_pretrained=True, bands=("G", "R"))
    assert two.in_channels == 2
    kernel = two.encoder.feature_extractor.state_dict()["features.0.0.weight"]
    torch.testing.assert_close(kernel, source["features.0.0.weight"][:, [1, 0]])
    assert two.encoder.image_normalization.mean == (0.456, 0.485)
    with pytest.raises(BandError, match="name yours with bands"):
        btc(backbone_pretrained=True, in_channels=5)
    with pytest.raises(BandError, match="2 bands"):
        btc(bands=("G", "R"), in_channels=4)
    with pytest.raises(ConfigError, match="did you mean swin_tiny"):
        BTC("swin_tin")


# -- ChangeViT


@pytest.mark.parametrize("name", ["vit_small_patch16_dinov3", "vit_small_patch14_reg4_dinov2"])
def test_registers_are_no_patches(name: str) -> None:
    size = 28 if "patch14" in name else 32
    model = changevit(name, img_size=size).eval()
    seen: list[Tensor] = []
    model.feature_injector.register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    x = torch.randn(1, 2, 3, size, 2 * size)
    with torch.no_grad():
        model(x)
        for t in range(2):
            maps = model.encoder.forward_intermediates(
                x[:, t], indices=1, norm=True, intermediates_only=True
            )
            torch.testing.assert_close(seen[t], maps[0].flatten(2).transpose(1, 2))


def test_changevit_backbones() -> None:
    with pytest.raises(ConfigError, match="did you mean vit_tiny_patch16_224"):
        ChangeViT("vit_tiny_patch16_24")
    with pytest.raises(ConfigError, match="no plain vision transformer"):
        ChangeViT("resnet18")
    with pytest.raises(ConfigError, match="no plain vision transformer"):
        ChangeViT("swin_tiny_patch4_window7_224")
    with pytest.raises(ConfigError, match="multiple of 8"):
        changevit(embed_dim=36)


# -- they learn


def learns(
    model: nn.Module, loss: Callable[[Any], Tensor], x: Tensor, rate: float = 1e-3, steps: int = 25
) -> float:
    """The last loss as a share of the first."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, rate)
    losses = []
    for _ in range(steps):
        value = loss(model.train()(x))
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(value.item())
    return losses[-1] / losses[0]


def scene() -> tuple[Tensor, Tensor]:
    """Two dates of noise, and a square that brightens between them: (2, 2, 3, 32, 32), mask."""
    x = torch.randn(2, 1, 3, 32, 32).repeat(1, 2, 1, 1, 1)
    mask = torch.zeros(2, 1, 32, 32)
    mask[0, :, 4:20, 8:24], mask[1, :, 12:28, 0:16] = 1, 1
    x[:, 1] += 2 * mask
    return x, mask


@pytest.mark.parametrize("name", PAIRS)
def test_change_is_learnt(name: str) -> None:
    x, mask = scene()
    model = changevit(patch_size=4) if name == "change_vit" else PAIRS[name]()
    if name == "btc":
        # as large as ever, and random features do for this
        model.encoder.requires_grad_(False)  # type: ignore[union-attr]

    def loss(found: Any) -> Tensor:
        logits = found["bi_change_logit"][:, 0] if isinstance(found, dict) else found
        return F.binary_cross_entropy_with_logits(logits, mask)

    rate, steps = {"change_star": (2e-2, 40), "change_star_farseg": (2e-3, 16)}.get(
        name, (3e-3, 25)
    )
    assert learns(model, loss, x, rate, steps) < 0.6


def test_segments_are_learnt() -> None:
    x, mask = scene()
    target = mask[:, 0].long()
    assert (
        learns(FarSeg("resnet18", 2), lambda y: F.cross_entropy(y, target), x[:, 1], steps=8) < 0.5
    )


def test_they_are_found_by_name() -> None:
    assert isinstance(get_model("FarSeg", "resnet18"), FarSeg)
    assert isinstance(get_model("fcsiamconc", **SIAM), FCSiamConc)
