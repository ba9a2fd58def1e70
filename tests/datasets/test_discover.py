from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from swath.datasets.discover import discover_images, discover_labels
from swath.datasets.filenames import band_token, parse_date
from swath.datasets.folder import LabelFolder, SceneFolder
from swath.errors import BandError, DatasetNotFoundError, UnsupportedDataError


def write(
    path: Path, values: object = 1, *, count: int = 1, res: float = 10, crs: str = "EPSG:32614",
    size: int = 20, dtype: str = "uint16", names: tuple[str, ...] = (), nodata: float | None = 0,
    at: tuple[float, float] = (500_000, 4_000_000),
) -> Path:  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.broadcast_to(np.asarray(values, dtype), (count, size, size))
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=count, dtype=dtype, crs=crs,
        nodata=nodata, transform=from_origin(*at, res, res),
    ) as file:  # fmt: skip
        file.write(data)
        for i, name in enumerate(names):
            file.set_band_description(i + 1, name)
    return path


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("S2A_20200802T184921_B02", "2020-08-02", "2020-08-02"),
        ("scene_2021-07-08", "2021-07-08", "2021-07-08"),
        ("LC80030172015001LGN00_B2", "2015-01-01", "2015-01-01"),
        ("LC08_L1TP_038034_20150818_20170226_01_T1_B4", "2015-08-18", "2015-08-18"),
        ("m_3607717_sw_18_1_20160620_subset", "2016-06-20", "2016-06-20"),
        ("mosaic_2019-05", "2019-05-01", "2019-05-31"),
        ("2021_30m_cdls_-106095_1807575_15000", "2021-01-01", "2021-12-31"),
        ("nlcd2011", "2011-01-01", "2011-12-31"),
    ],
)
def test_dates_in_names(name: str, first: str, last: str) -> None:
    span = parse_date(name)
    assert span is not None
    assert span[0] == pd.Timestamp(first)
    assert span[1] == pd.Timestamp(last) + pd.Timedelta(days=1) - pd.Timedelta(1, "us")


@pytest.mark.parametrize("name", ["landsat_b2", "B02", "tile_1807575", "x_20201399", "scene"])
def test_names_without_a_date(name: str) -> None:
    assert parse_date(name) is None


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("landsat_b2", "b2"),
        ("B8A", "B8A"),
        ("LC08_L2SP_038034_20150818_02_T1_SR_B4", "SR_B4"),
        ("T10SGJ_20200802T184921_B08_10m", "B08"),
        ("S1A_IW_GRDH_20200101_VV", "VV"),
        ("scene_red_edge", "red_edge"),
        ("scene_nir", "nir"),
        ("NAIP-VA-b1", "b1"),
        ("nlcd2011", None),
        ("srtm", None),
        ("AB2C", None),
    ],
)
def test_bands_in_names(name: str, band: str | None) -> None:
    token = band_token(name)
    assert (token and token[0]) == band


def test_one_file_a_band_beside_other_rasters(tmp_path: Path) -> None:
    for i in (2, 3, 4, 5):
        write(tmp_path / f"landsat_b{i}.tif", 10 * i)
    write(tmp_path / "srtm.tif", res=90)
    labels = write(tmp_path / "nlcd.tif", 4, dtype="uint8")
    layout = discover_images(tmp_path, exclude=labels)
    assert layout.separate_files
    assert layout.bands == ("b2", "b3", "b4", "b5")
    assert [s.name for s in layout.scenes] == ["landsat"]
    assert [Path(p).name for p, _ in layout.left_out] == ["srtm.tif"]
    image = SceneFolder(layout, ["b5", "b2"])[:]["image"]
    assert image.shape == (2, 20, 20)
    assert image[:, 3, 3].tolist() == [50, 20]


def test_a_folder_a_date_in_two_zones_and_two_resolutions(tmp_path: Path) -> None:
    for date, crs, x in (("20200802", "EPSG:32614", 700_000), ("20210708", "EPSG:32615", 200_000)):
        for k, (band, res) in enumerate((("B02", 10), ("B08", 10), ("B8A", 20), ("B11", 20))):
            write(
                tmp_path / date / f"{band}.tif", k + 1, res=res, size=40 * 10 // res, crs=crs,
                at=(x, 4_000_000),
            )  # fmt: skip
    layout = discover_images(tmp_path)
    assert layout.bands == ("B02", "B08", "B8A", "B11")
    assert [s.date[0] for s in layout.scenes if s.date] == [
        pd.Timestamp("2020-08-02"), pd.Timestamp("2021-07-08"),
    ]  # fmt: skip
    scenes = SceneFolder(layout, ["B11", "B02"])
    assert scenes.crs.to_epsg() == 32614
    assert scenes.res == (10, 10)
    assert scenes.index.index[0].left == pd.Timestamp("2020-08-02")
    sample = scenes[700_100:700_200, 3_999_700:3_999_800, pd.Timestamp("2020-08-02") :]
    assert sample["image"][:, 5, 5].tolist() == [4, 1]


def test_all_bands_in_one_file_are_named_as_they_are_described(tmp_path: Path) -> None:
    for year in (1985, 1990):
        write(tmp_path / f"{year}.tif", count=2, names=("red", "nir"))
    (tmp_path / "README.md").write_text("not an image")
    layout = discover_images(tmp_path)
    assert not layout.separate_files
    assert layout.bands == ("red", "nir")
    assert [s.date[0].year for s in layout.scenes if s.date] == [1985, 1990]
    assert SceneFolder(layout, ["nir"])[:]["image"].shape[0] == 1


def test_undescribed_bands_are_numbered_and_strays_are_told(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", count=4)
    write(tmp_path / "b.tif", count=4)
    write(tmp_path / "NAIP-b1.tif")
    layout = discover_images(str(tmp_path / "*.tif"))
    assert layout.bands == ("b1", "b2", "b3", "b4")
    assert [Path(p).name for p, _ in layout.left_out] == ["NAIP-b1.tif"]


def test_bands_that_some_scene_has_not_are_left_out(tmp_path: Path) -> None:
    for name in ("x_B1", "x_B2", "x_B3", "y_B1", "y_B2"):
        write(tmp_path / f"{name}.tif")
    layout = discover_images(tmp_path)
    assert layout.bands == ("B1", "B2")
    assert [Path(p).name for p, _ in layout.left_out] == ["x_B3.tif"]
    with pytest.raises(BandError, match=r"no band 'B3' in every scene.*B1, B2"):
        layout.check_bands(["B3"])


def test_raster_labels_bring_names_and_colours(tmp_path: Path) -> None:
    path = write(tmp_path / "cover_2020.tif", 41, dtype="uint8", nodata=None)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {41: (0, 99, 0, 255)})
    (tmp_path / "cover_2020.tif.aux.xml").write_text(
        "<CategoryNames><Category>none</Category><Category></Category><Category>Water</Category>"
        "</CategoryNames>"
    )
    layout = discover_labels(path)
    assert layout.kind == "raster"
    assert layout.names == {0: "none", 2: "Water"}
    assert layout.colors[41] == (0, 99, 0, 255)
    assert layout.dates[0] is not None
    labels = LabelFolder(layout, "EPSG:32614", 10)
    beyond = labels[499_900:500_100, 3_999_900:4_000_100, :]["mask"]
    assert sorted(beyond.unique().tolist()) == [-32768, 41]


def test_polygons_become_their_class(tmp_path: Path) -> None:
    import geopandas as gpd
    from shapely.geometry import box

    from swath.datasets.polygons import LabelPolygons

    frame = gpd.GeoDataFrame(
        {"class": ["wet", "dry"]},
        geometry=[box(0, 0, 50, 100), box(50, 0, 80, 100)],
        crs="EPSG:32614",
    )
    frame.to_file(tmp_path / "areas.gpkg")
    layout = discover_labels(tmp_path)
    assert layout.kind == "vector"
    labels = LabelPolygons(layout, "EPSG:32614", 10, "class", ["wet", "dry"])
    mask = labels[0:100:10, 0:100:10, :]["mask"]
    assert mask[4].tolist() == [1] * 5 + [2] * 3 + [0] * 2


def test_errors_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="nowhere does not exist"):
        discover_images(tmp_path / "nowhere")
    with pytest.raises(DatasetNotFoundError, match=r"no images in .*\.tif"):
        discover_images(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="no labels"):
        discover_labels(tmp_path)
    write(tmp_path / "l.tif", count=3)
    with pytest.raises(UnsupportedDataError, match="3 bands"):
        discover_labels(tmp_path)
    (tmp_path / "l.geojson").write_text("{}")
    with pytest.raises(UnsupportedDataError, match="one kind"):
        discover_labels(tmp_path)
