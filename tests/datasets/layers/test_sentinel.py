"""Sentinel-1 and Sentinel-2: names, folders, resolutions, the processing baseline."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest

from swath.datasets.layers import Sentinel1, Sentinel2
from swath.errors import BandError

OLD = "S2A_MSIL1C_20190412T162841_N0207_R083_T16TFM_20190412T202300.SAFE"
NEW = "S2A_MSIL2A_20220414T110751_N0400_R108_T26EMU_20220414T165533.SAFE"
S1 = "S1A_IW_20221204T161641_DVR_RTC30_G_gpuned_1AE1"


@pytest.fixture
def level1(write_tif, flat):
    """A SAFE folder of level 1C, every band at its own resolution, band n full of 1000 + n."""

    def make(safe=OLD, date="20190412T162841", driver="JP2OpenJPEG", end="jp2", where=None):
        folder = where or f"{safe}/GRANULE/L1C_T16TFM_A035544_20220412T163959/IMG_DATA"
        for i, band in enumerate(Sentinel2.all_bands):
            res = int(Sentinel2.resolutions[band][:2])
            data = flat(1000 + i, 480 // res * 4)
            write_tif(f"{folder}/T16TFM_{date}_{band}.{end}", data, res=float(res), driver=driver)

    return make


@pytest.fixture
def level2(write_tif, flat):
    """A SAFE folder of level 2A: a band at its own resolution and at the coarser ones."""

    def make(safe=NEW, date="20220414T110751", sorted_by_res=True):
        steps = [10, 20, 60]
        for i, band in enumerate(b for b in Sentinel2.all_bands if b != "B10"):
            own = int(Sentinel2.resolutions[band][:2])
            for res in steps[steps.index(own) :]:
                value = 2000 + i + (0 if res == own else 500)  # a coarse copy would be seen
                folder = f"{safe}/GRANULE/L2A/IMG_DATA" + (f"/R{res}m" if sorted_by_res else "")
                name = f"{folder}/T26EMU_{date}_{band}_{res}m.jp2"
                write_tif(name, flat(value, 480 // res * 4), res=float(res), driver="JP2OpenJPEG")

    return make


def means(dataset):
    return dataset[dataset.bounds]["image"].mean((-2, -1)).tolist()


def test_level_1c(level1, tmp_path):
    level1()
    dataset = Sentinel2(tmp_path)
    assert len(dataset) == 1
    assert dataset.res == (10.0, 10.0)
    sample = dataset[dataset.bounds]
    assert sample["image"].shape == (13, 192, 192)
    assert means(dataset) == [1000 + i for i in range(13)]


@pytest.mark.parametrize("sorted_by_res", [True, False])
def test_level_2a_takes_each_band_at_its_own_resolution(level2, tmp_path, sorted_by_res):
    level2(sorted_by_res=sorted_by_res)
    dataset = Sentinel2(tmp_path)
    assert len(dataset) == 1  # not one a resolution
    assert "B10" not in dataset.bands  # level 2A has none
    assert means(dataset) == [1000 + i for i in range(12)]
    picked = Sentinel2(tmp_path, bands=["B8A", "B02", "B01"])
    assert means(picked) == [1008, 1001, 1000]


def test_coarse_copies_where_a_band_has_only_those(level2, tmp_path):
    level2()
    shutil.rmtree(next(tmp_path.rglob("R10m")))
    assert means(Sentinel2(tmp_path, bands=["B05", "B02"], res=20)) == [1004, 1501]


def test_single_files_anywhere(level1, tmp_path):
    level1(where="scene", driver="GTiff", end="tif")
    assert means(Sentinel2(tmp_path, bands=["B08", "B8A"])) == [1007, 1008]
    one = Sentinel2(tmp_path / "scene" / "T16TFM_20190412T162841_B04.tif", bands=["B04"])
    assert means(one) == [1003]


def test_zipped_product(level2, tmp_path):
    level2()
    packed = tmp_path / "zips" / f"{NEW.removesuffix('.SAFE')}.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((tmp_path / NEW).rglob("*.jp2")):
            archive.write(path, path.relative_to(tmp_path))
    for where in (packed, packed.parent):
        dataset = Sentinel2(where, bands=["B04", "B05"])
        assert len(dataset) == 1
        assert means(dataset) == [1003, 1004]


class TestBaseline:
    def test_from_the_products_name(self, level1, tmp_path):
        level1(NEW.replace("MSIL2A", "MSIL1C"), "20220414T110751")
        assert means(Sentinel2(tmp_path, bands=["B02", "B11"])) == [1, 11]
        assert means(Sentinel2(tmp_path, bands=["B02"], baseline_offset=False)) == [1001]

    def test_reprocessed_old_scene(self, level1, tmp_path):
        level1(OLD.replace("N0207", "N0500"))
        assert means(Sentinel2(tmp_path, bands=["B02"])) == [1]

    def test_from_metadata(self, level1, tmp_path):
        level1("renamed")
        xml = "<x><PROCESSING_BASELINE>05.09</PROCESSING_BASELINE></x>"
        (tmp_path / "renamed" / "MTD_MSIL1C.xml").write_text(xml)
        assert means(Sentinel2(tmp_path, bands=["B02"])) == [1]

    @pytest.mark.parametrize(("date", "value"), [("20220124T000000", 1001), ("20220125T000000", 1)])
    def test_by_date_and_said_so(self, level1, tmp_path, caplog, date, value):
        level1(where="scene", date=date)
        assert means(Sentinel2(tmp_path, bands=["B02"])) == [value]
        assert "no processing baseline" in caplog.text

    def test_nodata_stays_nodata(self, write_tif, tmp_path, flat):
        data = flat(1500)
        data[:8] = 0
        write_tif(f"{NEW}/T26EMU_20220414T110751_B02_10m.tif", data, res=10.0)
        dataset = Sentinel2(tmp_path, bands=["B02"], valid_mask=True)
        sample = dataset[dataset.bounds]
        assert sample["image"][0, :8].unique().tolist() == [0]
        assert sample["image"][0, 8:].unique().tolist() == [500]
        assert not sample["valid"][:8].any()


def test_sentinel_2_plot(level1, tmp_path):
    level1()
    dataset = Sentinel2(tmp_path)
    assert len(dataset.plot(dataset[dataset.bounds]).axes) == 1


def test_sentinel_1(write_tif, tmp_path, flat):
    rng = np.random.default_rng(0)
    for band in ("VV", "VH"):
        write_tif(f"{S1}/{S1}_{band}.tif", rng.random((24, 24), np.float32) + 0.1)
    other = S1.replace("DVR", "DHR").replace("1AE1", "A784")
    for band in ("HH", "HV"):
        write_tif(f"{other}/{other}_{band}.tif", flat(0.5, 24, "float32"))
    dataset = Sentinel1(tmp_path)
    assert len(dataset) == 1
    assert dataset.bands == ["VV", "VH"]
    assert dataset[dataset.bounds]["image"].shape == (2, 72, 72)
    assert dataset.plot(dataset[dataset.bounds]).axes
    horizontal = Sentinel1(tmp_path, bands=["HH"], res=30)
    assert horizontal[horizontal.bounds]["image"].mean() == 0.5
    assert horizontal.plot(horizontal[horizontal.bounds]).axes


@pytest.mark.parametrize(
    ("bands", "match"),
    [
        ([], "empty"),
        (["XX"], "'XX'"),
        (["VV", "VV"], "twice"),
        (["VV", "HH"], "transmission"),
        (["VV", "VH", "HH", "HV"], "transmission"),
    ],
)
def test_polarisations_that_do_not_come_together(tmp_path, bands, match):
    with pytest.raises(BandError, match=match):
        Sentinel1(tmp_path, bands=bands)


def test_files_named_one_by_one(level1, write_tif, tmp_path, flat):
    level1()
    files = sorted(tmp_path.rglob("*.jp2"))
    dataset = Sentinel2(files, bands=["B04", "B08"])
    assert len(dataset) == 1
    assert means(dataset) == [1003, 1007]
    radar = [write_tif(f"{S1}_{band}.tif", flat(1, 8, "float32")) for band in ("VV", "VH")]
    assert len(Sentinel1(radar)) == 1


def test_in_worker_processes(level1, tmp_path):
    import pickle

    level1(NEW.replace("MSIL2A", "MSIL1C"), "20220414T110751")
    packed = pickle.dumps(Sentinel2(tmp_path, bands=["B02", "B11"]))
    assert len(packed) < 20_000
    assert means(pickle.loads(packed)) == [1, 11]
