"""Data modules of datasets with labels of whole images, from miniatures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import swath.datamodules as modules
from swath.datamodules import So2SatDataModule, UCMercedDataModule
from swath.datasets import make_miniature
from swath.errors import ConfigError

NAMES = [
    "ADVANCE", "BigEarthNet", "BigEarthNetV2", "EuroSAT", "EuroSAT100", "EuroSATRGB",
    "EuroSATSpatial", "PatternNet", "RESISC45", "So2Sat", "UCMerced",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_gives_batches(name: str, tmp_path: Path) -> None:
    kind = getattr(modules, f"{name}DataModule")
    make_miniature(kind.dataset, tmp_path, count=3 if kind.dataset.splits else 10)
    data = kind(batch_size=2, root=tmp_path, checksum=False)
    data.setup("fit")
    data.setup("test")
    mean, std = data.normalisation()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        batch = next(iter(loader))
        assert batch["image"].shape[:2] == (2, len(mean))
        assert len(std) == len(mean)
        assert batch["label"].shape[0] == 2


def test_images_of_several_sizes_are_one_batch(tmp_path: Path) -> None:
    make_miniature(UCMercedDataModule.dataset, tmp_path, count=4)
    data = UCMercedDataModule(batch_size=4, root=tmp_path, checksum=False)
    data.setup("test")
    assert next(iter(data.test_dataloader()))["image"].shape == (4, 3, 256, 256)


def test_so2sat_versions(tmp_path: Path) -> None:
    make_miniature(So2SatDataModule.dataset, tmp_path, count=10, version="3_block")
    data = So2SatDataModule(2, 0, "s2", root=tmp_path, version="3_block", checksum=False)
    data.setup("fit")
    assert len(data.train_dataset) == 8
    assert len(data.val_dataset) == 2
    assert next(iter(data.val_dataloader()))["image"].shape == (2, 10, 32, 32)
    with pytest.raises(ConfigError, match="no band set 'S1'"):
        So2SatDataModule(band_set="S1")


def test_radar_and_reflectance_have_units() -> None:
    data = modules.BigEarthNetDataModule(bands="all")
    mean, std = data.normalisation()
    assert torch.tensor(mean).abs().max() == 0
    assert std == [10.0] * 2 + [10_000.0] * 12
