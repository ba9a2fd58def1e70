import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.affinity
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layer import Rows, box_of, boxes_of, tile

from swath.errors import ConfigError, QueryError
from swath.samplers import (
    RandomBatchGeoSampler,
    RandomGeoSampler,
    Units,
    get_random_bounding_box,
    rarity_weights,
    tile_to_chips,
)

L_SHAPE = shapely.Polygon([(0, 0), (3000, 0), (3000, 700), (700, 700), (700, 3000), (0, 3000)])
RING = shapely.Point(1500, 1500).buffer(1400).difference(shapely.Point(1500, 1500).buffer(500))


def chi_square(counts, expected):
    return float(((counts - expected) ** 2 / expected).sum())


def test_same_seed_same_patches_and_every_choice_from_the_generator():
    layer = Rows([tile(0, 0), tile(0, 1)])
    first = list(RandomGeoSampler(layer, 20, 50, generator=torch.Generator().manual_seed(3)))
    torch.manual_seed(99)
    assert first == list(
        RandomGeoSampler(layer, 20, 50, generator=torch.Generator().manual_seed(3))
    )
    assert first != list(
        RandomGeoSampler(layer, 20, 50, generator=torch.Generator().manual_seed(4))
    )
    torch.manual_seed(5)
    a = list(RandomGeoSampler(layer, 20, 50))
    torch.manual_seed(5)
    assert a == list(RandomGeoSampler(layer, 20, 50))


@pytest.mark.parametrize(
    "make",
    [
        lambda: 7,
        lambda: np.random.default_rng(7),
        lambda: np.random.RandomState(7),
        lambda: np.random.SeedSequence(7),
        lambda: np.random.PCG64(7),
        lambda: torch.Generator().manual_seed(7),
    ],
)
def test_every_kind_of_generator(make):
    layer = Rows([tile(0, 0)])
    sampler = RandomGeoSampler(layer, 20, 10, generator=make())
    epochs = list(sampler), list(sampler)
    assert epochs[0] != epochs[1]
    again = RandomGeoSampler(layer, 20, 10, generator=make())
    assert (list(again), list(again)) == epochs


def test_rows_are_as_likely_as_their_ground():
    layer = Rows([shapely.box(0, 0, 3000, 2000), shapely.box(5000, 0, 6000, 1000)])
    queries = list(RandomGeoSampler(layer, 25, 20000, generator=0))
    counts = np.bincount([q[0].start >= 5000 for q in queries], minlength=2)
    assert chi_square(counts, 20000 * np.array([6, 1]) / 7) < 15  # p < 1e-4 with one freedom


@pytest.mark.parametrize("shape", [L_SHAPE, RING, shapely.affinity.rotate(tile(0, 0), 25)])
def test_places_in_an_area_are_equally_likely_and_whole_patches_lie_in_it(shape):
    layer = Rows([shape], res=(10.0, 10.0))
    size = 30
    queries = list(RandomGeoSampler(layer, size, 6000, generator=1))
    assert shapely.covers(shape.buffer(1e-3), boxes_of(queries)).all()
    # The oracle: all corners of the pixel grid, each tried by shapely alone.
    xmin, _, _, ymax = shape.bounds
    i, j = np.meshgrid(np.arange(0, 310), np.arange(0, 310))
    x, y = xmin + i.ravel() * 10.0, ymax - j.ravel() * 10.0
    prepared = shape.buffer(1e-5)
    shapely.prepare(prepared)
    good = shapely.covers(prepared, shapely.box(x, y - size * 10, x + size * 10, y))
    cells, drawn = {}, {}
    for a, b in zip(i.ravel()[good] // 25, j.ravel()[good] // 25, strict=True):
        cells[a, b] = cells.get((a, b), 0) + 1
    for q in queries:
        key = round((q[0].start - xmin) / 10) // 25, round((ymax - q[1].stop) / 10) // 25
        drawn[key] = drawn.get(key, 0) + 1
    assert set(drawn) <= set(cells)
    total = sum(cells.values())
    keys = [k for k in cells if cells[k] * 6000 / total >= 5]
    counts = np.array([drawn.get(k, 0) for k in keys])
    expected = np.array([cells[k] * 6000 / total for k in keys])
    freedom = len(keys)
    assert chi_square(counts, expected) < freedom + 5 * np.sqrt(2 * freedom)


@settings(max_examples=40, deadline=None)
@given(
    corners=st.lists(
        st.tuples(st.integers(-500, 2500), st.integers(-500, 2500)), min_size=3, max_size=8
    ),
    size=st.integers(3, 40),
    inside=st.sampled_from(["patch", "centre", "touch"]),
)
def test_roi_is_respected_exactly(corners, size, inside):
    roi = shapely.convex_hull(shapely.multipoints(corners)).symmetric_difference(
        shapely.box(300, 300, 900, 700)
    )
    layer = Rows([tile(0, 0, 150), tile(1, 1, 90)])
    try:
        sampler = RandomGeoSampler(layer, size, 60, roi=roi, inside=inside, generator=0)
    except QueryError:
        return
    ground = shapely.union_all(layer.index.geometry.values)
    for query in sampler:
        patch = box_of(query)
        assert ground.buffer(1e-6).covers(patch)
        if inside == "patch":
            assert roi.buffer(1e-3).covers(patch)
        elif inside == "centre":
            assert roi.buffer(1e-3).covers(patch.centroid)
        else:
            assert roi.intersection(patch).area > 0


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_least_share_of_valid_ground(share):
    shape = shapely.affinity.rotate(tile(0, 0), 30)
    queries = list(RandomGeoSampler(Rows([shape]), 40, 500, min_valid=share, generator=2))
    shares = shapely.area(shapely.intersection(shape, boxes_of(queries))) / (400 * 400)
    assert shares.min() >= share - 1e-9
    assert shares.min() < share + 0.1  # and they do go to the border


def test_positions_snap_to_the_rows_own_pixels():
    shape = shapely.affinity.translate(tile(0, 0), 3.7, -1.2)
    for q in RandomGeoSampler(Rows([shape]), (20, 33), 100, generator=0):
        for value, corner in ((q[0].start, 3.7), (q[1].stop, 1000 - 1.2)):
            offset = (value - corner) / 10
            assert abs(offset - round(offset)) < 1e-6
        assert q[0].stop - q[0].start == pytest.approx(330)
        assert q[1].stop - q[1].start == pytest.approx(200)


def test_size_in_crs_units():
    q = next(iter(RandomGeoSampler(Rows([tile(0, 0)]), (255.0, 120.0), 5, units=Units.CRS)))
    assert q[1].stop - q[1].start == pytest.approx(255)
    assert q[0].stop - q[0].start == pytest.approx(120)


def test_time_is_the_rows_own_cut_to_the_time_of_interest():
    times = [("2020-01-01", "2020-01-10"), ("2020-02-01", "2020-02-10")]
    layer = Rows([tile(0, 0), tile(0, 0)], times)
    toi = pd.Interval(pd.Timestamp("2020-01-05"), pd.Timestamp("2020-01-20"))
    for q in RandomGeoSampler(layer, 20, 20, toi=toi):
        assert (q[2].start, q[2].stop) == (pd.Timestamp("2020-01-05"), pd.Timestamp("2020-01-10"))


def test_small_rows_and_points_give_a_patch_centred_on_them():
    layer = Rows([shapely.Point(500, 500), tile(0, 3, 10)])
    centres = {shapely.get_coordinates(box_of(q).centroid).tobytes() for q in
               RandomGeoSampler(layer, 20, 300, generator=0)}  # fmt: skip
    assert centres == {np.array(c).tobytes() for c in [(500.0, 500.0), (350.0, 50.0)]}


def test_what_cannot_hold_a_patch_is_counted_not_hidden(caplog):
    layer = Rows([tile(0, 0), tile(0, 1, 5)], exclusive=[True, True])
    sampler = RandomGeoSampler(layer, 20, 10)
    assert sampler.skipped == 1
    assert "1 of 2 areas" in caplog.text
    with pytest.raises(QueryError, match="smaller size"):
        RandomGeoSampler(layer, 200, 10)


def test_default_length_is_what_covers_the_ground():
    assert len(RandomGeoSampler(Rows([tile(0, 0), tile(0, 1, 90)]), 20)) == 25 + 25
    assert len(RandomBatchGeoSampler(Rows([tile(0, 0)]), 20, 4)) == 6


def test_weights_of_rows_columns_and_places():
    layer = Rows([tile(0, 0), tile(0, 2)], rarity=[1.0, 3.0])
    for weights in ([1.0, 3.0], "rarity"):
        queries = list(RandomGeoSampler(layer, 20, 8000, weights=weights, generator=0))
        counts = np.bincount([q[0].start >= 2000 for q in queries], minlength=2)
        assert chi_square(counts, 8000 * np.array([0.25, 0.75])) < 15
    seen = []

    def north(boxes, rows):
        seen.append((boxes.shape, rows.shape))
        return np.where(boxes[:, 1] > 400, 4.0, 1.0)

    queries = list(RandomGeoSampler(layer, 20, 8000, weights=north, generator=0))
    assert seen[0][0] == (*seen[0][1], 4)
    # Lower edges lie on 81 rows of pixels, 40 of them above 400.
    share = np.mean([q[1].start > 400 for q in queries])
    assert share == pytest.approx(40 * 4 / (40 * 4 + 41), abs=0.03)
    with pytest.raises(ConfigError, match="no column"):
        RandomGeoSampler(layer, 20, weights="rare")
    with pytest.raises(ConfigError, match="one number for each"):
        RandomGeoSampler(layer, 20, weights=[1.0])


def test_rarity_weights_balance_classes():
    counts = np.array([[90, 0], [0, 10]])
    weights = rarity_weights(counts)
    assert np.allclose(weights @ counts / (weights @ counts).sum(), [0.5, 0.5])
    assert np.allclose(rarity_weights(counts, power=0), 1)


def test_a_batch_comes_from_one_row():
    layer = Rows([tile(0, 0), tile(0, 5), tile(5, 0)])
    batches = list(RandomBatchGeoSampler(layer, 20, 8, 200, generator=0))
    assert len(batches) == 25
    rows = set()
    for batch in batches:
        hit = {int(np.flatnonzero(layer.index.geometry.contains(box_of(q).centroid))[0])
               for q in batch}  # fmt: skip
        assert len(batch) == 8
        assert len(hit) == 1
        rows |= hit
    assert rows == {0, 1, 2}


def test_arguments_are_checked():
    layer = Rows([tile(0, 0)])
    for bad in (
        {"size": 0}, {"size": (1, 2, 3)}, {"size": 20, "length": 0}, {"size": 20, "inside": "all"},
        {"size": 20, "min_valid": 2}, {"size": 20, "rank": 1}, {"size": 20, "generator": "x"},
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            RandomGeoSampler(layer, **bad)
    with pytest.raises(QueryError, match="roi"):
        RandomGeoSampler(layer, 20, roi=shapely.box(9000, 9000, 9500, 9500))


@given(extent=st.integers(1, 300), size=st.integers(1, 100), stride=st.integers(1, 100))
def test_tile_to_chips_covers(extent, size, stride):
    rows, columns = tile_to_chips((0, 0, extent, extent), (size, size), (stride, stride))
    assert rows == columns >= 1
    assert (rows - 1) * stride + size >= extent
    assert rows == 1 or (rows - 2) * stride + size < extent


def test_random_bounding_box():
    x, y = get_random_bounding_box((0, 0, 100, 100), (30, 20), 10, torch.Generator().manual_seed(0))
    assert (y.stop - y.start, x.stop - x.start) == (30, 20)
    assert x.start % 10 == 0
    assert 0 <= x.start <= 80
    assert 0 <= y.start <= 70
    wide, _ = get_random_bounding_box((0, 0, 100, 100), (30, 200), 10)
    assert (wide.start, wide.stop) == (-50, 150)
