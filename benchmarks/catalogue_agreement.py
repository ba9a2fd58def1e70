"""The same samples as TorchGeo, dataset by dataset: both read the same miniature.

    python benchmarks/catalogue_agreement.py --peer-python PATH [NAME …] [--count N]

PATH is the Python of an environment that has TorchGeo 0.10. For each dataset a miniature is made
(archives and extracted files), the peer's class of the same name reads it as users would, and
keys, shapes, types and values are compared, split by split and choice by choice. Samples are
matched by their content, as orders may differ.
"""

from __future__ import annotations

import argparse
import json
import logging
import pathlib
import subprocess
import tempfile
from typing import Any

import torch

from swath.datasets import Benchmark, dataset_class, list_datasets
from swath.datasets.catalogue import files_of, make_miniature, pack_miniature

#: Runs in the peer's environment: reads the samples of one dataset a line, and saves them.
PEER = """
import inspect, json, sys, torch, torchgeo.datasets as datasets
plain = lambda v: v if isinstance(v, (torch.Tensor, str, int, float, list)) else str(v)
for line in sys.stdin:
    name, root, out, options = json.loads(line)
    try:
        kind = getattr(datasets, name)
        known = inspect.signature(kind.__init__).parameters
        options = {k: v for k, v in options.items() if k in known}
        for k, v in options.items():
            if isinstance(known[k].default, int):
                options[k] = int(v)
        if "checksum" in known:
            options["checksum"] = False
        ds = kind(root, **options)
        torch.save([{k: plain(v) for k, v in ds[i].items()} for i in range(len(ds))], out)
        answer = ""
    except Exception as error:
        answer = " ".join((type(error).__name__ + ": " + str(error)).split())[:300]
    print("ANSWER " + answer, flush=True)
"""


class Peer:
    """The peer, in a process of its own.

    Args:
        python: The Python of its environment.
    """

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", PEER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def samples(self, name: str, root: pathlib.Path, options: dict[str, Any]) -> Any:
        """What its class makes of a miniature: samples, or its complaint."""
        reader, writer = self.process.stdout, self.process.stdin
        if reader is None or writer is None:
            raise RuntimeError("the peer has no pipes")
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/samples.pt"
            writer.write(json.dumps([name, str(root), out, options]) + "\n")
            writer.flush()
            for line in reader:
                if line.startswith("ANSWER "):
                    complaint = line.removeprefix("ANSWER ").strip()
                    return complaint or torch.load(out, weights_only=False)
        raise RuntimeError("the peer has died")


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What is not the same in two samples; "" if all is."""
    lacking = [k for k in theirs if k not in ours and k not in ("crs", "bounds", "transform")]
    if lacking:
        return f"we lack {lacking} (have {list(ours)})"
    for key, value in theirs.items():
        if key not in ours:
            continue
        own = ours[key]
        if not isinstance(value, torch.Tensor):
            if isinstance(own, torch.Tensor) or str(own) != str(value):
                return f"{key}: {own!r:.60} against {value!r:.60}"
            continue
        if not isinstance(own, torch.Tensor):
            return f"{key}: {type(own).__name__} against tensor"
        if own.shape != value.shape:
            return f"{key}: {tuple(own.shape)} against {tuple(value.shape)}"
        if own.dtype != value.dtype:
            return f"{key}: {own.dtype} against {value.dtype}"
        if not torch.allclose(own.double(), value.double(), equal_nan=True, atol=1e-4, rtol=1e-5):
            return f"{key}: values differ by {(own.double() - value.double()).abs().max():.3g}"
    return ""


def compare(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> str:
    """What is not the same in two lists of samples."""
    if len(ours) != len(theirs):
        return f"{len(ours)} samples against {len(theirs)}"
    left = list(theirs)
    order = True
    for i, sample in enumerate(ours):
        reasons = [difference(sample, other) for other in left]
        if "" not in reasons:
            return f"sample {i}: {reasons[0]}"
        at = reasons.index("")
        order &= at == 0
        del left[at]
    extra = sorted({k for s in ours for k in s} - {k for s in theirs for k in s})
    notes = [] if order else ["another order"]
    return "same" + (f" (and {', '.join(extra)})" if extra else "") + "".join(
        f", {n}" for n in notes)  # fmt: skip


def check(kind: type[Benchmark], peer: Peer, count: int) -> list[str]:
    """A line for each split and choice."""
    lines = []
    combinations: list[dict[str, str]] = [{}]
    combinations += [{c: v} for c, values in kind.choices.items() for v in values[1:]]
    for choices in combinations:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "root"
            make_miniature(kind, root, count, **choices)
            if not choices:
                packed = pathlib.Path(folder) / "packed"
                pack_miniature(files_of(kind), root, packed)
                for path in packed.rglob("*"):
                    if path.is_file():
                        target = root / path.relative_to(packed)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(path.read_bytes())
            for split in kind.splits or (None,):
                options: dict[str, Any] = dict(choices) | ({"split": split} if split else {})
                theirs = peer.samples(kind.__name__, root, options)
                try:
                    dataset = kind(root, checksum=False, **options)
                    ours = [dataset[i] for i in range(len(dataset))]
                except Exception as error:
                    lines.append(f"{options}: OURS FAILS {error!r:.200}")
                    continue
                found = f"PEER FAILS {theirs}" if isinstance(theirs, str) else compare(ours, theirs)
                lines.append(f"{options}: {found}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list_datasets(kind="samples"))
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--count", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # miniatures are smaller than what was published
    peer = Peer(arguments.peer_python)
    for name in arguments.names:
        kind = dataset_class(name)
        for line in check(kind, peer, arguments.count):
            print(f"{name:28s} {line}", flush=True)


if __name__ == "__main__":
    main()
