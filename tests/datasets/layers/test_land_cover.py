"""CDL, NLCD, Chesapeake, WorldCover: downloads, years, classes, colours."""

from __future__ import annotations

import hashlib
import pathlib

import numpy as np
import pytest
import torch

from swath.datasets.layers import CDL, NLCD, ChesapeakeDE, ESAWorldCover
from swath.datasets.layers.worldcover import tiles_of
from swath.errors import ChecksumError, ConfigError, DatasetNotFoundError, DownloadError

CODES = np.array([[0, 1, 5, 254], [1, 1, 176, 7]], np.uint8)  # 7 is no code of CDL
ALBERS = "EPSG:5070"


@pytest.fixture
def publish(write_tif, tmp_path, loopback):
    """Zip a raster and put it on the server; the MD5 and SHA-256 of the zip."""

    def make(name, data, **how):
        import zipfile

        raster = write_tif(f"made/{name}.tif", data, crs=ALBERS, **how)
        packed = pathlib.Path(tmp_path / "made" / f"{name}.zip")
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(raster, f"{name}/{name}.tif")
        body = packed.read_bytes()
        loopback.put(f"/{name}.zip", body)
        return hashlib.md5(body).hexdigest(), hashlib.sha256(body).hexdigest()

    return make


def mask_of(dataset):
    return dataset[dataset.bounds]["mask"]


class TestCDL:
    @pytest.fixture(autouse=True)
    def served(self, publish, monkeypatch, loopback):
        sums = {year: publish(f"{year}_30m_cdls", CODES)[0] for year in (2021, 2023)}
        monkeypatch.setattr(CDL, "url", loopback.url + "/{}_30m_cdls.zip")
        monkeypatch.setattr(CDL, "md5s", sums)

    def test_download(self, tmp_path, loopback):
        root = tmp_path / "root"
        dataset = CDL(root=root, download=True, checksum=True)
        assert dataset.years == [2023]
        assert [i.left.year for i in dataset.index.index] == [2023]
        assert len(loopback.requests) == 1
        CDL(root, download=True)
        CDL(root)
        assert len(loopback.requests) == 1
        both = CDL(root, years=[2021, 2023], download=True)
        assert len(both) == 2
        assert len(loopback.requests) == 2
        assert [i.left.year for i in CDL(root, years=[2021]).index.index] == [2021]

    def test_archive_that_is_there_is_extracted(self, tmp_path, loopback):
        root = tmp_path / "root"
        root.mkdir()
        body = (tmp_path / "made" / "2021_30m_cdls.zip").read_bytes()
        (root / "2021_30m_cdls.zip").write_bytes(body)
        assert len(CDL(root)) == 1
        assert loopback.requests == []

    def test_wrong_archive(self, tmp_path):
        root = tmp_path / "root"
        root.mkdir()
        body = (tmp_path / "made" / "2021_30m_cdls.zip").read_bytes()
        (root / "2021_30m_cdls.zip").write_bytes(body + b"x")
        with pytest.raises(ChecksumError, match=r"2021_30m_cdls\.zip"):
            CDL(root)
        assert len(CDL(root, checksum=False)) == 1

    def test_half_extracted_archive_of_another_process_is_not_read(self, tmp_path):
        busy = tmp_path / "root" / ".2021_30m_cdls.zip.extracting" / "2021_30m_cdls"
        busy.mkdir(parents=True)
        (busy / "2021_30m_cdls.tif").write_bytes(b"II*")
        with pytest.raises(DatasetNotFoundError):
            CDL(tmp_path / "root")

    def test_nothing_there(self, tmp_path):
        with pytest.raises(DatasetNotFoundError, match="download=True"):
            CDL(tmp_path / "none")
        CDL(tmp_path / "root", years=[2021], download=True)
        with pytest.raises(DatasetNotFoundError, match="2023_30m_cdls"):
            CDL(tmp_path / "root", years=[2021, 2023])

    def test_all_classes(self, tmp_path):
        dataset = CDL(tmp_path / "root", download=True)
        mask = mask_of(dataset)
        assert mask.dtype == torch.int64
        places = [CDL.valid_classes.index(c) for c in (0, 1, 5, 254)]
        assert mask[0].tolist() == places
        assert mask[1].tolist() == [1, 1, CDL.valid_classes.index(176), 0]
        assert dataset.inverse_map[mask[0]].tolist() == [0, 1, 5, 254]
        assert len(dataset.classes) == 134

    def test_some_classes(self, tmp_path):
        dataset = CDL(tmp_path / "root", classes=[0, 5, 1], download=True)
        assert mask_of(dataset).tolist() == [[0, 2, 1, 0], [2, 2, 0, 0]]
        # background elsewhere than first: all the rest goes there, not to the first class
        dataset = CDL(tmp_path / "root", classes=[1, 0])
        assert mask_of(dataset).tolist() == [[1, 0, 1, 1], [0, 0, 1, 1]]
        x, y, _ = dataset.bounds
        wide = dataset[x.start - 60 : x.stop, y]["mask"]
        assert wide[:, :2].unique().tolist() == [1]

    def test_what_cannot_be(self, tmp_path):
        for wrong in ({"years": [1999]}, {"classes": [0, 7]}, {"classes": [1, 5]},
                      {"classes": [0, 1, 1]}):  # fmt: skip
            with pytest.raises(ConfigError):
                CDL(tmp_path, **wrong)

    def test_plot(self, tmp_path):
        dataset = CDL(tmp_path / "root", classes=[0, 5, 1], download=True)
        sample = dataset[dataset.bounds]
        sample["prediction"] = torch.zeros_like(sample["mask"])
        figure = dataset.plot(sample, suptitle="crops")
        assert [a.get_title() for a in figure.axes] == ["Mask", "Prediction"]
        texts = {t.get_text() for t in figure.legends[0].get_texts()}
        assert texts == {"Background", "Soybeans", "Corn"}
        drawn = figure.axes[0].images[0].get_array()[0, 1]
        assert drawn.tolist() == [255, 211, 0, 255]  # corn's official colour

    def test_table(self):
        assert len(CDL.valid_classes) == 134
        assert set(CDL.cmap) == set(CDL.classes_by_value) == set(CDL.valid_classes)


class TestNLCD:
    @pytest.fixture(autouse=True)
    def served(self, publish, monkeypatch, loopback):
        name = "Annual_NLCD_LndCov_{}_CU_C1V1"
        data = np.array([[11, 12, 250, 95], [21, 82, 90, 31]], np.uint8)
        md5 = publish(name.format(2024), data, nodata=250)[0]
        monkeypatch.setattr(NLCD, "url", f"{loopback.url}/{name}.zip")
        monkeypatch.setattr(NLCD, "md5s", {2024: md5})

    def test_all_classes(self, tmp_path):
        dataset = NLCD(tmp_path / "root", download=True)
        assert mask_of(dataset).tolist() == [[0, 1, 16, 15], [2, 13, 14, 6]]
        assert dataset.plot(dataset[dataset.bounds]).axes

    def test_the_rest_becomes_background_and_not_water(self, tmp_path):
        dataset = NLCD(tmp_path / "root", classes=[11, 250], download=True)
        assert mask_of(dataset).tolist() == [[0, 1, 1, 1], [1, 1, 1, 1]]

    def test_earlier_version_of_the_files(self, write_tif, tmp_path):
        data = np.full((4, 4), 41, np.uint8)
        write_tif("v0/Annual_NLCD_LndCov_2011_CU_C1V0.tif", data, crs=ALBERS)
        assert len(NLCD(tmp_path / "v0", index=None, years=None)) == 1


class TestChesapeake:
    def test_download_of_both_years(self, publish, monkeypatch, loopback, tmp_path):
        sums = {
            year: publish(f"de_lulc_{year}_2022-Edition", np.full((4, 4), 41, np.uint8))[1]
            for year in (2013, 2018)
        }
        monkeypatch.setattr(
            ChesapeakeDE, "url", loopback.url + "/{state}_lulc_{year}_2022-Edition.zip"
        )
        monkeypatch.setattr(ChesapeakeDE, "sha256s", sums)
        dataset = ChesapeakeDE(tmp_path / "root", download=True)
        assert [i.left.year for i in dataset.index.index] == [2013, 2018]
        assert mask_of(dataset).unique().tolist() == [41]
        figure = dataset.plot(dataset[dataset.bounds])
        assert [t.get_text() for t in figure.legends[0].get_texts()] == ["Forest"]

    def test_states(self):
        from swath.datasets import layers

        found = [getattr(layers, n) for n in layers.__all__]
        states = [kind for kind in found if issubclass(kind, layers.Chesapeake)]
        assert {s.state for s in states} == {"", "dc", "de", "md", "ny", "pa", "va", "wv"}
        assert all(len(d) == 64 for s in states for d in s.sha256s.values())
        with pytest.raises(ConfigError, match="ChesapeakeMD"):
            layers.Chesapeake("anywhere")


class TestWorldCover:
    @pytest.fixture(autouse=True)
    def served(self, write_tif, monkeypatch, loopback):
        monkeypatch.setattr(
            ESAWorldCover, "url",
            loopback.url + "/{version}/{year}/map/"
            "ESA_WorldCover_10m_{year}_{version}_{tile}_Map.tif",
        )  # fmt: skip
        for year, version in ((2020, "v100"), (2021, "v200")):
            name = f"ESA_WorldCover_10m_{year}_{version}_N00E006_Map.tif"
            data = np.array([[10, 100], [80, 0]], np.uint8)
            path = write_tif(
                f"made/{name}", data, crs="EPSG:4326", origin=(6.0, 3.0), res=1.5, nodata=0
            )
            loopback.put(f"/{version}/{year}/map/{name}", path.read_bytes())

    def test_tiles(self, tmp_path):
        dataset = ESAWorldCover(tmp_path / "root", tiles=["N00E006"], download=True)
        assert mask_of(dataset).tolist() == [[10, 100], [80, 0]]
        assert [i.left.year for i in dataset.index.index] == [2021]
        both = ESAWorldCover(
            tmp_path / "root", years=[2020, 2021], tiles=["N00E006"], download=True
        )
        assert len(both) == 2
        assert len(ESAWorldCover(tmp_path / "root", years=[2020])) == 1
        figure = dataset.plot(dataset[dataset.bounds])
        names = [t.get_text() for t in figure.legends[0].get_texts()]
        assert names == ["Tree cover", "Permanent water bodies", "Moss and lichen"] or set(
            names
        ) >= {"Tree cover", "Permanent water bodies", "Moss and lichen"}

    def test_area_with_sea(self, tmp_path, caplog):
        dataset = ESAWorldCover(tmp_path / "root", area=(5.5, 0.5, 6.5, 1.0), download=True)
        assert len(dataset) == 1
        assert "N00E003" in caplog.text
        with pytest.raises(DownloadError, match="404"):
            ESAWorldCover(tmp_path / "root", tiles=["N00E003"], download=True)

    def test_what_cannot_be(self, tmp_path):
        with pytest.raises(ConfigError, match="2020 or 2021"):
            ESAWorldCover(tmp_path, years=[2022])
        with pytest.raises(ConfigError, match="tiles="):
            ESAWorldCover(tmp_path, download=True)
        with pytest.raises(ConfigError, match="antimeridian"):
            tiles_of((170.0, 0.0, -170.0, 3.0))
        with pytest.raises(DatasetNotFoundError, match="N00E006"):
            ESAWorldCover(tmp_path / "none", tiles=["N00E006"])

    def test_tile_names(self):
        assert tiles_of((6.4, 0.0, 6.8, 0.5)) == ["N00E006"]
        assert tiles_of((-0.1, -0.1, 0.1, 0.1)) == ["S03W003", "S03E000", "N00W003", "N00E000"]


def test_official_worldcover_classes():
    assert list(ESAWorldCover.cmap) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100]
    assert ESAWorldCover.cmap[10] == (0, 100, 0, 255)
    assert ESAWorldCover.cmap[95] == (0, 207, 117, 255)
