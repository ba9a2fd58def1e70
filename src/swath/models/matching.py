"""Which of a checkpoint's bands stand for a band that the user has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from swath.errors import BandError
from swath.sensors import Band, Sensor, find_sensor

__all__ = ["Match", "Target", "find_source", "source_bands", "target_band"]

#: How far apart two pass bands may be, in micrometres, to stand for each other.
TOLERANCE = 0.01
#: Wavelengths above are taken for nanometres: no band of Earth observation by light is past it.
_NANOMETRES = 100.0
#: Kinds of bands that may stand for each other; a panchromatic band holds surface bands.
_COMPATIBLE = {
    "surface": {"surface", "pan"}, "pan": {"surface", "pan"}, "atmosphere": {"atmosphere"},
    "thermal": {"thermal"}, "radar": {"radar"},
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A band that the user has: what it is called, and what it is, if that is known."""

    name: str
    band: Band | None = None


@dataclass(frozen=True)
class Match:
    """What stands for a target.

    Attributes:
        how: ``"same"``: the checkpoint's own band, or one of the same design; ``"counterpart"``:
            each one's centre lies in the other's pass band; ``"near"``: pass bands that overlap or
            nearly do.
        shares: Share of each source, by its index; they add up to 1.
    """

    how: str
    shares: dict[int, float]


def source_bands(sensor: str | None, names: Sequence[str]) -> list[Target]:
    """A checkpoint's bands, as far as its sensor has them (an index like NDVI is but a name)."""
    known = find_sensor(sensor) if sensor is not None else None
    return [Target(name, known.find(name) if known else None) for name in names]


def target_band(band: str | float, sensor: Sensor | None, named: Sequence[str] = ()) -> Target:
    """What the user's `band` is.

    Args:
        band: A name of `sensor`, ``"sensor:band"``, or a wavelength in micrometres (in nanometres
            if it is above 100).
        sensor: Whose names are meant where none is said.
        named: Names that need not be the sensor's (the checkpoint's own).

    Raises:
        BandError: No such band, or no wavelength.
        ConfigError: No such sensor.
    """
    if isinstance(band, str):
        if ":" in band:
            where, _, name = band.partition(":")
            found = find_sensor(where).band(name)
            return Target(f"{found.sensor}:{found.name}", found)
        if sensor is None:
            return Target(band)
        found_or_none = sensor.find(band)
        if found_or_none is None and band.lower() not in {n.lower() for n in named}:
            raise BandError(f"{sensor.lacks(band)}; bands of others are written sensor:band")
        return Target(band, found_or_none)
    if isinstance(band, bool) or not math.isfinite(band) or band <= 0:
        raise BandError(f"{band!r} is no band: expected a name or a wavelength in micrometres")
    centre = band / 1000 if band > _NANOMETRES else float(band)
    return Target(
        f"{centre:g} µm", Band("wavelength", f"{centre:g} µm", centre, kind=_kind(centre))
    )


def _kind(wavelength: float) -> str:
    """Of a bare wavelength: emitted light, or reflected light of whatever kind."""
    return "thermal" if wavelength > 5 else "any"


def find_source(
    target: Target, sources: Sequence[Target], allowed: Sequence[int], tolerance: float = TOLERANCE
) -> Match | None:
    """What stands for `target` among those `sources` whose indices are `allowed`, if anything.

    Args:
        target: The user's band.
        sources: The checkpoint's bands.
        allowed: Indices of the sources to choose from.
        tolerance: Micrometres that pass bands may be apart.
    """
    for i in allowed:
        if _same(target, sources[i]):
            return Match("same", {i: 1.0})
    wanted = target.band
    if wanted is None or wanted.wavelength is None:
        return None
    near: list[tuple[float, int]] = []
    for i in allowed:
        band = sources[i].band
        if band is None or band.wavelength is None or not _compatible(wanted, band):
            continue
        apart = abs(band.wavelength - wanted.wavelength)
        if apart <= (band.width + wanted.width) / 2 + tolerance:
            near.append((band.wavelength - wanted.wavelength, i))
    near.sort(key=lambda pair: (abs(pair[0]), pair[1]))
    mutual = [i for _, i in near if _mutual(wanted, sources[i].band)]
    if mutual:
        return Match("counterpart", {mutual[0]: 1.0})
    below = next((pair for pair in near if pair[0] < 0), None)
    above = next((pair for pair in near if pair[0] >= 0), None)
    if below is None or above is None:
        return Match("near", {near[0][1]: 1.0}) if near else None
    span = above[0] - below[0]
    return Match("near", {below[1]: above[0] / span, above[1]: -below[0] / span})


def nearest_sources(target: Target, sources: Sequence[Target], count: int = 3) -> list[Target]:
    """The sources whose centres are nearest, for an error's text."""
    wanted = target.band
    if wanted is None or wanted.wavelength is None:
        return []
    centre = wanted.wavelength
    known = [s for s in sources if s.band is not None and s.band.wavelength is not None]
    unique = {s.band: s for s in known}
    return sorted(unique.values(), key=lambda s: abs(_centre(s) - centre))[:count]


def _centre(target: Target) -> float:
    found = target.band.wavelength if target.band is not None else None
    return math.inf if found is None else found


def _same(target: Target, source: Target) -> bool:
    if target.band is not None and source.band is not None:
        one, other = target.band, source.band
        # Landsat 7's thermal band comes in two gains: alike, and yet two bands
        return one == other or (one.sensor != other.sensor and one.is_like(other))
    return target.band is source.band and target.name.lower() == source.name.lower()


def _compatible(wanted: Band, band: Band) -> bool:
    if wanted.kind == "any":
        return band.kind not in ("thermal", "radar")
    return band.kind in _COMPATIBLE[wanted.kind]


def _mutual(wanted: Band, band: Band | None) -> bool:
    if band is None or band.wavelength is None or wanted.wavelength is None:
        return False
    low, high = band.limits
    inside = low <= wanted.wavelength <= high
    if wanted.width == 0:  # a bare wavelength
        return inside
    return inside and wanted.limits[0] <= band.wavelength <= wanted.limits[1]
