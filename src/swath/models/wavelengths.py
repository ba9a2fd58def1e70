"""What a model is told of its channels: bands by name, and numbers that have to be in its units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from swath.errors import BandError
from swath.models.matching import target_band
from swath.sensors import SENSORS, Band, Sensor, find_sensor

__all__ = ["Quantity", "known_bands", "may_look"]


def known_bands(bands: Sequence[str | float], sensor: str | None = None) -> tuple[Band, ...]:
    """The bands that a user's names or wavelengths stand for.

    Args:
        bands: In the order of the channels: names of `sensor`; ``"sensor:band"``; centre
            wavelengths in micrometres (in nanometres above 100); or, without a sensor, names that
            only one sensor has, letter by letter (``"B04"`` is Sentinel-2's, ``"VV"``
            Sentinel-1's), or that others beside them leave no doubt of (``"B2", "B3", "B10"``:
            Landsat 8 and 9).
        sensor: Whose names they are.

    Raises:
        BandError: No such band, or several sensors' bands are called so.
        ConfigError: No such sensor.
    """
    if isinstance(bands, str):
        raise BandError(f"bands is the text {bands!r}: expected a list of bands, [{bands!r}]")
    if not len(bands):
        raise BandError("bands is empty: expected one for each channel")
    own = None if sensor is None else find_sensor(sensor)
    found: list[Band | None] = [
        None if own is None and isinstance(b, str) and ":" not in b else target_band(b, own).band
        for b in bands
    ]
    bare = [str(b) for b, f in zip(bands, found, strict=True) if f is None]
    guessed = iter(_guess(bare))
    return tuple(next(guessed) if f is None else f for f in found)


def _guess(names: Sequence[str]) -> list[Band]:
    """Bands by names alone, if there is no doubt."""
    spelt = {n: _spelt(n) for n in names}
    doubtful = [n for n, by_sensor in spelt.items() if not _alike(by_sensor.values())]
    certain = {s for n, by_sensor in spelt.items() if n not in doubtful for s in by_sensor}
    common = {s for s in SENSORS if all(s in spelt[n] for n in doubtful)}
    for name in doubtful:
        for allowed in (certain, common):
            left = {s: b for s, b in spelt[name].items() if s in allowed}
            if _alike(left.values()):
                spelt[name] = left
                break
    for name, by_sensor in spelt.items():
        if not by_sensor:
            anybody = [s.name for s in SENSORS.values() if _has(s, name)]
            hint = f"{name!r} is a band of {', '.join(anybody)}" if anybody else "no sensor has it"
            raise BandError(
                f"whose band {name!r} is cannot be told ({hint}): name the sensor with sensor=…, "
                "write 'sensor:band', or give the centre wavelength in micrometres"
            )
        if not _alike(by_sensor.values()):
            raise BandError(
                f"{name!r} is a band of {', '.join(by_sensor)}, and they differ: name the sensor "
                f"with sensor=… or write '{next(iter(by_sensor))}:{name}'"
            )
    return [next(iter(spelt[n].values())) for n in names]


def _spelt(name: str) -> dict[str, Band]:
    """Bands that are called so to the letter, or in common ("red" is everybody's), by sensor."""
    found: dict[str, Band] = {}
    for sensor in SENSORS.values():
        for band in sensor.bands:
            if band.name == name or (band.common_name == name and sensor.name not in found):
                found[sensor.name] = band
    return found


def _alike(bands: Iterable[Band]) -> bool:
    found = list(bands)
    return bool(found) and all(b.is_like(found[0]) for b in found)


def _has(sensor: Sensor, name: str) -> bool:
    try:
        return sensor.find(name) is not None
    except BandError:  # several of its bands are called so
        return True


def may_look(values: Tensor) -> bool:
    """Whether values can be checked: not while a graph is traced or captured, or has no values."""
    capturing = values.is_cuda and torch.cuda.is_current_stream_capturing()
    return not (torch.compiler.is_compiling() or values.is_meta or capturing)


@dataclass(frozen=True)
class Quantity:
    """A number that each channel has, and the limits of what it can be in its unit.

    Attributes:
        name: In the words of the model's arguments, ``"wavelengths"``.
        unit: ``"µm"`` or ``"nm"``.
        low: Least value.
        high: Greatest value.
        advice: What is said when values are outside the limits, besides the unit.
    """

    name: str
    unit: str
    low: float
    high: float
    advice: str = ""

    def tensor(
        self,
        given: Sequence[float] | Tensor | None,
        default: Sequence[float] | None,
        x: Tensor,
        model: str,
    ) -> Tensor:
        """(C,), 32 bits, where the image `x` (B, C, H, W) is.

        Args:
            given: The caller's; None for `default`.
            default: Of the model's bands; None if it was not told its bands.
            x: The image.
            model: Its name, for errors.

        Raises:
            BandError: No values, not one for each channel, or values that another unit would
                explain.
        """
        values = default if given is None else given
        channels = x.shape[1]
        if values is None:
            raise BandError(
                f"{model} needs {self.name} (in {self.unit}), one for each of the {channels} "
                "channels: pass them, or say once which bands they are with bands=(…) or set_bands"
            )
        if not isinstance(values, Tensor):
            values = torch.tensor([float(v) for v in values], dtype=torch.float32)
        if values.ndim != 1 or len(values) != channels:
            said = f"the shape {tuple(values.shape)}" if values.ndim != 1 else f"{len(values)}"
            raise BandError(
                f"{model} got {said} {self.name} for an image of {channels} channels "
                f"{tuple(x.shape)}: expected one for each"
            )
        if may_look(values):
            self._check(values.tolist(), model)
        return values.to(x.device, torch.float32)

    def _check(self, values: list[float], model: str) -> None:
        bad = [v for v in values if not (math.isfinite(v) and self.low <= v <= self.high)]
        if not bad:
            return
        text = (
            f"{model} takes {self.name} in {self.unit}, from {self.low:g} to {self.high:g}, and "
            f"got {bad[0]:g}"
        )
        factor, other = (1e-3, "nm") if self.unit == "µm" else (1e3, "µm")
        if self.low <= bad[0] * factor <= self.high:
            does = "divide by 1000" if self.unit == "µm" else "multiply by 1000"
            text += f", which looks like {other}: {does}"
        raise BandError(f"{text}. {self.advice}" if self.advice else text)
