"""Classes of a config by their short names: ``ClassificationTask``, ``EarlyStopping``."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from swath.errors import ConfigError
from swath.models.weights import nearest

__all__ = ["PLACES", "find_class", "full_name", "short_names"]

#: Option -> the module whose classes may be named without it.
PLACES = {
    "model": "swath.trainers",
    "data": "swath.datamodules",
    "callbacks": "lightning.pytorch.callbacks",
    "logger": "lightning.pytorch.loggers",
    "profiler": "lightning.pytorch.profilers",
    "strategy": "lightning.pytorch.strategies",
    "optimizer": "torch.optim",
    "lr_scheduler": "torch.optim.lr_scheduler",
}


def short_names(option: str) -> dict[str, type[Any]]:
    """The classes that an option takes by short names."""
    if option not in PLACES:
        return {}
    module = importlib.import_module(PLACES[option])
    names = getattr(module, "__all__", None) or [n for n in vars(module) if n[:1] != "_"]
    found = {name: getattr(module, name, None) for name in names}
    return {name: cls for name, cls in found.items() if inspect.isclass(cls)}


def full_name(name: str, option: str) -> str:
    """A name with its module, if it is a short one of `option`; else as it is."""
    return f"{PLACES[option]}.{name}" if name in short_names(option) else name


def find_class(name: str, option: str) -> type[Any]:
    """The class of a name, short or with its module.

    Raises:
        ConfigError: There is none; says which is near.
    """
    known = short_names(option)
    if name in known:
        return known[name]
    module, _, last = name.rpartition(".")
    if not module:
        near = nearest(name, known) if known else "write it with its module, package.module.Class"
        raise ConfigError(f"there is no class {name!r}: {near}")
    try:
        found = getattr(importlib.import_module(module), last, None)
    except ModuleNotFoundError as error:
        near = f"; {nearest(last, known)}" if known else ""
        raise ConfigError(
            f"there is no module {error.name!r} for {name!r}: install it, or put its folder on "
            f"PYTHONPATH{near}"
        ) from error
    except Exception as error:  # a module of the user's own may fail in any way
        raise ConfigError(
            f"{module} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not inspect.isclass(found):
        inside = [n for n, v in vars(importlib.import_module(module)).items() if inspect.isclass(v)]
        raise ConfigError(f"{module} has no class {last!r}: {nearest(last, inside)}")
    return found
