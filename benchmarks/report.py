"""Puts the figures of the JSON files in this folder into README.md, between its marks.

python benchmarks/report.py
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import datasets
import index
import sampling
import training

HERE = Path(__file__).resolve().parent

#: What is aimed at: files, sampler (None: all), epoch, how many times the peer's speed.
AIMS = (
    ("raw", "random", "second", 30),
    ("raw", "random-batch", "second", 25),
    ("raw", "grid", "second", 15),
    ("deflate", None, "first", 10),
    ("deflate", None, "second", 30),
)


def load(name: str) -> Any:
    path = HERE / name
    return json.loads(path.read_text()) if path.exists() else None


def machine_line(found: dict[str, Any]) -> str:
    m = found["machine"]
    return f"{m['cores']} cores of {m['processor']}, {m['memory_gb']} GB, {m['system']}"


def versions_line(found: dict[str, Any]) -> str:
    names = {"torchgeo": "TorchGeo", "swath": "Swath"}
    return "; ".join(
        f"{names[k]} {v['version']} (Python {v['python']}, PyTorch {v['torch']})"
        for k, v in sorted(found["versions"].items())
    )


def aims(found: dict[str, Any]) -> str:
    """Each aim and what was reached, without workers and on all cores."""
    by = {(r["variant"], r["sampler"], r["workers"], r["threads"]): r for r in found["ratios"]}
    rows = [
        "| files | sampler | epoch | aim | all cores | one core | 2 workers |",
        "|---|---|---|--:|--:|--:|--:|",
    ]

    def cell(variant: str, sampler: str, workers: int, threads: int, key: str) -> str:
        value = by.get((variant, sampler, workers, threads), {}).get(key)
        return f"{value:.1f}×" if value else ""

    settings = ((0, 0), (0, 1), (2, 0))
    for variant, only, epoch, aim in AIMS:
        for sampler in [only] if only else sampling.SAMPLERS:
            cells = [cell(variant, sampler, w, t, epoch) for w, t in settings]
            rows.append(f"| {variant} | {sampler} | {epoch} | {aim}× | " + " | ".join(cells) + " |")
    for variant in ("raw", "deflate"):
        for sampler in sampling.SAMPLERS:
            for label, key, aim in (
                ("second, theirs pre-aligned", "second_theirs_aligned", "5×"),
                ("second, ours pre-aligned", "second_ours_aligned", "0.5×"),
            ):
                cells = [cell(variant, sampler, w, t, key) for w, t in settings]
                rows.append(
                    f"| {variant} | {sampler} | {label} | {aim} | " + " | ".join(cells) + " |"
                )
    return "\n".join(rows)


def limits(found: dict[str, Any]) -> str:
    """Milliseconds a patch of each limit, and of the whole pipeline on one core."""
    rows = ["| on one core | ms a patch | patches/s |", "|---|--:|--:|"]
    times = dict(found["limits"]["milliseconds"]) if found.get("limits") else {}
    for line in found["summary"]:
        one = line["library"] == "swath" and line["workers"] == 0 and line["threads"] == 1
        if one and line["sampler"] == "random" and line["variant"] in ("raw", "raw-aligned"):
            times[f"**Swath, files to batch, with labels ({line['variant']}, second epoch)**"] = (
                1000 / line["second"]
            )
    for name, milliseconds in sorted(times.items(), key=lambda item: item[1]):
        rows.append(f"| {name} | {milliseconds:.3f} | {1000 / milliseconds:,.0f} |")
    return "\n".join(rows)


def memory(found: dict[str, Any]) -> str:
    return (
        f"{found['queries']:,} queries of {found['patch']}² pixels in batches of {found['batch']}: "
        f"{found['start_mb']:.0f} MiB at first, {found['half_mb']:.0f} half way, "
        f"{found['end_mb']:.0f} at the end; over the second half {found['slope_mb_per_1000']:+.4f} "
        f"MiB per 1,000 queries, {found['own_slope_mb_per_1000']:+.4f} without mapped files."
    )


def main() -> None:
    parts: dict[str, str] = {}
    if found := load("sampling.json"):
        where = f"{machine_line(found)}. {versions_line(found)}."
        parts["sampling"] = f"{where}\n\n{sampling.table(found['summary'])}"
        parts["aims"] = aims(found)
        parts["limits"] = limits(found)
    if found := load("index.json"):
        parts["index"] = index.table(found["runs"])
    if found := load("memory.json"):
        parts["memory"] = memory(found)
    if found := load("training.json"):
        parts["training"] = training.table(found)
    if found := load("datasets.json"):
        parts["datasets"] = datasets.table(found)
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, part in parts.items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, part=part: f"{match[1]}\n{part}\n\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        print(f"{name}: {'written' if count else 'has no mark in README.md'}")
    partial = readme.with_name(".README.md.part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, readme)


if __name__ == "__main__":
    main()
