"""One process that reads samples of a dataset by one library; datasets.py starts it.

It takes turns: a line on its standard input is a turn's number, its answer the seconds and the
processor seconds that a sample took. Every turn reads files that no turn before has read.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Files:
    """Each file opened with rasterio, and nothing else."""

    def __init__(self, paths: list[str]) -> None:
        import rasterio

        self.open, self.paths = rasterio.open, paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        with self.open(self.paths[index]) as file:
            return {"image": torch.from_numpy(file.read().astype(np.float32))}


def folder_class(ending: str) -> Any:
    """Swath's engine on a folder a class."""
    from swath.datasets.catalogue import Glob, Image, Info, Label, UnsplitBenchmark

    class Folder(UnsplitBenchmark):
        info = Info("Folder", ("classification",), "", None, "", "", "-", "-", "http://localhost")
        classes = ("a", "b")
        rows = Glob(f"{{label}}/{{name}}.{ending}")
        parts = (Image(f"{{label}}/{{name}}.{ending}"), Label())

    return Folder


def dataset(job: dict[str, Any]) -> Any:
    """What is measured."""
    reader, root = job["reader"], job["root"]
    if job["kind"] == "EuroSAT":
        if reader == "Swath":
            from swath.datasets import EuroSAT

            return EuroSAT(root, checksum=False)
        if reader == "TorchGeo":
            from torchgeo.datasets import EuroSAT as Peer

            return Peer(root, checksum=False)
        return Files(sorted(map(str, Path(root).rglob("*.tif"))))
    if reader == "Swath":
        return folder_class(job["ending"])(root)
    if reader == "TorchGeo":
        from torchgeo.datasets import NonGeoClassificationDataset

        return NonGeoClassificationDataset(root)
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import PILToTensor

    return ImageFolder(root, PILToTensor())


def main() -> None:
    job = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    data = dataset(job)
    order = np.random.default_rng(0).permutation(len(data))
    own = {"Swath": "swath", "TorchGeo": "torchgeo", "torchvision": "torchvision"}
    print(json.dumps({
        "samples": len(data), "python": platform.python_version(), "torch": torch.__version__,
        "version": version(own.get(job["reader"], "rasterio")),
    }), flush=True)  # fmt: skip
    count = job["samples"]
    for line in sys.stdin:
        turn = int(line)
        chosen = order[turn * count : (turn + 1) * count].tolist()
        wall, cpu = time.perf_counter(), time.process_time()
        for index in chosen:
            data[index]
        print(json.dumps({
            "seconds": (time.perf_counter() - wall) / len(chosen),
            "cpu": (time.process_time() - cpu) / len(chosen),
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
