"""Draws docs/figures/batch.svg: how a batch is made. The geometry is real, computed by pyproj.

python docs/figures/batch.py [--png batch.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from affine import Affine
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from pyproj import CRS, Transformer

from swath.geometry.mapping import map_grids

INK, FAINT = "#22303c", "#9aa7b2"
WEST, EAST, LABEL, QUERY = "#2a7f9e", "#c4682b", "#5b8c3a", "#111111"
RES, TILE, PATCH = 30.0, 512, 224
#: Query grid, the other zone, labels.
HERE_CRS, THERE_CRS = "EPSG:32615", "EPSG:32616"

MEETING = 748_800.0, 4_600_000.0  # in HERE_CRS
TO_THERE = Transformer.from_crs(HERE_CRS, THERE_CRS, always_xy=True)
TO_HERE = Transformer.from_crs(THERE_CRS, HERE_CRS, always_xy=True)

#: Upper left corners of this batch's patches, in kilometres from the meeting point.
QUERIES = [(-22.0, 17.5), (3.5, 12.0), (1.0, -6.0), (13.5, -15.5)]


def plan_panel(ax: Axes) -> None:
    """Two scenes with their tiles, four patches, and the tiles that the patches touch."""
    side, step = PATCH * RES / 1000, TILE * RES / 1000
    x0, y0 = MEETING
    east0, north0 = TO_THERE.transform(x0, y0)

    def here(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Kilometres in the other zone -> kilometres in this one."""
        x, y = TO_HERE.transform(east0 + np.asarray(u) * 1000, north0 + np.asarray(v) * 1000)
        return np.column_stack([(x - x0) / 1000, (y - y0) / 1000])

    def there(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = TO_THERE.transform(x0 + np.asarray(x) * 1000, y0 + np.asarray(y) * 1000)
        return np.column_stack([(u - east0) / 1000, (v - north0) / 1000])

    west_right, east_left, top = 10.4, -8.0, 23.6
    columns, rows = 3, 3
    for column in range(columns):
        for row in range(rows):
            left, up = west_right - (column + 1) * step, top - row * step
            touched = any(
                x < left + step and x + side > left and y > up - step and y - side < up
                for x, y in QUERIES
            )
            ax.add_patch(
                Rectangle(
                    (left, up - step),
                    step,
                    step,
                    facecolor=WEST if touched else "none",
                    edgecolor=WEST,
                    alpha=0.28 if touched else 0.5,
                    linewidth=0.8,
                )
            )
            u, v = east_left + column * step, top - 4 - row * step
            corners = here(
                np.array([u, u + step, u + step, u]), np.array([v, v, v - step, v - step])
            )
            touched = False
            for x, y in QUERIES:
                q = there(
                    np.array([x, x + side, x + side, x]), np.array([y, y, y - side, y - side])
                )
                (qu, qv), (ru, rv) = q.min(0), q.max(0)
                touched |= bool(qu < u + step and ru > u and rv > v - step and qv < v)
            ax.add_patch(
                Polygon(
                    corners,
                    facecolor=EAST if touched else "none",
                    edgecolor=EAST,
                    alpha=0.28 if touched else 0.5,
                    linewidth=0.8,
                )
            )
    for x, y in QUERIES:
        ax.add_patch(
            Rectangle((x, y - side), side, side, fill=False, edgecolor=QUERY, linewidth=1.8)
        )
    ax.set(xlim=(-38, 45), ylim=(-38, 30), aspect="equal")
    ax.text(-35.5, 26, "scene in UTM 15N", color=WEST, fontsize=10)
    ax.text(40, 26, "scene in UTM 16N", color=EAST, fontsize=10, ha="right")
    ax.text(
        2.5,
        -37.5,
        "black: the patches of a batch\nfilled: the tiles they touch, each decoded once",
        color=INK,
        fontsize=9,
        ha="center",
    )


def exact(columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Query pixel -> source pixel of the other zone, by the projection itself."""
    x, y = TO_THERE.transform(MEETING[0] + columns * RES, MEETING[1] - rows * RES)
    u0, v0 = TO_THERE.transform(*MEETING)
    return (x - u0) / RES, (v0 - y) / RES


def mapping_panel(ax: Axes) -> None:
    """One patch in the source's pixels: exact at the nodes, a bicubic polynomial between them."""
    grid = Affine(RES, 0, MEETING[0], 0, -RES, MEETING[1])
    here, there = CRS.from_user_input(HERE_CRS), CRS.from_user_input(THERE_CRS)
    mapping = map_grids([grid], [(PATCH, PATCH)], here, there, [2.5e-4 * RES])[0]
    u0, v0 = TO_THERE.transform(*MEETING)

    def polynomial(columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = (
            np.polynomial.polynomial.polyval2d(rows / PATCH, columns / PATCH, c[0])
            for c in (mapping.x, mapping.y)
        )
        return (x - u0) / RES, (v0 - y) / RES

    centres = np.meshgrid(np.arange(PATCH) + 0.5, np.arange(PATCH) + 0.5)
    got, want = polynomial(*centres), exact(*centres)
    error = np.hypot(got[0] - want[0], got[1] - want[1]).max()
    line = np.linspace(0, PATCH, 50)
    for k in np.linspace(0, PATCH, 8):
        ax.plot(*polynomial(line, np.full(50, k)), color=QUERY, linewidth=0.9)
        ax.plot(*polynomial(np.full(50, k), line), color=QUERY, linewidth=0.9)
    nodes = PATCH * (0.5 - 0.5 * np.cos(np.pi * (np.arange(4) + 0.5) / 4))
    ax.plot(*exact(*np.meshgrid(nodes, nodes)), "o", color=EAST, markersize=7)
    low, high = -75, 300
    for k in (0, TILE // 2):
        ax.plot([low, high], [k, k], color=EAST, alpha=0.5, linewidth=0.8)
        ax.plot([k, k], [low + 20, high - 10], color=EAST, alpha=0.5, linewidth=0.8)
    ax.text(TILE // 2 - 4, -8, "a tile of the source", color=EAST, fontsize=9, ha="right")
    ax.set(xlim=(low - 22, high + 22), ylim=(high + 30, low + 17), aspect="equal")
    text = (
        "dots: projected exactly   lines: bicubic polynomial\n"
        f"largest error over all {PATCH}² pixels: {error:.0e} pixel"
    )
    ax.text((low + high) / 2, high + 27, text, color=INK, fontsize=9, ha="center", va="bottom")


def kernel_panel(ax: Axes) -> None:
    """Source pixels, where the query's pixels fall, the weights of one, and nodata left out."""
    pixels = np.random.default_rng(4).uniform(0.35, 0.95, (5, 7))
    for row in range(5):
        for column in range(7):
            empty = row >= 3 and column <= 1
            ax.add_patch(
                Rectangle(
                    (column, row),
                    1,
                    1,
                    facecolor="white"
                    if empty
                    else mpl.colormaps["YlOrBr"](pixels[row, column] * 0.6),
                    edgecolor=FAINT,
                    hatch="////" if empty else None,
                    linewidth=0.6,
                )
            )
    angle = np.deg2rad(3.9)
    for i in range(4):
        for j in range(6):
            x = 0.72 + j * np.cos(angle) + i * np.sin(angle)
            y = 0.95 + i * np.cos(angle) - j * np.sin(angle)
            ax.plot(x, y, "s", color=QUERY, markersize=4)
            for at, name in (((0, 3), "all"), ((2, 1), "hole")):
                if (i, j) == at:
                    weigh(ax, x, y, hole=name == "hole")
    ax.set(xlim=(-0.45, 7.45), ylim=(6.2, -0.27), aspect="equal")
    ax.text(
        3.5,
        6.1,
        "squares: centres of the patch's pixels   hatched: nodata\n"
        "a nodata neighbour has no weight, the others share it",
        color=INK,
        fontsize=9,
        ha="center",
        va="bottom",
    )


def weigh(ax: Axes, x: float, y: float, *, hole: bool) -> None:
    """Lines from a pixel to its four neighbours' centres, as thick as they weigh."""
    c, r = np.floor(x - 0.5), np.floor(y - 0.5)
    fx, fy = x - 0.5 - c, y - 0.5 - r
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            px, py = c + dx + 0.5, r + dy + 0.5
            if hole and py > 3 and px < 2:
                ax.plot([x, px], [y, py], ":", color=INK, linewidth=1.4)
                continue
            ax.plot([x, px], [y, py], color=WEST, linewidth=0.8 + 5 * wx * wy)
            ax.plot(px, py, "o", color=WEST, markersize=4)
    ax.plot(x, y, "s", color=QUERY, markersize=6)


def batch_panel(ax: Axes) -> None:
    """The two tensors that all patches are written into."""
    for left, colours, name, shape in (
        (0.0, [WEST, EAST], "image  float32", "(64, 7, 224, 224)"),
        (5.2, [LABEL], "mask  int64", "(64, 224, 224)"),
    ):
        for k in range(5, -1, -1):
            x, y = left + k * 0.32, k * 0.32
            ax.add_patch(
                Rectangle((x, y), 2.4, 2.4, facecolor="white", edgecolor=INK, linewidth=0.9)
            )
            share = [1.0] if len(colours) == 1 else [(1.0, 0.0, 0.45, 0.0, 0.7, 0.2)[k]] * 2
            if len(colours) == 1:
                ax.add_patch(Rectangle((x, y), 2.4, 2.4, facecolor=colours[0], alpha=0.35))
            else:
                ax.add_patch(Rectangle((x, y), 2.4 * share[0], 2.4, facecolor=WEST, alpha=0.35))
                ax.add_patch(
                    Rectangle(
                        (x + 2.4 * share[0], y),
                        2.4 * (1 - share[0]),
                        2.4,
                        facecolor=EAST,
                        alpha=0.35,
                    )
                )
        ax.text(left + 2, 4.75, name, fontsize=10, color=INK, ha="center")
        ax.text(left + 2, 4.3, shape, fontsize=10, color=INK, ha="center")
    ax.set(xlim=(-0.6, 9.8), ylim=(-2.3, 6.2), aspect="equal")
    ax.text(
        4.6,
        -2.2,
        "allocated once; every layer fills what is still empty,\nand nothing is copied afterwards",
        color=INK,
        fontsize=9,
        ha="center",
        va="bottom",
    )


def draw() -> Figure:
    """The four panels."""
    figure = Figure(figsize=(11, 9.2), layout="constrained")
    axes = figure.subplots(2, 2)
    panels = (
        ("1  Plan: which files, which tiles", plan_panel),
        ("2  Map: where each pixel comes from", mapping_panel),
        ("3  Resample: one kernel, all bands", kernel_panel),
        ("4  Batch: written in place", batch_panel),
    )
    for ax, (title, panel) in zip(axes.flat, panels, strict=True):
        panel(ax)
        ax.set_axis_off()
        ax.set_title(title, loc="left", fontsize=12, color=INK, fontweight="bold")
    return figure


def main() -> None:
    """Writes the SVG, and a PNG if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--png", type=Path, help="a picture to look at, beside the SVG")
    args = parser.parse_args()
    # Fixed ids and no date: drawing it again gives the same file.
    mpl.rcParams.update({"svg.hashsalt": "swath", "svg.fonttype": "path", "hatch.color": FAINT})
    figure = draw()
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None}, facecolor="white")
    if args.png:
        figure.savefig(args.png, dpi=100, facecolor="white")


if __name__ == "__main__":
    main()
