"""A task's settings as plain Python: what a checkpoint and a config can hold."""

from __future__ import annotations

import enum
import inspect
import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from swath.errors import ConfigError

__all__ = ["given_settings", "plain", "split_options", "take_others", "takes_no_options"]

#: Types that a checkpoint may hold; not their subclasses, such as NumPy's float64.
_PLAIN = (bool, int, float, str)


def given_settings(cls: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Every argument of a class's constructor by name, its defaults and its bases' included.

    Arguments that its ``__init__`` passes on as ``**options`` are there under their own names.
    Wrong arguments are left for ``__init__`` itself to complain about.
    """
    settings: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        init = base.__dict__.get("__init__")
        if init is None or not base.__module__ or base in (object, nn.Module):
            continue
        if not _is_task(base):
            continue
        for name, parameter in list(inspect.signature(init).parameters.items())[1:]:
            named = parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            if named and parameter.default is not parameter.empty:
                settings[name] = parameter.default
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    places = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    settings.update(zip(places, args, strict=False))
    settings.update(kwargs)
    return settings


def split_options(cls: type[Any], options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options that a task class (or one of its bases) has, and the others."""
    known = {
        name
        for base in cls.__mro__
        if "__init__" in base.__dict__ and base is not object and _is_task(base)
        for name in inspect.signature(base.__dict__["__init__"]).parameters
    }
    own = {k: v for k, v in options.items() if k in known}
    return own, {k: v for k, v in options.items() if k not in known}


def take_others(cls: type[Any], options: dict[str, Any]) -> dict[str, Any]:
    """Take out of `options` what a task class has not.

    The rest is passed on under its own name (``**options``), which is how jsonargparse learns what
    a task takes.
    """
    _, others = split_options(cls, options)
    for name in others:
        del options[name]
    return others


def takes_no_options(model: nn.Module, options: Mapping[str, Any]) -> None:
    """A module of the user's is trained as it is.

    Raises:
        ConfigError: There are options that neither the task nor the module can take.
    """
    if options:
        raise ConfigError(
            f"{', '.join(options)}: neither the task nor a module of your own "
            f"({type(model).__name__}) takes such options"
        )


def _is_task(base: type[Any]) -> bool:
    from swath.trainers.base import BaseTask

    return issubclass(base, BaseTask)


def plain(value: Any) -> Any:
    """`value` as plain Python: tensors as lists, enum members by name, modules as their class.

    What cannot be said in plain Python becomes None: the object itself was given by the user, and
    is given again when the task is made again.
    """
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, Tensor):
        return value.tolist()
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return plain(value.tolist())
    for kind in _PLAIN:  # np.float64 is gone by now; what is left are other subclasses
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | range):
        return [plain(v) for v in value]
    return None
