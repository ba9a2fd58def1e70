"""Labels out of a column: whole numbers as they are, everything else by a table of classes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.vector import feature_store, read_attributes

__all__ = ["class_codes", "column_labels"]

log = logging.getLogger(__name__)

_NUMBERS = "iufb"


def class_codes(
    files: Sequence[str],
    column: str,
    layer: str | int | None,
    classes: Sequence[Any] | Mapping[Any, int] | None,
) -> dict[Any, int]:
    """Label by value of a column.

    Args:
        files: All files of the layer.
        column: The column.
        layer: Of the files.
        classes: What the user says they are.

    Returns:
        Empty where the values are whole numbers, which are the labels themselves.

    Raises:
        ConfigError: `classes` is no table of labels; or the column holds texts in one file and
            numbers in another.
    """
    if isinstance(classes, Mapping):
        bad = [v for v in classes.values() if isinstance(v, bool) or int(v) != v]
        if bad:
            raise ConfigError(f"the labels of classes are whole numbers, got {bad[0]!r}")
        return {value: int(label) for value, label in classes.items()}
    if classes is not None:
        if isinstance(classes, str):
            raise ConfigError(f"classes is a list of values or a dict of labels, got {classes!r}")
        return {value: i + 1 for i, value in enumerate(classes)}
    kinds: dict[str, str] = {}
    values: set[str] = set()
    for path in files:
        kind = feature_store().info(path, layer).need_column(column)
        if np.dtype(kind).kind in _NUMBERS:
            kinds["number"] = path
            continue
        kinds["text"] = path
        values.update(map(str, read_attributes(path, [column], layer)[column].dropna().unique()))
    if len(kinds) == 2:
        raise ConfigError(
            f"column {column!r} holds texts in {kinds['text']} and numbers in {kinds['number']}; "
            "say what the values mean with classes={value: label, …}"
        )
    if "number" in kinds or all(_is_whole(v) for v in values):
        return {}
    return {value: i + 1 for i, value in enumerate(sorted(values))}


def column_labels(
    values: pd.Series, classes: Mapping[Any, int], where: str, *, whole: bool = True
) -> NDArray[Any]:
    """The label of each value of a column.

    Args:
        values: The column.
        classes: Label by value; empty: the values are the labels.
        where: Names the column in messages.
        whole: Labels are whole numbers (int64); else quantities (float64).

    Returns:
        (N,) labels, 0 for values without a class and for missing ones (counted and logged).

    Raises:
        ConfigError: A value is no whole number, and there are no classes.
    """
    missing = values.isna().to_numpy()
    if missing.any():
        log.info("%s: %d of %d features have no value and are left out", where,
                 int(missing.sum()), len(values))  # fmt: skip
    if classes:
        by_text = {str(value): label for value, label in classes.items()}
        distinct = {value: classes.get(value, by_text.get(str(value), 0)) for value in
                    values[~missing].unique()}  # fmt: skip
        unknown = [value for value in distinct if value not in classes
                   and str(value) not in by_text]  # fmt: skip
        if unknown:
            log.info("%s: features of %d values that are no class are left out, such as %r",
                     where, len(unknown), unknown[0])  # fmt: skip
        labels = values.map(distinct)
        return labels.where(~missing, 0).to_numpy(np.int64)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = np.isnan(numbers) & ~missing
    if whole:
        bad |= ~missing & (numbers != np.rint(numbers))
    if bad.any():
        value = values.iloc[int(np.flatnonzero(bad)[0])]
        raise ConfigError(
            f"{where} holds {value!r}, and a label is a whole number; say what the values mean "
            "with classes=[…] or classes={value: label, …}, or read a quantity with "
            "dtype=torch.float32"
        )
    if whole and values.dtype.kind in "iu":
        return values.to_numpy(np.int64)
    filled = np.where(missing, 0, numbers)
    return filled.astype(np.int64) if whole else filled


def _is_whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True
