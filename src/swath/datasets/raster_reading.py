"""How a raster layer answers queries: scenes opened when they are seen, read part by part."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from swath.datasets.batch import put_fill_values
from swath.datasets.geo import GeoDataset
from swath.datasets.query import Field, Query
from swath.errors import ConfigError, SwathError
from swath.raster.engine import METHODS, Target, read_scenes
from swath.raster.relabel import NOTHING, relabel
from swath.raster.scene import Scene, SceneBand, open_scene
from swath.typing import Sample

__all__ = ["Merge", "Part", "RasterReading"]

Merge = Literal["first", "last", "newest", "oldest", "least_nodata"]
_OPEN_SCENES = 256
_DEPTH = 4  # files over one query that are opened at first

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """Channels that come out as one tensor: its key, pixel side in pixels of the query."""

    key: str
    ratio: float
    channels: tuple[int, ...]

    @property
    def labels(self) -> bool:
        """Whether they are classes: whole numbers, never mixed with their neighbours."""
        return self.key.startswith("mask")


class RasterReading(GeoDataset):
    """The part of `RasterDataset` that reads pixels."""

    is_image: bool
    cache: bool
    time_series: bool
    merge: Merge
    on_error: Literal["raise", "skip"]
    overviews: bool
    class_map: NDArray[np.int64] | None
    skipped_files: list[str]
    _scenes: OrderedDict[tuple[str, int], Scene]
    _parts: list[Part]
    _fills: NDArray[np.float64]

    def _scene_bands(self, path: str) -> list[SceneBand]:
        """What to read for the row of the index whose file is `path`."""
        raise TypeError(f"{type(self).__name__} does not say which bands its files hold")

    def _skip(self, path: str, error: Exception) -> None:
        self.skipped_files.append(path)
        log.warning("%s skipped (%d so far): %s", path, len(self.skipped_files), error)

    def _scene(self, path: str, number: int = 0) -> Scene | None:
        """The open files of a row, for the part `number`; None if the file is skipped."""
        key = (path, number)
        scene = self._scenes.get(key)
        if scene is not None:
            with contextlib.suppress(KeyError):  # another thread has just let it go
                self._scenes.move_to_end(key)
            return scene
        if path in self.skipped_files:
            return None
        try:
            bands = self._scene_bands(path)
            if len(self._parts) > 1:
                own = self._parts[number].channels
                bands = [replace(bands[c], channel=i) for i, c in enumerate(own)]
            scene = open_scene(bands)
        except SwathError as error:
            if self.on_error == "raise":
                raise
            self._skip(path, error)
            return None
        self._scenes[key] = scene
        while len(self._scenes) > (_OPEN_SCENES if self.cache else len(self._parts)):
            with contextlib.suppress(KeyError):
                self._scenes.popitem(last=False)
        return scene

    # ---- reading -----------------------------------------------------------------------------

    @property
    def dtype(self) -> torch.dtype:
        """float32 for images, int64 for labels."""
        return torch.float32 if self.is_image else torch.int64

    @property
    def resampling(self) -> Any:
        """How pixels are interpolated: bilinear for images, nearest for labels.

        A subclass may say ``nearest``, ``bilinear``, ``cubic``, ``average`` or ``mode``, or give
        the member of `rasterio.enums.Resampling` of that name.
        """
        return "bilinear" if self.is_image else "nearest"

    def _groups(self) -> tuple[tuple[Field, ...], ...] | None:
        if self.time_series:
            return None
        return tuple(
            (Field(p.key, len(p.channels), p.labels and len(p.channels) == 1, p.ratio),)
            for p in self._parts
        )

    def _group_fills(self) -> list[dict[str, Sequence[float]]]:
        return [{p.key: self._fills[list(p.channels)].tolist()} for p in self._parts]

    def _ordered(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        if len(rows) < 2 or self.merge in ("first", "least_nodata"):
            return rows
        if self.merge == "last":
            return rows[::-1]
        start = self._table().t0[rows]
        order = np.argsort(start, kind="stable")
        return rows[order if self.merge == "oldest" else order[::-1]]

    def _scenes_of(self, rows: NDArray[np.intp], number: int = 0) -> list[Scene]:
        paths = self._table().paths
        found = (self._scene(paths[i], number) for i in rows)
        return [scene for scene in found if scene is not None]

    def _method(self, part: Part) -> Any:
        # Labels beside images are never interpolated.
        method = "nearest" if self.is_image and part.labels else self.resampling
        name = method if isinstance(method, str) else getattr(method, "name", str(method))
        if name not in METHODS:
            raise ConfigError(
                f"{type(self).__name__}.resampling is one of {', '.join(METHODS)}, got {method!r}"
            )
        return name

    def _fill_groups(
        self,
        queries: Sequence[Query],
        parts: Sequence[dict[str, NDArray[Any]]],
        marks: Sequence[NDArray[np.uint8]],
    ) -> None:
        rows = [self._ordered(self._rows(q)) for q in queries]
        for number, (part, arrays, mark) in enumerate(zip(self._parts, parts, marks, strict=True)):
            grids = [q.coarser(part.ratio) for q in queries]
            out = arrays[part.key]
            # Where many files lie over each other, seldom more than the first few are seen: the
            # others are not even opened.
            first, last = 0, _DEPTH if self.merge != "least_nodata" else sys.maxsize
            left = list(rows)
            while True:
                scenes = [self._scenes_of(r[first:last], number) for r in left]
                self._fill_from(grids, scenes, out, mark, part)
                if max(map(len, left)) <= last:
                    break
                left = [
                    r if len(r) > last and not mark[k].all() else r[:0] for k, r in enumerate(left)
                ]
                first, last = last, last * 4

    def _fill_from(
        self,
        queries: Sequence[Query],
        scenes: list[list[Scene]],
        out: NDArray[Any],
        filled: NDArray[np.uint8],
        part: Part,
    ) -> None:
        targets = [Target(q.transform, q.height, q.width) for q in queries]
        options: dict[str, Any] = {
            "resampling": self._method(part),
            "fills": self._fills[list(part.channels)],
            "overviews": self.overviews,
        }
        table = self.class_map if part.labels else None
        before = NOTHING if table is None or not filled.any() else filled.copy()
        if self.merge == "least_nodata":
            scenes = self._by_coverage(targets, scenes, out, options)
        read_scenes(targets, self._crs, scenes, out, filled, **options)
        if table is not None:
            relabel(out, table, before, filled)

    def _by_coverage(
        self,
        targets: list[Target],
        scenes: list[list[Scene]],
        out: NDArray[Any],
        options: dict[str, Any],
    ) -> list[list[Scene]]:
        ordered = []
        for k, members in enumerate(scenes):
            covered = []
            for scene in members if len(members) > 1 else []:
                trial = np.empty_like(out[k : k + 1])
                mark = np.zeros((1, *out.shape[2:]), np.uint8)
                read_scenes([targets[k]], self._crs, [[scene]], trial, mark, **options)
                covered.append(int(mark.sum()))
            order = np.argsort(covered, kind="stable")[::-1] if covered else range(len(members))
            ordered.append([members[int(i)] for i in order])
        return ordered

    def _load(self, query: Query) -> Sample:
        """A time series: one frame a date, oldest first."""
        rows = self._rows(query)
        table = self._table()
        dates = sorted({(int(table.t0[i]), int(table.t1[i])) for i in rows})
        sample: Sample = {}
        for number, part in enumerate(self._parts):
            grid = query.coarser(part.ratio)
            shape = (len(dates), len(part.channels), grid.height, grid.width)
            out = np.zeros(shape, np.int64 if part.labels else np.float32)
            filled = np.zeros((shape[0], *shape[2:]), np.uint8)
            groups = [
                self._scenes_of(
                    self._ordered(rows[(table.t0[rows] == t0) & (table.t1[rows] == t1)]), number
                )
                for t0, t1 in dates
            ]
            self._fill_from([grid] * len(dates), groups, out, filled, part)
            put_fill_values({"x": out}, filled, {"x": self._fills[list(part.channels)].tolist()})
            tensor = torch.from_numpy(out)
            squeeze = part.labels and shape[1] == 1
            sample[part.key] = tensor[:, 0] if squeeze else tensor
            if self.valid_mask:
                suffix = part.key.removeprefix("image").removeprefix("mask")
                sample["valid" + suffix] = torch.from_numpy(filled).bool()
        return sample

    def __copy__(self) -> Self:
        new = super().__copy__()
        new._scenes = OrderedDict()
        new.skipped_files = list(self.skipped_files)
        return new

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_scenes"] = OrderedDict()
        return state
