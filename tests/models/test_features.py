"""Features at several scales: where they lie, what they are of, whatever the backbone and size."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from model_cases import all_cases
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models import (
    Features,
    detection_model,
    dofa_base_patch16_224,
    resnet18,
    segmentation_model,
    swin_t,
    vit_small_patch14_dinov2,
    vit_small_patch16_224,
)
from swath.models.dofa import DOFA
from swath.models.registry import model_entries
from swath.models.segmentation import DECODERS

TINY_VIT = {"embed_dim": 16, "depth": 2, "num_heads": 2}
TINY_SWIN = {"embed_dim": 8, "depths": [1, 2, 1, 1], "num_heads": [1, 1, 2, 2]}
SHALLOW = {"layers": (1, 1, 1, 1), "channels": (8, 8, 16, 16)}
WAVELENGTHS = [0.665, 0.56, 0.49, 0.84]


def dofa() -> nn.Module:
    return DOFA(img_size=32, embed_dim=16, depth=2, num_heads=2, num_classes=0)


BACKBONES: dict[str, Any] = {
    "resnet": lambda: resnet18(in_chans=4, **SHALLOW),
    "dilated": lambda: resnet18(in_chans=4, output_stride=8, **SHALLOW),
    "features_only": lambda: resnet18(in_chans=4, features_only=True, **SHALLOW),
    "swin": lambda: swin_t(in_chans=4, **TINY_SWIN),
    "vit16": lambda: vit_small_patch16_224(in_chans=4, img_size=32, **TINY_VIT),
    "vit14": lambda: vit_small_patch14_dinov2(in_chans=4, img_size=28, **TINY_VIT),
    "dofa": dofa,
}


def conditions(name: str) -> dict[str, Any]:
    return {"wavelengths": WAVELENGTHS} if name == "dofa" else {}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [(64, 64), (37, 101), (1, 1)])
def test_shapes(name: str, size: tuple[int, int]) -> None:
    features = Features(BACKBONES[name](), (2, 4, 8, 16, 32, 64)).eval()
    with torch.no_grad():
        maps = features(torch.rand(2, 4, *size), **conditions(name))
    for found, stride, channels in zip(maps, features.strides, features.channels, strict=True):
        assert found.shape == (2, channels, -(-size[0] // stride), -(-size[1] // stride))
    narrow = Features(BACKBONES[name](), channels=6)
    assert narrow.channels == [6] * 4


def test_stages_are_the_backbones_own() -> None:
    for backbone in (resnet18(**SHALLOW), swin_t(**TINY_SWIN)):
        backbone.eval()
        x = torch.rand(1, 3, 64, 96)
        with torch.no_grad():
            maps = Features(backbone)(x)
            own = backbone.forward_intermediates(x, intermediates_only=True)[-4:]
        for a, b in zip(maps, own, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("library", "ours"),
    [(torchvision.models.resnet18, resnet18), (torchvision.models.swin_t, swin_t)],
)
def test_torchvisions_give_the_same(library: Any, ours: Any) -> None:
    a, b = library().eval(), ours().eval()
    b.load_state_dict(a.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for found, expected in zip(Features(a)(x), Features(b)(x), strict=True):
            torch.testing.assert_close(found, expected)


class Positions(nn.Module):
    """A plain backbone whose last map holds where its patches' centres are, in pixels."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.feature_info = [{"num_chs": 2, "reduction": patch}] * 2

    def forward_intermediates(self, x: Tensor, indices: Any, intermediates_only: bool) -> Any:
        grid = torch.meshgrid(
            *(torch.arange(n // self.patch) * self.patch + self.patch / 2 for n in x.shape[-2:]),
            indexing="ij",
        )
        return [torch.stack(grid)[None].expand(len(x), -1, -1, -1)] * len(indices)


@pytest.mark.parametrize("patch", [8, 12, 14, 16, 20])
@pytest.mark.parametrize("scale", [16, 32])
def test_resampled_maps_lie_where_their_pixels_do(patch: int, scale: int) -> None:
    """Cells hold the position of their own centre, with means in place of maxima."""
    features = Features(Positions(patch), (scale,))
    for i, step in enumerate(features.rescale[0].steps):
        assert isinstance(step, nn.MaxPool2d)
        features.rescale[0].steps[i] = nn.AvgPool2d(2)
    features.project[0] = nn.Identity()
    found = features(torch.zeros(1, 1, 160, 96))[0][0, 0, :, 0]
    expected = torch.arange(len(found)) * scale + scale / 2
    torch.testing.assert_close(found[1:-1], expected[1:-1])


def test_padding_repeats_the_border() -> None:
    backbone = resnet18(**SHALLOW).eval()
    x = torch.rand(1, 3, 50, 64)
    padded = torch.cat([x, x[:, :, -1:].expand(-1, -1, 14, -1)], dim=2)
    with torch.no_grad():
        a, b = Features(backbone)(x), Features(backbone)(padded)
    for found, expected, stride in zip(a, b, (4, 8, 16, 32), strict=True):
        torch.testing.assert_close(found, expected[:, :, : -(-50 // stride)])


def test_conditions_reach_the_backbone() -> None:
    torch.manual_seed(0)
    backbone = dofa().eval()
    x = torch.rand(1, 4, 32, 32)
    bound = Features(backbone, conditions={"wavelengths": WAVELENGTHS}).eval()
    with torch.no_grad():
        first = bound(x)
        other = bound(x, wavelengths=[2.2, 1.6, 0.44, 0.7])
        order = [2, 0, 3, 1]
        permuted = bound(x[:, order], wavelengths=[WAVELENGTHS[i] for i in order])
    assert not torch.allclose(first[0], other[0])
    torch.testing.assert_close(first[0], permuted[0], rtol=1e-4, atol=1e-5)
    assert callable(dofa_base_patch16_224)


class Pair(nn.Module):
    """Takes a second image, of the same size."""

    feature_info = ({"num_chs": 1, "reduction": 16}, {"num_chs": 1, "reduction": 16})

    def forward_intermediates(self, x: Tensor, radar: Tensor, indices: Any, **_: Any) -> Any:
        assert radar.shape[-2:] == x.shape[-2:]
        return [nn.functional.avg_pool2d(x[:, :1] + radar[:, :1], 16)] * len(indices)


def test_images_among_the_conditions_are_extended_too() -> None:
    found = Features(Pair())(torch.rand(2, 3, 50, 40), radar=torch.rand(2, 2, 50, 40))
    assert found[0].shape == (2, 256, 13, 10)
    model = segmentation_model(Pair(), "fpn")
    assert model(torch.rand(2, 3, 50, 40), radar=torch.rand(2, 2, 50, 40)).shape == (2, 2, 50, 40)


def test_every_backbone_gives_features() -> None:
    """Whatever is registered as one, built small, with all that it wants to be told."""
    seen = set()
    for case in all_cases():
        model = case.make().eval()
        if not hasattr(model, "forward_intermediates"):
            continue
        seen |= set(case.covers)
        args, named = case.feed(batch=1)
        names = [*inspect.signature(model.forward_intermediates).parameters]
        named = dict(zip(names[1:], args[1:], strict=False)) | named
        features = Features(model, (8, 16)).eval()
        with torch.no_grad():
            maps = features(args[0] if args else None, **named)
        assert [m.shape[1] for m in maps] == features.channels, case.name
        assert all(torch.isfinite(m).all() for m in maps), case.name
    assert {e.name for e in model_entries() if "backbone" in e.tasks} <= seen


def test_what_gives_no_features() -> None:
    with pytest.raises(ConfigError, match="Linear gives no features"):
        Features(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="scales"):
        Features(resnet18(**SHALLOW), ())


# Decoders


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", BACKBONES)
def test_every_decoder_on_every_backbone(decoder: str, name: str) -> None:
    options = {"decoder_channels": (8, 8, 8, 8, 4)} if "un" in decoder else {}
    if decoder in ("upernet", "manet"):
        options = {"decoder_channels": 8} if decoder == "upernet" else {}
    model = segmentation_model(
        BACKBONES[name](), decoder, 3, conditions=conditions(name), options=options
    ).eval()
    with torch.no_grad():
        assert model(torch.rand(2, 4, 50, 70)).shape == (2, 3, 50, 70)


@pytest.mark.parametrize(
    ("decoder", "library"),
    [("unet", smp.Unet), ("fpn", smp.FPN), ("upernet", smp.UPerNet), ("linknet", smp.Linknet),
     ("unet++", smp.UnetPlusPlus), ("manet", smp.MAnet)],
)  # fmt: skip
def test_decoders_are_smps(decoder: str, library: Any) -> None:
    ours = segmentation_model("resnet18", decoder, 5).eval()
    theirs = library("resnet18", encoder_weights=None, classes=5).eval()
    theirs.encoder.load_state_dict(ours.encoder.backbone.state_dict(), strict=False)
    theirs.decoder.load_state_dict(ours.decoder.state_dict())
    x = torch.rand(1, 3, 64, 96)
    seen: list[Tensor] = []
    ours.decoder.register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.no_grad():
        ours(x)
        torch.testing.assert_close(seen[0], theirs.decoder(theirs.encoder(x)))


def test_a_decoder_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="unet"):
        segmentation_model("resnet18", "unett")
    with pytest.raises(ConfigError, match="resnet18"):
        segmentation_model("resnet81")
    with pytest.raises(ConfigError, match="built already"):
        segmentation_model(resnet18(**SHALLOW), in_chans=4)


# Detectors


@pytest.mark.parametrize("kind", ["faster-rcnn", "mask-rcnn", "retinanet", "fcos"])
@pytest.mark.parametrize("name", ["resnet", "vit14", "dofa"])
def test_detectors_train_and_predict(kind: str, name: str) -> None:
    torch.manual_seed(0)
    model = detection_model(
        BACKBONES[name](), kind, 3, channels=64 if kind == "fcos" else 8,
        conditions=conditions(name), anchor_sizes=(8, 16, 32, 64, 128),
        options={"box_detections_per_img": 3} if "rcnn" in kind else {},
    )  # fmt: skip
    images = [torch.rand(4, 64, 64), torch.rand(4, 50, 90)]
    targets = [
        {
            "boxes": torch.tensor([[5.0, 5, 20, 25]]),
            "labels": torch.tensor([1]),
            "masks": torch.ones(1, *i.shape[1:], dtype=torch.uint8),
        }
        for i in images
    ]
    losses = model(images, targets)
    total = sum(losses.values())
    assert torch.isfinite(total)
    total.backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0
               for p in model.backbone.features.backbone.parameters())  # fmt: skip
    with torch.no_grad():
        found = model.eval()(images)
    for one, image in zip(found, images, strict=True):
        height, width = image.shape[1:]
        boxes = one["boxes"]
        assert (boxes >= 0).all()
        assert (boxes[:, 2] <= width).all()
        assert (boxes[:, 3] <= height).all()


def test_images_reach_the_network_as_they_are() -> None:
    model = detection_model(resnet18(in_chans=2, **SHALLOW), channels=8).eval()
    seen: list[Tensor] = []
    model.backbone.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    images = [torch.randn(2, 40, 64) * 100, torch.randn(2, 64, 50)]
    with torch.no_grad():
        model(images)
    torch.testing.assert_close(seen[0][0, :, :40], images[0])
    torch.testing.assert_close(seen[0][1, :, :, :50], images[1])
    resized = detection_model(resnet18(in_chans=2, **SHALLOW), channels=8, min_size=96).eval()
    resized.backbone.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        resized(images[1:])
    assert min(seen[1].shape[-2:]) == 96


def seen_by(model: nn.Module, image: Tensor) -> Tensor:
    """What the network gets of an image."""
    seen: list[Tensor] = []
    model.backbone.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))  # type: ignore[union-attr]
    with torch.no_grad():
        model.eval()([image])
    return seen[0][0]


def test_a_detector_does_to_images_what_its_options_say() -> None:
    image = torch.randint(0, 255, (2, 64, 64), dtype=torch.uint8)

    def build(**settings: Any) -> nn.Module:
        return detection_model(resnet18(in_chans=2, **SHALLOW), channels=8, **settings)

    torch.testing.assert_close(seen_by(build(), image), image.float())
    scaled = build(options={"image_mean": [9.0, 1.0], "image_std": [2.0, 4.0]})
    expected = (image - torch.tensor([9.0, 1]).view(2, 1, 1)) / torch.tensor([2.0, 4]).view(2, 1, 1)
    torch.testing.assert_close(seen_by(scaled, image), expected)
    assert seen_by(build(options={"min_size": 96}), image).shape == (2, 96, 96)
    assert seen_by(build(options={"fixed_size": (96, 32)}), image).shape[-2:] == (32, 96)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_classes": 0}, "num_classes is 0"),
        ({"num_classes": 1}, "at least 2"),
        ({"num_classes": 0, "kind": "retinanet"}, "num_classes is 0"),
        ({"max_size": 64}, "min_size is missing"),
        ({"options": {"box_nms_tresh": 0.3}}, "box_nms_thresh"),
    ],
)
def test_settings_that_no_detector_has(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        detection_model(resnet18(in_chans=2, **SHALLOW), channels=8, **settings)


def test_a_map_has_a_class() -> None:
    with pytest.raises(ConfigError, match="num_classes is 0"):
        segmentation_model(resnet18(**SHALLOW), num_classes=0)


def test_a_detector_finds_what_it_was_shown() -> None:
    """Bright squares on noise, learnt in seconds and found where they are."""
    torch.manual_seed(0)
    backbone = timm.create_model("resnet10t", in_chans=1, num_classes=0)
    model = detection_model(
        backbone, "fcos", 2, channels=64, anchor_sizes=(8, 16, 32, 64, 128)
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)

    def scene() -> tuple[Tensor, Tensor]:
        image = torch.randn(1, 64, 64) * 0.1
        x, y = (int(v) for v in torch.randint(4, 36, (2,)))
        image[:, y : y + 20, x : x + 20] += 2
        return image, torch.tensor([[x, y, x + 20, y + 20]], dtype=torch.float32)

    for _ in range(30):
        scenes = [scene() for _ in range(3)]
        losses = model([s[0] for s in scenes],
                       [{"boxes": s[1], "labels": torch.tensor([1])} for s in scenes])  # fmt: skip
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    image, box = scene()
    model.eval()
    for module in model.modules():  # statistics of so few steps are no guide
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        found = model([image])[0]
    assert len(found["boxes"])
    assert torchvision.ops.box_iou(found["boxes"][:1], box).item() > 0.6


def test_a_detector_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="faster-rcnn"):
        detection_model("resnet18", "faster-rcn")
    with pytest.raises(ConfigError, match="5"):
        detection_model("resnet18", anchor_sizes=(8, 16))
    with pytest.raises(ConfigError, match="multiple of 32"):
        detection_model("resnet18", "fcos", channels=40)
