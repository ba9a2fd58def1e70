"""The catalogue's engines: a published dataset is a description, and these make it work."""

from swath.datasets.catalogue.arrays import ArrayImage, ArrayLabel, ArrayRows, ArrayValue
from swath.datasets.catalogue.audio import Audio
from swath.datasets.catalogue.benchmark import (
    Benchmark,
    ByHandBenchmark,
    MultispectralBenchmark,
    UnsplitBenchmark,
)
from swath.datasets.catalogue.boxtable import TableBoxes, TableImages
from swath.datasets.catalogue.coco import CocoObjects
from swath.datasets.catalogue.combined import PerChoice, PerSplit, Seeded, Together
from swath.datasets.catalogue.description import TASKS, Archive, File, Folder, Info
from swath.datasets.catalogue.images import BandFiles, Image
from swath.datasets.catalogue.joined import Joined
from swath.datasets.catalogue.labels import Label, Labels, Value
from swath.datasets.catalogue.layer import PublishedLayer
from swath.datasets.catalogue.layer_parts import Features, LayerPart, Lines, Raster
from swath.datasets.catalogue.masks import Mask
from swath.datasets.catalogue.miniature import files_of, make_miniature, pack_miniature
from swath.datasets.catalogue.numbers import Numbers
from swath.datasets.catalogue.objects import Found, Objects
from swath.datasets.catalogue.oriented import DotaObjects, PolygonObjects
from swath.datasets.catalogue.parts import Part
from swath.datasets.catalogue.pathtable import PathTable
from swath.datasets.catalogue.patterns import Pattern
from swath.datasets.catalogue.registry import dataset_class, list_datasets, published_files
from swath.datasets.catalogue.rows import Glob, Listed, RowSource
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.stack import Dates, MaskStack, Sensors
from swath.datasets.catalogue.table import Rows
from swath.datasets.catalogue.tabular import Table
from swath.datasets.catalogue.vectors import VectorMask
from swath.datasets.catalogue.voc import PointObjects, VocObjects

__all__ = [
    "TASKS",
    "Archive",
    "ArrayImage",
    "ArrayLabel",
    "ArrayRows",
    "ArrayValue",
    "Audio",
    "BandFiles",
    "Benchmark",
    "ByHandBenchmark",
    "CocoObjects",
    "Dates",
    "DotaObjects",
    "Features",
    "File",
    "Folder",
    "Found",
    "Glob",
    "Image",
    "Info",
    "Joined",
    "Label",
    "Labels",
    "LayerPart",
    "Lines",
    "Listed",
    "Mask",
    "MaskStack",
    "MultispectralBenchmark",
    "Numbers",
    "Objects",
    "Part",
    "PathTable",
    "Pattern",
    "PerChoice",
    "PerSplit",
    "PointObjects",
    "PolygonObjects",
    "PublishedLayer",
    "Raster",
    "RowSource",
    "Rows",
    "Seeded",
    "Sensors",
    "Site",
    "Table",
    "TableBoxes",
    "TableImages",
    "Together",
    "UnsplitBenchmark",
    "Value",
    "VectorMask",
    "VocObjects",
    "dataset_class",
    "files_of",
    "list_datasets",
    "make_miniature",
    "pack_miniature",
    "published_files",
]
