"""A map on paper: a raster with coordinates, a scale bar, north, and what its colours mean."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyproj
import rasterio
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError

from swath.errors import FileMissingError, UnreadableFileError
from swath.plot.figure import class_legend, new_figure
from swath.plot.image import class_table, colour_mask, rgb, stretch
from swath.typing import Path

__all__ = ["map_figure"]


def map_figure(
    path: Path,
    *,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    colours: Mapping[int, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    title: str | None = None,
    pixels: int = 1600,
    shares: bool = True,
) -> Figure:
    """A quick look at a raster: coordinates at its edges, scale bar, north arrow, legend.

    Only as many pixels as are drawn are read, from the overviews if there are any.

    Args:
        path: A raster with a CRS. One band with a colour table, or of whole numbers with
            `classes`, is drawn as classes; three and more as an image; any other as a ramp.
        classes: Names by value, or in order from 0; by default those in the file, as
            `swath.raster.RasterWriter` puts them there.
        colours: By value, or in order from 0; by default the file's colour table.
        title: By default the file's name.
        pixels: Pixels of the longer side that are read at most.
        shares: Whether the legend tells each class's share of the mapped area.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is no raster.
    """
    name = os.fspath(path)
    if "://" not in name and not name.startswith("/vsi") and not os.path.exists(name):
        raise FileMissingError(f"the raster {name} does not exist")
    try:
        with rasterio.open(name) as file:
            scale = max(1.0, max(file.width, file.height) / pixels)
            shape = max(1, round(file.height / scale)), max(1, round(file.width / scale))
            classes = _names(file.tags()) if classes is None else classes
            as_classes = file.count < 3 and (
                file.colorinterp[0] == ColorInterp.palette
                or (np.dtype(file.dtypes[0]).kind in "iu" and classes is not None)
            )
            bands = [1, 2, 3] if file.count >= 3 else [1]
            # Nearest of the overviews, which hold the commonest class: no class is invented.
            how = Resampling.nearest if as_classes else Resampling.average
            data = file.read(bands, out_shape=(len(bands), *shape), resampling=how)
            valid = file.dataset_mask(out_shape=shape) > 0
            if as_classes and colours is None and file.colorinterp[0] == ColorInterp.palette:
                colours = {v: c[:3] for v, c in file.colormap(1).items()}
            crs = pyproj.CRS.from_wkt(file.crs.to_wkt()) if file.crs else None
            left, bottom, right, top = file.bounds
            label = file.descriptions[0]
    except RasterioError as error:
        raise UnreadableFileError(f"{name} cannot be read as a raster: {error}") from error

    geographic = crs is not None and crs.is_geographic
    stretch_y = 1 / max(0.05, math.cos(math.radians((bottom + top) / 2))) if geographic else 1.0
    width, height = right - left, (top - bottom) * stretch_y
    long = 7.5
    figure = new_figure(
        long * min(1.0, max(0.45, width / height)) + 2.6,
        long * min(1.0, max(0.3, height / width)) + 0.9,
        dpi=150,
    )
    figure.set_layout_engine("compressed")  # a map's shape is fixed: no blank beside it
    axis = figure.add_subplot()
    extent = (left, right, bottom, top)
    if as_classes:
        _draw_classes(axis, data[0], valid, classes, colours, extent, shares)
    elif len(bands) == 3:
        axis.imshow(rgb(data, valid=valid), extent=extent, interpolation="nearest")
    else:
        _draw_ramp(figure, axis, data[0], valid, extent, label)
    axis.set_aspect(stretch_y)
    axis.set_facecolor("0.96")
    axis.set_title(title if title is not None else os.path.basename(name), loc="left")
    _coordinates(axis, crs)
    if crs is not None:
        _scale_bar(axis, crs, (left, bottom, right, top))
        _north(axis, crs, (left, bottom, right, top), stretch_y)
    return figure


def _names(tags: Mapping[str, str]) -> dict[int, str] | None:
    names = {
        int(key[6:]): text
        for key, text in tags.items()
        if key.startswith("CLASS_") and key[6:].isdigit()
    }
    return dict(sorted(names.items())) or None


def _draw_classes(
    axis: Any,
    data: NDArray[Any],
    valid: NDArray[np.bool_],
    classes: Any,
    colours: Any,
    extent: tuple[float, float, float, float],
    shares: bool,
) -> None:
    values, counts = np.unique(data[valid], return_counts=True)
    table = class_table(classes, colours, values.tolist())
    plain = {value: colour for value, (_, colour) in table.items()}
    picture = colour_mask(np.where(valid, data.astype(np.int64), -1), plain)
    axis.imshow(picture, extent=extent, interpolation="nearest")
    total = max(1, int(counts.sum()))
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    if shares:
        table = {
            value: (f"{text}  {_percent(100 * found.get(value, 0) / total)}", colour)
            for value, (text, colour) in table.items()
        }
    class_legend(axis, table, present=list(found), loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _percent(share: float) -> str:
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %"


def _draw_ramp(
    figure: Figure,
    axis: Any,
    data: NDArray[Any],
    valid: NDArray[np.bool_],
    extent: tuple[float, float, float, float],
    label: str | None,
) -> None:
    good = valid & np.isfinite(data)
    low, high = np.percentile(data[good], (2, 98)) if good.any() else (0.0, 1.0)
    if not high > low:
        low, high = float(low) - 0.5, float(high) + 0.5
    shown = np.ma.masked_array(stretch(data, limits=(low, high), valid=good), ~good)
    image = axis.imshow(
        shown * (high - low) + low, extent=extent, interpolation="nearest", vmin=low, vmax=high
    )
    figure.colorbar(image, ax=axis, shrink=0.7, extend="both", label=label or "")


def _coordinates(axis: Any, crs: pyproj.CRS | None) -> None:
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.tick_params(labelsize="small", color="0.5")
    for label in axis.get_yticklabels():
        label.set(rotation=90, va="center")
    if crs is None:
        axis.set_xlabel("no CRS: column", fontsize="small")
        return
    if crs.is_geographic:
        axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _degrees(v, "E", "W")))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _degrees(v, "N", "S")))
    else:
        axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _metres(v)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _metres(v)))
    code = crs.to_authority()
    unit = "" if crs.is_geographic or not crs.axis_info else f", {crs.axis_info[0].unit_name}"
    axis.set_xlabel(
        f"{crs.name}{f' ({code[0]}:{code[1]})' if code else ''}{unit}", fontsize="small"
    )


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.6g}° {positive if value >= 0 else negative}"


def _metres(value: float) -> str:
    return (
        f"{value:,.6g}" if abs(value) < 10 else f"{value:,.0f}".replace(",", " ").replace("-", "−")
    )


def _lonlat(crs: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def _scale_bar(axis: Any, crs: pyproj.CRS, bounds: tuple[float, float, float, float]) -> None:
    """A bar of a round length on the ground, measured along the middle of the map."""
    left, bottom, right, top = bounds
    middle = (bottom + top) / 2
    # The middle fifth only: over a whole continent the length of a row is not that of its chord.
    a, b = left + 0.4 * (right - left), left + 0.6 * (right - left)
    lon, lat = _lonlat(crs).transform([a, b], [middle, middle])
    if not np.isfinite([*lon, *lat]).all():
        return
    _, _, metres = pyproj.Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    if not metres > 0:
        return
    whole = metres * 5
    length = _round_length(whole / 4)
    span = length / whole  # of the map's width
    for i, colour in enumerate(("0.1", "white")):
        axis.add_patch(
            Rectangle(
                (0.03 + i * span / 2, 0.03), span / 2, 0.012, transform=axis.transAxes,
                facecolor=colour, edgecolor="0.1", linewidth=0.8, zorder=5,
            )
        )  # fmt: skip
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axis.text(
        0.03 + span / 2, 0.05, text, transform=axis.transAxes, ha="center", va="bottom",
        fontsize="small", zorder=6, bbox=_HALO,
    )  # fmt: skip


_HALO = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "linewidth": 0}


def _round_length(metres: float) -> float:
    """The largest of 1, 2, 5 × 10ⁿ that is not longer."""
    power = 10 ** math.floor(math.log10(metres))
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres))


def _north(
    axis: Any, crs: pyproj.CRS, bounds: tuple[float, float, float, float], stretch_y: float
) -> None:
    """An arrow to true north in the middle of the map, which is not always straight up."""
    x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    change = _lonlat(crs)
    lon, lat = change.transform(x, y)
    if not np.isfinite([lon, lat]).all() or abs(lat) > 89.9:
        return
    x1, y1 = change.transform(lon, lat + 0.01, direction="INVERSE")
    dx, dy = x1 - x, (y1 - y) * stretch_y
    size = math.hypot(dx, dy)
    if not size > 0:
        return
    note = axis.annotate(
        "N", xy=(0.95, 0.95), xycoords="axes fraction",
        xytext=(-28 * dx / size, -28 * dy / size), textcoords="offset points",
        ha="center", va="center", fontsize="small", fontweight="bold", zorder=6, bbox=_HALO,
        arrowprops={"arrowstyle": "-|>", "color": "0.1", "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    note.arrow_patch.set_path_effects([withStroke(linewidth=3, foreground="white")])
