"""``swath stats``: mean, deviation, limits and nodata of bands, shares of classes."""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

__all__ = ["run"]

_VERSION = 1  # of the cache


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="swath stats",
        description="Mean, standard deviation, limits and share of nodata of each band, and how "
        "much of the labels each class has: as a table, and as a YAML file that goes beside a "
        "config (swath fit --config config.yaml --config stats.yaml).",
    )
    add = parser.add_argument
    add("--images", nargs="+", required=True, metavar="DIR", help="folders, files or patterns")
    add("--labels", nargs="+", default=[], metavar="FILE_OR_DIR", help="rasters or polygons")
    add("--bands", nargs="+", metavar="BAND", help="which bands (default: all)")
    add("--label-name", metavar="COLUMN", help="column with the class, of a vector file")
    add("--all", action="store_true", help="all pixels, and not windows by chance")
    add("--windows", type=int, default=400, help="of 256 × 256 pixels to read (default: 400)")
    add("--seed", type=int, default=0, help="which windows (default: 0)")
    add("--out", default="stats.yaml", metavar="FILE", help="(default: stats.yaml)")
    add("--again", action="store_true", help="read the pixels even if the numbers are known")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    from swath.errors import ConfigError

    if options.windows < 1:
        raise ConfigError(f"--windows is {options.windows}: expected at least 1")
    cache = os.path.splitext(options.out)[0] + ".json"
    key = content_key(options)
    known = None if options.again else _cached(cache, key)
    found = known or _measure(options)
    if known is None:
        _write(cache, json.dumps({"key": key, **found}, indent=1, allow_nan=False) + "\n")
    _write(options.out, stats_yaml(found, options))
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    print("\n".join(table(found, width)))
    print(f"\nWritten: {options.out}" + (f"   (known from {cache})" if known else ""))
    print(f"Next: swath fit --config config.yaml --config {options.out}")
    return 0


def content_key(options: argparse.Namespace) -> str:
    """What the numbers depend on: the options, and every file's path, size and time."""
    digest = hashlib.sha256()
    asked = {k: v for k, v in vars(options).items() if k not in ("out", "again")}
    digest.update(json.dumps([_VERSION, asked], sort_keys=True).encode())
    for path in sorted(_files([*options.images, *options.labels])):
        state = os.stat(path)
        digest.update(f"\n{os.path.abspath(path)}\0{state.st_size}\0{state.st_mtime_ns}".encode())
    return digest.hexdigest()


def _files(roots: Iterable[str]) -> Iterator[str]:
    for root in roots:
        for path in [root] if os.path.exists(root) else glob.glob(root, recursive=True):
            if not os.path.isdir(path):
                yield path
            for folder, below, names in os.walk(path):
                below[:] = [d for d in below if not d.startswith(".")]
                yield from (os.path.join(folder, n) for n in names if not n.startswith("."))


def _cached(path: str, key: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("key") == key else None


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    from tqdm import tqdm

    from swath.cli.pixels import measure_images, measure_labels

    def bar(items: Sequence[Any], total: int) -> Iterable[Any]:
        return tqdm(items, total=total, desc="Looking at pixels", unit="window", leave=False,
                    disable=None, file=sys.stderr)  # fmt: skip

    limit = None if options.all else options.windows
    images = measure_images(
        options.images, exclude=options.labels, bands=options.bands, limit=limit,
        seed=options.seed, progress=bar,
    )  # fmt: skip
    labels = None
    if options.labels:
        labels = measure_labels(
            options.labels, column=options.label_name, limit=limit, seed=options.seed, progress=bar
        )
    return {"images": images, "labels": labels}


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)


def table(found: dict[str, Any], width: int) -> list[str]:
    """The numbers as lines of at most `width` columns."""
    images, labels = found["images"], found["labels"]
    much = "all pixels" if images["exact"] else f"{images['windows']:,} windows by chance"
    files = images["files"]
    lines = [f"{files:,} image file{'s' * (files != 1)}, {much}, in the files' own numbers", ""]
    first = max(8, *(len(b) for b in images["bands"]))
    first = min(first, width - 2 - 4 * 11 - 9)
    lines.append(f"  {'band':{first}}{'mean':>11}{'std':>11}{'min':>11}{'max':>11}{'nodata':>9}")
    for i, band in enumerate(images["bands"]):
        numbers = "".join(f"{_short(images[k][i]):>11}" for k in ("mean", "std", "min", "max"))
        lines.append(f"  {_cut(band, first):{first}}{numbers}{100 * images['nodata'][i]:7.2f} %")
    if labels:
        unit = "pixels" if labels["kind"] == "raster" else "polygons"
        much = "all" if labels["exact"] else "a sample"
        share = "of labelled pixels" if labels["kind"] == "raster" else "of their area"
        lines += ["", f"{len(labels['classes'])} classes ({much}); shares {share}", ""]
        room = width - 2 - 8 - 2 - 13 - 10
        lines.append(f"  {'value':>8}  {'class':{room}}{unit:>13}{'share':>10}")
        lines += [
            f"  {_cut(str(c['value']), 8):>8}  {_cut(c['name'], room):{room}}{c['count']:>13,}"
            f"{100 * c['share']:8.2f} %"
            for c in labels["classes"]
        ]
        if labels["unlabelled"] is not None:
            lines.append(f"  {100 * labels['unlabelled']:.2f} % of the labels' pixels are nodata")
    elif images["folders"]:
        total = sum(images["folders"].values())
        lines += ["", f"{len(images['folders'])} folders, {total:,} images", ""]
        lines += [
            f"  {_cut(name, 40):40}{n:>9,}{100 * n / total:8.2f} %"
            for name, n in images["folders"].items()
        ]
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"


def stats_yaml(found: dict[str, Any], options: argparse.Namespace) -> str:
    """The numbers as options of the task, with the rest as comments."""
    images, labels = found["images"], found["labels"]
    much = "all pixels" if images["exact"] else (
        f"{images['windows']} windows by chance, seed {options.seed}"
    )  # fmt: skip
    constant = [b for b, s in zip(images["bands"], images["std"], strict=True) if s == 0]
    lines = [
        f"# Written by `swath stats` from {images['files']} image files ({much}).",
        "# Laid over a config: swath fit --config config.yaml --config " + options.out,
        "model:",
        "  init_args:",
        f"    bands: {json.dumps(images['bands'], ensure_ascii=False)}",
        f"    mean: {json.dumps([_rounded(m) for m in images['mean']])}",
        f"    std: {json.dumps([_rounded(s) or 1.0 for s in images['std']])}",
    ]
    if constant:
        lines.append(f"    # constant, and so of std 1: {', '.join(constant)}")
    for key in ("min", "max", "nodata"):
        numbers = [None if v is None else _rounded(v) for v in images[key]]
        lines.append(f"# {key}: {json.dumps(numbers)}")
    classes = labels["classes"] if labels else []
    lines += [f"# class {c['value']} {c['name']}: {100 * c['share']:.4g} %" for c in classes]
    return "\n".join(lines) + "\n"


def _rounded(value: float) -> float:
    return float(f"{value:.8g}") if math.isfinite(value) else 0.0
