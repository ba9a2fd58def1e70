from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from swath.datasets.layers import CanadianBuildingFootprints, OpenBuildings
from swath.errors import ChecksumError, ConfigError, DatasetNotFoundError

HOUSES = [shapely.box(36.0 + i / 1000, -1.0, 36.0005 + i / 1000, -0.9995) for i in range(3)]


def write_cell(folder: Path, name: str = "025", packed: bool = True) -> Path:
    table = pd.DataFrame(
        {
            "latitude": [-0.99975] * 3,
            "longitude": [36.00025, 36.00125, 36.00225],
            "area_in_meters": [3000.0] * 3,
            "confidence": [0.65, 0.75, 0.9],
            "geometry": [shapely.to_wkt(house) for house in HOUSES],
            "full_plus_code": ["6GCG2222+22"] * 3,
        }
    )
    text = table.to_csv(index=False).encode()
    path = folder / f"{name}_buildings.csv{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(text) if packed else text)
    return path


def write_tiles(folder: Path, *names: str) -> None:
    gpd.GeoDataFrame(
        {
            "tile_id": names,
            "tile_url": [f"https://example.org/v1/polygons/{n}_buildings.csv.gz" for n in names],
        },
        geometry=[shapely.box(35.5, -1.5, 36.5, -0.5)] * len(names),
        crs=4326,
    ).to_file(folder / "tiles.geojson")


QUERY = (slice(36.0, 36.003, 0.0001), slice(-1.0005, -0.9990, 0.0001))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("tiles", [True, False])
def test_open_buildings(tmp_path: Path, packed: bool, tiles: bool) -> None:
    write_cell(tmp_path, packed=packed)
    if tiles:
        write_tiles(tmp_path, "025", "0ff")
    ds = OpenBuildings(tmp_path, checksum=False)
    assert len(ds) == 1
    assert ds.res == (0.0001, 0.0001)
    if tiles:
        assert ds.index.geometry.iloc[0].bounds == (35.5, -1.5, 36.5, -0.5)
    mask = ds[QUERY]["mask"]
    assert mask.shape == (15, 30)
    assert mask.sum() == 75
    sure = OpenBuildings(root=tmp_path, checksum=False, min_confidence=0.7, task="object_detection")
    assert sure[QUERY]["label"].tolist() == [1, 1]
    ds.plot(ds[QUERY])


def test_open_buildings_is_one_file_packed_and_unpacked(tmp_path: Path) -> None:
    write_cell(tmp_path)
    write_cell(tmp_path, packed=False)
    write_tiles(tmp_path, "025")
    assert len(OpenBuildings(tmp_path, checksum=False)) == 1


def test_open_buildings_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"tiles\.geojson from https://"):
        OpenBuildings(tmp_path)
    write_cell(tmp_path)
    with pytest.raises(ChecksumError, match="025_buildings"):
        OpenBuildings(tmp_path)
    write_tiles(tmp_path, "0ff")
    with pytest.raises(DatasetNotFoundError, match=r"not those of .*025_buildings"):
        OpenBuildings(tmp_path, checksum=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    folder = tmp_path / "published"
    folder.mkdir()
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", folder
        running.shutdown()


def test_canadian_building_footprints(
    tmp_path: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = server
    frame = gpd.GeoDataFrame(
        geometry=[shapely.box(-113.5, 53.5, -113.4999, 53.5001)], crs="EPSG:4326"
    )
    frame.to_file(tmp_path / "Alberta.geojson")
    with zipfile.ZipFile(folder / "Alberta.zip", "w") as archive:
        archive.write(tmp_path / "Alberta.geojson", "Alberta.geojson")
    digest = hashlib.md5((folder / "Alberta.zip").read_bytes()).hexdigest()
    monkeypatch.setattr(CanadianBuildingFootprints, "url", url)
    root = tmp_path / "data"
    root.mkdir()
    with pytest.raises(DatasetNotFoundError, match="download=True"):
        CanadianBuildingFootprints(root)
    with pytest.raises(ChecksumError):
        CanadianBuildingFootprints(root, provinces=["Alberta"], download=True)
    monkeypatch.setitem(CanadianBuildingFootprints.archives, "Alberta", digest)
    ds = CanadianBuildingFootprints(root, provinces=["Alberta"], download=True)
    assert [Path(p).name for p in ds.files] == ["Alberta.geojson"]
    assert ds.res == (1e-5, 1e-5)
    sample = ds[:, :]
    assert sample["mask"].shape == (10, 10)
    assert sample["mask"].min() == 1
    ds.plot(sample)
    assert len(CanadianBuildingFootprints(root)) == 1
    with pytest.raises(ConfigError, match="'Albertas' is no province"):
        CanadianBuildingFootprints(root, provinces=["Albertas"])
    assert len(CanadianBuildingFootprints.md5s) == 13
