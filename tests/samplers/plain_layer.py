"""A layer of nothing but rows, for samplers: footprints and times."""

from __future__ import annotations

import geopandas
import pandas as pd
import shapely

from swath.datasets import GeoDataset

DAY = ("2020-01-01", "2020-01-02")


class Rows(GeoDataset):
    def __init__(self, shapes, times=None, res=(10.0, 10.0), crs="EPSG:32612", **columns):
        times = times or [DAY] * len(shapes)
        spans = [(pd.Timestamp(a), pd.Timestamp(b)) for a, b in times]
        self.index = geopandas.GeoDataFrame(
            {"filepath": [f"{k}.tif" for k in range(len(shapes))], **columns},
            geometry=list(shapes),
            crs=crs,
            index=pd.IntervalIndex.from_tuples(spans, closed="both", name="datetime"),
        )
        self.res = res


def box_of(query):
    return shapely.box(query[0].start, query[1].start, query[0].stop, query[1].stop)


def boxes_of(queries):
    return [box_of(q) for q in queries]


def tile(row, column, pixels=100, res=10.0, gap=0.0):
    side = pixels * res
    x, y = column * (side + gap), row * (side + gap)
    return shapely.box(x, y, x + side, y + side)
