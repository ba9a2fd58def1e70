"""The catalogue's engines: a published dataset is a description, and these make it work."""

from swath.datasets.catalogue.benchmark import (
    Benchmark,
    MultispectralBenchmark,
    UnsplitBenchmark,
)
from swath.datasets.catalogue.coco import CocoObjects
from swath.datasets.catalogue.description import TASKS, Archive, File, Info
from swath.datasets.catalogue.miniature import files_of, make_miniature, pack_miniature
from swath.datasets.catalogue.objects import Found, Objects
from swath.datasets.catalogue.parts import (
    BandFiles,
    Image,
    Label,
    Labels,
    Mask,
    Part,
    Value,
)
from swath.datasets.catalogue.patterns import Pattern
from swath.datasets.catalogue.registry import dataset_class, list_datasets
from swath.datasets.catalogue.rows import (
    Glob,
    Listed,
    PerSplit,
    RowSource,
    Seeded,
    Table,
    Together,
)
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.table import Rows

__all__ = [
    "TASKS",
    "Archive",
    "BandFiles",
    "Benchmark",
    "CocoObjects",
    "File",
    "Found",
    "Glob",
    "Image",
    "Info",
    "Label",
    "Labels",
    "Listed",
    "Mask",
    "MultispectralBenchmark",
    "Objects",
    "Part",
    "Pattern",
    "PerSplit",
    "RowSource",
    "Rows",
    "Seeded",
    "Site",
    "Table",
    "Together",
    "UnsplitBenchmark",
    "Value",
    "dataset_class",
    "files_of",
    "list_datasets",
    "make_miniature",
    "pack_miniature",
]
