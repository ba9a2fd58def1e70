"""Weights of rows and of places: rare classes seen more often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swath.errors import ConfigError

if TYPE_CHECKING:
    from swath.datasets.geo import GeoDataset

__all__ = ["PlaceWeights", "Weights", "rarity_weights", "row_weights"]

#: A function of many places at once: boxes (n, 4) as xmin, ymin, xmax, ymax in the dataset's CRS,
#: and the position of each one's row in ``dataset.index`` (n,); it returns weights (n,) >= 0.
PlaceWeights: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.intp]], ArrayLike]

#: A number for each row of the index, the name of a column of it, or a function of places.
Weights: TypeAlias = Sequence[float] | NDArray[Any] | str | PlaceWeights | None


def row_weights(dataset: GeoDataset, weights: Weights) -> NDArray[np.float64] | None:
    """The weight of each row of the index, or None where none were given by row.

    Raises:
        ConfigError: There is no such column, not one number a row, or a number below 0.
    """
    if weights is None or callable(weights):
        return None
    index = dataset.index
    if isinstance(weights, str):
        if weights not in index.columns:
            raise ConfigError(
                f"weights is {weights!r}, which is no column of the index; it has "
                f"{sorted(map(str, index.columns))}"
            )
        weights = index[weights].to_numpy()
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (len(index),):
        raise ConfigError(
            f"weights have shape {values.shape}; expected one number for each of the "
            f"{len(index)} rows of dataset.index"
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise ConfigError("weights hold negative or infinite numbers or nothing above 0")
    return values


def rarity_weights(counts: ArrayLike, power: float = 1.0) -> NDArray[np.float64]:
    """Weights of rows that make rare classes frequent.

    With N[r, c] pixels of class c in row r and f[c] the share of class c overall, a row's weight
    is the mean over its pixels of f[c] ** -power: 0 changes nothing, 1 balances the classes as
    far as the rows' make-up allows.

    Args:
        counts: (rows, classes) pixels, or objects, of each class in each row.
        power: How strongly rarity counts.

    Returns:
        (rows,) weights with mean 1; rows without any counted pixel get 0.

    Raises:
        ConfigError: Not a table of numbers >= 0 with something in it.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or (table < 0).any() or table.sum() == 0:
        raise ConfigError(
            f"counts of shape {table.shape}; expected (rows, classes) numbers >= 0, not all 0"
        )
    share = table.sum(axis=0) / table.sum()
    value = np.zeros(len(share))
    value[share > 0] = share[share > 0] ** -power
    size = table.sum(axis=1)
    weights = np.divide(table @ value, size, out=np.zeros(len(table)), where=size > 0)
    return np.asarray(weights / weights.mean())
