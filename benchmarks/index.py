"""Opening folders of many small files, and planning one query at that size.

    python benchmarks/index.py --peer-python PATH --out benchmarks/index.json

Makes folders of 2,000 and 100,000 small GeoTIFFs, opens them without a kept index and then from
the kept one, and asks small queries. The peer opens the smaller folder. Every opening is a fresh
process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from sampling import machine

HERE = Path(__file__).resolve().parent
SIDE, RES = 64, 10.0


def template(scratch: Path) -> tuple[bytes, bytes]:
    """The bytes of a small GeoTIFF, and those of its tie point, which each file has its own of."""
    x, y = 612_345.5, 4_567_890.25
    path = scratch / "template.tif"
    pixels = np.random.default_rng(0).integers(1, 255, (SIDE, SIDE), np.uint8)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=SIDE,
        height=SIDE,
        count=1,
        dtype="uint8",
        crs="EPSG:32632",
        transform=Affine(RES, 0, x, 0, -RES, y),
        compress="deflate",
    ) as dst:
        dst.write(pixels, 1)
    data, tie = path.read_bytes(), struct.pack("<2d", x, y)
    path.unlink()
    if data.count(tie) != 1:
        raise SystemExit("the template's tie point is not where it should be")
    return data, tie


def make(root: Path, count: int) -> Path:
    """A folder of `count` files side by side, a thousand in each subfolder."""
    folder = root / f"files-{count}"
    done = root / f".done-{count}"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    data, tie = template(root)
    across = int(count**0.5)
    for number in range(count):
        row, column = divmod(number, across)
        place = struct.pack("<2d", 300_000 + column * SIDE * RES, 5_500_000 - row * SIDE * RES)
        into = folder / f"{number // 1000:04d}"
        into.mkdir(exist_ok=True)
        date = f"2021{1 + number % 12:02d}{1 + number % 28:02d}"
        (into / f"tile_{number:06d}_{date}.tif").write_bytes(data.replace(tie, place))
    done.touch()
    return folder


def opened(python: str, library: str, folder: Path, index: Path, queries: int) -> Any:
    """One fresh process; the worker's JSON."""
    command = [python, "-W", "ignore", str(HERE / "index_worker.py"), "--library", library]
    command += ["--folder", str(folder), "--queries", str(queries)]
    environment = os.environ | {"SWATH_HOME": str(index)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{library} failed on {folder}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def note(record: dict[str, Any], how: str, repeat: int) -> None:
        record |= {"how": how, "repeat": repeat}
        found.append(record)
        print(
            f"{record['library']:9}{record['files']:8,} files  {how:12}"
            f"{record['open_seconds']:9.3f} s to open  {record['query_ms']:8.3f} ms a query",
            flush=True,
        )

    for count in args.counts:
        start = time.perf_counter()
        folder = make(args.cache, count)
        print(f"{count:,} files ready after {time.perf_counter() - start:.0f} s", flush=True)
        for repeat in range(args.repeats):
            if args.peer_python and count <= args.peer_limit:
                record = opened(args.peer_python, "torchgeo", folder, args.cache, args.queries)
                note(record, "no index", repeat)
            if args.only != "peer":
                with tempfile.TemporaryDirectory(dir=args.cache) as index:
                    for how in ("no index", "kept index"):
                        record = opened(sys.executable, "swath", folder, Path(index), args.queries)
                        note(record, how, repeat)
    return found


def table(runs: list[dict[str, Any]]) -> str:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["files"], run["library"], run["how"]), []).append(run)
    rows = [
        "| files | library | how | to open, s | ms a file | small query, ms | finding files, ms |",
        "|--:|---|---|--:|--:|--:|--:|",
    ]
    for (files, library, how), group in sorted(groups.items()):
        seconds = statistics.median(r["open_seconds"] for r in group)
        query = statistics.median(r["query_ms"] for r in group)
        found = [r["find_files_ms"] for r in group if r["find_files_ms"] is not None]
        rows.append(
            f"| {files:,} | {library} | {how} | {seconds:.2f} | {seconds / files * 1000:.3f} "
            f"| {query:.3f} | {f'{statistics.median(found):.4f}' if found else ''} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", nargs="+", type=int, default=[2_000, 100_000])
    parser.add_argument("--peer-python", help="the Python that has torchgeo")
    parser.add_argument("--peer-limit", type=int, default=2_000, help="more files: ours only")
    parser.add_argument("--only", choices=("peer",))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir(), "swath-bench-index")
    )
    parser.add_argument("--out", type=Path, default=HERE / "index.json")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    runs = measure(args)
    args.out.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n")
    print("\n" + table(runs))


if __name__ == "__main__":
    main()
