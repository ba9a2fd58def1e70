"""Instance segmentation: learned, masks scored as COCO writes it, outlines on the ground."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from affine import Affine
from rasterio.features import rasterize
from squares import (
    ANCHORS,
    FEW,
    NUMBERS,
    average_precision,
    box_overlap,
    learn,
    loader,
    mask_overlap,
    narrow_detector,
    squares,
)

from swath.datasets import stack_samples
from swath.errors import ConfigError, GridError
from swath.trainers import InstanceSegmentation, InstanceSegmentationTask, load_task, to_features
from swath.trainers.detection_metrics import DetectionMetrics

pytestmark = pytest.mark.filterwarnings("ignore")


def small(**options: Any) -> InstanceSegmentationTask:
    given = {
        "backbone": "test_resnet", "channels": 32, "anchor_sizes": ANCHORS,
        "model_options": FEW | {"box_batch_size_per_image": 8, "box_detections_per_img": 5},
        **NUMBERS,
    }  # fmt: skip
    return InstanceSegmentationTask(**(given | options))


def test_squares_are_learned(tmp_path) -> None:
    torch.manual_seed(0)
    model = narrow_detector("mask-rcnn", 32)
    task = InstanceSegmentationTask(model, lr=3e-3, schedule="cosine", **NUMBERS)
    trainer = learn(task, 60, tmp_path)
    scores = trainer.validate(task, loader(squares()), verbose=False)[0]
    assert scores["val_segm_map"] > 0.8
    assert scores["val_bbox_map"] > 0.8
    each = [scores["val_segm_map/barn"], scores["val_segm_map/silo"]]
    assert np.mean(each) == pytest.approx(scores["val_segm_map"], abs=1e-5)
    assert scores["val_loss/mask"] < 0.3


def test_a_step_and_a_checkpoint_that_comes_back(tmp_path) -> None:
    task = small(model_options=FEW | {"box_score_thresh": 0.0, "box_detections_per_img": 5})
    data = stack_samples(squares(2))
    loss = task.training_step(data, 0)
    loss.backward()
    assert torch.isfinite(loss)
    path = tmp_path / "task.ckpt"
    content = {"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}
    torch.save(content | {"swath_task": "InstanceSegmentationTask"}, path)
    again = load_task(path)
    task.eval()
    with torch.no_grad():
        one, two = task.predict_step(data, 0), again.predict_step(data, 0)
    for key in ("boxes", "labels", "scores", "masks"):
        assert all(torch.equal(a, b) for a, b in zip(one[key], two[key], strict=True))
    assert one["masks"][0].dtype == torch.bool
    assert one["masks"][0].shape == (len(one["boxes"][0]), 64, 64)
    assert InstanceSegmentation is InstanceSegmentationTask


def test_images_without_objects() -> None:
    task = small()
    data: dict[str, Any] = {
        "image": torch.rand(2, 2, 64, 64) + 100, "bbox_xyxy": torch.zeros(2, 0, 4),
        "label": torch.zeros(2, 0).long(), "mask": torch.zeros(2, 0, 64, 64, dtype=torch.uint8),
    }  # fmt: skip
    loss = task.training_step(data, 0)
    loss.backward()
    assert torch.isfinite(loss)
    task.eval()
    with torch.no_grad():
        assert torch.isfinite(task.validation_step(data, 0))


def test_scores_of_masks_are_coco_s() -> None:
    g = torch.Generator().manual_seed(0)
    found, truth = [], []
    for sample in squares(6):
        target = {
            "boxes": sample["bbox_xyxy"], "labels": sample["label"], "masks": sample["mask"]
        }  # fmt: skip
        masks, boxes = [], []
        for mask, box in zip(sample["mask"], sample["bbox_xyxy"], strict=True):
            dy, dx = torch.randint(-4, 5, (2,), generator=g).tolist()
            masks.append(mask.roll((dy, dx), (0, 1)).bool())
            boxes.append(box + torch.randn(4, generator=g))
        scores = torch.rand(len(boxes), generator=g)
        found.append({
            "boxes": torch.stack(boxes), "labels": sample["label"], "scores": scores,
            "masks": torch.stack(masks),
        })  # fmt: skip
        truth.append(target)
    metrics = DetectionMetrics(["barn", "silo"], masks=True)
    metrics.update(found[:4], truth[:4])
    metrics.update(found[4:], truth[4:])
    scores = metrics.compute()
    for kind, overlap in (("segm", mask_overlap), ("bbox", box_overlap)):
        each = [
            np.mean([
                average_precision(found, truth, c, t, overlap)
                for t in np.linspace(0.5, 0.95, 10)
            ])
            for c in (1, 2)
        ]  # fmt: skip
        assert 0.05 < each[0] < 0.95
        own = [float(scores[f"{kind}_map/{n}"]) for n in ("barn", "silo")]
        assert own == pytest.approx(each, abs=1e-5)
        assert float(scores[f"{kind}_map"]) == pytest.approx(np.mean(each), abs=1e-5)


@pytest.mark.parametrize(
    "ground",
    [Affine(10.0, 0.0, 3e5, 0.0, -10.0, 5e6), Affine(8.0, 3.0, 5e5, 3.0, -8.0, 4.1e6)],
)
def test_outlines_are_the_masks_on_the_ground(ground: Affine) -> None:
    masks = torch.zeros(3, 20, 30, dtype=torch.bool)
    masks[0, 3:9, 4:15] = True
    masks[0, 5:7, 6:9] = False  # a hole
    masks[0, 12:14, 20:22] = True  # and an island
    masks[1, 0:2, 0:3] = True
    prediction = {
        "boxes": [torch.zeros(3, 4)], "labels": [torch.tensor([1, 2, 2])],
        "scores": [torch.tensor([0.9, 0.8, 0.7])], "masks": [masks],
        "transform": torch.tensor([list(ground)], dtype=torch.float64),
    }  # fmt: skip
    table = to_features(prediction, "EPSG:32612", {1: "barn", 2: "silo"})
    assert table["class"].tolist() == ["barn", "silo"]  # nothing of the empty one
    for i, shape in enumerate(table.geometry):
        assert shape.is_valid
        burnt = rasterize([shape], (20, 30), transform=ground)
        assert np.array_equal(burnt.astype(bool), masks[i].numpy())
        assert shape.area == pytest.approx(float(masks[i].sum()) * abs(ground.determinant))
    assert table.geometry[0].geom_type == "MultiPolygon"


def test_wrong_masks_and_arguments_are_named() -> None:
    task = small()
    data = stack_samples(squares(2))
    with pytest.raises(GridError, match=r"mask \(2, 64, 60\): expected .*\(N, 64, 64\)"):
        task.training_step(data | {"mask": data["mask"][..., :60]}, 0)
    with pytest.raises(ConfigError, match="no 'mask'"):
        task.training_step({k: v for k, v in data.items() if k != "mask"}, 0)
    with pytest.raises(ConfigError, match="give one of them"):
        small(weights=True, weights_backbone="x.pt")
    with pytest.raises(ConfigError, match="it belongs to ObjectDetectionTask"):
        small(model="fcos")


def test_weights_of_the_backbone_under_either_name(tmp_path) -> None:
    torch.save(small().trunk.state_dict(), tmp_path / "trunk.pt")
    one = small(weights=str(tmp_path / "trunk.pt"))
    two = small(weights_backbone=str(tmp_path / "trunk.pt"))
    for a, b in zip(one.trunk.parameters(), two.trunk.parameters(), strict=True):
        assert torch.equal(a, b)
    assert two.hparams["weights_backbone"] is None
    assert two.hparams["trainable_layers"] == 3
