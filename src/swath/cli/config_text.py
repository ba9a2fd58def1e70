"""The YAML that `swath init` writes, with a comment at whatever a person may want to change."""

from __future__ import annotations

import colorsys
import json
from typing import Any

from swath.cli.plan import Plan
from swath.datamodules.survey import Survey

__all__ = ["class_colors", "config_text"]

_TEXT = """\
# Written by `swath init`. Every value can be changed here or on the command line:
#   swath fit --config {path} --trainer.max_epochs 10 --model.init_args.lr 0.0003
# Then: swath test --config {path}
#       swath map --checkpoint runs/{name}/best.ckpt --images {first} --out map.tif

name: {name}            # runs/{name} gets the checkpoints, the scores and the pictures
seed_everything: {seed}

trainer:
  max_epochs: {epochs}
  accelerator: auto     # a GPU if there is one
  devices: auto

data:
  class_path: swath.datamodules.RasterDataModule
  init_args:
    images: {images}
    labels: {labels}
{vector}    bands: &bands {bands}
    # {counted}
    classes: &classes {classes}
    values: {values}    # what the labels call them; any other value is not trained on
    crs: {crs}    # batches are read on this grid, whatever the files' own
    res: {res}
    match: space        # labels hold for scenes of any date; `time`: for their own date only
    patch_size: {patch}      # pixels
    batch_size: {batch}
    length: {length}        # patches in an epoch; null: as many as cover the training ground
    num_workers: {workers}      # processes that read
    augment: true       # flips and turns
    ignore_index: 255
    seed: {seed}
    # No ground is on two sides. {shares}
    split: {split}

model:
  class_path: swath.trainers.SemanticSegmentationTask
  init_args:
    model: unet
    backbone: resnet18  # resnet34, resnet50… : slower, and better with more data
    weights: null       # true: ImageNet's (downloads)
    in_channels: {channels}
    num_classes: {number}
    loss: ce
    class_weights: null # a number a class, where rare classes should weigh more
    ignore_index: 255
    lr: 0.001
    patience: 10
    # The checkpoint knows all of this, so that `swath map` needs nothing else.
    bands: *bands
    mean: {mean}
    std: {std}
    classes: *classes
    values: {codes}    # in the map
    colors: {colors}
    crs: {crs}
    res: {res}
    patch_size: {patch}
"""


def config_text(found: Survey, plan: Plan, options: dict[str, Any]) -> str:
    """The config.

    Args:
        found: What `survey` found.
        plan: What `make_plan` chose.
        options: ``path``, ``name``, ``images``, ``labels``, ``epochs``, ``workers``, ``seed``.
    """
    values = [c.value for c in found.classes if c.value is not None]
    raster = found.labels.kind == "raster"
    vector = "" if raster else (
        f"    label_name: {json.dumps(found.label_name)}   # the column with the class\n"
        f"    background: {found.background}   # ground outside of the polygons: "
        "`ignore` it, or make it a `class`\n"
    )  # fmt: skip
    shares = ", ".join(f"{n} {100 * s:.0f} %" for n, s in plan.shares.items())
    counted = ", ".join(f"{c.name} {100 * c.share:.2g} %" for c in found.classes)
    first = options["images"]
    return _TEXT.format(
        **{k: options[k] for k in ("path", "name", "epochs", "workers", "seed")},
        first=first if isinstance(first, str) else first[0],
        images=json.dumps(options["images"]),
        labels=json.dumps(options["labels"]),
        vector=vector,
        bands=json.dumps(list(found.bands)),
        counted=counted,
        classes=json.dumps([c.name for c in found.classes], ensure_ascii=False),
        values=json.dumps(values, ensure_ascii=False),
        codes=json.dumps(values if raster else list(range(1, len(found.classes) + 1))),
        crs=json.dumps(found.crs.to_string()),
        res=json.dumps(found.res[0] if found.res[0] == found.res[1] else list(found.res)),
        patch=plan.patch_size,
        batch=plan.batch_size,
        length=json.dumps(plan.length),
        shares=shares,
        split=json.dumps(plan.split),
        channels=len(found.bands),
        number=len(found.classes),
        mean=json.dumps([round(m, 4) for m in found.mean]),
        std=json.dumps([round(s, 4) for s in found.std]),
        colors=json.dumps([list(c) for c in class_colors(found)]),
    )


def class_colors(found: Survey) -> list[tuple[int, int, int]]:
    """The labels' own colours; hues far from each other for classes without one."""
    colors = []
    for i, c in enumerate(found.classes):
        hue = (i * 0.618034) % 1.0
        r, g, b = colorsys.hsv_to_rgb(hue, 0.55 + 0.3 * (i % 2), 0.85 - 0.25 * (i % 3 == 2))
        colors.append(c.color or (round(255 * r), round(255 * g), round(255 * b)))
    return colors
