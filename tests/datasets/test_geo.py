"""Queries, indexes, CRSs and copies: what all layers share."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from rasterfiles import Images, Labels, hills, write
from torch.utils.data import default_collate

from swath.datasets.query import parse_slice
from swath.errors import CRSError, QueryError

T = pd.Timestamp
X, Y = 500000.0, 5000000.0
BOUNDS = (0.0, 100.0, 0.0, 50.0, T("2020-01-01").value, T("2021-01-01").value)


@pytest.fixture
def folder(tmp_path):
    """Two dates, and ground between them that nobody covers."""
    write(tmp_path / "a_20200101.tif", hills((40, 50)))
    write(tmp_path / "b_20210101.tif", hills((40, 50), seed=1), x=X + 2000)
    return tmp_path


@pytest.fixture
def images(folder):
    return Images(folder)


# ---- queries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (slice(10, 20), (10, 20, 2, 0, 50, 1)),
        (slice(10, 20, 5), (10, 20, 5, 0, 50, 1)),
        (slice(None, 20), (0, 20, 2, 0, 50, 1)),
        (slice(10, None), (10, 100, 2, 0, 50, 1)),
        (slice(None), (0, 100, 2, 0, 50, 1)),
        (slice(None, None, 4), (0, 100, 4, 0, 50, 1)),
        ((slice(10, 20),), (10, 20, 2, 0, 50, 1)),
        ((slice(10, 20), slice(5, 9)), (10, 20, 2, 5, 9, 1)),
        ((slice(None), slice(5, None, 0.5)), (0, 100, 2, 5, 50, 0.5)),
        ((slice(np.float32(10), torch.tensor(20.0)), slice("5", 9)), (10, 20, 2, 5, 9, 1)),
    ],
)
def test_parts_left_out_come_from_the_dataset(index, expected):
    q = parse_slice(index, BOUNDS, (2.0, 1.0))
    assert (q.xmin, q.xmax, q.xres, q.ymin, q.ymax, q.yres) == expected
    assert (q.t0, q.t1) == BOUNDS[4:]


@pytest.mark.parametrize(
    ("part", "first", "last"),
    [
        (slice(T("2020-03-01"), T("2020-04-01")), "2020-03-01", "2020-04-01"),
        (slice("2020-03-01", "2020-04-01 12:00"), "2020-03-01", "2020-04-01 12:00"),
        (slice(None, T("2020-04-01")), "2020-01-01", "2020-04-01"),
        (slice(T("2020-04-01"), None), "2020-04-01", "2021-01-01"),
        (slice(T("2020-03-01"), T("2020-03-01")), "2020-03-01", "2020-03-01"),
        (slice(T("2020-03-01 02:00", tz="Europe/Berlin"), None), "2020-03-01 01:00", "2021-01-01"),
        (slice(np.datetime64("2020-03-01"), None), "2020-03-01", "2021-01-01"),
        (slice(T("2020-03-01").to_pydatetime(), None), "2020-03-01", "2021-01-01"),
    ],
)
def test_times_in_any_form(part, first, last):
    q = parse_slice((slice(None), slice(None), part), BOUNDS, (2.0, 1.0))
    assert (q.tmin, q.tmax) == (T(first), T(last))


@pytest.mark.parametrize(
    ("index", "part"),
    [
        (5, "slice"),
        ((slice(0, 1), 5), "slice"),
        ((), "slice"),
        ((slice(0, 1),) * 4, "slice"),
        (slice(20, 10), "empty"),
        (slice(10, 10), "empty"),
        (slice(float("nan"), 10), "finite"),
        (slice(0, float("inf")), "finite"),
        (slice(0, 10, 0), "positive"),
        (slice(0, 10, -1), "positive"),
        (slice(0, 10, float("nan")), "positive"),
        (slice("a", "b"), "numbers"),
        ((slice(0, 1), slice(0, 1), slice("never", None)), "no time"),
        ((slice(0, 1), slice(0, 1), slice(pd.NaT, None)), "no time"),
        ((slice(0, 1), slice(0, 1), slice("2021-01-01", "2020-01-01")), "empty"),
        ((slice(0, 1), slice(0, 1), slice("2500-01-01", None)), "no time"),
    ],
)
def test_malformed_queries(index, part):
    with pytest.raises(QueryError, match=part):
        parse_slice(index, BOUNDS, (2.0, 1.0))


def test_outside_says_what_was_asked_and_what_there_is(images):
    with pytest.raises(QueryError) as caught:
        images[0:100, 0:100]
    text = str(caught.value)
    assert "x 0 to 100" in text
    assert "500000 to 502500" in text
    assert "4999600 to 5000000" in text
    assert "EPSG:32633" in text
    assert "2020-01-01" in text
    assert isinstance(caught.value, IndexError)


def test_between_the_rows_there_is_nothing(images):
    with pytest.raises(QueryError, match="lies outside"):
        images[X + 600 : X + 1900, Y - 100 : Y]
    with pytest.raises(QueryError, match="lies outside"):  # neighbours that only touch
        images[X + 500 : X + 600, Y - 100 : Y]
    with pytest.raises(QueryError, match="2020-05-01"):
        images[X : X + 100, Y - 100 : Y, T("2020-05-01") : T("2020-06-01")]
    with pytest.raises(QueryError):  # one row's ground at the other's time
        images[X : X + 100, Y - 100 : Y, T("2021-01-01") : T("2021-01-01")]


@given(
    left=st.integers(0, 40),
    width=st.integers(1, 300),
    res=st.sampled_from([10.0, 0.1, 1 / 3, 30.000001]),
    noise=st.floats(-1e-7, 1e-7),
)
@settings(max_examples=60, deadline=None)
def test_rounding_noise_makes_no_pixels(left, width, res, noise):
    x0 = 500000 + left * res
    q = parse_slice(slice(x0 + noise, x0 + width * res - noise), (0, 1e6, 0, 1e6, 0, 1), (res, res))
    assert q.width == width


def test_bounds_of_the_dataset_are_a_query(images):
    x, y, t = images.bounds
    assert (x.start, x.stop, x.step) == (X, X + 2500, 10)
    assert (y.start, y.stop, y.step) == (Y - 400, Y, 10)
    assert t.start == T("2020-01-01")
    assert t.stop == T("2021-01-02") - pd.Timedelta(1, "us")
    assert images[images.bounds]["image"].shape == (1, 40, 250)


def test_bounds_survive_default_collate_to_the_millimetre(images):
    at = (X + 0.123456, Y - 100.654321)
    query = (slice(at[0], at[0] + 80, 10), slice(at[1], at[1] + 80, 10))
    batch = default_collate([images[query], images[query]])
    assert batch["bounds"].dtype == torch.float64
    got = batch["bounds"][1].tolist()
    np.testing.assert_allclose(got[:6], [at[0], at[0] + 80, 10, at[1], at[1] + 80, 10], atol=1e-9)
    assert got[6] == T("2020-01-01").timestamp()
    matrix = batch["transform"][0].reshape(3, 3)
    corner = matrix @ torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    np.testing.assert_allclose(corner, [at[0], at[1] + 80, 1], atol=1e-9)


# ---- the index ---------------------------------------------------------------------------------


def test_index_has_the_known_form(images):
    frame = images.index
    assert isinstance(frame.index, pd.IntervalIndex)
    assert frame.index.name == "datetime"
    assert frame.index.closed == "both"
    assert frame.crs == CRS.from_epsg(32633)
    assert list(frame["filepath"]) == images.files
    assert len(images) == 2
    text = str(images)
    assert "EPSG:32633" in text
    assert "size: 2" in text


def test_another_index_must_be_of_times(images):
    with pytest.raises(QueryError, match="IntervalIndex"):
        images.index = images.index.reset_index(drop=True)


def test_a_split_is_a_copy_with_fewer_rows(images):
    before = images.index.copy()
    part = copy.copy(images)
    part.index = images.index.iloc[:1]
    assert len(part) == 1
    assert len(images) == 2
    assert part.bounds[0].stop == X + 500
    pd.testing.assert_frame_equal(images.index, before)
    with pytest.raises(QueryError):
        part[X + 2000 : X + 2100, Y - 100 : Y]


def test_changing_the_crs_keeps_pixels_about_as_large(images):
    other = copy.copy(images)
    other.crs = 4326
    assert images.crs == CRS.from_epsg(32633)
    assert images.res == (10.0, 10.0)
    assert other.index.crs == CRS.from_epsg(4326)
    assert 5e-5 < other.res[0] < 2e-4
    sample = other[14.99995:15.001, 45.149:45.1505]
    assert sample["image"].shape[-1] > 5
    near = copy.copy(images)
    near.crs = "EPSG:32634"
    assert near.res == (10.0, 10.0)


def test_a_crs_in_which_the_ground_is_nowhere(images):
    with pytest.raises(CRSError, match="footprints cannot be expressed"):
        copy.copy(images).crs = "+proj=geos +h=35785831 +lon_0=180"


def test_resolution_is_positive(images):
    images.res = 20
    assert images.res == (20.0, 20.0)
    images.res = (20, 40)
    assert images[X : X + 80, Y - 80 : Y]["image"].shape == (1, 2, 4)
    for bad in (0, -1, (10, 0), float("nan")):
        with pytest.raises(QueryError, match="positive"):
            images.res = bad


# ---- copies and workers ------------------------------------------------------------------------


def test_pickles_are_whole(images):
    other = pickle.loads(pickle.dumps(images))
    pd.testing.assert_index_equal(other.index.index, images.index.index)
    assert list(other.index["filepath"]) == list(images.index["filepath"])
    assert other.index.geometry.geom_equals(images.index.geometry).all()
    assert (other.crs, other.res, other.bounds) == (images.crs, images.res, images.bounds)
    query = (slice(X, X + 200), slice(Y - 200, Y))
    assert torch.equal(other[query]["image"], images[query]["image"])


def test_transforms_see_each_sample(folder):
    seen = []

    def double(sample):
        seen.append(sample["image"].shape)
        return {**sample, "image": sample["image"] * 2}

    plain, doubled = Images(folder), Images(folder, transforms=double)
    queries = [(slice(X, X + 100), slice(Y - 100, Y)), (slice(X, X + 50), slice(Y - 70, Y))]
    for got, expected in zip(
        doubled.__getitems__(queries), plain.__getitems__(queries), strict=True
    ):
        assert torch.equal(got["image"], expected["image"] * 2)
    assert seen == [(1, 10, 10), (1, 7, 5)]


def test_labels_are_whole_numbers_without_a_channel(tmp_path):
    write(tmp_path / "a.tif", np.arange(100, dtype=np.uint8).reshape(10, 10))
    sample = Labels(tmp_path)[X : X + 50, Y - 30 : Y]
    assert sample["mask"].dtype == torch.int64
    assert sample["mask"].shape == (3, 5)
    assert sample["mask"][0].tolist() == [0, 1, 2, 3, 4]
