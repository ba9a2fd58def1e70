"""Optimisers and learning rates by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, SequentialLR

from swath.errors import ConfigError

__all__ = ["OPTIMIZERS", "SCHEDULES", "build_optimizers"]

OPTIMIZERS = ("adamw", "adam", "sgd", "lars", "lamb")
SCHEDULES = ("plateau", "cosine", "constant")


def build_optimizers(
    model: nn.Module,
    options: Mapping[str, Any],
    monitor: str,
    epochs: int | None,
    mode: str = "min",
    beside: Iterable[nn.Parameter] = (),
) -> dict[str, Any]:
    """An optimiser and a schedule, as Lightning wants them.

    Args:
        model: What is trained; parameters that want no gradient are left out.
        options: If wanted, ``lr`` (1e-3 if left out), ``patience`` (10), ``optimizer``,
            ``weight_decay``, ``schedule``, ``warmup_epochs`` and ``layer_decay`` of `BaseTask`.
        monitor: What a plateau is looked for in.
        epochs: Of the whole training, for ``"cosine"``.
        mode: Whether less (``"min"``) or more (``"max"``) of it is better.
        beside: Further parameters, such as a loss's: no weights, which do not decay.

    Raises:
        ConfigError: An unknown name, or nothing to train.
    """
    name, schedule = options.get("optimizer", "adamw"), options.get("schedule", "plateau")
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer is {name!r}: expected one of {', '.join(OPTIMIZERS)}")
    if schedule not in SCHEDULES:
        raise ConfigError(f"schedule is {schedule!r}: expected one of {', '.join(SCHEDULES)}")
    if mode not in ("min", "max"):
        raise ConfigError(f"mode is {mode!r}: expected 'min' or 'max'")
    groups, others = _groups(model, options), [p for p in beside if p.requires_grad]
    if others:
        groups = groups if isinstance(groups[0], dict) else [{"params": groups}]
        groups.append({"params": others, "weight_decay": 0.0})
    optimizer = _optimizer(name, groups, options)
    watched = (monitor, mode)
    return {"optimizer": optimizer, **_schedule(schedule, optimizer, options, watched, epochs)}


def _groups(model: nn.Module, options: Mapping[str, Any]) -> Any:
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ConfigError("nothing is left to train: backbone and decoder are frozen")
    decay, layer_decay = options.get("weight_decay"), options.get("layer_decay")
    if layer_decay is not None:
        return _by_layer(model, decay, layer_decay)
    if decay is None:
        return trained
    # Biases and norms have nothing to be pulled to 0 for
    thick = [p for p in trained if p.ndim > 1]
    thin = [p for p in trained if p.ndim <= 1]
    return [{"params": thick, "weight_decay": decay}, {"params": thin, "weight_decay": 0.0}]


def _by_layer(model: nn.Module, decay: float | None, factor: float) -> list[dict[str, Any]]:
    """Groups of one learning rate each: whatever is outside the backbone has the full one."""
    import timm.optim

    backbone = next((m for m in model.modules() if hasattr(m, "group_matcher")), None)
    if backbone is None:
        raise ConfigError(
            f"layer_decay needs a backbone whose layers are known (timm's): {type(model).__name__} "
            "has none"
        )
    if not 0 < factor <= 1:
        raise ConfigError(f"layer_decay is {factor}: expected a factor, 0 < factor ≤ 1")
    library: Any = timm.optim
    groups: list[dict[str, Any]] = library.param_groups_layer_decay(
        backbone, weight_decay=decay or 0.0, layer_decay=factor
    )
    inside = {id(p) for p in backbone.parameters()}
    outside = [p for p in model.parameters() if id(p) not in inside and p.requires_grad]
    for thick in (True, False):
        found = [p for p in outside if (p.ndim > 1) == thick]
        if found:
            kept = (decay or 0.0) if thick else 0.0
            groups.append({"params": found, "weight_decay": kept, "lr_scale": 1.0})
    if decay is None:  # the optimiser's own
        for group in groups:
            del group["weight_decay"]
    return groups


def _optimizer(name: str, groups: Any, options: Mapping[str, Any]) -> torch.optim.Optimizer:
    lr = float(options.get("lr", 1e-3))
    if lr <= 0:
        raise ConfigError(f"lr is {lr}: expected a positive number")
    for group in groups if isinstance(groups[0], dict) else ():
        # timm's groups carry a factor that its own schedules know; PyTorch's look at lr
        group["lr"] = lr * group.pop("lr_scale", 1.0)
    if name == "sgd":
        momentum = float(options.get("momentum", 0.9))
        return torch.optim.SGD(groups, lr, momentum=momentum, nesterov=momentum > 0)
    if name in ("adamw", "adam"):
        kind: Any = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
        found: torch.optim.Optimizer = kind(groups, lr)
        return found
    import timm.optim

    library: Any = timm.optim
    other: torch.optim.Optimizer
    if name == "lars":  # its own default has no momentum, the paper 0.9
        other = library.Lars(groups, lr, momentum=float(options.get("momentum", 0.9)))
    else:
        other = library.Lamb(groups, lr)
    return other


def _schedule(
    name: str,
    optimizer: torch.optim.Optimizer,
    options: Mapping[str, Any],
    watched: tuple[str, str],
    epochs: int | None,
) -> dict[str, Any]:
    warmup = int(options.get("warmup_epochs") or 0)
    if name == "plateau":
        if warmup:
            raise ConfigError(
                "warmup_epochs does not go with schedule 'plateau': use 'cosine' or 'constant'"
            )
        monitor, mode = watched
        patience = int(options.get("patience", 10))
        plateau = ReduceLROnPlateau(optimizer, mode=mode, patience=patience)  # type: ignore[arg-type]
        return {"lr_scheduler": {"scheduler": plateau, "monitor": monitor, "strict": False}}
    if name == "constant" and not warmup:
        return {}
    parts: list[Any] = []
    if warmup:
        parts.append(LinearLR(optimizer, 1 / (warmup + 1), 1.0, total_iters=warmup))
    if name == "cosine":
        if epochs is None or epochs < 1:
            raise ConfigError("schedule 'cosine' needs to know its end: set trainer.max_epochs")
        parts.append(CosineAnnealingLR(optimizer, max(epochs - warmup, 1)))
    else:
        parts.append(LinearLR(optimizer, 1.0, 1.0, total_iters=1))
    scheduler = SequentialLR(optimizer, parts, [warmup]) if len(parts) > 1 else parts[0]
    return {"lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}
