"""NAIP, ASTER GDEM, EnMAP."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swath.datasets import RasterDataset, layers
from swath.datasets.layers import NAIP, AsterGDEM, EnMAP
from swath.errors import RGBBandsMissingError

ENMAP = (
    "ENMAP01-____L2A-DT0000001053_20220611T072305Z_002_V010400_20231221T134421Z"
    "-SPECTRAL_IMAGE_COG.tiff"
)


def test_naip(write_tif, tmp_path):
    data = np.stack([np.full((8, 8), i, np.uint8) for i in (10, 20, 30, 40)])
    write_tif("m_3807511_ne_18_060_20181104.tif", data, res=0.6)
    write_tif("m_3807511_ne_18_060_20190605_20190801.tif", data, res=0.6)
    write_tif("m_readme.tif", data)
    dataset = NAIP(tmp_path)
    assert len(dataset) == 2
    assert dataset.index.index[1].left.strftime("%Y%m%d") == "20190605"
    assert dataset[dataset.bounds]["image"].mean((1, 2)).tolist() == [10, 20, 30, 40]
    infrared = NAIP(tmp_path, bands=["NIR", "R"])
    sample = infrared[infrared.bounds]
    assert sample["image"].mean((1, 2)).tolist() == [40, 10]
    with pytest.raises(RGBBandsMissingError):
        infrared.plot(sample)
    assert dataset.plot(dataset[dataset.bounds]).axes


@pytest.mark.parametrize("tagged", [True, False])
def test_aster(write_tif, tmp_path, tagged):
    data = np.array([[1, 2, -9999], [4, 5, 6]], np.int16)
    how = {"crs": "EPSG:4326", "origin": (-6.0, 38.0), "res": 0.1}
    write_tif("ASTGTMV003_N37W006_dem.tif", data, nodata=-9999 if tagged else None, **how)
    write_tif("ASTGTMV003_N37W006_num.tif", data, **how)
    dataset = AsterGDEM(tmp_path, valid_mask=True)
    assert len(dataset) == 1
    sample = dataset[dataset.bounds]
    assert sample["mask"].dtype == torch.int64
    assert sample["mask"].tolist() == data.tolist()
    assert sample["valid"].sum() == 5
    figure = dataset.plot(sample)
    assert figure.axes[1].get_ylabel() == "elevation (m)"


def test_enmap(write_tif, tmp_path):
    data = np.arange(224, dtype=np.int16)[:, None, None] + np.zeros((1, 6, 6), np.int16)
    data[:, 0, 0] = -32768
    write_tif(ENMAP, data)
    dataset = EnMAP(tmp_path)
    assert len(dataset.bands) == 202
    sample = dataset[dataset.bounds]
    assert sample["image"].shape == (202, 6, 6)
    numbers = [int(b[1:]) - 1 for b in dataset.bands]
    assert sample["image"][:, 3, 3].tolist() == numbers
    assert sample["image"][0, 0, 0] == -32768
    three = EnMAP(tmp_path, bands=["B48", "B30", "B16"])
    picture = three.plot(three[three.bounds]).axes[0].images[0].get_array()
    assert picture[0, 0, 3] == 0
    assert picture[3, 3, 3] == 255


def test_enmap_bands():
    assert len(EnMAP.wavelengths) == len(EnMAP.all_bands) == 224
    values = list(EnMAP.wavelengths.values())
    assert 0.41 < min(values) < max(values) < 2.46
    assert "B130" not in EnMAP.default_bands


@pytest.mark.parametrize("name", layers.__all__)
def test_every_product_says_what_it_is(name):
    cls = getattr(layers, name)
    if name == "Product":
        return
    assert cls.title
    assert cls.product_page.startswith("https://")
    assert "http" in cls.citation
    assert cls.licence
    assert cls.__doc__
    if issubclass(cls, RasterDataset) and not cls.is_image and not cls.quantity:
        assert set(cls.cmap) == set(cls.classes_by_value)
