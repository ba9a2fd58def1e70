"""``swath init``: looks at images and labels, says what it sees, and writes a config."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swath.cli.plan import Plan
    from swath.datamodules.survey import Survey

__all__ = ["run"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="swath init",
        description="Look at images and labels, print what is there, and write a commented config.",
    )
    add = parser.add_argument
    add(
        "--images",
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders, files or patterns; one file a band, or all bands in one",
    )
    add(
        "--labels",
        nargs="+",
        required=True,
        metavar="FILE_OR_DIR",
        help="a label raster, a vector file, or a folder of either, in any CRS",
    )
    add("--out", default="config.yaml", metavar="FILE", help="the config (default: config.yaml)")
    add("--name", help="of the runs (default: the config's file name)")
    add("--bands", nargs="+", metavar="BAND", help="which bands (default: all)")
    add("--label-name", metavar="COLUMN", help="column with the class, of a vector file")
    add(
        "--background",
        choices=["ignore", "class"],
        help="ground outside of all polygons: nobody looked at it, or a class of its own",
    )
    add("--crs", help="of the batches (default: that of most scenes)")
    add("--res", type=float, help="pixel size (default: that of the finest band)")
    add("--epochs", type=int, default=30, help="written to the config (default: 30)")
    add("--workers", type=int, default=0, help="processes that read (default: 0)")
    add("--seed", type=int, default=0, help="of the split and the training (default: 0)")
    add("--force", action="store_true", help="replace the config if there is one")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    from swath.errors import ConfigError

    if os.path.exists(options.out) and not options.force:
        raise ConfigError(f"{options.out} exists: give another --out, or --force to replace it")
    from swath.cli.config_text import config_text
    from swath.cli.plan import make_plan
    from swath.datamodules.survey import survey

    found = survey(
        options.images, options.labels, bands=options.bands, label_name=options.label_name,
        background=options.background, crs=options.crs, res=options.res, seed=options.seed,
        progress=_bar,
    )  # fmt: skip
    plan = make_plan(found, options.seed)
    print(report(found, plan))
    stem = os.path.splitext(os.path.basename(options.out))[0]
    text = config_text(
        found,
        plan,
        {
            "path": options.out, "name": options.name or stem, "epochs": options.epochs,
            "images": _one_or_all(options.images), "labels": _one_or_all(options.labels),
            "workers": options.workers, "seed": options.seed,
        },
    )  # fmt: skip
    os.makedirs(os.path.dirname(options.out) or ".", exist_ok=True)
    with open(options.out + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(options.out + ".part", options.out)
    print(f"\nConfig: {options.out}\nNext: swath fit --config {options.out}")
    return 0


def _one_or_all(paths: list[str]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else paths


def _bar(items: Sequence[Any], total: int) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(items, total=total, desc="Looking at pixels", unit="window", leave=False)


def report(found: Survey, plan: Plan) -> str:
    """What a person wants to know of the data, as text."""
    layout = found.images
    how = "one file a band" if layout.separate_files else "one file a scene"
    lines = [
        f"Images    {len(layout.scenes)} scene(s), {how}; bands {', '.join(found.bands)} "
        f"({found.infos[0].dtype})"
    ]
    for scene, info in list(zip(layout.scenes, found.infos, strict=True))[:12]:
        date = "no date" if scene.date is None else f"{scene.date[0]:%Y-%m-%d}"
        nodata = info.nodata[0] if info.nodata else None
        lines.append(
            f"            {scene.name:24} {date}  {_crs(info)}, {info.grid.res[0]:g} × "
            f"{info.grid.res[1]:g}, {info.width} × {info.height} pixels, nodata "
            f"{'not set' if nodata is None else f'{nodata:g}'}"
        )
    if len(layout.scenes) > 12:
        lines.append(f"            … and {len(layout.scenes) - 12} more")
    lines += [f"  left out  {path}: {why}" for path, why in layout.left_out]
    files = ", ".join(os.path.basename(f) for f in found.labels.files[:3])
    more = f" and {len(found.labels.files) - 3} more" if len(found.labels.files) > 3 else ""
    lines.append(f"Labels    {found.labels.kind}: {files}{more}")
    lines += [
        f"            {_crs(i)}, {i.grid.res[0]:g} × {i.grid.res[1]:g}, "
        f"{i.width} × {i.height} pixels"
        for i in found.label_infos[:3]
    ]
    if found.label_name:
        lines.append(f"            class from column {found.label_name!r}")
    if found.labels.kind == "vector":
        what = "a class" if found.background == "class" else "not trained on"
        lines.append(f"            ground outside of the polygons is {what} (--background)")
    lines.append(
        f"Overlap   {found.area:,.1f} km², {100 * found.covered:.0f} % of the imagery; "
        f"{100 * found.unlabelled:.1f} % of its pixels have no label"
    )
    lines.append(
        f"Batches   in {found.crs.to_string()}, {found.res[0]:g} × {found.res[1]:g} a pixel, "
        f"patches of {plan.patch_size} pixels"
    )
    lines.append("Channels  " + f"{'':12}{'mean':>10}{'std':>10}{'min':>10}{'max':>10}")
    rows = zip(found.bands, found.mean, found.std, found.low, found.high, strict=True)
    lines += [
        f"            {b:10}{m:10.5g}{s:10.5g}{lo:10.5g}{hi:10.5g}" for b, m, s, lo, hi in rows
    ]
    much = "all of them" if found.exact else "a sample"
    lines.append(f"Classes   {len(found.classes)}, from {found.pixels:,} labelled pixels ({much})")
    lines += [
        f"            {'' if c.value is None else c.value!s:>10}  {c.name:24}{100 * c.share:6.2f} %"
        for c in found.classes
    ]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in plan.shares.items())
    lines.append(
        f"Split     {shares}; blocks of {plan.split['block_size']:g} m, no ground on two sides"
    )
    for name, missing in plan.absent.items():
        if missing:
            lines.append(f"            {name} has no {', '.join(missing)}")
    return "\n".join(lines)


def _crs(info: Any) -> str:
    if info.crs is None:
        return "no CRS"
    code = info.crs.to_epsg()
    return f"EPSG:{code}" if code else str(info.crs.name)
