"""Data modules of objects, counts and winds: from a miniature through a step of a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from swath.datamodules import (
    COWCCountingDataModule,
    FAIR1MDataModule,
    FitObjects,
    NASAMarineDebrisDataModule,
    SpaceNet1DataModule,
    SpaceNetBaseDataModule,
    TropicalCycloneDataModule,
    VHR10DataModule,
)
from swath.datasets import (
    FAIR1M,
    VHR10,
    COWCCounting,
    NASAMarineDebris,
    SpaceNet1,
    SpaceNet4,
    TropicalCyclone,
    make_miniature,
)
from swath.errors import ConfigError
from swath.trainers import (
    InstanceSegmentationTask,
    ObjectDetectionTask,
    RegressionTask,
    SemanticSegmentationTask,
)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def vhr10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vhr10")
    make_miniature(VHR10, root, count=5)
    return root


def fit(task: Any, data: Any, path: Path) -> Trainer:
    trainer = Trainer(
        default_root_dir=path, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False, limit_train_batches=1,
        limit_val_batches=1, num_sanity_val_steps=0, max_epochs=1,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    return trainer


@pytest.mark.parametrize("kind", [ObjectDetectionTask, InstanceSegmentationTask])
def test_vhr10_trains_detectors(kind: Any, vhr10: Path, tmp_path: Path) -> None:
    data = VHR10DataModule(batch_size=2, patch_size=64, root=vhr10, checksum=False)
    task = kind(backbone="test_resnet", classes=list(VHR10.classes[1:]), channels=8)
    trainer = fit(task, data, tmp_path)
    losses = {
        k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("train_loss")
    }
    assert losses
    assert all(np.isfinite(list(losses.values())))


def test_images_of_any_size_make_a_batch(vhr10: Path) -> None:
    data = VHR10DataModule(batch_size=3, patch_size=(32, 40), root=vhr10, checksum=False)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape[1:] == (3, 32, 40)
    assert len(batch["bbox_xyxy"]) == len(batch["image"])


def test_objects_go_with_their_image() -> None:
    mask = torch.zeros(1, 20, 40, dtype=torch.uint8)
    mask[0, 4:12, 8:20] = 1
    image = mask.float().expand(3, -1, -1) * 100
    sample = {"image": image, "mask": mask, "bbox_xyxy": torch.tensor([[8.0, 4.0, 20.0, 12.0]])}
    out = FitObjects(80)(sample)
    assert out["image"].shape == (3, 80, 80)
    assert not out["image"][:, 40:].any()
    rows, columns = out["mask"][0].nonzero().T
    box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    assert box == out["bbox_xyxy"][0].tolist() == [16, 8, 40, 24]
    with pytest.raises(ConfigError, match="patch_size"):
        FitObjects(0)


def test_an_image_without_objects_is_fitted() -> None:
    sample = {"image": torch.ones(3, 10, 10), "mask": torch.zeros(0, 10, 10, dtype=torch.uint8),
              "bbox_xyxy": torch.zeros(0, 4)}  # fmt: skip
    out = FitObjects(16)(sample)
    assert out["mask"].shape == (0, 16, 16)
    assert out["bbox_xyxy"].shape == (0, 4)


@pytest.mark.parametrize(
    ("data", "kind"), [(FAIR1MDataModule, FAIR1M), (NASAMarineDebrisDataModule, NASAMarineDebris)]
)
def test_labels_count_from_one(data: Any, kind: Any, tmp_path: Path) -> None:
    make_miniature(kind, tmp_path, count=4)
    options = {"patch_size": 64} if kind is FAIR1M else {}
    module = data(batch_size=2, root=tmp_path, checksum=False, **options)
    classes = list(kind.classes)
    task = ObjectDetectionTask(backbone="test_resnet", classes=classes, channels=8)
    trainer = fit(task, module, tmp_path)
    assert np.isfinite(float(trainer.callback_metrics["train_loss"]))
    batch = next(iter(module.train_dataloader()))
    whole = kind(tmp_path, checksum=False)
    if kind is FAIR1M:
        found = {tuple((labels - 1).tolist()) for labels in batch["label"]}
        assert found <= {tuple(whole[i]["label"].tolist()) for i in range(len(whole))}
    else:
        assert {int(v) for labels in batch["label"] for v in labels} == {1}


def test_cars_are_counted(tmp_path: Path) -> None:
    make_miniature(COWCCounting, tmp_path, count=6)
    data = COWCCountingDataModule(batch_size=2, root=tmp_path, checksum=False)
    trainer = fit(RegressionTask("test_resnet", in_channels=3), data, tmp_path)
    assert np.isfinite(float(trainer.callback_metrics["train_loss"]))


def test_frames_of_a_storm_stay_together(tmp_path: Path) -> None:
    make_miniature(TropicalCyclone, tmp_path, count=4)
    table = tmp_path / "training_set_features.csv"
    text = table.read_text()
    for i in range(1, 5):
        text = text.replace(f"storm{i}", f"storm{i % 2}")
    table.write_text(text)
    data = TropicalCycloneDataModule(root=tmp_path, val_split_pct=0.5)
    data.setup("fit")
    train, val = data.train_dataset, data.val_dataset
    storms = np.array(train.dataset.sample_rows.columns["storm"])
    assert len(train) == len(val) == 2
    assert set(storms[train.indices]) & set(storms[val.indices]) == set()


def test_spacenet_trains_on_what_has_labels(tmp_path: Path) -> None:
    make_miniature(SpaceNet1, tmp_path, count=5)
    data = SpaceNet1DataModule(
        batch_size=2, root=tmp_path, image="8band", checksum=False, val_split_pct=0.2
    )
    assert len(data.bands) == 8
    task = SemanticSegmentationTask("unet", "resnet18", in_channels=8, num_classes=2)
    trainer = fit(task, data, tmp_path)
    assert np.isfinite(float(trainer.callback_metrics["train_loss"]))
    data.setup("predict")
    assert "mask" not in data.predict_dataset[0]


def test_views_of_one_place_stay_together(tmp_path: Path) -> None:
    make_miniature(SpaceNet4, tmp_path, count=3)
    data = SpaceNetBaseDataModule(SpaceNet4, root=tmp_path, checksum=False, val_split_pct=0.34,
                                  test_split_pct=0.33)  # fmt: skip
    data.setup("fit")
    assert len(data.train_dataset) == len(data.val_dataset) == 9
    labels = data.train_dataset.dataset.sample_rows.columns["labels"]
    assert len(set(labels[data.train_dataset.indices])) == 1
