"""What is done to the layers of any network: held still, or computed twice."""

from __future__ import annotations

import inspect

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from swath.errors import ConfigError

__all__ = ["checkpoint_gradients", "hold_frozen"]


def hold_frozen(module: nn.Module) -> None:
    """Put the innermost layers of what is frozen in evaluation mode.

    Batch norms then keep their mean and variance, and nothing is dropped. Modules around them are
    left alone: detectors look at their own mode.
    """
    wanted = [p.requires_grad for p in module.parameters()]
    if wanted and not any(wanted):
        for part in module.modules():
            # timm's batch norms hold their activation
            if isinstance(part, _BatchNorm) or not any(True for _ in part.children()):
                part.training = False
        return
    for child in module.children():
        hold_frozen(child)


def checkpoint_gradients(model: nn.Module) -> None:
    """Let a network compute its activations twice instead of keeping them.

    Raises:
        ConfigError: It cannot.
    """
    for module in [model, *model.modules()]:
        switch = getattr(module, "set_grad_checkpointing", None)
        if callable(switch) and "enable" in inspect.signature(switch).parameters:
            switch(enable=True)
            return
    raise ConfigError(
        f"{type(model).__name__} has no gradient checkpointing: expected a backbone of timm or "
        "swath.models that has set_grad_checkpointing"
    )
