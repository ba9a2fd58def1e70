from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from swath.errors import ConfigError, CRSError, FileMissingError, UnreadableFileError
from swath.vector import list_layers, read_attributes, read_features, read_info


@pytest.fixture
def fields() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": [3, 5, 7], "name": ["a", "b", None]},
        geometry=[shapely.box(i * 100, 0, i * 100 + 50, 50) for i in range(3)],
        crs="EPSG:32612",
    )


def write_csv(frame: gpd.GeoDataFrame, path: Path) -> None:
    lonlat = frame.to_crs(4326)
    table = pd.DataFrame({"code": frame["code"], "geometry": lonlat.geometry.to_wkt()})
    table.to_csv(path, index=False)


@pytest.mark.parametrize("ending", ["gpkg", "shp", "fgb", "parquet", "zip"])
def test_every_format_says_the_same(tmp_path: Path, fields: gpd.GeoDataFrame, ending: str) -> None:
    path = tmp_path / f"fields.{ending}"
    if ending == "parquet":
        fields.to_parquet(path)
    elif ending == "zip":
        fields.to_file(tmp_path / "fields.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in ("shp", "shx", "dbf", "prj"):
                archive.write(tmp_path / f"fields.{part}", f"in/side/fields.{part}")
    else:
        fields.to_file(path)
    info = read_info(path)
    assert info.need_crs() == CRS.from_epsg(32612)
    assert info.bounds == (0, 0, 250, 50)
    assert info.count == 3
    assert set(info.columns) == {"code", "name"}
    assert info.columns["code"] == "int64"
    frame = read_features(path, columns=["code"])
    assert sorted(frame["code"]) == [3, 5, 7]
    assert list(frame.columns) == ["code", "geometry"]
    some = read_features(path, columns=["code"], bounds=(90, 10, 120, 20))
    assert list(some["code"]) == [5]
    assert sorted(read_attributes(path, ["code"])["code"]) == [3, 5, 7]


@pytest.mark.parametrize("packed", [False, True])
def test_csv_with_wkt(tmp_path: Path, fields: gpd.GeoDataFrame, packed: bool) -> None:
    path = tmp_path / "fields.csv"
    write_csv(fields, path)
    if packed:
        path = tmp_path / "fields.csv.gz"
        path.write_bytes(gzip.compress((tmp_path / "fields.csv").read_bytes()))
    info = read_info(path)
    assert info.count == 3
    assert info.crs is None
    assert info.columns == {"code": "int32"}
    with pytest.raises(CRSError, match=r"fields\.csv.*source_crs"):
        info.need_crs()
    assert list(read_features(path)["code"]) == [3, 5, 7]


def test_parquet_with_covering_and_without_stated_bounds(
    tmp_path: Path, fields: gpd.GeoDataFrame
) -> None:
    path = tmp_path / "covered.parquet"
    fields.to_parquet(path, write_covering_bbox=True)
    info = read_info(path)
    assert info.indexed
    assert set(info.columns) == {"code", "name"}
    assert list(read_features(path, columns=["name"], bounds=(0, 0, 10, 10))["name"]) == ["a"]
    plain = tmp_path / "plain.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(plain)
    with pytest.raises(UnreadableFileError, match="no geometry column"):
        read_info(plain)


def test_layers_by_name_and_number(tmp_path: Path, fields: gpd.GeoDataFrame) -> None:
    path = tmp_path / "two.gpkg"
    fields.to_file(path, layer="all")
    fields.iloc[:1].to_file(path, layer="one")
    assert list_layers(path) == ("all", "one")
    assert read_info(path).layer == "all"
    assert read_info(path, "one").count == 1
    assert read_info(path, 1).count == 1
    for wrong in ("three", 2, -1):
        with pytest.raises(ConfigError, match=r"two\.gpkg has no layer .*0: 'all', 1: 'one'"):
            read_info(path, wrong)


def test_errors_name_what_is_wrong(tmp_path: Path, fields: gpd.GeoDataFrame) -> None:
    with pytest.raises(FileMissingError, match=r"gone\.gpkg does not exist"):
        read_info(tmp_path / "gone.gpkg")
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"nothing of the kind")
    with pytest.raises(UnreadableFileError, match=r"broken\.gpkg cannot be read"):
        read_info(broken)
    path = tmp_path / "fields.gpkg"
    fields.to_file(path)
    with pytest.raises(ConfigError, match=r"fields\.gpkg.*no column 'kind'.*'code', 'name'"):
        read_features(path, columns=["kind"])


def test_a_file_without_features_has_no_bounds(tmp_path: Path, fields: gpd.GeoDataFrame) -> None:
    for ending in ("gpkg", "geojson"):
        path = tmp_path / f"empty.{ending}"
        fields.iloc[:0].to_file(path)
        info = read_info(path)
        assert info.count == 0
        assert info.bounds is None
