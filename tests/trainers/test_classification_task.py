"""Image classification: learned, scored like scikit-learn, saved plain, fitted to bands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from sklearn.metrics import balanced_accuracy_score, f1_score, jaccard_score, precision_score
from torch import Tensor, nn
from torch.utils.data import DataLoader

from swath.errors import BandError, ConfigError, FileMissingError, GridError
from swath.trainers import ClassificationTask, MultiLabelClassificationTask, load_task
from swath.trainers.metrics import ClassificationMetrics

pytestmark = pytest.mark.filterwarnings("ignore")


class Small(nn.Sequential):
    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, outputs),
        )  # fmt: skip


def samples(kind: str = "multiclass", count: int = 24) -> list[dict[str, Tensor]]:
    """Patches whose brightest bands tell what they are."""
    g = torch.Generator().manual_seed(0)
    found = []
    for i in range(count):
        image = torch.rand(3, 16, 16, generator=g) * 100 + 1000
        label = torch.tensor(i % 3)
        image[i % 3] += 300
        if kind == "binary":
            label = (label == 0).long()
        elif kind == "multilabel":
            label = torch.tensor([i % 3 == 0, i % 3 != 2, i % 3 == 2]).long()
        found.append({"image": image, "label": label})
    return found


def fit(task: ClassificationTask, kind: str, epochs: int, folder: object) -> Trainer:
    data = samples(kind)
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(folder), num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, DataLoader(data, 8, shuffle=True), DataLoader(data, 8))
    return trainer


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
def test_a_small_set_is_learned_and_its_checkpoint_is_plain(kind: str, tmp_path) -> None:
    torch.manual_seed(0)
    task = ClassificationTask(
        Small(3, 1 if kind == "binary" else 3), task=kind, num_labels=3, lr=0.02,  # type: ignore[arg-type]
        num_classes=None if kind == "binary" else 3, loss="ce" if kind == "multiclass" else "bce",
        mean=[1100.0] * 3, std=[150.0] * 3,
    )  # fmt: skip
    trainer = fit(task, kind, 25, tmp_path)
    assert float(trainer.callback_metrics["val_accuracy"]) > 0.97
    torch.save({"hparams": dict(task.hparams)}, tmp_path / "plain.pt")
    torch.load(tmp_path / "plain.pt", weights_only=True)


def test_a_real_backbone_learns_and_comes_back(tmp_path) -> None:
    torch.manual_seed(0)
    task = ClassificationTask(
        "resnet18", num_classes=3, labels=["a", "b", "c"], lr=2e-3, mean=[1100.0] * 3,
        std=[150.0] * 3,
    )  # fmt: skip
    trainer = fit(task, "multiclass", 8, tmp_path)
    assert float(trainer.callback_metrics["val_accuracy"]) > 0.9
    assert "val_recall/b" in trainer.callback_metrics
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    again = load_task(tmp_path / "x.ckpt")
    batch = {"image": torch.stack([s["image"] for s in samples()[:4]]), "bounds": torch.zeros(4, 9)}
    task.eval()
    with torch.no_grad():
        one, two = task.predict_step(batch, 0), again.predict_step(batch, 0)
    torch.testing.assert_close(one["probabilities"], two["probabilities"])
    assert one["probabilities"].sum(1).tolist() == pytest.approx([1] * 4)
    assert one["bounds"] is batch["bounds"]


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_scores_are_scikit_learn_s(kind: str) -> None:
    g = torch.Generator().manual_seed(0)
    shape = (50,) if kind == "multiclass" else (50, 4)
    truth = torch.randint(0, 4 if kind == "multiclass" else 2, shape, generator=g)
    found = torch.randint(0, 4 if kind == "multiclass" else 2, shape, generator=g)
    metrics = ClassificationMetrics(list("abcd"), None, kind == "multilabel")
    for part in (slice(0, 7), slice(7, 50)):
        metrics.update(found[part], truth[part])
    scores = {k: float(v) for k, v in metrics.compute().items()}
    assert scores["f1"] == pytest.approx(f1_score(truth, found, average="macro"))
    assert scores["jaccard"] == pytest.approx(jaccard_score(truth, found, average="macro"))
    for i, value in enumerate(precision_score(truth, found, average=None)):
        assert scores[f"precision/{'abcd'[i]}"] == pytest.approx(value)
    if kind == "multiclass":
        assert scores["average_accuracy"] == pytest.approx(balanced_accuracy_score(truth, found))
        assert scores["accuracy"] == pytest.approx(float((truth == found).float().mean()))


def test_ignored_images_do_not_count() -> None:
    metrics = ClassificationMetrics(["a", "b"], 255)
    metrics.update(torch.tensor([0, 1, 1]), torch.tensor([0, 255, 1]))
    assert float(metrics.compute()["accuracy"]) == 1


def test_any_module_and_any_option(tmp_path) -> None:
    task = ClassificationTask(
        "vit_small_patch16_224", num_classes=3, optimizer="sgd", weight_decay=0.1,
        layer_decay=0.7, schedule="constant", gradient_checkpointing=True,
    )  # fmt: skip
    rates = {g["lr"] for g in task.configure_optimizers()["optimizer"].param_groups}
    assert len(rates) > 10
    assert max(rates) == pytest.approx(1e-3)
    frozen = ClassificationTask("resnet18", num_classes=3, freeze_backbone=True)
    assert {n for n, p in frozen.model.named_parameters() if p.requires_grad} == {
        "fc.weight", "fc.bias",
    }  # fmt: skip


def test_published_weights_are_fitted_to_the_bands(tmp_path, monkeypatch) -> None:
    from swath.models import ResNet18_Weights, resnet18

    member = ResNet18_Weights.SENTINEL2_ALL_MOCO
    torch.manual_seed(0)
    state = resnet18(in_chans=13, num_classes=0).state_dict()
    monkeypatch.setattr(type(member), "get_state_dict", lambda *a, **k: dict(state))
    task = ClassificationTask(
        "resnet18", weights="ResNet18_Weights.SENTINEL2_ALL_MOCO", in_channels=4, num_classes=3,
        bands=["B04", "B03", "B02", "B08"],
    )  # fmt: skip
    torch.testing.assert_close(task.model.conv1.weight, state["conv1.weight"][:, [3, 2, 1, 7]])
    image = torch.rand(2, 4, 32, 32) * 5000
    torch.testing.assert_close(task.normalize(image), image / 10000)
    assert task.hparams["weights"] == "ResNet18_Weights.SENTINEL2_ALL_MOCO"
    trainer = Trainer(logger=False, accelerator="cpu", enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    monkeypatch.setattr(type(member), "get_state_dict", lambda *a, **k: pytest.fail("fetched"))
    again = load_task(tmp_path / "x.ckpt")
    torch.testing.assert_close(again.normalize(image), image / 10000)
    torch.testing.assert_close(again.eval()(image), task.eval()(image))


def test_weights_from_a_file(tmp_path) -> None:
    import timm

    torch.manual_seed(1)
    other = timm.create_model("resnet18", num_classes=7)
    torch.save(other.state_dict(), tmp_path / "trunk.pth")
    task = ClassificationTask("resnet18", weights=str(tmp_path / "trunk.pth"), num_classes=3)
    torch.testing.assert_close(task.model.layer1[0].conv1.weight, other.layer1[0].conv1.weight)
    assert task.model.fc.weight.shape == (3, 512)


def test_multi_label_class() -> None:
    task = MultiLabelClassificationTask("resnet18", labels=["tree", "road"])
    assert task.hparams["task"] == "multilabel"
    assert task.outputs == 2
    assert task(torch.rand(2, 3, 32, 32)).shape == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "resnet81", "num_classes": 2}, ConfigError, "did you mean resnet"),
        ({"num_classes": 2, "in_channels": 3, "bands": ["a"]}, BandError, "bands has 1 entries"),
        ({}, ConfigError, "needs num_classes"),
        ({"num_classes": 2, "labels": ["a"]}, ConfigError, "1 names and num_classes says 2"),
        ({"num_classes": 2, "loss": "bce"}, ConfigError, "use 'ce'"),
        ({"task": "binary"}, ConfigError, "use loss='bce'"),
        ({"num_classes": 2, "weights": "x.pth"}, FileMissingError, "x.pth do not exist"),
        ({"num_classes": 2, "weights": "ResNet18_Weights.X"}, ConfigError, "no weights"),
        ({"num_classes": 2, "learning_rate": 3}, TypeError, "learning_rate"),
    ],
)
def test_bad_arguments(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ClassificationTask(**{"model": "resnet18", **arguments})


def test_a_module_of_another_width() -> None:
    task = ClassificationTask(Small(3, 5), num_classes=3)
    batch = {"image": torch.rand(2, 3, 8, 8), "label": torch.tensor([0, 1])}
    with pytest.raises(GridError, match="expected \\(2, 3\\)"):
        task.step(batch, "val")


def test_stages_do_not_mix(tmp_path) -> None:
    """The last epoch's training score has nothing of validation in it."""
    task = ClassificationTask(Small(3, 3), num_classes=3)
    task.train_metrics.update(torch.tensor([0, 0]), torch.tensor([0, 1]))
    task.val_metrics.update(torch.tensor([1, 1]), torch.tensor([1, 1]))
    assert float(task.train_metrics.compute()["accuracy"]) == 0.5
    assert float(task.val_metrics.compute()["accuracy"]) == 1
    np.testing.assert_array_equal(int(task.test_metrics.confusion.confmat.sum()), 0)
