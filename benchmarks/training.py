"""Time and memory of a training step, task by task, against the peer's same task.

    python benchmarks/training.py --peer-python PATH --out benchmarks/training.json

For every task two processes (benchmarks/task_worker.py) fit it at the same time, one a library,
with the same model, batch and number of threads, and take turns, so that both meet the same
machine; ratios are made round by round. With ``--images`` and ``--labels`` (a folder of
synthetic.py) a last row trains on files through each library's own loader, and says how long steps
waited for it and, on a GPU, how busy that was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import task_worker
from models import Worker, summarise, take_turns
from sampling import machine

HERE = Path(__file__).resolve().parent

#: What is not the same in both, and cannot be made so by their arguments.
NOTES = {
    "detection": "the peer's batch norms are frozen, ours are trained; 100 proposals an image",
    "instance": "as detection",
    "byol": "augmentations differ",
    "moco": "augmentations differ",
    "simclr-v1": "augmentations differ",
    "simclr-v2": "augmentations differ; our queue's keys are a slow copy's: one more pass",
    "mae": "augmentations differ",
    "numbers-ltae": "ours embeds the numbers first",
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="the Python that has the peer; without: ours only")
    parser.add_argument("--out", type=Path, default=HERE / "training.json")
    parser.add_argument("--markdown", type=Path, help="default: beside --out")
    parser.add_argument(
        "--only", nargs="+", default=list(task_worker.ROWS), choices=(*task_worker.ROWS, "files"),
        metavar="TASK", help="measure these again and keep the other rows of --out",
    )  # fmt: skip
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--precision", default="32-true", help="Lightning's: bf16-mixed, …")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128, help="of images, where any will do")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library")
    parser.add_argument("--repeats", type=int, default=3, help="steps a turn")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch, in each process")
    parser.add_argument("--quick", action="store_true", help="batches of 4 and 64², 3 turns of 2")
    parser.add_argument("--images", help="Landsat scenes, for a row of files")
    parser.add_argument("--labels", help="the Cropland Data Layer of their ground")
    parser.add_argument("--workers", type=int, default=2, help="that read files")
    args = parser.parse_args()
    if "files" in args.only and not (args.images and args.labels):
        parser.error("files: expected --images and --labels")
    if args.quick:
        args.batch, args.size, args.rounds, args.repeats = 4, 64, 3, 2
    return args


def measure(args: argparse.Namespace, task: str) -> dict[str, Any]:
    """Both libraries in turns on one task."""
    fixed = None if task == "files" else task_worker.ROWS[task][4]
    job = {
        "task": task, "device": args.device, "precision": args.precision, "batch": args.batch,
        "size": args.size if fixed is None else fixed, "threads": args.threads,
        "repeats": args.repeats,
    }  # fmt: skip
    row: dict[str, Any] = dict(job)
    if task == "files":
        job |= {"images": args.images, "labels": args.labels, "workers": args.workers}
        row["workers"] = args.workers
    pythons = {"ours": ("swath", sys.executable)}
    if args.peer_python:
        pythons["peer"] = ("torchgeo", args.peer_python)
    workers = {
        who: Worker(python, {**job, "library": library}, "task_worker.py")
        for who, (library, python) in pythons.items()
    }
    row |= {who: {"about": worker.about} for who, worker in workers.items()}
    take_turns(row, workers, ("step",), args.rounds)
    return row | {"summary": summarise(row, ("step",)) | spread(row) | waits(row)}


def spread(row: dict[str, Any]) -> dict[str, Any]:
    """The least and the largest ratio of a round, which say how far the median is to be trusted.

    And the ratio of the processors' time, which others on the machine disturb less.
    """
    steps = [row.get(who, {}).get("step", {}) for who in ("ours", "peer")]
    if not all(step.get("rounds") for step in steps):
        return {}
    ours, peer = ([statistics.median(r) for r in step["rounds"]] for step in steps)
    ratios = [p / o for p, o in zip(peer, ours, strict=True)]
    found = {"least": min(ratios), "most": max(ratios)}
    if row["device"] == "cpu":
        busy = [statistics.median(t for turn in step["cpu"] for t in turn) for step in steps]
        found |= {"cpu_ours_ms": 1000 * busy[0], "cpu_peer_ms": 1000 * busy[1]}
        found["cpu_ratio"] = busy[1] / busy[0]
    return found


def waits(row: dict[str, Any]) -> dict[str, float]:
    """Of a row of files: percent of the time spent waiting for batches, and of the GPU's work."""
    found: dict[str, float] = {}
    for who in ("ours", "peer"):
        steps = row.get(who, {}).get("step", {})
        if row["task"] != "files" or not steps.get("rounds"):
            continue
        found[f"waited_{who}"] = 100 * sum(steps["waited"]) / sum(map(sum, steps["rounds"]))
        busy = [p for p in steps["gpu_percent"] if p is not None]
        if busy:
            found[f"gpu_{who}"] = statistics.mean(busy)
    return found


def table(found: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    m = found["machine"]
    names = "; ".join(
        f"{v['version']} (Python {v['python']}, PyTorch {v['torch']})"
        for v in found["versions"].values()
    )
    lines = [
        f"{m['cores']} cores of {m['processor']}, {m['memory_gb']} GB, {m['system']}"
        + (f", {found['gpu']}" if found.get("gpu") else "")
        + f". {names}.",
        "",
        "Medians of turns; × is how many times ours goes into the peer's (above 1 ours is faster "
        "or smaller),",
        "with the least and the largest ratio of a round. CPU is the processors' time of a step, "
        "which others",
        "on the machine disturb less. MiB is beyond what the process had before its first step.",
        "",
        "| task | M parameters | batch | threads | step, ms | peer | × | least | most |"
        " CPU, ms | peer | × | MiB | × | not the same |",
        "|---|--:|--:|--:|" + "--:|" * 10 + "---|",
    ]
    for row in found["rows"]:
        s = row["summary"]

        def cell(key: str, form: str = "{:.2f}", of: dict[str, Any] = s) -> str:
            return form.format(of[key]) if key in of else ""

        counts = [
            row[who]["about"]["parameters"]
            for who in ("ours", "peer")
            if "parameters" in row.get(who, {}).get("about", {})
        ]
        said = [NOTES[row["task"]]] if row["task"] in NOTES else []
        said += optimizers(row)
        shape = f"{row['batch']} × {row['size']}²" if row["size"] else str(row["batch"])
        cells = [
            row["task"], " / ".join(dict.fromkeys(f"{c / 1e6:.2f}" for c in counts)),
            shape, str(row["threads"]), cell("step_ours_ms", "{:.0f}"),
            cell("step_peer_ms", "{:.0f}"), cell("step_speedup"), cell("least"), cell("most"),
            cell("cpu_ours_ms", "{:.0f}"), cell("cpu_peer_ms", "{:.0f}"), cell("cpu_ratio"),
            cell("step_ours_mb", "{:.0f}"), cell("step_memory_ratio"),
            "; ".join(said),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    for row in found["rows"]:
        if row["task"] == "files":
            s = row["summary"]
            lines += ["", f"With the real loader ({row['workers']} workers):"]
            for who in ("ours", "peer"):
                if f"waited_{who}" in s:
                    lines[-1] += f" {who} waits {s[f'waited_{who}']:.0f} % of the time"
                    lines[-1] += f", GPU {s[f'gpu_{who}']:.0f} %;" if f"gpu_{who}" in s else ";"
    failures = [
        f"* {row['task']}, {who}: {row[who][part]['error']}"
        for row in found["rows"]
        for who in ("ours", "peer")
        for part in ("about", "step")
        if "error" in row.get(who, {}).get(part, {})
    ]
    if failures:
        lines += ["", "Not measured:", "", *failures]
    return "\n".join(lines)


def optimizers(row: dict[str, Any]) -> list[str]:
    """That they are not the same, if so."""
    used = [row.get(who, {}).get("about", {}).get("optimizer", "") for who in ("ours", "peer")]
    differ = all(used) and used[0].lower() != used[1].lower()
    return [f"{used[0]} and {used[1]}"] if differ else []


def main() -> None:
    args = parse()
    found: dict[str, Any] = {"machine": machine(), "gpu": None, "versions": {}, "rows": []}
    if args.out.exists() and len(args.only) < len(task_worker.ROWS):
        kept = json.loads(args.out.read_text())
        found["rows"], found["versions"] = kept["rows"], kept["versions"]
    files = ["files"] if args.images and args.labels else []
    tasks = [task for task in args.only if task != "files"] + files
    order = [*task_worker.ROWS, "files"]
    for task in tasks:
        row = measure(args, task)
        for who in ("ours", "peer"):
            about = row.get(who, {}).get("about", {})
            if "torch" in about:
                found["versions"][who] = {k: about[k] for k in ("version", "python", "torch")}
                found["gpu"] = found["gpu"] or about["gpu"]
        rows = [r for r in found["rows"] if r["task"] != task] + [row]
        found["rows"] = sorted(rows, key=lambda r: order.index(r["task"]))
        print(
            f"{task:26}"
            + "  ".join(f"{k} {v:.3g}" for k, v in row["summary"].items())
            + "".join(
                f"  {who}: {row[who][part]['error']}"
                for who in ("ours", "peer")
                for part in ("about", "step")
                if "error" in row.get(who, {}).get(part, {})
            ),
            flush=True,
        )
        # after every row: a run that is cut off keeps what it has
        args.out.write_text(json.dumps(found, indent=1) + "\n")
        markdown = args.markdown or args.out.with_suffix(".md")
        markdown.write_text(f"# Training steps\n\n{table(found)}\n")


if __name__ == "__main__":
    main()
