"""Batches of windows, read while the model computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch.utils.data import DataLoader

from swath.datasets import GeoDataset, stack_samples
from swath.errors import ConfigError
from swath.typing import GeoSlice, Sample

__all__ = ["batches"]


def batches(
    dataset: GeoDataset, queries: Iterable[list[GeoSlice]], workers: int
) -> Iterator[Sample]:
    """The batch of each list of queries, in order.

    Args:
        dataset: What is read.
        queries: The queries of each batch.
        workers: Processes that read. With 0, one thread reads a batch ahead, which is as good
            where reading is the lesser part.

    Raises:
        ConfigError: The dataset's samples hold no image.
    """
    source = _in_processes(dataset, queries, workers) if workers else _ahead(dataset, queries)
    for batch in source:
        if not isinstance(batch.get("image"), torch.Tensor):
            raise ConfigError(
                f"samples of {type(dataset).__name__} hold {sorted(batch)} and no image to predict "
                "from; give the layer of images"
            )
        yield batch


def _in_processes(
    dataset: GeoDataset, queries: Iterable[list[GeoSlice]], workers: int
) -> Iterator[Sample]:
    loader: DataLoader[Sample] = DataLoader(
        dataset,
        batch_sampler=queries,
        num_workers=workers,
        collate_fn=stack_samples,
    )
    yield from loader


def _ahead(dataset: GeoDataset, queries: Iterable[list[GeoSlice]]) -> Iterator[Sample]:
    def read(wanted: list[GeoSlice]) -> Any:
        return stack_samples(dataset.__getitems__(wanted))

    with ThreadPoolExecutor(1, thread_name_prefix="swath-read") as pool:
        coming = None
        for wanted in queries:
            following = pool.submit(read, wanted)
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()
