"""Spectral indices as further channels: what a vegetation map has used for fifty years."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from swath.transforms.base import IntensityTransform, take

__all__ = [
    "AppendBNDVI",
    "AppendEVI",
    "AppendGBNDVI",
    "AppendGNDVI",
    "AppendGRNDVI",
    "AppendMNDWI",
    "AppendNBR",
    "AppendNDBI",
    "AppendNDRE",
    "AppendNDSI",
    "AppendNDVI",
    "AppendNDWI",
    "AppendNormalizedDifferenceIndex",
    "AppendRBNDVI",
    "AppendSAVI",
    "AppendSWI",
    "AppendTriBandNormalizedDifferenceIndex",
]


class _Append(IntensityTransform, ABC):
    """An image (…, C, H, W) with one channel more, computed from the channels named by `indices`.

    Where the denominator is 0 the index is 0; where an input is NaN (nodata) it is NaN.
    """

    def __init__(self, **indices: int) -> None:
        super().__init__(p=1)
        self.indices = dict(indices)
        self.flags = dict(indices)

    @abstractmethod
    def index(self, *bands: Tensor) -> Tensor:
        """The index of bands (B, 1, H, W), in the order of `indices`."""

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The channels and the index after them."""
        kind = type(self).__name__
        bands = [take(input, i, name, kind) for name, i in self.indices.items()]
        return torch.cat([input, self.index(*bands)], 1)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    empty = denominator == 0
    return torch.where(empty, numerator * 0, numerator / torch.where(empty, 1, denominator))


class AppendNormalizedDifferenceIndex(_Append):
    """(A - B) / (A + B).

    Args:
        index_a: Channel A.
        index_b: Channel B.
    """

    def __init__(self, index_a: int, index_b: int) -> None:
        super().__init__(index_a=index_a, index_b=index_b)

    def index(self, *bands: Tensor) -> Tensor:
        """(A - B) / (A + B)."""
        a, b = bands
        return _ratio(a - b, a + b)


class AppendTriBandNormalizedDifferenceIndex(_Append):
    """(A - (B + C)) / (A + (B + C)).

    Args:
        index_a: Channel A.
        index_b: Channel B.
        index_c: Channel C.
    """

    def __init__(self, index_a: int, index_b: int, index_c: int) -> None:
        super().__init__(index_a=index_a, index_b=index_b, index_c=index_c)

    def index(self, *bands: Tensor) -> Tensor:
        """(A - (B + C)) / (A + (B + C))."""
        a, b, c = bands
        return _ratio(a - (b + c), a + (b + c))


class AppendNDVI(AppendNormalizedDifferenceIndex):
    """Vegetation: (NIR - red) / (NIR + red). Tucker 1979, doi:10.1016/0034-4257(79)90013-0."""

    def __init__(self, index_nir: int, index_red: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_red=index_red)


class AppendBNDVI(AppendNormalizedDifferenceIndex):
    """Vegetation with blue: (NIR - blue) / (NIR + blue). Wang et al. 2007,
    doi:10.1016/S1672-6308(07)60027-4.
    """

    def __init__(self, index_nir: int, index_blue: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_blue=index_blue)


class AppendGNDVI(AppendNormalizedDifferenceIndex):
    """Vegetation with green: (NIR - green) / (NIR + green). Buschmann and Nagel 1993,
    doi:10.1080/01431169308904370.
    """

    def __init__(self, index_nir: int, index_green: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_green=index_green)


class AppendNDRE(AppendNormalizedDifferenceIndex):
    """Vegetation at the red edge: (NIR - VRE1) / (NIR + VRE1). Barnes et al. 2000."""

    def __init__(self, index_nir: int, index_vre1: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_vre1=index_vre1)


class AppendNDWI(AppendNormalizedDifferenceIndex):
    """Open water: (green - NIR) / (green + NIR). McFeeters 1996, doi:10.1080/01431169608948714."""

    def __init__(self, index_green: int, index_nir: int) -> None:
        _Append.__init__(self, index_green=index_green, index_nir=index_nir)


class AppendMNDWI(AppendNormalizedDifferenceIndex):
    """Open water beside buildings: (green - SWIR) / (green + SWIR). Xu 2006,
    doi:10.1080/01431160600589179.
    """

    def __init__(self, index_green: int, index_swir: int) -> None:
        _Append.__init__(self, index_green=index_green, index_swir=index_swir)


class AppendSWI(AppendNormalizedDifferenceIndex):
    """Water level: (VRE1 - SWIR2) / (VRE1 + SWIR2). Jiang et al. 2021, doi:10.3390/w13121647."""

    def __init__(self, index_vre1: int, index_swir2: int) -> None:
        _Append.__init__(self, index_vre1=index_vre1, index_swir2=index_swir2)


class AppendNDSI(AppendNormalizedDifferenceIndex):
    """Snow: (green - SWIR) / (green + SWIR). Hall et al. 1995, doi:10.1016/0034-4257(95)00137-P."""

    def __init__(self, index_green: int, index_swir: int) -> None:
        _Append.__init__(self, index_green=index_green, index_swir=index_swir)


class AppendNDBI(AppendNormalizedDifferenceIndex):
    """Buildings: (SWIR - NIR) / (SWIR + NIR). Zha et al. 2003, doi:10.1080/01431160304987."""

    def __init__(self, index_swir: int, index_nir: int) -> None:
        _Append.__init__(self, index_swir=index_swir, index_nir=index_nir)


class AppendNBR(AppendNormalizedDifferenceIndex):
    """Burns: (NIR - SWIR) / (NIR + SWIR). García and Caselles 1991,
    doi:10.1080/10106049109354290.
    """

    def __init__(self, index_nir: int, index_swir: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_swir=index_swir)


class AppendGRNDVI(AppendTriBandNormalizedDifferenceIndex):
    """Vegetation with green and red: (NIR - (G + R)) / (NIR + (G + R)). Wang et al. 2007,
    doi:10.1016/S1672-6308(07)60027-4.
    """

    def __init__(self, index_nir: int, index_green: int, index_red: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_green=index_green, index_red=index_red)


class AppendGBNDVI(AppendTriBandNormalizedDifferenceIndex):
    """Vegetation with green and blue: (NIR - (G + B)) / (NIR + (G + B)). Wang et al. 2007,
    doi:10.1016/S1672-6308(07)60027-4.
    """

    def __init__(self, index_nir: int, index_green: int, index_blue: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_green=index_green, index_blue=index_blue)


class AppendRBNDVI(AppendTriBandNormalizedDifferenceIndex):
    """Vegetation with red and blue: (NIR - (R + B)) / (NIR + (R + B)). Wang et al. 2007,
    doi:10.1016/S1672-6308(07)60027-4.
    """

    def __init__(self, index_nir: int, index_red: int, index_blue: int) -> None:
        _Append.__init__(self, index_nir=index_nir, index_red=index_red, index_blue=index_blue)


class AppendEVI(_Append):
    """Enhanced vegetation: 2.5 (NIR - red) / (NIR + 6 red - 7.5 blue + 1), of reflectances 0 to 1.

    Huete et al. 1997, doi:10.1016/S0034-4257(96)00112-5.
    """

    def __init__(self, index_nir: int, index_red: int, index_blue: int) -> None:
        super().__init__(index_nir=index_nir, index_red=index_red, index_blue=index_blue)

    def index(self, *bands: Tensor) -> Tensor:
        """2.5 (NIR - red) / (NIR + 6 red - 7.5 blue + 1)."""
        nir, red, blue = bands
        return _ratio(2.5 * (nir - red), nir + 6 * red - 7.5 * blue + 1)


class AppendSAVI(_Append):
    """Soil-adjusted vegetation: 1.5 (NIR - red) / (NIR + red + 0.5), of reflectances 0 to 1.

    Huete 1988, doi:10.1016/0034-4257(88)90106-X.
    """

    def __init__(self, index_nir: int, index_red: int) -> None:
        super().__init__(index_nir=index_nir, index_red=index_red)

    def index(self, *bands: Tensor) -> Tensor:
        """1.5 (NIR - red) / (NIR + red + 0.5)."""
        nir, red = bands
        return _ratio(1.5 * (nir - red), nir + red + 0.5)
