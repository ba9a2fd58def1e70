"""The approximated mapping of pixels against PROJ, pixel by pixel."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from swath.errors import CRSError
from swath.geometry.mapping import map_grids
from swath.geometry.transform import same_crs, same_units, transform_bounds, transformer

#: CRS, a longitude and latitude where it is at home, and the size of a 10 m pixel in it.
CRSS = {
    "utm33": (CRS.from_epsg(32633), (15.5, 48.0), 10.0),
    "utm34": (CRS.from_epsg(32634), (18.2, 48.0), 10.0),
    "utm1": (CRS.from_epsg(32601), (-179.9, 65.0), 10.0),
    "utm60 south": (CRS.from_epsg(32760), (179.9, -17.0), 10.0),
    "laea": (CRS.from_epsg(3035), (15.5, 48.0), 10.0),
    "albers": (CRS.from_epsg(5070), (-111.0, 40.0), 10.0),
    "sinusoidal": (CRS.from_proj4("+proj=sinu +lon_0=0 +R=6371007.181"), (15.5, 48.0), 10.0),
    "north": (CRS.from_epsg(3413), (-45.0, 89.0), 10.0),
    "south": (CRS.from_epsg(3031), (100.0, -75.0), 10.0),
    "degrees": (CRS.from_epsg(4326), (15.5, 48.0), 1e-4),
    "mercator": (CRS.from_epsg(3857), (15.5, 48.0), 15.0),
}
LONLAT = CRS.from_epsg(4326)


def evaluate(mapping, shape):
    """X and y of every pixel centre, as a kernel evaluates them."""
    if mapping.exact is not None:
        return mapping.exact
    out = np.full((2, *shape), np.nan)
    for (r0, r1, c0, c1), cx, cy in zip(mapping.blocks, mapping.x, mapping.y, strict=True):
        v = np.vander((np.arange(r0, r1) + 0.5 - r0) / (r1 - r0), 4, increasing=True)
        u = np.vander((np.arange(c0, c1) + 0.5 - c0) / (c1 - c0), 4, increasing=True)
        assert np.isnan(out[:, r0:r1, c0:c1]).all()  # blocks do not overlap
        out[0, r0:r1, c0:c1] = v @ cx @ u.T
        out[1, r0:r1, c0:c1] = v @ cy @ u.T
    return out


def exact(transform, shape, source, target, around=None):
    c, r = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    x = transform.a * c + transform.b * r + transform.c
    y = transform.d * c + transform.e * r + transform.f
    # Whatever swath keeps and reuses, this is made anew
    change = Transformer.from_crs(source.to_wkt(), target.to_wkt(), always_xy=True)
    px, py = change.transform(x.ravel(), y.ravel())
    out = np.stack([px, py]).reshape(2, *shape)
    if around is not None:
        out[0] -= 360 * np.round((out[0] - around) / 360)
    return out


def check(source, target, lonlat, pixel, shape, tolerance, turn=0.0, around=None):
    x, y = Transformer.from_crs(LONLAT, source, always_xy=True).transform(*lonlat)
    transform = (
        Affine.translation(x, y) @ Affine.rotation(turn) @ Affine.scale(pixel, -pixel)
        @ Affine.translation(-shape[1] / 2, -shape[0] / 2)
    )  # fmt: skip
    (mapping,) = map_grids([transform], [shape], source, target, [tolerance], [around])
    got, expected = evaluate(mapping, shape), exact(transform, shape, source, target, around)
    ok = np.isfinite(expected).all(axis=0)
    np.testing.assert_array_equal(np.isfinite(got).all(axis=0), ok)
    if ok.any():
        worst = np.abs(got - expected)[:, ok].max()
        assert worst <= 4 * tolerance  # 2.5e-4 pixel is asked for, 1e-3 is promised
    return mapping


PAIRS = [
    ("utm33", "utm34"), ("utm34", "laea"), ("laea", "utm33"), ("utm33", "degrees"),
    ("degrees", "utm33"), ("utm33", "sinusoidal"), ("sinusoidal", "laea"), ("albers", "degrees"),
    ("north", "degrees"), ("degrees", "mercator"), ("mercator", "laea"), ("south", "degrees"),
    ("utm33", "mercator"), ("north", "laea"), ("utm1", "north"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target"), PAIRS)
@given(
    st.floats(-1.5, 1.5), st.floats(-0.9, 0.9), st.sampled_from([1.0, 3.0, 30.0]),
    st.integers(1, 300), st.integers(1, 300), st.sampled_from([0.0, 0.0, 33.0]),
)  # fmt: skip
@settings(deadline=None, max_examples=12)
def test_a_thousandth_of_a_pixel_everywhere(source, target, east, north, scale, h, w, turn):
    start, (lon, lat), pixel = CRSS[source]
    goal, _, goal_pixel = CRSS[target]
    around = lon if goal.is_geographic else None
    check(
        start,
        goal,
        (lon + east, lat + north),
        pixel * scale,
        (h, w),
        2.5e-4 * goal_pixel,
        turn,
        around,
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (31, 33)])
def test_patches_of_any_shape(shape):
    for source, target in (("utm33", "utm34"), ("degrees", "laea")):
        start, place, pixel = CRSS[source]
        check(start, CRSS[target][0], place, pixel, shape, 2.5e-3)


def test_smooth_transforms_need_one_block():
    mapping = check(CRSS["utm33"][0], CRSS["utm34"][0], (15.5, 48.0), 30.0, (224, 224), 2.5e-4 * 30)
    assert len(mapping.blocks) == 1
    assert mapping.error <= 2.5e-4 * 30


def test_a_huge_patch_is_cut():
    mapping = check(CRSS["degrees"][0], CRSS["laea"][0], (15.5, 48.0), 0.01, (1500, 2000), 0.25)
    assert len(mapping.blocks) > 1
    assert mapping.exact is None


@pytest.mark.parametrize(("name", "target"), [("utm1", 4326), ("utm60 south", 4326)])
def test_across_the_antimeridian(name, target):
    source, place, pixel = CRSS[name]
    for around in (place[0], -place[0]):
        mapping = check(
            source, CRS.from_epsg(target), place, pixel * 10, (300, 300), 2.5e-7, around=around
        )
        x = evaluate(mapping, (300, 300))[0]
        assert np.ptp(x) < 1  # degrees: no jump by a turn
        assert abs(np.median(x) - around) < 1


@pytest.mark.parametrize(("crs", "lat"), [(3413, 90.0), (3031, -90.0)])
def test_over_the_poles(crs, lat):
    polar = CRS.from_epsg(crs)
    check(polar, LONLAT, (0.0, lat), 100.0, (80, 80), 2.5e-5, around=0.0)
    equal_area = CRS.from_proj4(f"+proj=laea +lat_0={lat} +lon_0=20")
    mapping = check(polar, equal_area, (0.0, lat), 100.0, (80, 80), 0.025)
    assert mapping.exact is None


def test_where_the_target_has_no_such_place():
    geos = CRS.from_proj4("+proj=geos +h=35785831 +lon_0=0")
    mapping = check(LONLAT, geos, (76.0, 0.0), 0.2, (60, 120), 10.0)  # the limb of the disc
    assert mapping.exact is not None
    assert not np.isfinite(mapping.exact).all()
    away = check(LONLAT, geos, (180.0, 0.0), 0.01, (40, 40), 10.0)
    assert not np.isfinite(away.exact).any()


def test_many_grids_at_once_are_each_alone():
    source, target = CRSS["utm33"][0], LONLAT
    transforms = [Affine(10, 0, 400000 + 3e4 * i, 0, -10, 5.2e6 - 2e5 * i) for i in range(7)]
    shapes = [(50 + 20 * i, 200 - 11 * i) for i in range(7)]
    arounds = [15.0, None] * 3 + [375.0]
    together = map_grids(transforms, shapes, source, target, [2.5e-8] * 7, arounds)
    for t, shape, around, mapping in zip(transforms, shapes, arounds, together, strict=True):
        (alone,) = map_grids([t], [shape], source, target, [2.5e-8], [around])
        np.testing.assert_array_equal(evaluate(alone, shape), evaluate(mapping, shape))
    assert evaluate(together[6], shapes[6])[0].min() > 370


# ---- exact transforms --------------------------------------------------------------------------


def test_the_same_crs_by_other_words():
    assert same_crs(CRS.from_epsg(4326), CRS.from_user_input("OGC:CRS84"))
    assert same_crs(CRS.from_epsg(32633), CRS.from_wkt(CRS.from_epsg(32633).to_wkt()))
    assert not same_crs(CRS.from_epsg(32633), CRS.from_epsg(32634))
    assert same_units(CRS.from_epsg(32633), CRS.from_epsg(3035))
    assert not same_units(CRS.from_epsg(32633), CRS.from_epsg(4326))
    assert not same_units(CRS.from_epsg(32633), CRS.from_epsg(2263))  # US feet


def test_x_is_always_first():
    x, y = transformer(LONLAT, CRS.from_epsg(3035)).transform(10.0, 52.0)
    assert (round(x), round(y)) == (4321000, 3210000)


def test_no_way_from_one_to_the_other():
    moon = CRS.from_user_input("IAU_2015:30100")
    with pytest.raises(CRSError, match="no transformation"):
        transformer(moon, LONLAT)


def test_bounds_hold_the_whole_box():
    utm = CRS.from_epsg(32633)
    box = (14.0, 60.0, 17.0, 62.0)
    x0, y0, x1, y1 = transform_bounds(LONLAT, utm, box)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(14, 17, 1000), rng.uniform(60, 62, 1000)
    x, y = transformer(LONLAT, utm).transform(lon, lat)
    slack = 100  # metres: edges are sampled
    assert x.min() >= x0 - slack
    assert x.max() <= x1 + slack
    assert y.min() >= y0 - slack
    assert y.max() <= y1 + slack
    assert transform_bounds(utm, utm, (1, 2, 3, 4)) == (1, 2, 3, 4)
    with pytest.raises(CRSError, match="cannot be expressed"):
        transform_bounds(
            LONLAT, CRS.from_proj4("+proj=geos +h=35785831 +lon_0=0"), (170, 0, 175, 5)
        )
