"""A checkpoint that somebody sends must not call, fetch or read anything but itself."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import torch

from swath.errors import ConfigError
from swath.trainers import SemanticSegmentationTask, load_task

HEADS = {"cover": {"kind": "segmentation", "key": "mask", "num_classes": 2}}
OTHER_HEADS = {"cover": {**HEADS["cover"], "weights": "https://example.org/x.pth"}}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Any connection fails the test."""
    tried: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: tried.append(a) or [])
    return tried


def file(tmp_path: Any, name: str, hparams: dict[str, Any]) -> str:
    path = str(tmp_path / "sent.ckpt")
    torch.save({"swath_task": name, "hyper_parameters": hparams, "state_dict": {}}, path)
    return path


@pytest.mark.parametrize("name", ["load_task", "to_features", "base", "torch", "__doc__", "None"])
def test_nothing_but_tasks_is_called(name: str, tmp_path: Any) -> None:
    other = tmp_path / "secret.txt"
    other.write_text("secret")
    with pytest.raises(ConfigError, match="holds no task of Swath"):
        load_task(file(tmp_path, name, {"path": str(other)}))


@pytest.mark.parametrize(
    ("name", "hparams"),
    [
        ("SemanticSegmentationTask", {"backbone": "tu-hf-hub:x/y", "num_classes": 2}),
        ("SemanticSegmentationTask", {"backbone": "hf-hub:x/y", "num_classes": 2}),
        ("ChangeDetectionTask", {"model": "fcsiamdiff", "backbone": "tu-hf-hub:x/y"}),
        ("ChangeDetectionTask", {"model": "changevit", "backbone": "hf-hub:x/y"}),
        ("ClassificationTask", {"model": "hf-hub:x/y", "num_classes": 2}),
        ("ObjectDetectionTask", {"backbone": "hf-hub:x/y", "num_classes": 2}),
        ("InstanceSegmentationTask", {"backbone": "hf-hub:x/y", "num_classes": 2}),
        ("BYOLTask", {"model": "hf-hub:x/y"}),
        ("MultiTask", {"backbone": "hf-hub:x/y", "heads": HEADS}),
        ("MultiTask", {"backbone": "tu-hf-hub:x/y", "heads": HEADS}),
        ("MultiTask", {"backbone": "resnet18", "heads": OTHER_HEADS}),
        ("SemanticSegmentationTask", {"backbone": "satlaspretrain:x", "num_classes": 2}),
        ("MAETask", {"model": "hf-hub:x/y"}),
    ],
)
def test_no_address_is_followed(name: str, hparams: Any, tmp_path: Any, offline: Any) -> None:
    with pytest.raises(ConfigError):
        load_task(file(tmp_path, name, hparams))
    assert offline == []


@pytest.mark.parametrize("key", ["weights", "weights_backbone"])
def test_no_weights_are_fetched(key: str, tmp_path: Any, offline: Any) -> None:
    hparams = {"backbone": "resnet18", "num_classes": 2, key: "https://example.org/x.pth"}
    name = "InstanceSegmentationTask"
    with pytest.raises(ConfigError, match="does not make a Instance"):
        load_task(file(tmp_path, name, hparams))
    assert offline == []


def test_weights_come_from_an_address_that_the_user_names(loopback: Any, tmp_path: Any,
                                                          monkeypatch: Any) -> None:  # fmt: skip
    import io

    import segmentation_models_pytorch as smp

    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    torch.manual_seed(0)
    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    buffer = io.BytesIO()
    torch.save(encoder.state_dict(), buffer)
    url = loopback.put("/encoder.pth", buffer.getvalue())
    task = SemanticSegmentationTask("unet", "resnet18", weights=url, in_channels=3, num_classes=2)
    torch.testing.assert_close(task.model.encoder.conv1.weight, encoder.conv1.weight)
