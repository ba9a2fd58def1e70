import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layer import Rows, box_of, boxes_of, tile

from swath.errors import ConfigError, QueryError
from swath.samplers import GriddedPatchSampler, GridGeoSampler, PreChippedGeoSampler, Units

rectangles = st.tuples(
    st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 120), st.integers(1, 120)
).map(lambda r: shapely.box(r[0] * 10, r[1] * 10, (r[0] + r[2]) * 10, (r[1] + r[3]) * 10))


@settings(max_examples=80, deadline=None)
@given(
    shapes=st.lists(rectangles, min_size=1, max_size=4),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    overlap=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    padding=st.booleans(),
)
def test_every_pixel_is_covered_and_nothing_outside_is_asked_for(shapes, size, overlap, padding):
    layer = Rows(shapes)
    stride = tuple(max(1, int(s * (1 - o))) for s, o in zip(size, overlap, strict=True))
    sampler = GridGeoSampler(layer, size, stride, padding=padding)
    queries = list(sampler)
    assert len(queries) == len(sampler)
    boxes = boxes_of(queries)
    union = shapely.union_all(boxes)
    for shape in shapes:
        assert shape.difference(union).area < 1e-6
    x, y, _ = layer.bounds
    total = shapely.box(x.start, y.start, x.stop, y.stop)
    for query, box in zip(queries, boxes, strict=True):
        height, width = query[1].stop - query[1].start, query[0].stop - query[0].start
        if padding:
            assert (height, width) == pytest.approx((size[0] * 10, size[1] * 10))
        else:
            assert total.buffer(1e-6).covers(box)
            assert height <= size[0] * 10 + 1e-6
            assert width <= size[1] * 10 + 1e-6
        # On the pixel grid, which all these rows share.
        for value in (query[0].start, query[1].stop):
            assert abs(value / 10 - round(value / 10)) < 1e-6


@settings(max_examples=40, deadline=None)
@given(
    corners=st.lists(
        st.tuples(st.floats(-200, 1200), st.floats(-200, 1200)), min_size=3, max_size=8
    ),
    size=st.integers(2, 50),
    angle=st.floats(0, 90),
    inside=st.sampled_from(["patch", "centre", "touch"]),
)
def test_polygons_and_rotated_footprints(corners, size, angle, inside):
    roi = shapely.convex_hull(shapely.multipoints(corners))
    footprint = shapely.affinity.rotate(tile(0, 0), angle)
    region = roi.intersection(footprint)
    if region.area < 1:
        return
    try:
        queries = list(GridGeoSampler(Rows([footprint]), size, roi=roi, inside=inside))
    except QueryError:
        assert inside != "touch"
        return
    boxes = np.array(boxes_of(queries))
    if inside == "touch":
        assert region.difference(shapely.union_all(boxes)).area < 1e-3
        assert (shapely.area(shapely.intersection(boxes, footprint)) > 0).all()
    elif inside == "patch":
        assert shapely.covers(roi.buffer(1e-3), boxes).all()
    else:
        assert shapely.covers(roi.buffer(1e-3), shapely.centroid(boxes)).all()


def test_a_small_row_reaches_into_the_dataset_or_gives_a_smaller_window(caplog):
    layer = Rows([tile(0, 0), tile(0, 10, 10)])
    last = list(GridGeoSampler(layer, 20))[-1]
    assert (last[0].start, last[0].stop) == (900, 1100)
    assert (last[1].start, last[1].stop) == (0, 200)
    alone = list(GridGeoSampler(Rows([tile(0, 0, 10)]), 20))
    assert boxes_of(alone) == [tile(0, 0, 10)]
    assert "padding" in caplog.text
    padded = list(GridGeoSampler(Rows([tile(0, 0, 10)]), 20, padding=True))
    assert boxes_of(padded) == [shapely.box(-50, -50, 150, 150)]


def test_rows_cut_by_a_split_are_never_left():
    cut = tile(0, 0).intersection(shapely.Point(500, 500).buffer(450))
    layer = Rows([cut, tile(3, 0, 7)], exclusive=[True, True])
    for padding in (False, True):
        boxes = boxes_of(GridGeoSampler(layer, 12, padding=padding))
        inside = shapely.covers(shapely.union_all([cut, tile(3, 0, 7)]).buffer(1e-3), boxes)
        assert inside.all()


def test_least_valid_share():
    footprint = shapely.affinity.rotate(tile(0, 0), 45)
    boxes = np.array(boxes_of(GridGeoSampler(Rows([footprint]), 10, min_valid=0.5)))
    assert (shapely.area(shapely.intersection(boxes, footprint)) >= 0.5 * 100 * 100 - 1e-3).all()


def test_points_units_and_errors():
    (query,) = GridGeoSampler(Rows([shapely.Point(100, 100)]), 4)
    assert box_of(query) == shapely.box(80, 80, 120, 120)
    assert len(GridGeoSampler(Rows([tile(0, 0)]), 500, 250, units=Units.CRS)) == 9
    with pytest.raises(ConfigError, match="stride"):
        GridGeoSampler(Rows([tile(0, 0)]), 20, 0)
    with pytest.raises(QueryError, match="inside"):
        GridGeoSampler(
            Rows([tile(0, 0)]), 90, roi=shapely.box(0, 0, 300, 300).buffer(50), inside="patch"
        )


def test_gridded_patches_visit_overlapping_rows_once():
    layer = Rows([tile(0, 0), tile(0, 0), shapely.box(500, 0, 1500, 1000)])
    boxes = boxes_of(GriddedPatchSampler(layer, size=25))
    assert len(boxes) == 6 * 4
    assert shapely.union_all(boxes).equals(shapely.box(0, 0, 1500, 1000))


def test_pre_chipped():
    layer = Rows([tile(0, 0), tile(0, 1), tile(0, 2)])
    assert boxes_of(PreChippedGeoSampler(layer)) == list(layer.index.geometry)
    shuffled = PreChippedGeoSampler(layer, shuffle=True, generator=1)
    orders = [tuple(q[0].start for q in shuffled) for _ in range(8)]
    assert {tuple(sorted(o)) for o in orders} == {(0.0, 1000.0, 2000.0)}
    assert len(set(orders)) > 1
    roi = shapely.box(500, 0, 2400, 1000)
    clipped = boxes_of(PreChippedGeoSampler(layer, roi=roi))
    assert [b.bounds[0] for b in clipped] == [500, 1000, 2000]
    assert len(PreChippedGeoSampler(layer, roi=roi, inside="patch")) == 1
    assert len(PreChippedGeoSampler(layer, roi=roi, inside="centre")) == 2
    assert len(PreChippedGeoSampler(layer, roi=roi, inside="touch")) == 3
    with pytest.raises(QueryError, match="RandomGeoSampler"):
        PreChippedGeoSampler(Rows([shapely.Point(0, 0)]))
