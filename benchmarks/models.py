"""Time and memory of a forward pass and a training step, model by model, against the peer's.

    python benchmarks/models.py --peer-python PATH --out benchmarks/models.json

For every model two processes (benchmarks/model_worker.py) hold it at the same time, one a library,
and measure in turns, so that both meet the same machine; ratios are made round by round. The peer
is TorchGeo, and satlaspretrain_models for the rows that begin with ``satlas_``. Parameters are
random and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import model_worker
from sampling import machine

HERE = Path(__file__).resolve().parent
#: How a model is run: bfloat16, channels last, compiled.
SETTINGS = {
    "fp32": (False, False, False),
    "fp32-channels-last": (False, True, False),
    "bf16": (True, False, False),
    "bf16-channels-last": (True, True, False),
    "bf16-compiled": (True, False, True),
    "bf16-channels-last-compiled": (True, True, True),
}
ON_GPU = ("fp32", "bf16", "bf16-channels-last", "bf16-channels-last-compiled")
ALL = (*model_worker.ROWS, *model_worker.SATLAS)
#: Rows that a plain run measures: one size of each family.
USUAL = (
    "resnet18", "resnet50", "swin_t", "swin_v2_b", "vit_small_patch16_224",
    "vit_small_patch14_dinov2", "dofa_base_patch16_224", "croma_base", "scalemae_large_patch16",
    "copernicusfm_base", "panopticon_vitb14", "presto", "satclip", "tessera", "deo_base",
    "earthloc", "tilenet", "mosaiks_filters", "unet", "fcn", "farseg", "changestar_farseg",
    "fcsiamconc", "fcsiamdiff", "btc", "changevit", "ltae", "convlstm", "conv3dlstm",
    "satlas_swinb_si", "satlas_swinb_mi", "satlas_resnet50_si", "satlas_resnet50_mi",
)  # fmt: skip
PHASES = ("forward", "train")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="the Python that has the peers; without: ours only")
    parser.add_argument("--out", type=Path, default=HERE / "models.json")
    parser.add_argument("--markdown", type=Path, help="default: beside --out")
    parser.add_argument("--models", nargs="+", default=list(USUAL), choices=ALL, metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every size of every family")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--settings", nargs="+", choices=SETTINGS, help="default: fp32, on a GPU also bf16, …"
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224, help="of images, where any will do")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library")
    parser.add_argument("--repeats", type=int, default=3, help="passes a turn")
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's choice")
    return parser.parse_args()


class Worker:
    """A process that holds a model."""

    def __init__(self, python: str, job: dict[str, Any], script: str = "model_worker.py") -> None:
        environment = os.environ | {"HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / script), json.dumps(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        self.about = self.hear()

    def hear(self) -> dict[str, Any]:
        """Its next answer; an error if it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"the process ended with status {self.process.wait()}"}
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, word: str) -> dict[str, Any]:
        """Its answer to a word."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.hear()

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(args: argparse.Namespace, model: str, setting: str) -> dict[str, Any]:
    """Both libraries in turns on one model."""
    bf16, channels_last, compiled = SETTINGS[setting]
    fixed = model_worker.fixed_size(model)
    job = {
        "model": model, "device": args.device, "batch": args.batch,
        "size": args.size if fixed is None else fixed, "bf16": bf16,
        "channels_last": channels_last, "compile": compiled, "repeats": args.repeats,
        "threads": args.threads,
    }  # fmt: skip
    pythons = {"ours": sys.executable}
    if args.peer_python:
        pythons["peer"] = args.peer_python
    workers = {
        who: Worker(python, {**job, "library": "swath" if who == "ours" else "peer"})
        for who, python in pythons.items()
    }
    row: dict[str, Any] = {"model": model, "setting": setting, **job}
    row |= {who: {"about": w.about} for who, w in workers.items()}
    take_turns(row, workers, PHASES, args.rounds)
    return row | {"summary": summarise(row)}


def take_turns(
    row: dict[str, Any], workers: dict[str, Worker], phases: Sequence[str], rounds: int
) -> None:
    """Every worker's times of each phase and its memory into the row; the workers end."""
    try:
        for phase in phases:
            alive = [w for w in workers if "error" not in row[w]["about"]]
            for turn in range(rounds):
                for who in alive if turn % 2 == 0 else alive[::-1]:
                    if "error" in row[who].get(phase, {}) or "skipped" in row[who].get(phase, {}):
                        continue
                    found = workers[who].ask(phase)
                    turns = row[who].setdefault(phase, {"rounds": []})
                    if "seconds" in found:
                        turns["rounds"].append(found.pop("seconds"))
                        for name, value in found.items():
                            turns.setdefault(name, []).append(value)
                    else:
                        row[who][phase] = found
        for who, worker in workers.items():
            if "error" not in row[who]["about"]:
                row[who]["memory"] = worker.ask("memory").get("peak_bytes", {})
    finally:
        for worker in workers.values():
            worker.close()


def summarise(row: dict[str, Any], phases: Sequence[str] = PHASES) -> dict[str, Any]:
    """Medians, and how many times ours goes into the peer's: above 1 ours is faster or smaller."""
    summary: dict[str, Any] = {}
    for phase in phases:
        medians = {}
        for who in ("ours", "peer"):
            rounds = row.get(who, {}).get(phase, {}).get("rounds")
            if rounds:
                medians[who] = [statistics.median(r) for r in rounds]
                summary[f"{phase}_{who}_ms"] = 1000 * statistics.median(medians[who])
            held = row.get(who, {}).get("memory", {}).get(phase)
            if held is not None:
                summary[f"{phase}_{who}_mb"] = held / 2**20
        if len(medians) == 2:
            pairs = zip(medians["peer"], medians["ours"], strict=True)
            summary[f"{phase}_speedup"] = statistics.median(p / o for p, o in pairs)
        ours, peer = (summary.get(f"{phase}_{who}_mb") for who in ("ours", "peer"))
        if ours and peer:
            summary[f"{phase}_memory_ratio"] = peer / ours
    return summary


def table(found: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    m = found["machine"]
    lines = [
        "# Models: time and memory",
        "",
        f"{m['cores']} cores of {m['processor']}, {m['memory_gb']} GB, {m['system']}"
        + (f", {found['gpu']}" if found.get("gpu") else "")
        + f". Batches of {found['batch']}; medians of {found['rounds']} turns of "
        f"{found['repeats']} passes.",
        *(
            f"{who}: {v['version']}, Python {v['python']}, PyTorch {v['torch']}, "
            f"{v['threads']} threads."
            for who, v in found["versions"].items()
        ),
        "",
        "Milliseconds and MiB a batch, beyond the model itself. × is how many times ours goes into "
        "the peer's:",
        "above 1 ours is faster or smaller.",
        "",
        "| model | M parameters | input | setting | forward | peer | × | training step | peer | × |"
        " forward MiB | × | training MiB | × |",
        "|---|--:|--:|---|" + "--:|" * 10,
    ]
    for row in found["rows"]:
        s = row["summary"]

        def cell(key: str, form: str = "{:.0f}", of: dict[str, Any] = s) -> str:
            return form.format(of[key]) if key in of else ""

        about = row["ours"]["about"]
        cells = [
            row["model"], f"{about['parameters'] / 1e6:.1f}" if "parameters" in about else "",
            f"{row['size']}²" if row["size"] else "", row["setting"],
        ]  # fmt: skip
        for phase in PHASES:
            cells += [
                cell(f"{phase}_ours_ms", "{:.1f}"), cell(f"{phase}_peer_ms", "{:.1f}"),
                cell(f"{phase}_speedup", "{:.2f}"),
            ]  # fmt: skip
        for phase in PHASES:
            cells += [cell(f"{phase}_ours_mb"), cell(f"{phase}_memory_ratio", "{:.2f}")]
        lines.append(f"| {' | '.join(cells)} |")
    failures = [
        f"* {row['model']} ({row['setting']}), {who}, {part}: {row[who][part]['error']}"
        for row in found["rows"]
        for who in ("ours", "peer")
        for part in ("about", *PHASES)
        if "error" in row.get(who, {}).get(part, {})
    ]
    if failures:
        lines += ["", "Not measured:", "", *failures]
    return "\n".join(lines) + "\n"


def main() -> None:
    args = parse()
    models = ALL if args.all else args.models
    settings = args.settings or (("fp32",) if args.device == "cpu" else ON_GPU)
    found: dict[str, Any] = {
        "machine": machine(), "device": args.device, "gpu": None, "batch": args.batch,
        "rounds": args.rounds, "repeats": args.repeats, "versions": {}, "rows": [],
    }  # fmt: skip
    for model in models:
        for setting in settings:
            row = measure(args, model, setting)
            for who in ("ours", "peer"):
                about = row.get(who, {}).get("about", {})
                if "torch" in about:
                    keys = ("version", "python", "torch", "threads")
                    found["versions"].setdefault(who, {k: about[k] for k in keys})
                    found["gpu"] = found["gpu"] or about["gpu"]
            found["rows"].append(row)
            s = row["summary"]
            print(
                f"{model:28} {setting:28} "
                + "  ".join(f"{k} {v:.3g}" for k, v in s.items() if not k.endswith("_mb"))
                + "".join(
                    f"  {who}: {row[who]['about']['error']}"
                    for who in ("ours", "peer")
                    if "error" in row.get(who, {}).get("about", {})
                ),
                flush=True,
            )
            # after every row: a run that is cut off keeps what it has
            args.out.write_text(json.dumps(found, indent=1) + "\n")
            markdown = args.markdown or args.out.with_suffix(".md")
            markdown.write_text(table(found))


if __name__ == "__main__":
    main()
