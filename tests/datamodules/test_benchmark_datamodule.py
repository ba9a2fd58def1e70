"""Data modules of published datasets, from miniatures to a trained task."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from lightning.pytorch import Trainer

from swath.datamodules import BenchmarkDataModule, CutBenchmarkDataModule
from swath.datasets import UCMerced, make_miniature
from swath.errors import BandError, ConfigError
from swath.trainers import ClassificationTask, load_task

pytestmark = pytest.mark.filterwarnings("ignore")


class Known(UCMerced):
    """With statistics."""

    mean: ClassVar[dict[str, float]] = {"R": 100.0, "G": 90.0, "B": 80.0}
    std: ClassVar[dict[str, float]] = {"R": 40.0, "G": 30.0, "B": 20.0}


class Module(BenchmarkDataModule):
    dataset = Known


class Cut(CutBenchmarkDataModule):
    dataset = Known
    stages: ClassVar[dict[str, str]] = {"train": "train", "val": "-", "test": "-", "predict": "-"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ucmerced")
    make_miniature(UCMerced, place, count=10)
    return place


def trainer(path: Path, **options: Any) -> Trainer:
    return Trainer(
        default_root_dir=path, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False, limit_train_batches=1,
        limit_val_batches=1, num_sanity_val_steps=0, max_epochs=1, **options,
    )  # fmt: skip


def test_a_task_takes_over_what_it_was_not_told(root: Path, tmp_path: Path) -> None:
    data = Module(batch_size=4, root=root, checksum=False)
    task = ClassificationTask("test_resnet", num_classes=21)
    run = trainer(tmp_path)
    run.fit(task, datamodule=data)
    assert task.mean.flatten().tolist() == [100, 90, 80]
    assert task.std.flatten().tolist() == [40, 30, 20]
    assert task.hparams["labels"] == list(UCMerced.classes)
    x = torch.full((1, 3, 8, 8), 100.0)
    assert task.normalize(x)[0, 0].unique().tolist() == [0.0]
    run.save_checkpoint(tmp_path / "a.ckpt")
    again = load_task(tmp_path / "a.ckpt")
    assert again.mean.flatten().tolist() == [100, 90, 80]
    assert again.hparams["labels"] == list(UCMerced.classes)


def test_what_it_was_told_stays(root: Path, tmp_path: Path) -> None:
    data = Module(batch_size=4, root=root, checksum=False)
    names = [f"class {i}" for i in range(21)]
    task = ClassificationTask("test_resnet", labels=names, mean=[1, 2, 3], std=[4, 5, 6])
    trainer(tmp_path).fit(task, datamodule=data)
    assert task.mean.flatten().tolist() == [1, 2, 3]
    assert task.hparams["labels"] == names


def test_other_data_change_nothing_that_it_was_trained_with(root: Path, tmp_path: Path) -> None:
    class Brighter(Known):
        mean: ClassVar[dict[str, float]] = {"R": 200.0, "G": 200.0, "B": 200.0}
        classes = tuple(f"other {i}" for i in range(21))

    class Other(Module):
        dataset = Brighter

    task = ClassificationTask("test_resnet", num_classes=21)
    run = trainer(tmp_path)
    run.fit(task, datamodule=Module(batch_size=4, root=root, checksum=False))
    data = Other(batch_size=4, root=root, checksum=False)
    # only the folders' names matter to the files, and those are the first ones
    data.dataset_class = Known
    run.validate(task, datamodule=data, verbose=False)
    assert task.mean.flatten().tolist() == [100, 90, 80]
    assert task.hparams["labels"] == list(UCMerced.classes)


def test_other_bands_are_refused(root: Path, tmp_path: Path) -> None:
    data = Module(batch_size=4, root=root, checksum=False)
    task = ClassificationTask("test_resnet", num_classes=21, in_channels=4)
    with pytest.raises(BandError, match="in_channels=3"):
        trainer(tmp_path).fit(task, datamodule=data)


def test_chosen_bands_choose_statistics() -> None:
    assert Module(bands=["B", "R"]).normalisation() == ([80.0, 100.0], [20.0, 40.0])


def test_missing_splits_are_cut_once_and_for_all(root: Path) -> None:
    parts = []
    for stage in ("fit", "test"):
        data = Cut(root=root, checksum=False, val_split_pct=0.3, test_split_pct=0.2)
        data.setup(stage)
        parts.append(data)
    train, val, test = (
        set(d.indices)
        for d in (parts[0].train_dataset, parts[0].val_dataset, parts[1].test_dataset)
    )
    assert (len(train), len(val), len(test)) == (5, 3, 2)
    assert train | val | test == set(range(10))


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match="by stage"):
        Module(split="train")
    with pytest.raises(ConfigError, match="shares"):
        Cut(val_split_pct=0.7, test_split_pct=0.4)
