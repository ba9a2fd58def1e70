import itertools

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layer import Rows, box_of, tile

from swath.errors import ConfigError, QueryError
from swath.samplers import (
    GriddedPatchSampler,
    RandomPatchSampler,
    RandomPeriodSampler,
    RandomTimedeltaSampler,
    RandomTimestampSampler,
    SequentialPeriodSampler,
    SequentialTimedeltaSampler,
    SequentialTimestampSampler,
    SpatioTemporalSampler,
)

T = pd.Timestamp
TIMES = [
    ("2020-01-01", "2020-01-02"),
    ("2020-01-05", "2020-01-06"),
    ("2020-03-05", "2020-03-06"),
    ("2020-04-05", "2020-04-06"),
]
LAYER = Rows([tile(0, 0), tile(0, 0), tile(0, 0), shapely.box(500, 0, 1500, 1000)], TIMES)


def spans(sampler):
    return [(q[-1].start, q[-1].stop) for q in sampler]


def test_timestamps():
    wanted = [(T(a), T(b)) for a, b in TIMES]
    assert spans(SequentialTimestampSampler(LAYER)) == wanted
    shuffled = RandomTimestampSampler(LAYER, generator=0)
    assert sorted(spans(shuffled)) == wanted
    assert len(shuffled) == 4
    assert shuffled.strategy == "random"
    assert SequentialTimestampSampler(LAYER).strategy == "sequential"
    query = next(iter(shuffled))
    assert query[0] == query[1] == slice(None)


def test_periods_hold_rows_and_are_whole():
    months = spans(SequentialPeriodSampler(LAYER, freq="M"))
    assert [m[0] for m in months] == [T("2020-01-01"), T("2020-03-01"), T("2020-04-01")]
    assert months[0][1] == T("2020-01-31 23:59:59.999999")
    random = RandomPeriodSampler(LAYER, freq="M", length=300, generator=0)
    counts = pd.Series([a for a, _ in spans(random)]).value_counts()
    assert len(counts) == 3
    assert ((counts - 100) ** 2 / 100).sum() < 20
    with pytest.raises(ConfigError, match="period"):
        SequentialPeriodSampler(LAYER, freq="nothing")


def test_sliding_windows():
    windows = spans(SequentialTimedeltaSampler(LAYER, delta=pd.Timedelta(days=10)))
    assert [a for a, _ in windows] == [T("2020-01-01"), T("2020-03-01"), T("2020-03-31")]
    assert all(b - a == pd.Timedelta(days=10) - pd.Timedelta(1, "us") for a, b in windows)
    with pytest.raises(ConfigError, match="delta"):
        SequentialTimedeltaSampler(LAYER, delta=pd.Timedelta(0))


@settings(max_examples=50, deadline=None)
@given(
    days=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), min_size=1, max_size=8),
    delta=st.integers(1, 60),
    stride=st.integers(1, 60),
)
def test_windows_hold_a_row_and_all_rows_are_held(days, delta, stride):
    stride = min(stride, delta)
    start = T("2020-01-01")
    times = [(start + pd.Timedelta(days=a), start + pd.Timedelta(days=a + n)) for a, n in days]
    layer = Rows([tile(0, 0)] * len(times), times)
    step, jump = pd.Timedelta(days=delta), pd.Timedelta(days=stride)
    ordered = spans(SequentialTimedeltaSampler(layer, delta=step, stride=jump))
    random = spans(RandomTimedeltaSampler(layer, delta=step, length=40, generator=0))
    for a, b in ordered + random:
        assert any(a <= q and b >= p for p, q in times)
    for p, q in times:
        assert any(a <= q and b >= p for a, b in ordered)
    assert [a for a, _ in ordered] == sorted({a for a, _ in ordered})
    first, last = min(times)[0], max(q for _, q in times)
    assert all(first <= a and b <= last for a, b in random)


def test_time_of_interest():
    toi = pd.Interval(T("2020-01-05 12:00"), T("2020-03-05"), closed="left")
    assert spans(SequentialTimestampSampler(LAYER, toi=toi)) == [
        (T("2020-01-05 12:00"), T("2020-01-06"))
    ]
    with pytest.raises(QueryError, match="toi"):
        SequentialTimestampSampler(LAYER, toi=pd.Interval(T("2021-01-01"), T("2021-02-01")))


SPATIAL = [
    lambda: RandomPatchSampler(LAYER, size=20, length=12, generator=0),
    lambda: GriddedPatchSampler(LAYER, size=20),
]
TEMPORAL = [
    lambda: RandomPeriodSampler(LAYER, freq="M", generator=0),
    lambda: RandomTimestampSampler(LAYER, generator=0),
    lambda: RandomTimedeltaSampler(LAYER, delta=pd.Timedelta(days=20), length=2, generator=0),
    lambda: SequentialPeriodSampler(LAYER, freq="M"),
    lambda: SequentialTimestampSampler(LAYER),
    lambda: SequentialTimedeltaSampler(LAYER, delta=pd.Timedelta(days=20)),
]


@pytest.mark.parametrize(("space", "time"), list(itertools.product(SPATIAL, TEMPORAL)))
def test_every_pair_asks_only_for_what_is_there(space, time):
    sampler = SpatioTemporalSampler(space(), time())
    for _ in range(2):
        number = len(sampler)
        queries = list(sampler)
        assert len(queries) == number
    geometry = np.asarray(LAYER.index.geometry.values)
    for q in queries:
        on_ground = shapely.area(shapely.intersection(geometry, box_of(q))) > 0
        in_time = (LAYER.index.index.left <= q[2].stop) & (LAYER.index.index.right >= q[2].start)
        assert (on_ground & in_time).any()
    if space().strategy == time().strategy == "random":
        assert len(queries) == 12
    if time().strategy == "sequential" and space().strategy == "sequential":
        # All times of each place: the product that shapely and pandas give.
        places = {(q[0].start, q[1].start) for q in queries}
        assert len(places) == len(space())


def test_only_a_spatial_and_a_temporal_sampler_combine():
    with pytest.raises(ConfigError, match="expected a SpatialSampler"):
        SpatioTemporalSampler(SequentialTimestampSampler(LAYER), SPATIAL[0]())
    other = Rows([tile(0, 0)])
    with pytest.raises(ConfigError, match="same dataset"):
        SpatioTemporalSampler(SPATIAL[0](), SequentialTimestampSampler(other))


@pytest.mark.parametrize("strategy", [SPATIAL[0], SPATIAL[1], TEMPORAL[0], TEMPORAL[4]])
def test_plots(strategy):
    animation = strategy().plot(5)
    shown = [sum(shape.get_visible() for shape in animation._func(k)) for k in range(3)]
    assert shown == [1, 2, 3]
    animation._draw_was_started = True  # nobody will watch it: no warning about that


def test_plot_of_both():
    animation = SpatioTemporalSampler(SPATIAL[0](), TEMPORAL[4]()).plot(5)
    assert sum(shape.get_visible() for shape in animation._func(2)) == 6
    animation._draw_was_started = True
