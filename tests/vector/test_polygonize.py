from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS

from swath.errors import ConfigError, GridError
from swath.geometry import Grid
from swath.vector import polygonize, rasterize

UTM = CRS.from_epsg(32612)


def grid(height: int, width: int) -> Grid:
    return Grid(UTM, Affine(10, 0, 500_000, 0, -10, 4_200_000), width, height)


@settings(max_examples=40, deadline=None)
@given(
    mask=arrays(
        st.sampled_from([np.uint8, np.int64, np.int16]),
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.integers(0, 3),
    )
)
def test_there_and_back(mask: np.ndarray) -> None:
    place = grid(*mask.shape)
    frame = polygonize(mask, place)
    assert frame.crs == UTM
    assert frame.geometry.is_valid.all()
    assert frame["pixels"].sum() == (mask > 0).sum()
    np.testing.assert_allclose(frame.area, frame["pixels"] * 100)
    back = rasterize(frame.geometry.values, place, frame["value"].to_numpy())
    np.testing.assert_array_equal(back, mask)


def test_values_of_any_size_and_names() -> None:
    mask = np.array([[2**40, 2**40, 0], [-5, -5, 0]])
    frame = polygonize(mask, grid(2, 3), classes={2**40: "huge"})
    assert frame["value"].tolist() == [2**40, -5]
    assert frame["class"].tolist() == ["huge", "-5"]
    whole = polygonize(mask, grid(2, 3), background=())
    assert sorted(whole["value"]) == [-5, 0, 2**40]


def test_small_areas_go_and_small_holes_close() -> None:
    mask = np.ones((10, 10), np.uint8)
    mask[4, 4] = 0
    mask[0, 9] = 2
    frame = polygonize(mask, grid(10, 10), min_area=2)
    assert frame["value"].tolist() == [1]
    assert frame["pixels"].tolist() == [99]
    assert len(frame.geometry[0].interiors) == 0


def test_simplified_neighbours_stay_neighbours() -> None:
    y, x = np.mgrid[:60, :60]
    mask = np.where(x + y < 60, 1, 2)
    rough = polygonize(mask, grid(60, 60))
    smooth = polygonize(mask, grid(60, 60), simplify=2)
    assert shapely.get_num_coordinates(smooth.geometry.values).sum() < 20
    assert shapely.get_num_coordinates(rough.geometry.values).sum() > 200
    both = smooth.geometry.union_all()
    assert smooth.area.sum() == pytest.approx(both.area)  # no overlap
    assert len(shapely.get_parts(both)) == 1
    assert not both.interiors  # no gap


def test_nothing_there() -> None:
    frame = polygonize(np.zeros((4, 5), np.uint8), grid(4, 5), min_area=1, simplify=1)
    assert len(frame) == 0
    assert list(frame.columns) == ["value", "pixels", "geometry"]
    assert frame.crs == UTM


def test_bool_masks() -> None:
    frame = polygonize(np.eye(3, dtype=bool), grid(3, 3))
    assert frame["value"].tolist() == [1, 1, 1]


def test_errors() -> None:
    with pytest.raises(GridError, match=r"\(2, 2\).*\(3, 3\)"):
        polygonize(np.zeros((2, 2), int), grid(3, 3))
    with pytest.raises(ConfigError, match="whole numbers"):
        polygonize(np.zeros((3, 3)), grid(3, 3))
    with pytest.raises(ConfigError, match="not negative"):
        polygonize(np.zeros((3, 3), int), grid(3, 3), min_area=-1)
