"""EnMAP: a German imaging spectrometer."""

from __future__ import annotations

from swath.datasets.layers.product import Product

__all__ = ["EnMAP"]

#: Centres of bands 1 to 224 in micrometres.
_CENTRES = """
    0.418416 0.424043 0.429457 0.434686 0.439758 0.444699 0.449539 0.454306 0.459031 0.46373
    0.468411 0.47308 0.477744 0.482411 0.487087 0.49178 0.496497 0.501243 0.50602 0.510829
    0.515672 0.520551 0.525467 0.530424 0.535422 0.540463 0.545551 0.550687 0.555873 0.561112
    0.566405 0.571756 0.577166 0.582636 0.588171 0.593773 0.599446 0.605193 0.611017 0.616923
    0.622921 0.628987 0.635112 0.641294 0.647537 0.653841 0.660207 0.666637 0.673131 0.679691
    0.686319 0.693014 0.69978 0.706617 0.713524 0.720501 0.727545 0.734654 0.741826 0.74906
    0.756353 0.763703 0.771108 0.778567 0.786078 0.793639 0.801249 0.808905 0.816608 0.824355
    0.832145 0.839976 0.847847 0.855757 0.863703 0.871683 0.879693 0.887729 0.895789 0.90387
    0.911968 0.920081 0.928204 0.936335 0.94447 0.952608 0.960748 0.968892 0.977037 0.985186
    0.993338 0.901961 0.911571 0.92132 0.931203 0.941218 0.95136 0.961628 0.972016 0.982523
    0.993144 1.00388 1.01472 1.02566 1.0367 1.04784 1.05907 1.07039 1.08178 1.09326 1.10481
    1.11643 1.1281 1.13984 1.15162 1.16344 1.1753 1.1872 1.19911 1.21105 1.223 1.23497 1.24694
    1.25893 1.27092 1.28292 1.29491 1.3069 1.31888 1.33085 1.34282 1.35476 1.36669 1.3786
    1.39048 1.4611 1.47274 1.48434 1.49589 1.5074 1.51887 1.53029 1.54167 1.55301 1.5643
    1.57555 1.58676 1.59791 1.60902 1.62009 1.63111 1.64207 1.653 1.66387 1.6747 1.68547
    1.6962 1.70687 1.7175 1.72808 1.7386 1.74908 1.75951 1.93914 1.94869 1.9582 1.96766
    1.97708 1.98645 1.99579 2.00508 2.01433 2.02354 2.0327 2.04183 2.05092 2.05996 2.06897
    2.07793 2.08686 2.09574 2.10459 2.1134 2.12217 2.1309 2.1396 2.14826 2.15688 2.16547
    2.17402 2.18253 2.19101 2.19945 2.20786 2.21624 2.22458 2.23289 2.24116 2.2494 2.25761
    2.26579 2.27393 2.28204 2.29012 2.29817 2.30619 2.31417 2.32213 2.33005 2.33794 2.34581
    2.35364 2.36144 2.36921 2.37695 2.38466 2.39234 2.4 2.40762 2.41521 2.42278 2.43032
    2.43782 2.4453
"""
_BANDS = tuple(f"B{i}" for i in range(1, 225))


class EnMAP(Product):
    """Environmental Mapping and Analysis Program: 224 bands from 0.42 to 2.45 µm at 30 m.

    Files are the ``…-SPECTRAL_IMAGE…`` rasters of levels 1B to 2A, all bands in one. By default
    the bands in the deep water vapour absorption (B127 to B141, B161 to B167) are left out: level
    2A has no data there. Level 2A holds reflectance times 10,000, nodata -32768.
    """

    title = "EnMAP"
    product_page = "https://www.enmap.org"
    citation = (
        "Storch, T. et al. (2023). The EnMAP imaging spectroscopy mission towards operations. "
        "Remote Sensing of Environment 294, 113632. https://doi.org/10.1016/j.rse.2023.113632; "
        "Chabrillat, S. et al. (2024). The EnMAP spaceborne imaging spectroscopy mission: Initial "
        "scientific results two years after launch. Remote Sensing of Environment 315, 114379. "
        "https://doi.org/10.1016/j.rse.2024.114379"
    )
    licence = "EnMAP licence (DLR): free for scientific use after registration"

    default_nodata = -32768.0
    filename_glob = "ENMAP*SPECTRAL_IMAGE*"
    filename_regex = r"""
        ^ENMAP
        (?P<satellite>\d{2})-
        (?P<product_type>____L[12][ABC])-
        (?P<datatake_id>DT\d{10})_
        (?P<date>\d{8}T\d{6})Z_
        (?P<tile_id>\d{3})_
        (?P<version>V\d{6})_
        (?P<processing_date>\d{8}T\d{6})Z-
        .*\.(?i:tiff?|bsq|bil|bip|jp2|vrt|img)$
    """
    date_format = "%Y%m%dT%H%M%S"
    all_bands = _BANDS
    default_bands = tuple(
        f"B{i}" for i in range(1, 225) if not (127 <= i <= 141 or 161 <= i <= 167)
    )
    rgb_bands = ("B48", "B30", "B16")
    wavelengths = dict(zip(_BANDS, map(float, _CENTRES.split()), strict=True))  # noqa: RUF012
