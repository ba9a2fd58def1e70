"""Whether the resident memory of a process stays flat over many queries.

    python benchmarks/memory.py --images DIR --labels DIR [--queries 100000]

Reads random patches of the intersection of images and labels, sample by sample and in batches,
and fits a line through the resident size after the caches are full. Growth beyond the limit is a
failure: exit status 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def resident_mb() -> tuple[float, float]:
    """Resident size of this process in MiB: all of it, and what it allocated itself.

    The difference is files mapped into memory, which the system takes back when it needs to.
    """
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    return resident * page, (resident - shared) * page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64, help="1: one sample at a time")
    parser.add_argument(
        "--limit", type=float, default=0.5, help="MiB of growth allowed per 1,000 queries"
    )
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args()

    import torch

    from swath.datasets import CDL, Landsat8
    from swath.samplers import RandomGeoSampler

    dataset = Landsat8(args.images) & CDL(args.labels)
    sampler = RandomGeoSampler(
        dataset,
        size=args.patch,
        length=args.queries,
        generator=torch.Generator().manual_seed(0),
    )
    counts, sizes, own = [], [], []
    pending, start, every = [], time.perf_counter(), max(1, args.queries // 100)
    for number, query in enumerate(sampler, 1):
        pending.append(query)
        if len(pending) == args.batch or number == args.queries:
            if args.batch > 1:
                dataset.__getitems__(pending)
            else:
                dataset[pending[0]]
            pending = []
        if number % every == 0:
            gc.collect()
            counts.append(number)
            total, anonymous = resident_mb()
            sizes.append(total)
            own.append(anonymous)
            print(
                f"\r{number:8,} queries  {sizes[-1]:8.1f} MiB  "
                f"{number / (time.perf_counter() - start):7.0f}/s",
                end="",
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    half = len(counts) // 2  # until then caches fill and mapped pages are touched
    slope, own_slope = (
        float(np.polyfit(counts[half:], y[half:], 1)[0]) * 1000 for y in (sizes, own)
    )
    found = {
        "queries": args.queries,
        "patch": args.patch,
        "batch": args.batch,
        "start_mb": round(sizes[0], 1),
        "half_mb": round(sizes[half], 1),
        "end_mb": round(sizes[-1], 1),
        "slope_mb_per_1000": round(slope, 4),
        "own_slope_mb_per_1000": round(own_slope, 4),
        "curve_mb": [round(s, 1) for s in sizes],
    }
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(
        f"{found['start_mb']} MiB at first, {found['half_mb']} half way, {found['end_mb']} at the "
        f"end; {slope:+.4f} MiB per 1,000 queries over the second half, "
        f"{own_slope:+.4f} without mapped files"
    )
    sys.exit(slope > args.limit)


if __name__ == "__main__":
    main()
