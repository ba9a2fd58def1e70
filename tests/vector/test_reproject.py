from __future__ import annotations

import logging

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from swath.errors import CRSError
from swath.vector import reproject, without_defects

LON_LAT = CRS.from_epsg(4326)
UTM12 = CRS.from_epsg(32612)
ALBERS = CRS.from_epsg(5070)


def shapes(*items: object) -> np.ndarray:
    return np.array(items, dtype=object)


def test_the_same_crs_changes_nothing() -> None:
    before = shapes(shapely.box(0, 0, 1, 1), None)
    after = reproject(before, LON_LAT, CRS.from_user_input("OGC:CRS84"), 1.0)
    assert after[0].equals_exact(before[0], 0)
    assert after[1] is None


@settings(max_examples=25, deadline=None)
@given(
    lon=st.floats(-113, -109),
    lat=st.floats(32, 44),
    size=st.floats(0.001, 3),
    tolerance=st.sampled_from([0.5, 5.0, 100.0]),
    target=st.sampled_from([UTM12, ALBERS]),
)
def test_long_edges_bend(
    lon: float, lat: float, size: float, tolerance: float, target: CRS
) -> None:
    box = shapely.box(lon, lat, lon + size, lat + size)
    found = reproject(shapes(box), LON_LAT, target, tolerance)[0]
    # The truth: the box with so many vertices that nothing is left to bend.
    change = Transformer.from_crs(LON_LAT, target, always_xy=True)
    dense = shapely.segmentize(box, size / 500)
    true = shapely.transform(dense, lambda xy: np.column_stack(change.transform(*xy.T)))
    assert shapely.hausdorff_distance(found.exterior, true.exterior) <= tolerance * 1.05
    assert found.is_valid


def test_short_edges_stay_as_they_are() -> None:
    field = shapely.box(-111, 38, -110.999, 38.001)
    assert len(reproject(shapes(field), LON_LAT, UTM12, 1.0)[0].exterior.coords) == 5


def test_lines_and_points_and_collections() -> None:
    line = shapely.LineString([(-112, 38), (-110, 38)])
    point = shapely.Point(-111, 38)
    multi = shapely.MultiPolygon(
        [shapely.box(-111, 38, -110.9, 38.1), shapely.box(-110, 38, -109, 39)]
    )
    out = reproject(shapes(line, point, None, multi), LON_LAT, UTM12, 1.0)
    assert len(out[0].coords) > 10
    assert out[1].x == pytest.approx(500000)
    assert out[2] is None
    assert len(out[3].geoms) == 2


def test_across_the_antimeridian_is_cut_there() -> None:
    utm60 = CRS.from_epsg(32660)
    change = Transformer.from_crs(LON_LAT, utm60, always_xy=True)
    east, _ = change.transform(180.0, 10.0)
    box = shapely.box(east - 20_000, 1_100_000, east + 10_000, 1_120_000)
    far = shapely.box(300_000, 1_100_000, 310_000, 1_120_000)
    out = reproject(shapes(box, far), utm60, LON_LAT, 1e-6)
    assert out[0].geom_type == "MultiPolygon"
    west_part, east_part = sorted(out[0].geoms, key=lambda g: g.bounds[0])
    assert west_part.bounds[0] == -180
    assert east_part.bounds[2] == 180
    assert out[0].area < 0.1
    assert out[1].geom_type == "Polygon"
    back = reproject(out[:1], LON_LAT, utm60, 0.5)[0]
    assert back.symmetric_difference(box).area < box.area * 1e-3
    mercator = reproject(shapes(box), utm60, CRS.from_epsg(3857), 1.0)[0]
    assert mercator.area < 30_000 * 20_000 * 1.1


def test_a_country_is_cut_to_the_zone(caplog: pytest.LogCaptureFixture) -> None:
    world = shapely.box(-180, -90, 180, 90)
    with caplog.at_level(logging.WARNING):
        out = reproject(shapes(world, shapely.box(-111, 38, -110, 39)), LON_LAT, UTM12, 1000.0)
    assert "1 of 2 features reach beyond" in caplog.text
    assert out[0].contains(out[1])
    assert np.isfinite(out[0].bounds).all()


def test_a_torn_shape_is_an_error() -> None:
    # A seam at 90° east, where neither the antimeridian nor an area of use helps.
    odd = CRS.from_proj4("+proj=eqc +lon_0=-90 +datum=WGS84")
    with pytest.raises(CRSError, match=r"here: 1 of 1 features .*choose a CRS"):
        reproject(shapes(shapely.box(80, 0, 100, 10)), LON_LAT, odd, 10.0, "here")


def test_invalid_shapes_are_repaired_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    spike = shapely.Polygon([(0, 0), (2, 0), (2, 2), (2, 4), (2, 2), (0, 2)])
    with caplog.at_level(logging.WARNING):
        out = without_defects(shapes(bow, spike, None, shapely.Polygon()), "fields.gpkg")
    assert "fields.gpkg: 2 of 4 features were invalid" in caplog.text
    assert out[0].is_valid
    assert out[0].area == 2
    assert out[1].geom_type == "Polygon"
    assert out[1].area == 4
    assert out[2] is None
    assert out[3] is None
