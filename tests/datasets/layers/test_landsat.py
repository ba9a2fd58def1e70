"""Landsat: both kinds of band names, folders and archives."""

from __future__ import annotations

import logging
import tarfile

import numpy as np
import pytest

from swath.datasets import layers
from swath.datasets.layers import Landsat5MSS, Landsat7, Landsat8, Landsat9
from swath.errors import BandError, DatasetNotFoundError, RGBBandsMissingError

L1 = "LC08_L1TP_023032_20210622_20210629_02_T1"
L2 = "LC08_L2SP_023032_20210622_20210629_02_T1"
L7 = "LE07_L1TP_023032_20200622_20200629_02_T1"


@pytest.fixture
def scene(write_tif, flat):
    """A scene in a folder of its own; band n is full of n (n + 100 at level 2)."""

    def make(name, bands, folder=None, **how):
        for band in bands:
            digits = "".join(c for c in band.split("_VCID")[0] if c.isdigit())
            value = int(digits or 0) + (100 if band.startswith(("SR", "ST")) else 0)
            write_tif(f"{folder or name}/{name}_{band}.TIF", flat(value), **how)

    return make


def means(dataset, key="image"):
    return dataset[dataset.bounds][key].mean((-2, -1)).tolist()


@pytest.mark.parametrize("bands", [["SR_B2", "SR_B4"], ["B2", "B4"]])
def test_either_name_at_level_2(scene, tmp_path, bands, caplog):
    scene(L2, ["SR_B2", "SR_B4"])
    dataset = Landsat8(tmp_path, bands=bands)
    assert len(dataset) == 1
    assert means(dataset) == [102, 104]
    assert ("another processing level" in caplog.text) == (bands[0] == "B2")


@pytest.mark.parametrize("bands", [["SR_B2", "SR_B4"], ["B2", "B4"]])
def test_either_name_at_level_1(scene, tmp_path, bands):
    scene(L1, ["B2", "B4"])
    assert means(Landsat8(tmp_path, bands=bands)) == [2, 4]


@pytest.mark.parametrize(("bands", "found"), [(["B2"], 2), (["SR_B2"], 102)])
def test_levels_are_never_mixed(scene, tmp_path, bands, found, caplog):
    scene(L1, ["B2"])
    scene(L2, ["SR_B2"])
    dataset = Landsat8(root=tmp_path, bands=bands)
    assert len(dataset) == 1
    assert means(dataset) == [found]
    assert caplog.text == ""


def test_thermal_and_quality_bands(scene, tmp_path):
    scene(L2, ["SR_B2", "ST_B10", "QA_PIXEL"])
    assert means(Landsat8(tmp_path, bands=["B2", "B10", "QA_PIXEL"])) == [102, 110, 0]
    assert means(Landsat8(tmp_path, bands=["B10"])) == [110]
    name = L7.replace("L1TP", "L2SP")
    scene(name, ["SR_B1", "ST_B6"])
    assert means(Landsat7(tmp_path, bands=["B1", "B6"])) == [101, 106]


def test_landsat_7_level_1_thermal(scene, tmp_path):
    scene(L7, ["B1", "B6_VCID_1", "B6_VCID_2"])
    assert means(Landsat7(tmp_path, bands=["B1", "B6"])) == [1, 6]
    assert means(Landsat7(tmp_path, bands=["ST_B6"])) == [6]


def test_default_bands(scene, tmp_path):
    scene(L2, [f"SR_B{i}" for i in range(1, 8)])
    dataset = Landsat8(tmp_path)
    sample = dataset[dataset.bounds]
    assert sample["image"].shape == (7, 16, 16)
    assert str(sample["image"].dtype) == "torch.float32"
    assert dataset.index.index[0].left.strftime("%Y%m%d") == "20210622"


def test_the_fields_script(scene, tmp_path):
    bands = [f"B{i}" for i in range(1, 6)] + ["B6", "B7"]
    scene(L7, [*bands[:5], "B6_VCID_1", "B7"], folder="l7")
    scene(L1, [f"B{i}" for i in range(2, 9)], folder="l8", origin=(500_240.0, 4_000_000.0))
    landsat7 = Landsat7(root=tmp_path / "l7", bands=["B1", "B2", "B3", "B4", "B5", "B6", "B7"])
    landsat8 = Landsat8(root=tmp_path / "l8", bands=["B2", "B3", "B4", "B5", "B6", "B7", "B8"])
    both = landsat7 | landsat8
    assert len(both) == 2
    x, y, _ = both.bounds
    image = both[x, y]["image"]
    assert image.shape == (7, 16, 24)
    assert image[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert image[:, 0, 20].tolist() == [2, 3, 4, 5, 6, 7, 8]


def test_scenes_in_archives(scene, tmp_path):
    scene(L2, ["SR_B2", "SR_B3", "QA_PIXEL"])
    folder = tmp_path / "archives"
    folder.mkdir()
    with tarfile.open(folder / f"{L2}.tar", "w") as archive:
        for path in sorted((tmp_path / L2).iterdir()):
            archive.add(path, path.name)
    for where in (folder, folder / f"{L2}.tar"):
        dataset = Landsat8(where, bands=["B2", "SR_B3"])
        assert len(dataset) == 1
        assert means(dataset) == [102, 103]
    # extracted too: once, from the files
    both = Landsat8(tmp_path, bands=["SR_B2"])
    assert len(both) == 1
    assert not both.files[0].startswith("/vsi")


def test_zero_is_nodata(write_tif, tmp_path, flat):
    data = flat(5)
    data[:, :8] = 0
    write_tif(f"{L1}_B2.TIF", data)
    dataset = Landsat8(tmp_path, bands=["B2"], valid_mask=True)
    sample = dataset[dataset.bounds]
    assert not sample["valid"][:, :8].any()
    assert sample["valid"][:, 8:].all()


def test_other_sensors_files_are_left_alone(scene, tmp_path):
    scene(L1, ["B2"])
    scene("LM05_L1TP_023032_19900622_20210629_02_T2", ["B2"])
    assert len(Landsat5MSS(tmp_path, bands=["B2"])) == 1  # TorchGeo looks for LM04 here
    with pytest.raises(DatasetNotFoundError):
        Landsat9(tmp_path, bands=["B2"])


def test_bands_that_do_not_exist(scene, tmp_path):
    scene(L1, ["B2"])
    with pytest.raises(BandError, match="B12"):
        Landsat8(tmp_path, bands=["B12"])


def test_plot(scene, tmp_path):
    scene(L1, ["B2", "B3", "B4"])
    dataset = Landsat8(tmp_path, bands=["B4", "B3", "B2"])
    figure = dataset.plot(dataset[dataset.bounds], suptitle="Landsat")
    assert figure.get_suptitle() == "Landsat"
    assert [axis.get_title() for axis in figure.axes] == ["Image"]
    one = Landsat8(tmp_path, bands=["B4"])
    one.plot(one[one.bounds], show_titles=False)
    two = Landsat8(tmp_path, bands=["B4", "B3"])
    with pytest.raises(RGBBandsMissingError, match="SR_B2"):
        two.plot(two[two.bounds])


@pytest.mark.parametrize("name", [n for n in layers.__all__ if n.startswith("Landsat")])
def test_every_sensor_says_what_it_is(name):
    cls = getattr(layers, name)
    assert cls.product_page.startswith("https://")
    assert "doi.org" in cls.citation
    assert cls.licence
    if name != "Landsat":
        assert set(cls.default_bands) <= set(cls.all_bands)
        assert set(cls.rgb_bands) <= set(cls.default_bands)
        assert {b.removeprefix("SR_") for b in cls.default_bands} <= set(cls.wavelengths)
        assert np.all(np.array(list(cls.wavelengths.values())) < 13)


def test_times_do_not_clip_the_year(scene, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    scene(L1, ["B2"])
    interval = Landsat8(tmp_path, bands=["B2"]).index.index[0]
    assert interval.right - interval.left < np.timedelta64(1, "D")
