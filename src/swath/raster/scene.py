"""What is read together: the bands of one scene, grouped by grid, with their tiles' addresses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from swath.errors import BandError
from swath.geometry import Grid
from swath.raster.source import Source, open_source

__all__ = ["BandGroup", "Scene", "SceneBand", "open_scene"]


@dataclass(frozen=True)
class SceneBand:
    """One band of one file, and the channel of the answer that it becomes.

    Args:
        path: File.
        band: Number of the band in the file, from 0.
        channel: Channel of the answer, from 0.
        nodata: Nodata value that overrides the file's; None leaves the file's.
        scale, offset: The answer is stored value × scale + offset (nodata excepted).
    """

    path: str
    band: int
    channel: int
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0


@dataclass
class BandGroup:
    """Bands on one grid, of one dtype and tiling, that become consecutive channels."""

    sources: list[Source]
    bands: list[int]
    first_channel: int
    nodata: NDArray[np.float64]
    has_nodata: NDArray[np.bool_]
    gain: NDArray[np.float32] | None
    _tables: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        info = self.sources[0].info
        self.info = info
        self.like: NDArray[Any] = np.empty(0, info.dtype)
        self.masked = any(s.info.mask in ("band", "alpha") for s in self.sources)
        # In which numbers nodata can be recognised after conversion to float32
        self.float_exact = info.dtype.itemsize <= 2 or info.dtype == np.float32
        self.is_float = info.dtype.kind == "f"
        self.any_nodata = bool(self.has_nodata.any())
        native = np.zeros(len(self.bands), info.dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            native[self.has_nodata] = self.nodata[self.has_nodata].astype(info.dtype)
        self.native_nodata = native
        # A nodata value that the dtype cannot hold (-9999 in uint8) marks nothing.
        fits = native.astype(np.float64) == self.nodata
        if self.is_float:
            fits |= ~np.isfinite(self.nodata) | (native == self.nodata.astype(info.dtype))
        self.has_nodata = self.has_nodata & fits
        self.any_nodata = bool(self.has_nodata.any())
        t = info.transform
        self.levels = []
        for level in info.levels:
            fx, fy = info.width / level.width, info.height / level.height
            self.levels.append((t.a * fx, t.b * fy, t.c, t.d * fx, t.e * fy, t.f))

    @property
    def channels(self) -> slice:
        """The channels of the answer that this group fills."""
        return slice(self.first_channel, self.first_channel + len(self.bands))

    def tiles(
        self, level: int, ty0: int, ty1: int, tx0: int, tx1: int
    ) -> tuple[NDArray[np.uint64], int, int, int, int, list[Any]]:
        """Addresses of tiles [ty0, ty1) × [tx0, tx1) of each band.

        Returns:
            table (B, rows, columns), row and column stride in bytes, first tile row and column
            of the table, and what must stay referenced while the addresses are used.
        """
        whole = self._tables.get(level, False)
        if whole is False:
            whole = self._tables[level] = self._direct(level)
        if whole is not None:
            table, row_stride, col_stride = whole
            return table, row_stride, col_stride, 0, 0, []
        table = np.zeros((len(self.bands), ty1 - ty0, tx1 - tx0), np.uint64)
        keep: list[Any] = []
        strides: tuple[int, ...] | None = None
        size = self.info.levels[level]
        for b, (source, band) in enumerate(zip(self.sources, self.bands, strict=True)):
            for ty in range(ty0, ty1):
                for tx in range(tx0, tx1):
                    tile = source.tile(level, band, ty, tx)
                    if strides is None:
                        strides = _whole_strides(tile, size.tile_width)
                    if tile.strides != strides:
                        tile = _relay(tile, strides, size.tile_height, size.tile_width)
                    keep.append(tile)
                    table[b, ty - ty0, tx - tx0] = tile.__array_interface__["data"][0]
        if strides is None:
            strides = (0, 0)
        return table, strides[0], strides[1], ty0, tx0, keep

    def _direct(self, level: int) -> tuple[NDArray[np.uint64], int, int] | None:
        parts = [s.direct(level, b) for s, b in zip(self.sources, self.bands, strict=True)]
        if any(p is None for p in parts):
            return None
        real = [p for p in parts if p is not None]
        if len({(p.row_stride, p.col_stride) for p in real}) != 1:
            return None
        return np.stack([p.addresses for p in real]), real[0].row_stride, real[0].col_stride

    def mask_window(
        self, level: int, top: int, left: int, height: int, width: int
    ) -> NDArray[np.uint8] | None:
        """Validity (height, width) of a window inside the image, from masks and alpha bands."""
        valid: NDArray[np.uint8] | None = None
        size = self.info.levels[level]
        th, tw = size.tile_height, size.tile_width
        for source in dict.fromkeys(self.sources):
            if source.info.mask not in ("band", "alpha"):
                continue
            part = np.full((height, width), 255, np.uint8)
            for ty in range(max(top, 0) // th, (min(top + height, size.height) - 1) // th + 1):
                for tx in range(max(left, 0) // tw, (min(left + width, size.width) - 1) // tw + 1):
                    tile = source.mask_tile(level, ty, tx)
                    if tile is None:
                        continue
                    r0, c0 = max(ty * th, top), max(tx * tw, left)
                    r1 = min(ty * th + tile.shape[0], top + height, size.height)
                    c1 = min(tx * tw + tile.shape[1], left + width, size.width)
                    part[r0 - top : r1 - top, c0 - left : c1 - left] = tile[
                        r0 - ty * th : r1 - ty * th, c0 - tx * tw : c1 - tx * tw
                    ]
            valid = part if valid is None else np.minimum(valid, part)
        return valid


def _whole_strides(tile: NDArray[Any], tile_width: int) -> tuple[int, ...]:
    if tile.shape[1] == tile_width and tile.strides[0] > 0 and tile.strides[1] > 0:
        return tile.strides
    return tile_width * tile.itemsize, tile.itemsize


def _relay(tile: NDArray[Any], strides: tuple[int, ...], height: int, width: int) -> NDArray[Any]:
    """The same pixels with other strides: tiles of a group are addressed alike."""
    room = np.zeros(strides[0] * height + strides[1] * width, np.uint8)
    laid = np.lib.stride_tricks.as_strided(
        room.view(tile.dtype), (min(height, tile.shape[0]), min(width, tile.shape[1])), strides
    )
    laid[:] = tile[: laid.shape[0], : laid.shape[1]]
    return laid


@dataclass
class Scene:
    """What one row of an index is read from: groups of bands, all in one CRS."""

    crs: CRS
    groups: list[BandGroup]
    #: Smallest side of a pixel, in units of `crs`.
    finest: float

    @property
    def middle(self) -> float:
        """X coordinate (longitude, in a geographic CRS) of the middle of the scene."""
        xmin, _, xmax, _ = Grid(
            self.crs,
            self.groups[0].info.transform,
            self.groups[0].info.width,
            self.groups[0].info.height,
        ).bounds
        return (xmin + xmax) / 2


def open_scene(bands: Iterable[SceneBand], crs: CRS | None = None) -> Scene:
    """Open the files of a scene and group its bands by grid.

    Args:
        bands: Bands in the order of their channels.
        crs: CRS of files that carry none.

    Raises:
        BandError: A file has fewer bands than asked for.
        CRSError: A file has no CRS, or the files of the scene have different ones.
    """
    groups: list[BandGroup] = []
    runs: list[tuple[Any, list[tuple[SceneBand, Source]]]] = []
    scene_crs = crs
    for band in bands:
        source = open_source(band.path)
        info = source.info
        if not 0 <= band.band < info.count:
            raise BandError(
                f"{band.path} has {info.count} band{'s' if info.count != 1 else ''}, "
                f"band {band.band + 1} was asked for; check bands=… and all_bands"
            )
        if scene_crs is None:
            scene_crs = info.grid.crs
        key = (tuple(info.transform), info.levels, info.dtype.str)
        last = runs[-1] if runs else None
        if last is not None and last[0] == key and last[1][-1][0].channel + 1 == band.channel:
            last[1].append((band, source))
        else:
            runs.append((key, [(band, source)]))
    for _, members in runs:
        groups.append(_group(members))
    if scene_crs is None:
        raise BandError("a scene needs at least one band")
    finest = min(
        math.hypot(*sides)
        for g in groups
        for sides in (
            (g.info.transform.a, g.info.transform.d),
            (g.info.transform.b, g.info.transform.e),
        )
    )
    return Scene(scene_crs, groups, finest)


def _group(members: Sequence[tuple[SceneBand, Source]]) -> BandGroup:
    values = [b.nodata if b.nodata is not None else s.info.nodata[b.band] for b, s in members]
    gain = None
    if any(b.scale != 1.0 or b.offset != 0.0 for b, _ in members):
        gain = np.array([[b.scale, b.offset] for b, _ in members], np.float32)
    return BandGroup(
        [s for _, s in members],
        [b.band for b, _ in members],
        members[0][0].channel,
        np.array([np.nan if v is None else v for v in values], np.float64),
        np.array([v is not None for v in values], np.bool_),
        gain,
    )
