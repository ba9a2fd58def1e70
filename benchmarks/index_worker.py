"""Opens a folder of many files with one library and asks a few queries; prints one JSON line.

    python benchmarks/index_worker.py --library swath --folder DIR

The same lines serve both libraries. A query of 8² pixels reads almost nothing, so that its time
is that of finding the files and planning the read.
"""

import argparse
import importlib
import json
import random
import resource
import statistics
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=("torchgeo", "swath"), required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--queries", type=int, default=200)
    args = parser.parse_args()

    import torch

    datasets = importlib.import_module(f"{args.library}.datasets")

    class Tiles(datasets.RasterDataset):  # type: ignore[misc, name-defined]
        """The small files that benchmarks/index.py makes."""

        filename_glob = "tile_*.tif"
        filename_regex = r"^tile_\d+_(?P<date>\d{8})\.tif$"
        date_format = "%Y%m%d"

    start = time.perf_counter()
    dataset = Tiles(args.folder)
    opened = time.perf_counter() - start
    x, y, _ = dataset.bounds
    choose = random.Random(0)
    seconds, planning, shape = [], [], ()
    span, row = 8 * 10.0, 64 * 10.0
    for number in range(args.queries + 5):
        left = choose.uniform(x.start, x.stop - span)
        low = choose.uniform(y.start + row, y.stop - span)  # the last row of files may be short
        query = (slice(left, left + span), slice(low, low + span))
        start = time.perf_counter()
        sample = dataset[query]
        took = time.perf_counter() - start
        shape = tuple(sample["image"].shape)
        if number >= 5:  # the first ones import, compile and open
            seconds.append(took)
        if args.library == "swath" and number >= 5:
            start = time.perf_counter()
            dataset._rows(dataset._resolve(query))
            planning.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "library": args.library,
                "files": len(dataset),
                "open_seconds": round(opened, 3),
                "query_ms": round(statistics.median(seconds) * 1000, 4),
                "find_files_ms": round(statistics.median(planning) * 1000, 4) if planning else None,
                "shape": shape,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
