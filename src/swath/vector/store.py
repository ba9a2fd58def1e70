"""Features at hand: each file read, repaired and reprojected once in a process, with a tree.

A file that would take more than the store's bytes is never loaded whole: each query reads the
features around its own window, from the file or, where the format has no spatial index, from a
copy that has one.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import ConfigError, CRSError
from swath.geometry import Bounds
from swath.geometry.transform import crs_key, same_crs, transform_bounds
from swath.vector.indexed import indexed_copy
from swath.vector.read import VectorInfo, read_info, read_layer
from swath.vector.reproject import flat, reproject, without_defects

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["FeatureStore", "Features", "feature_store", "set_feature_store"]

log = logging.getLogger(__name__)

_FEATURE_BYTES = 512  # Python object, GEOS geometry, tree node and attributes of one feature
_DEFAULT_BYTES = 1 << 30


@dataclass(eq=False)
class Features:
    """Features in one CRS, in the order of their file.

    Attributes:
        shapes: (N,) shapely geometries, valid, none empty.
        attributes: N rows: the columns asked for.
        tree: Finds the shapes whose boxes touch a box.
        nbytes: About how much memory this takes.
    """

    shapes: NDArray[Any]
    attributes: DataFrame
    tree: shapely.STRtree = field(init=False)
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.tree = shapely.STRtree(self.shapes)
        coordinates = int(shapely.get_num_coordinates(self.shapes).sum())
        table = int(self.attributes.memory_usage(index=False, deep=True).sum())
        self.nbytes = len(self.shapes) * _FEATURE_BYTES + coordinates * 16 + table

    def touching(self, bounds: Bounds) -> NDArray[np.intp]:
        """Positions of the shapes that touch a box, in the order of the file."""
        return np.sort(self.tree.query(shapely.box(*bounds), predicate="intersects"))


def load_features(
    info: VectorInfo,
    crs: CRS,
    columns: tuple[str, ...] | None,
    tolerance: float,
    *,
    source_crs: CRS | None = None,
    bounds: Bounds | None = None,
) -> Features:
    """Read a layer's features, those around `bounds` (in the file's CRS) or all of them."""
    own = source_crs if info.crs is None and source_crs is not None else info.need_crs()
    frame = read_layer(info, columns, bounds)
    where = f"{info.path} (layer {info.layer!r})"
    shapes = np.asarray(frame.geometry.values, dtype=object)
    # Windows are read again and again: what is wrong with a file is no news then.
    level = logging.WARNING if bounds is None else logging.DEBUG
    shapes = without_defects(flat(shapes), where, level)
    if not same_crs(own, crs):
        shapes = reproject(shapes, own, crs, tolerance, where, level)
    table = frame.drop(columns=frame.geometry.name)
    some = ~shapely.is_missing(shapes)
    if not some.all() and bounds is None:
        log.info("%s: %d features without a geometry are left out", where, int((~some).sum()))
    return Features(shapes[some], table.loc[some].reset_index(drop=True))


class FeatureStore:
    """Keeps the features of files in memory, up to a number of bytes; the oldest go first.

    Threads may share it: each file is loaded by one of them while the others wait. A forked
    process goes on with what its parent had loaded.
    """

    def __init__(self, max_bytes: int = _DEFAULT_BYTES) -> None:
        if max_bytes < 0:
            raise ConfigError(f"the bytes of a feature store are not negative, got {max_bytes}")
        self.max_bytes = max_bytes
        self._kept: OrderedDict[Any, tuple[float, Features]] = OrderedDict()
        self._infos: OrderedDict[Any, VectorInfo] = OrderedDict()
        self._renew_locks()

    def _renew_locks(self) -> None:
        self._lock = threading.Lock()
        self._loading: dict[Any, threading.Lock] = {}

    @property
    def nbytes(self) -> int:
        """About how much memory the kept features take."""
        return sum(features.nbytes for _, features in list(self._kept.values()))

    def info(self, path: str, layer: str | int | None = None) -> VectorInfo:
        """Header of a layer, read once as long as the file does not change."""
        key = (*_content(path), layer)
        info = self._infos.get(key)
        if info is None:
            info = read_info(path, layer)
            with self._lock:
                self._infos[key] = info
                while len(self._infos) > 4096:
                    self._infos.popitem(last=False)
        return info

    def fits(self, info: VectorInfo) -> bool:
        """Whether a file is loaded whole: 512 bytes a feature and its size on disk are enough to
        hold what it becomes in memory.
        """
        size = os.path.getsize(info.path) if os.path.isfile(info.path) else 0
        return info.count * _FEATURE_BYTES + size <= self.max_bytes

    def get(
        self,
        path: str,
        crs: CRS,
        *,
        layer: str | int | None = None,
        columns: tuple[str, ...] | None = (),
        tolerance: float,
        bounds: Bounds,
        source_crs: CRS | None = None,
    ) -> Features:
        """Features of a layer in a CRS: all of them if the file fits, else those around a window.

        Args:
            path: A vector file.
            crs: The CRS wanted.
            layer: Name or number of the layer; None is the first.
            columns: Attributes wanted; None is all.
            tolerance: How far, in units of `crs`, an edge may lie from the true one.
            bounds: The window, in `crs`; used only where the file is not loaded whole.
            source_crs: The CRS of files that state none.

        Raises:
            SwathError: The file cannot be read, has no CRS, no such layer or no such column.
        """
        info = self.info(path, layer)
        if not self.fits(info):
            return self._window(info, crs, columns, tolerance, bounds, source_crs)
        key = (*_content(path), info.layer, crs_key(crs), columns, _key_of(source_crs))
        found = self._find(key, tolerance)
        if found is not None:
            return found
        with self._lock:
            turn = self._loading.setdefault(key, threading.Lock())
        with turn:
            found = self._find(key, tolerance)
            if found is None:
                # By powers of two, so that queries of many resolutions share one version.
                rounded = 2.0 ** math.floor(math.log2(tolerance))
                found = load_features(info, crs, columns, rounded, source_crs=source_crs)
                self._keep(key, rounded, found)
        return found

    def _find(self, key: Any, tolerance: float) -> Features | None:
        with self._lock:
            entry = self._kept.get(key)
            if entry is None or entry[0] > tolerance:
                return None
            self._kept.move_to_end(key)
            return entry[1]

    def _keep(self, key: Any, tolerance: float, features: Features) -> None:
        with self._lock:
            self._kept[key] = (tolerance, features)
            self._loading.pop(key, None)
            total = sum(kept.nbytes for _, kept in self._kept.values())
            while total > self.max_bytes and len(self._kept) > 1:
                _, (_, gone) = self._kept.popitem(last=False)
                total -= gone.nbytes

    def _window(
        self,
        info: VectorInfo,
        crs: CRS,
        columns: tuple[str, ...] | None,
        tolerance: float,
        bounds: Bounds,
        source_crs: CRS | None,
    ) -> Features:
        own = source_crs if info.crs is None and source_crs is not None else info.need_crs()
        if not info.indexed:
            info = self._indexed(info)
        window = _window_in(bounds, crs, own)
        return load_features(info, crs, columns, tolerance, source_crs=source_crs, bounds=window)

    def _indexed(self, info: VectorInfo) -> VectorInfo:
        """The copy of a layer that has a spatial index."""
        key = (*_content(info.path), info.layer, "indexed")
        copy = self._infos.get(key)
        if copy is None or not os.path.isfile(copy.path):
            copy = indexed_copy(info, _content(info.path))
            with self._lock:
                self._infos[key] = copy
        return copy

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._infos.clear()


def _window_in(bounds: Bounds, crs: CRS, own: CRS) -> Bounds | None:
    """A window in a file's CRS; None (everything) where it cannot be said there."""
    if same_crs(crs, own):
        return bounds
    try:
        west, south, east, north = transform_bounds(crs, own, bounds)
    except CRSError:
        return None
    # The edges between the sampled places may bend outwards a little.
    dx, dy = (east - west) * 0.02, (north - south) * 0.02
    return west - dx, south - dy, east + dx, north + dy


def _content(path: str) -> tuple[Any, ...]:
    """What tells one content of a file from another."""
    try:
        state = os.stat(path)
    except OSError:
        return (path,)
    return path, state.st_size, state.st_mtime_ns


def _key_of(crs: CRS | None) -> str | None:
    return None if crs is None else crs_key(crs)


def _from_environment() -> FeatureStore:
    text = os.environ.get("SWATH_VECTOR_BYTES", "")
    if not text:
        return FeatureStore()
    try:
        return FeatureStore(int(text))
    except ValueError as error:
        raise ConfigError(f"SWATH_VECTOR_BYTES is a number of bytes, got {text!r}") from error


_store: FeatureStore | None = None


def feature_store() -> FeatureStore:
    """The store of this process: 1 GiB, or what ``SWATH_VECTOR_BYTES`` says."""
    global _store
    if _store is None:
        _store = _from_environment()
        hook: Callable[[], None] = _after_fork
        os.register_at_fork(after_in_child=hook)
    return _store


def _after_fork() -> None:
    if _store is not None:
        _store._renew_locks()


def set_feature_store(max_bytes: int) -> FeatureStore:
    """Use a new store of another size in this process (and in those it forks)."""
    store = feature_store()
    with store._lock:
        store.max_bytes = FeatureStore(max_bytes).max_bytes
    store.clear()
    return store
