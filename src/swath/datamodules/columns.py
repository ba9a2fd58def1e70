"""Which column of a vector file holds the class, and which classes there are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from swath.errors import ConfigError

__all__ = ["polygon_classes"]

_TELLING = ("class", "label", "landcover", "land_cover", "lulc", "category", "type", "crop", "code")
_MOST = 60  # more different entries than this are names or numbers of objects, not classes


def polygon_classes(
    files: Sequence[str], column: str | None = None
) -> tuple[str | None, list[Any]]:
    """The column of the class and its entries, sorted; (None, [name]) where all are one class.

    Args:
        files: Vector files with the same columns.
        column: The column, if known.

    Raises:
        ConfigError: There is no such column.
    """
    import pyogrio

    tables = [pyogrio.read_dataframe(path, read_geometry=False) for path in files]
    table = pd.concat(tables, ignore_index=True)
    if column is not None and column not in table:
        raise ConfigError(
            f"{files[0]} has no column {column!r}; its columns are "
            f"{', '.join(map(str, table.columns)) or 'none'}"
        )
    if column is None:
        lower = {str(name).lower(): str(name) for name in table.columns}
        named = [lower[t] for t in _TELLING if t in lower]
        fits = [name for name in named if table[name].nunique() <= _MOST]
        column = fits[0] if fits else None
    if column is None:
        return None, [os.path.splitext(os.path.basename(files[0]))[0]]
    values = [
        int(v) if isinstance(v, float) and v.is_integer() else v
        for v in table[column].dropna().unique().tolist()
    ]
    return column, sorted(values, key=lambda v: (isinstance(v, str), v))
