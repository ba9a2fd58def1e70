from __future__ import annotations

import copy
import logging
import multiprocessing
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from rasterio import features
from rasterio.transform import from_origin
from torch.utils.data import DataLoader

from swath.datasets import VectorDataset, stack_samples
from swath.errors import (
    ConfigError,
    CRSError,
    DatasetNotFoundError,
    FileMissingError,
    QueryError,
    UnreadableFileError,
)
from swath.vector import reproject

UTM12 = CRS.from_epsg(32612)
X, Y = 500_000.0, 4_200_000.0


def parcels(n: int = 6, seed: int = 0) -> gpd.GeoDataFrame:
    """Overlapping polygons in and around (X, Y) to (X + 640, Y + 640)."""
    rng = np.random.default_rng(seed)
    shapes = [
        shapely.buffer(shapely.Point(X + x, Y + y), r, quad_segs=3)
        for x, y, r in zip(*rng.uniform(0, 640, (2, n)), rng.uniform(20, 200, n), strict=True)
    ]
    return gpd.GeoDataFrame(
        {"code": rng.integers(1, 9, n), "crop": rng.choice(["rye", "oats", "maize"], n)},
        geometry=shapes,
        crs=UTM12,
    )


QUERY = (slice(X, X + 640, 10.0), slice(Y, Y + 640, 10.0))


def burnt(frame: gpd.GeoDataFrame, values: Sequence[int]) -> np.ndarray:
    """What rasterio makes of it."""
    return features.rasterize(
        list(zip(frame.geometry, values, strict=True)),
        out_shape=(64, 64),
        transform=from_origin(X, Y + 640, 10, 10),
        dtype=np.int64,
    )


@pytest.fixture
def frame() -> gpd.GeoDataFrame:
    return parcels()


@pytest.fixture
def path(tmp_path: Path, frame: gpd.GeoDataFrame) -> Path:
    frame.to_file(tmp_path / "parcels.gpkg")
    return tmp_path / "parcels.gpkg"


def test_masks_are_rasterios(path: Path, frame: gpd.GeoDataFrame) -> None:
    ds = VectorDataset(path, res=10, label_name="code")
    sample = ds[QUERY]
    assert sample["mask"].dtype == torch.int64
    assert sample["mask"].shape == (64, 64)
    assert (sample["mask"].numpy() != burnt(frame, frame["code"])).sum() <= 2
    assert sample["bounds"].shape == (9,)
    assert ds.classes == {}
    ones = VectorDataset(root=path, res=10)[QUERY]["mask"]
    assert (ones.numpy() != burnt(frame, [1] * 6)).sum() <= 2


def test_texts_become_classes(path: Path, frame: gpd.GeoDataFrame) -> None:
    ds = VectorDataset(path, res=10, label_name="crop")
    present = sorted(set(frame["crop"]))
    assert ds.classes == {name: i + 1 for i, name in enumerate(present)}
    true = burnt(frame, frame["crop"].map(ds.classes).tolist())
    assert (ds[QUERY]["mask"].numpy() != true).sum() <= 2
    chosen = VectorDataset(path, res=10, label_name="crop", classes=["oats"])
    some = frame[frame["crop"] == "oats"]
    assert (chosen[QUERY]["mask"].numpy() != burnt(some, [1] * len(some))).sum() <= 2
    table = VectorDataset(path, res=10, label_name="code", classes={"3": 30, 4: 40})
    values = frame["code"].map({3: 30, 4: 40}).fillna(0).astype(int).tolist()
    assert set(np.unique(table[QUERY]["mask"])) <= {0, *values}


def test_numbers_written_as_text_are_the_labels(tmp_path: Path, frame: gpd.GeoDataFrame) -> None:
    frame["code"] = frame["code"].astype(str)
    frame.to_file(tmp_path / "text.gpkg")
    ds = VectorDataset(tmp_path, res=10, label_name="code")
    assert ds.classes == {}
    assert (ds[QUERY]["mask"].numpy() != burnt(frame, frame["code"].astype(int))).sum() <= 2


def test_labels_that_are_none(tmp_path: Path, frame: gpd.GeoDataFrame) -> None:
    frame["code"] = frame["code"].astype("float64")
    frame.loc[2, "code"] = np.nan
    frame.to_file(tmp_path / "some.gpkg")
    ds = VectorDataset(tmp_path, res=10, label_name="code")
    kept = frame.drop(index=2)
    assert (ds[QUERY]["mask"].numpy() != burnt(kept, kept["code"].astype(int))).sum() <= 2
    frame.loc[2, "code"] = 1.5
    frame.to_file(tmp_path / "some.gpkg")
    with pytest.raises(ConfigError, match=r"'code' of .*some\.gpkg holds .*1\.5"):
        VectorDataset(tmp_path, res=10, label_name="code")[QUERY]
    heights = VectorDataset(tmp_path, res=10, label_name="code", dtype=torch.float32)
    mask = heights[QUERY]["mask"]
    assert mask.dtype == torch.float32
    assert 1.5 in mask


def test_boxes_and_instances(path: Path, frame: gpd.GeoDataFrame) -> None:
    window = shapely.box(X, Y, X + 320, Y + 320)
    query = (slice(X, X + 320, 10.0), slice(Y, Y + 320, 10.0))
    cut = frame.clip(window, keep_geom_type=True).loc[lambda f: f.area > 0].sort_index()
    ds = VectorDataset(path, res=10, label_name="code", task="instance_segmentation")
    sample = ds[query]
    assert sample["label"].dtype == torch.int64
    assert sample["label"].tolist() == cut["code"].tolist()
    b = cut.bounds.to_numpy()
    true = np.stack([b[:, 0] - X, Y + 320 - b[:, 3], b[:, 2] - X, Y + 320 - b[:, 1]], 1) / 10
    assert sample["bbox_xyxy"].dtype == torch.float32
    np.testing.assert_allclose(sample["bbox_xyxy"], true, atol=1e-3)
    assert sample["mask"].dtype == torch.uint8
    assert sample["mask"].shape == (len(cut), 32, 32)
    for mask, shape in zip(sample["mask"].numpy(), cut.geometry, strict=True):
        own = features.rasterize(
            [shape], out_shape=(32, 32), transform=from_origin(X, Y + 320, 10, 10)
        )
        assert (mask != own).sum() <= 1
    found = VectorDataset(path, res=10, task="object_detection")[query]
    assert set(found) == {"bbox_xyxy", "label", "bounds", "transform"}
    assert found["label"].tolist() == [1] * len(cut)


def test_where_nothing_is(tmp_path: Path) -> None:
    gpd.GeoDataFrame(
        geometry=[
            shapely.box(X, Y, X + 10, Y + 10),
            shapely.box(X + 990, Y + 990, X + 999, Y + 999),
        ],
        crs=UTM12,
    ).to_file(tmp_path / "far.gpkg")
    query = (slice(X + 300, X + 400), slice(Y + 300, Y + 350))
    empty = VectorDataset(tmp_path, res=10)[query]["mask"]
    assert empty.shape == (5, 10)
    assert empty.sum() == 0
    sample = VectorDataset(tmp_path, res=10, task="instance_segmentation")[query]
    assert sample["bbox_xyxy"].shape == (0, 4)
    assert sample["bbox_xyxy"].dtype == torch.float32
    assert sample["label"].shape == (0,)
    assert sample["label"].dtype == torch.int64
    assert sample["mask"].shape == (0, 5, 10)
    assert sample["mask"].dtype == torch.uint8
    with pytest.raises(QueryError, match="lies outside of VectorDataset"):
        VectorDataset(tmp_path, res=10)[X + 5000 : X + 6000, Y : Y + 100]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 1000),
    crs=st.sampled_from([4326, 5070, 3857, 32611]),
    res=st.sampled_from([3.0, 10.0, 37.0]),
)
def test_files_in_another_crs(tmp_path: Path, seed: int, crs: int, res: float) -> None:
    """A pixel's label is that of its centre, taken back to the file's CRS."""
    stored = parcels(5, seed).to_crs(crs)
    file = tmp_path / f"{seed}_{crs}.fgb"
    stored.to_file(file, SPATIAL_INDEX="NO")
    ds = VectorDataset(file, crs=UTM12, res=res, label_name="code")
    xs, ys, _ = ds.bounds
    x0, y0 = xs.start, ys.start
    mask = ds[x0 : x0 + 20 * res, y0 : y0 + 20 * res]["mask"].numpy()
    column, row = np.meshgrid(np.arange(20), np.arange(20))
    centres = shapely.points(x0 + (column + 0.5) * res, y0 + (20 - row - 0.5) * res)
    back = gpd.GeoSeries(centres.ravel(), crs=UTM12).to_crs(crs)
    true = np.zeros(400, np.int64)
    near_edge = np.zeros(400, dtype=bool)
    for shape, code in zip(stored.geometry, stored["code"], strict=True):
        true[shapely.contains(shape, back.to_numpy())] = code
    for edge in reproject(stored.boundary.to_numpy(), CRS.from_epsg(crs), UTM12, res / 100):
        near_edge |= shapely.distance(edge, centres.ravel()) < res / 7
    np.testing.assert_array_equal(mask.ravel()[~near_edge], true[~near_edge])


def test_several_files_crss_and_dates(tmp_path: Path) -> None:
    first, second = parcels(6, 1), parcels(6, 2)
    first.to_crs(4326).to_file(tmp_path / "fields_20200101.geojson")
    second.to_crs(5070).to_file(tmp_path / "fields_20210601.shp")

    class Dated(VectorDataset):
        filename_regex = r"fields_(?P<date>\d{8})\."

    ds = Dated(tmp_path, crs=UTM12, res=10, label_name="code")
    assert len(ds) == 2
    assert [p.rsplit(".", 1)[1] for p in ds.files] == ["geojson", "shp"]
    assert ds.index.crs == UTM12
    year = (slice(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-12-31")),)
    assert (ds[QUERY + year]["mask"].numpy() != burnt(first, first["code"])).sum() <= 12
    both = pd.concat([first, second])
    assert (ds[QUERY]["mask"].numpy() != burnt(both, both["code"])).sum() <= 24
    part = copy.copy(ds)
    part.index = ds.index.iloc[1:]
    assert (part[QUERY]["mask"].numpy() != burnt(second, second["code"])).sum() <= 12
    assert VectorDataset(tmp_path).crs == CRS.from_epsg(4326)
    assert VectorDataset(tmp_path).res == (0.0001, 0.0001)
    assert Dated(tmp_path, crs=UTM12).res == (10.0, 10.0)


def test_another_crs_for_the_same_dataset(path: Path) -> None:
    ds = VectorDataset(path, res=10, label_name="code")
    ds.crs = 4326
    ds.res = 0.0001
    xs, ys, _ = ds.bounds
    assert -111.1 < xs.start < xs.stop < -110.9
    mask = ds[xs, ys]["mask"]
    assert set(mask.unique().tolist()) == set(
        VectorDataset(path, res=10, label_name="code")[QUERY]["mask"].unique().tolist()
    ) | {0}


def test_own_labels(path: Path, frame: gpd.GeoDataFrame) -> None:
    class Large(VectorDataset):
        def get_label(self, feature: pd.Series) -> int:
            return 0 if feature["crop"] == "rye" else int(feature["code"]) * 10

    ds = Large(path, res=10)
    kept = frame[frame["crop"] != "rye"]
    assert (ds[QUERY]["mask"].numpy() != burnt(kept, kept["code"] * 10)).sum() <= 2
    plain = VectorDataset(path, label_name="crop")
    feature = frame.iloc[0]
    assert plain.get_label(feature) == plain.classes[feature["crop"]]
    assert VectorDataset(path).get_label(feature) == 1


def test_layers(tmp_path: Path) -> None:
    file = tmp_path / "two.gpkg"
    first, second = parcels(4, 3), parcels(4, 4)
    first.to_file(file, layer="old")
    second.to_file(file, layer="new")
    for layer, true in ((None, first), ("old", first), (1, second), ("new", second)):
        ds = VectorDataset(file, res=10, label_name="code", layer=layer)
        assert (ds[QUERY]["mask"].numpy() != burnt(true, true["code"])).sum() <= 2
    with pytest.raises(ConfigError, match=r"two\.gpkg has no layer 'newest'.*'old'.*'new'"):
        VectorDataset(file, layer="newest")


def test_batches_and_unions(path: Path, tmp_path: Path) -> None:
    ds = VectorDataset(path, res=10, label_name="code", valid_mask=True)
    queries = [
        (slice(X + d, X + d + 160), slice(Y, Y + 160), slice(None)) for d in (0, 80, 160, 320)
    ]
    batch = stack_samples(ds.__getitems__(queries))
    assert batch["mask"].shape == (4, 16, 16)
    for i, query in enumerate(queries):
        sample = ds[query]
        assert torch.equal(sample["mask"], batch["mask"][i])
        assert torch.equal(sample["valid"], sample["mask"] > 0)
    other = parcels(6, 9)
    # (not FlatGeobuf, which writes features in an order of its own)
    other.to_file(tmp_path / "other.gpkg")
    union = ds | VectorDataset(tmp_path / "other.gpkg", res=10, label_name="code")
    mine = ds[QUERY]["mask"].numpy()
    true = np.where(mine > 0, mine, burnt(other, other["code"]))
    assert (union[QUERY]["mask"].numpy() != true).sum() <= 2


def _sum(ds: VectorDataset, queue: Any) -> None:
    queue.put(int(ds[QUERY]["mask"].sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers(path: Path, method: str) -> None:
    ds = VectorDataset(path, res=10, label_name="code")
    true = int(ds[QUERY]["mask"].sum())
    data = pickle.dumps(ds)
    assert len(data) < 8_000
    assert int(pickle.loads(data)[QUERY]["mask"].sum()) == true
    context = multiprocessing.get_context(method)
    loader = DataLoader(
        ds,
        batch_size=2,
        sampler=[(*QUERY, slice(None))] * 4,
        num_workers=1,
        multiprocessing_context=context,
        collate_fn=stack_samples,
    )
    assert [int(b["mask"].sum()) for b in loader] == [2 * true] * 2


def test_files_that_cannot_be_read(
    tmp_path: Path, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"x" * 100)
    nowhere = tmp_path / "nowhere.shp"
    parcels().set_crs(None, allow_override=True).to_file(nowhere)
    with pytest.raises(UnreadableFileError, match=r"broken\.gpkg"):
        VectorDataset(tmp_path)
    with pytest.raises(CRSError, match=r"nowhere\.shp .*no coordinate reference system"):
        VectorDataset(nowhere)
    ds = VectorDataset(tmp_path, on_error="skip")
    assert sorted(ds.skipped_files) == sorted(map(str, (broken, nowhere)))
    assert "broken.gpkg skipped" in caplog.text
    assert ds.files == [str(path)]
    strict = VectorDataset(path, res=10)
    path.unlink()
    with pytest.raises(FileMissingError, match=r"parcels\.gpkg does not exist"):
        strict[QUERY]
    assert len(VectorDataset(nowhere, source_crs=UTM12)) == 1


def test_a_file_lost_later_is_skipped_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ds = VectorDataset(path, res=10, on_error="skip")
    path.unlink()
    for _ in range(3):
        assert ds[QUERY]["mask"].sum() == 0
    assert ds.skipped_files == [str(path)]
    assert caplog.text.count("skipped (1 so far)") == 1


def test_wrong_arguments(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"task is one of .*got 'boxes'"):
        VectorDataset(path, task="boxes")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"parcels\.gpkg.*no column 'kind'.*'code', 'crop'"):
        VectorDataset(path, label_name="kind")
    with pytest.raises(ConfigError, match="on_error"):
        VectorDataset(path, on_error="hide")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="list of values"):
        VectorDataset(path, label_name="crop", classes="rye")
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        VectorDataset(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"none ends in \.gpkg"):
        VectorDataset(tmp_path / "folder")


def test_archives_empty_files_and_crooked_rings(
    tmp_path: Path, frame: gpd.GeoDataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    frame.to_file(tmp_path / "in.shp")
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for part in ("shp", "shx", "dbf", "prj"):
            opened.write(tmp_path / f"in.{part}", f"data/in.{part}")
    ds = VectorDataset(archive, res=10, label_name="code")
    assert len(ds) == 1
    assert (ds[QUERY]["mask"].numpy() != burnt(frame, frame["code"])).sum() <= 2
    folder = tmp_path / "more"
    folder.mkdir()
    frame.iloc[:0].to_file(folder / "empty.gpkg")
    with pytest.raises(DatasetNotFoundError, match="has a feature"):
        VectorDataset(folder)
    bow = shapely.Polygon([(X, Y), (X + 100, Y + 100), (X + 100, Y), (X, Y + 100)])
    gpd.GeoDataFrame(geometry=[bow], crs=UTM12).to_file(folder / "bow.gpkg")
    caplog.set_level(logging.WARNING)
    crooked = VectorDataset(folder, res=1)
    assert "empty.gpkg has no features" in caplog.text
    assert crooked[X : X + 100, Y : Y + 100]["mask"].sum() == pytest.approx(5000, abs=110)
    assert "1 of 1 features were invalid" in caplog.text


def test_an_index_that_is_given(path: Path, frame: gpd.GeoDataFrame) -> None:
    table = gpd.GeoDataFrame(
        {"filepath": [str(path)], "start": ["2020-01-01"], "stop": ["2020-12-31"]},
        geometry=[shapely.box(*frame.total_bounds)],
        crs=UTM12,
    )
    ds = VectorDataset(index=table, res=10, label_name="code")
    assert ds.bounds[2].start == pd.Timestamp("2020-01-01")
    assert (ds[QUERY]["mask"].numpy() != burnt(frame, frame["code"])).sum() <= 2


@pytest.mark.parametrize(
    "task", ["semantic_segmentation", "object_detection", "instance_segmentation"]
)
def test_pictures(path: Path, task: Any) -> None:
    ds = VectorDataset(path, res=10, label_name="crop", task=task)
    sample = ds[QUERY]
    figure = ds.plot(sample, suptitle="Parcels")
    assert len(figure.axes) == 1
    figure.canvas.draw()
    sample["image"] = torch.rand(3, 64, 64)
    assert len(ds.plot(sample, show_titles=False).axes) == (1 if task == "object_detection" else 2)
    with pytest.raises(ConfigError, match="nothing to draw"):
        ds.plot({})
