"""Data modules of datasets with masks: the issue's lines on miniatures, and what patches read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

import swath.datamodules as modules
from swath.datamodules import (
    ETCI2021DataModule,
    GID15DataModule,
    InriaAerialImageLabelingDataModule,
    LEVIRCDDataModule,
    LEVIRCDPlusDataModule,
    Potsdam2DDataModule,
    SEN12MSDataModule,
    XView2DataModule,
)
from swath.datamodules.patches import PatchOrder
from swath.datasets import make_miniature
from swath.datasets.catalogue.patches import Patches
from swath.errors import ConfigError
from swath.trainers import ChangeDetectionTask, SemanticSegmentationTask

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[Any, Path] = {}

    def root(kind: Any, count: int = 3) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind.__name__)
            make_miniature(kind, made[kind], count=count)
        return made[kind]

    return root


def trainer(path: Path) -> Trainer:
    return Trainer(
        default_root_dir=path, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False, limit_train_batches=2,
        limit_val_batches=1, limit_test_batches=1, limit_predict_batches=1, max_epochs=1,
        num_sanity_val_steps=0,
    )  # fmt: skip


def test_inria_as_its_users_write_it(roots: Any, tmp_path: Path) -> None:
    datamodule = InriaAerialImageLabelingDataModule(
        root=roots(InriaAerialImageLabelingDataModule.dataset), batch_size=4, patch_size=32,
        num_workers=0, checksum=False,
    )  # fmt: skip
    task = SemanticSegmentationTask(
        model="unet", backbone="resnet18", weights=None, in_channels=3, num_classes=2, loss="ce",
        ignore_index=None, lr=0.1, patience=6,
    )  # fmt: skip
    run = trainer(tmp_path)
    run.fit(model=task, datamodule=datamodule)
    assert {"val_loss", "val_iou/building"} <= set(run.callback_metrics)
    assert task.hparams["labels"] == ["background", "building"]
    assert task.std.flatten().tolist() == [255, 255, 255]
    assert len(run.predict(task, datamodule=datamodule) or []) == 1
    with pytest.raises(ConfigError, match="with their truth"):
        run.test(task, datamodule=datamodule)


def test_change_detection_learns_from_pairs_of_patches(roots: Any, tmp_path: Path) -> None:
    data = LEVIRCDDataModule(
        batch_size=2, patch_size=32, root=roots(LEVIRCDDataModule.dataset), checksum=False
    )
    task = ChangeDetectionTask(model="fcsiamdiff", backbone="resnet18", in_channels=3)
    run = trainer(tmp_path)
    run.fit(task, datamodule=data)
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (2, 2, 3, 32, 32)
    assert batch["mask"].shape == (2, 1, 32, 32)
    run.test(task, datamodule=data)


def test_floods_are_two_labels(roots: Any, tmp_path: Path) -> None:
    data = ETCI2021DataModule(batch_size=2, root=roots(ETCI2021DataModule.dataset), checksum=False)
    task = SemanticSegmentationTask(
        "unet", "resnet18", in_channels=6, task="multilabel", num_labels=2, loss="bce"
    )
    run = trainer(tmp_path)
    run.fit(task, datamodule=data)
    assert task.std.flatten().tolist() == pytest.approx([89.8145] * 3 + [95.28] * 3, rel=1e-5)
    run.test(task, datamodule=data)


@pytest.mark.parametrize("name", [
    "GID15", "LEVIRCDPlus", "Potsdam2D", "SEN12MS", "SeasonalContrastS2", "Vaihingen2D", "XView2",
    "LandCoverAI", "LandCoverAI100",
])  # fmt: skip
def test_every_stage_has_batches(name: str, roots: Any) -> None:
    kind = getattr(modules, f"{name}DataModule")
    size = {"patch_size": 16} if hasattr(kind, "_patches") else {}
    data = kind(batch_size=2, root=roots(kind.dataset, 5), checksum=False, **size)
    for stage in ("fit", "validate", "test", "predict"):
        data.setup(stage)
    for part in ("train", "val", "predict"):
        if len(getattr(data, f"{part}_dataset")):
            batch = next(iter(getattr(data, f"{part}_dataloader")()))
            assert isinstance(batch["image"], torch.Tensor)
    mean, std = data.normalisation()
    assert len(mean) == len(std) == data.train_dataset[0]["image"].shape[-3]


def test_no_image_is_trained_on_and_validated(roots: Any) -> None:
    for kind in (Potsdam2DDataModule, GID15DataModule, LEVIRCDPlusDataModule):
        data = kind(batch_size=2, patch_size=16, root=roots(kind.dataset, 5), checksum=False)
        data.setup("fit")
        train, val = set(data.train_dataset.images), set(data.val_dataset.images)
        assert len(val) == 1
        assert not train & val
        assert len(train) + len(val) == len(data.train_dataset.dataset)


def test_arguments_are_checked(roots: Any) -> None:
    with pytest.raises(ConfigError, match="did you mean s1"):
        SEN12MSDataModule(band_set="s11")
    with pytest.raises(ConfigError, match="smaller patch_size"):
        InriaAerialImageLabelingDataModule(
            root=roots(InriaAerialImageLabelingDataModule.dataset), patch_size=65, checksum=False
        ).setup("fit")
    assert XView2DataModule(root="x").dataset.splits == ("train", "test")


def test_batches_are_from_few_images_and_all_patches_come_up(roots: Any) -> None:
    whole = InriaAerialImageLabelingDataModule.dataset(
        roots(InriaAerialImageLabelingDataModule.dataset), checksum=False
    )
    patches = Patches(whole, 16, per_image=12, random=True)
    order = list(PatchOrder(patches, batch_size=8, images=2))
    assert sorted(order) == list(range(36))
    assert all(len({i // 12 for i in order[k : k + 8]}) <= 3 for k in range(0, 32, 8))
    torch.manual_seed(1)
    assert list(PatchOrder(patches, 8, 2)) != order
