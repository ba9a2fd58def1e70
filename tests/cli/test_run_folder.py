from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from swath.cli.callbacks import Picture
from swath.cli.environment import hide_secrets
from swath.cli.run_folder import RunRecord, class_rows, read_confusion
from swath.cli.trackers import add_trackers
from swath.errors import ConfigError, DependencyNotFoundError
from swath.trainers import (
    BaseTask,
    ChangeDetectionTask,
    ClassificationTask,
    MultiLabelClassificationTask,
    PixelwiseRegressionTask,
    RegressionTask,
    SemanticSegmentationTask,
    SpatioTemporalSegmentation,
    TemporalRegression,
)

CLASSES = ["forest", "<script>", "water, salt", "built"]


class Rows(Dataset[Any]):
    def __init__(self, **columns: Tensor) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {k: v[i] for k, v in self.columns.items()}


class Net(nn.Module):
    """(B, …, H, W) -> (B, outputs, H, W), or (B, outputs)."""

    def __init__(self, inputs: int, outputs: int, whole: bool = False) -> None:
        super().__init__()
        self.layer, self.whole = nn.Conv2d(inputs, outputs, 3, padding=1), whole

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x.flatten(1, -3))
        return found.mean((-2, -1)) if self.whole else found


class Stop(Callback):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            raise self.error


torch.manual_seed(0)
IMAGE = torch.rand(6, 3, 32, 32) * 100
MASK = (IMAGE[:, 0] // 25).long()
SERIES = torch.stack([IMAGE, IMAGE / 2, IMAGE / 4], 1)


def fit(
    folder: Path,
    task: Any,
    *extra: Callback,
    test: bool = False,
    epochs: int = 2,
    **columns: Tensor,
) -> Trainer:
    loader = DataLoader(Rows(**columns), batch_size=4)
    monitor, mode = task.best
    checkpoint = ModelCheckpoint(
        folder, "best", monitor=monitor, mode=mode, save_last=True, enable_version_counter=False
    )
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, logger=CSVLogger(folder, name="", version=""),
        enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
        default_root_dir=folder,
        callbacks=[checkpoint, RunRecord(str(folder), ["fit", "--seed=7"], 7),
                   Picture(str(folder)), *extra],
    )  # fmt: skip
    trainer.fit(task, loader, loader)
    if test:
        trainer.test(task, loader, verbose=False)
    return trainer


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "environment.json").read_text())  # type: ignore[no-any-return]


def small(**options: Any) -> dict[str, Any]:
    return {"in_channels": 3, "mean": [50.0] * 3, "std": [25.0] * 3, **options}


TASKS: dict[str, tuple[Any, dict[str, Tensor], set[str]]] = {
    "segmentation": (
        lambda: SemanticSegmentationTask(Net(3, 4), **small(classes=CLASSES)),
        {"image": IMAGE, "mask": MASK}, {"val.png", "confusion.png", "per_class.csv"},
    ),
    "binary": (
        lambda: SemanticSegmentationTask(Net(3, 1), task="binary", **small(loss="bce")),
        {"image": IMAGE, "mask": (MASK > 1).long()}, {"val.png"},
    ),
    "labels of pixels": (
        lambda: SemanticSegmentationTask(
            Net(3, 2), task="multilabel", **small(classes=["a", "b"], loss="bce")),
        {"image": IMAGE, "mask": torch.stack([MASK > 1, MASK > 2], 1).long()},
        {"val.png", "per_class.csv"},
    ),
    "classification": (
        lambda: ClassificationTask(Net(3, 4, True), **small(labels=CLASSES)),
        {"image": IMAGE, "label": torch.arange(6) % 4}, {"val.png", "val_mistakes.png"},
    ),
    "multilabel": (
        lambda: MultiLabelClassificationTask(Net(3, 2, True), **small(labels=["a", "b"])),
        {"image": IMAGE, "label": torch.tensor([[0, 1], [1, 1]]).repeat(3, 1)},
        {"val.png", "per_class.csv"},
    ),
    "regression": (
        lambda: RegressionTask(Net(3, 1, True), **small()),
        {"image": IMAGE, "label": IMAGE.mean((1, 2, 3))}, {"val.png"},
    ),
    "pixels": (
        lambda: PixelwiseRegressionTask(Net(3, 1), **small(ignore_value=-1.0)),
        {"image": IMAGE, "mask": IMAGE.mean(1)}, {"val.png", "val_scatter.png"},
    ),
    "change": (
        lambda: ChangeDetectionTask(Net(6, 1), **small()),
        {"image1": IMAGE, "image2": IMAGE.flip(0), "mask": (MASK.flip(0) != MASK).long()},
        {"val.png"},
    ),
    "series": (
        lambda: SpatioTemporalSegmentation(Net(9, 4), **small(num_classes=4)),
        {"image": SERIES, "mask": MASK}, {"val.png", "confusion.png"},
    ),
    "numbers in time": (
        lambda: TemporalRegression(
            nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), in_channels=3, num_outputs=2),
        {"input": torch.rand(6, 4, 3), "target": torch.rand(6, 1, 2)}, {"val.png"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_its_pictures(tmp_path: Path, name: str) -> None:
    from PIL import Image

    make, columns, expected = TASKS[name]
    fit(tmp_path, make(), test=True, epochs=1, **columns)
    there = {p.name for p in tmp_path.iterdir()}
    common = {"environment.json", "metrics.csv", "curves.png", "best.ckpt", "last.ckpt",
              "test.png", "test_environment.json"}  # fmt: skip
    assert expected | common <= there
    assert not [n for n in there if ".part" in n]
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 3, path
    assert "warnings" not in record(tmp_path)


def test_detection_has_its_pictures(tmp_path: Path) -> None:
    from swath.cli.gallery import gallery_of

    class ObjectDetectionTask(nn.Module):
        hparams = {"classes": ["ship", "truck"], "num_classes": 3, "bands": None}  # noqa: RUF012

    pytest.importorskip("swath.trainers.objects")
    gallery = gallery_of(ObjectDetectionTask())
    boxes = torch.tensor([[2.0, 3, 12, 20]])
    truth = {"image": IMAGE[:2], "bbox_xyxy": [boxes, torch.zeros(0, 4)],
             "label": [torch.tensor([2]), torch.zeros(0).long()]}  # fmt: skip
    found = [{"boxes": boxes + i, "labels": torch.tensor([1]), "scores": torch.tensor([0.9 - i])}
             for i in range(2)]  # fmt: skip
    gallery.add(truth, found)
    figure = gallery.figures()[""]
    said = [a.get_xlabel() for a in figure.axes]
    assert said == ["", "1 objects", "1 objects", "", "0 objects",
                    "0 objects, and 1 of score below 0.5"]  # fmt: skip


def test_tables_are_of_the_best_epoch_and_right(tmp_path: Path) -> None:
    task = SemanticSegmentationTask(Net(3, 4), **small(classes=CLASSES, lr=0.3))
    fit(tmp_path, task, epochs=4, image=IMAGE, mask=MASK)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    best = metrics.loc[metrics["val_miou"].idxmax()]
    said = record(tmp_path)
    assert said["outcome"] == "finished"
    assert said["best"]["epoch"] == best["epoch"]
    assert said["best"]["value"] == pytest.approx(best["val_miou"], rel=1e-5)
    # the checkpoint's own predictions, counted by scikit-learn
    saved = torch.load(tmp_path / "best.ckpt", weights_only=True)
    task.load_state_dict(saved["state_dict"])
    found = task.eval()(IMAGE).argmax(1).flatten().numpy()
    names, counts = read_confusion(str(tmp_path / "confusion.csv"))
    assert names == CLASSES
    np.testing.assert_array_equal(counts, confusion_matrix(MASK.flatten(), found, labels=range(4)))
    table = pd.read_csv(tmp_path / "per_class.csv")
    p, r, f1, n = precision_recall_fscore_support(
        MASK.flatten(), found, labels=range(4), zero_division=0
    )
    np.testing.assert_allclose(table["recall"], r, rtol=1e-4)
    np.testing.assert_allclose(table["precision"].fillna(0), p, rtol=1e-4)
    np.testing.assert_allclose(table["f1"], f1, rtol=1e-4)
    np.testing.assert_array_equal(table["truth"], n)
    assert said["seed"] == 7
    assert said["command"] == ["swath", "fit", "--seed=7"]
    assert said["packages"]["torch"] in torch.__version__
    assert said["end"] >= said["start"]


@pytest.mark.parametrize(
    ("error", "outcome", "raised"),
    [
        (RuntimeError("no more\nmemory"), "failed: RuntimeError: no more memory", RuntimeError),
        (KeyboardInterrupt(), "interrupted", SystemExit),
    ],
)
def test_how_it_ended_is_written(
    tmp_path: Path, error: BaseException, outcome: str, raised: type[BaseException]
) -> None:
    task = SemanticSegmentationTask(Net(3, 4), **small(classes=CLASSES))
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(raised):
            fit(tmp_path, task, Stop(error), epochs=5, image=IMAGE, mask=MASK)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert record(tmp_path)["outcome"] == outcome
    for name in ("val.png", "curves.png", "confusion.csv", "confusion.png", "per_class.csv"):
        assert (tmp_path / name).exists(), name


def test_a_training_that_goes_on_remembers(tmp_path: Path) -> None:
    task = SemanticSegmentationTask(Net(3, 4), **small(classes=CLASSES))
    with pytest.raises(RuntimeError):
        fit(tmp_path, task, Stop(RuntimeError("power cut")), epochs=3, image=IMAGE, mask=MASK)
    fit(tmp_path, task, epochs=2, image=IMAGE, mask=MASK)
    said = record(tmp_path)
    assert said["outcome"] == "finished"
    assert [e["outcome"] for e in said["earlier"]] == ["failed: RuntimeError: power cut"]


def test_a_picture_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("swath.plot.save_figure", broken)
    task = SemanticSegmentationTask(Net(3, 4), **small(classes=CLASSES))
    fit(tmp_path, task, epochs=1, image=IMAGE, mask=MASK)
    said = record(tmp_path)
    assert said["outcome"] == "finished"
    assert any("curves.png was not written: OSError: No space" in w for w in said["warnings"])
    assert "no picture of val" in caplog.text


def test_a_task_of_the_users_needs_no_picture(tmp_path: Path) -> None:
    class Own(BaseTask):
        def configure_models(self) -> None:
            self.model = nn.Linear(2, 1)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

        def step(self, batch: Any, stage: str) -> Tensor:
            loss: Tensor = self.model(batch["x"]).square().mean()
            self.log_loss(stage, loss, len(batch["x"]))
            return loss

    fit(tmp_path, Own(), epochs=1, x=torch.rand(4, 2))
    assert record(tmp_path)["outcome"] == "finished"
    assert not (tmp_path / "val.png").exists()


def test_rows_of_classes() -> None:
    rows = class_rows({"map/ship": 0.5, "map": 0.4, "loss/box": 1.0, "map/truck": 0.3})
    assert rows == [{"class": "ship", "map": 0.5}, {"class": "truck", "map": 0.3}]
    labels = np.array([[[5, 1], [2, 4]]])
    (row,) = class_rows({}, (["a"], labels))
    assert (row["truth"], row["predicted"], row["hit"]) == (6, 5, 4)
    assert row["iou"] == pytest.approx(4 / 7)


def test_secrets_are_not_written() -> None:
    command = ["fit", "--data.token", "abc", "--data.api_key=def", "--name", "x"]
    assert hide_secrets(command) == ["fit", "--data.token", "…", "--data.api_key=…", "--name", "x"]


def test_trackers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    trainer = Trainer(accelerator="cpu", logger=CSVLogger(tmp_path), enable_checkpointing=False)
    with pytest.raises(ConfigError, match="'wandbb': expected any of tensorboard"):
        add_trackers(trainer, "wandbb", str(tmp_path))
    with pytest.raises(DependencyNotFoundError, match=r'pip install "swath\[mlflow\]"'):
        add_trackers(trainer, ["mlflow"], str(tmp_path))
    add_trackers(trainer, [], str(tmp_path))
    assert [type(one).__name__ for one in trainer.loggers] == ["CSVLogger"]
    silent = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    add_trackers(silent, [], str(tmp_path))
    assert silent.loggers == []
    assert "wandb" not in sys.modules
