"""`VectorDataset`: layers of vector files, burnt into masks or given as boxes and instances."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.geo import GeoDataset, Transform
from swath.datasets.query import TIME_MAX, TIME_MIN, Field, Query
from swath.datasets.vector_index import find_vector_files, vector_index
from swath.datasets.vector_labels import class_codes, column_labels
from swath.errors import ConfigError, SwathError
from swath.typing import Path, Sample
from swath.vector import Features, boxes, burn, feature_store, instance_masks, to_pixels

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame
    from matplotlib.figure import Figure

__all__ = ["VectorDataset"]

Task = Literal["object_detection", "semantic_segmentation", "instance_segmentation"]
_TASKS = ("object_detection", "semantic_segmentation", "instance_segmentation")

log = logging.getLogger(__name__)


class VectorDataset(GeoDataset):
    """A layer of vector files: GeoPackage, Shapefile, GeoJSON, GeoParquet, FlatGeobuf, CSV, others.

    A file is read once in a process, its features repaired where they are invalid and brought into
    the dataset's CRS with their edges where they lie on the ground; each query then finds its
    features in a tree. Files that would not fit into the feature store (1 GiB unless
    ``SWATH_VECTOR_BYTES`` says otherwise) are read window by window instead.

    A sample holds, besides `bounds` and `transform`:

    * semantic segmentation: ``mask`` int64 (H, W), 0 where there is no feature. A pixel belongs
      to a polygon when its centre does; where polygons overlap, the later one (in the order of
      the index, then of the file) is seen.
    * object detection: ``bbox_xyxy`` float32 (N, 4), in pixels from the upper left corner, around
      the part of each feature that lies in the query, and ``label`` int64 (N,).
    * instance segmentation: these two, and ``mask`` uint8 (N, H, W). An instance too small to
      cover a pixel's centre marks the pixels it touches.

    Queries without features give empty tensors of these shapes (N = 0).

    Args:
        paths: Files, folders (searched to any depth), zip or tar archives, or anything GDAL opens.
            `root` is another name of it. Where `filename_glob` is ``*``, folders are searched for
            the endings of geographic vector formats; CSV, JSON and zip files are named one by one.
        crs: CRS of queries and samples. Default: that of the first file.
        res: Resolution (or x and y resolution) of queries that give none, in units of `crs`.
            Default: 0.0001 degrees; 10 metres where `crs` is projected.
        transforms: Called with each sample.
        label_name: Column with the label of each feature. Default: every feature has label 1.
        task: ``semantic_segmentation``, ``object_detection`` or ``instance_segmentation``.
        layer: Name or number (from 0) of the layer in files that have several. Default: the first.
        classes: What the values in `label_name` mean: label by value, or the values in order,
            labelled 1, 2, …; features of other values are left out. Default: whole numbers (also
            those written as text) are the labels themselves, and texts are labelled 1, 2, … in
            their sorted order over all files. Either way the attribute `classes` tells.
        dtype: Of the mask in semantic segmentation, ``torch.float32`` for a quantity.
        source_crs: The CRS of files that state none (CSV).
        valid_mask: Add ``valid`` (H, W) bool to masks: where there is a feature.
        on_error: ``raise`` on a file that cannot be read, or ``skip`` it: counted (in
            `skipped_files`) and logged.
        index: Rows of the layer instead of a search through `paths`: a GeoDataFrame with a
            ``filepath`` column, footprints, and optionally times.

    Raises:
        DatasetNotFoundError: No file was found, or none has a feature.
        ConfigError: An unknown task; a layer or column that a file does not have.
        FileMissingError, UnreadableFileError, CRSError: A file is missing, damaged or without CRS.
    """

    #: Shell pattern of file names.
    filename_glob = "*"
    #: Verbose regular expression of file names, with the groups ``date``, or ``start`` and
    #: ``stop``, as far as there are any. Other files do not belong to the layer.
    filename_regex = ".*"
    #: How dates are written in file names (`datetime.datetime.strptime`).
    date_format = "%Y%m%d"
    #: Times of files whose names carry none.
    mint: pd.Timestamp = TIME_MIN
    maxt: pd.Timestamp = TIME_MAX
    #: Colour of each label, (red, green, blue, alpha) 0-255.
    cmap: Mapping[int, tuple[int, ...]] = {}

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        transforms: Transform | None = None,
        label_name: str | None = None,
        task: Task = "semantic_segmentation",
        layer: str | int | None = None,
        *,
        root: Path | Iterable[Path] | None = None,
        classes: Sequence[Any] | Mapping[Any, int] | None = None,
        dtype: torch.dtype = torch.int64,
        source_crs: CRS | str | int | None = None,
        valid_mask: bool = False,
        on_error: Literal["raise", "skip"] = "raise",
        index: GeoDataFrame | None = None,
    ) -> None:
        if task not in _TASKS:
            raise ConfigError(f"task is one of {', '.join(_TASKS)}, got {task!r}")
        if on_error not in ("raise", "skip"):
            raise ConfigError(f"on_error is 'raise' or 'skip', got {on_error!r}")
        self.paths = paths if root is None else root
        self.transforms = transforms
        self.label_name = label_name
        self.task: Task = task
        self.layer = layer
        self.valid_mask = valid_mask
        self.on_error = on_error
        self.skipped_files: list[str] = []
        self.source_crs = None if source_crs is None else CRS.from_user_input(source_crs)
        self._dtype = dtype
        self._labels: WeakKeyDictionary[Features, NDArray[Any]] = WeakKeyDictionary()
        target = None if crs is None else CRS.from_user_input(crs)
        self.index = vector_index(
            index if index is not None else self._find(),
            regex=self.filename_regex,
            date_format=self.date_format,
            mint=self.mint,
            maxt=self.maxt,
            crs=target,
            source_crs=self.source_crs,
            layer=layer,
            column=label_name,
            on_error=on_error,
            skipped=self.skipped_files,
            kind=type(self).__name__,
        )
        if res is None:
            unit = self._crs.axis_info[0].unit_conversion_factor if self._crs.axis_info else 1.0
            res = 0.0001 if self._crs.is_geographic else 10 / (unit or 1.0)
        self.res = res
        #: Label by value of `label_name`; empty where the values are the labels.
        self.classes: dict[Any, int] = {}
        if label_name is not None and not self._own_labels:
            self.classes = class_codes(self.files, label_name, layer, classes)

    def _find(self) -> list[str]:
        return find_vector_files(self.paths, self.filename_glob, type(self).__name__)

    # ---- labels ------------------------------------------------------------------------------

    @property
    def dtype(self) -> torch.dtype:
        """Of the mask in semantic segmentation: int64 unless said otherwise."""
        return self._dtype

    @property
    def _own_labels(self) -> bool:
        return type(self).get_label is not VectorDataset.get_label

    def get_label(self, feature: pd.Series) -> int:
        """The label of a feature; 0 leaves the feature out.

        Override it where a label follows from several columns: it is called once for each feature
        of a file with all its attributes.

        Args:
            feature: A row of the file's table, without the geometry.
        """
        if self.label_name is None:
            return 1
        return int(column_labels(feature[[self.label_name]], self.classes, "a feature")[0])

    def _labels_of(self, features: Features, path: str) -> NDArray[Any]:
        """The label of each feature, worked out once as long as the features are kept."""
        labels = self._labels.get(features)
        if labels is None:
            table = features.attributes
            if self._own_labels:
                rows = (self.get_label(row) for _, row in table.iterrows())
                labels = np.fromiter(rows, np.float64 if self._floating else np.int64, len(table))
            elif self.label_name is None:
                labels = np.ones(len(table), np.int64)
            else:
                where = f"column {self.label_name!r} of {path}"
                column = table[self.label_name]
                labels = column_labels(column, self.classes, where, whole=not self._floating)
            self._labels[features] = labels
        return labels

    @property
    def _floating(self) -> bool:
        return self.dtype.is_floating_point and self.task == "semantic_segmentation"

    # ---- reading -----------------------------------------------------------------------------

    def _features(self, query: Query) -> tuple[NDArray[Any], NDArray[Any]]:
        """Shapes, in the dataset's CRS, and labels of the features that touch a query."""
        bounds = (query.xmin, query.ymin, query.xmax, query.ymax)
        columns: tuple[str, ...] | None = () if self.label_name is None else (self.label_name,)
        if self._own_labels:
            columns = None
        shapes, labels = [np.empty(0, object)], [np.empty(0, np.int64)]
        paths = self._index["filepath"].array
        for row in self._rows(query):
            path = str(paths[row])
            if path in self.skipped_files:
                continue
            try:
                features = feature_store().get(
                    path,
                    self._crs,
                    layer=self.layer,
                    columns=columns,
                    tolerance=min(query.xres, query.yres) / 8,
                    bounds=bounds,
                    source_crs=self.source_crs,
                )
            except SwathError as error:
                if self.on_error == "raise":
                    raise
                self.skipped_files.append(path)
                log.warning("%s skipped (%d so far): %s", path, len(self.skipped_files), error)
                continue
            near = features.touching(bounds)
            own = self._labels_of(features, path)[near]
            shapes.append(features.shapes[near[own != 0]])
            labels.append(own[own != 0])
        return np.concatenate(shapes), np.concatenate(labels)

    def _fields(self) -> tuple[Field, ...] | None:
        if self.task != "semantic_segmentation" or self.dtype != torch.int64:
            return None
        return (Field("mask", 1, squeeze=True),)

    def _fill(
        self, queries: Sequence[Query], arrays: dict[str, NDArray[Any]], filled: NDArray[np.uint8]
    ) -> None:
        for i, query in enumerate(queries):
            shapes, labels = self._features(query)
            if len(shapes) == 0:
                continue
            top = burn(to_pixels(shapes, query.transform), query.height, query.width)
            new = (top > 0) & (filled[i] == 0)
            arrays["mask"][i, 0][new] = labels[top[new] - 1]
            filled[i][new] = 1

    def _load(self, query: Query) -> Sample:
        shapes, labels = self._features(query)
        if self.task == "semantic_segmentation":
            top = burn(to_pixels(shapes, query.transform), query.height, query.width)
            values = np.concatenate([np.zeros(1, labels.dtype), labels])[top]
            sample: Sample = {"mask": torch.from_numpy(values).to(self.dtype)}
            if self.valid_mask:
                sample["valid"] = torch.from_numpy(top > 0)
            return sample
        grid = query.grid(self._crs)
        found, which = boxes(shapes, grid)
        sample = {
            "bbox_xyxy": torch.from_numpy(found),
            "label": torch.from_numpy(labels[which].astype(np.int64)),
        }
        if self.task == "instance_segmentation":
            sample["mask"] = torch.from_numpy(instance_masks(shapes[which], grid))
        return sample

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_labels"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._labels = WeakKeyDictionary()

    # ---- seeing ------------------------------------------------------------------------------

    def plot(self, sample: Sample, show_titles: bool = True, suptitle: str | None = None) -> Figure:
        """Draw a sample: the image, if there is one, and its labels."""
        from swath.datasets.vector_plot import plot_labels

        names = {label: str(value) for value, label in self.classes.items()}
        return plot_labels(sample, self.cmap, names, show_titles, suptitle)
