"""Datasets by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from swath.datasets.catalogue.benchmark import Benchmark
from swath.datasets.catalogue.description import TASKS, File
from swath.datasets.catalogue.layer import PublishedLayer
from swath.errors import ConfigError, nearest

__all__ = ["dataset_class", "list_datasets", "published_files"]


Kind = Literal["samples", "layers"]


def _known(kind: Kind | None = None) -> dict[str, type[Any]]:
    from swath.datasets import benchmarks, layers

    bases = {
        "samples": (Benchmark,),
        "layers": (PublishedLayer,),
        None: (Benchmark, PublishedLayer),
    }
    found = {name: getattr(where, name) for where in (layers, benchmarks) for name in where.__all__}
    return {n: c for n, c in found.items() if issubclass(c, bases[kind]) and hasattr(c, "info")}


def list_datasets(task: str | None = None, kind: Kind | None = None) -> list[str]:
    """Names of the published datasets that there are classes for, in alphabetical order.

    Args:
        task: Only those for this task (``"segmentation"``; any of the dataset's tags).
        kind: ``"samples"``: only those with samples by number (`Benchmark`); ``"layers"``: only
            those that are asked by place and time (`GeoDataset`).

    Raises:
        ConfigError: There is no such task.
    """
    if task is not None and task not in TASKS:
        raise ConfigError(f"there is no task {task!r}: {nearest(task, TASKS)}")
    chosen = (n for n, c in _known(kind).items() if task is None or task in c.info.tasks)
    return sorted(chosen, key=str.lower)


def dataset_class(name: str) -> type[Any]:
    """The class of a published dataset, by its name in any case: a `Benchmark` or a layer.

    Raises:
        ConfigError: There is none of that name; says which are near.
    """
    known = _known()
    by_lower = {n.lower(): n for n in known}
    found = by_lower.get(name.lower())
    if found is None:
        names: Iterable[str] = known
        raise ConfigError(f"there is no dataset {name!r}: {nearest(name, names)}")
    return known[found]


def published_files(kind: type[Any]) -> Sequence[File]:
    """What the provider of a dataset publishes (of a layer, ``files`` are those on disk)."""
    found: Sequence[File] = kind.published if issubclass(kind, PublishedLayer) else kind.files
    return found
