"""Every model by name: builders register themselves, users ask here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from torch import nn

from swath.errors import ConfigError
from swath.models.weights import WeightsEnum, nearest

__all__ = [
    "ModelEntry",
    "get_model",
    "get_model_weights",
    "get_weight",
    "list_models",
    "model_entries",
    "model_entry",
    "nearest",
    "register_model",
    "resolve_weights",
    "weights_enums",
]

Build = TypeVar("Build", bound=Callable[..., nn.Module])


@dataclass(frozen=True)
class ModelEntry:
    """What the registry knows of a model.

    Attributes:
        name: As users write it.
        build: Makes it: ``build(weights=None, ...)`` where there are weights.
        weights: Its enum, or None.
        tasks: What it is for: ``"backbone"`` (features at several scales), ``"classification"``,
            ``"segmentation"``, ``"change"``, ``"time-series"``, ``"embedding"``, ``"location"``,
            ``"retrieval"``, ``"forecast"``.
        bands: ``"fixed"``: a first layer made for its bands, which `bands=` adapts; ``"any"``:
            wavelengths are an input; ``"none"``: no bands (locations, features).
        extra: The package that it needs beyond Swath's own, if any.
    """

    name: str
    build: Callable[..., nn.Module]
    weights: type[WeightsEnum] | None
    tasks: tuple[str, ...]
    bands: str
    extra: str | None


_ENTRIES: dict[str, ModelEntry] = {}


def register_model(
    *,
    weights: type[WeightsEnum] | None = None,
    tasks: Sequence[str] = ("backbone",),
    bands: str = "fixed",
    extra: str | None = None,
    name: str | None = None,
) -> Callable[[Build], Build]:
    """Put a builder in the registry; see `ModelEntry` for the arguments."""

    def add(build: Build) -> Build:
        key = name or build.__name__
        if key in _ENTRIES:
            raise ConfigError(f"two models are called {key!r}")
        _ENTRIES[key] = ModelEntry(key, build, weights, tuple(tasks), bands, extra)
        return build

    return add


def model_entry(name: str | Callable[..., nn.Module]) -> ModelEntry:
    """What is registered under a name or builder.

    Raises:
        ConfigError: Nothing is; the text suggests the nearest name.
    """
    key = name.lower() if isinstance(name, str) else getattr(name, "__name__", str(name))
    lower = {n.lower(): n for n in _ENTRIES}
    if key.lower() not in lower:
        raise ConfigError(f"there is no model {key!r}: {nearest(key, _ENTRIES)}")
    return _ENTRIES[lower[key.lower()]]


def model_entries() -> list[ModelEntry]:
    """Everything that is registered, by name."""
    return [_ENTRIES[name] for name in sorted(_ENTRIES)]


def get_model(name: str, *args: Any, **kwargs: Any) -> nn.Module:
    """Build the model called `name`; the arguments are its own."""
    return model_entry(name).build(*args, **kwargs)


def get_model_weights(name: str | Callable[..., nn.Module]) -> type[WeightsEnum]:
    """The weights of a model, by its name or builder.

    Raises:
        ConfigError: There is no such model, or nothing is published for it.
    """
    entry = model_entry(name)
    if entry.weights is None:
        raise ConfigError(f"no weights are published for {entry.name}")
    return entry.weights


def weights_enums() -> dict[str, type[WeightsEnum]]:
    """Every weights enum by its class name."""
    found = {e.weights.__name__: e.weights for e in _ENTRIES.values() if e.weights is not None}
    return {name: found[name] for name in sorted(found)}


def get_weight(name: str) -> WeightsEnum:
    """A member by its full name, ``"ResNet18_Weights.SENTINEL2_ALL_MOCO"``.

    Raises:
        ConfigError: There is none; the text suggests the nearest name.
    """
    enums = weights_enums()
    enum, _, member = str(name).partition(".")
    if enum in enums and member in enums[enum].__members__:
        return enums[enum].__members__[member]
    if enum in enums:
        hint = nearest(member, enums[enum].__members__)
    elif member:
        hint = nearest(str(name), (repr(m) for e in enums.values() for m in e.__members__.values()))
        if hint.startswith("there are"):
            hint = nearest(enum, enums)
    else:
        full = [f"{e}.{enum}" for e, of in enums.items() if enum in of.__members__]
        hint = nearest(str(name), full or enums)
        if full:
            hint = f"give the full name, {' or '.join(full[:8])}"
    raise ConfigError(f"there are no weights {name!r}: {hint}")


def list_models(
    sensor: str | None = None,
    bands: Sequence[str | float] | None = None,
    task: str | None = None,
    weights: bool | None = None,
) -> list[str]:
    """Names of models: all, or those that suit.

    Args:
        sensor: What takes the user's images, or a family (``"landsat"``): models with weights for
            it, or that take any sensor's wavelengths.
        bands: Of the user's images: models with weights that have all of them as they are.
            `swath.models.list_weights` finds those too whose first layer can be adapted.
        task: As in `ModelEntry`. A backbone suits ``"segmentation"``, ``"classification"``,
            ``"detection"``, ``"change"`` and ``"regression"``, whose models are put on it.
        weights: True for models with published weights, False for those without.

    Raises:
        ConfigError: There is no such sensor or task.
        BandError: The sensor has no such band.
    """
    from swath.models.finding import suits, suits_task

    return [
        entry.name
        for entry in model_entries()
        if (task is None or suits_task(entry, task))
        and (weights is None or weights == (entry.weights is not None))
        and ((sensor is None and bands is None) or suits(entry, sensor, bands))
    ]


@overload
def resolve_weights(enum: type[WeightsEnum], weights: None) -> None: ...
@overload
def resolve_weights(enum: type[WeightsEnum], weights: Any) -> WeightsEnum | None: ...
def resolve_weights(enum: type[WeightsEnum], weights: Any) -> WeightsEnum | None:
    """What a factory's `weights` argument means: a member, its name (short or full), or None.

    Raises:
        ConfigError: Not one of `enum`; the text says which there are.
    """
    member: WeightsEnum | None = enum.verify(None if weights is False else weights)
    return member
