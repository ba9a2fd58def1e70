from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from sklearn.metrics import accuracy_score, jaccard_score
from torch.utils.data import DataLoader

from swath.errors import BandError, ConfigError, FileMissingError, UnreadableFileError
from swath.trainers import SemanticSegmentationTask, load_task
from swath.trainers.metrics import SegmentationMetrics

KNOWN = {
    "bands": ["B2", "B3"],
    "mean": [100.0, 200.0],
    "std": [10.0, 20.0],
    "classes": ["water", "forest", "town"],
    "colors": [[0, 0, 255], [0, 128, 0], [255, 0, 0]],
    "values": [11, 41, 21],
    "crs": "EPSG:32612",
    "res": 30.0,
}


def tiny(**changes: object) -> SemanticSegmentationTask:
    arguments = {"model": "fcn", "num_filters": 8, "in_channels": 2, "ignore_index": 255, **KNOWN}
    return SemanticSegmentationTask(**(arguments | changes))  # type: ignore[arg-type]


def samples(n: int = 8, size: int = 20, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """The mask is the brightest of three levels in the first band, and some of it is unknown."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 3, (n, size // 5, size // 5)).repeat(5, 1).repeat(5, 2)
    images = np.stack([90 + 10 * masks, 200 + 0 * masks], 1) + rng.normal(0, 1, (n, 2, size, size))
    masks[:, :2] = 255
    return [
        {"image": torch.tensor(i, dtype=torch.float32), "mask": torch.tensor(m)}
        for i, m in zip(images, masks, strict=True)
    ]


def test_scores_are_sklearns_over_all_batches() -> None:
    rng = np.random.default_rng(1)
    truth, found = rng.integers(0, 4, (5, 30, 30)), rng.integers(0, 4, (5, 30, 30))
    truth[:, :3] = 255
    metrics = SegmentationMetrics(["a", "b", "c", "d"], ignore_index=255)
    for t, f in zip(truth, found, strict=True):
        metrics.update(torch.tensor(f)[None], torch.tensor(t)[None])
    scores = metrics.compute()
    keep = truth != 255
    each = jaccard_score(truth[keep], found[keep], average=None)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth[keep], found[keep]))
    assert scores["miou"] == pytest.approx(each.mean())
    assert scores["majority"] == pytest.approx(np.bincount(truth[keep]).max() / keep.sum())
    assert [scores[f"iou/{n}"].item() for n in "abcd"] == pytest.approx(each.tolist())
    metrics.reset()
    metrics.update(torch.zeros(1, 2, 2, dtype=torch.long), torch.zeros(1, 2, 2, dtype=torch.long))
    assert metrics.compute()["miou"] == 1.0  # absent classes have no share in the mean


def test_multilabel_scores() -> None:
    rng = np.random.default_rng(2)
    truth, found = rng.integers(0, 2, (2, 3, 9, 9)), rng.integers(0, 2, (2, 3, 9, 9))
    metrics = SegmentationMetrics(["a", "b", "c"], multilabel=True)
    metrics.update(torch.tensor(found), torch.tensor(truth))
    flat = [np.moveaxis(a, 1, -1).reshape(-1, 3) for a in (truth, found)]
    each = jaccard_score(*flat, average=None)
    assert [metrics.compute()[f"iou/{n}"].item() for n in "abc"] == pytest.approx(each.tolist())


def test_it_learns_and_its_checkpoint_is_plain(tmp_path) -> None:
    torch.manual_seed(0)
    task = tiny(lr=0.02)
    loader = DataLoader(samples(), batch_size=4)  # type: ignore[arg-type,var-annotated]
    trainer = Trainer(
        max_epochs=40, logger=False, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(task, loader, loader)
    scores = trainer.test(task, loader, verbose=False)[0]
    assert scores["test_accuracy"] > 0.9
    assert scores["test_iou/forest"] > 0.7
    path = tmp_path / "task.ckpt"
    trainer.save_checkpoint(path)
    content = torch.load(path, weights_only=True)
    assert content["hyper_parameters"]["bands"] == ["B2", "B3"]
    again = load_task(path)
    for name, value in KNOWN.items():
        assert again.hparams[name] == value
    image = torch.stack([s["image"] for s in samples()])
    with torch.no_grad():
        assert torch.equal(again(image), task.eval()(image))


def test_a_batch_without_labels_is_no_nan() -> None:
    task = tiny()
    image = torch.rand(2, 2, 8, 8)
    loss = task.criterion(task(image), torch.full((2, 8, 8), 255))
    assert loss == 0
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in task.parameters() if p.grad is not None)


@pytest.mark.parametrize("size", [(64, 64), (33, 70)])
def test_unet_takes_any_size(size: tuple[int, int]) -> None:
    task = tiny(model="unet", backbone="resnet18").eval()
    with torch.no_grad():
        assert task(torch.rand(1, 2, *size)).shape == (1, 3, *size)


def test_normalisation_is_inside() -> None:
    task = tiny().eval()
    raw = torch.tensor([100.0, 200.0]).view(1, 2, 1, 1).expand(1, 2, 6, 6)
    with torch.no_grad():
        assert torch.equal(task(raw), task.model(torch.zeros(1, 2, 6, 6)))
        assert torch.isfinite(task(torch.full((1, 2, 6, 6), torch.nan))).all()


@pytest.mark.parametrize(
    ("task", "loss", "mask"),
    [
        ("multiclass", "focal", (2, 8, 8)),
        ("multiclass", "dice", (2, 8, 8)),
        ("binary", "bce", (2, 1, 8, 8)),
        ("multilabel", "bce", (2, 3, 8, 8)),
    ],
)
def test_every_kind_steps(task: str, loss: str, mask: tuple[int, ...]) -> None:
    names = ["no", "yes"] if task == "binary" else ["a", "b", "c"]
    module = tiny(task=task, loss=loss, classes=names, colors=None, values=None, num_labels=3)
    batch = {"image": torch.rand(2, 2, 8, 8), "mask": torch.randint(0, 2, mask)}
    module.training_step(batch, 0).backward()
    chances = module.predict_step(batch, 0)["probabilities"]
    assert chances.shape == (2, len(names), 8, 8)
    if task != "multilabel":
        assert torch.allclose(chances.sum(1), torch.ones(2, 8, 8))


def test_parts_can_be_frozen() -> None:
    task = tiny(model="unet", backbone="resnet18", freeze_backbone=True)
    assert not any(p.requires_grad for p in task.model.encoder.parameters())
    assert any(p.requires_grad for p in task.model.decoder.parameters())


def test_encoder_weights_from_a_file(tmp_path) -> None:
    one = tiny(model="unet", backbone="resnet18")
    torch.save(one.model.encoder.state_dict(), tmp_path / "encoder.pt")
    two = tiny(model="unet", backbone="resnet18", weights=str(tmp_path / "encoder.pt"))
    for a, b in zip(one.model.encoder.parameters(), two.model.encoder.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ConfigError, match="does not fit the backbone"):
        tiny(model="unet", backbone="resnet34", weights=str(tmp_path / "encoder.pt"))


def test_errors_name_the_value(tmp_path) -> None:
    with pytest.raises(BandError, match="mean has 3 entries where in_channels is 2"):
        tiny(mean=[1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="needs num_classes"):
        SemanticSegmentationTask(model="fcn")
    with pytest.raises(ConfigError, match="model is 'nonsense'"):
        tiny(model="nonsense")
    with pytest.raises(ConfigError, match=r"there is no model .resnet17.: did you mean resnet18"):
        tiny(model="unet", backbone="resnet17")
    with pytest.raises(FileMissingError, match=r"no\.ckpt does not exist"):
        load_task(tmp_path / "no.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(UnreadableFileError, match=r"text\.ckpt"):
        load_task(tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ConfigError, match="no task of Swath"):
        load_task(tmp_path / "other.ckpt")


@pytest.mark.parametrize("backbone", ["vit_small_patch16_224", "swin_v2_t", "convnext_atto"])
@pytest.mark.parametrize("model", ["unet", "upernet", "deeplabv3+"])
def test_any_backbone_under_any_decoder(model: str, backbone: str) -> None:
    task = SemanticSegmentationTask(model, backbone, in_channels=4, num_classes=3).eval()
    with torch.no_grad():
        assert task(torch.rand(1, 4, 64, 71)).shape == (1, 3, 64, 71)


def test_a_module_of_one_s_own() -> None:
    task = SemanticSegmentationTask(torch.nn.Conv2d(2, 3, 1), in_channels=2, num_classes=3)
    assert task(torch.rand(1, 2, 9, 7)).shape == (1, 3, 9, 7)


def test_truth_of_any_type_and_a_single_class_are_scored() -> None:
    metrics = SegmentationMetrics(["a", "b"], multilabel=True)
    metrics.update(torch.tensor([[1, 0]]), torch.tensor([[1.0, 1.0]]))
    assert float(metrics.compute()["accuracy"]) == 0.5
    alone = SegmentationMetrics(["a"])
    alone.update(torch.zeros(1, 2, 2, dtype=torch.long), torch.zeros(1, 2, 2, dtype=torch.long))
    assert float(alone.compute()["iou/a"]) == 1
