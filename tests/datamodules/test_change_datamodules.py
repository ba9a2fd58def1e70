"""Data modules of pairs of satellite images, from miniatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rasterio
import torch

from swath.datamodules import (
    CaBuArDataModule,
    ChaBuDDataModule,
    OSCD100DataModule,
    OSCDDataModule,
)
from swath.datasets import OSCD, OSCD100, CaBuAr, ChaBuD, make_miniature
from swath.datasets.catalogue.patches import Patches
from swath.datasets.catalogue.writing import write_picture

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("data", "kind"), [(OSCDDataModule, OSCD), (OSCD100DataModule, OSCD100)])
def test_pairs_of_patches(data: Any, kind: Any, tmp_path: Path) -> None:
    make_miniature(kind, tmp_path, count=3)
    module = data(batch_size=2, patch_size=32, root=tmp_path, checksum=False)
    module.setup("fit")
    module.setup("test")
    for loader in (module.train_dataloader(), module.test_dataloader()):
        batch = next(iter(loader))
        assert batch["image"].shape[1:] == (2, 13, 32, 32)
        assert batch["mask"].shape[1:] == (1, 32, 32)


@pytest.mark.parametrize("bands", [["B04", "B03"], ["B02", "B11"]])
def test_windows_of_bands_are_parts_of_the_whole(bands: list[str], tmp_path: Path) -> None:
    make_miniature(OSCD, tmp_path, count=1)
    if "B11" in bands:  # a coarser band, as other products of Sentinel-2 have
        for path in tmp_path.rglob("B11.tif"):
            with rasterio.open(path) as image:
                pixels = image.read()[:, ::2, ::2]
            write_picture(str(path), pixels)
    ds = OSCD(tmp_path, bands=bands, checksum=False)
    patches = Patches(ds, 32)
    for i, (top, left) in enumerate([(0, 0), (0, 32), (32, 0), (32, 32)]):
        expected = ds[0]["image"][..., top : top + 32, left : left + 32]
        torch.testing.assert_close(patches[i]["image"], expected)


@pytest.mark.parametrize(("data", "kind"), [(ChaBuDDataModule, ChaBuD), (CaBuArDataModule, CaBuAr)])
def test_fires_are_brought_to_one_range(data: Any, kind: Any, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    make_miniature(kind, tmp_path, count=3)
    module = data(batch_size=2, root=tmp_path, checksum=False)
    for stage in ("fit", "test"):
        module.setup(stage)
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape[1:] == (2, 12, 32, 32)
    chosen = data(bands=["B12", "B01"])
    assert chosen.normalisation() == ([21.0, 0.0], [3732.0, 1926.0])


def test_a_fire_without_an_image_from_before_is_left_out(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    make_miniature(ChaBuD, tmp_path, count=3)
    with h5py.File(tmp_path / "train_eval.hdf5", "a") as file:
        name = next(n for n in sorted(file) if file[n].attrs["fold"] != 0)
        del file[name]["pre_fire"]
        left = sorted(n for n in file if n != name and file[n].attrs["fold"] != 0)
        expected = torch.tensor(file[left[0]]["post_fire"][...].astype("float32"))
    ds = ChaBuD(tmp_path, checksum=False, bands=["B03", "B02"])
    assert len(ds) == 2
    torch.testing.assert_close(ds[0]["image"][1], expected.permute(2, 0, 1)[[2, 1]])
