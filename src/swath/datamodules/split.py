"""Ground to train, to validate and to test on."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd
import torch

from swath.datasets import GeoDataset
from swath.datasets.splits import roi_split, spatial_block_split
from swath.errors import ConfigError, SplitError

__all__ = ["PARTS", "metres_per_unit", "split_ground"]

PARTS = ("train", "val", "test")
_OPTIONS = {
    "blocks": {"fractions", "block_size", "buffer", "seed"},
    "rois": {"train", "val", "test"},
    "time": {"val", "test"},
}


def split_ground(
    dataset: GeoDataset, split: dict[str, Any], seed: int = 0
) -> dict[str, GeoDataset]:
    """Parts by name, as `RasterDataModule` describes its argument `split`.

    Raises:
        ConfigError: An unknown method or option.
        SplitError: A part comes out empty.
    """
    options = dict(split)
    method = options.pop("method", "blocks")
    if method not in _OPTIONS:
        raise ConfigError(f"split.method is {method!r}; the methods are {', '.join(_OPTIONS)}")
    unknown = set(options) - _OPTIONS[method]
    if unknown:
        raise ConfigError(
            f"split has {', '.join(sorted(unknown))}, which method {method!r} does not know; "
            f"it knows {', '.join(sorted(_OPTIONS[method]))}"
        )
    if method == "blocks":
        parts = _blocks(dataset, options, seed)
    elif method == "rois":
        parts = _rois(dataset, options)
    else:
        parts = _times(dataset, options)
    for name, part in zip(PARTS, parts, strict=True):
        if len(part) == 0:
            raise SplitError(
                f"the split {split} leaves no ground for {name!r}: choose smaller blocks, another "
                "seed or other fractions"
            )
    return dict(zip(PARTS, parts, strict=True))


def _blocks(dataset: GeoDataset, options: dict[str, Any], seed: int) -> list[GeoDataset]:
    generator = torch.Generator().manual_seed(int(options.get("seed", seed)))
    fractions = options.get("fractions", [0.7, 0.15, 0.15])
    if len(fractions) != len(PARTS):
        raise ConfigError(f"split.fractions is {fractions}: expected three, {', '.join(PARTS)}")
    x, y, _ = dataset.bounds
    extent = max(x.stop - x.start, y.stop - y.start) * metres_per_unit(dataset)
    side = options.get("block_size") or extent / 8
    return list(
        spatial_block_split(
            dataset, fractions, float(side), buffer=options.get("buffer", 0.0), generator=generator
        )
    )


def metres_per_unit(dataset: GeoDataset) -> float:
    """Metres on the ground that one unit of a dataset's CRS is, in the dataset's middle."""
    from pyproj import Geod, Transformer

    x, y, _ = dataset.bounds
    dx, dy = (x.stop - x.start) / 1000, (y.stop - y.start) / 1000
    cx, cy = (x.start + x.stop) / 2, (y.start + y.stop) / 2
    to_lonlat = Transformer.from_crs(dataset.crs, 4326, always_xy=True)
    lon, lat = to_lonlat.transform([cx, cx + dx, cx], [cy, cy, cy + dy])
    geod = Geod(ellps="WGS84")
    east = geod.inv(lon[0], lat[0], lon[1], lat[1])[2] / dx
    north = geod.inv(lon[0], lat[0], lon[2], lat[2])[2] / dy
    return float((east * north) ** 0.5)


def _rois(dataset: GeoDataset, options: dict[str, Any]) -> list[GeoDataset]:
    import geopandas as gpd

    missing = [name for name in PARTS if name not in options]
    if missing:
        raise ConfigError(f"split method 'rois' needs a file of polygons for {', '.join(missing)}")
    rois = [gpd.read_file(options[n]).to_crs(dataset.crs).union_all() for n in PARTS]
    for i, a in enumerate(PARTS):
        for j in range(i + 1, len(PARTS)):
            shared = rois[i].intersection(rois[j]).area
            if shared > 0:
                raise SplitError(
                    f"the polygons of {a} ({options[a]}) and {PARTS[j]} ({options[PARTS[j]]}) "
                    f"share {shared:.6g} square units of ground: cut them apart"
                )
    return list(roi_split(dataset, rois))


def _times(dataset: GeoDataset, options: dict[str, Any]) -> list[GeoDataset]:
    missing = [name for name in ("val", "test") if name not in options]
    if missing:
        raise ConfigError(f"split method 'time' needs the first date of {', '.join(missing)}")
    first, last = pd.Timestamp(options["val"]), pd.Timestamp(options["test"])
    starts = dataset.index.index.left  # type: ignore[attr-defined]
    parts = []
    for rows in (starts < first, (starts >= first) & (starts < last), starts >= last):
        part = copy.copy(dataset)
        part.index = dataset.index[rows]
        parts.append(part)
    return parts
