"""Times batches of one library in this process, and prints what it found as one JSON line.

    python benchmarks/worker.py --library torchgeo --images DIR --labels DIR --sampler random …

The same few lines serve both libraries: Swath keeps the field's names, so only the package that
is imported differs. Run it with the Python that has the library. Nothing else of either library
is touched: a Landsat layer, a label layer, their intersection, a sampler, PyTorch's DataLoader.
"""

import argparse
import importlib
import itertools
import json
import os
import platform
import resource
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any


class Head:
    """The first `length` items of a sampler, as an epoch of a known length."""

    def __init__(self, sampler: Any, length: int) -> None:
        self.sampler, self.length = sampler, length

    def __iter__(self) -> Iterator[Any]:
        return itertools.islice(iter(self.sampler), self.length)

    def __len__(self) -> int:
        return self.length


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=("torchgeo", "swath"), required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--sampler", choices=("random", "random-batch", "grid"), required=True)
    parser.add_argument("--patch", type=int, default=224)
    parser.add_argument("--stride", type=int, default=112)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=4, help="in an epoch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="cores to run on; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.threads and hasattr(os, "sched_setaffinity"):
        # The one setting that every library obeys, whatever it makes its threads with.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
        for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "SWATH_NUM_THREADS"):
            os.environ[name] = str(args.threads)

    start = time.perf_counter()
    import torch
    from torch.utils.data import DataLoader

    datasets = importlib.import_module(f"{args.library}.datasets")
    samplers = importlib.import_module(f"{args.library}.samplers")
    imported = time.perf_counter() - start

    torch.manual_seed(args.seed)
    start = time.perf_counter()
    images = datasets.Landsat8(args.images)
    labels = datasets.CDL(args.labels)
    dataset = images & labels
    opened = time.perf_counter() - start

    count = args.batch * args.batches
    options: dict[str, Any] = {"num_workers": args.workers, "collate_fn": datasets.stack_samples}
    if args.workers:
        options["persistent_workers"] = True
    if args.sampler == "random":
        sampler = samplers.RandomGeoSampler(dataset, size=args.patch, length=count)
        loader = DataLoader(dataset, args.batch, sampler=sampler, **options)
    elif args.sampler == "random-batch":
        sampler = samplers.RandomBatchGeoSampler(
            dataset, size=args.patch, batch_size=args.batch, length=count
        )
        loader = DataLoader(dataset, batch_sampler=sampler, **options)
    else:
        sampler = samplers.GridGeoSampler(dataset, size=args.patch, stride=args.stride)
        loader = DataLoader(dataset, args.batch, sampler=Head(sampler, count), **options)

    epochs = []
    for _ in range(args.epochs):
        begin = last = time.perf_counter()
        marks, patches = [], 0
        for batch in loader:
            now = time.perf_counter()
            marks.append(round(now - last, 5))
            last = now
            patches += len(batch["image"])
        seconds = last - begin
        epochs.append({"patches": patches, "seconds": round(seconds, 5), "batch_seconds": marks})

    image, mask = batch["image"], batch["mask"]
    print(
        json.dumps(
            {
                "library": args.library,
                "version": version(args.library),
                "python": platform.python_version(),
                "torch": torch.__version__,
                "import_seconds": round(imported, 3),
                "open_seconds": round(opened, 3),
                "epochs": epochs,
                "image": [list(image.shape), str(image.dtype)],
                "mask": [list(mask.shape), str(mask.dtype)],
                "image_mean": round(float(image.mean()), 2),
                "filled": round(float((image > 0).float().mean()), 4),
                "crs": dataset.crs.to_string(),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
