"""Samples from HDF5 arrays: bands, damage, processes, a missing library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from swath.datasets import So2Sat, ZueriCrop, make_miniature
from swath.errors import DependencyNotFoundError, SplitError, UnreadableFileError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("so2sat")
    make_miniature(So2Sat, place, count=6)
    return place


def test_bands_come_as_asked_for(root: Path) -> None:
    with h5py.File(root / "training.h5") as file:
        s1, s2 = file["sen1"][:], file["sen2"][:]
        labels = file["label"][:].argmax(1)
    ds = So2Sat(root, bands=("S2_B04", "S1_B2", "S2_B02"), checksum=False)
    for i in range(len(ds)):
        expected = np.stack([s2[i, ..., 2], s1[i, ..., 1], s2[i, ..., 0]]).astype("f4")
        np.testing.assert_array_equal(ds[i]["image"].numpy(), expected)
        assert int(ds[i]["label"]) == labels[i]


def test_workers_read_what_this_process_has_open(root: Path) -> None:
    ds = So2Sat(root, checksum=False)
    expected = torch.stack([ds[i]["image"] for i in range(len(ds))])
    loader: Any = DataLoader(ds, batch_size=1, num_workers=2, multiprocessing_context="fork")
    found = torch.cat([batch["image"] for batch in loader])
    assert torch.equal(found, expected)


def test_versions_have_their_own_splits(tmp_path: Path) -> None:
    make_miniature(So2Sat, tmp_path, version="3_block")
    assert len(So2Sat(tmp_path, "3_block", "test", checksum=False)) == 3
    with pytest.raises(SplitError, match="'3_block' has no split 'validation'"):
        So2Sat(tmp_path, "3_block", "validation", checksum=False)


def test_damage_is_named(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "training.h5"
    path.write_bytes((root / "training.h5").read_bytes()[:5000])
    with pytest.raises(UnreadableFileError, match=r"training\.h5"):
        So2Sat(tmp_path, checksum=False)
    with h5py.File(path, "w") as file:
        file["label"] = np.eye(17)
    with pytest.raises(UnreadableFileError, match="no array 'sen1', only label"):
        So2Sat(tmp_path, checksum=False)[0]


def test_without_h5py(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DependencyNotFoundError, match=r"pip install 'swath\[hdf5\]'"):
        So2Sat(root, checksum=False)


def test_fields_of_zuericrop(tmp_path: Path) -> None:
    fields, crops = np.zeros((2, 24, 24, 1), "i4"), np.zeros((2, 24, 24, 1), "i2")
    fields[0, 2:5, 3:9], crops[0, 2:5, 3:9] = 10, 5
    fields[0, 10:20, 11], crops[0, 10:20, 11] = 4, 7
    crops[0, 10, 11] = 8  # most of it is 7
    with h5py.File(tmp_path / "ZueriCrop.hdf5", "w") as file:
        file["data"] = np.random.default_rng(0).normal(size=(2, 3, 24, 24, 9))
        file["gt"], file["gt_instance"] = crops, fields
    (tmp_path / "labels.csv").write_text("")
    ds = ZueriCrop(tmp_path, checksum=False)
    sample, nothing = ds[0], ds[1]
    assert sample["label"].tolist() == [7, 5]
    assert sample["bbox_xyxy"].tolist() == [[11, 10, 12, 20], [3, 2, 9, 5]]
    assert sample["mask"].sum((1, 2)).tolist() == [10, 18]
    assert sample["image"].shape == (3, 9, 24, 24)
    assert nothing["mask"].shape == (0, 24, 24)
    assert nothing["bbox_xyxy"].shape == (0, 4)
