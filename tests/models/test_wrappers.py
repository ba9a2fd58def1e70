"""Models that live in packages of their own: what Swath adds to them, and what without them."""

from __future__ import annotations

import importlib
import pathlib
import pickle
import sys
import types
from typing import Any
from unittest import mock

import pytest
import torch
from torch import nn

from swath.errors import ConfigError, DependencyNotFoundError, UnreadableFileError
from swath.models import (
    Aurora_Weights,
    OlmoEarthV1_Weights,
    aurora_swin_unet,
    get_model,
    olmoearth_v1,
)

PACKAGES = {"aurora_swin_unet": "aurora", "olmoearth_v1": "olmoearth_pretrain_minimal"}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    extra = name.partition("_")[0]
    with pytest.raises(DependencyNotFoundError, match=rf"pip install 'swath\[{extra}\]'"):
        get_model(name)
    with pytest.raises(ImportError):
        get_model(name)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_extra_is_declared(name: str) -> None:
    import tomllib

    root = pathlib.Path(__file__).parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert name.partition("_")[0] in extras["optional-dependencies"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_wrong_weight_is_told_before_anything_is_imported(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(ConfigError, match=r"NANO|HRES_T0_AURORA"):
        get_model(name, "HRES_TO_AURORA" if name.startswith("aurora") else "NANNO")


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    module = types.ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
    monkeypatch.setitem(sys.modules, name, module)


class Small(nn.Module):
    """What a package might build: keeps what it was given."""

    def __init__(self, *args: Any, model_size: str = "", model_version: str = "v1.2", **rest: Any):
        super().__init__()
        self.given = {"model_size": model_size, "model_version": model_version, **rest}
        self.model = nn.ModuleDict({"encoder": nn.Linear(2, 2)})
        self.file = ""

    def load_checkpoint_local(self, path: str) -> None:
        self.file = path


@pytest.mark.parametrize("prefix", ["", "model."])
def test_olmoearth_is_built_as_the_weights_say(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, PACKAGES["olmoearth_v1"], OlmoEarthPretrain_v1=Small)
    state = {f"{prefix}encoder.weight": torch.eye(2), f"{prefix}encoder.bias": torch.ones(2)}
    monkeypatch.setattr(OlmoEarthV1_Weights, "get_state_dict", lambda *_, **__: dict(state))
    model: Any = olmoearth_v1(OlmoEarthV1_Weights.TINY, max_patch_size=4)
    assert model.given == {"model_size": "tiny", "model_version": "v1", "max_patch_size": 4}
    assert torch.equal(model.model["encoder"].weight, torch.eye(2))
    later: Any = olmoearth_v1(model_version="v1.1", model_size="nano")
    assert later.given["model_version"] == "v1.1"
    state["other"] = torch.ones(1)
    with pytest.raises(ConfigError, match="other"):
        olmoearth_v1("TINY")


def test_aurora_is_built_as_the_weights_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    names = {w.meta["model"] for w in Aurora_Weights}
    assert len(names) == 7
    classes = {n: type(n, (Small,), {}) for n in names}
    stand_in(monkeypatch, "aurora", **classes)
    (tmp_path / "checkpoints").mkdir()
    for weights in Aurora_Weights:
        file = tmp_path / "checkpoints" / weights.meta["filename"]
        file.write_bytes(b"published")
        model: Any = aurora_swin_unet(weights, autocast=True)
        assert type(model) is classes[weights.meta["model"]]
        assert model.given["autocast"] is True
        assert model.file == str(file)
        assert model.weights is weights
    for raised, expected in (
        (pickle.UnpicklingError("weights only"), UnreadableFileError),
        (EOFError(), UnreadableFileError),
        (RuntimeError("size mismatch"), ConfigError),
    ):
        fail = mock.Mock(side_effect=raised)
        monkeypatch.setattr(classes["Aurora"], "load_checkpoint_local", fail)
        with pytest.raises(expected, match=r"aurora-0\.25-finetuned\.ckpt"):
            aurora_swin_unet("HRES_T0_AURORA")
    assert type(aurora_swin_unet()) is classes["Aurora"]
    assert aurora_swin_unet().file == ""


def test_aurora_for_real() -> None:
    """A small one, with no more of a forward pass than its parameters."""
    package = pytest.importorskip("aurora")
    model = aurora_swin_unet(
        embed_dim=16, num_heads=2, encoder_depths=(1, 1), encoder_num_heads=(1, 2),
        decoder_depths=(1, 1), decoder_num_heads=(2, 1), use_lora=False,
    )  # fmt: skip
    assert isinstance(model, package.Aurora)
    for weights in Aurora_Weights:
        assert hasattr(package, weights.meta["model"])


def test_olmoearth_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest, its own tensors given back to it as the published file has them."""
    package = importlib.import_module(pytest.importorskip("olmoearth_pretrain_minimal").__name__)
    model = olmoearth_v1(model_size="nano")
    assert isinstance(model, package.OlmoEarthPretrain_v1)
    state = {k.removeprefix("model."): v + 1 for k, v in model.state_dict().items()}
    monkeypatch.setattr(OlmoEarthV1_Weights, "get_state_dict", lambda *_, **__: dict(state))
    again = olmoearth_v1("NANO")
    for name, value in again.state_dict().items():
        assert torch.equal(value, state[name.removeprefix("model.")])
