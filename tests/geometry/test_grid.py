"""Grids: where every pixel lies."""

import math

import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from swath.errors import GridError
from swath.geometry import Grid

UTM = CRS.from_epsg(32633)


@given(
    st.floats(-1e7, 1e7), st.floats(-1e7, 1e7), st.integers(1, 5000), st.integers(1, 5000),
    st.sampled_from([0.1, 1 / 3, 10.0, 30.0, 0.000277777]), st.floats(-1e-9, 1e-9),
)  # fmt: skip
@settings(deadline=None)
def test_bounds_make_the_grid_that_has_them(x, y, w, h, res, noise):
    bounds = (x, y, x + w * res * (1 + noise), y + h * res)
    grid = Grid.from_bounds(UTM, bounds, res)
    assert grid.shape == (h, w)
    assert grid.res == (res, res)
    assert grid.bounds[0] == x
    assert grid.bounds[3] == bounds[3]
    assert grid.bounds == pytest.approx(bounds, abs=1e-2 * res)


def test_pixels_of_two_sides():
    grid = Grid.from_bounds(UTM, (0, 0, 100, 90), (10, 30))
    assert grid.shape == (3, 10)
    assert grid.transform == Affine(10, 0, 0, 0, -30, 90)
    assert Grid.from_bounds(UTM, (0, 0, 1, 1), 30).shape == (1, 1)


@pytest.mark.parametrize("turn", [0, 30, 90, 135, 180])
def test_turned_grids(turn):
    transform = Affine.translation(7, 9) @ Affine.rotation(turn) @ Affine.scale(2, -3)
    grid = Grid(UTM, transform, 5, 4)
    assert grid.res == pytest.approx((2, 3))
    corners = [transform @ (c, r) for c in (0, 5) for r in (0, 4)]
    xs, ys = zip(*corners, strict=True)
    assert grid.bounds == pytest.approx((min(xs), min(ys), max(xs), max(ys)))


@pytest.mark.parametrize(
    ("transform", "width", "height"),
    [
        (Affine(1, 0, 0, 0, -1, 0), 0, 5),
        (Affine(1, 0, 0, 0, -1, 0), 5, -1),
        (Affine(0, 0, 0, 0, -1, 0), 5, 5),
        (Affine(1, 1, 0, 1, 1, 0), 5, 5),
        (Affine(math.nan, 0, 0, 0, -1, 0), 5, 5),
        (Affine(math.inf, 0, 0, 0, -1, 0), 5, 5),
    ],
)
def test_grids_of_nothing(transform, width, height):
    with pytest.raises(GridError):
        Grid(UTM, transform, width, height)


@pytest.mark.parametrize(
    ("bounds", "res"),
    [
        ((0, 0, 10, 10), 0), ((0, 0, 10, 10), (1, -1)), ((0, 0, 10, 10), math.nan),
        ((10, 0, 0, 10), 1), ((0, 0, 10, 0), 1), ((0, 0, math.nan, 10), 1),
        ((0, 0, math.inf, 10), 1), ((0, 0, 10, 10), math.inf),
    ],
)  # fmt: skip
def test_bounds_of_nothing(bounds, res):
    with pytest.raises(GridError):
        Grid.from_bounds(UTM, bounds, res)
