import itertools

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.affinity
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from swath.datasets import (
    GeoDataset,
    random_bbox_assignment,
    random_bbox_splitting,
    random_grid_cell_assignment,
    roi_split,
    shares_ground,
    spatial_block_split,
    time_series_split,
)
from swath.errors import SplitError
from swath.plot import plot_split
from swath.samplers import GridGeoSampler, RandomGeoSampler

T = pd.Timestamp
DAY = ("2020-01-01", "2020-01-02")


class Layer(GeoDataset):
    def __init__(self, shapes, times=None, res=(10.0, 10.0), crs="EPSG:32612"):
        spans = [(T(a), T(b)) for a, b in times or [DAY] * len(shapes)]
        self.index = geopandas.GeoDataFrame(
            {"filepath": [f"{k}.tif" for k in range(len(shapes))]},
            geometry=list(shapes),
            crs=crs,
            index=pd.IntervalIndex.from_tuples(spans, closed="both", name="datetime"),
        )
        self.res = res


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def box(x, y, w=1000, h=1000):
    return shapely.box(x, y, x + w, y + h)


def common_area(parts):
    unions = [shapely.union_all(p.index.geometry.values) for p in parts]
    return sum(a.intersection(b).area for a, b in itertools.combinations(unions, 2))


def turned(x, y, w, h, angle):
    return shapely.affinity.rotate(box(x * 100, y * 100, w * 100, h * 100), angle)


corner, side = st.integers(0, 60), st.integers(5, 30)
rows = st.lists(
    st.builds(turned, corner, corner, side, side, st.sampled_from([0, 0, 20])),
    min_size=3,
    max_size=8,
)

SPLITS = {
    "assignment": lambda ds, g: random_bbox_assignment(ds, [0.5, 0.5], g),
    "splitting": lambda ds, g: random_bbox_splitting(ds, [0.6, 0.2, 0.2], g),
    "cells": lambda ds, g: random_grid_cell_assignment(ds, [0.5, 0.5], 5, g),
    "blocks": lambda ds, g: spatial_block_split(ds, [0.5, 0.5], 700, 50, g),
    "rois": lambda ds, g: roi_split(
        ds, [box(-9000, -9000, 11500, 30000), box(2500, -9000, 90000, 30000)]
    ),
}


@settings(max_examples=60, deadline=None)
@given(shapes=rows, name=st.sampled_from(sorted(SPLITS)), seed=st.integers(0, 5))
def test_no_ground_is_on_both_sides(shapes, name, seed):
    layer = Layer(shapes)
    before = layer.index.copy()
    try:
        parts = SPLITS[name](layer, seeded(seed))
    except SplitError:
        return  # too few rows that do not overlap
    assert common_area(parts) < 1e-3
    assert not any(shares_ground(a, b) for a, b in itertools.combinations(parts, 2))
    ground = shapely.union_all(shapes)
    together = shapely.union_all([g for p in parts for g in p.index.geometry])
    assert together.difference(ground).area < 1e-3
    if name in ("assignment", "splitting", "cells"):
        assert ground.difference(together).area < 1e-3  # nothing is lost either
    again = SPLITS[name](layer, seeded(seed))
    for a, b in zip(parts, again, strict=True):
        assert a.index.equals(b.index)
        assert type(a) is Layer
    assert layer.index.equals(before)


@settings(max_examples=25, deadline=None)
@given(shapes=rows, name=st.sampled_from(["splitting", "cells", "blocks", "rois"]))
def test_what_the_samplers_ask_for_does_not_leak(shapes, name):
    try:
        parts = SPLITS[name](Layer(shapes), seeded())
        patches = [
            [*RandomGeoSampler(p, 12, 40, generator=0), *GridGeoSampler(p, 12)] for p in parts
        ]
    except (SplitError, LookupError):
        return
    for a, b in itertools.permutations(range(len(parts)), 2):
        ground = shapely.union_all(parts[b].index.geometry.values)
        boxes = [shapely.box(q[0].start, q[1].start, q[0].stop, q[1].stop) for q in patches[a]]
        assert shapely.area(shapely.intersection(ground, boxes)).max() < 1
    for q in patches[0][:40]:  # and random ones stay on the pixels of the rows that were cut
        corners = [s.bounds for s in shapes]
        assert any(
            abs((q[0].start - x) / 10 - round((q[0].start - x) / 10)) < 1e-6
            and abs((q[1].stop - y) / 10 - round((q[1].stop - y) / 10)) < 1e-6
            for x, _, _, y in corners
        )


def test_assignment_has_the_lengths_asked_for_and_keeps_overlapping_rows_together():
    layer = Layer([box(k * 1000, 0) for k in range(10)])  # neighbours touch: no shared ground
    assert [len(p) for p in random_bbox_assignment(layer, [0.6, 0.3, 0.1], seeded())] == [6, 3, 1]
    assert [len(p) for p in random_bbox_assignment(layer, [7, 2, 1], seeded())] == [7, 2, 1]
    found = {tuple(random_bbox_assignment(layer, [5, 5], seeded(k))[0].index["filepath"])
             for k in range(20)}  # fmt: skip
    assert len(found) > 10
    dates = Layer([box(k * 1000, 0) for k in range(6) for _ in range(3)])
    for part in random_bbox_assignment(dates, [0.5, 0.5], seeded(1)):
        assert len(part) == 9
        assert set(part.index.groupby(part.index.geometry.to_wkb()).size()) == {3}
    with pytest.raises(SplitError, match="spatial_block_split"):
        random_bbox_assignment(Layer([box(k * 900, 0) for k in range(10)]), [0.5, 0.5])
    with pytest.raises(SplitError, match="expected 10 rows or 1"):
        random_bbox_assignment(layer, [3, 3])
    with pytest.raises(SplitError, match="sum to"):
        random_bbox_assignment(layer, [0.3, 0.3])


def test_splitting_has_the_shares_asked_for():
    parts = random_bbox_splitting(Layer([box(0, 0), box(3000, 0)]), [0.7, 0.3], seeded())
    assert [p.index.area.sum() for p in parts] == pytest.approx([1.4e6, 0.6e6])


def test_cells_and_points():
    parts = random_grid_cell_assignment(Layer([box(0, 0)]), [0.75, 0.25], 4, seeded())
    assert [len(p) for p in parts] == [12, 4]
    points = Layer([shapely.Point(x, y) for x in range(0, 100, 10) for y in range(0, 100, 10)])
    blocks = spatial_block_split(points, [0.5, 0.5], 20, 0, seeded())
    assert sum(len(p) for p in blocks) == 100
    with pytest.raises(SplitError, match="grid_size"):
        random_grid_cell_assignment(points, [0.5, 0.5], 1)


def test_regions_that_overlap_are_refused():
    layer = Layer([box(0, 0)])
    with pytest.raises(SplitError, match="overlap"):
        roi_split(layer, [box(0, 0, 600), box(500, 0, 500)])
    with pytest.raises(SplitError, match="empty"):
        roi_split(layer, [box(0, 0, 600), box(5000, 0)])
    parts = roi_split(layer, [box(0, 0, 600), box(600, 0, 400)])
    assert [p.index.area.sum() for p in parts] == [6e5, 4e5]
    assert parts[0].index["exclusive"].all()
    assert parts[1].index[["grid_x", "grid_y"]].to_numpy().tolist() == [[0.0, 1000.0]]


@pytest.mark.parametrize(
    ("crs", "ground"),
    [
        ("EPSG:4326", shapely.box(5, 60, 6.5, 61)),
        ("EPSG:3857", shapely.box(0, 8e6, 2e5, 8.15e6)),
        ("EPSG:32612", shapely.box(5e5, 4e6, 5.6e5, 4.06e6)),
        ("EPSG:2263", shapely.box(9e5, 1.5e5, 1.1e6, 3e5)),  # feet
    ],
)
def test_blocks_and_buffers_are_in_metres_in_any_crs(crs, ground):
    layer = Layer([ground], crs=crs, res=(1e-4, 1e-4) if crs == "EPSG:4326" else (10.0, 10.0))
    size, buffer = 9000.0, 1500.0
    parts = spatial_block_split(layer, [0.5, 0.5], size, buffer, seeded(2))
    a, b = (p.index.geometry.to_crs(4326) for p in parts)
    # The oracle: geodesics between corners and along edges.
    geod = Geod(ellps="WGS84")
    points = [
        np.concatenate([shapely.get_coordinates(shapely.segmentize(g, 0.004)) for g in s])
        for s in (a, b)
    ]
    i, j = shapely.STRtree(shapely.points(points[1])).query(
        shapely.points(points[0]), predicate="dwithin", distance=0.06
    )
    gap = geod.inv(*points[0][i].T, *points[1][j].T)[2].min()
    assert buffer * 0.999 < gap < buffer * 1.1
    assert not shares_ground(*parts, buffer=buffer * 0.99)
    assert shares_ground(*parts, buffer=buffer * 1.1)
    lone = max(  # a block between two of the other part
        shapely.union_all(a.to_crs(layer.crs).values).area,
        shapely.union_all(b.to_crs(layer.crs).values).area,
    )
    assert 0.2 < lone / ground.area < 0.6


def test_block_shares_and_errors():
    layer = Layer([box(0, 0, 50000, 40000)])
    parts = spatial_block_split(layer, [0.7, 0.2, 0.1], 1000, generator=seeded())
    areas = np.array([p.index.area.sum() for p in parts])
    assert areas / areas.sum() == pytest.approx([0.7, 0.2, 0.1], abs=0.005)
    for options in ({"block_size": 0}, {"block_size": 500, "buffer": 500}, {"block_size": 5e4}):
        with pytest.raises(SplitError):
            spatial_block_split(layer, [0.5, 0.5], **options)


def test_time_parts_share_no_instant():
    times = [(f"2020-{m:02d}-01", f"2020-{m:02d}-03") for m in range(1, 11)]
    layer = Layer([box(0, 0)] * 10, times)
    parts = time_series_split(layer, [0.5, 0.3, 0.2])
    assert sum(len(p) for p in parts) == 10
    for a, b in itertools.pairwise(parts):
        assert a.index.index.right.max() < b.index.index.left.min()
    with pytest.raises(SplitError):
        time_series_split(layer, [0.5, 0.6])
    durations = time_series_split(layer, [pd.Timedelta(days=100), pd.Timedelta(days=150)])
    assert [len(p) for p in durations] == [4, 5]


def test_intervals_are_exclusive_where_they_meet():
    times = [("2020-01-01", "2020-02-01"), ("2020-02-01", "2020-03-01")]
    layer = Layer([box(0, 0)] * 2, times)
    edges = [T("2020-01-01"), T("2020-02-01"), T("2020-04-01")]
    cuts = [pd.Interval(a, b) for a, b in itertools.pairwise(edges)]
    first, second = time_series_split(layer, cuts)
    assert len(first) == len(second) == 1
    assert first.index.index.right[0] < second.index.index.left[0] == T("2020-02-01")
    with pytest.raises(SplitError, match="overlap"):
        time_series_split(layer, [pd.Interval(T("2020-01-01"), T("2020-02-02")), cuts[1]])


def test_an_image_is_never_on_both_sides_of_a_boundary_unless_cut():
    layer = Layer([box(0, 0)] * 3, [("2020-01-01", "2020-01-02"), ("2020-01-05", "2020-01-08"),
                                    ("2020-01-10", "2020-01-11")])  # fmt: skip
    edges = [T("2020-01-01"), T("2020-01-06"), T("2020-01-12")]
    spans = [pd.Interval(a, b) for a, b in itertools.pairwise(edges)]
    parts = time_series_split(layer, spans)
    assert [list(p.index["filepath"]) for p in parts] == [["0.tif"], ["1.tif", "2.tif"]]
    assert parts[1].index.index.left[0] == T("2020-01-06")
    cut = time_series_split(layer, spans, straddle="cut")
    assert [list(p.index["filepath"]) for p in cut] == [["0.tif", "1.tif"], ["1.tif", "2.tif"]]


def test_shared_ground_across_crs():
    a = Layer([box(500000, 4000000, 10000, 10000)], crs="EPSG:32612")
    moved = a.index.geometry.to_crs(32613)
    b = Layer([shapely.segmentize(g, 500) for g in moved], crs="EPSG:32613")
    found = shares_ground(a, b)
    assert found
    assert found.area == pytest.approx(1e8 / 0.9996**2, rel=1e-4)
    assert found.where.bounds == pytest.approx((500000, 4000000, 510000, 4010000), abs=20)
    assert found.rows.tolist() == [[0, 0]]
    assert "km²" in str(found)
    away = Layer([box(515000, 4000000)])
    assert not shares_ground(a, away)
    assert str(shares_ground(a, away)) == "no shared ground"
    near = shares_ground(a, away, buffer=5100)
    assert near
    assert near.area == 0
    assert not shares_ground(a, away, buffer=4900)
    with pytest.raises(SplitError):
        shares_ground(a, away, buffer=-1)


def test_plot():
    parts = spatial_block_split(Layer([box(0, 0, 9000, 9000)]), [0.5, 0.3, 0.2], 1000, 100)
    figure = plot_split(parts)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label.split(":")[0] for label in labels] == ["train", "val", "test"]
    leaking = plot_split([parts[0], parts[0]], ["a", "b"])
    assert leaking.legends[0].get_texts()[-1].get_text() == "shared"
    with pytest.raises(SplitError, match="names"):
        plot_split(parts, ["one"])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["assignment", "splitting", "cells"])
def test_a_corner_that_hardly_overlaps_is_cut_off(name, seed):
    """Three square metres do not tie two rows together, and are in one part only all the same."""
    shapes = [turned(0, 0, 5, 5, 0)] * 4 + [turned(0, 0, 18, 18, 0), turned(17, 16, 9, 11, 20)]
    layer = Layer(shapes)
    try:
        parts = SPLITS[name](layer, seeded(seed))
    except SplitError:
        return
    assert common_area(parts) < 1e-3
    assert not any(shares_ground(a, b) for a, b in itertools.combinations(parts, 2))
