"""Numbers about all pixels of files, or of windows by chance: each file on its own grid."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swath.datasets.discover import discover_images, discover_labels
from swath.datasets.statistics import ChannelStatistics, LabelCounts
from swath.errors import BandError, DatasetNotFoundError
from swath.raster import read_info

__all__ = ["PICTURES", "measure_images", "measure_labels"]

PICTURES = (".png", ".jpg", ".jpeg")
SAMPLE = 256
BLOCK = 1024

Progress = Callable[[Sequence[Any], int], Iterable[Any]]
_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Scene:
    """Files of one acquisition, with which band each holds, by its number in the file."""

    files: dict[str, list[tuple[str, int]]]


def measure_images(
    images: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    bands: Sequence[str] | None = None,
    limit: int | None = 400,
    seed: int = 0,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Mean, deviation, limits and share of nodata of each band, in the files' own numbers.

    A pixel counts in the bands in which it has data (nodata values, masks and alpha are those of
    the file; NaN never counts). Sums are of float64, merged window by window.

    Args:
        images: Folders, files or patterns: scenes (`discover_images`), or PNG and JPEG pictures.
        exclude: What is in those folders and is no image.
        bands: Which; all by default.
        limit: Windows of 256 × 256 pixels at most, by chance; None for all pixels.
        seed: Which windows.
        progress: Called with the windows and their number, gives them back (a progress bar).

    Returns:
        ``bands``, ``mean``, ``std``, ``min``, ``max`` and ``nodata`` (shares) as lists, ``count``
        (valid pixels), ``files``, ``windows``, ``exact``; ``folders``: pictures by folder.

    Raises:
        DatasetNotFoundError: No image is there.
        BandError: No such band.
    """
    names, scenes = _layout(images, exclude, bands)
    windows, exact = _windows(scenes, limit, seed)
    statistics = {name: ChannelStatistics(1) for name in names}
    seen = dict.fromkeys(names, 0)
    for scene, box in progress(windows, len(windows)):
        for path, held in scene.files.items():
            for name, values, valid in _read(path, held, box):
                statistics[name].update(values[None], valid)
                seen[name] += values.size
    found = [statistics[name] for name in names]
    return {
        "bands": list(names),
        "mean": [float(s.mean[0]) for s in found],
        "std": [float(s.std[0]) for s in found],
        "min": [_known(s.low[0]) for s in found],
        "max": [_known(s.high[0]) for s in found],
        "nodata": [1 - int(s.count[0]) / max(seen[n], 1) for n, s in statistics.items()],
        "count": [int(s.count[0]) for s in found],
        "files": len({path for scene in scenes for path in scene.files}),
        "windows": len(windows),
        "exact": exact,
        "folders": _folders(scenes),
    }


def measure_labels(
    labels: Sequence[str],
    *,
    column: str | None = None,
    limit: int | None = 400,
    seed: int = 0,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Share of each class: of labelled pixels of rasters, of the area of polygons.

    Args:
        labels: Label rasters or vector files, or a folder of either.
        column: With the class, of a vector file.
        limit: As in `measure_images`.
        seed: As in `measure_images`.
        progress: As in `measure_images`.

    Returns:
        ``kind``, ``classes`` (``value``, ``name``, ``count`` of pixels or polygons, ``share``),
        ``unlabelled`` (share of pixels), ``exact``, ``column``.
    """
    layout = discover_labels(list(labels))
    if layout.kind == "vector":
        return _polygons(layout.files, column)
    counted, total = LabelCounts(), 0
    scenes = [_Scene({path: [("label", 1)]}) for path in layout.files]
    windows, exact = _windows(scenes, limit, seed)
    for scene, box in progress(windows, len(windows)):
        for path, held in scene.files.items():
            for _, values, valid in _read(path, held, box):
                counted.update(values, valid)
                total += values.size
    known = sum(counted.counts.values())
    classes = [
        {
            "value": int(v), "name": layout.names.get(int(v), f"class {v}"), "count": n,
            "share": n / max(known, 1),
        }
        for v, n in sorted(counted.counts.items())
    ]  # fmt: skip
    unlabelled = 1 - known / max(total, 1)
    return {"kind": "raster", "classes": classes, "unlabelled": unlabelled, "exact": exact,
            "column": None}  # fmt: skip


def _layout(
    images: Sequence[str], exclude: Sequence[str], bands: Sequence[str] | None
) -> tuple[tuple[str, ...], list[_Scene]]:
    """The bands' names, and which file holds which."""
    try:
        layout = discover_images(list(images), exclude=list(exclude))
    except DatasetNotFoundError:
        pictures = _pictures(images)
        if not pictures:
            raise
        count = read_info(pictures[0]).count
        names = (("red", "green", "blue", "alpha") if count > 2 else ("grey", "alpha"))[:count]
        chosen = [b for b in bands or names if b != "alpha"]
        if missing := [b for b in chosen if b not in names]:
            text = f"there is no band {missing[0]!r}: the bands are {', '.join(names)}"
            raise BandError(text) from None
        return tuple(chosen), [
            _Scene({p: [(b, names.index(b) + 1) for b in chosen]}) for p in pictures
        ]
    names = layout.check_bands(bands)
    scenes = []
    for scene in layout.scenes:
        files: dict[str, list[tuple[str, int]]] = {}
        for name in names:
            number = 1 if layout.separate_files else layout.bands.index(name) + 1
            files.setdefault(scene.files[name], []).append((name, number))
        scenes.append(_Scene(files))
    return names, scenes


def _pictures(roots: Sequence[str]) -> list[str]:
    found = [p for p in roots if p.lower().endswith(PICTURES) and os.path.isfile(p)]
    for root in roots:
        for folder, below, names in os.walk(root):
            below[:] = sorted(d for d in below if not d.startswith("."))
            found += [os.path.join(folder, n) for n in names if n.lower().endswith(PICTURES)]
    return sorted(found)


def _windows(
    scenes: Sequence[_Scene], limit: int | None, seed: int
) -> tuple[list[tuple[_Scene, _Box]], bool]:
    """Windows as fractions (left, top, right, bottom) of a scene, and whether they are all."""
    side = BLOCK if limit is None else SAMPLE
    grids: list[tuple[int, int, float, float]] = []
    for scene in scenes:
        path = next(iter(scene.files))
        if path.lower().endswith(PICTURES):  # small: whole, and not opened to know that
            grids.append((1, 1, 1.0, 1.0))
            continue
        infos = [read_info(p) for p in scene.files]
        wide, high = max(i.width for i in infos), max(i.height for i in infos)
        grids.append((math.ceil(wide / side), math.ceil(high / side), wide, high))
    ends = np.cumsum([across * down for across, down, _, _ in grids])
    total = int(ends[-1])
    chosen: Iterable[int] = range(total)
    if limit is not None and total > limit:
        chosen = sorted(np.random.default_rng(seed).choice(total, limit, replace=False).tolist())
    found = []
    for number in chosen:
        at = int(np.searchsorted(ends, number, "right"))
        across, down, width, height = grids[at]
        row, column = divmod(number - int(ends[at]) + across * down, across)
        box = (
            column * side / width, row * side / height,
            min((column + 1) * side / width, 1.0), min((row + 1) * side / height, 1.0),
        )  # fmt: skip
        found.append((scenes[at], box if across * down > 1 else (0.0, 0.0, 1.0, 1.0)))
    return found, len(found) == total


def _read(path: str, held: Sequence[tuple[str, int]], box: _Box) -> Iterator[tuple[str, Any, Any]]:
    """Name, values and validity of each band in a part of a file."""
    import rasterio
    from rasterio.windows import Window

    with _quiet(), rasterio.open(path) as file:
        # rounded alike on both sides: neighbours neither share a row nor leave one out
        left, right = (round(box[i] * file.width) for i in (0, 2))
        top, bottom = (round(box[i] * file.height) for i in (1, 3))
        if right <= left or bottom <= top:
            return
        window = Window(left, top, right - left, bottom - top)
        numbers = [number for _, number in held]
        values = file.read(numbers, window=window)
        valid = file.read_masks(numbers, window=window) > 0
    for i, (name, _) in enumerate(held):
        yield name, values[i], valid[i] & np.isfinite(values[i])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _polygons(files: Sequence[str], column: str | None) -> dict[str, Any]:
    import geopandas as gpd

    from swath.datamodules.columns import polygon_classes

    column, values = polygon_classes(files, column)
    area: dict[Any, float] = defaultdict(float)
    count: Counter[Any] = Counter()
    for path in files:
        frame = gpd.read_file(path)
        equal = frame.to_crs(6933) if frame.crs is not None else frame  # of equal area
        keys = frame[column] if column is not None else [values[0]] * len(frame)
        for key, size in zip(keys, equal.geometry.area, strict=True):
            area[key] += float(size)
            count[key] += 1
    whole = sum(area[v] for v in values) or 1.0
    classes = [
        {"value": v, "name": str(v), "count": count[v], "share": area[v] / whole} for v in values
    ]
    return {"kind": "vector", "classes": classes, "unlabelled": None, "exact": True,
            "column": column}  # fmt: skip


def _folders(scenes: Sequence[_Scene]) -> dict[str, int]:
    """Images by folder, where the folders are the classes of pictures."""
    paths = [next(iter(scene.files)) for scene in scenes]
    if not all(p.lower().endswith(PICTURES) for p in paths):
        return {}
    counted = Counter(os.path.basename(os.path.dirname(p)) for p in paths)
    return dict(sorted(counted.items())) if len(counted) > 1 else {}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
