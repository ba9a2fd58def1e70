from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import CRS

from swath.errors import ConfigError
from swath.vector import FeatureStore, store

UTM12 = CRS.from_epsg(32612)
LON_LAT = CRS.from_epsg(4326)


def write(path: Path, n: int = 20, crs: str = "EPSG:32612") -> Path:
    x = 500_000 + 100.0 * np.arange(n)
    frame = gpd.GeoDataFrame(
        {"code": np.arange(n)}, geometry=shapely.box(x, 4_200_000, x + 50, 4_200_050), crs=crs
    )
    frame.to_file(path)
    return path


WINDOW = (500_190.0, 4_200_000.0, 500_360.0, 4_200_010.0)


def test_loaded_once_and_again_when_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.gpkg")
    loads = []
    real = store.load_features

    def counted(*args: object, **kwargs: object) -> object:
        loads.append(threading.get_ident())
        return real(*args, **kwargs)

    monkeypatch.setattr(store, "load_features", counted)
    keeper = FeatureStore()
    found = []

    def get() -> None:
        found.append(keeper.get(str(path), UTM12, columns=("code",), tolerance=1.0, bounds=WINDOW))

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert all(f is found[0] for f in found)
    near = found[0].touching(WINDOW)
    assert found[0].attributes["code"][near].tolist() == [2, 3]
    keeper.get(str(path), LON_LAT, columns=("code",), tolerance=1e-5, bounds=WINDOW)
    assert len(loads) == 2
    keeper.get(str(path), LON_LAT, columns=("code",), tolerance=1e-7, bounds=WINDOW)
    assert len(loads) == 3  # a finer query needs finer edges
    keeper.get(str(path), LON_LAT, columns=("code",), tolerance=1e-5, bounds=WINDOW)
    assert len(loads) == 3
    path.unlink()
    write(path, 5)
    os.utime(path, ns=(1, 1))
    again = keeper.get(str(path), UTM12, columns=("code",), tolerance=1.0, bounds=WINDOW)
    assert len(again.shapes) == 5


def test_bounded(tmp_path: Path) -> None:
    paths = [str(write(tmp_path / f"{i}.fgb", 100)) for i in range(4)]
    # Each takes 512 bytes a feature and its size on disk (about 30 kB) to be tried.
    keeper = FeatureStore(130_000)
    sizes = []
    for path in paths:
        features = keeper.get(path, UTM12, tolerance=1.0, bounds=WINDOW)
        assert len(features.shapes) == 100
        sizes.append(features.nbytes)
    assert sum(sizes) > 130_000
    assert keeper.nbytes <= 130_000
    with pytest.raises(ConfigError, match="not negative"):
        FeatureStore(-1)


@pytest.mark.parametrize("ending", ["gpkg", "fgb", "shp", "geojson", "parquet"])
def test_large_files_are_read_by_windows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    crs = "EPSG:4326" if ending == "geojson" else "EPSG:32612"
    frame = gpd.read_file(write(tmp_path / "a.gpkg")).to_crs(crs)
    path = tmp_path / f"b.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    for target, window in ((UTM12, WINDOW), (LON_LAT, (-111.0, 37.9, -110.9960, 37.99))):
        get = {"columns": ("code",), "tolerance": 1e-6, "bounds": window}
        whole = FeatureStore().get(str(path), target, **get)
        true = whole.attributes["code"][whole.touching(window)].tolist()
        for keeper in (FeatureStore(0), FeatureStore(0)):
            part = keeper.get(str(path), target, **get)
            assert part.attributes["code"][part.touching(window)].tolist() == true
            assert 0 < len(true) <= len(part.shapes) < 20
            assert keeper.nbytes == 0
    copied = ending in ("shp", "geojson", "parquet")
    assert caplog.text.count("a copy that has one is made") == copied
    home = list((tmp_path / "home" / "vector").glob("[!.]*")) if copied else []
    assert len(home) == copied


def test_the_environment_sets_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_store", None)
    monkeypatch.setenv("SWATH_VECTOR_BYTES", "12345")
    assert store.feature_store().max_bytes == 12345
    assert store.set_feature_store(99).max_bytes == 99
    monkeypatch.setattr(store, "_store", None)
    monkeypatch.setenv("SWATH_VECTOR_BYTES", "much")
    with pytest.raises(ConfigError, match="'much'"):
        store.feature_store()


def test_missing_geometry_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "some.gpkg"
    frame = gpd.GeoDataFrame(
        {"code": [1, 2, 3]},
        geometry=[shapely.box(0, 0, 1, 1), None, shapely.Point(5, 5)],
        crs=UTM12,
    )
    frame.to_file(path)
    with caplog.at_level(logging.INFO):
        found = FeatureStore().get(
            str(path), UTM12, columns=None, tolerance=1.0, bounds=(0, 0, 9, 9)
        )
    assert found.attributes["code"].tolist() == [1, 3]
    assert "1 features without a geometry" in caplog.text
