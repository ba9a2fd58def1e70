"""The main job on real scenes: init, fit, test, map.

    python examples/real_data.py zion --data DIR --out runs/zion
    python examples/real_data.py clover --data DIR --out runs/clover

DIR holds the data; its sources are

* zion: Landsat 8 bands 2-5 (EPSG:32612, 30 m) and land cover of the NLCD 2011 (EPSG:6367 or 26912,
  31.5 m) over Zion National Park, from the R package spDataLarge (CC0; USGS, public domain):
  https://github.com/Nowosad/spDataLarge (inst/raster/landsat_b2.tif … landsat_b5.tif, nlcd.tif)
* clover: Sentinel-2, two dates in two UTM zones (EPSG:32610, EPSG:32611; 10 m and 20 m bands), and
  polygons of vegetation in Red Clover Valley, from the R package igisci (MIT; modified Copernicus
  Sentinel data): https://github.com/iGISc/igisci (inst/extdata/RCVimagery)

Any other images and labels: `swath init --images … --labels …`, and go on as it says.
"""

from __future__ import annotations

import argparse
import os
import sys

from swath.main import main as swath

#: images, labels, bands, epochs, and options of the training.
JOBS: dict[str, tuple[list[str], str, list[str], int, list[str]]] = {
    "zion": (["landsat_b*.tif"], "nlcd.tif", ["b2", "b3", "b4", "b5"], 15, []),
    "clover": (
        ["20200802", "20210708"],
        "train_polys7.shp",
        ["B02", "B03", "B04", "B08", "B05", "B8A", "B11", "B12"],
        15,
        [],
    ),
}


def main() -> int:
    """Run one of the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--data", required=True, help="folder with the files named above")
    parser.add_argument("--labels", help="another label file in the folder (nlcd2011.tif)")
    parser.add_argument("--out", default="real", help="folder for config, run and map")
    parser.add_argument("--epochs", type=int, help="of training")
    given, more = parser.parse_known_args()
    images, labels, bands, epochs, options = JOBS[given.job]
    images = [os.path.join(given.data, name) for name in images]
    labels = os.path.join(given.data, given.labels or labels)
    config, runs = os.path.join(given.out, "config.yaml"), os.path.join(given.out, "runs")
    checkpoint = os.path.join(runs, given.job, "best.ckpt")
    steps = (
        ["init", "--images", *images, "--labels", labels, "--bands", *bands, "--out", config,
         "--name", given.job, "--epochs", str(given.epochs or epochs)],
        ["fit", "--config", config, "--runs", runs, *options, *more],
        ["test", "--config", config, "--runs", runs],
        ["map", "--checkpoint", checkpoint, "--images", *images,
         "--out", os.path.join(given.out, "map.tif")],
    )  # fmt: skip
    for step in steps:
        print("\n$ swath " + " ".join(step), flush=True)
        code = swath(step)
        if code:
            return code
    return 0


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


if __name__ == "__main__":
    sys.exit(main())
