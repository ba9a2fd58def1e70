"""Patches a second, against TorchGeo and against the limits, on the same files in one run.

    python benchmarks/sampling.py --data synthetic --peer-python PATH --out benchmarks/sampling.json

Every run is a fresh process (benchmarks/worker.py), ours and the peer's in turn, so that both
meet the same machine. README.md in this folder tells the method and what was found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import synthetic

HERE = Path(__file__).resolve().parent
SAMPLERS = ("random", "random-batch", "grid")
MERGED = ("library", "variant", "sampler", "workers", "threads")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        default="synthetic",
        help="'synthetic', or a folder with VARIANT/images and VARIANT/labels for each variant",
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "swath-bench"))
    parser.add_argument("--peer-python", help="the Python that has torchgeo; without it: ours only")
    parser.add_argument("--out", type=Path, default=HERE / "sampling.json")
    parser.add_argument("--only", choices=("ours", "peer", "limits"), help="keep the rest of --out")
    parser.add_argument("--variants", nargs="+", default=list(synthetic.VARIANTS))
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 2])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 0], help="ours; 0: all cores")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-repeats", type=int, default=None, help="default: as many as ours")
    parser.add_argument("--batches", type=int, default=50, help="in an epoch of ours")
    parser.add_argument("--peer-batches", type=int, default=8, help="in an epoch of the peer")
    parser.add_argument("--patch", type=int, default=224)
    parser.add_argument("--stride", type=int, default=112)
    parser.add_argument("--batch", type=int, default=64)
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """What the figures depend on; no names of hosts."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gb": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def warm(folder: Path) -> int:
    """Reads every file once, so that the page cache holds it for both libraries; bytes read."""
    total = 0
    for path in sorted(folder.rglob("*.[tT][iI][fF]")):
        with path.open("rb") as file:
            while chunk := file.read(1 << 24):
                total += len(chunk)
    return total


def run(python: str, library: str, folder: Path, args: argparse.Namespace, **options: Any) -> Any:
    """One fresh process; returns the worker's JSON, or None with what went wrong printed."""
    command = [python, "-W", "ignore", str(HERE / "worker.py"), "--library", library]
    command += ["--images", str(folder / "images"), "--labels", str(folder / "labels")]
    for name in ("patch", "stride", "batch"):
        command += [f"--{name}", str(getattr(args, name))]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    if done.returncode:
        print(f"  {library} failed:\n{done.stderr[-2000:]}", file=sys.stderr, flush=True)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def rates(record: dict[str, Any]) -> list[float]:
    """Patches a second of each epoch."""
    return [epoch["patches"] / epoch["seconds"] for epoch in record["epochs"]]


def measure(args: argparse.Namespace, folders: dict[str, Path]) -> Iterator[dict[str, Any]]:
    """Yields a record for each run: repeats outermost, ours and the peer's in turn."""
    peer_repeats = args.repeats if args.peer_repeats is None else args.peer_repeats
    plans = list(itertools.product(args.variants, args.samplers, args.workers))
    if args.only in (None, "ours"):  # whatever is compiled at the first use is compiled now
        run(sys.executable, "swath", folders[args.variants[0]], args, sampler="random", batches=1)
    for repeat in range(max(args.repeats, peer_repeats)):
        for variant, sampler, workers in plans:
            turns: list[tuple[str, str, int, int]] = []
            if args.only != "ours" and args.peer_python and repeat < peer_repeats:
                turns.append((args.peer_python, "torchgeo", 0, args.peer_batches))
            if args.only != "peer" and repeat < args.repeats:
                # Workers share out the cores themselves: one setting is enough for them.
                threads = args.threads if workers == 0 else [0]
                turns += [(sys.executable, "swath", n, args.batches) for n in threads]
            for python, library, threads_, batches in turns:
                warm(folders[variant])  # each time: a system may take back what was not used lately
                record = run(
                    python,
                    library,
                    folders[variant],
                    args,
                    sampler=sampler,
                    workers=workers,
                    threads=threads_,
                    batches=batches,
                    seed=repeat,
                )
                if record is None:
                    continue
                record |= {
                    "variant": variant,
                    "sampler": sampler,
                    "workers": workers,
                    "threads": threads_,
                    "repeat": repeat,
                }
                speeds = "  ".join(f"{r:8.1f}" for r in rates(record))
                print(
                    f"{variant:16}{sampler:13} workers {workers}  threads {threads_ or 'all':>3}  "
                    f"{library:9}{speeds}  patches/s",
                    flush=True,
                )
                yield record


def summarise(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians over the repeats of one setting."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in runs:
        groups.setdefault(tuple(record[k] for k in MERGED), []).append(record)
    lines = []
    for key, records in groups.items():
        epochs = list(zip(*map(rates, records), strict=True))
        lines.append(
            dict(zip(MERGED, key, strict=True))
            | {
                "repeats": len(records),
                "open_seconds": statistics.median(r["open_seconds"] for r in records),
                "patches_per_epoch": records[0]["epochs"][0]["patches"],
                "first": round(statistics.median(epochs[0]), 1),
                "second": round(statistics.median(epochs[-1]), 1),
                "spread": [round(min(epochs[-1]), 1), round(max(epochs[-1]), 1)],
            }
        )
    return lines


def ratios(summary: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours over theirs in one setting, and the two comparisons across the variants."""
    by = {tuple(line[k] for k in MERGED): line for line in summary}

    def speed(library: str, variant: str, sampler: str, workers: int, threads: int, epoch: str):  # type: ignore[no-untyped-def]
        line = by.get((library, variant, sampler, workers, threads))
        return line[epoch] if line else None

    found = []
    settings = {key[1:] for key in by if key[0] == "swath"}
    for variant, sampler, workers, threads in sorted(settings):
        entry: dict[str, Any] = {
            "variant": variant,
            "sampler": sampler,
            "workers": workers,
            "threads": threads,
        }
        for epoch in ("first", "second"):
            ours = speed("swath", variant, sampler, workers, threads, epoch)
            against = {
                epoch: speed("torchgeo", variant, sampler, workers, 0, epoch),
            }
            if not variant.endswith("-aligned"):
                aligned = f"{variant}-aligned"
                against[f"{epoch}_theirs_aligned"] = speed(
                    "torchgeo", aligned, sampler, workers, 0, epoch
                )
                against[f"{epoch}_ours_aligned"] = speed(
                    "swath", aligned, sampler, workers, threads, epoch
                )
            entry |= {name: round(ours / other, 2) for name, other in against.items() if other}
        found.append(entry)
    return found


def table(summary: list[dict[str, Any]]) -> str:
    """Markdown: a line for each setting, patches a second in the first and second epoch."""
    settings = sorted({(x["variant"], x["sampler"], x["workers"]) for x in summary})
    by = {tuple(x[k] for k in MERGED): x for x in summary}
    rows = [
        "| files | sampler | workers | TorchGeo 1st | 2nd | Swath, 1 core 1st | 2nd "
        "| Swath, all cores 1st | 2nd | ratio 1st | 2nd |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for variant, sampler, workers in settings:
        peer = by.get(("torchgeo", variant, sampler, workers, 0))
        one = by.get(("swath", variant, sampler, workers, 1))
        full = by.get(("swath", variant, sampler, workers, 0))
        cells = [variant, sampler, str(workers)]
        for line in (peer, one, full):
            cells += [f"{line[e]:,.0f}" if line else "" for e in ("first", "second")]
        for epoch in ("first", "second"):
            cells.append(f"{full[epoch] / peer[epoch]:.1f}×" if full and peer else "")
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    args = parse()
    if args.data == "synthetic":
        folders = synthetic.make(args.cache)
    else:
        folders = {variant: Path(args.data, variant) for variant in args.variants}
    kept: dict[str, Any] = {}
    if args.only and args.out.exists():
        kept = json.loads(args.out.read_text())
    replaced = {"ours": {"swath"}, "peer": {"torchgeo"}, "limits": set()}
    runs = [r for r in kept.get("runs", []) if r["library"] not in replaced.get(args.only, set())]

    def save(limits: Any) -> list[dict[str, Any]]:
        summary = summarise(runs)
        result = {
            "machine": machine(),
            "setting": {k: getattr(args, k) for k in ("patch", "stride", "batch")},
            "versions": {
                r["library"]: {k: r[k] for k in ("version", "python", "torch")} for r in runs
            },
            "summary": summary,
            "ratios": ratios(summary),
            "limits": limits,
            "runs": runs,
        }
        partial = args.out.with_name(f".{args.out.name}.part")
        partial.write_text(json.dumps(result, indent=1) + "\n")
        os.replace(partial, args.out)
        return summary

    limits = kept.get("limits")
    if args.only in (None, "limits"):
        done = subprocess.run(
            [sys.executable, str(HERE / "limits.py"), "--images", folders["raw"] / "images"],
            capture_output=True,
            text=True,
        )
        print(done.stderr[-3000:], file=sys.stderr)
        limits = json.loads(done.stdout) if done.returncode == 0 else None
    if args.only != "limits":
        for record in measure(args, folders):
            runs.append(record)
            save(limits)  # a run that is cut short leaves what it had
    print("\n" + table(save(limits)))
    for line in (limits or {}).get("milliseconds", {}).items():
        print(f"{line[0]:45} {line[1]:8.3f} ms a patch")


if __name__ == "__main__":
    main()
