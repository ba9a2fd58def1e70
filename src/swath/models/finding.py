"""Which published weights suit a sensor, its bands and a task."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from swath.errors import BandError, ConfigError
from swath.models.adapt import BandFit, match_bands
from swath.models.registry import ModelEntry, model_entries, model_entry
from swath.models.weights import WeightsEnum, nearest
from swath.sensors import Sensor, find_sensor, sensor_family

__all__ = ["list_weights", "suits", "suits_task"]

#: Rank of weights that take any bands: behind those that were made for these.
_TOLD = (0, 1_000_000)
#: Tasks for which a backbone is half the model: the other half is put on it.
_ON_BACKBONES = frozenset({"segmentation", "classification", "detection", "change", "regression"})


def list_weights(
    sensor: str | None = None,
    bands: Sequence[str | float] | None = None,
    task: str | None = None,
    *,
    model: str | None = None,
    exact: bool = False,
) -> list[WeightsEnum]:
    """Published weights that an image fits, the best first.

    First come those that have all the bands as they are, then those that are told their channels'
    wavelengths and so take any, then those whose first layer has to be
    adapted (see `fit_bands`), those with counterparts by wavelength before those with the merely
    near; of equals, those with the fewest bands left over.

    Args:
        sensor: What takes the user's images, or a family (``"landsat"``). Without `bands`: weights
            that were trained on it, or on one of the same design.
        bands: Of the user's images, in `sensor`; without it, in each weight's own.
        task: As in `ModelEntry`; a backbone suits every task that puts a decoder or head on it.
        model: Only weights of this model.
        exact: Leave out weights whose first layer has to be adapted.

    Raises:
        ConfigError: There is no such sensor, task or model.
        BandError: `sensor` has no such band.
    """
    sensors = _sensors(sensor, bands)
    entries = [model_entry(model)] if model is not None else list(model_entries())
    if task is not None:
        entries = [e for e in entries if suits_task(e, task)]
    rated: list[tuple[tuple[int, ...], str, WeightsEnum]] = []
    free = {e.weights for e in entries if e.bands == "any"}
    for enum in {e.weights for e in entries if e.weights is not None}:
        for member in enum.__members__.values():
            rank = _rank(member, sensors, bands)
            if rank is None and enum in free and not member.bands:
                rank = _TOLD  # its channels' wavelengths are an input
            if rank is not None and (rank[0] == 0 or not exact):
                rated.append((rank, repr(member), member))
    return [member for *_, member in sorted(rated, key=lambda r: r[:2])]


def suits(entry: ModelEntry, sensor: str | None, bands: Sequence[str | float] | None) -> bool:
    """Whether a model takes the bands as they are: by one of its weights, or as an input.

    Raises:
        ConfigError: There is no such sensor.
        BandError: It has no such band.
    """
    sensors = _sensors(sensor, bands)
    if entry.bands == "any":
        return True
    members = list(entry.weights.__members__.values()) if entry.weights is not None else []
    return any(rank[0] == 0 for m in members if (rank := _rank(m, sensors, bands)) is not None)


def suits_task(entry: ModelEntry, task: str) -> bool:
    """Whether a model is for a task, or is a backbone that a model for the task is put on.

    Raises:
        ConfigError: No model is for such a task.
    """
    known = {t for e in model_entries() for t in e.tasks} | _ON_BACKBONES
    if task not in known:
        raise ConfigError(f"no model is for the task {task!r}: {nearest(task, sorted(known))}")
    return task in entry.tasks or (task in _ON_BACKBONES and "backbone" in entry.tasks)


def _sensors(sensor: str | None, bands: Sequence[str | float] | None) -> tuple[Sensor, ...] | None:
    """The sensors meant, with every band looked up, so that a misspelt one is told."""
    if sensor is None:
        return None
    found = sensor_family(sensor)
    for band in bands or ():
        if isinstance(band, str) and ":" not in band and not any(s.find(band) for s in found):
            raise BandError(found[0].lacks(band))
    return found


def _rank(
    member: WeightsEnum, sensors: tuple[Sensor, ...] | None, bands: Sequence[str | float] | None
) -> tuple[int, ...] | None:
    """How well weights fit, small is good; the first is 0 where they do exactly; None: not."""
    if bands is None:
        if sensors is None or (member.sensor and any(_alike(member.sensor, s) for s in sensors)):
            return (0,)
        return None
    if not member.bands:
        return None
    ranks = []
    for name in [None] if sensors is None else [s.name for s in sensors]:
        try:
            ranks.append(_cost(match_bands(member, bands, sensor=name)))
        except BandError:
            continue
    return min(ranks, default=None)


def _cost(fit: BandFit) -> tuple[int, ...]:
    shared = int(((fit.mixing != 0).sum(0) > 1).sum())
    far = sum({"same": 0, "counterpart": 1, "near": 3}[how] for how in fit.how)
    return (0 if fit.exact else 1, far + shared, len(fit.unused))


@cache
def _alike(name: str, other: Sensor) -> bool:
    """The same sensor, or one of the same design."""
    own = find_sensor(name)
    if own.name == other.name:
        return True
    pairs = zip(own.bands, other.bands, strict=False)
    return len(own.bands) == len(other.bands) and all(a.is_like(b) for a, b in pairs)
