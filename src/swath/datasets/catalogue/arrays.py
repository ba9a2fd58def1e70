"""Samples that are rows of arrays in an HDF5 file."""

from __future__ import annotations

import os
import pathlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.files import need
from swath.datasets.catalogue.parts import Part, Row, float_tensor, noise
from swath.datasets.catalogue.rows import RowSource
from swath.datasets.catalogue.site import Site, pattern
from swath.datasets.catalogue.table import Rows
from swath.errors import DependencyNotFoundError, UnreadableFileError

__all__ = ["ArrayImage", "ArrayLabel", "ArrayRows", "ArrayValue", "append_array", "array_row"]

_MOST_OPEN = 16
_open: OrderedDict[str, tuple[Any, tuple[int, int]]] = OrderedDict()
_lock = threading.Lock()


def _after_fork() -> None:
    # A handle that two processes share reads from wherever the other one has just been.
    global _lock
    _lock = threading.Lock()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DependencyNotFoundError(
            "this dataset is an HDF5 file, and h5py is not installed: pip install 'swath[hdf5]'"
        ) from error
    return h5py


def _file(path: str) -> Any:
    """The open file of this process; a file that has changed is opened anew."""
    h5py = _h5py()
    need(path)
    found = os.stat(path)
    stat = (found.st_size, found.st_mtime_ns)
    with _lock:
        kept = _open.get(path)
        if kept is not None and kept[1] == stat:
            _open.move_to_end(path)
            return kept[0]
        try:
            handle = h5py.File(path, "r")
        except OSError as error:
            raise UnreadableFileError(
                f"{path} cannot be read as HDF5: {error}. It may be cut short: fetch it again"
            ) from error
        _open[path] = (handle, stat)
        while len(_open) > _MOST_OPEN:
            _open.popitem(last=False)
        return handle


def _array(path: str, name: str) -> Any:
    handle = _file(path)
    if name not in handle:
        raise UnreadableFileError(
            f"{path} has no array {name!r}, only {', '.join(sorted(handle)) or 'none'}: it is not "
            "the file that was published"
        )
    _must_be_inside(handle, path, name)
    return handle[name]


def _must_be_inside(handle: Any, path: str, name: str) -> None:
    """Raise if an array lies in another file, which what was downloaded would so have read."""
    h5py = _h5py()
    steps = name.strip("/").split("/")
    for i in range(1, len(steps) + 1):
        link = handle.get("/".join(steps[:i]), getlink=True)
        found = None if isinstance(link, h5py.ExternalLink) else handle["/".join(steps[:i])]
        if found is None or getattr(found, "external", None) or getattr(found, "is_virtual", False):
            raise UnreadableFileError(
                f"{path} has {name!r} in another file, which is not read: it is not the file that "
                "was published"
            )


def array_row(path: str, name: str, number: int) -> NDArray[Any]:
    """One row of an array.

    Raises:
        DependencyNotFoundError: h5py is not installed.
        FileMissingError, UnreadableFileError: The file is not there, damaged, or has no such row.
    """
    array = _array(path, name)
    try:
        found: NDArray[Any] = array[number]
    except (OSError, ValueError, IndexError) as error:
        raise UnreadableFileError(
            f"{path}: row {number} of {name!r} cannot be read: {error}. Fetch the file again"
        ) from error
    return found


def append_array(path: str, name: str, number: int, value: NDArray[Any]) -> None:
    """Write one row of an array that grows as needed; for miniatures."""
    h5py = _h5py()
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with _lock:
        _open.pop(path, None)
    with h5py.File(path, "a") as file:
        if name not in file:
            file.create_dataset(
                name, (0, *value.shape), value.dtype, maxshape=(None, *value.shape),
                chunks=(1, *value.shape),
            )  # fmt: skip
        array = file[name]
        if len(array) <= number:
            array.resize(number + 1, axis=0)
        array[number] = value


def name_of(array: str, site: Site) -> str:
    """An array's name with the split and the choices filled in."""
    return pattern(array).format(site.fields)


class ArrayRows(RowSource):
    """The rows of an array in an HDF5 file: each sample's ``number`` in it.

    Args:
        file: Pattern of the file's path.
        array: Name of an array with a row a sample; fields in braces are the split and choices.
    """

    def __init__(self, file: str, array: str) -> None:
        self.file, self.array = file, array

    def find(self, site: Site) -> Rows:
        """A sample a row."""
        count = len(_array(site.path(self.file), name_of(self.array, site)))
        return Rows({"number": str(i)} for i in range(count))

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """The first rows of each split's file."""
        return [{"number": str(i)} for i in range(count)]


class ArrayImage(Part):
    """An image that is a row of one array, or of several with some of the bands each.

    Args:
        file: Pattern of the file's path.
        arrays: Name of the array -> names of its bands, which are its last axis: (N, H, W, C), or
            (N, T, H, W, C) for series. Fields in braces are the split and choices.
        key: Its name in the sample: float32 (C, H, W), or (T, C, H, W).
        size: (height, width), or (times, height, width), and dtype: how miniatures are made.
        dtype: See `size`.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        arrays: Mapping[str, Sequence[str]],
        key: str = "image",
        *,
        size: tuple[int, ...] = (32, 32),
        dtype: str = "float32",
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.size, self.dtype = file, size, dtype
        self.arrays = {name: tuple(bands) for name, bands in arrays.items()}

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.file, row)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The image, its bands in the order in which they were asked for."""
        path, number = self.files(site, row)[0], int(row["number"])
        layers: dict[str, NDArray[Any]] = {}
        for name, bands in self.arrays.items():
            wanted = [b for b in site.bands if b in bands]
            if not wanted:
                continue
            pixels = array_row(path, name_of(name, site), number)
            if pixels.shape[-1] != len(bands):
                raise UnreadableFileError(
                    f"{path}: {name!r} has {pixels.shape[-1]} bands where {len(bands)} are "
                    "expected: it is not the file that was published"
                )
            layers |= {b: pixels[..., bands.index(b)] for b in wanted}
        return {self.key: float_tensor(np.stack([layers[b] for b in site.bands], axis=-3))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise, in all arrays."""
        for name, bands in self.arrays.items():
            pixels = noise(rng, (*self.size, len(bands)), self.dtype)
            append_array(self.files(site, row)[0], name_of(name, site), int(row["number"]), pixels)


class ArrayLabel(Part):
    """A class number from a row of zeros with a one in it: int64 ().

    Args:
        file: Pattern of the file's path.
        array: Name of the array (N, classes).
        key: Its name in the sample.
        dtype: Of the array, in miniatures.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        array: str = "label",
        key: str = "label",
        *,
        dtype: str = "uint8",
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.array, self.dtype = file, array, dtype

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The label."""
        found = array_row(site.path(self.file, row), self.array, int(row["number"]))
        return {self.key: torch.tensor(int(found.argmax()))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """One class after the other."""
        number = int(row["number"])
        value = np.zeros(len(site.classes), self.dtype)
        value[number % len(value)] = 1
        append_array(site.path(self.file, row), self.array, number, value)


class ArrayValue(Part):
    """A number, or several, from a row of an array: float32 () or (K,).

    Args:
        file: Pattern of the file's path.
        array: Name of the array (N,) or (N, K); fields in braces are the split and choices.
        key: Its name in the sample.
        size: Of a row, in miniatures.
        dtype: Of the array, in miniatures.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        array: str,
        key: str = "label",
        *,
        size: tuple[int, ...] = (),
        dtype: str = "float64",
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.array, self.size, self.dtype = file, array, size, dtype

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The numbers."""
        path = site.path(self.file, row)
        found = array_row(path, name_of(self.array, site), int(row["number"]))
        return {self.key: torch.from_numpy(np.array(found, dtype=np.float32))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise."""
        value = np.asarray(noise(rng, self.size, self.dtype))
        append_array(
            site.path(self.file, row), name_of(self.array, site), int(row["number"]), value
        )
