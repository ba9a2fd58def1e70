"""``swath map``: from a checkpoint and images to a GeoTIFF that opens in QGIS."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from swath.datasets.folder import SceneFolder
    from swath.geometry import Grid
    from swath.trainers import BaseTask

__all__ = ["map_codes", "mapped", "run"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="swath map",
        description="Write the class map of a checkpoint over images, as a cloud-optimised GeoTIFF "
        "with a colour table, and a quick-look PNG beside it.",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="PATH", help="a checkpoint of `swath fit`")
    add(
        "--images",
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders, files or patterns, with the bands of the training",
    )
    add("--out", default="map.tif", metavar="FILE", help="the map (default: map.tif)")
    add(
        "--bands",
        nargs="+",
        metavar="BAND",
        help="the bands, in the training's order, where these images call them otherwise",
    )
    add("--head", metavar="NAME", help="of a task with several heads, the one that is mapped")
    add("--crs", help="of the map (default: that of most scenes)")
    add("--res", type=float, help="pixel size of the map (default: that of the finest band)")
    add("--window", type=int, help="pixels (default: twice the patches of the training)")
    add("--overlap", type=float, default=0.25, help="of windows, blended (default: 0.25)")
    add("--batch-size", type=int, default=8)
    add("--workers", type=int, default=0, help="processes that read (default: 0)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    import torch

    from swath.datasets.discover import discover_images
    from swath.datasets.folder import SceneFolder
    from swath.errors import ConfigError
    from swath.plot import map_figure, save_figure
    from swath.predict import predict_map
    from swath.trainers import load_task

    task = load_task(options.checkpoint)
    network, known = mapped(task, options.head)
    bands: list[str] = options.bands or known.get("bands") or []
    if len(bands) not in (0, known["in_channels"]):
        raise ConfigError(
            f"--bands names {len(bands)} bands where the checkpoint was trained on "
            f"{known['in_channels']}: {', '.join(known.get('bands') or ())}"
        )
    scenes = SceneFolder(discover_images(options.images), bands or None, options.crs, options.res)
    if options.res is None:
        keep_resolution(scenes, known)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    codes, nodata = map_codes(known)
    done = predict_map(
        network, scenes, options.out, grid=map_lattice(scenes),
        size=options.window or 2 * (known.get("patch_size") or 128),
        overlap=options.overlap, batch_size=options.batch_size, num_workers=options.workers,
        device=device, classes=known["classes"], colours=known.get("colors"),
        values=codes, nodata=nodata,
        tags={"checkpoint": os.path.basename(options.checkpoint)},
    )  # fmt: skip
    quick = os.path.splitext(options.out)[0] + ".png"
    save_figure(map_figure(done.path), quick)
    for code, name in zip(codes, known["classes"], strict=True):
        share = 100 * done.pixels.get(code, 0) / max(done.known, 1)
        print(f"  {code:>6}  {name:24}{share:6.2f} %")
    print(
        f"Map: {done.path} ({done.grid.width} × {done.grid.height} pixels, "
        f"{done.grid.crs.to_string()}, {done.seconds:.0f} s)\nQuick look: {quick}"
    )
    return 0


def mapped(task: BaseTask, head: str | None = None) -> tuple[nn.Module, Mapping[str, Any]]:
    """The network that gives each pixel a class, and what is known of its classes and bands.

    Args:
        task: Of a checkpoint.
        head: Its name, where the task has several.

    Raises:
        ConfigError: There is none, or several and nobody says which.
    """
    from swath.errors import ConfigError, nearest
    from swath.trainers import MultiTask, SemanticSegmentationTask

    one: Any = task
    network: nn.Module = task
    known: dict[str, Any] = dict(task.hparams)
    if isinstance(task, MultiTask):
        kinds = {h.name: h.task for h in task.heads}
        able = [n for n, t in kinds.items() if isinstance(t, SemanticSegmentationTask)]
        if head is None and len(able) == 1:
            head = able[0]
        if head is None or head not in able:
            what = f"--head is {head!r}: {nearest(head, able)}" if head else (
                "--head NAME says which of them is mapped")  # fmt: skip
            raise ConfigError(
                f"the checkpoint's heads that give each pixel a class are "
                f"{', '.join(able) or 'none'}, of {', '.join(kinds)}; {what}"
                if able else
                f"the checkpoint has no head that gives each pixel a class: {', '.join(kinds)}"
            )  # fmt: skip
        one, network = kinds[head], task.only(head)
        wanted = ("task", "classes", "colors", "values")
        known |= {k: one.hparams[k] for k in wanted}
    elif head is not None:
        raise ConfigError(f"--head is {head!r}, and a {type(task).__name__} has no heads")
    if not isinstance(one, SemanticSegmentationTask):
        raise ConfigError(
            f"a map has one class a pixel, and the checkpoint is of a {type(task).__name__}: "
            "expected a SemanticSegmentationTask, or a MultiTask with such a head"
        )
    if known["task"] == "multilabel":
        raise ConfigError("a map has one class a pixel, and this checkpoint's task is multilabel")
    return network, known


def map_codes(known: Mapping[str, Any]) -> tuple[list[int], int]:
    """Code of each class in the map, and a code for no data that none of them is."""
    codes = list(known.get("values") or range(len(known["classes"])))
    return codes, next(code for code in (0, 255, *range(1, 255)) if code not in codes)


def keep_resolution(scenes: SceneFolder, known: Mapping[str, Any]) -> None:
    """Read finer or coarser images at the pixel size of the training, and say so.

    A network knows its classes at one scale: at another, a map is worse without any error.
    """
    from pyproj import CRS

    res, crs = known.get("res"), known.get("crs")
    if res is None or crs is None:
        return
    old, new = CRS.from_user_input(crs).axis_info[0], scenes.crs.axis_info[0]
    if old.unit_name != new.unit_name:
        return
    trained = (res, res) if isinstance(res, int | float) else tuple(res)
    if max(abs(a / b - 1) for a, b in zip(trained, scenes.res, strict=True)) > 0.1:
        print(
            f"The images have {scenes.res[0]:g} {new.unit_name} a pixel; they are mapped at the "
            f"training's {trained[0]:g} (--res changes it)",
            file=sys.stderr,
        )
        scenes.res = trained


def map_lattice(scenes: SceneFolder) -> Grid:
    """The map's pixels: those of the first scene in the map's CRS and resolution, carried on.

    A scene's own pixels are then predicted as they are, and only its neighbours in other CRSs are
    resampled.
    """
    from affine import Affine

    from swath.geometry import Grid as _Grid
    from swath.predict import map_grid
    from swath.raster import read_info

    area, _ = map_grid(scenes)
    xmin, ymin, xmax, ymax = area.bounds
    xres, yres = scenes.res
    infos = (read_info(path) for path in scenes.files)
    fits = (i.transform for i in infos if i.crs == scenes.crs and i.grid.res == scenes.res)
    anchor = next((t for t in fits if t.b == t.d == 0 and t.a > 0 > t.e), area.transform)
    left = anchor.c + math.floor((xmin - anchor.c) / xres + 1e-6) * xres
    top = anchor.f + math.ceil((ymax - anchor.f) / yres - 1e-6) * yres
    width = max(1, math.ceil((xmax - left) / xres - 1e-6))
    height = max(1, math.ceil((top - ymin) / yres - 1e-6))
    return _Grid(scenes.crs, Affine(xres, 0.0, left, 0.0, -yres, top), width, height)
