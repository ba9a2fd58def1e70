"""How large a model is, told without memory for it and without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from swath.errors import ConfigError
from swath.models.loading import without_loading
from swath.models.registry import ModelEntry, model_entries
from swath.models.weights import WeightsEnum

__all__ = ["ModelSize", "entry_of", "model_size"]


@dataclass(frozen=True)
class ModelSize:
    """Of an architecture.

    Attributes:
        parameters: Numbers that are trained.
        tensors: Numbers in its state dict: parameters, and buffers such as BatchNorm's.
    """

    parameters: int
    tensors: int

    @property
    def megabytes(self) -> float:
        """10⁶ bytes of its state dict in 32 bits, which is about the size of its file."""
        return 4 * self.tensors / 1e6

    @classmethod
    def of(cls, model: nn.Module) -> ModelSize:
        """Count."""
        state = [v for v in model.state_dict().values() if isinstance(v, Tensor)]
        return cls(sum(p.numel() for p in model.parameters()), sum(v.numel() for v in state))


class _NoNumbers(TorchFunctionMode):
    """Initialisation in place is left out: it takes most of the time, and counts nothing."""

    _SKIPPED = frozenset({
        "add_", "clamp_", "copy_", "div_", "erfinv_", "fill_", "mul_", "normal_", "sub_",
        "trunc_normal_", "uniform_", "zero_",
    })  # fmt: skip

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in self._SKIPPED and args and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def entry_of(weights: WeightsEnum) -> ModelEntry:
    """The model that `weights` are for.

    Raises:
        ConfigError: None is registered for them.
    """
    for entry in model_entries():
        if entry.weights is type(weights):
            return entry
    raise ConfigError(f"no model is registered for {type(weights).__name__}")


def model_size(weights: WeightsEnum) -> ModelSize:
    """Size of the model that its factory builds for `weights`, for the checkpoint's own bands.

    It is built on the meta device, so nothing is fetched and no memory is filled.

    Raises:
        ConfigError: No model is registered for `weights`, or it is another package's, whose models
            cannot be built without memory.
    """
    entry = entry_of(weights)
    if entry.extra:
        raise ConfigError(f"{entry.name} is of the package {entry.extra}: its size is not counted")
    with torch.device("meta"), _NoNumbers(), without_loading():
        return ModelSize.of(entry.build(weights=weights))
