"""Object detection: learned, scored as COCO writes it, checked, placed on the ground."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from squares import (
    ANCHORS,
    FEW,
    NUMBERS,
    average_precision,
    box_overlap,
    learn,
    loader,
    narrow_detector,
    squares,
)
from torch import Tensor, nn
from torchvision.models.detection import FCOS_ResNet50_FPN_Weights

from swath.datasets import stack_samples
from swath.errors import BandError, ConfigError, GridError
from swath.models import ResNet18_Weights, WeightsEnum, resnet18
from swath.trainers import ObjectDetectionTask, load_task
from swath.trainers.detection_metrics import DetectionMetrics
from swath.trainers.detectors import computing_losses

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"backbone": "test_resnet", "channels": 64, "anchor_sizes": ANCHORS, **NUMBERS}


def small(model: Any = "fcos", **options: Any) -> ObjectDetectionTask:
    if model == "faster-rcnn":
        options = {"model_options": FEW} | options
    return ObjectDetectionTask(model, **(SMALL | options))


def batch(count: int = 2) -> dict[str, Any]:
    found = stack_samples(squares(count))
    return {k: v for k, v in found.items() if k != "mask"}


@pytest.mark.parametrize(
    ("kind", "channels", "lr", "epochs"),
    [("faster-rcnn", 32, 4e-3, 80), ("retinanet", 32, 3e-3, 80), ("fcos", 64, 3e-3, 40)],
)
def test_squares_are_learned(kind: str, channels: int, lr: float, epochs: int, tmp_path) -> None:
    torch.manual_seed(0)
    if kind == "fcos":  # all that a config can say
        task = small("fcos", lr=lr, schedule="cosine")
    else:
        model = narrow_detector(kind, channels)
        task = ObjectDetectionTask(model, lr=lr, schedule="cosine", **NUMBERS)
    trainer = learn(task, epochs, tmp_path)
    scores = trainer.validate(task, loader(squares()), verbose=False)[0]
    assert scores["val_map"] > 0.8
    assert scores["val_map_50"] > 0.95
    parts = [v for k, v in scores.items() if k.startswith("val_loss/")]
    assert sum(parts) == pytest.approx(scores["val_loss"], rel=1e-4)
    each = [scores["val_map/barn"], scores["val_map/silo"]]
    assert np.mean(each) == pytest.approx(scores["val_map"], abs=1e-5)
    assert not any(k.startswith("train_") for k in scores)


@pytest.mark.parametrize("model", ["faster-rcnn", "retinanet", "fcos"])
def test_a_checkpoint_comes_back(model: str, tmp_path) -> None:
    task = small(model).eval()
    path = tmp_path / "task.ckpt"
    content = {"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}
    torch.save(content | {"swath_task": type(task).__name__}, path)
    again = load_task(path)
    assert again.hparams["classes"] == ["barn", "silo"]
    assert again.hparams["num_classes"] == 3
    with torch.no_grad():
        one, two = task.predict_step(batch(), 0), again.predict_step(batch(), 0)
    for key in ("boxes", "labels", "scores"):
        assert all(torch.equal(a, b) for a, b in zip(one[key], two[key], strict=True))


def random_objects(seed: int) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]]:
    g = torch.Generator().manual_seed(seed)
    found, truth = [], []
    for count in (3, 0, 5, 2, 1):
        corner = torch.rand(count, 2, generator=g) * 40
        boxes = torch.cat([corner, corner + 5 + torch.rand(count, 2, generator=g) * 20], 1)
        labels = torch.randint(1, 3, (count,), generator=g)
        moved = boxes.repeat(2, 1) + torch.randn(2 * count, 4, generator=g)
        lone = torch.tensor([[1.0, 1.0, 9.0, 9.0]])
        found.append({
            "boxes": torch.cat([moved, lone]), "labels": torch.cat([labels, labels, torch.ones(1)])
            .long(), "scores": torch.rand(2 * count + 1, generator=g),
        })  # fmt: skip
        truth.append({"boxes": boxes, "labels": labels})
    return found, truth


def test_scores_are_coco_s_over_all_batches() -> None:
    found, truth = random_objects(0)
    metrics = DetectionMetrics(["a", "b", "absent"])
    metrics.update(found[:2], truth[:2])
    metrics.update(found[2:], truth[2:])
    scores = metrics.compute()
    thresholds = np.linspace(0.5, 0.95, 10)
    each = [
        np.mean([average_precision(found, truth, c, t, box_overlap) for t in thresholds])
        for c in (1, 2)
    ]
    assert 0.1 < each[0] < 0.9
    assert [float(scores["map/a"]), float(scores["map/b"])] == pytest.approx(each, abs=1e-5)
    assert float(scores["map"]) == pytest.approx(np.mean(each), abs=1e-5)
    half = np.mean([average_precision(found, truth, c, 0.5, box_overlap) for c in (1, 2)])
    assert float(scores["map_50"]) == pytest.approx(half, abs=1e-5)
    assert scores["map/absent"].isnan()
    metrics.reset()
    metrics.update(truth_as_found(truth[:1]), truth[:1])
    assert float(metrics.compute()["map"]) == 1


def truth_as_found(truth: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    return [t | {"scores": torch.ones(len(t["labels"]))} for t in truth]


def test_images_may_hold_more_than_a_hundred_objects() -> None:
    corner = torch.stack(torch.meshgrid(torch.arange(15), torch.arange(10), indexing="ij"), -1)
    boxes = corner.reshape(-1, 2).repeat(1, 2) * 10.0 + torch.tensor([0.0, 0, 8, 8])
    truth = [{"boxes": boxes, "labels": torch.ones(150, dtype=torch.long)}]
    for most, expected in ((100, 2 / 3), (150, 1.0)):
        metrics = DetectionMetrics(["a"], most=most)
        metrics.update(truth_as_found(truth), truth)
        assert float(metrics.compute()["map"]) == pytest.approx(expected, abs=0.01)
    task = small(model_options={"detections_per_img": 150})
    assert task.val_metrics.max_detection_thresholds[-1] == 150


def _score(rank: int, address: str, queue: Any) -> None:
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    try:
        found, truth = random_objects(0)
        own = slice(0, 1) if rank == 0 else slice(1, 5)  # not equally many
        metrics = DetectionMetrics(["a", "b"])
        metrics.update(found[own], truth[own])
        queue.put({k: float(v) for k, v in metrics.compute().items()})
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes_score_as_one(tmp_path) -> None:
    context = torch.multiprocessing.get_context("fork")
    queue = context.Queue()
    address = f"file://{tmp_path}/meet"
    workers = [context.Process(target=_score, args=(r, address, queue)) for r in range(2)]
    for worker in workers:
        worker.start()
    parts = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found, truth = random_objects(0)
    metrics = DetectionMetrics(["a", "b"])
    metrics.update(found, truth)
    whole = {k: float(v) for k, v in metrics.compute().items()}
    for part in parts:
        assert part == pytest.approx(whole, nan_ok=True)


def test_validation_changes_nothing_and_is_the_same_each_time() -> None:
    task = small("faster-rcnn").eval()
    looks: list[int] = []
    task.model.backbone.features.register_forward_hook(lambda *_: looks.append(1))
    before = {k: v.clone() for k, v in task.state_dict().items()}
    state = torch.get_rng_state()
    with torch.no_grad():
        one, two = (float(task.validation_step(batch(), i)) for i in range(2))
    assert one == two
    assert len(looks) == 2  # once a batch, for losses and detections
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in task.state_dict().items())
    assert not any(m.training for m in task.modules())


def test_a_loss_in_validation_is_the_training_s_where_no_layer_differs() -> None:
    task = ObjectDetectionTask(narrow_detector("retinanet", 32), **NUMBERS)
    data = batch()
    truth = [
        {"boxes": b, "labels": n} for b, n in zip(data["bbox_xyxy"], data["label"], strict=True)
    ]
    with torch.no_grad():
        expected = task.train()(data["image"], truth)
        task.eval()
        with computing_losses(task.model):
            found = task(data["image"], truth)
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {k: float(v) for k, v in expected.items()}
    )


@pytest.mark.parametrize("model", ["faster-rcnn", "retinanet", "fcos"])
def test_images_without_objects(model: str) -> None:
    task = small(model)
    data = batch()
    data["bbox_xyxy"] = [data["bbox_xyxy"][0], torch.zeros(0, 4)]
    data["label"] = [data["label"][0], torch.zeros(0, dtype=torch.long)]
    loss = task.training_step(data, 0)
    loss.backward()
    none = data | {"bbox_xyxy": torch.zeros(2, 0, 4), "label": torch.zeros(2, 0).long()}
    assert torch.isfinite(loss)
    assert torch.isfinite(task.training_step(none, 1))
    task.eval()
    with torch.no_grad():
        assert torch.isfinite(task.validation_step(none, 0))
    assert task.val_metrics.compute()["map"].isnan()


def test_padding_and_sizes() -> None:
    task = small().eval()
    data = batch()
    padded = data | {
        "bbox_xyxy": torch.cat([data["bbox_xyxy"], torch.zeros(2, 1, 4)], 1),
        "label": torch.cat([data["label"], torch.zeros(2, 1).long()], 1),
    }
    listed = {k: list(v) for k, v in data.items()}
    with torch.no_grad():
        one, two, three = (task.validation_step(d, 0) for d in (data, padded, listed))
    assert one == two == three
    mixed = listed | {"image": [data["image"][0], torch.rand(2, 40, 90) + 100]}
    assert torch.isfinite(task.train().training_step(mixed, 0))
    assert len(task.eval().predict_step(mixed, 0)["boxes"]) == 2


def test_boxes_without_area_are_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    task = small().eval()
    data = batch()
    flat = torch.tensor([[5.0, 5.0, 5.0, 9.0]])
    more = data | {
        "bbox_xyxy": [torch.cat([data["bbox_xyxy"][0], flat]), data["bbox_xyxy"][1]],
        "label": [torch.cat([data["label"][0], torch.tensor([1])]), data["label"][1]],
        "filename": ["a.tif", "b.tif"],
    }
    with torch.no_grad(), caplog.at_level(logging.WARNING):
        losses = [task.validation_step(d, 0) for d in (data, more, more)]
    assert losses[0] == losses[1]
    told = [r.getMessage() for r in caplog.records if "without area" in r.getMessage()]
    assert len(told) == 1
    assert "a.tif" in told[0]
    assert "[5.0, 5.0, 5.0, 9.0]" in told[0]


def test_wrong_objects_are_named() -> None:
    task = small()
    data = batch()
    with pytest.raises(ConfigError, match=r"image 0 .*the label 0: expected 1 to 2"):
        task.training_step(data | {"label": [torch.tensor([0, 1]), data["label"][1]]}, 0)
    with pytest.raises(ConfigError, match=r"image 1 .*the label 3: expected 1 to 2"):
        task.training_step(data | {"label": [data["label"][0], torch.tensor([1, 3])]}, 0)
    turned = data["bbox_xyxy"].clone()
    turned[1, 0] = torch.tensor([30.0, 5.0, 10.0, 9.0])
    with pytest.raises(GridError, match=r"image 1 .*\[30.0, 5.0, 10.0, 9.0\].*xmin"):
        task.training_step(data | {"bbox_xyxy": turned}, 0)
    with pytest.raises(GridError, match=r"bbox_xyxy \(2, 4\), label \(1,\)"):
        task.training_step(data | {"label": [torch.tensor([1])] * 2}, 0)
    with pytest.raises(ConfigError, match="no 'label'"):
        task.training_step({k: v for k, v in data.items() if k != "label"}, 0)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match="did you mean faster-rcnn"):
        small("fastr-rcnn")
    with pytest.raises(ConfigError, match="InstanceSegmentationTask"):
        small("mask-rcnn")
    with pytest.raises(ConfigError, match=r"did you mean .*nms_thresh"):
        small(model_options={"nms_thres": 0.3})
    with pytest.raises(ConfigError, match="there are 2 classes and num_classes is 2"):
        small(num_classes=2)
    with pytest.raises(ConfigError, match="num_classes"):
        small(classes=None)
    with pytest.raises(ConfigError, match="is a module"):
        small(model_options={"head": nn.Identity()})
    with pytest.raises(BandError, match="bands has 3"):
        small(bands=["B2", "B3", "B4"])
    with pytest.raises(ConfigError, match=r"FCOS_ResNet50_FPN_Weights.COCO_V1.*whole detector"):
        small(weights=FCOS_ResNet50_FPN_Weights.COCO_V1)
    assert small(classes=None, num_classes=3).hparams["classes"] == ["class 1", "class 2"]


def test_published_weights_and_frozen_layers(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    torch.manual_seed(0)
    state = {k: v for k, v in resnet18(in_chans=13).state_dict().items() if k[:3] != "fc."}
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, *a, **k: dict(state))
    arguments = {"backbone": "resnet18", "num_classes": 2, "channels": 64}
    weights = ResNet18_Weights.SENTINEL2_ALL_MOCO
    task = ObjectDetectionTask("fcos", weights=weights, bands=["B08", "B02"], **arguments)
    own = task.trunk.state_dict()
    assert torch.equal(own["conv1.weight"], state["conv1.weight"][:, [7, 1]])
    assert torch.equal(own["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    trained = {n.split(".")[0] for n, p in task.trunk.named_parameters() if p.requires_grad}
    assert trained == {"layer2", "layer3", "layer4"}
    data = {
        "image": torch.rand(2, 2, 64, 64) * 3000, "label": [torch.tensor([1])] * 2,
        "bbox_xyxy": [torch.tensor([[9.0, 9.0, 40.0, 40.0]])] * 2,
    }  # fmt: skip
    task.train().training_step(data, 0)
    after = task.trunk.state_dict()
    assert torch.equal(after["layer1.0.bn1.running_mean"], own["layer1.0.bn1.running_mean"])
    assert int(after["layer1.0.bn1.num_batches_tracked"]) == 0
    assert int(after["layer2.0.bn1.num_batches_tracked"]) == 1
    path = tmp_path / "task.ckpt"
    content = {"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}
    torch.save(content | {"swath_task": "ObjectDetectionTask"}, path)
    again = load_task(path)
    assert again.hparams["trainable_layers"] == 3
    assert torch.equal(again.normalize(data["image"]), task.normalize(data["image"]))
    frozen = ObjectDetectionTask("fcos", weights=weights, freeze_backbone=True, **arguments)
    assert not any(p.requires_grad for p in frozen.trunk.parameters())
    assert any(p.requires_grad for p in frozen.model.backbone.parameters())
    assert all(p.requires_grad for p in small().parameters())


@pytest.mark.parametrize("backbone", ["vit_small_patch16_224", "swin_v2_t", "convnext_atto"])
def test_any_backbone(backbone: str) -> None:
    task = ObjectDetectionTask("fcos", backbone, in_channels=4, num_classes=3, channels=64).eval()
    with torch.no_grad():
        found = task.predict_step({"image": torch.rand(1, 4, 64, 71)}, 0)
    assert found["boxes"][0].shape[1] == 4
