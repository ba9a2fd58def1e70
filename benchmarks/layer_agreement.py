"""The same numbers as TorchGeo, layer by layer: both read the same miniature on a file's own grid.

    python benchmarks/layer_agreement.py --peer-python PATH [NAME …]

PATH is the Python of an environment that has TorchGeo 0.10. For each published layer a miniature is
made (archives and extracted files), and both classes of the same name are asked for the ground of
each file, in that file's CRS and at its resolution, where nothing has to be resampled. Keys,
shapes, types and values are compared, `bounds` and `transform` excepted.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any

import rasterio
import torch

from swath.datasets import dataset_class, list_datasets
from swath.datasets.catalogue import make_miniature, pack_miniature
from swath.datasets.catalogue.layer_miniature import filled_files

#: Runs in the peer's environment: answers queries and saves what comes out.
PEER = """
import inspect, json, sys, torch, torchgeo.datasets as datasets
name, root, out = sys.argv[1:4]
options, queries = map(json.loads, sys.argv[4:])
kind = getattr(datasets, name)
known = inspect.signature(kind.__init__).parameters
options = {k: v for k, v in options.items() if k in known}
if "checksum" in known:
    options["checksum"] = False
if "crs" in options:
    from pyproj import CRS
    options["crs"] = CRS.from_wkt(options["crs"])
ds = kind(root, **options)
found = []
for west, east, south, north in queries:
    sample = ds[west:east, south:north]
    found.append({k: v for k, v in sample.items() if isinstance(v, torch.Tensor)})
torch.save(found, out)
"""


def peer_samples(
    python: str, name: str, root: pathlib.Path, options: dict[str, Any], queries: list[Any]
) -> Any:
    """What the peer's class answers: samples, or the last line of its complaint."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/samples.pt"
        done = subprocess.run(
            [python, "-W", "ignore", "-c", PEER, name, str(root), out, json.dumps(options),
             json.dumps(queries)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["killed"])[-1][:200]
        return torch.load(out, weights_only=False)


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What is not the same in two samples; "" if all is."""
    for key in theirs:
        if key in ("bounds", "transform", "crs"):
            continue
        if key not in ours:
            return f"we lack {key}"
        own, other = ours[key], theirs[key]
        if own.shape != other.shape:
            return f"{key}: {tuple(own.shape)} against {tuple(other.shape)}"
        if own.dtype != other.dtype:
            return f"{key}: {own.dtype} against {other.dtype}"
        if not torch.equal(torch.nan_to_num(own.double()), torch.nan_to_num(other.double())):
            return f"{key}: {int((own != other).sum())} of {own.numel()} values differ"
    return ""


def check(name: str, python: str) -> str:
    """One line about a layer."""
    kind = dataset_class(name)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        make_miniature(kind, root)
        if files := filled_files(kind, root):
            packed = pathlib.Path(folder) / "packed"
            packed.mkdir()
            pack_miniature(files, root, packed)
            shutil.copytree(packed, root, dirs_exist_ok=True)
        known = inspect.signature(kind).parameters
        options: dict[str, Any] = {"checksum": False} if "checksum" in known else {}
        listed = [p for p in kind(root, **options).files if p.lower().endswith((".tif", ".tiff"))]
        if not listed:
            return "no rasters: not compared"
        notes = []
        for path in listed[:4]:
            with rasterio.open(path) as file:
                b, crs = file.bounds, file.crs.to_wkt()
            query = (b.left, b.right, b.bottom, b.top)
            theirs = peer_samples(python, name, root, {"crs": crs}, [query])
            at = kind(root, crs=crs, **options)
            ours = dict(at[b.left : b.right, b.bottom : b.top])
            notes.append(theirs if isinstance(theirs, str) else difference(ours, theirs[0]))
        wrong = sorted({n for n in notes if n})
        return "; ".join(wrong) if wrong else f"same ({len(notes)} files)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [n for n in list_datasets(kind="layers") if dataset_class(n).parts]
    parser.add_argument("names", nargs="*", default=known)
    parser.add_argument("--peer-python", required=True)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    for name in arguments.names:
        print(f"{name:28s} {check(name, arguments.peer_python)}", flush=True)


if __name__ == "__main__":
    main()
