"""What a run's folder says, read for a report: whatever is missing or unreadable is named."""

from __future__ import annotations

import csv
import glob
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import yaml

from swath.cli.class_tables import read_confusion
from swath.errors import FileMissingError

__all__ = ["Run", "differing", "find_runs", "ranked", "read_run"]

_SECRET = re.compile(r"(?i)(token|password|passwd|secret|api_?key|credential)")
_CONFUSION = re.compile(r"(^|_)confusion(_.+)?\.png$")
#: Settings that follow from the run's folder: no choice of anybody's.
_PLACES = ("default_root_dir", "dirpath", "save_dir", "logger.version")


@dataclass
class Run:
    """One run.

    Attributes:
        name: Of the folder, made unique among the runs of a report.
        folder: Where it is.
        settings: The config, flat: ``model.lr`` for ``model.init_args.lr``.
        metrics: metrics.csv, and those of trainings that went on; None if there is none.
        environment: environment.json; empty if there is none.
        scores: Of validation at the best epoch, and of the test, as ``val_…`` and ``test_…``.
        monitor: The score that chose the best epoch, and ``max`` or ``min``.
        tables: Part (``val``, ``test``) -> rows of the table of classes.
        confusions: Part (and head: ``val cover``) -> names and counts.
        pictures: Name -> file, in the order in which they are shown.
        missing: What is not there or cannot be read, in words.
    """

    name: str
    folder: str
    settings: dict[str, str] = field(default_factory=dict)
    metrics: pd.DataFrame | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    monitor: tuple[str, str] | None = None
    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    confusions: dict[str, tuple[list[str], list[list[int]]]] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """How it ended."""
        said = str(self.environment.get("outcome") or "unknown")
        return "running, or killed without a word" if said == "running" else said

    @property
    def score(self) -> float:
        """What runs are ranked by; NaN if there is none."""
        return self.scores.get(self.monitor[0], math.nan) if self.monitor else math.nan


def find_runs(names: Sequence[str]) -> list[str]:
    """The runs' folders: those named, and of a folder that is no run, the runs in it.

    Raises:
        FileMissingError: A folder does not exist, or holds no run.
    """
    found: list[str] = []
    for name in names:
        if not os.path.isdir(name):
            raise FileMissingError(f"{name} is no folder: expected a run, or a folder of runs")
        if _is_run(name):
            found.append(name)
            continue
        inside = sorted(d for d in glob.glob(os.path.join(glob.escape(name), "*")) if _is_run(d))
        if not inside:
            raise FileMissingError(
                f"{name} holds no run: expected config.yaml, environment.json or metrics.csv in "
                "it or in its folders, as swath fit writes them"
            )
        found += inside
    return list(dict.fromkeys(os.path.normpath(f) for f in found))


def _is_run(folder: str) -> bool:
    marks = ("config.yaml", "environment.json", "metrics.csv", "best.ckpt")
    return any(os.path.isfile(os.path.join(folder, mark)) for mark in marks)


def read_run(folder: str, name: str | None = None) -> Run:
    """Read all that a run's folder has."""
    run = Run(name or os.path.basename(os.path.abspath(folder)), folder)
    config = _read(run, "config.yaml", _yaml) or {}
    flat = {k: v for k, v in _flat(config).items() if not _SECRET.search(k)}
    run.settings = {
        k: v for k, v in flat.items()
        if k.partition(".")[0] not in ("name", "runs", "ckpt_path") and not k.endswith(_PLACES)
    }  # fmt: skip
    run.environment = _read(run, "environment.json", _json) or {}
    _read_metrics(run)
    best = run.environment.get("best")
    if best:
        run.monitor = str(best["monitor"]), str(best["mode"])
    elif isinstance(config.get("checkpoint"), Mapping) and config["checkpoint"].get("monitor"):
        run.monitor = config["checkpoint"]["monitor"], config["checkpoint"].get("mode", "min")
    run.scores |= _best_epoch(run)
    for part, prefix in (("val", ""), ("test", "test_")):
        scores = _read(run, f"{part}.json", _json, needed=False) or {}
        run.scores |= {
            f"{part}_{k}": float(v) for k, v in scores.items()
            if isinstance(v, int | float) and "/" not in k
        }  # fmt: skip
        for what, read, target in (
            ("per_class.csv", _rows, run.tables), ("confusion.csv", read_confusion, run.confusions)
        ):  # fmt: skip
            value = _read(run, prefix + what, read, needed=False)
            if value:
                target[part] = value
        start = os.path.join(glob.escape(folder), f"{prefix}confusion_")
        for path in sorted(glob.glob(f"{start}*.csv")):  # one a head
            name = os.path.basename(path)
            value = _read(run, name, read_confusion)
            if value:
                head = name.removeprefix(f"{prefix}confusion_").removesuffix(".csv")
                run.confusions[f"{part} {head}"] = value
    _read_pictures(run)
    for needed in ("best.ckpt", "last.ckpt"):
        if not os.path.isfile(os.path.join(folder, needed)):
            run.missing.append(f"{needed} is missing")
    return run


def _read(run: Run, name: str, read: Callable[[str], Any], needed: bool = True) -> Any:
    path = os.path.join(run.folder, name)
    if not os.path.isfile(path):
        if needed:
            run.missing.append(f"{name} is missing")
        return None
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200]
        run.missing.append(f"{name} cannot be read: {type(error).__name__}: {said}")
        return None


def _yaml(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        found = yaml.safe_load(file)
    if not isinstance(found, dict):
        raise ValueError(f"a config is a table of options, got {type(found).__name__}")
    return found


def _json(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, got {type(found).__name__}")
    return found


def _rows(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = [{str(k): v or "" for k, v in row.items()} for row in csv.DictReader(file)]
    if rows and "class" not in rows[0]:
        raise ValueError(f"expected a column 'class', got {list(rows[0])}")
    return rows


def _read_metrics(run: Run) -> None:
    parts = []
    first = _read(run, "metrics.csv", pd.read_csv)
    if first is not None:
        parts.append(first)
    for number in range(1, 1000):
        if not os.path.isdir(os.path.join(run.folder, f"resumed-{number}")):
            break
        later = _read(run, f"resumed-{number}/metrics.csv", pd.read_csv)
        if later is None:
            continue
        if "epoch" in later:  # what was trained again counts, and not what it replaces
            start = later["epoch"].min()
            parts = [p[~(p["epoch"] >= start)] if "epoch" in p else p for p in parts]
        parts.append(later)
    if parts:
        run.metrics = pd.concat(parts, ignore_index=True)


def _best_epoch(run: Run) -> dict[str, float]:
    """Scores of validation in the epoch that the monitor chose; else of the last one."""
    table: Any = run.metrics
    if table is None or "epoch" not in table:
        return {}
    columns = [
        c for c in table
        if str(c).startswith("val_") and "/" not in str(c) and table[c].dtype.kind in "fiu"
    ]  # fmt: skip
    epochs = table.groupby("epoch")[columns].mean().dropna(how="all")
    if not columns or epochs.empty:
        return {}
    monitor, mode = run.monitor or ("", "")
    if monitor in epochs and epochs[monitor].notna().any():
        series = epochs[monitor]
        chosen = series.idxmax() if mode == "max" else series.idxmin()
    else:
        chosen = epochs.index[-1]
    return {str(k): float(v) for k, v in epochs.loc[chosen].items()} | {"epoch": float(chosen)}


def _read_pictures(run: Run) -> None:
    found = sorted(glob.glob(os.path.join(glob.escape(run.folder), "*.png")))
    names = {os.path.basename(p): p for p in found}
    samples = [n for n in names if n.startswith(("val_", "test_")) and not _CONFUSION.search(n)]
    first = [n for n in ("val.png", "test.png") if n in names] or samples  # those of heads
    last = [n for n in names if n == "curves.png" or _CONFUSION.search(n)]
    order = [*first, *(n for n in names if n not in {*first, *last}), *last]
    run.pictures = {n: names[n] for n in order}
    if not first:
        run.missing.append("val.png, the sample picture, is missing")


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Nested options as one table; a class's arguments under its option."""
    if isinstance(value, Mapping) and value:
        found: dict[str, str] = {}
        for key, inner in value.items():
            name = prefix if key == "init_args" else f"{prefix}.{key}" if prefix else str(key)
            found |= _flat(inner, name)
        return found
    if not prefix:
        return {}
    text = "" if value is None else str(value) if not isinstance(value, list) else json.dumps(value)
    return {prefix: text}


def differing(tables: Sequence[Mapping[str, str]]) -> list[str]:
    """Keys whose values are not the same in all tables."""
    keys = dict.fromkeys(k for table in tables for k in table)
    return [k for k in keys if len({table.get(k) for table in tables}) > 1]


def ranked(runs: Sequence[Run]) -> list[Run]:
    """Best first: by the score that most runs were chosen by, then those of other scores."""
    kinds = [r.monitor for r in runs if r.monitor and r.score == r.score]
    order = sorted(dict.fromkeys(kinds), key=lambda k: -kinds.count(k))

    def place(run: Run) -> tuple[int, float]:
        if run.monitor is None or run.score != run.score:
            return len(order), 0.0
        return order.index(run.monitor), run.score * (-1.0 if run.monitor[1] == "max" else 1.0)

    return sorted(runs, key=place)
