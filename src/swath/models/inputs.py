"""Does an image mean what a checkpoint was trained on? An answer, a conversion, or an error."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models.adapt import BandFit, fit_bands
from swath.models.finding import list_weights
from swath.models.presets import Preset
from swath.models.weights import WeightsEnum, nearest
from swath.sensors import UNITS, Band, Unit, find_sensor

__all__ = ["InputFit", "UnitConversion", "check_input", "check_values"]

logger = logging.getLogger("swath.models")

#: Power below is taken for it before the logarithm: 0 is what files have where there is nothing.
_FAINTEST = 1e-6


class UnitConversion(nn.Module):
    """Pixels (..., C, H, W) in one unit to the same in another.

    Linear units become each other by a factor and an offset a band; decibels are 10 log10 of power
    (power below 10⁻⁶ counts as -60 dB). Values that the new unit has no room for are clipped.

    Args:
        source: Unit of each band now.
        target: Unit of each band afterwards, of the same quantity.
    """

    def __init__(self, source: Sequence[Unit], target: Sequence[Unit]) -> None:
        super().__init__()
        self.source, self.target = tuple(source), tuple(target)

    @property
    def linear(self) -> list[tuple[float, float]] | None:
        """(factor, offset) of each band; None if there are decibels or roots in it."""
        found = []
        for a, b in zip(self.source, self.target, strict=True):
            if a.curve == b.curve:
                found.append((a.scale / b.scale, (a.offset - b.offset) / b.scale))
            else:
                return None
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The same pixels in the new unit."""
        bands = x.float().unbind(-3)
        if len(bands) != len(self.source):
            raise BandError(f"the image has {len(bands)} bands: expected {len(self.source)}")
        pairs = zip(bands, self.source, self.target, strict=True)
        return torch.stack([_convert(*pair) for pair in pairs], dim=-3)

    def extra_repr(self) -> str:
        """What it does, for print."""
        pairs = zip(self.source, self.target, strict=True)
        return ", ".join(dict.fromkeys(f"{a.name} -> {b.name}" for a, b in pairs))


@dataclass(frozen=True, eq=False)
class InputFit:
    """How a user's image becomes a checkpoint's input.

    Attributes:
        fit: How the bands do.
        units: The user's, a name of `swath.sensors.UNITS`; None if nobody said, and so unchecked.
        conversion: From the user's units to the checkpoint's; None if they are the same.
    """

    fit: BandFit
    units: str | None
    conversion: UnitConversion | None = None

    @property
    def transforms(self) -> nn.Module:
        """Raw pixels of the user's bands, in the user's units, to the network's input."""
        steps = [m for m in (self.conversion, self.fit.transforms) if m is not None]
        return steps[0] if len(steps) == 1 else nn.Sequential(*steps)

    @property
    def preset(self) -> Preset | None:
        """The checkpoint's preset for pixels in the user's units, the conversion folded into it.

        Raises:
            ConfigError: The conversion is not linear (decibels): convert before.
        """
        preset = self.fit.transforms
        if preset is None or self.conversion is None:
            return preset
        linear = self.conversion.linear
        if linear is None:
            raise ConfigError(
                f"{self.conversion.extra_repr()} is not linear and cannot be part of a mean and a "
                "std: convert the pixels first (swath.models.check_input(…).conversion is a "
                "module that does), and give their new units"
            )
        mean, std = (_each(n, len(linear)) for n in (preset.mean, preset.std))
        return Preset(
            [(m - b) / a for m, (a, b) in zip(mean, linear, strict=True)],
            [s / a for s, (a, _) in zip(std, linear, strict=True)],
            clip=preset.clip, then=preset.then, resize=preset.resize, crop=preset.crop,
            bands=preset.bands,
        )  # fmt: skip

    def describe(self) -> str:
        """In words: the bands, and what is done about units."""
        lines = [self.fit.describe()]
        if self.conversion is not None:
            lines.append(f"  converted: {self.conversion.extra_repr()}")
        elif self.units is None:
            lines.append("  units of the image: not given, not checked")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.describe()


def check_input(
    weights: WeightsEnum,
    bands: Sequence[str | float] | None = None,
    *,
    sensor: str | None = None,
    units: str | None = None,
    layer: Any = None,
) -> InputFit:
    """Whether an image means what the checkpoint was trained on, and what to do where it does not.

    Bands are fitted by `fit_bands`. Units that measure the same are converted: Sentinel-2's
    reflectance to digital numbers, radar's power to decibels, Landsat's surface reflectance to
    Sentinel-2's numbers. Units that do not are an error: what SSL4EO-L stored in 8 bits by its own
    rule cannot be made from Collection 2 numbers.

    Args:
        weights: A member of a weights enum.
        bands: Of the image, in order; the checkpoint's own if left out and there is no `layer`.
        sensor: Whose bands they are, where it is not the checkpoint's.
        units: What pixels mean, a name of `swath.sensors.UNITS`; unchecked if nobody says.
        layer: A dataset layer, which says its bands, and by its class its sensor and units, as
            far as `bands`, `sensor` and `units` do not.

    Raises:
        BandError: A band has no counterpart in the checkpoint.
        ConfigError: The units are unknown, or cannot become the checkpoint's; the text says which
            weights would do.
    """
    if layer is not None:
        bands, sensor, units = _ask(layer, bands, sensor, units)
    bands = list(weights.bands) if bands is None else list(bands)
    fit = fit_bands(weights, bands, sensor=sensor)
    for name in (units, fit.units):
        if name is not None and name not in UNITS:
            raise ConfigError(f"there are no units {name!r}: {nearest(name, UNITS)}")
    if units is None or units == fit.units:
        if units is None and fit.units is not None:
            logger.info("%r expects %s; the image's units were not given", weights, fit.units)
        return InputFit(fit, units)
    if fit.units is None:
        logger.warning(
            "%r: its provider does not say what pixels it expects; %s are passed on", weights, units
        )
        return InputFit(fit, units)
    given, wanted = UNITS[units], UNITS[fit.units]
    meant = [_band(sensor or weights.sensor, b) for b in bands]
    named = [b.name if b is not None else "" for b in meant]
    # the checkpoint's own bands, as a mixed unit goes by them
    major = [_band(weights.sensor, fit.source[int(row.argmax())]) for row in fit.mixing]
    source = [given.of(name) for name in named]
    target = [wanted.of(b.name if b is not None else "") for b in major]
    thermal = any(b is not None and b.kind == "thermal" for b in meant)
    if thermal or any(a.quantity != b.quantity for a, b in zip(source, target, strict=True)):
        raise ConfigError(_cannot(weights, given, wanted, bands, sensor, thermal))
    conversion = UnitConversion(source, target)
    logger.warning("%r: pixels are converted, %s", weights, conversion.extra_repr())
    return InputFit(fit, units, conversion)


def check_values(image: Tensor, units: str) -> str | None:
    """Why an image (..., C, H, W) can hardly be in `units`; None if it may be, or is empty.

    The values are looked at, not the metadata: reflectances between 0 and 1 where digital numbers
    are expected, decibels that are never negative. Dark or bright scenes are no cause.
    """
    found = image[torch.isfinite(image)] if image.is_floating_point() else image.flatten()
    if units not in UNITS or found.numel() == 0:
        return None
    lowest, highest = float(found.min()), float(found.max())
    # nodata, all one value
    return None if lowest == highest else UNITS[units].doubt(lowest, highest)


def _ask(
    layer: Any, bands: Sequence[str | float] | None, sensor: str | None, units: str | None
) -> tuple[Sequence[str | float], str | None, str | None]:
    """A layer's bands, sensor and units, as far as they are not given."""
    names: Sequence[str | float] | None = bands if bands is not None else getattr(
        layer, "bands", None)  # fmt: skip
    if not names:
        raise BandError(
            f"{type(layer).__name__} does not say its bands: give bands=(…), or one of the layers "
            "that it is made of"
        )
    if sensor is None:
        sensor = _sensor_of(layer)
    table = getattr(layer, "wavelengths", None) or {}
    if sensor is None and all(name in table for name in names):
        names = [float(table[str(name)]) for name in names]
    if units is None:
        kind = type(layer).__name__
        if sensor == "sentinel2" and getattr(layer, "baseline_offset", False):
            units = "s2_dn"
        elif sensor is not None and sensor.startswith("landsat"):
            level2 = all(str(n).startswith("SR_") for n in names)
            units = "landsat_c2_dn" if level2 else None
        elif sensor == "naip":
            units = "uint8"
        elif kind == "EnMAP":
            units = "enmap_dn"
    return names, sensor, units


def _sensor_of(layer: Any) -> str | None:
    """By the name of its class, or of one that it is made from."""
    for kind in type(layer).__mro__:
        try:
            return find_sensor(kind.__name__).name
        except ConfigError:
            continue
    return None


def _band(sensor: str | None, band: str | float) -> Band | None:
    if not isinstance(band, str):
        return None
    if ":" in band:
        where, _, name = band.partition(":")
        return find_sensor(where).find(name)
    return find_sensor(sensor).find(band) if sensor is not None else None


def _each(numbers: Sequence[float], count: int) -> Sequence[float]:
    return tuple(numbers) * count if len(numbers) == 1 else numbers


def _convert(x: Tensor, source: Unit, target: Unit) -> Tensor:
    x = x * source.scale + source.offset
    if source.curve != target.curve:
        if source.curve == "dB":
            x = 10 ** (x / 10)
        elif source.curve == "root":
            x = x.square()
        if target.curve == "dB":
            x = 10 * x.clamp_min(_FAINTEST).log10()
        elif target.curve == "root":
            x = x.clamp_min(0).sqrt()
    x = (x - target.offset) / target.scale
    limited = target.lowest > -math.inf or target.highest < math.inf
    return x.clamp(target.lowest, target.highest) if limited else x


def _cannot(
    weights: WeightsEnum,
    given: Unit,
    wanted: Unit,
    bands: Sequence[str | float],
    sensor: str | None,
    thermal: bool,
) -> str:
    where = sensor or weights.sensor
    fitting = [
        w for w in list_weights(where, bands)
        if w.meta.get("units") in UNITS and UNITS[w.meta["units"]].quantity == given.quantity
    ]  # fmt: skip
    why = " with a thermal band, whose numbers follow another rule" if thermal else ""
    instead = f"take weights for these units ({', '.join(map(repr, fitting[:3]))})"
    return (
        f"{weights!r} was trained on {wanted}, and the image is in {given}: the one cannot be made "
        f"from the other{why}. Read pixels of that kind"
        + (f", or {instead}" if fitting and not thermal else "")
        + (", or leave the thermal band out" if thermal else "")
    )
