"""What comes out of a model, and what of it is trained."""

from __future__ import annotations

import logging

import pytest
import torch
from cases_satlas import small
from torch import nn
from torchvision.models import resnet50, swin_v2_t
from torchvision.models._utils import IntermediateLayerGetter

from swath.errors import ConfigError
from swath.models.satlas import FPN, Backbone, Head, Model, ResnetBackbone, SwinBackbone, Upsample


def test_names_and_numbers_of_the_published_package() -> None:
    assert [(b.name, b.value) for b in Backbone] == [
        ("SWINB", 1), ("SWINT", 2), ("RESNET50", 3), ("RESNET152", 4),
    ]  # fmt: skip
    assert [(h.name, h.value) for h in Head] == [
        ("CLASSIFY", 1), ("MULTICLASSIFY", 2), ("DETECT", 3), ("INSTANCE", 4), ("SEGMENT", 5),
        ("BINSEGMENT", 6), ("REGRESS", 7),
    ]  # fmt: skip


def test_the_trunks_are_torchvisions() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 64, 96)
    swin = SwinBackbone(3, "swint").eval()
    other = swin_v2_t().eval()
    other.load_state_dict(swin.backbone.state_dict())
    with torch.no_grad():
        maps = swin(x)
        last = other.permute(other.norm(maps[3].permute(0, 2, 3, 1)))
        torch.testing.assert_close(other.head(last.mean((2, 3))), other(x))
    resnet = ResnetBackbone(3).eval()
    plain = resnet50().eval()
    plain.load_state_dict(resnet.resnet.state_dict())
    tap = IntermediateLayerGetter(plain, {f"layer{i}": str(i) for i in range(1, 5)})
    with torch.no_grad():
        for a, b in zip(resnet(x), tap(x).values(), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kind", ["swin", "resnet"])
@pytest.mark.parametrize("size", [(64, 64), (37, 50), (1, 1), (33, 128)])
def test_maps_are_what_feature_info_says(kind: str, size: tuple[int, int]) -> None:
    for fpn in (False, True):
        model = small(kind, fpn=fpn).eval()
        with torch.no_grad():
            maps = model(torch.rand(1, 3, *size))
        assert len(maps) == len(model.feature_info) == 4 + fpn
        for found, info in zip(maps, model.feature_info, strict=True):
            stride = info["reduction"]
            side = [-(-s // stride) for s in size]
            assert list(found.shape) == [1, info["num_chs"], *side]


def test_intermediates_are_timms() -> None:
    model = small(fpn=True).eval()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        maps = model(x)
        last, every = model.forward_intermediates(x)
        assert all(torch.equal(a, b) for a, b in zip(every, maps, strict=True))
        assert torch.equal(last, maps[-1])
        two = model.forward_intermediates(x, indices=2, intermediates_only=True)
        assert all(torch.equal(a, b) for a, b in zip(two, maps[-2:], strict=True))
        one = model.backbone.forward_intermediates(x, indices=[0, -1], output_fmt="NHWC")[1]
        assert [t.shape[-1] for t in one] == [8, 64]
    with pytest.raises(ConfigError, match="there are 5 levels"):
        model.forward_intermediates(x, indices=[5])
    with pytest.raises(ConfigError, match="'NLC'"):
        model.forward_intermediates(x, output_fmt="NLC")


def test_the_pyramid_by_hand() -> None:
    """A map is its own projection and all coarser ones, each the nearest neighbour's."""
    torch.manual_seed(0)
    pyramid = FPN([[4, 5], [8, 6]], 7)
    fine, coarse = torch.rand(1, 5, 8, 8), torch.rand(1, 6, 4, 4)
    inner, layer = pyramid.fpn.inner_blocks, pyramid.fpn.layer_blocks
    down = inner[1](coarse)
    expected = layer[0](inner[0](fine) + nn.Upsample(scale_factor=2)(down))
    found = pyramid([fine, coarse])
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[1], layer[1](down))
    whole = Upsample(pyramid.out_channels)
    assert whole.out_channels == [[1, 7], [4, 7], [8, 7]]
    assert [tuple(m.shape[-2:]) for m in whole(found)] == [(32, 32), (8, 8), (4, 4)]


@pytest.mark.parametrize("head", [None, *Head])
def test_every_trained_parameter_has_a_gradient(head: Head | None) -> None:
    """As distributed training wants it; what no map passes through is frozen."""
    torch.manual_seed(0)
    options = {"mask_layers": (8,)} if head is Head.INSTANCE else {}
    model = small("swin", fpn=True, head=head, num_categories=3, head_options=options).train()
    x = torch.rand(2, 3, 32, 32)
    if head is None:
        loss = sum(m.square().mean() for m in model(x))
    else:
        mask = torch.zeros(2, 1, 32, 32)
        mask[..., 4:20, 4:20] = 1
        one = {"boxes": [[4, 4, 20, 20]], "labels": [1]}
        bits = torch.tensor([[0, 1, 1], [1, 0, 0]])
        targets = {
            Head.CLASSIFY: torch.tensor([0, 2]), Head.MULTICLASSIFY: bits,
            Head.SEGMENT: mask[:, 0], Head.BINSEGMENT: mask.expand(-1, 3, -1, -1),
            Head.REGRESS: mask[:, 0], Head.DETECT: [one, one],
            Head.INSTANCE: [one | {"masks": mask[0]}, one | {"masks": mask[1]}],
        }[head]  # fmt: skip
        loss = model(x, targets)[1]
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert all(".norm." in n or ".head." in n or "layer_blocks" in n for n in frozen)


def test_a_head_on_the_bare_trunk_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "swath.models.satlas"):
        small(fpn=True, head=Head.SEGMENT, num_categories=2)
        assert not caplog.records
        model = small(head=Head.SEGMENT, num_categories=2)
    assert "fpn=True" in caplog.text
    assert model(torch.rand(1, 3, 37, 50))[0].shape == (1, 2, 37, 50)


def test_weights_of_the_constructor() -> None:
    torch.manual_seed(0)
    source = Model(2, False, small_swin_of(2), fpn=True, fpn_channels=8)
    again = Model(2, False, small_swin_of(2), fpn=True, fpn_channels=8, weights=source.state_dict())
    for a, b in zip(again.state_dict().values(), source.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def small_swin_of(channels: int) -> nn.Module:
    return small(channels=channels).backbone
