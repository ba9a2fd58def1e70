"""``swath demo``: the main job on a world that the program makes itself."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence

__all__ = ["run"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="swath demo",
        description="Make a world of two scenes in two UTM zones and labels in a third CRS, then "
        "init, fit, test and map: a few minutes on two processor cores.",
    )
    add = parser.add_argument
    add("--out", default="demo", metavar="DIR", help="where everything goes (default: demo)")
    add("--epochs", type=int, default=5, help="of training (default: 5)")
    add("--width", type=int, default=1600, help="of the world, in cells of 10 m (default: 1600)")
    add("--height", type=int, default=1000, help="of the world, in cells of 10 m (default: 1000)")
    add("--seed", type=int, default=0, help="another seed is another world (default: 0)")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    started = time.monotonic()
    from swath.cli import fit, init, map, test
    from swath.cli.lightning import newest_run
    from swath.demo import CLASSES, write_world

    def say(step: str) -> None:
        print(f"\n── {step}  [{time.monotonic() - started:.0f} s]\n", flush=True)

    folder: str = options.out
    config, runs = os.path.join(folder, "config.yaml"), os.path.join(folder, "runs")
    out = os.path.join(folder, "map.tif")
    say("making a world: scenes in two UTM zones, land cover in EPSG:5070")
    world = write_world(folder, width=options.width, height=options.height, seed=options.seed)
    say("swath init")
    init.run(
        ["--images", world.images, "--labels", world.labels, "--out", config, "--name", "demo",
         "--epochs", str(options.epochs), "--seed", str(options.seed), "--force"]
    )  # fmt: skip
    say("swath fit")
    fit.run(["--config", config, "--runs", runs])
    run_folder = newest_run(runs, "demo")
    say("swath test")
    test.run(["--config", config, "--runs", runs])
    say("swath map")
    checkpoint = os.path.join(run_folder, "best.ckpt")
    map.run(["--checkpoint", checkpoint, "--images", world.images, "--out", out])

    with open(os.path.join(run_folder, "test.json"), encoding="utf-8") as file:
        scores = json.load(file)
    share = scores["majority"]
    say("done")
    print(
        f"On ground that training never saw: mean IoU {scores['miou']:.3f}, accuracy "
        f"{scores['accuracy']:.3f}\n"
        f"  (calling everything by the commonest class's name: mean IoU "
        f"{share / len(CLASSES):.3f}, accuracy {share:.3f})\n"
        f"Map (COG):                  {out}\n"
        f"Quick look:                 {os.path.splitext(out)[0]}.png\n"
        f"Image | truth | prediction: {os.path.join(run_folder, 'test.png')}\n\n"
        f"Next: open {out} and {world.images} in QGIS; then your own data:\n"
        "  swath init --images YOUR_SCENES/ --labels YOUR_LABELS.tif --out config.yaml\n"
        f"or houses instead of land cover:\n"
        f"  swath init --images {world.images} --labels {world.buildings} "
        f"--out {os.path.join(folder, 'houses.yaml')}"
    )
    return 0
