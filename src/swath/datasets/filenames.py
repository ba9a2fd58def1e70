"""What a file's name says: its date, its band. Pure string work, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

__all__ = ["band_token", "parse_date"]

_DAY = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<sep>[-_.]?)(?P<m>0[1-9]|1[0-2])(?P=sep)(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"
)
#: Landsat before the Collections: LC8 path row year day-of-year.
_DAY_OF_YEAR = re.compile(r"(?<![A-Za-z])L[COTEM]\d\d{6}(?P<y>(?:19|20)\d\d)(?P<j>[0-3]\d\d)(?!\d)")
_MONTH = re.compile(r"(?<!\d)(?P<y>(?:19|20)\d\d)[-_](?P<m>0[1-9]|1[0-2])(?!\d)")
_YEAR = re.compile(r"(?<!\d)(?P<y>(?:19|20)\d\d)(?!\d)")

_WORD_START, _WORD_END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_COLOURS = (
    "coastal|aerosol|blue|green|red_?edge_?[1-4]?|red|nir(?:08|09|_?[12])?|swir_?(?:[123]|16|22)?"
    "|cirrus|pan|thermal|tir_?[12]?|lwir_?(?:1[12])?"
)
#: In the order of trust: the first that finds something names the band.
_BANDS = tuple(
    re.compile(_WORD_START + f"({pattern})" + _WORD_END, flags)
    for pattern, flags in (
        (r"(?:SR_|ST_)?B(?:0[1-9]|1[0-2]|8A|[1-9])", re.NOFLAG),
        (r"b(?:and)?_?\d{1,3}", re.IGNORECASE),
        (r"VV|VH|HH|HV", re.IGNORECASE),
        (_COLOURS, re.IGNORECASE),
    )
)


def parse_date(text: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """First and last instant of the day, month or year that `text` names, or None.

    The most exact reading wins: a whole date before a month before a year.
    """
    for start, offset in _dates(text):
        if start is not None:
            return start, start + offset - pd.Timedelta(1, unit="us")
    return None


def _dates(text: str) -> Iterator[tuple[pd.Timestamp | None, pd.DateOffset]]:
    """Readings of `text`, the most exact first; None where the numbers are no date."""
    for match in _DAY.finditer(text):
        yield _timestamp(f"{match['y']}-{match['m']}-{match['d']}"), pd.DateOffset(days=1)
    for match in _DAY_OF_YEAR.finditer(text):
        yield _timestamp(f"{match['y']}{match['j']}", "%Y%j"), pd.DateOffset(days=1)
    for match in _MONTH.finditer(text):
        yield _timestamp(f"{match['y']}-{match['m']}-01"), pd.DateOffset(months=1)
    for match in _YEAR.finditer(text):
        yield _timestamp(f"{match['y']}-01-01"), pd.DateOffset(years=1)


def _timestamp(text: str, form: str = "%Y-%m-%d") -> pd.Timestamp | None:
    try:
        return pd.to_datetime(text, format=form)
    except ValueError:
        return None


def band_token(stem: str) -> tuple[str, int, int] | None:
    """The band that a file name (without extension) names, and where: (band, start, end).

    The last such word counts, because products put the band behind the scene's name
    (``LC08_L1TP_…_B4``, ``T10SGJ_20200802_B08``, ``landsat_b2``).
    """
    for pattern in _BANDS:
        found = list(pattern.finditer(stem))
        if found:
            return found[-1].group(1), found[-1].start(1), found[-1].end(1)
    return None
