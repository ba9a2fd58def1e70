"""Published datasets, one file each."""

from swath.datasets.benchmarks.ucmerced import UCMerced

__all__ = ["UCMerced"]
