"""Headers of many files, read one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.raster.source import read_info


@dataclass
class HeaderTable:
    path: list[str]
    transform: NDArray[np.float64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    crs_id: NDArray[np.int64]
    crs: list[CRS]

    def __len__(self) -> int:
        return len(self.path)


def scan_headers(paths: Any, *, on_error: str = "raise", keep: Any = None) -> HeaderTable:
    infos = []
    for path in paths:
        try:
            infos.append(read_info(path))
        except (OSError, ValueError, TypeError):
            if on_error == "raise":
                raise
    known: list[CRS] = []
    ids = []
    for info in infos:
        if info.crs is None:
            ids.append(-1)
            continue
        if info.crs not in known:
            known.append(info.crs)
        ids.append(known.index(info.crs))
    return HeaderTable(
        [i.path for i in infos],
        np.array([tuple(i.transform)[:6] for i in infos], np.float64).reshape(-1, 6),
        np.array([i.width for i in infos]),
        np.array([i.height for i in infos]),
        np.array(ids),
        known,
    )
