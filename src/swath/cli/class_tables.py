"""Tables of a run's classes: what was counted of each, and what was taken for what."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["class_rows", "confusion_text", "draw_confusion", "read_confusion", "table_text"]


def class_rows(
    scores: Mapping[str, float], counts: tuple[Sequence[str], Any] | None = None
) -> list[dict[str, Any]]:
    """A row a class: what is counted, and every score that is logged as ``score/class``.

    Args:
        scores: By name, without the stage.
        counts: Names, and a confusion matrix [truth, prediction], or (L, 2, 2) of labels.
    """
    rows: dict[str, dict[str, Any]] = {}
    if counts is not None:
        names, matrix = counts
        for i, name in enumerate(names):
            of = matrix[i][1] if matrix.ndim == 3 else matrix[i]
            found = matrix[i][:, 1].sum() if matrix.ndim == 3 else matrix[:, i].sum()
            hit = matrix[i][1, 1] if matrix.ndim == 3 else matrix[i, i]
            truth = of.sum()
            rows[name] = {
                "class": name, "truth": int(truth), "predicted": int(found), "hit": int(hit),
                "recall": _ratio(hit, truth), "precision": _ratio(hit, found),
                "f1": _ratio(2 * hit, truth + found), "iou": _ratio(hit, truth + found - hit),
            }  # fmt: skip
    for key, value in scores.items():
        score, slash, name = key.partition("/")
        if slash and score != "loss":
            row = rows.setdefault(name, {"class": name})
            row.setdefault(score, value)
    return list(rows.values())


def _ratio(above: Any, below: Any) -> float:
    return float(above) / float(below) if below else math.nan


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; NaN and what a row lacks are left empty."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({
            k: "" if v != v else f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()
        })  # fmt: skip
    return text.getvalue()


def confusion_text(names: Sequence[str], matrix: Any) -> str:
    """A confusion matrix as CSV: a row a true class, a column a predicted one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["truth \\ prediction", *names])
    for name, row in zip(names, matrix, strict=True):
        writer.writerow([name, *(int(n) for n in row)])
    return text.getvalue()


def read_confusion(path: str) -> tuple[list[str], list[list[int]]]:
    """Names and counts of a confusion.csv."""
    with open(path, encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    return head[1:], [[int(n) for n in row[1:]] for row in rows]


def draw_confusion(path: str) -> None:
    """A confusion.csv as a picture beside it; its part and head are the title."""
    from swath.plot import confusion_figure, save_figure

    names, matrix = read_confusion(path)
    part, _, head = os.path.basename(path).removesuffix(".csv").partition("confusion")
    title = " ".join(n for n in (part.rstrip("_") or "validation", head.lstrip("_")) if n)
    save_figure(confusion_figure(matrix, names, title=title), path.removesuffix(".csv") + ".png")
