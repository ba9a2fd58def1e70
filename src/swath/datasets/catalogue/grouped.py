"""Samples that are groups of an HDF5 file, each with its arrays and a fold."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue.arrays import _file as open_file
from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.parts import Part, Row, float_tensor, noise
from swath.datasets.catalogue.rows import RowSource
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.table import Rows
from swath.errors import UnreadableFileError

__all__ = ["GroupDates", "GroupMask", "GroupRows"]


class GroupRows(RowSource):
    """The groups of a file that are in a fold and have all arrays, sorted by name.

    Args:
        files: Split -> the file's path.
        folds: Split -> values of the attribute ``fold``.
        needed: Arrays that a sample has to have; groups without one are left out.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        folds: Mapping[str, Sequence[int | str]],
        needed: Sequence[str],
    ) -> None:
        self.files, self.folds, self.needed = dict(files), dict(folds), tuple(needed)

    def find(self, site: Site) -> Rows:
        """The split's groups."""
        split = site.fields["split"]
        file = open_file(site.path(self.files[split]))
        wanted = {str(fold) for fold in self.folds[split]}
        return Rows(
            {"file": self.files[split], "group": name}
            for name in sorted(file)
            if _text(file[name].attrs.get("fold")) in wanted
            and all(array in file[name] for array in self.needed)
        )

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Groups of the split's folds."""
        split = site.fields["split"]
        folds = self.folds[split]
        return [
            {"file": self.files[split], "group": f"0328d12a-4ad8-4504-8ac5-{start + i:012d}_0",
             "fold": str(folds[i % len(folds)])}
            for i in range(count)
        ]  # fmt: skip


class GroupDates(Part):
    """Arrays (H, W, C) of a group, one a date: float32 (T, C, H, W).

    Args:
        arrays: Their names, in order.
        size: (height, width) in miniatures.
        key: Its name in the sample.
        when: As in `Part`.
    """

    def __init__(
        self,
        arrays: Sequence[str],
        size: tuple[int, int] = (32, 32),
        key: str = "image",
        *,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.arrays, self.size = tuple(arrays), size

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The dates, in the wanted bands."""
        bands = [site.all_bands.index(band) for band in site.bands]
        dates = [
            float_tensor(_array(site, row, name)[..., bands].transpose(2, 0, 1))
            for name in self.arrays
        ]
        return {self.key: torch.stack(dates)}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise."""
        shape = (*self.size, len(site.all_bands))
        _write(site, row, {name: noise(rng, shape, "uint16") for name in self.arrays})


class GroupMask(Part):
    """One array (H, W, 1) of a group: int64 (1, H, W).

    Args:
        array: Its name.
        size: (height, width) in miniatures.
        key: Its name in the sample.
        when: As in `Part`.
    """

    def __init__(
        self,
        array: str = "mask",
        size: tuple[int, int] = (32, 32),
        key: str = "mask",
        *,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.array, self.size = array, size

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The mask."""
        mask = _array(site, row, self.array).astype(np.int64)
        return {self.key: torch.from_numpy(np.ascontiguousarray(mask.transpose(2, 0, 1)))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Every class somewhere."""
        values = rng.permutation(np.arange(np.prod(self.size)) % max(len(site.classes), 2))
        _write(site, row, {self.array: values.reshape(*self.size, 1).astype("uint16")})


def _array(site: Site, row: Row, name: str) -> Any:
    path, group = site.path("{file}", row), row["group"]
    try:
        found = open_file(path)[group][name][...]
    except (KeyError, OSError, ValueError) as error:
        raise UnreadableFileError(
            f"{path}: {name!r} of {group} cannot be read: {error}. Fetch the file again"
        ) from error
    if found.ndim != 3:
        raise UnreadableFileError(f"{path}: {name!r} of {group} has {found.shape}: not (H, W, C)")
    return found


def _write(site: Site, row: Row, arrays: Mapping[str, Any]) -> None:
    import h5py

    path = pathlib.Path(site.path("{file}", row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "a") as file:
        group = file.require_group(row["group"])
        fold = row["fold"]
        group.attrs["fold"] = int(fold) if fold.isdigit() else fold
        for name, value in arrays.items():
            group.create_dataset(name, data=value)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
