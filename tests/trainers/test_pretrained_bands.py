"""Published weights in a task: bands fitted, normalisation taken, disagreement told."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from swath.errors import BandError, ConfigError
from swath.models import ResNet18_Weights, WeightsEnum, resnet18
from swath.trainers import SemanticSegmentationTask, load_task

ALL = ResNet18_Weights.SENTINEL2_ALL_MOCO
NAME = "ResNet18_Weights.SENTINEL2_ALL_MOCO"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Random numbers under the published names, in place of the download."""
    torch.manual_seed(0)
    state = {k: v for k, v in resnet18(in_chans=13).state_dict().items() if k[:3] != "fc."}
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, *a, **k: dict(state))
    return state


def unet(**options: object) -> SemanticSegmentationTask:
    arguments = {"model": "unet", "backbone": "resnet18", "weights": NAME, "num_classes": 2}
    return SemanticSegmentationTask(**(arguments | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", [ALL, NAME])
@pytest.mark.parametrize("backbone", ["resnet18", "tu-resnet18"])
def test_the_encoder_has_them(published: dict[str, Tensor], weights: object, backbone: str) -> None:
    task = unet(weights=weights, backbone=backbone, bands=["B04", "B03", "B02", "B08"])
    own = task.model.encoder.state_dict()
    prefix = "model." if backbone.startswith("tu-") else ""
    stem = own[f"{prefix}conv1.weight"]
    assert torch.equal(stem, published["conv1.weight"][:, [3, 2, 1, 7]])
    for name, tensor in published.items():
        if name != "conv1.weight":
            assert torch.equal(own[prefix + name], tensor), name
    assert task.hparams["in_channels"] == 4
    assert task.hparams["weights"] == NAME


def test_the_presets_numbers_are_taken_and_kept(
    published: dict[str, Tensor], tmp_path: object
) -> None:
    task = unet(bands=["B04", "B08"]).eval()
    raw = torch.rand(1, 2, 32, 32) * 12000
    expected = ALL.transforms.normalize(raw[:, :1].expand(1, 13, 32, 32))[:, :1]
    assert torch.allclose(task.normalize(raw)[:, :1], expected, atol=1e-6)
    assert task.hparams["std"] == [10000.0, 10000.0]
    path = f"{tmp_path}/task.ckpt"
    content = {"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}
    torch.save(content | {"swath_task": "SemanticSegmentationTask"}, path)
    with torch.no_grad():
        assert torch.equal(load_task(path)(raw), task(raw))


def test_ones_own_numbers_win_and_it_is_told(
    published: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    task = unet(bands=["B04"], mean=[500.0], std=[200.0])
    assert task.hparams["mean"] == [500.0]
    assert "trained with another normalisation" in caplog.text
    raw = torch.full((1, 1, 32, 32), 700.0)
    assert torch.equal(task.normalize(raw), torch.ones(1, 1, 32, 32))


def test_units_are_folded_in(published: dict[str, Tensor]) -> None:
    plain = unet(bands=["B04", "B08"])
    reflectance = unet(bands=["B04", "B08"], units="reflectance")
    landsat = unet(bands=["SR_B4", "SR_B5"], sensor="landsat8", units="landsat_c2_dn")
    truth = torch.rand(1, 2, 8, 8) * 0.6
    expected = plain.normalize(truth * 10000)
    assert torch.allclose(reflectance.normalize(truth), expected, atol=1e-5)
    assert torch.allclose(landsat.normalize((truth + 0.2) / 2.75e-5), expected, atol=1e-5)


def test_the_first_batch_is_looked_at(
    published: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    task = unet(bands=["B04", "B08"])
    task.pretrained.look_at(torch.rand(1, 2, 8, 8) * 3000)
    assert "do these pixels fit" not in caplog.text
    task.pretrained.look_at(torch.rand(1, 2, 8, 8))
    assert "do these pixels fit" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"in_channels": 4}, BandError, r"trained on 13 bands .*bands=\["),
        ({"bands": ["B04", "VV"]}, BandError, "sentinel2 has no band 'VV'"),
        ({"bands": ["B04"], "units": "uint8"}, ConfigError, "cannot be made"),
        ({"bands": ["B04"], "backbone": "resnet34"}, ConfigError, "does not fit the backbone"),
        ({"weights": "ResNet18_Weights.SENTINEL2_ALL_MOKO"}, ConfigError, "SENTINEL2_ALL_MOCO"),
        ({"model": "fcn", "bands": ["B04"]}, ConfigError, "no backbone"),
    ],
)
def test_what_does_not_fit_is_an_error(
    published: dict[str, Tensor], options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        unet(**options)


def test_a_log_is_written(published: dict[str, Tensor], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        unet(bands=["R", "G"], sensor="naip")
    assert "fitted to 2" in caplog.text
