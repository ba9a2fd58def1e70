"""Losses against independent implementations, and what each owes to ignored truth and weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score
from torch import Tensor, nn
from torch.nn import functional as F

from swath import losses
from swath.errors import ConfigError, GridError

C = 4
#: Of (logits (B, C, H, W), classes (B, H, W)), with 9 for truth that does not count.
MULTICLASS: dict[str, Callable[[], nn.Module]] = {
    "ce": lambda: losses.CrossEntropyLoss(ignore_index=9),
    "focal": lambda: losses.FocalLoss(ignore_index=9),
    "ordinal": lambda: losses.OrdinalLoss(ignore_index=9),
    "dice": lambda: losses.DiceLoss(ignore_index=9),
    "jaccard": lambda: losses.JaccardLoss(ignore_index=9),
    "tversky": lambda: losses.TverskyLoss(alpha=0.3, beta=0.7, gamma=1.3, ignore_index=9),
    "lovasz": lambda: losses.LovaszLoss(ignore_index=9),
    "sum": lambda: losses.classification_loss({"ce": 1, "dice": 0.5}, ignore_index=9),
}


def data(seed: int = 0, classes: int = C) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 5, 6, generator=g)
    return logits, torch.randint(0, classes, (2, 5, 6), generator=g)


def perfect(target: Tensor, classes: int = C) -> Tensor:
    return F.one_hot(target.clamp(max=classes - 1), classes).movedim(-1, 1) * 60.0 - 30


@pytest.mark.parametrize("name", MULTICLASS)
def test_what_is_ignored_has_no_say(name: str) -> None:
    loss, (logits, target) = MULTICLASS[name](), data()
    hidden = target.clone()
    hidden[:, :2] = 9
    other = logits.clone()
    other[:, :, :2] = torch.randn(2, C, 2, 6) * 20
    other.requires_grad_()
    value = loss(other, hidden)
    torch.testing.assert_close(value, loss(logits, hidden))
    value.backward()
    assert other.grad is not None
    assert float(other.grad[:, :, :2].abs().max()) == 0
    assert float(other.grad[:, :, 2:].abs().max()) > 0
    if name != "sum":
        cut = MULTICLASS[name]()(logits[:, :, 2:], target[:, 2:])
        torch.testing.assert_close(value.detach(), cut)


@pytest.mark.parametrize("name", MULTICLASS)
def test_nothing_counted_is_zero_with_a_gradient(name: str) -> None:
    logits = data()[0].requires_grad_()
    value = MULTICLASS[name]()(logits, torch.full((2, 5, 6), 9))
    assert float(value.detach()) == 0
    value.backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", MULTICLASS)
def test_right_is_better_than_wrong(name: str) -> None:
    loss, (logits, target) = MULTICLASS[name](), data()
    best, worst = loss(perfect(target), target), loss(perfect((target + 2) % C), target)
    assert float(best) == pytest.approx(0, abs=1e-4)
    assert float(best) < float(loss(logits, target)) < float(worst)


@pytest.mark.parametrize("name", MULTICLASS)
def test_descent_finds_the_truth(name: str) -> None:
    _, target = data()
    logits = torch.zeros(2, C, 5, 6, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    loss = MULTICLASS[name]()
    for _ in range(60):
        optimizer.zero_grad()
        loss(logits, target).backward()
        optimizer.step()
    assert float((logits.argmax(1) == target).float().mean()) > 0.95


@pytest.mark.parametrize("name", [n for n in MULTICLASS if n != "lovasz"])
def test_soft_labels_of_0_and_1_are_hard_labels(name: str) -> None:
    loss, (logits, target) = MULTICLASS[name](), data()
    shares = F.one_hot(target, C).movedim(-1, 1).float()
    torch.testing.assert_close(loss(logits, shares), loss(logits, target))


def test_cross_entropy_is_torch_s() -> None:
    logits, target = data()
    weights = [0.5, 1, 2, 0.1]
    torch.testing.assert_close(
        losses.CrossEntropyLoss(weights, 1)(logits, target),
        F.cross_entropy(logits, target, torch.tensor(weights), ignore_index=1),
    )


def test_binary_cross_entropy_is_torch_s() -> None:
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(0, 2, (2, 3, 4, 4))
    weight = torch.tensor([1.0, 2, 3])
    torch.testing.assert_close(
        losses.BinaryCrossEntropyLoss(weight)(logits, target),
        F.binary_cross_entropy_with_logits(logits, target.float(), pos_weight=weight.view(3, 1, 1)),
    )
    target[0, 0, 0] = 255
    kept = target != 255
    torch.testing.assert_close(
        losses.BinaryCrossEntropyLoss(ignore_index=255)(logits, target),
        F.binary_cross_entropy_with_logits(logits[kept], target[kept].float()),
    )


@pytest.mark.parametrize("mode", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("DiceLoss", "DiceLoss"), ("JaccardLoss", "JaccardLoss"), ("TverskyLoss", "TverskyLoss")],
)
def test_overlap_agrees_with_smp(ours: str, theirs: str, mode: str) -> None:
    logits, target = data()
    if mode == "binary":
        logits, target = logits[:, :1], target[:, None] % 2
    elif mode == "multilabel":
        target = torch.randint(0, 2, logits.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        getattr(losses, ours)(mode=mode)(logits, target),
        getattr(smp.losses, theirs)(mode=mode)(logits, target),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_lovasz_agrees_with_smp() -> None:
    logits, target = data()
    torch.testing.assert_close(
        losses.LovaszLoss()(logits, target), smp.losses.LovaszLoss("multiclass")(logits, target)
    )
    binary = (target % 2)[:, None]
    torch.testing.assert_close(
        losses.LovaszLoss("binary")(logits[:, :1], binary),
        smp.losses.LovaszLoss("binary")(logits[:, 0], binary[:, 0]),
    )


def test_jaccard_of_hard_predictions_is_one_minus_iou() -> None:
    logits, target = data()
    hard = perfect(logits.argmax(1)) * 10
    expected = 1 - jaccard_score(target.flatten(), logits.argmax(1).flatten(), average="macro")
    assert float(losses.JaccardLoss()(hard, target)) == pytest.approx(expected, abs=1e-5)
    assert float(losses.LovaszLoss()(hard, target)) == pytest.approx(expected, abs=1e-5)


def test_focal_is_its_formula() -> None:
    logits, target = data()
    p = logits.double().softmax(1).gather(1, target[:, None])[:, 0].numpy()
    expected = -((1 - p) ** 2) * np.log(p)
    found = losses.FocalLoss(gamma=2)(logits.double(), target)
    assert float(found) == pytest.approx(expected.mean())
    plain = losses.FocalLoss(gamma=0, class_weights=[1, 1, 1, 1])(logits, target)
    torch.testing.assert_close(plain, F.cross_entropy(logits, target))
    yes, truth = logits[:, 0], target % 2
    torch.testing.assert_close(
        losses.FocalLoss("binary", gamma=0)(yes, truth),
        F.binary_cross_entropy_with_logits(yes, truth.float()),
    )
    torch.testing.assert_close(
        losses.FocalLoss("binary")(logits[:, :1], truth),
        losses.FocalLoss("binary")(yes, truth),
    )


def test_ordinal_counts_the_distance() -> None:
    target = torch.zeros(1, 1, 1, dtype=torch.long)
    values = [
        float(losses.OrdinalLoss()(perfect(torch.full((1, 1, 1), k)), target)) for k in range(C)
    ]
    np.testing.assert_allclose(values, [0, 1 / 3, 2 / 3, 1], atol=1e-5)


@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_regression_leaves_the_unknown_out(kind: str) -> None:
    found, target = torch.randn(3, 4), torch.randn(3, 4)
    target[0, 0], target[1, 1] = torch.nan, -9999
    kept = ~target.isnan() & (target != -9999)
    expected = {
        "mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss
    }[kind](found[kept], target[kept])  # fmt: skip
    torch.testing.assert_close(
        losses.RegressionLoss(kind, ignore_value=-9999)(found, target), expected
    )  # type: ignore[arg-type]
    with pytest.raises(GridError, match="expected the same"):
        losses.RegressionLoss(kind)(found, target[:, :1])  # type: ignore[arg-type]


def test_prior_losses_are_the_paper_s() -> None:
    g = torch.Generator().manual_seed(0)
    q = torch.randn(2, 3, 4, 4, generator=g).softmax(1)
    p = torch.randn(2, 3, 4, 4, generator=g).softmax(1)
    a, b = (t.double().movedim(1, -1).reshape(-1, 3).numpy() for t in (q, p))
    mean = a.mean(0)
    forward = (mean * np.log(mean)).sum() - (a * np.log(b)).sum(1).mean()
    r = b * a / mean
    r /= r.sum(1, keepdims=True)
    backward = (r * np.log(r / a)).sum(1).mean()
    assert float(losses.QRLoss()(q, p)) == pytest.approx(forward, abs=1e-5)
    assert float(losses.RQLoss()(q, p)) == pytest.approx(backward, abs=1e-5)
    # hard beliefs and predictions, with exact zeros, have finite gradients
    hard = F.one_hot(torch.randint(0, 3, (2, 4, 4)), 3).movedim(-1, 1).float()
    for loss in (losses.QRLoss(), losses.RQLoss()):
        logits = torch.randn(2, 3, 4, 4, requires_grad=True)
        loss(logits.softmax(1), hard).backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
    with pytest.raises(GridError, match="expected both"):
        losses.QRLoss()(q, p[:, :2])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(set(MULTICLASS) - {"sum"})))
def test_losses_are_finite_and_bounded(seed: int, name: str) -> None:
    logits, target = data(seed)
    value = float(MULTICLASS[name]()(logits * 50, target))
    assert np.isfinite(value)
    assert value >= -1e-6
    if name in {"dice", "jaccard", "tversky", "lovasz", "ordinal"}:
        assert value <= 1 + 1e-5


def test_class_weights_choose_the_class() -> None:
    logits, target = data()
    for kind in (losses.DiceLoss, losses.JaccardLoss, losses.LovaszLoss, losses.FocalLoss):
        only = kind(class_weights=[0, 0, 1, 0])(logits, target)
        other = logits.clone()
        assert torch.isfinite(only)
        assert not torch.isclose(only, kind()(other, target))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: losses.classification_loss("diece"), "loss is 'diece'"),
        (lambda: losses.classification_loss("ce", "binary"), "use 'bce'"),
        (lambda: losses.classification_loss("bce"), "use 'ce'"),
        (lambda: losses.classification_loss("bce", "binary", [1, 2]), "use pos_weight"),
        (lambda: losses.classification_loss("dice", "binary", [1, 2]), "use .focal."),
        (lambda: losses.FocalLoss(gamma=-1), "gamma"),
        (lambda: losses.CrossEntropyLoss([-1, 2]), "expected numbers from 0"),
        (lambda: losses.CombinedLoss({}), "at least one loss"),
        (lambda: losses.RegressionLoss("rmse"), "loss is 'rmse'"),  # type: ignore[arg-type]
    ],
)
def test_bad_settings(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


def test_a_class_that_the_model_does_not_have() -> None:
    logits, target = data()
    target[0, 0, 0] = 255
    with pytest.raises(ConfigError, match="say ignore_index=255"):
        losses.DiceLoss()(logits, target)
    with pytest.raises(GridError, match="expected"):
        losses.DiceLoss()(logits, target[:, :2])


def test_cross_entropy_of_weightless_classes_alone_is_zero() -> None:
    logits = data()[0].requires_grad_()
    found = losses.CrossEntropyLoss([0, 1, 1, 1])(logits, torch.zeros(2, 5, 6).long())
    found.backward()
    assert float(found) == 0
    assert logits.grad is not None
    assert bool((logits.grad == 0).all())


def test_cross_entropy_names_a_class_or_a_shape_that_is_not_there() -> None:
    logits, target = data()
    with pytest.raises(GridError, match="expected"):
        losses.CrossEntropyLoss()(logits, target[:, None])
    target[0, 0, 0] = 255
    with pytest.raises(ConfigError, match="say ignore_index=255"):
        losses.CrossEntropyLoss()(logits, target)
    # uint8 has no -100: it must not be taken for 156
    with pytest.raises(ConfigError, match="class 156"):
        losses.CrossEntropyLoss()(logits, torch.full((2, 5, 6), 156, dtype=torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(dtype: torch.dtype) -> None:
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 300, 300, generator=g)
    target = torch.randint(0, 2, (2, 1, 300, 300), generator=g)
    for loss in (
        losses.BinaryCrossEntropyLoss(), losses.FocalLoss("binary"), losses.DiceLoss("binary"),
        losses.LovaszLoss("binary"),
    ):  # fmt: skip
        found = loss(logits.to(dtype), target)
        torch.testing.assert_close(found, loss(logits, target), rtol=1e-3, atol=1e-3)
    error = losses.RegressionLoss()((logits * 100).to(dtype), target * 0.0)
    torch.testing.assert_close(
        error, losses.RegressionLoss()(logits * 100, target * 0.0), rtol=1e-2, atol=0
    )


@pytest.mark.parametrize("mode", ["binary", "multiclass"])
def test_focal_has_a_slope_where_it_is_certain(mode: str) -> None:
    logits = torch.tensor([[200.0]] if mode == "binary" else [[200.0, -200.0]], requires_grad=True)
    target = torch.tensor([[1.0]] if mode == "binary" else [0])
    losses.FocalLoss(mode, gamma=0.5)(logits, target).backward()  # type: ignore[arg-type]
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
