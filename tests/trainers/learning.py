"""Tiny sets that any sound network learns by heart, and a training of a few seconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from swath.trainers import BaseTask

SIDE = 32


def scenes(count: int = 6, channels: int = 3) -> dict[str, Tensor]:
    """A batch: a square, bright in the band of its class, in noise; and the truth of every kind.

    ``image`` (B, C, S, S); ``mask`` (B, S, S) of ground (0) and the square's class (1, 2);
    ``label`` (B,), its class less 1; ``labels`` (B, 2), whether it is of class 1 and whether it
    lies in the left half; ``amount`` (B,), a number of each; ``height`` (B, S, S).
    """
    g = torch.Generator().manual_seed(0)
    image = 0.1 * torch.randn(count, channels, SIDE, SIDE, generator=g)
    mask = torch.zeros(count, SIDE, SIDE, dtype=torch.long)
    label, left = torch.arange(count) % 2, torch.arange(count) // 2 % 2
    for i in range(count):
        x, y, side = (1 if left[i] else 16) + i, 2 * i, 12
        mask[i, y : y + side, x : x + side] = label[i] + 1
        image[i, label[i]] += mask[i] > 0
    return {
        "image": image, "mask": mask, "label": label, "labels": torch.stack([1 - label, left], 1),
        "amount": torch.arange(count) / count * 2 - 1, "height": mask.float() - 0.5,
    }  # fmt: skip


def learn(task: BaseTask, batch: dict[str, Any], steps: int, enough: float = 0.0) -> float:
    """Train on one batch over and over, as a trainer would; the last loss.

    Args:
        task: With its own optimiser and learning rate.
        batch: What its steps take.
        steps: Of the optimiser, at most.
        enough: Loss at which it ends.
    """
    task.train()
    found = task.configure_optimizers()
    optimizer = found["optimizer"]
    rates = [group["lr"] for group in optimizer.param_groups]
    loss = torch.inf
    for step in range(steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):  # ends gently
            group["lr"] = rate * min(1.0, 2 * (1 - step / steps))
        optimizer.zero_grad()
        value = task.training_step(batch, 0)
        value = value["loss"] if isinstance(value, dict) else value
        value.backward()
        optimizer.step()
        task.on_train_batch_end(None, batch, 0)
        loss = float(value.detach())
        if loss < enough:
            break
    _settle(task, batch)
    task.eval()
    return loss


def _settle(task: BaseTask, batch: dict[str, Any]) -> None:
    """Let statistics of batch norms be those of the weights at the end, as after a long training.

    They stay unlike the batch's own where a norm sees few numbers (the variance that is kept is
    that of n - 1 of them): maps of one pixel want more than a handful of images.
    """
    norms = [m for m in task.modules() if isinstance(m, _BatchNorm) and m.training]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of what comes
    with torch.no_grad():
        for _ in range(3 if norms else 0):
            task.training_step(batch, 0)


def scores(task: BaseTask, batch: dict[str, Any]) -> dict[str, float]:
    """What the task says of its own validation on the batch."""
    with torch.no_grad():
        task.validation_step(batch, 0)
    metrics: Any = task.metrics("val")
    found = {name: float(value) for name, value in metrics.compute().items()}
    metrics.reset()
    return found
