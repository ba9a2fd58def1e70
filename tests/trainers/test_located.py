"""Detections on the ground: corners, polygons, rows for a GIS."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from affine import Affine
from rasterio.features import rasterize
from squares import ANCHORS, NUMBERS, squares

from swath.datasets import stack_samples
from swath.errors import ConfigError, CRSError, GridError
from swath.trainers import ObjectDetectionTask, to_features

TURNED = Affine(8.0, 3.0, 500000.0, 3.0, -8.0, 4100000.0)
NORTH_UP = Affine(10.0, 0.0, 300000.0, 0.0, -10.0, 5000000.0)


def test_detections_are_placed() -> None:
    task = ObjectDetectionTask(
        "fcos", backbone="test_resnet", channels=64, anchor_sizes=ANCHORS,
        model_options={"score_thresh": 0.0, "detections_per_img": 5}, **NUMBERS,
    ).eval()  # fmt: skip
    places = torch.tensor([list(TURNED), list(NORTH_UP)], dtype=torch.float64)
    data = {
        "image": stack_samples(squares(2))["image"],
        "transform": places,
        "crs": ["EPSG:32612"] * 2,
    }
    with torch.no_grad():
        found = task.predict_step(data, 0)
    assert found["transform"] is places
    for boxes, corners, ground in zip(
        found["boxes"], found["corners"], (TURNED, NORTH_UP), strict=True
    ):
        assert corners.dtype == torch.float64
        for (x0, y0, x1, y1), ring in zip(boxes.tolist(), corners.tolist(), strict=True):
            expected = [ground * p for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
            assert np.allclose(ring, expected, rtol=0, atol=1e-6)
    table = to_features(found, classes=task.hparams["classes"], min_score=0.0)
    assert len(table) == sum(len(b) for b in found["boxes"])
    assert table.crs.to_epsg() == 32612
    assert table["image"].tolist() == sorted(table["image"])


@pytest.mark.parametrize("ground", [TURNED, NORTH_UP])
def test_features_are_the_boxes_on_the_ground(ground: Affine) -> None:
    prediction = {
        "boxes": [torch.tensor([[3.0, 4.0, 9.0, 12.0], [0.0, 0.0, 5.0, 2.0], [1, 1, 2, 2]])],
        "labels": [torch.tensor([2, 1, 1])], "scores": [torch.tensor([0.6, 0.9, 0.2])],
        "transform": torch.tensor([list(ground)], dtype=torch.float64),
    }  # fmt: skip
    table = to_features([prediction, prediction], "EPSG:32612", ["barn", "silo"])
    assert table["class"].tolist() == ["barn", "silo"] * 2
    assert table["label"].tolist() == [1, 2] * 2
    assert table["score"].tolist() == pytest.approx([0.9, 0.6] * 2)
    assert table["image"].tolist() == [0, 0, 1, 1]
    burnt = rasterize([table.geometry[1]], (20, 20), transform=ground)
    expected = np.zeros((20, 20))
    expected[4:12, 3:9] = 1
    assert np.array_equal(burnt, expected)
    area = abs(ground.determinant)
    assert table.area.tolist() == pytest.approx([10 * area, 48 * area] * 2)


def test_features_without_a_place_or_a_name() -> None:
    prediction = {
        "boxes": [torch.rand(1, 4)], "labels": [torch.tensor([3])], "scores": [torch.ones(1)]
    }  # fmt: skip
    with pytest.raises(GridError, match="no 'transform'"):
        to_features(prediction, "EPSG:4326")
    prediction["transform"] = torch.eye(3, dtype=torch.float64).reshape(1, 9)
    with pytest.raises(CRSError, match="0 coordinate reference systems"):
        to_features(prediction)
    with pytest.raises(ConfigError, match="no name of label 3"):
        to_features(prediction, "EPSG:4326", ["a", "b"])
    none = to_features(prediction, "EPSG:4326", min_score=2)
    assert len(none) == 0
    assert none.crs.to_epsg() == 4326
