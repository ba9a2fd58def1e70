"""Pixels of one dtype for a raster of another: only where nothing is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import UnsupportedDataError

__all__ = ["cast_pixels", "holds"]


def holds(dtype: np.dtype[Any], value: float) -> bool:
    """Whether a dtype can hold a value."""
    if dtype.kind == "f":
        return True
    if not np.isfinite(value) or value != int(value):
        return False
    info = np.iinfo(dtype)
    return bool(info.min <= value <= info.max)


def cast_pixels(data: NDArray[Any], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """`data` as `dtype`.

    Whole numbers become any dtype that holds them; floating point becomes floating point of
    another precision, and is never rounded to whole numbers.

    Args:
        data: Pixels.
        dtype: What is wanted.
        name: Of the file, for the error.

    Raises:
        UnsupportedDataError: Something would be lost.
    """
    if data.dtype == dtype:
        return data
    whole = data.dtype.kind in "iu"
    if data.size == 0 or np.can_cast(data.dtype, dtype, "safe"):
        return data.astype(dtype)
    if dtype.kind == "f" and (whole or data.dtype.kind == "f"):
        return data.astype(dtype)
    if not whole:
        raise UnsupportedDataError(
            f"{name}: pixels of {data.dtype} for a raster of {dtype}; round or convert them first, "
            "so that what is lost is your choice"
        )
    low, high = int(data.min()), int(data.max())
    if not (holds(dtype, low) and holds(dtype, high)):
        raise UnsupportedDataError(
            f"{name}: values from {low} to {high} do not fit {dtype}; open the writer with a wider "
            "dtype"
        )
    return data.astype(dtype)
