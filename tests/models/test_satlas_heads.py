"""Every head learns what it is taught, ignores what is unknown, and refuses what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from cases_satlas import small
from torch import nn
from torch.nn import functional as F
from torchvision.ops import box_iou

from swath.errors import ConfigError
from swath.models.satlas import FRCNNHead, Head, Model, SimpleHead

CHANNELS = [[1, 4], [4, 4], [8, 4], [16, 4], [32, 4]]


class Trunk(nn.Module):
    """A trunk of somebody's own: seven convolutions."""

    out_channels = ((4, 32), (8, 32), (16, 32), (32, 32))

    def __init__(self) -> None:
        super().__init__()

        def step(i: int, o: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.GroupNorm(4, o), nn.ReLU())

        first = nn.Sequential(step(3, 16), step(16, 32))
        self.steps = nn.ModuleList([first, step(32, 32), step(32, 32), step(32, 32)])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for step in self.steps:
            x = step(x)
            found.append(x)
        return found


def squares(count: int = 4, side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with a bright square each, and where it is."""
    torch.manual_seed(3)
    images, boxes = torch.rand(count, 3, side, side) * 0.1, torch.zeros(count, 4)
    for i in range(count):
        x, y = torch.randint(2, side // 2, (2,)).tolist()
        width, height = torch.randint(side // 4, side // 2 - 2, (2,)).tolist()
        images[i, i % 3, y : y + height, x : x + width] += 0.9
        boxes[i] = torch.tensor([x, y, x + width, y + height])
    return images, boxes


def masks_of(boxes: torch.Tensor, side: int = 32) -> torch.Tensor:
    found = torch.zeros(len(boxes), side, side, dtype=torch.long)
    for i, (a, b, c, d) in enumerate(boxes.long().tolist()):
        found[i, b:d, a:c] = 1
    return found


def train(net: Model, images: torch.Tensor, targets: Any, steps: int, lr: float) -> list[float]:
    optimiser = torch.optim.AdamW(net.parameters(), lr)
    net.train()
    losses = []
    for _ in range(steps):
        loss = net(images, targets)[1]
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def classes(boxes: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(boxes)) % 3


def labels(boxes: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.arange(len(boxes)) % 3 == i for i in range(3)], 1).float()


def planes(boxes: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    return torch.stack([masks, 1 - masks, torch.ones_like(masks)], 1)


@pytest.mark.parametrize(
    ("head", "truth", "fpn"),
    [
        (Head.CLASSIFY, classes, True),
        (Head.MULTICLASSIFY, labels, True),
        (Head.SEGMENT, lambda b, m: m * (1 + torch.arange(len(b))[:, None, None] % 2), True),
        (Head.SEGMENT, lambda b, m: m, False),
        (Head.BINSEGMENT, planes, True),
        (Head.REGRESS, lambda b, m: m * 0 + 40.0 * torch.arange(1, 5)[:, None, None], True),
    ],
)
def test_it_learns(head: Head, truth: Any, fpn: bool) -> None:
    images, boxes = squares()
    targets = truth(boxes, masks_of(boxes))
    torch.manual_seed(0)
    count = 1 if head is Head.REGRESS else 3
    net = Model(3, False, Trunk(), fpn, head, count, fpn_channels=16)
    losses = train(net, images, targets, 80, 3e-3)
    assert losses[-1] < 0.3 * losses[0], losses[::10]
    net.eval()
    with torch.no_grad():
        found, loss = net(images, targets)
        alone, none = net(images)
    torch.testing.assert_close(found, alone)
    assert none is None
    assert float(loss) < 0.4 * losses[0]
    if head is Head.REGRESS:
        assert (found - targets).abs().mean() < 20
    elif head in (Head.CLASSIFY, Head.SEGMENT):
        assert (found.argmax(1) == targets).float().mean() > 0.9
    else:
        assert ((found > 0.5) == (targets > 0.5)).float().mean() > 0.9


def head_and_maps(head: Head, categories: int = 3) -> tuple[SimpleHead, list[torch.Tensor]]:
    torch.manual_seed(0)
    return SimpleHead(head, CHANNELS, categories), [torch.randn(2, 4, 8, 8)]


def test_losses_are_the_textbooks() -> None:
    image = torch.rand(2, 3, 8, 8)
    head, maps = head_and_maps(Head.SEGMENT)
    truth = torch.randint(0, 3, (2, 8, 8))
    found, loss = head(image, maps, truth)
    torch.testing.assert_close(loss, F.nll_loss(found.log(), truth))
    torch.testing.assert_close(found.sum(1), torch.ones(2, 8, 8))
    head, maps = head_and_maps(Head.BINSEGMENT)
    bits = torch.randint(0, 2, (2, 3, 8, 8))
    found, loss = head(image, maps, bits)
    torch.testing.assert_close(loss, F.binary_cross_entropy(found, bits.float()))
    head, maps = head_and_maps(Head.MULTICLASSIFY)
    found, loss = head(image, maps, bits[:, :, 0, 0].bool())
    torch.testing.assert_close(loss, F.binary_cross_entropy(found, bits[:, :, 0, 0].float()))
    head, maps = head_and_maps(Head.REGRESS, 1)
    numbers = torch.rand(2, 8, 8) * 100
    found, loss = head(image, maps, numbers)
    torch.testing.assert_close(loss, F.l1_loss(found, numbers) / 255)
    head, maps = head_and_maps(Head.CLASSIFY)
    found, loss = head(image, maps, torch.tensor([2, 0]))
    torch.testing.assert_close(loss, -(found[0, 2].log() + found[1, 0].log()) / 2)


@pytest.mark.parametrize("head", [Head.SEGMENT, Head.BINSEGMENT, Head.REGRESS])
def test_nothing_is_learnt_where_nothing_is_known(head: Head) -> None:
    image = torch.rand(2, 3, 8, 8)
    single = head is not Head.SEGMENT
    for ignore in (None, 255):
        torch.manual_seed(0)
        made = SimpleHead(head, CHANNELS, 1 if single else 3, ignore_index=ignore)
        maps = [torch.randn(2, 4, 8, 8)]
        unknown: float = -100 if ignore is None else ignore
        if head is Head.REGRESS and ignore is None:
            unknown = float("nan")
        truth = torch.randint(0, 2, (2, 8, 8)).float()
        truth[:, :4] = unknown
        whole = made(image, maps, truth)[1]
        head_only = SimpleHead.forward(made, image[..., 4:, :], maps, None)
        assert head_only[1] is None
        other = truth.clone()
        other[:, 4:] = 1 - other[:, 4:]
        assert made(image, maps, other)[1].item() != pytest.approx(whole.item())
        found = made(image, maps)[0]
        known = truth[:, 4:]
        if head is Head.SEGMENT:
            expected = F.nll_loss(found[:, :, 4:].log(), known.long())
        elif head is Head.BINSEGMENT:
            expected = F.binary_cross_entropy(found[:, 0, 4:], known)
        else:
            expected = F.l1_loss(found[:, 4:], known) / 255
        torch.testing.assert_close(whole, expected)
        nothing = made(image, maps, torch.full_like(truth, unknown))[1]
        assert nothing.item() == 0


def test_targets_that_are_wrong_are_refused() -> None:
    image = torch.rand(2, 3, 8, 8)
    head, maps = head_and_maps(Head.SEGMENT)
    for wrong, text in (
        (torch.zeros(2, 8, 9), r"\(2, 8, 9\).*\(2, 8, 8\)"),
        (torch.full((2, 8, 8), 3), r"hold \[3\]: expected classes from 0 to 2"),
        (torch.full((2, 8, 8), 255), "ignore_index"),
        (torch.full((2, 8, 8), 0.5), "fractions"),
        ([1, 2], "a list of 2"),
    ):
        with pytest.raises(ConfigError, match=text):
            head(image, maps, wrong)
    head, maps = head_and_maps(Head.BINSEGMENT)
    with pytest.raises(ConfigError, match=r"\(2, 3, 8, 8\)"):
        head(image, maps, torch.zeros(2, 8, 8))
    with pytest.raises(ConfigError, match=r"hold \[2\.0\]"):
        head(image, maps, torch.full((2, 3, 8, 8), 2))
    head, maps = head_and_maps(Head.CLASSIFY)
    with pytest.raises(ConfigError, match=r"\(2,\)"):
        head(image, maps, torch.zeros(2, 3))
    with pytest.raises(ConfigError, match="num_categories is missing"):
        small(head=Head.SEGMENT)
    with pytest.raises(ConfigError, match="did you mean SEGMENT"):
        small(head="segmnt", num_categories=2)
    with pytest.raises(ConfigError, match="fpn=True"):
        small(head=Head.DETECT, num_categories=2)
    with pytest.raises(ConfigError, match="counts the background"):
        small(fpn=True, head=Head.DETECT, num_categories=1)
    with pytest.raises(ConfigError, match="FRCNNHead"):
        SimpleHead(Head.DETECT, CHANNELS)
    with pytest.raises(ConfigError, match="SimpleHead"):
        FRCNNHead(Head.SEGMENT, CHANNELS)


def boxed(masks: bool = False, side: int = 32) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    images, boxes = squares(2, side)
    targets: list[dict[str, Any]] = [
        {"boxes": boxes[i : i + 1], "labels": torch.tensor([1 + i])} for i in range(2)
    ]
    if masks:
        for target, mask in zip(targets, masks_of(boxes, side), strict=True):
            target["masks"] = mask[None].to(torch.uint8)
    return images, targets


def detector(head: Head) -> Model:
    torch.manual_seed(0)
    options: dict[str, Any] = {"anchor_sizes": (8, 16, 32, 64), "box_batch_size_per_image": 32}
    if head is Head.INSTANCE:
        options["mask_layers"] = (16, 16)
    return Model(3, False, Trunk(), True, head, 3, fpn_channels=16, head_options=options)


@pytest.mark.parametrize("head", [Head.DETECT, Head.INSTANCE])
def test_it_finds_the_boxes_it_has_seen(head: Head) -> None:
    images, targets = boxed(head is Head.INSTANCE)
    net = detector(head)
    losses = train(net, images, targets, 80, 2e-3)
    assert min(losses[-5:]) < 0.4 * losses[0], losses[::10]
    assert net(images, targets)[0] == []
    net.eval()
    with torch.no_grad():
        found, loss = net(images, targets)
        assert net(images)[1] is None
    assert 0 < loss.item() < 0.5 * losses[0]
    for one, target in zip(found, targets, strict=True):
        assert set(one) == {"boxes", "labels", "scores"} | ({"masks"} & set(target))
        near = box_iou(one["boxes"], target["boxes"])[:, 0]
        near[(one["scores"] < 0.5) | (one["labels"] != target["labels"])] = 0
        best = int(near.argmax())
        assert near[best] > 0.6, (one, target)
        if head is Head.INSTANCE:
            assert one["masks"].shape[1:] == (1, 32, 32)
            drawn, truth = one["masks"][best, 0] > 0.5, target["masks"][0] > 0
            assert (drawn & truth).sum() / (drawn | truth).sum() > 0.6


def test_images_of_odd_sizes_and_without_boxes() -> None:
    net = detector(Head.INSTANCE).train()
    nothing = {
        "boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long),
        "masks": torch.zeros(0, 45, 70),
    }  # fmt: skip
    mask = torch.zeros(1, 45, 70)
    mask[:, 5:30, 40:69] = 1
    one = {"boxes": [[40, 5, 69, 30]], "labels": [2], "masks": mask}
    images = torch.rand(2, 3, 45, 70)
    loss = net(images, [nothing, one])[1]
    loss.backward()
    assert torch.isfinite(loss)
    net.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for found in net(images)[0]:
            assert found["masks"].shape[1:] == (1, 45, 70)
            if len(found["boxes"]):
                assert found["boxes"].dtype == torch.float32
                assert found["boxes"].min() >= 0
                assert (found["boxes"].amax(0) <= torch.tensor([70, 45, 70, 45])).all()


def test_large_boxes_have_features() -> None:
    """Boxes of 224 pixels and more lie on the coarsest map, and not on none."""
    head = FRCNNHead(Head.DETECT, CHANNELS)
    maps = {f"feat{i}": torch.full((1, 4, 512 // s, 512 // s), float(i + 1))
            for i, s in enumerate((1, 4, 8, 16))}  # fmt: skip
    sides = {20: 1.0, 40: 2.0, 100: 3.0, 200: 4.0, 230: 4.0, 480: 4.0}
    for side, expected in sides.items():
        box = torch.tensor([[5.0, 5, 5 + side, 5 + side]])
        found = head.roi_heads.box_roi_pool(maps, [box], [(512, 512)])
        torch.testing.assert_close(found, torch.full_like(found, expected))


def test_box_targets_that_are_wrong_are_refused() -> None:
    net = detector(Head.INSTANCE).train()
    images, targets = boxed(True)
    bad: list[tuple[Any, str]] = [
        (None, "no targets.*model.eval"),
        (targets[:1], "a list of 1: expected a list of 2"),
        ([{"boxes": targets[0]["boxes"]}, targets[1]], "target 0 has no labels, masks"),
        (
            [targets[0], targets[1] | {"labels": torch.tensor([3])}],
            r"labels \[3\]: expected 1 to 2",
        ),
        ([targets[0] | {"labels": torch.tensor([0])}, targets[1]], "0 is the background"),
        ([targets[0] | {"labels": torch.tensor([1, 1])}, targets[1]], "has 1 boxes and labels"),
        ([targets[0] | {"boxes": torch.tensor([[9, 9, 5, 20]])}, targets[1]], "without an area"),
        ([targets[0] | {"masks": torch.zeros(1, 9, 9)}, targets[1]], r"\(1, 9, 9\)"),
    ]
    for wrong, text in bad:
        with pytest.raises(ConfigError, match=text):
            net(images, wrong)
