"""What weights of several architectures share: data sets, their bands, units, normalisation.

Each function makes one member of a weights enum. The numbers are the providers': where a number
found elsewhere differs, the docstring says so.
"""

from __future__ import annotations

from typing import Any

from torchvision.models import Weights

from swath.models.presets import Preset
from swath.models.weights import weight

__all__ = [
    "IMAGENET",
    "S1_BANDS",
    "S2_BANDS",
    "closp",
    "satlas",
    "seco",
    "ssl4eo_l",
    "ssl4eo_s12_sentinel1",
    "ssl4eo_s12_sentinel2",
]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

S1_BANDS = ("VV", "VH")
S2_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8a", "B9", "B10", "B11", "B12")
S2_RGB = ("B4", "B3", "B2")

#: Sensor and bands of each product of SSL4EO-L.
_LANDSAT = {
    "tm_toa": ("landsat5", ("B1", "B2", "B3", "B4", "B5", "B6", "B7")),
    "etm_toa": (
        "landsat7",
        ("B1", "B2", "B3", "B4", "B5", "B6_VCID_1", "B6_VCID_2", "B7", "B8"),
    ),
    "etm_sr": ("landsat7", ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7")),
    "oli_tirs_toa": ("landsat8", tuple(f"B{i}" for i in range(1, 12))),
    "oli_sr": ("landsat8", tuple(f"SR_B{i}" for i in range(1, 8))),
}

#: What SatlasPretrain takes: sensor, bands in order, offset, divisor, units.
_SATLAS: dict[str, tuple[str, tuple[str, ...], float, Any, str]] = {
    "rgb": ("sentinel2", ("B04", "B03", "B02"), 0.0, 255.0, "s2_tci"),
    "ms": (
        "sentinel2",
        ("B04", "B03", "B02", "B05", "B06", "B07", "B08", "B11", "B12"),
        0.0,
        (255.0,) * 3 + (8160.0,) * 6,
        "s2_tci_dn",
    ),
    "sentinel1": ("sentinel1", ("VH", "VV"), 0.0, 255.0, "s1_dn"),
    "landsat": (
        "landsat8",
        tuple(f"B{i:02}" for i in range(1, 12)),
        4000.0,
        16320.0,
        "landsat_l1_dn",
    ),
    "aerial": ("naip", ("R", "G", "B"), 0.0, 255.0, "uint8"),
}


def ssl4eo_l(stem: str, model: str, product: str, method: str, digest: str) -> Weights:
    """SSL4EO-L: Landsat scenes, stored in 8 bits.

    Source: https://arxiv.org/abs/2306.09424.
    """
    sensor, bands = _LANDSAT[product]
    return weight(
        "https://hf.co/torchgeo/ssl4eo_landsat/resolve/1c88bb51b6e17a21dde5230738fa38b74bd74f76/"
        f"{stem}_landsat_{product}_{method}-{digest}.pth",
        Preset(0.0, 255.0, crop=224, bands=bands),
        model=model, dataset="SSL4EO-L", publication="https://arxiv.org/abs/2306.09424",
        repo="https://github.com/torchgeo/torchgeo", license="CC0-1.0", ssl_method=method,
        sensor=sensor, bands=bands,
        units="landsat_sr_uint8" if product.endswith("sr") else "landsat_toa_uint8",
    )  # fmt: skip


#: Method of pre-training on SSL4EO-S12: paper, code, licence.
_SSL4EO_S12 = {
    "moco": ("2211.07044", "SSL4EO-S12", "CC-BY-4.0"),
    "dino": ("2211.07044", "SSL4EO-S12", "CC-BY-4.0"),
    "mae": ("2211.07044", "SSL4EO-S12", "CC-BY-4.0"),
    "fg-mae": ("2310.18653", "FGMAE", None),
    "decur": ("2309.05300", "DeCUR", None),
    "softcon": ("2405.20462", "softcon", None),
}


def _s12(url: str, model: str, method: str, preset: Preset, **meta: Any) -> Weights:
    paper, repo, license = _SSL4EO_S12[method]
    return weight(
        url, preset, model=model, dataset="SSL4EO-S12", license=license, ssl_method=method,
        publication=f"https://arxiv.org/abs/{paper}", repo=f"https://github.com/zhu-xlab/{repo}",
        **meta,
    )  # fmt: skip


def ssl4eo_s12_sentinel2(
    url: str, model: str, method: str, *, rgb: bool = False, **meta: Any
) -> Weights:
    """SSL4EO-S12, Sentinel-2 L1C: numbers that are 10 000 × reflectance.

    They were divided by 10 000 and stored in 8 bits, which cuts what is brighter than 1
    (https://github.com/zhu-xlab/SSL4EO-S12/issues/28): hence the limits, which others leave out.
    SoftCon standardises each band with the statistics of the data set instead.
    """
    bands = S2_RGB if rgb else S2_BANDS
    preset = Preset(0.0, 10000.0, clip=(0, 1), resize=256, crop=224, bands=bands)
    if method == "softcon":
        preset = Preset(_SOFTCON_MEAN, _SOFTCON_STD, resize=256, crop=224, bands=bands)
    return _s12(
        url,
        model,
        method,
        preset,
        sensor="sentinel2",
        bands=bands,
        units="s2_dn",
        **meta,
    )


def ssl4eo_s12_sentinel1(url: str, model: str, method: str, **meta: Any) -> Weights:
    """SSL4EO-S12, Sentinel-1 GRD in decibels, standardised with the data set's statistics.

    During pre-training two standard deviations around the mean were mapped to 0…1; which of the two
    suits a task better is to be tried (https://github.com/zhu-xlab/SSL4EO-S12/issues/17).
    """
    preset = Preset((-12.59, -20.26), (5.26, 5.91), resize=256, crop=224, bands=S1_BANDS)
    return _s12(
        url, model, method, preset, sensor="sentinel1", bands=S1_BANDS, units="s1_db", **meta
    )


_SOFTCON_MEAN = (
    1612.9, 1397.6, 1322.3, 1373.1, 1561.0, 2108.4, 2390.7, 2318.7, 2581.0, 837.7, 22.0, 2195.2,
    1537.4,
)  # fmt: skip
_SOFTCON_STD = (
    791.0, 854.3, 878.7, 1144.9, 1127.5, 1164.2, 1276.0, 1249.5, 1345.9, 577.5, 47.5, 1340.0,
    1142.9,
)  # fmt: skip


def seco(url: str, model: str) -> Weights:
    """Seasonal Contrast: Sentinel-2 in 8 bits.

    Each band is stretched from its quantiles to 0…1, cut there, then ImageNet's statistics are
    applied (https://github.com/ServiceNow/seasonal-contrast/issues/19, a reading of the authors'
    loader that they have not confirmed). The quantiles go with B2, B3, B4 in that loader and are
    here in the order of the bands, B4, B3, B2. TorchGeo leaves them as they are, does not cut, and
    lets ImageNet's statistics meet values up to 255.
    Source: https://arxiv.org/abs/2103.16607.
    """
    return weight(
        url,
        Preset(
            (0.0, 2.0, 3.0), (129.0, 101.0, 85.0), clip=(0, 1), then=IMAGENET, resize=256,
            crop=224, bands=S2_RGB,
        ),
        model=model, dataset="SeCo Dataset", publication="https://arxiv.org/abs/2103.16607",
        repo="https://github.com/ServiceNow/seasonal-contrast", license="Apache-2.0",
        ssl_method="seco", sensor="sentinel2", bands=S2_RGB, units="s2_uint8",
    )  # fmt: skip


def satlas(
    file: str, model: str, images: str, *, repo: str = "https://github.com/allenai/satlas"
) -> Weights:
    """SatlasPretrain: everything ends between 0 and 1.

    Sentinel-2's first three bands are the 8-bit true-colour image, the others the 16-bit product.
    Source: https://arxiv.org/abs/2211.15660 and Normalization.md of
    https://github.com/allenai/satlas, which cuts at 0 and 1.
    """
    sensor, bands, mean, std, units = _SATLAS[images]
    return weight(
        "https://hf.co/torchgeo/satlas/resolve/081d6607431bf36bdb59c223777cbb267131b8f2/" + file,
        Preset(mean, std, clip=(0, 1), crop=256, bands=bands),
        model=model, dataset="SatlasPretrain", publication="https://arxiv.org/abs/2211.15660",
        repo=repo, license="ODC-By-1.0", sensor=sensor, bands=bands, units=units,
    )  # fmt: skip


def closp(file: str, model: str, sensor: str, *, resize: tuple[int, int] | None = None) -> Weights:
    """CLOSP: text, Sentinel-1 and Sentinel-2 of CrisisLandMark in one space.

    How the radar's values were scaled is not published: they are passed on as they are.
    Source: https://arxiv.org/abs/2507.10403.
    """
    optical = sensor == "sentinel2"
    bands = S2_BANDS if optical else S1_BANDS
    return weight(
        "https://huggingface.co/DarthReca/CLOSP-Visual/resolve/"
        f"3bb8677c21dac56bea2dd7baa08d7871272db440/{file}",
        Preset(0.0, 10000.0 if optical else 1.0, resize=resize, bands=bands),
        model=model, dataset="CrisisLandMark", publication="https://arxiv.org/abs/2507.10403",
        repo="https://github.com/DarthReca/closp", license="CreativeML-OpenRAIL-M",
        sensor=sensor, bands=bands, units="s2_dn" if optical else None,
    )  # fmt: skip
