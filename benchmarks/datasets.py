"""Samples a second of published datasets, against torchvision, rasterio and the peer.

    python benchmarks/datasets.py --peer-python PATH --out benchmarks/datasets.json

Makes files as EuroSAT's (13 bands of 64² uint16), and pictures of 64² and 256² pixels as JPEG, PNG
and TIFF in a folder a class; with ``--rgb EuroSAT_RGB.zip`` the JPEGs of 64² are real. Each reader
is a process of its own on one thread; they take turns, and no file is read twice by one of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from models import Worker
from sampling import machine

HERE = Path(__file__).resolve().parent

#: Files -> (kind, ending, who reads them beside the peer).
SETS = {
    "EuroSAT, uncompressed": ("EuroSAT", "tif", "rasterio"),
    "EuroSAT, planes": ("EuroSAT", "tif", "rasterio"),
    "EuroSAT, DEFLATE": ("EuroSAT", "tif", "rasterio"),
    "JPEG 64²": ("folder", "jpg", "torchvision"),
    "JPEG 256²": ("folder", "jpg", "torchvision"),
    "PNG 256²": ("folder", "png", "torchvision"),
    "TIFF 256²": ("folder", "tif", "torchvision"),
}
_OPTIONS = {
    "EuroSAT, uncompressed": {"interleave": "pixel"},
    "EuroSAT, planes": {"interleave": "band"},
    "EuroSAT, DEFLATE": {"interleave": "pixel", "compress": "deflate"},
}


def land(side: int, bands: int, rng: np.random.Generator) -> Any:
    """(bands, side, side) uint8 with structures of several sizes, as pictures of land have."""
    out = np.zeros((bands, side, side))
    for step in (1, 4, 16):
        noise = rng.normal(size=(bands, side // step, side // step)) * step
        out += np.kron(noise, np.ones((1, step, step)))
    return np.clip(out * 6 + 120, 0, 255).astype(np.uint8)


def make_eurosat(root: Path, count: int, options: dict[str, Any]) -> None:
    """`count` training samples of EuroSAT, in the provider's folders."""
    import rasterio

    from swath.datasets import EuroSAT, make_miniature

    make_miniature(EuroSAT, root, count=1)
    for path in root.rglob("*.tif"):
        path.unlink()
    folder = root / "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"
    rng, names = np.random.default_rng(0), []
    for i in range(count):
        label = EuroSAT.classes[i % 10]
        names.append(f"{label}_{i // 10 + 1}.tif")
        pixels = land(64, 13, rng).astype(np.uint16) * 12
        with rasterio.open(
            _made(folder / label) / names[-1], "w", driver="GTiff", width=64, height=64,
            count=13, dtype="uint16",
            crs=f"EPSG:{32630 + i % 6}",
            transform=rasterio.Affine(10, 0, 4e5 + 640 * i, 0, -10, 5e6), **options,
        ) as file:  # fmt: skip
            file.write(pixels)
    (root / "eurosat-train.txt").write_text("\n".join(names) + "\n")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_folder(root: Path, count: int, side: int, ending: str) -> None:
    """Pictures in the folders of two classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(count):
        folder = root / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(land(side, 3, rng).transpose(1, 2, 0)).save(folder / f"{i}.{ending}")


def unpack(archive: Path, root: Path, count: int) -> None:
    """Real pictures into the folders of two classes."""
    with zipfile.ZipFile(archive) as packed:
        names = sorted(n for n in packed.namelist() if n.endswith(".jpg"))
        for i, name in enumerate(names[:: len(names) // count][:count]):
            folder = root / "ab"[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}.jpg").write_bytes(packed.read(name))


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """All readers in turns on one set of files."""
    kind, ending, other = SETS[name]
    with tempfile.TemporaryDirectory() as scratch:
        root, count = Path(scratch), args.samples * args.rounds
        if kind == "EuroSAT":
            make_eurosat(root, count, _OPTIONS[name])
        elif name == "JPEG 64²" and args.rgb:
            unpack(args.rgb, root, count)
        else:
            make_folder(root, count, 64 if "64" in name else 256, ending)
        for path in root.rglob("*.*"):  # so that the page cache holds them for all
            if path.is_file():
                path.read_bytes()
        pythons = {"Swath": sys.executable, other: sys.executable}
        if args.peer_python:
            pythons["TorchGeo"] = args.peer_python
        job = {"root": scratch, "kind": kind, "ending": ending, "samples": args.samples}
        workers = {
            reader: Worker(python, {**job, "reader": reader}, "dataset_worker.py")
            for reader, python in pythons.items()
        }
        row: dict[str, Any] = {"files": name, "other": other, "readers": {}}
        for reader, worker in workers.items():
            row["readers"][reader] = {"about": worker.about, "seconds": [], "cpu": []}
        for turn in range(args.rounds):
            order = list(workers)
            for reader in order if turn % 2 == 0 else order[::-1]:
                found = workers[reader].ask(str(turn))
                for key in ("seconds", "cpu"):
                    row["readers"][reader][key].append(found[key])
        for worker in workers.values():
            worker.close()
    return row


def ratio(row: dict[str, Any], reader: str, key: str) -> float:
    """How many times ours goes into a reader's time: the median of the turns."""
    theirs, ours = row["readers"][reader][key], row["readers"]["Swath"][key]
    return statistics.median(t / o for t, o in zip(theirs, ours, strict=True))


def table(found: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    m = found["machine"]
    lines = [
        f"{m['cores']} cores of {m['processor']}, {m['memory_gb']} GB, {m['system']}. "
        + "; ".join(f"{k} {v}" for k, v in found["versions"].items())
        + ".",
        "",
        "| files | Swath, µs | other | µs | × | TorchGeo, µs | × |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        cells = []
        for reader in (row["other"], "TorchGeo"):
            if reader in row["readers"]:
                took = 1e6 * statistics.median(row["readers"][reader]["cpu"])
                cells += [f"{took:,.0f}", f"{ratio(row, reader, 'cpu'):.1f}"]
            else:
                cells += ["", ""]
        ours = 1e6 * statistics.median(row["readers"]["Swath"]["cpu"])
        lines.append(f"| {row['files']} | {ours:,.0f} | {row['other']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="the Python that has the peer; without: not measured")
    parser.add_argument("--rgb", type=Path, help="EuroSAT_RGB.zip, for real JPEGs")
    parser.add_argument("--out", type=Path, default=HERE / "datasets.json")
    parser.add_argument("--samples", type=int, default=200, help="a turn")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each reader")
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=list(SETS),
                        help="measure these again and keep the other rows of --out")  # fmt: skip
    args = parser.parse_args()
    kept = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    by = {row["files"]: row for row in kept} | {name: measure(name, args) for name in args.only}
    rows = [by[name] for name in SETS if name in by]
    versions = {
        reader: about["about"]["version"]
        for row in rows
        for reader, about in row["readers"].items()
    }
    found = {"machine": machine(), "versions": versions, "rows": rows}
    args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
