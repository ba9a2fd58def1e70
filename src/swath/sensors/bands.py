"""A sensor's bands: found by any name that people use for them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from swath.errors import BandError

__all__ = ["Band", "Sensor"]

_NUMBERED = re.compile(r"(?:band|b)0*(\d+)(a|vcid\d)?")
#: Short names that go with a common name.
_SHORT = {"red": ("R",), "green": ("G",), "blue": ("B",), "nir": ("N", "NIR")}


def name_key(name: str) -> str:
    """What is left of a band's or sensor's name when spelling does not matter.

    ``B4``, ``B04``, ``b4`` and ``Band 4`` have one key; so have ``B8a`` and ``B8A``.
    """
    key = re.sub(r"[^a-z0-9]", "", name.lower())
    numbered = _NUMBERED.fullmatch(key)
    return f"b{numbered[1]}{numbered[2] or ''}" if numbered else key


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``did you mean …?``, or all there are when nothing is near."""
    known = {name_key(n): n for n in names}
    near = difflib.get_close_matches(name_key(name), known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(known[n] for n in near)}?"
    return f"there are {', '.join(known.values())}"


@dataclass(frozen=True)
class Band:
    """One band of one sensor.

    Attributes:
        sensor: Name of the sensor.
        name: As its provider writes it.
        wavelength: Centre in micrometres; None for radar, which has a polarisation instead.
        width: Of the pass band in micrometres, from half maximum to half maximum.
        resolution: Native, in metres.
        common_name: Of the STAC extension eo; None where it has none.
        kind: ``"surface"``; ``"pan"`` (panchromatic); ``"atmosphere"`` (water vapour, cirrus: the
            air absorbs what the ground sends); ``"thermal"``; ``"radar"``.
        aliases: Other names.
        polarisation: ``"VV"`` and so on, for radar.
    """

    sensor: str
    name: str
    wavelength: float | None = None
    width: float = 0.0
    resolution: float | None = None
    common_name: str | None = None
    kind: str = "surface"
    aliases: tuple[str, ...] = ()
    polarisation: str | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """Of the pass band, in micrometres.

        Raises:
            BandError: It is a radar's.
        """
        if self.wavelength is None:
            raise BandError(f"{self} is a radar's band: it has a polarisation and no wavelength")
        return self.wavelength - self.width / 2, self.wavelength + self.width / 2

    @property
    def names(self) -> tuple[str, ...]:
        """All names, its own first."""
        common = (self.common_name,) if self.common_name else ()
        return (self.name, *self.aliases, *common, *_SHORT.get(self.common_name or "", ()))

    def is_like(self, other: Band) -> bool:
        """The same part of the spectrum by the same design, as Landsat 8's and 9's."""
        return (
            (self.wavelength, self.width, self.kind, self.polarisation)
            == (other.wavelength, other.width, other.kind, other.polarisation)
        )  # fmt: skip

    def __str__(self) -> str:
        where = self.polarisation if self.wavelength is None else f"{self.wavelength:.4g} µm"
        return f"{self.sensor}:{self.name} ({where})"


@dataclass(frozen=True)
class Sensor:
    """An instrument, or a family of instruments with the same bands.

    Attributes:
        name: As `swath.models` and `swath.sensors.SENSORS` have it.
        title: In words.
        family: What its relatives have in common: ``"landsat"``.
        bands: In the provider's order.
        aliases: Other names of the sensor.
        source: Where the numbers are from.
    """

    name: str
    title: str
    family: str
    bands: tuple[Band, ...]
    aliases: tuple[str, ...] = ()
    source: str = ""

    @cached_property
    def _by_key(self) -> dict[str, list[Band]]:
        found: dict[str, list[Band]] = {}
        for band in self.bands:
            for key in dict.fromkeys(name_key(n) for n in band.names):
                found.setdefault(key, []).append(band)
        # a band's own name goes before another's alias
        return found | {name_key(b.name): [b] for b in self.bands}

    def find(self, name: str) -> Band | None:
        """The band called `name` in any of its names; None if there is none.

        Raises:
            BandError: Several bands are called so.
        """
        found = self._by_key.get(name_key(name), [])
        if len(found) > 1:
            raise BandError(
                f"{name!r} is several bands of {self.name}: say which, "
                f"{' or '.join(str(b) for b in found)}"
            )
        return found[0] if found else None

    def band(self, name: str) -> Band:
        """The band called `name` in any of its names.

        Raises:
            BandError: There is none, or there are several; the text says which there are.
        """
        found = self.find(name)
        if found is None:
            raise BandError(self.lacks(name))
        return found

    def lacks(self, name: str) -> str:
        """That there is no band `name`, with a suggestion."""
        hint = did_you_mean(name, (b.name for b in self.bands))
        return f"{self.name} has no band {name!r}: {hint}"
