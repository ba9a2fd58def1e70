"""Losses between embeddings of two views: what self-supervised training minimises.

All of them normalise the embeddings to length 1 themselves and compute in float32, whatever the
precision of the training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import ConfigError, GridError

__all__ = ["byol_loss", "info_nce", "nt_xent"]

P = ParamSpec("P")


def _exact(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Compute a loss in float32 where autocast would multiply in 16 bits."""

    @wraps(loss)
    def run(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        with torch.autocast(tensors[0].device.type if tensors else "cpu", enabled=False):
            return loss(*args, **kwargs)

    return run


@_exact
def nt_xent(
    one: Tensor,
    two: Tensor,
    temperature: float = 0.1,
    *,
    everyone: tuple[Tensor, Tensor] | None = None,
    first: int = 0,
    bank: Tensor | None = None,
) -> Tensor:
    """SimCLR's loss: each view has to find the other one among all views of the batch.

    The mean over all 2 B views ``i`` with partner ``j`` of
    ``-log(exp(sim(i, j) / t) / sum over k ≠ i of exp(sim(i, k) / t))``
    (https://arxiv.org/abs/2002.05709, equation 1).

    Args:
        one: (B, D) embeddings of the first views.
        two: (B, D) of the second views, in the same order.
        temperature: t.
        everyone: Both, (N, D) each, of all processes: more to choose from.
        first: Where in `everyone` this process's embeddings begin.
        bank: (K, D) embeddings of earlier images, all of them wrong choices
            (https://arxiv.org/abs/2006.10029).

    Raises:
        ConfigError: A temperature that is not positive.
        GridError: Views that do not pair.
    """
    one, two = _pair(one, two, temperature)
    all_one, all_two = (one, two) if everyone is None else map(_unit, everyone)
    views, n = torch.cat([one, two]), len(all_one)
    similar = views @ torch.cat([all_one, all_two]).T / temperature
    here = torch.arange(first, first + len(one), device=one.device)
    itself, partner = torch.cat([here, here + n]), torch.cat([here + n, here])
    similar = similar.scatter(1, itself[:, None], -torch.inf)
    if bank is not None:
        similar = torch.cat([similar, views @ _unit(bank).T / temperature], 1)
    return F.cross_entropy(similar, partner)


@_exact
def info_nce(
    queries: Tensor,
    keys: Tensor,
    temperature: float = 0.07,
    *,
    everyone: Tensor | None = None,
    first: int = 0,
    bank: Tensor | None = None,
) -> Tensor:
    """MoCo's loss: each query has to find its key.

    With a `bank` among that and the key (https://arxiv.org/abs/1911.05722, equation 1), without one
    among the keys of the batch (https://arxiv.org/abs/2104.02057, equation 1).

    Args:
        queries: (B, D).
        keys: (B, D), in the same order.
        temperature: t.
        everyone: (N, D) keys of all processes, where there is no bank.
        first: Where in `everyone` this process's keys begin.
        bank: (K, D) keys of earlier images.

    Raises:
        ConfigError: A temperature that is not positive.
        GridError: Queries and keys that do not pair.
    """
    queries, keys = _pair(queries, keys, temperature)
    if bank is not None:
        hit = (queries * keys).sum(1, keepdim=True)
        similar = torch.cat([hit, queries @ _unit(bank).T], 1) / temperature
        target = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
        return F.cross_entropy(similar, target)
    choice = keys if everyone is None else _unit(everyone)
    target = torch.arange(first, first + len(queries), device=queries.device)
    return F.cross_entropy(queries @ choice.T / temperature, target)


@_exact
def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """BYOL's loss of one direction: the mean squared distance of unit vectors, ``2 - 2 cos``.

    https://arxiv.org/abs/2006.07733, equation 2; both are (B, D), and it is between 0 and 4.

    Raises:
        GridError: They do not pair.
    """
    prediction, target = _pair(prediction, target, 1.0)
    return (2 - 2 * (prediction * target).sum(1)).mean()


def _pair(one: Tensor, two: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    if temperature <= 0:
        raise ConfigError(f"temperature is {temperature}: expected a positive number")
    if one.ndim != 2 or one.shape != two.shape:
        raise GridError(
            f"embeddings of {tuple(one.shape)} and {tuple(two.shape)}: expected (B, D) for both"
        )
    return _unit(one), _unit(two)


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors.float(), dim=1)
