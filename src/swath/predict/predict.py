"""A map out of a model and a layer of images: whole areas, blended, in bounded memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from torch import Tensor
from tqdm.auto import tqdm

from swath.datasets import GeoDataset
from swath.datasets.query import interval_nanoseconds, nanoseconds
from swath.errors import ConfigError, GridError, NoOverlapError, UnsupportedDataError
from swath.geometry import Bounds, Grid
from swath.predict.area import inside, map_grid, query_of, region, reporting, worth_reading
from swath.predict.blend import Blend, Blender, window_weights
from swath.predict.model import Activation, Ensemble, Model
from swath.predict.output import Legend, MapWriter, Output, confidence_path
from swath.predict.read import batches
from swath.predict.windows import Tiling, Window
from swath.typing import GeoSlice, Path, Sample

__all__ = ["PredictedMap", "predict_map"]

_BUFFER = 1 << 29  # bytes of blended rows that are kept at most, unless windows ask for more


@dataclass(frozen=True)
class PredictedMap:
    """What `predict_map` made.

    Args:
        path: The map.
        confidence: The map of confidence, if one was asked for.
        grid: Where it lies.
        windows: Number of windows predicted.
        pixels: Number of pixels of each class, by value; empty for other outputs.
        known: Number of pixels that are not nodata.
        seconds: How long it took.
    """

    path: str
    confidence: str | None
    grid: Grid
    windows: int
    pixels: dict[int, int]
    known: int
    seconds: float


def predict_map(
    model: Model | Sequence[Model],
    dataset: GeoDataset,
    out: Path,
    *,
    grid: Grid | None = None,
    bounds: Bounds | None = None,
    res: float | tuple[float, float] | None = None,
    crs: Any = None,
    roi: Any = None,
    when: slice | None = None,
    size: int = 256,
    overlap: float = 0.25,
    blend: Blend = "cosine",
    batch_size: int = 16,
    num_workers: int = 0,
    device: str | torch.device | None = None,
    autocast: torch.dtype | None = None,
    transform: Callable[[Sample], Sample] | None = None,
    activation: Activation = "auto",
    output: Output = "classes",
    classes: Sequence[str] | Mapping[int, str] | None = None,
    values: Sequence[int] | None = None,
    colours: Sequence[Sequence[int]] | Mapping[int, Sequence[int]] | None = None,
    threshold: float = 0.5,
    nodata: float | None = None,
    confidence: bool | Path = False,
    tags: Mapping[str, object] | None = None,
    compress: str = "deflate",
    progress: bool = True,
) -> PredictedMap:
    """Predict an area window by window and write it as one seamless cloud-optimised GeoTIFF.

    Windows overlap; their probabilities (not their classes) are averaged with weights that fall
    off towards the windows' edges. Where all windows say the same, the map says exactly that.
    Memory depends neither on the area's height nor, beyond a limit, on its width. Windows without
    data or outside the area of interest are neither read nor predicted. The file appears when it
    is complete.

    Args:
        model: A module or function that takes (B, C, size, size) and gives (B, K, size, size),
            or several, whose probabilities are averaged. One channel is a binary logit.
        dataset: The images. Pixels where they have no data become nodata.
        out: The map, a GeoTIFF. Beside it a style for QGIS with the names of the classes.
        grid: Where the map lies, north up; instead of `bounds`, `res` and `crs`.
        bounds: (xmin, ymin, xmax, ymax) of the map in `crs`; by default all of the dataset.
        res: Its pixel size; by default the dataset's.
        crs: Its CRS; by default the dataset's. Images are warped to it as they are read.
        roi: Area of interest: a polygon in the map's CRS, or a GeoDataFrame or GeoSeries. Pixels
            whose centre is outside become nodata.
        when: Time, as a slice of timestamps or dates; by default any.
        size: Side of the windows in pixels: what the model was trained with, or more.
        overlap: Fraction of a window that its neighbour shares at least.
        blend: cosine, linear, or none (plain mean).
        batch_size: Windows that go through the model together.
        num_workers: Processes that read; with 0 a thread reads ahead.
        device: Where to compute; by default where the model is.
        autocast: Compute in this dtype, torch.bfloat16 for one.
        transform: Called with each batch (image, bounds, …) on the device before the model, to
            normalise for instance. The dataset's own transforms have been applied.
        activation: See `swath.predict.Ensemble`; for regression nothing is applied.
        output: classes (the most probable one, with colours), probabilities (one band a class),
            or regression (the model's values).
        classes: Names in the order of the channels, or by pixel value in that order.
        values: Pixel values of the classes in the order of the channels; 0, 1, … if left out.
        colours: (red, green, blue) in the order of the channels, or by pixel value.
        threshold: From which probability on a pixel is class 1, for a binary logit.
        nodata: By default 255 (or another free value) for classes, NaN for the rest.
        confidence: With True, the probability of the chosen class in percent is written to
            ``<name>_confidence.tif``; or give a path.
        tags: Metadata of the file.
        compress: deflate, zstd, lzw or none.
        progress: Whether a bar is shown.

    Raises:
        NoOverlapError: The map's area shares no ground or time with the dataset.
        ConfigError: Options that contradict one another, or not as many classes as the model has.
        UnsupportedDataError: The model gives something else, or values that are not finite.
        WriteError: The disk is full; nothing is left.
    """
    begin = time.perf_counter()
    if output not in ("classes", "probabilities", "regression"):
        raise ConfigError(f"output is {output!r}; choose classes, probabilities or regression")
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}; it is at least 1")
    place, shape = _place(dataset, grid, crs, res, bounds, roi)
    ensemble = Ensemble(
        model,
        activation="none" if output == "regression" else activation,
        device=device,
        autocast=autocast,
    )
    tiling = Tiling(place.width, place.height, size, overlap)
    weights = window_weights(size, blend)
    layer = reporting(dataset, place.crs)
    span = _time(when, layer)
    footprints = _footprints(layer, span)
    windows = worth_reading(list(tiling.windows()), place, footprints, shape)
    if not windows:
        raise NoOverlapError(
            f"{os.fspath(out)}: the map's area {place.bounds} in {place.crs.to_string()} has no "
            f"images in {type(dataset).__name__} (at {span.start} to {span.stop}"
            f"{', within roi' if shape is not None else ''}); see dataset.index"
        )

    def describe(channels: int) -> MapWriter:
        if output == "classes":
            legend = Legend.of(max(2, channels), classes, values, colours)
            names: list[str] = []
        else:
            legend = None
            names = _band_names(channels, classes)
        return MapWriter(
            out,
            place,
            output,
            channels,
            names,
            legend,
            nodata,
            confidence_path(out, confidence) if output == "classes" else None,
            threshold,
            tags or {},
            compress,
        )

    total = 0
    first = windows[0]
    with ExitStack() as stack:
        stack.enter_context(ensemble.inference())
        # How many channels there are is known when the model has spoken.
        probe = next(batches(layer, [[query_of(first, place, span)]], 0))
        channels = _run(ensemble, probe, transform, [first], place).shape[1]
        writer = stack.enter_context(describe(channels))
        strips = tiling.strips(_BUFFER // (channels * size * 8))
        plans = [_of_strip(windows, start, stop) for start, stop in strips]
        bar = stack.enter_context(
            tqdm(
                total=sum(map(len, plans)),
                desc=os.path.basename(os.fspath(out)),
                unit="window",
                disable=not progress,
            )
        )

        def emit(part: NDArray[np.float64], known: NDArray[np.bool_], row: int, col: int) -> None:
            if shape is not None:
                known = known & inside([shape], place, row, col, *known.shape)
            writer.write(part, known, row, col)

        for (start, stop), plan in zip(strips, plans, strict=True):
            blender = Blender(channels, place.height, start, stop, weights, emit)
            groups = [plan[i : i + batch_size] for i in range(0, len(plan), batch_size)]
            queries = (_queries(group, place, span) for group in groups)
            for group, batch in zip(groups, batches(layer, queries, num_workers), strict=True):
                valid = _valid(batch, group, place, footprints)
                some = [i for i in range(len(group)) if valid[i].any()]
                if some:
                    chosen = batch if len(some) == len(group) else _select(batch, some)
                    result = _run(ensemble, chosen, transform, [group[i] for i in some], place)
                    for values_, i in zip(result, some, strict=True):
                        _check_finite(values_, valid[i], group[i], place)
                        blender.add(group[i], torch.where(valid[i], values_, 0), valid[i])
                total += len(group)
                bar.update(len(group))
            blender.finish()
    legend = writer.legend
    return PredictedMap(
        path=os.fspath(out),
        confidence=None if writer.confidence is None else os.fspath(writer.confidence),
        grid=place,
        windows=total,
        pixels=dict(zip(legend.values, writer.counts.tolist(), strict=True)) if legend else {},
        known=writer.known,
        seconds=time.perf_counter() - begin,
    )


def _place(
    dataset: GeoDataset, grid: Grid | None, crs: Any, res: Any, bounds: Any, roi: Any
) -> tuple[Grid, BaseGeometry | None]:
    if grid is None:
        return map_grid(dataset, crs=crs, res=res, bounds=bounds, roi=roi)
    if not (crs is None and res is None and bounds is None):
        raise ConfigError("give either grid, or any of crs, res and bounds; grid holds all of them")
    t = grid.transform
    if t.b != 0 or t.d != 0 or t.a <= 0 or t.e >= 0:
        raise GridError(
            f"a map is north up; the grid's transform {tuple(t)[:6]} is rotated or turned over"
        )
    return grid, region(roi, grid.crs)


def _time(when: slice | None, dataset: GeoDataset) -> slice:
    whole = dataset.bounds[2]
    if when is None:
        return slice(whole.start, whole.stop)
    return slice(
        whole.start if when.start is None else when.start,
        whole.stop if when.stop is None else when.stop,
    )


def _footprints(dataset: GeoDataset, span: slice) -> NDArray[Any]:
    start, stop = interval_nanoseconds(dataset.index.index)
    now = (start <= nanoseconds(span.stop)) & (stop >= nanoseconds(span.start))
    return np.asarray(dataset.index.geometry.values, dtype=object)[now]


def _queries(group: Sequence[Window], grid: Grid, span: slice) -> list[GeoSlice]:
    return [query_of(window, grid, span) for window in group]


def _of_strip(windows: list[Window], start: int, stop: int) -> list[Window]:
    return [w for w in windows if w.col < stop and w.col + w.size > start]


def _band_names(channels: int, classes: Any) -> list[str]:
    if classes is None:
        return []
    names = list(classes.values()) if isinstance(classes, Mapping) else list(map(str, classes))
    if channels == 1 and len(names) == 2:  # a binary logit speaks of the second class
        names = names[1:]
    if len(names) != channels:
        raise ConfigError(f"the model gives {channels} channels, and {len(names)} names are given")
    return names


def _run(
    ensemble: Ensemble,
    batch: Sample,
    transform: Callable[[Sample], Sample] | None,
    group: Sequence[Window],
    grid: Grid,
) -> Tensor:
    moved = {
        key: value.to(ensemble.device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }
    if transform is not None:
        moved = transform(moved)
    result = ensemble(moved["image"])
    if result.shape[-1] != group[0].size or len(result) != len(group):
        raise UnsupportedDataError(
            f"{tuple(result.shape)} came back for {len(group)} windows of {group[0].size} pixels "
            f"on a grid of {grid.shape}; transform= may not change an image's size"
        )
    return result


def _select(batch: Sample, rows: list[int]) -> Sample:
    return {
        key: value[rows] if isinstance(value, Tensor) else [value[i] for i in rows]
        for key, value in batch.items()
    }


def _valid(batch: Sample, group: Sequence[Window], grid: Grid, footprints: NDArray[Any]) -> Tensor:
    """(B, size, size): where there was data; the footprints know it of layers that do not say."""
    said = batch.get("valid")
    if isinstance(said, Tensor):
        return said.bool()
    shapes = list(footprints)
    masks = [inside(shapes, grid, w.row, w.col, w.size, w.size) for w in group]
    return torch.from_numpy(np.stack(masks))


def _check_finite(values: Tensor, valid: Tensor, window: Window, grid: Grid) -> None:
    if bool(torch.isfinite(values).all()):
        return
    wrong = (~torch.isfinite(values)).any(0) & valid
    count = int(wrong.sum())
    if count:
        row, col = (int(i) for i in wrong.nonzero()[0])
        t = grid.transform
        x, y = t.c + (window.col + col + 0.5) * t.a, t.f + (window.row + row + 0.5) * t.e
        raise UnsupportedDataError(
            f"the model gives values that are not finite at {count} pixels of the window at row "
            f"{window.row}, column {window.col}, the first at ({x:.10g}, {y:.10g}); look at the "
            "image there, at the normalisation, and at autocast (float16 overflows; bfloat16 does "
            "not)"
        )
