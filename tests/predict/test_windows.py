"""Windows cover every pixel, stay inside, and blend to a mean with weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import ConfigError
from swath.predict import Blender, Tiling, window_weights

sizes = st.integers(1, 40)
lengths = st.integers(1, 200)
overlaps = st.floats(0, 0.95)


@settings(deadline=None)
@given(lengths, lengths, sizes, overlaps)
def test_every_pixel_is_covered_and_windows_stay_inside(
    width: int, height: int, size: int, overlap: float
) -> None:
    tiling = Tiling(width, height, size, overlap)
    covered = np.zeros((height, width), int)
    places = list(tiling.windows())
    assert len(places) == len(tiling)
    assert len(set(places)) == len(places)
    for window in places:
        covered[window.row : window.row + size, window.col : window.col + size] += 1
        assert window.row + size <= max(height, size)
        assert window.col + size <= max(width, size)
    assert covered.min() >= 1
    for starts in (tiling.rows, tiling.cols):
        assert starts[0] == 0
        assert all(0 < b - a <= tiling.stride for a, b in pairwise(starts))
    assert [w.row for w in places] == sorted(w.row for w in places)


@settings(deadline=None)
@given(lengths, st.integers(1, 20), st.integers(1, 300))
def test_strips_part_the_columns(width: int, size: int, columns: int) -> None:
    tiling = Tiling(width, 10, size)
    strips = tiling.strips(columns)
    assert [c for a, b in strips for c in range(a, b)] == list(range(width))
    for start, stop in strips:
        touching = {w for w in tiling.windows() if w.col < stop and w.col + size > start}
        assert set(tiling.windows(start, stop)) == touching


@pytest.mark.parametrize("blend", ["cosine", "linear", "none"])
@pytest.mark.parametrize("size", [1, 2, 7, 64, 257])
def test_weights_are_whole_positive_and_highest_in_the_middle(blend: str, size: int) -> None:
    weights = window_weights(size, blend)  # type: ignore[arg-type]
    assert weights.min() >= 1
    assert torch.equal(weights, weights.round())
    assert torch.equal(weights, weights.flip(0))
    assert torch.equal(weights, weights.T)
    assert weights[size // 2, size // 2] == weights.max()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 24),
    st.floats(0, 0.8),
    st.sampled_from(["cosine", "linear", "none"]),
    st.integers(0, 2**32 - 1),
)
def test_blended_is_the_weighted_mean(
    width: int, height: int, size: int, overlap: float, blend: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tiling = Tiling(width, height, size, overlap)
    weights = window_weights(size, blend)  # type: ignore[arg-type]
    sums = np.zeros((2, height + size, width + size))
    total = np.zeros((height + size, width + size))
    got = np.full((2, height, width), np.nan)
    known = np.zeros((height, width), bool)

    def emit(values: np.ndarray, there: np.ndarray, row: int, col: int) -> None:
        place = (slice(row, row + there.shape[0]), slice(col, col + there.shape[1]))
        assert np.isnan(got[(slice(None), *place)]).all(), "rows are handed out once"
        got[(slice(None), *place)] = values
        known[place] = there

    cut = width // 2
    strips = [(0, cut), (cut, width)] if cut else [(0, width)]
    blenders = [Blender(2, height, a, b, weights, emit) for a, b in strips]
    for window in tiling.windows():
        values = rng.random((2, size, size)).astype(np.float32)
        valid = rng.random((size, size)) < 0.7
        here = (slice(window.row, window.row + size), slice(window.col, window.col + size))
        sums[(slice(None), *here)] += values * valid * weights.numpy()
        total[here] += valid * weights.numpy()
        for blender in blenders:
            blender.add(window, torch.from_numpy(values), torch.from_numpy(valid))
    for blender in blenders:
        blender.finish()
    total = total[:height, :width]
    np.testing.assert_array_equal(known, total > 0)
    expected = (sums[:, :height, :width] / np.maximum(total, 1))[:, known]
    np.testing.assert_allclose(got[:, known], expected, rtol=1e-12)


@pytest.mark.parametrize("blend", ["cosine", "linear", "none"])
def test_where_all_windows_agree_the_blend_is_exact(blend: str) -> None:
    rng = np.random.default_rng(5)
    picture = rng.random((1, 150, 130)).astype(np.float32) ** 9
    tiling = Tiling(130, 150, 32, 0.6)
    got = np.zeros((1, 150, 130))

    def emit(values: np.ndarray, known: np.ndarray, row: int, col: int) -> None:
        assert known.all()
        got[:, row : row + known.shape[0], col : col + known.shape[1]] = values

    blender = Blender(1, 150, 0, 130, window_weights(32, blend), emit)  # type: ignore[arg-type]
    for w in tiling.windows():
        part = picture[:, w.row : w.row + 32, w.col : w.col + 32]
        blender.add(w, torch.from_numpy(part.copy()))
    blender.finish()
    np.testing.assert_array_equal(got, picture)


@pytest.mark.parametrize(("size", "overlap"), [(0, 0.2), (16, 1.0), (16, -0.1), (16, float("nan"))])
def test_impossible_windows(size: int, overlap: float) -> None:
    with pytest.raises(ConfigError):
        Tiling(100, 100, size, overlap)


def test_unknown_blend() -> None:
    with pytest.raises(ConfigError, match="gaussian"):
        window_weights(8, "gaussian")  # type: ignore[arg-type]
