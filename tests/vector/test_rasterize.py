from __future__ import annotations

import numpy as np
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from rasterio import features

from swath.geometry import Grid
from swath.vector import boxes, instance_masks, rasterize

UTM = CRS.from_epsg(32612)
GRIDS = {
    "north up": Affine(10, 0, 500_000, 0, -10, 4_200_000),
    "south up": Affine(10, 0, 500_000, 0, 10, 4_200_000),
    "rotated": Affine(8, 3, 500_000, 3, -8, 4_200_000),
    "wide": Affine(20, 0, 500_000, 0, -5, 4_200_000),
}


def star(seed: int, n: int, size: float) -> shapely.Polygon:
    """A jagged polygon around (20, 16) pixels."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(0.2, 1, n) * size
    x, y = rng.uniform(0, 40), rng.uniform(0, 32)
    return shapely.Polygon(
        np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])
    )


def on(transform: Affine, shape: shapely.Geometry) -> shapely.Geometry:
    def place(xy: np.ndarray) -> np.ndarray:
        x, y = transform @ (xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    return shapely.transform(shape, place)


def centres(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return shapely.points(x, y)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.sampled_from([3, 5, 12, 400]),
    size=st.floats(0.5, 60),
    name=st.sampled_from(list(GRIDS)),
)
def test_a_pixel_belongs_to_the_polygon_its_centre_is_in(
    seed: int, n: int, size: float, name: str
) -> None:
    shape = star(seed, n, size)
    if not shape.is_valid:
        shape = shapely.buffer(shape, 0)
    grid = Grid(UTM, GRIDS[name], 40, 32)
    found = rasterize([on(grid.transform, shape)], grid, 7)
    points = centres(40, 32)
    near_edge = shapely.distance(points, shapely.boundary(shape)) < 1e-6
    true = np.where(shapely.contains(shape, points), 7, 0)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found[~near_edge], true[~near_edge])
    np.testing.assert_array_equal(
        instance_masks([on(grid.transform, shape)], grid)[0][~near_edge] if true.any() else 0,
        (true > 0).astype(np.uint8)[~near_edge] if true.any() else 0,
    )


def test_later_shapes_cover_earlier_ones_as_in_rasterio() -> None:
    grid = Grid(UTM, GRIDS["north up"], 40, 32)
    many = [on(grid.transform, shapely.buffer(star(i, 9, 12), 0)) for i in range(25)]
    values = np.arange(-5, 20)
    found = rasterize(many, grid, values, fill=-9)
    true = features.rasterize(
        list(zip(many, values.tolist(), strict=True)),
        out_shape=(32, 40),
        transform=grid.transform,
        fill=-9,
        dtype=np.int64,
    )
    assert (found != true).mean() < 0.002  # rounding at edges that meet a centre
    touched = rasterize(many[:1], grid, all_touched=True)
    assert touched.sum() > rasterize(many[:1], grid).sum()


def test_lines_points_and_nothing() -> None:
    grid = Grid(UTM, Affine(1, 0, 0, 0, -1, 10), 10, 10)
    line = shapely.LineString([(0.5, 9.5), (9.5, 9.5)])
    out = rasterize([line, shapely.Point(4.5, 0.2)], grid, [1, 2])
    assert (out[0] == 1).all()
    assert out[9, 4] == 2
    assert out.sum() == 12
    assert rasterize([], grid).sum() == 0
    assert instance_masks([], grid).shape == (0, 10, 10)


@settings(max_examples=40, deadline=None)
@given(seeds=st.lists(st.integers(0, 10_000), max_size=5), size=st.floats(0.5, 60))
def test_boxes_hold_the_part_on_the_grid(seeds: list[int], size: float) -> None:
    grid = Grid(UTM, GRIDS["north up"], 40, 32)
    shapes = [shapely.buffer(star(s, 8, size), 0) for s in seeds]
    found, which = boxes([on(grid.transform, s) for s in shapes], grid)
    window = shapely.box(0, 0, 40, 32)
    cut = [shapely.intersection(s, window) for s in shapes]
    kept = [i for i, part in enumerate(cut) if part.area > 1e-9]
    assert found.dtype == np.float32
    assert set(kept) <= set(which.tolist())
    for box, i in zip(found, which, strict=True):
        np.testing.assert_allclose(box, shapely.bounds(cut[i]), atol=1e-4)
        assert 0 <= box[0] < box[2] <= 40
        assert 0 <= box[1] < box[3] <= 32


def test_boxes_of_what_only_touches() -> None:
    grid = Grid(UTM, Affine(1, 0, 0, 0, -1, 10), 10, 10)
    beside = shapely.box(10, 0, 20, 10)
    corner = shapely.Polygon([(10, 9), (12, 8), (12, 11), (10.0, 12)])
    upright = shapely.LineString([(5, 0), (5, 10)])
    horn = shapely.Polygon([(8, 11), (11, 8), (12, 12)])  # cuts the corner at half a pixel
    away = shapely.Polygon([(9, 12), (12, 9), (13, 13)])  # its box is on the grid, it is not
    found, which = boxes([beside, corner, upright, away, horn], grid)
    assert which.tolist() == [4]
    np.testing.assert_allclose(found, [[9, 0, 10, 1]])
    assert boxes([], grid)[0].shape == (0, 4)


def test_an_instance_is_never_without_a_pixel() -> None:
    grid = Grid(UTM, Affine(1, 0, 0, 0, -1, 10), 10, 10)
    masks = instance_masks([shapely.box(3.1, 3.1, 3.3, 3.3), shapely.box(2, 2, 5, 5)], grid)
    assert masks.dtype == np.uint8
    assert masks[0].sum() == 1
    assert masks[0, 6, 3] == 1
    assert masks[1].sum() == 9


def test_large_northings_keep_fractions_of_a_pixel() -> None:
    transform = Affine(0.05, 0, 712_345.6, 0, -0.05, 9_876_543.2)
    grid = Grid(CRS.from_epsg(32712), transform, 40, 32)
    shape = shapely.box(3.25, 4.25, 9.75, 11.75)
    np.testing.assert_allclose(
        boxes([on(transform, shape)], grid)[0], [[3.25, 4.25, 9.75, 11.75]], atol=1e-5
    )
