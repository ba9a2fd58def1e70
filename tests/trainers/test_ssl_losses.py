"""Contrastive losses against sums written out one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from swath.errors import ConfigError, GridError
from swath.losses import byol_loss, info_nce, nt_xent


def vectors(count: int, seed: int, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)) * 3


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def slow_nt_xent(one, two, t, bank=()) -> float:
    """Equation 1 of SimCLR, index by index."""
    n = len(one)
    z = [*one, *two]
    total = 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        others = [z[k] for k in range(2 * n) if k != i] + list(bank)
        down = sum(math.exp(cosine(z[i], other) / t) for other in others)
        total -= math.log(math.exp(cosine(z[i], z[j]) / t) / down)
    return total / (2 * n)


def slow_info_nce(queries, keys, t, bank=None) -> float:
    total = 0.0
    for i, query in enumerate(queries):
        up = math.exp(cosine(query, keys[i]) / t)
        if bank is None:
            down = sum(math.exp(cosine(query, k) / t) for k in keys)
        else:
            down = up + sum(math.exp(cosine(query, k) / t) for k in bank)
        total -= math.log(up / down)
    return total / len(queries)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).float()


@pytest.mark.parametrize("t", [0.07, 0.5, 1.0])
@pytest.mark.parametrize("bank", [None, 7])
def test_both_losses_are_the_papers(t: float, bank: int | None) -> None:
    one, two = vectors(5, 0), vectors(5, 1)
    old = None if bank is None else vectors(bank, 2)
    kept = None if old is None else tensor(old)
    found = nt_xent(tensor(one), tensor(two), t, bank=kept)
    assert float(found) == pytest.approx(
        slow_nt_xent(one, two, t, () if old is None else old), 1e-5
    )
    found = info_nce(tensor(one), tensor(two), t, bank=kept)
    assert float(found) == pytest.approx(slow_info_nce(one, two, t, old), 1e-5)


def test_byol_is_the_distance_of_unit_vectors() -> None:
    one, two = vectors(5, 0), vectors(5, 1)
    units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (one, two)]
    wanted = ((units[0] - units[1]) ** 2).sum(1).mean()
    assert float(byol_loss(tensor(one), tensor(two))) == pytest.approx(wanted, 1e-5)
    assert float(byol_loss(tensor(one), 5 * tensor(one))) == pytest.approx(0, abs=1e-6)
    assert float(byol_loss(tensor(one), -tensor(one))) == pytest.approx(4, 1e-6)


def test_parts_of_a_batch_are_the_batch() -> None:
    """What each of several processes sees, with everyone's embeddings, has the whole's mean."""
    one, two = tensor(vectors(6, 0)), tensor(vectors(6, 1))
    parts = [
        nt_xent(one[i : i + 2], two[i : i + 2], 0.2, everyone=(one, two), first=i)
        for i in (0, 2, 4)
    ]
    torch.testing.assert_close(torch.stack(parts).mean(), nt_xent(one, two, 0.2))
    parts = [
        info_nce(one[i : i + 2], two[i : i + 2], 0.2, everyone=two, first=i) for i in (0, 2, 4)
    ]
    torch.testing.assert_close(torch.stack(parts).mean(), info_nce(one, two, 0.2))


def test_half_precision_is_computed_in_full() -> None:
    one, two = tensor(vectors(8, 0)).bfloat16(), tensor(vectors(8, 1)).bfloat16()
    assert nt_xent(one, two, 0.07).dtype == torch.float32
    wanted = nt_xent(one.float(), two.float(), 0.07)
    torch.testing.assert_close(nt_xent(one, two, 0.07), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(nt_xent(one, two, 0.07), wanted, rtol=1e-6, atol=1e-6)


def test_what_does_not_pair_is_refused() -> None:
    with pytest.raises(GridError, match="expected \\(B, D\\)"):
        nt_xent(torch.zeros(3, 4), torch.zeros(2, 4))
    with pytest.raises(ConfigError, match="temperature is 0"):
        info_nce(torch.ones(3, 4), torch.ones(3, 4), 0)
