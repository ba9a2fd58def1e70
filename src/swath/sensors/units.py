"""What a pixel's number means, by a short name; and how one meaning becomes another, if it can."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["UNITS", "Unit"]


@dataclass(frozen=True)
class Unit:
    """What raw pixel values mean.

    Attributes:
        name: As in `UNITS`.
        meaning: In words.
        quantity: What is measured. Units of one quantity can be converted into each other, others
            cannot: ``"reflectance"`` (0 to 1), ``"backscatter"`` (sigma or gamma nought, power),
            ``"brightness"`` (of a picture made for the eye, 0 to 1), ``"pulse"`` (uncalibrated
            amplitude), or the unit's own name where only its maker knows the rule.
        scale: quantity = scale · value + offset …
        offset: … and for `curve` ``"dB"`` the decibels are, for ``"root"`` the square root is.
        curve: ``"linear"``, ``"dB"`` or ``"root"``.
        lowest: Values below are clipped to it when others are converted into this unit.
        highest: The same above.
        parts: Units of single bands that differ from the rest (which has `scale` and `offset`).
        peak: Where the largest value of an ordinary scene lies, to doubt what is elsewhere.
        negative: Whether an ordinary scene has values below zero; None if it may.
    """

    name: str
    meaning: str
    quantity: str
    scale: float = 1.0
    offset: float = 0.0
    curve: str = "linear"
    lowest: float = -math.inf
    highest: float = math.inf
    parts: Mapping[str, str] = field(default_factory=dict)
    peak: tuple[float, float] = (-math.inf, math.inf)
    negative: bool | None = None

    def of(self, band: str) -> Unit:
        """The unit of one band, by its provider's name."""
        return UNITS[self.parts[band]] if band in self.parts else self

    def doubt(self, lowest: float, highest: float) -> str | None:
        """Why values from `lowest` to `highest` can hardly be in this unit; None if they may be."""
        low, high = self.peak
        seen = f"values go from {lowest:g} to {highest:g}"
        if highest < low or highest > high:
            return f"{seen}, and the largest of {self} lies between {low:g} and {high:g}"
        if self.negative is not None and (lowest < 0) != self.negative:
            what = "some are" if self.negative else "none is"
            return f"{seen}, and of {self} {what} below zero"
        return None

    def __str__(self) -> str:
        return f"{self.name} ({self.meaning})"


#: Peaks of 8-bit values, and of numbers that are reflectances in ten-thousandths.
_BYTES, _COUNTS = (2, 255), (256, math.inf)
_TCI = dict.fromkeys(("B04", "B03", "B02"), "s2_tci")
_PICTURE = dict.fromkeys(("B04", "B03", "B02"), "rgb01")


def _own(name: str, meaning: str) -> Unit:
    """A unit whose rule is its maker's: nothing becomes it but itself."""
    return Unit(name, meaning, name, peak=_BYTES if name.endswith("uint8") else (2, math.inf))


#: Every unit that a weight, a layer or a preset speaks of, by name.
UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        # Reflectance
        Unit("reflectance", "reflectance as a number from 0 to 1", "reflectance", peak=(0, 10)),
        Unit(
            "s2_dn",
            "Sentinel-2 digital numbers, reflectance × 10,000, level 1C or 2A, with the offset of "
            "processing baseline 04.00 taken off",
            "reflectance", 1e-4, peak=_COUNTS,
        ),
        Unit(
            "s2_dn_offset",
            "Sentinel-2 digital numbers as files of processing baseline 04.00 and later hold them, "
            "reflectance × 10,000 + 1,000",
            "reflectance", 1e-4, -0.1, peak=(1000, math.inf),
        ),
        Unit(
            "s2_tci",
            "Sentinel-2 level 1C true-colour image, 8 bits: 255 is a reflectance of 0.3558",
            "reflectance", 0.3558 / 255, lowest=0, highest=255, peak=_BYTES,
        ),
        Unit(
            "s2_tci_dn",
            "Sentinel-2 as SatlasPretrain has it: B04, B03 and B02 from the 8-bit true-colour "
            "image (s2_tci), the other bands as digital numbers (s2_dn)",
            "reflectance", 1e-4, parts=_TCI, peak=(2, math.inf),
        ),
        Unit(
            "landsat_l1_dn",
            "Landsat Collection 2 level 1 digital numbers, top-of-atmosphere reflectance = "
            "0.00002 x - 0.1 before the correction for the sun's height (OLI)",
            "reflectance", 2e-5, -0.1, peak=(4000, math.inf),
        ),
        Unit(
            "landsat_c2_dn",
            "Landsat Collection 2 level 2 digital numbers, surface reflectance = 0.0000275 x - 0.2",
            "reflectance", 2.75e-5, -0.2, peak=(4000, math.inf),
        ),
        Unit("enmap_dn", "EnMAP level 2A digital numbers, reflectance × 10,000", "reflectance",
             1e-4, peak=_COUNTS),
        Unit("modis_dn", "MODIS surface reflectance × 10,000 (MOD09, MCD43)", "reflectance", 1e-4,
             peak=_COUNTS),
        Unit("planet_dn", "PlanetScope surface reflectance × 10,000", "reflectance", 1e-4,
             peak=_COUNTS),
        # 8 bits, made by a rule of the dataset's authors
        _own("landsat_toa_uint8", "Landsat top-of-atmosphere values as SSL4EO-L stores them, "
             "rescaled to 8 bits, 0 to 255"),
        _own("landsat_sr_uint8", "Landsat surface reflectance as SSL4EO-L stores it, rescaled to "
             "8 bits, 0 to 255"),
        _own("s2_uint8", "Sentinel-2 rescaled to 8 bits, 0 to 255, by the training set's own rule"),
        # Pictures
        Unit("uint8", "8-bit picture, 0 to 255", "brightness", 1 / 255, lowest=0, highest=255,
             peak=_BYTES),
        Unit("rgb01", "8-bit picture divided by 255, 0 to 1", "brightness", lowest=0, highest=1,
             peak=(0, 1.001)),
        Unit(
            "rgb01_s2_dn",
            "B04, B03 and B02 as a picture from 0 to 1 (rgb01), the other bands as Sentinel-2 "
            "digital numbers (s2_dn)",
            "reflectance", 1e-4, parts=_PICTURE,
        ),
        # Radar
        Unit("s1_db", "Sentinel-1 backscatter in decibels, 10 log10 of power", "backscatter",
             curve="dB", peak=(-60, 60), negative=True),
        Unit("s1_power", "Sentinel-1 backscatter as power (linear)", "backscatter",
             negative=False),
        Unit("s1_amplitude", "Sentinel-1 backscatter as calibrated amplitude, the root of power",
             "backscatter", curve="root", negative=False),
        Unit("s1_dn", "Sentinel-1 GRD digital numbers as level 1 files hold them: amplitude that "
             "is not calibrated", "pulse", peak=(2, math.inf), negative=False),
        _own("s1_tessera", "Sentinel-1 decibels, shifted and stretched to integers as Tessera's "
             "preprocessing writes them"),
    )
}  # fmt: skip
