"""Names in Sentinel-2's SAFE format: which file is which band of which scene."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass

import pandas as pd

__all__ = ["SafeName", "baseline_of"]

_NAME = re.compile(
    r"^(?P<head>T\d{2}[A-Z]{3}_(?P<date>\d{8}T\d{6}))_(?P<band>B(?:0[1-9]|1[0-2]|8A))"
    r"(?:_(?P<res>10m|20m|60m))?(?P<end>\.\w+)$"
)
_PRODUCT = re.compile(r"S2[A-D]_MSIL(?P<level>1C|2A)_\d{8}T\d{6}_N(?P<baseline>\d{4})_")
_FOLDER = re.compile(r"^R(?:10|20|60)m$")
_STEPS = ("10m", "20m", "60m")


@dataclass(frozen=True, slots=True)
class SafeName:
    """A band's file, taken apart."""

    path: str
    folder: str  # without R10m, R20m or R60m
    sorted_by_res: bool  # whether it lay in one of those
    head: str
    band: str
    res: str | None
    end: str
    date: pd.Timestamp
    level2a: bool

    @staticmethod
    def parse(path: str) -> SafeName | None:
        """Take a path apart; None if it is no band's file."""
        folder, name = os.path.split(path)
        match = _NAME.match(name)
        if match is None:
            return None
        above, last = os.path.split(folder)
        by_res = bool(_FOLDER.match(last))
        product = _PRODUCT.search(path)
        level2a = match["res"] is not None if product is None else product["level"] == "2A"
        date = pd.to_datetime(match["date"], format="%Y%m%dT%H%M%S")
        return SafeName(
            path, above if by_res else folder, by_res, match["head"], match["band"], match["res"],
            match["end"], date, level2a,
        )  # fmt: skip

    @property
    def scene(self) -> tuple[str, ...]:
        """What the files of one scene have in common."""
        return (self.folder, self.head)

    def rank(self, own: str) -> tuple[int, str]:
        """Lowest for the file to take of several of one band, `own` its own resolution."""
        if self.res is None or self.res == own:
            return (0, self.path)
        return (1 + _STEPS.index(self.res), self.path)

    def file_of(self, band: str, own: str) -> str:
        """The file of another band of this scene: at its own resolution, else the finest there.

        In an archive or on a server, where looking is slow, the first is taken unseen.
        """
        if self.res is None:
            return os.path.join(self.folder, f"{self.head}_{band}{self.end}")
        order = [own, *(step for step in _STEPS if step != own)]
        paths = []
        for res in order:
            folder = os.path.join(self.folder, f"R{res}") if self.sorted_by_res else self.folder
            paths.append(os.path.join(folder, f"{self.head}_{band}_{res}{self.end}"))
        if self.path.startswith("/vsi") or "://" in self.path:
            return paths[0]
        return next((path for path in paths if os.path.exists(path)), paths[0])


@functools.lru_cache(maxsize=4096)
def _in_metadata(folder: str) -> int | None:
    """Processing baseline by a product's metadata in this folder."""
    try:
        names = [n for n in os.listdir(folder) if re.fullmatch(r"MTD_MSIL(1C|2A)\.xml", n)]
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                found = re.search(r"<PROCESSING_BASELINE>(\d\d)\.(\d\d)<", file.read())
            if found:
                return int(found[1] + found[2])
    except OSError:
        return None
    return None


def baseline_of(path: str) -> int | None:
    """Processing baseline of a file (400 for 04.00), by the product's name in its path or the
    metadata in one of the four folders above; None where neither is there.
    """
    match = _PRODUCT.search(path)
    if match is not None:
        return int(match["baseline"])
    if path.startswith("/vsi") or "://" in path:
        return None
    folder = os.path.dirname(os.path.abspath(path))
    for _ in range(5):
        found = _in_metadata(folder)
        if found is not None:
            return found
        folder = os.path.dirname(folder)
    return None
