"""Momentum, queue and the signs of collapse, against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from swath.errors import GridError
from swath.trainers.siamese import Siamese, mlp, momentum_at, pooled
from swath.trainers.ssl_metrics import EmbeddingMetrics, nearest_neighbours


def network(bank: int = 5, width: int = 3) -> Siamese:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    return Siamese(backbone, mlp([4, 6, width]), momentum=True, width=width, bank=bank)


def test_the_copy_follows_by_the_formula_and_has_no_gradient() -> None:
    model = network()
    assert model.momentum_encoder is not None
    with torch.no_grad():
        for p in model.backbone.parameters():
            p.add_(torch.randn_like(p))
    own = {n: p.detach().clone() for n, p in model.named_parameters()}
    model.follow(0.9)
    for name, slow in model.momentum_encoder.named_parameters():
        wanted = 0.9 * own[f"momentum_encoder.{name}"] + 0.1 * own[name]
        torch.testing.assert_close(slow, wanted)
        assert not slow.requires_grad
    for name, fast in model.named_parameters():
        if not name.startswith("momentum_encoder"):
            assert torch.equal(fast, own[name])
    keys = model.target(torch.rand(2, 2, 8, 8))
    assert not keys.requires_grad


def test_momentum_rises_along_a_cosine() -> None:
    assert momentum_at(0.99, 0, 100) == pytest.approx(0.99)
    assert momentum_at(0.99, 50, 100) == pytest.approx(0.995)
    assert momentum_at(0.99, 100, 100) == momentum_at(0.99, 300, 100) == 1
    assert momentum_at(0.99, 50, math.inf) == 0.99


@pytest.mark.parametrize("batches", [[2, 2, 2, 2], [3, 4, 1], [5], [7], [4, 13, 2]])
def test_the_queue_holds_the_last_keys_whatever_the_batch(batches: list[int]) -> None:
    model = network(bank=5)
    everything = []
    expected: list[torch.Tensor | None] = [None] * 5
    place = 0
    for n in batches:
        keys = torch.randn(n, 3)
        model.enqueue(keys)
        for key in F.normalize(keys, dim=1):
            expected[place % 5] = key
            place += 1
            everything.append(key)
    assert int(model.queue_ptr) == place % 5
    for found, wanted in zip(model.queue, expected, strict=True):
        if wanted is not None:
            torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(model.queue.norm(dim=1), torch.ones(5))


def test_any_features_become_one_vector() -> None:
    maps = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(pooled(maps, nn.Identity()), maps.mean((2, 3)))
    torch.testing.assert_close(pooled(maps.flatten(2).mT, nn.Identity()), maps.mean((2, 3)))
    torch.testing.assert_close(pooled([2 * maps, maps], nn.Identity()), maps.mean((2, 3)))
    with pytest.raises(GridError, match="expected features"):
        pooled({"maps": maps}, nn.Identity())


def test_signs_of_collapse_are_those_of_numpy() -> None:
    z = torch.randn(50, 8)
    metrics = EmbeddingMetrics(8)
    for part in (slice(0, 7), slice(7, 50)):
        metrics.update(z[part], z[part])
    unit = (z / z.norm(dim=1, keepdim=True)).double().numpy()
    scores = metrics.compute()
    assert float(scores["std"]) == pytest.approx(np.std(unit, axis=0).mean() * 8**0.5, 1e-5)
    assert float(scores["recall"]) == 1
    metrics.reset()
    metrics.update(torch.ones(20, 8), torch.randn(20, 8))
    assert float(metrics.compute()["std"]) == pytest.approx(0, abs=1e-4)
    assert float(metrics.compute()["recall"]) < 0.3


def test_neighbours_vote_as_in_scikit_learn() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    g = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    features = F.normalize(torch.randn(60, 5, generator=g) + 1.5 * F.one_hot(labels, 5), dim=1)
    found = nearest_neighbours(features, labels, 7)
    x, y = features.numpy(), labels.numpy()
    for i in range(60):
        others = np.arange(60) != i
        judge = KNeighborsClassifier(
            7, weights=lambda d: np.exp((1 - d) / 0.07), metric="cosine", algorithm="brute"
        )
        judge.fit(x[others], y[others])
        assert judge.predict(x[i : i + 1])[0] == int(found[i])
    metrics = EmbeddingMetrics(5, neighbours=7)
    for part in (slice(0, 22), slice(22, 60)):
        metrics.update(features[part], None, features[part], labels[part])
    accuracy = float(metrics.compute()["knn_accuracy"])
    assert accuracy == pytest.approx(float((found == labels).float().mean()))
    assert "recall" not in metrics.compute()
