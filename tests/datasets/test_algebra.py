"""`&` and `|`: what they give, to any depth, and that they leave their operands alone."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import shapely
import torch
from pyproj import CRS
from rasterfiles import Images, Labels, classes, hills, warped, write

from swath.datasets import (
    IntersectionDataset,
    UnionDataset,
    VectorDataset,
    concat_samples,
    random_grid_cell_assignment,
    stack_samples,
)
from swath.errors import BandError, ConfigError, NoOverlapError, QueryError

X, Y = 500000.0, 5000000.0
WHOLE = (slice(X, X + 400), slice(Y - 400, Y))


def state(ds):
    return (
        id(ds.index), ds.index.to_json(), ds.index.crs, ds.crs, ds.res, ds.transforms,
        ds.valid_mask, [str(t) for t in ds.index.index],
    )  # fmt: skip


def flat(path, value, hole=None, **where):
    data = np.full((40, 40), value, np.uint16)
    if hole is not None:
        data[hole] = 0
    write(path, data, nodata=0, **where)
    return path.parent


@pytest.fixture
def scenes(tmp_path):
    """Pictures of 2020 and 2021 with the same ground, the second partly beyond the first."""
    folder = tmp_path / "scenes"
    write(folder / "a_20200101.tif", hills((60, 60), 2))
    write(folder / "b_20210101.tif", hills((60, 60), 2, seed=1), x=X + 300)
    return Images(folder)


@pytest.fixture
def labels(tmp_path):
    """Classes in an equal-area CRS, at any time."""
    x, y = 4713300.0, 2463500.0
    write(tmp_path / "labels" / "l.tif", classes((200, 200)), crs=3035, x=x, y=y, res=15)
    return Labels(tmp_path / "labels")


@pytest.fixture
def terrain(tmp_path):
    write(tmp_path / "dem" / "d.tif", hills((100, 100), seed=5).astype("int16"), crs=4326,
          x=14.99, y=45.16, res=0.0002)  # fmt: skip
    return Images(tmp_path / "dem")


# ---- intersections -----------------------------------------------------------------------------


def test_both_sides_are_one_exact_warp_onto_the_lefts_grid(scenes, labels, terrain, tmp_path):
    ds = scenes & labels & terrain
    assert isinstance(ds, IntersectionDataset)
    assert ds.crs == scenes.crs
    assert ds.res == scenes.res
    sample = ds[X + 100 : X + 250 : 7.7, Y - 320 : Y - 170 : 7.7, "2020-01-01":"2020-01-01"]
    assert sample["image"].shape == (3, 19, 19)
    a = warped(scenes.files[0], sample, ds.crs, "bilinear", "image")
    c = warped(terrain.files[0], sample, ds.crs, "bilinear", "image")
    b = warped(labels.files[0], sample, ds.crs, "nearest", "mask")[0]
    assert np.abs(sample["image"][:2].numpy() - a).max() <= 1
    assert np.abs(sample["image"][2:].numpy() - c).max() <= 1
    assert (sample["mask"].numpy() != b).mean() < 0.01
    reversed_order = terrain & scenes
    assert reversed_order.crs == CRS.from_epsg(4326)
    assert reversed_order.res == terrain.res


def test_operands_never_change(scenes, labels, terrain):
    before = [state(d) for d in (scenes, labels, terrain)]
    ds = ((scenes | terrain) & labels) | (scenes & labels)
    ds.crs = 4326
    ds.res = 0.001
    ds.index = ds.index.iloc[:1]
    ds.transforms = len
    assert [state(d) for d in (scenes, labels, terrain)] == before
    inner = scenes & labels
    kept = state(inner)
    outer = inner & terrain
    outer.crs = 3857
    outer.res = 50
    assert state(inner) == kept
    assert [d.crs for d in inner.datasets] == [scenes.crs] * 2


def test_rows_of_an_intersection(scenes, labels):
    ds = scenes & labels
    assert len(ds) == 2
    for row, (_, own) in zip(scenes.index.geometry, ds.index.iterrows(), strict=True):
        assert own.geometry.difference(row).area < 1
    assert list(ds.index["filepath"]) == scenes.files
    assert list(ds.index["filepath_2"]) == labels.files * 2
    pd.testing.assert_index_equal(ds.index.index, scenes.index.index)
    assert ds.files == sorted(scenes.files + labels.files)


def test_time_meets_unless_it_is_to_be_ignored(tmp_path):
    a = Images(flat(tmp_path / "a" / "a_20200101.tif", 1))
    b = Images(flat(tmp_path / "b" / "b_20210101.tif", 2))
    with pytest.raises(NoOverlapError, match=r"2020-01-01.*2021-01-01.*no time.*spatial_only=True"):
        a & b
    ds = IntersectionDataset(a, b, spatial_only=True)
    assert ds.bounds[2].start == pd.Timestamp("2020-01-01")
    assert ds[WHOLE]["image"][:, 3, 3].tolist() == [1, 2]
    nested = IntersectionDataset(ds, b, spatial_only=True)
    assert nested[WHOLE]["image"][:, 3, 3].tolist() == [1, 2, 2]
    both = ds | ds
    assert both[WHOLE]["image"][:, 3, 3].tolist() == [1, 2]


def test_no_common_ground_says_where_both_are(tmp_path):
    a = Images(flat(tmp_path / "a" / "a.tif", 1))
    b = Images(flat(tmp_path / "b" / "b.tif", 2, crs=32612))
    with pytest.raises(NoOverlapError, match=r"longitude 15\..*longitude -111\..*no ground"):
        a & b
    near = Images(flat(tmp_path / "c" / "c.tif", 2, x=X + 400))
    with pytest.raises(NoOverlapError, match="no ground"):  # they touch
        a & near
    with pytest.raises(TypeError, match="GeoDataset"):
        a & 5


def test_one_sides_hole_is_not_the_others(tmp_path):
    hole = np.s_[:20]
    a = Images(flat(tmp_path / "a" / "a.tif", 5, hole))
    b = Images(flat(tmp_path / "b" / "b.tif", 6), fill_value=-1)
    c = Images(flat(tmp_path / "c" / "c.tif", 7, np.s_[:, :20]), fill_value=-1)
    for ds in ((a & b) & c, a & (b & c)):
        image = ds[WHOLE]["image"]
        assert image[:, 30, 30].tolist() == [5, 6, 7]
        assert image[:, 5, 30].tolist() == [0, 6, 7]
        assert image[:, 5, 5].tolist() == [0, 6, -1]


def test_valid_is_where_all_who_say_so_have_data(tmp_path):
    a = Images(flat(tmp_path / "a" / "a.tif", 5, np.s_[:20]), valid_mask=True)
    b = Images(flat(tmp_path / "b" / "b.tif", 6, np.s_[:, :20]))
    c = Images(flat(tmp_path / "c" / "c.tif", 6, np.s_[:, :20]), valid_mask=True)
    assert (a & b)[WHOLE]["valid"].sum() == 800
    assert (a & c)[WHOLE]["valid"].sum() == 400
    assert (a | c)[WHOLE]["valid"].sum() == 1200
    everywhere = b & b
    assert "valid" not in everywhere[WHOLE]
    everywhere.valid_mask = True
    assert everywhere[WHOLE]["valid"].sum() == 800


# ---- unions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [True, False])
def test_the_left_is_on_top_and_the_right_fills_its_holes(tmp_path, plain):
    # With transforms layers are read one by one, which must not change what is seen.
    keep = None if plain else dict
    a = Images(flat(tmp_path / "a" / "a.tif", 5, np.s_[:20]), transforms=keep, fill_value=-9)
    b = Images(flat(tmp_path / "b" / "b.tif", 6, np.s_[:10]), transforms=keep, fill_value=-8)
    image = (a | b)[WHOLE]["image"][0]
    assert (image[20:] == 5).all()
    assert (image[10:20] == 6).all()
    assert (image[:10] == -9).all()
    image = (b | a)[WHOLE]["image"][0]
    assert (image[10:] == 6).all()


def test_a_valid_zero_is_no_hole(tmp_path):
    write(tmp_path / "a" / "a.tif", np.zeros((40, 40), np.uint8), nodata=255)
    write(tmp_path / "b" / "b.tif", np.full((40, 40), 3, np.uint8), nodata=255)
    for keep in (None, dict):
        a = Labels(tmp_path / "a", transforms=keep)
        b = Labels(tmp_path / "b", transforms=keep)
        assert ((a | b)[WHOLE]["mask"] == 0).all()


def test_each_part_of_a_union_alone(tmp_path):
    a = Images(flat(tmp_path / "a" / "a_20200101.tif", 5))
    b = Images(flat(tmp_path / "b" / "b_20210101.tif", 6, x=X + 400, crs=32633))
    ds = a | b
    assert isinstance(ds, UnionDataset)
    assert len(ds) == 2
    queries = [(slice(X + s, X + s + 80), slice(Y - 80, Y)) for s in (0, 500, 100, 350, 600, 0)]
    batch = ds.__getitems__(queries)
    means = [sorted(np.unique(s["image"]).tolist()) for s in batch]
    assert means == [[5], [6], [5], [5, 6], [6], [5]]
    with pytest.raises(QueryError):
        ds[X : X + 80, Y - 80 : Y, "2021-01-01":"2021-01-01"]


def test_different_bands_cannot_be_merged(tmp_path):
    write(tmp_path / "a" / "a.tif", hills((40, 40), 2))
    write(tmp_path / "b" / "b.tif", hills((40, 40), 3))
    with pytest.raises(BandError, match=r"\(2, 40, 40\) and \(3, 40, 40\)"):
        (Images(tmp_path / "a") | Images(tmp_path / "b"))[WHOLE]


# ---- depth -------------------------------------------------------------------------------------


def values(ds):
    image = ds[WHOLE]["image"]
    return [[int(v) for v in image[:, r, c]] for r, c in ((30, 30), (5, 30), (30, 5), (5, 5))]


@pytest.mark.parametrize("keep", [None, dict])
def test_three_and_four_layers(tmp_path, keep):
    a = Images(flat(tmp_path / "a" / "a.tif", 1, np.s_[:20]), transforms=keep)
    b = Images(flat(tmp_path / "b" / "b.tif", 2, np.s_[:, :20]), transforms=keep)
    c = Images(flat(tmp_path / "c" / "c.tif", 3), transforms=keep)
    d = Images(flat(tmp_path / "d" / "d.tif", 4), transforms=keep)
    assert values((a | b) & c) == [[1, 3], [2, 3], [1, 3], [0, 3]]
    assert values(a & (b | c)) == [[1, 2], [0, 2], [1, 3], [0, 3]]
    assert values((a & b) & c) == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [0, 0, 3]]
    assert values(a & (b & c)) == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [0, 0, 3]]
    assert values((a | b) | (c | d)) == [[1], [2], [1], [3]]
    assert values((a & b) | (c & d)) == [[1, 2], [3, 2], [1, 4], [3, 4]]
    assert values(((a & b) | (d & c)) & (a | d)) == [[1, 2, 1], [4, 2, 4], [1, 3, 1], [4, 3, 4]]


def test_a_batch_is_its_samples(scenes, labels, terrain):
    ds = scenes & (labels & terrain)
    queries = [
        (slice(X + s, X + s + 160), slice(Y - 300, Y - 140), slice("2020-01-01", None))
        for s in (0, 40, 333, 500)
    ]
    batch = stack_samples(ds.__getitems__(queries))
    for i, query in enumerate(queries):
        one = ds[query]
        assert set(one) == set(batch)
        for key, value in one.items():
            assert torch.equal(value, batch[key][i]), key


def test_one_by_one_is_the_same_as_at_once(scenes, labels, terrain):
    """Layers with transforms, or another collate function, are read without the shared batch."""
    slow = [copy.copy(d) for d in (scenes, labels, terrain)]
    for d in slow:
        d.transforms = dict
    query = (slice(X + 250, X + 450), slice(Y - 300, Y - 100))
    for make in (
        lambda a, b, c: a & b & c,
        lambda a, b, c: (a | a) & b,
        lambda a, b, c: (a & b) | (a & b),
        lambda a, b, c: IntersectionDataset(a, b, collate_fn=lambda s: concat_samples(s)),
    ):
        fast, other = make(scenes, labels, terrain)[query], make(*slow)[query]
        assert set(fast) == set(other)
        for key in fast:
            assert torch.equal(fast[key], other[key]), key


def test_transforms_of_each_layer_and_of_all(scenes, labels):
    one, two = copy.copy(scenes), copy.copy(labels)
    one.transforms = lambda s: {**s, "image": s["image"] * 2}
    two.transforms = lambda s: {**s, "mask": s["mask"] + 10}
    ds = IntersectionDataset(one, two, transforms=lambda s: {**s, "seen": torch.tensor(1)})
    query = (slice(X + 100, X + 250), slice(Y - 320, Y - 170))
    plain, changed = (scenes & labels)[query], ds[query]
    assert torch.equal(changed["image"], plain["image"] * 2)
    assert torch.equal(changed["mask"], plain["mask"] + 10)
    assert changed["seen"] == 1


def test_collate_fn_of_the_user(tmp_path):
    a = Images(flat(tmp_path / "a" / "a.tif", 5))
    b = Images(flat(tmp_path / "b" / "b.tif", 6))

    def mean(samples):
        samples = list(samples)
        return {**samples[0], "image": sum(s["image"] for s in samples) / len(samples)}

    for kind in (IntersectionDataset, UnionDataset):
        assert (kind(a, b, collate_fn=mean)[WHOLE]["image"] == 5.5).all()


def test_time_series_in_the_algebra(tmp_path):
    folder = flat(tmp_path / "a" / "a_20200101.tif", 1)
    flat(folder / "b_20210101.tif", 2)
    write(tmp_path / "l" / "l.tif", classes((40, 40)))
    series, truth = Images(folder, time_series=True), Labels(tmp_path / "l")
    sample = (series & truth)[WHOLE]
    assert sample["image"].shape == (2, 1, 40, 40)
    assert sample["mask"].shape == (40, 40)
    assert (series & series)[WHOLE]["image"].shape == (2, 2, 40, 40)
    assert (series | series)[WHOLE]["image"][:, 0, 0, 0].tolist() == [1, 2]
    shorter = Images(flat(tmp_path / "c" / "c_20200101.tif", 3), time_series=True)
    query = (*WHOLE, slice("2020-01-01", "2021-06-01"))
    with pytest.raises(ConfigError, match="2 and 1"):
        IntersectionDataset(series, shorter, spatial_only=True)[query]


def test_vector_layers_in_the_algebra(scenes, tmp_path):
    import geopandas

    field = shapely.box(X + 100, Y - 300, X + 200, Y - 100)
    frame = geopandas.GeoDataFrame({"kind": [3]}, geometry=[field], crs=32633)
    frame.to_crs(4326).to_file(tmp_path / "fields.gpkg")
    fields = VectorDataset(tmp_path / "fields.gpkg", label_name="kind")
    query = (slice(X + 50, X + 250), slice(Y - 300, Y - 100))
    joined = scenes & fields
    sample = joined[X + 100 : X + 200, Y - 300 : Y - 100]
    assert (sample["mask"] == 3).all()
    boxes = VectorDataset(tmp_path / "fields.gpkg", label_name="kind", task="object_detection")
    found = (scenes & boxes)[X + 100 : X + 200, Y - 300 : Y - 100]
    assert found["bbox_xyxy"].shape == (1, 4)
    assert found["image"].shape == (2, 20, 10)
    everywhere = IntersectionDataset(scenes, fields | fields)
    assert (everywhere[X + 100 : X + 200, Y - 300 : Y - 100]["mask"] == 3).all()
    assert scenes[query]["image"].shape == (2, 20, 20)


# ---- CRS, splits, workers ----------------------------------------------------------------------


def test_crs_and_res_of_the_combined(scenes, labels):
    ds = scenes & labels
    ds.crs = 32634
    assert ds.res == (10.0, 10.0)
    x, y, _ = ds.bounds
    cx, cy = (x.start + x.stop) / 2, (y.start + y.stop) / 2
    sample = ds[cx - 60 : cx + 60 : 7.3, cy - 60 : cy + 60 : 7.3, "2020-01-01":"2020-01-01"]
    expected = warped(scenes.files[0], sample, ds.crs, "bilinear", "image")
    assert np.abs(sample["image"].numpy() - expected).max() <= 1
    ds.res = 30
    assert ds[cx - 60 : cx + 60, cy - 60 : cy + 60]["mask"].shape == (4, 4)
    ds.crs = 4326
    assert ds.res[0] < 0.001
    assert {d.crs for d in ds.datasets} == {CRS.from_epsg(4326)}


def test_a_split_reads_only_its_own_files(tmp_path):
    folder = flat(tmp_path / "a" / "a_20200101.tif", 1)
    flat(folder / "b_20200101.tif", 2)
    flat(tmp_path / "l" / "l.tif", 3)
    images, truth = Images(folder), Images(tmp_path / "l")
    for ds, row in (((images & truth), 1), ((images | truth), 1), ((truth & images), 1)):
        part = copy.copy(ds)
        part.index = ds.index.iloc[row : row + 1]
        assert 2 in part[WHOLE]["image"]
        assert 1 not in part[WHOLE]["image"]
        assert 1 in ds[WHOLE]["image"]
        again = copy.copy(part)
        again.index = ds.index.iloc[:1]
        assert 1 in again[WHOLE]["image"]
        nested = part & truth
        assert 1 not in nested[WHOLE]["image"]
    wrong = images & truth
    with pytest.raises(QueryError, match="row 7"):
        wrong.index = wrong.index.assign(row_left=7)


def test_splits_of_the_combined(scenes, labels):
    ds = scenes & labels
    parts = random_grid_cell_assignment(
        ds, [0.5, 0.5], grid_size=3, generator=torch.Generator().manual_seed(1)
    )
    for part in parts:
        box = part.index.geometry.iloc[0].bounds
        sample = part[box[0] : box[2], box[1] : box[3]]
        assert sample["image"].shape[0] == 2
        assert set(sample) >= {"image", "mask", "bounds", "transform"}


def test_pickled_algebra(scenes, labels, terrain):
    ds = (scenes | scenes) & labels & terrain
    other = pickle.loads(pickle.dumps(ds))
    query = (slice(X + 100, X + 250), slice(Y - 320, Y - 170))
    a, b = ds[query], other[query]
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert other.index.geometry.geom_equals(ds.index.geometry).all()
    text = str(other)
    assert text.count("UnionDataset") >= 1
    assert "IntersectionDataset" in text
