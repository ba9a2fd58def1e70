"""From the pixels that people hold to the range between 0 and 1 that the models were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import BandError, ConfigError
from swath.models.presets import Preset
from swath.models.registry import nearest, resolve_weights
from swath.models.satlas.catalogue import FAMILIES, TCI, Satlas_Weights

__all__ = [
    "TCI_SATURATION",
    "landsat_digital_numbers",
    "satlas_transform",
    "sentinel1_digital_numbers",
    "tci_from_reflectance",
]

#: Reflectance that the 8-bit true-colour image shows as 255, by processing level. ESA, Sentinel-2
#: MSI user guide, definitions
#: (https://sentinel.esa.int/web/sentinel/user-guides/sentinel-2-msi/definitions): values are coded
#: from 1 to 255 with 0 for nodata, and 255 is "3558 for L1C products or 2000 for L2A products".
TCI_SATURATION = {"L1C": 0.3558, "L2A": 0.2}

#: OLI, Level-1: TOA reflectance x sin(sun elevation) = 2e-5 DN - 0.1, in collections 1 and 2 (USGS,
#: Landsat 8-9 Data Users Handbook, section 5; REFLECTANCE_MULT_BAND_x and _ADD_BAND_x of the MTL).
LANDSAT_GAIN, LANDSAT_BIAS = 2e-5, -0.1


def tci_from_reflectance(
    x: Tensor, level: str = "L1C", *, quantification: float = 10000.0, offset: float = 0.0
) -> Tensor:
    """The true-colour image of red, green and blue, as ESA scales it.

    Linear, so that `TCI_SATURATION` of the level becomes 255; valid pixels are at least 1 and
    nodata (0) stays 0. Not rounded: the published image is the nearest integer, within one.

    Args:
        x: Digital numbers of B04, B03, B02 of any shape, 0 for nodata.
        level: ``"L1C"``, which SatlasPretrain was trained on, or ``"L2A"``.
        quantification: Digital numbers of a reflectance of 1; 1 if `x` is the reflectance itself.
        offset: Added to digital numbers first: -1000 for products of processing baseline 04.00
            (25 January 2022) and later, unless somebody has added it already.

    Returns:
        Values between 0 and 255, float32.

    Raises:
        ConfigError: There is no such level; or numbers are too small for `quantification`.
    """
    if level not in TCI_SATURATION:
        raise ConfigError(f"there is no level {level!r}: {nearest(level, TCI_SATURATION)}")
    found = _reflectance(x, quantification, offset) * (255 / TCI_SATURATION[level])
    return found.clamp(1, 255).masked_fill(x == 0, 0)


def _reflectance(x: Tensor, quantification: float, offset: float) -> Tensor:
    x = x.float()
    most = float(x.max()) if x.numel() else 0.0
    if quantification > 100 and 0 < most <= 2:
        raise ConfigError(
            f"the largest digital number is {most:g} and {quantification:g} would be a reflectance "
            "of 1: if these are reflectances, pass quantification=1"
        )
    return (x + offset) / quantification


class SentinelReflectance(nn.Module):
    """Sentinel-2 products without a true-colour image to a model's input: `satlas_transform`.

    The first three bands as `tci_from_reflectance` has them, over 255; the others as digital
    numbers of before baseline 04.00, over 8160. All between 0 and 1.
    """

    def __init__(
        self, bands: Sequence[str], level: str, quantification: float, offset: float
    ) -> None:
        super().__init__()
        if level not in TCI_SATURATION:
            raise ConfigError(f"there is no level {level!r}: {nearest(level, TCI_SATURATION)}")
        self.bands, self.level = tuple(bands), level
        self.quantification, self.offset = quantification, offset

    def forward(self, x: Any) -> Any:
        """A tensor (..., C, H, W), or a sample whose ``image`` is one.

        Raises:
            BandError: Another number of bands.
            ConfigError: Numbers too small for the quantification.
        """
        if isinstance(x, dict):
            return {**x, "image": self(x["image"])}
        if x.ndim < 3 or x.shape[-3] != len(self.bands):
            raise BandError(
                f"the image is {tuple(x.shape)}: expected (..., C, H, W) with C = "
                f"{len(self.bands)} ({', '.join(self.bands)})"
            )
        reflectance = _reflectance(x, self.quantification, self.offset)
        full = [
            TCI_SATURATION[self.level] if b in TCI else 8160 / 10000 for b in self.bands
        ]  # fmt: skip
        scaled = reflectance / torch.tensor(full, device=x.device).view(-1, 1, 1)
        lowest = torch.tensor([1 / 255 if b in TCI else 0.0 for b in self.bands], device=x.device)
        scaled = scaled.maximum(lowest.view(-1, 1, 1)).clamp_max(1)
        return scaled.masked_fill(x == 0, 0)

    def extra_repr(self) -> str:
        """What it does, for print."""
        return (
            f"bands={self.bands}, level={self.level!r}, quantification={self.quantification:g}, "
            f"offset={self.offset:g}"
        )


def sentinel1_digital_numbers(
    backscatter: Tensor, calibration: Tensor | float | None = None, *, decibel: bool = True
) -> Tensor:
    """Digital numbers of a Level-1 GRD product from calibrated backscatter.

    The inverse of ESA's calibration, DN = A·√σ⁰ (Radiometric calibration of S-1 Level-1 products,
    ESA-EOPG-CSCOP-TN-0002), with noise as it is. A is the look-up table of the product that the
    backscatter was made with; it differs from product to product and across the swath.

    Args:
        backscatter: σ⁰ (or β⁰, γ⁰ with their own table), in decibel or linear.
        calibration: A (``sigmaNought`` in the annotation, some hundreds), a number or of a shape
            that broadcasts.
        decibel: False if `backscatter` is linear power.

    Raises:
        ConfigError: No calibration: there is no rule without it.
    """
    if calibration is None:
        raise ConfigError(
            "calibrated backscatter cannot be turned into digital numbers without the product's "
            "calibration: pass calibration=(sigmaNought of its annotation), or give the model the "
            "GRD product's own digital numbers, which it was trained on"
        )
    linear = torch.pow(10.0, backscatter.float() / 10) if decibel else backscatter.float()
    return linear.clamp_min(0).sqrt() * calibration


def landsat_digital_numbers(reflectance: Tensor, sun_elevation: float = 90.0) -> Tensor:
    """Digital numbers of an OLI Level-1 product from reflectance at the top of the atmosphere.

    Both collections scale Level-1 alike: ρ·sin(elevation) = 2·10⁻⁵ DN - 0.1 (USGS, Landsat 8-9
    Data Users Handbook). Surface reflectance of Collection 2 Level-2 (2.75·10⁻⁵ DN - 0.2) is not
    this: it lacks the atmosphere, and B8, B9, B10 (as radiance) and B11 are not in the product.

    Args:
        reflectance: Of B1 to B9, 0 to 1.
        sun_elevation: In degrees, of the scene's metadata; 90 if it is not corrected for.

    Raises:
        ConfigError: The sun is below the horizon.
    """
    if not 0 < sun_elevation <= 90:
        raise ConfigError(f"sun_elevation is {sun_elevation}: expected degrees above 0, up to 90")
    sine = torch.deg2rad(torch.tensor(float(sun_elevation))).sin()
    return (reflectance.float() * sine - LANDSAT_BIAS) / LANDSAT_GAIN


def satlas_transform(
    weights: Satlas_Weights | str,
    source: str | None = None,
    *,
    quantification: float = 10000.0,
    offset: float = 0.0,
) -> Preset | SentinelReflectance:
    """Raw pixels (..., C, H, W) to what a model was trained on.

    Several images go through it as (B, T, C, H, W), before time is folded into channels.

    Without `source` pixels are those of the training
    (https://github.com/allenai/satlas/blob/main/Normalization.md): the true-colour image (TCI) of
    Sentinel-2's L1C products over 255, and the other bands' digital numbers over 8160; Sentinel-1
    GRD's digital numbers over 255; Landsat 8 and 9 Level-1 digital numbers, less 4000, over 16320;
    aerial imagery over 255. All are limited to 0 to 1.

    Args:
        weights: A member of `Satlas_Weights`, or its name.
        source: For Sentinel-2, ``"L1C"`` or ``"L2A"``: all bands are reflectances of a product
            of that level, and the first three become what its TCI would be
            (`tci_from_reflectance`). The models were trained on L1C; L2A lacks the haze, and is as
            near as its own TCI brings it.
        quantification: Digital numbers of a reflectance of 1; 1 for reflectances themselves.
        offset: Added to digital numbers first: -1000 from processing baseline 04.00 on.

    Raises:
        ConfigError: There are no such weights or source. Sentinel-1 and Landsat are taken as
            digital numbers only: `sentinel1_digital_numbers` and `landsat_digital_numbers` make
            them where what they need is known.
    """
    member = resolve_weights(Satlas_Weights, weights)
    if member is None:
        raise ConfigError("weights is None: expected a member of Satlas_Weights or its name")
    family = member.meta["family"]
    if source is None:
        return FAMILIES[family].preset
    if family.startswith("S2"):
        return SentinelReflectance(member.bands, source, quantification, offset)
    ways = {
        "S1": "digital numbers; sentinel1_digital_numbers makes them of calibrated backscatter",
        "LANDSAT": "Level-1 digital numbers; landsat_digital_numbers makes them of TOA reflectance",
        "AERIAL": "8-bit pixels",
    }
    raise ConfigError(f"{member!r} has no source {source!r}: it takes {ways[family]}")
