"""Several images of a place: any number, in any order, with or without padding."""

from __future__ import annotations

import pytest
import torch
from cases_satlas import small
from torch import Tensor

from swath.errors import BandError, ConfigError
from swath.models.satlas import Model, pad_images, satlaspretrain

KINDS = pytest.mark.parametrize("kind", ["swin", "resnet"])


def model(kind: str, **arguments: object) -> Model:
    torch.manual_seed(0)
    built = small(kind, multi_image=True, fpn=True, **arguments).eval()
    for name, value in built.state_dict().items():
        if value.is_floating_point() and not name.endswith("running_var"):
            value.add_(torch.randn_like(value) * 0.05)
    return built


def same(found: list[Tensor], expected: list[Tensor], tolerance: float = 1e-5) -> None:
    assert len(found) == len(expected) == 5
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@KINDS
@pytest.mark.parametrize("times", [1, 2, 5])
def test_folded_and_unfolded_are_the_same(kind: str, times: int) -> None:
    net, x = model(kind), torch.rand(2, times, 3, 32, 32)
    with torch.no_grad():
        same(net(x), net(x.flatten(1, 2)), 0)


@KINDS
def test_each_image_goes_alone_and_the_maximum_is_taken(kind: str) -> None:
    net, x = model(kind), torch.rand(2, 3, 3, 32, 32)
    with torch.no_grad():
        alone = [net.backbone(x[:, t]) for t in range(3)]
        expected = [torch.stack(maps).amax(0) for maps in zip(*alone, strict=True)]
        for a, b in zip(net.backbone(x), expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@KINDS
def test_the_order_of_images_does_not_matter(kind: str) -> None:
    net, x = model(kind), torch.rand(2, 4, 3, 32, 32)
    with torch.no_grad():
        same(net(x[:, [2, 0, 3, 1]]), net(x), 1e-5)
        differ = net(x[:, :1])
        assert (differ[0] - net(x)[0]).abs().max() > 1e-4


@KINDS
def test_padded_images_do_not_touch_the_result(kind: str) -> None:
    net = model(kind)
    places = [torch.rand(1, 3, 32, 32), torch.rand(4, 3, 32, 32), torch.rand(2, 3, 32, 32)]
    x, mask = pad_images(places)
    assert x.shape == (3, 4, 3, 32, 32)
    assert mask.sum(1).tolist() == [1, 4, 2]
    for rubbish in (0.0, 1e6, float("nan"), float("inf")):
        filled = x.masked_fill(~mask[:, :, None, None, None], rubbish)
        with torch.no_grad():
            together = net(filled, mask=mask)
        for i, place in enumerate(places):
            with torch.no_grad():
                same([m[i : i + 1] for m in together], net(place[None]), 1e-4)
    with torch.no_grad():
        same(net(places), net(x, mask=mask), 0)
        gaps = x[:, [1, 0, 2, 3]], mask[:, [1, 0, 2, 3]]
        same(net(gaps[0], mask=gaps[1]), net(x, mask=mask), 1e-4)


def test_padded_images_do_not_touch_batch_statistics() -> None:
    """In training a ResNet normalises over the batch: what is not there must not count."""
    places = [torch.rand(1, 3, 32, 32) + 2, torch.rand(3, 3, 32, 32)]
    x, mask = pad_images(places)
    first, second = model("resnet").train(), model("resnet").train()
    first(x, mask=mask)
    second(x.masked_fill(~mask[:, :, None, None, None], 1e4), mask=mask)
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    third = model("resnet").train()
    third.backbone.maps(torch.cat(places))
    torch.testing.assert_close(
        third.backbone.resnet.bn1.running_mean, first.backbone.resnet.bn1.running_mean
    )


@KINDS
def test_gradients_flow_through_padding(kind: str) -> None:
    net = model(kind, head="segment", num_categories=3).train()
    x, mask = pad_images([torch.rand(2, 3, 32, 32), torch.rand(1, 3, 32, 32)])
    x.requires_grad_()
    net(x, torch.randint(0, 3, (2, 32, 32)), mask)[1].backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert x.grad[1, 1].abs().max() == 0
    assert x.grad[1, 0].abs().max() > 0


def test_a_masked_model_exports() -> None:
    net = model("swin")
    x, mask = pad_images([torch.rand(2, 3, 32, 32), torch.rand(1, 3, 32, 32)])
    exported = torch.export.export(net, (x, None, mask)).module()
    other = torch.tensor([[True, False], [True, True]])
    with torch.no_grad():
        same(exported(x, None, mask), net(x, mask=mask), 1e-4)
        same(exported(x, None, other), net(x, mask=other), 1e-4)


def test_errors_say_what_to_do() -> None:
    single = small(fpn=False)
    with pytest.raises(ConfigError, match=r"3 images of each place.*multi_image=True"):
        single(torch.rand(1, 3, 3, 32, 32))
    with pytest.raises(ConfigError, match="2 images"):
        single(torch.rand(1, 6, 32, 32))
    with pytest.raises(BandError, match="4 channels: expected 3"):
        single(torch.rand(1, 4, 32, 32))
    assert single(torch.rand(1, 1, 3, 32, 32))[0].shape == (1, 8, 8, 8)
    several = small(multi_image=True)
    with pytest.raises(BandError, match="7 channels"):
        several(torch.rand(1, 7, 32, 32))
    with pytest.raises(BandError, match="C = 3"):
        several(torch.rand(1, 2, 4, 32, 32))
    with pytest.raises(ConfigError, match=r"\(3, 32, 32\)"):
        several(torch.rand(3, 32, 32))
    x = torch.rand(2, 2, 3, 32, 32)
    with pytest.raises(ConfigError, match=r"mask is \(2, 3\): expected \(B, T\) = \(2, 2\)"):
        several(x, mask=torch.ones(2, 3))
    with pytest.raises(ConfigError, match=r"no image of the places \[1\]"):
        several(x, mask=torch.tensor([[1, 1], [0, 0]]))
    with pytest.raises(ConfigError, match="same C, H and W"):
        pad_images([torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9)])
    with pytest.raises(ConfigError, match="no images"):
        pad_images([])


def test_either_trunk_can_do_either() -> None:
    """Pooling over time has no parameters, so that the names alone differ."""
    with torch.device("meta"):
        for backbone in ("SWINT", "RESNET50"):
            one = satlaspretrain(None, backbone=backbone, fpn=True)
            many = satlaspretrain(None, backbone=backbone, fpn=True, multi_image=True)
            assert len(one.state_dict()) == len(many.state_dict())
            assert many.backbone.multi_image
            assert not one.backbone.multi_image
