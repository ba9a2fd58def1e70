"""Cashew plantations of smallholders in Benin, in a year of Sentinel-2 images."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue import Folder, Info, Part, Site, Value
from swath.datasets.catalogue.chips import BandDates, ChipBenchmark, Chips, InChip
from swath.datasets.catalogue.files import write_text
from swath.datasets.catalogue.parts import Row
from swath.datasets.catalogue.pixels import grid_of
from swath.datasets.catalogue.windows import window_grid
from swath.errors import UnreadableFileError

__all__ = ["BeninSmallHolderCashews"]

_DATES = (
    "20191105", "20191110", "20191115", "20191120", "20191130", "20191205", "20191210",
    "20191215", "20191220", "20191225", "20191230", "20200104", "20200109", "20200114",
    "20200119", "20200124", "20200129", "20200208", "20200213", "20200218", "20200223",
    "20200228", "20200304", "20200309", "20200314", "20200319", "20200324", "20200329",
    "20200403", "20200408", "20200413", "20200418", "20200423", "20200428", "20200503",
    "20200508", "20200513", "20200518", "20200523", "20200528", "20200602", "20200607",
    "20200612", "20200617", "20200622", "20200627", "20200702", "20200707", "20200712",
    "20200717", "20200722", "20200727", "20200801", "20200806", "20200811", "20200816",
    "20200821", "20200826", "20200831", "20200905", "20200910", "20200915", "20200920",
    "20200925", "20200930", "20201010", "20201015", "20201020", "20201025", "20201030",
)  # fmt: skip
_IMAGE = "imagery/{scene}/{scene}_{date}/{scene}_{date}_{band}_10m.tif"
_FIRST = f"imagery/{{scene:[0-9]+}}/{{scene}}_{_DATES[0]}/{{scene}}_{_DATES[0]}_B01_10m.tif"
_SIZE = (64, 48)


class _Plantations(Part):
    """Polygons burned into classes: int64 (H, W); a later polygon covers those before it."""

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        from swath.vector import rasterize, read_features, reproject

        path = site.path("labels/{scene}.geojson", row)
        image = site.path(_IMAGE, {**row, "date": _DATES[0], "band": "B01"})
        grid = grid_of(image)
        if grid is None:
            raise UnreadableFileError(f"{image} has no coordinate system: fetch it again")
        shapes, classes = site.kept.get(path, (None, None))
        if shapes is None:
            frame = read_features(path, columns=["class"])
            found = np.asarray(frame.geometry.array, dtype=object)
            shapes = reproject(found, frame.crs, grid.crs, 0.1 * min(grid.res), where=path)
            classes = frame["class"].to_numpy(dtype=np.int64)
            if len(classes) and not 0 <= classes.min() <= classes.max() < len(site.classes):
                raise UnreadableFileError(
                    f"{path} has classes {sorted(set(classes.tolist()))}: expected 0 to "
                    f"{len(site.classes) - 1}"
                )
            site.kept[path] = shapes, classes
        if site.window is not None:
            grid = window_grid(grid, site.window)
        return {self.key: torch.from_numpy(rasterize(shapes, grid, classes))}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        image = site.path(_IMAGE, {**row, "date": _DATES[0], "band": "B01"})
        grid = grid_of(image)
        if grid is None:
            raise UnreadableFileError(f"{image} has no coordinate system")
        features = []
        for number in range(1, len(site.classes)):
            top, left = (int(v) for v in rng.integers(0, 40, 2))
            ring = [
                grid.transform @ (left + x, top + y)
                for x, y in ((0, 0), (8, 0), (8, 8), (0, 8), (0, 0))
            ]
            shape = {"type": "Polygon", "coordinates": [ring]}
            features.append({"type": "Feature", "properties": {"class": number}, "geometry": shape})
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
        text = {"type": "FeatureCollection", "name": "labels", "crs": crs, "features": features}
        write_text(site.path("labels/{scene}.geojson", row), json.dumps(text))


class BeninSmallHolderCashews(ChipBenchmark):
    """Cashews in Benin: ``image`` (70, 13, 256, 256) of dates and bands, ``mask`` of land use.

    A scene of 1186 by 1122 pixels is cut into chips of `chip_size`, `stride` apart; ``y`` and
    ``x`` say where a chip is from, ``bounds`` and ``transform`` where it lies. The mask is made
    from polygons, by the centres of pixels. Bands are Sentinel-2's at 10 m, and CLD, the
    probability of clouds in percent.
    """

    info = Info(
        title="Smallholder cashew plantations in Benin",
        tasks=("segmentation", "time series"),
        source="Sentinel-2",
        samples=72,
        size="256x256",
        resolution="10",
        licence="-",
        citation="TechnoServe, https://source.coop/technoserve/cashews-benin",
        homepage="https://source.coop/technoserve/cashews-benin",
        account="It is published file by file, and not in an archive (azcopy fetches it from "
        "https://radiantearth.blob.core.windows.net/mlhub/technoserve-cashew-benin)",
    )
    dates = _DATES
    classes = (
        "No data", "Well-managed planatation", "Poorly-managed planatation", "Non-planatation",
        "Residential", "Background", "Uncertain",
    )  # fmt: skip
    all_band_names = (
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12", "CLD",
    )  # fmt: skip
    rgb_bands = ("B04", "B03", "B02")
    files = (Folder("imagery"), Folder("labels"))
    rows = Chips(_FIRST, {"scene": ("00",)})
    parts = (
        InChip(BandDates(_IMAGE, _DATES, located=True, size=_SIZE, crs="EPSG:32631")),
        InChip(_Plantations("mask")),
        Value("x", "x", dtype="int64"),
        Value("y", "y", dtype="int64"),
    )
