"""Weights as enum members, and models by name: as users of torchvision and TorchGeo know them."""

from __future__ import annotations

import copy
import hashlib
import io
import pathlib
import pickle
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from swath.errors import ChecksumError, ConfigError, DownloadError
from swath.models import (
    Preset,
    WeightsEnum,
    get_model,
    get_model_weights,
    get_weight,
    list_models,
    registry,
    weight,
)
from swath.models.registry import register_model, resolve_weights
from swath.models.weights import nearest

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_SAID = {"publication": "https://arxiv.org/abs/2211.07044", "repo": "https://example.org/repo"}


def _backbone() -> nn.Module:
    torch.manual_seed(3)
    return timm.create_model("resnet18", in_chans=13, num_classes=0)


def _file() -> tuple[str, bytes]:
    buffer = io.BytesIO()
    torch.save(_backbone().state_dict(), buffer)
    body = buffer.getvalue()
    return f"tiny_resnet18-{hashlib.sha256(body).hexdigest()[:8]}.pth", body


NAME, BODY = _file()


class Tiny18_Weights(WeightsEnum):  # noqa: N801
    """Of the tests."""

    SENTINEL2_ALL_MOCO = weight(
        f"http://127.0.0.1:9/{NAME}", Preset(0.0, 10000.0, bands=BANDS), model="resnet18",
        dataset="SSL4EO-S12", sensor="sentinel2", bands=BANDS, license="CC-BY-4.0",
        ssl_method="moco", **_SAID,
    )  # fmt: skip
    SENTINEL2_RGB_MOCO = weight(
        "http://127.0.0.1:9/rgb-00000000.pth", model="resnet18", dataset="SSL4EO-S12", **_SAID
    )


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A model of the tests, gone afterwards; weights are looked for in an empty folder."""
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    register_model(weights=Tiny18_Weights)(Tiny18)
    register_model()(TinyPlain)


def Tiny18(weights: Any = None, **kwargs: Any) -> nn.Module:  # noqa: N802
    return timm.create_model("resnet18", **kwargs)


def TinyPlain(features: int = 3) -> nn.Module:  # noqa: N802
    return nn.Linear(features, 1)


def place(tmp_path: pathlib.Path, body: bytes = BODY) -> pathlib.Path:
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    path = tmp_path / "checkpoints" / NAME
    path.write_bytes(body)
    return path


# --- members


MEMBER = Tiny18_Weights.SENTINEL2_ALL_MOCO


def test_what_a_member_has() -> None:
    assert MEMBER.url.endswith(NAME)
    assert MEMBER.meta["in_chans"] == 13 == MEMBER.in_channels
    assert MEMBER.meta["bands"] == list(BANDS)
    assert MEMBER.bands == BANDS
    assert MEMBER.sensor == "sentinel2"
    assert MEMBER.meta["license"] == "CC-BY-4.0"
    assert repr(MEMBER) == "Tiny18_Weights.SENTINEL2_ALL_MOCO"
    image = torch.full((13, 4, 4), 5000.0)
    assert MEMBER.transforms(image).unique().tolist() == [0.5]
    assert MEMBER.transforms({"image": image, "mask": 1})["mask"] == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_and_copies_are_the_member_itself(protocol: int) -> None:
    for member in Tiny18_Weights:
        assert pickle.loads(pickle.dumps(member, protocol)) is member
        assert pickle.loads(pickle.dumps({"w": [member]}, protocol))["w"][0] is member
        assert copy.deepcopy(member) is copy.copy(member) is member
        assert copy.deepcopy({"w": member})["w"] is member
    assert len({*Tiny18_Weights, *Tiny18_Weights}) == 2
    assert {MEMBER: 1}[Tiny18_Weights["SENTINEL2_ALL_MOCO"]] == 1


def test_verify() -> None:
    assert Tiny18_Weights.verify(None) is None
    for obj in (MEMBER, "SENTINEL2_ALL_MOCO", "Tiny18_Weights.SENTINEL2_ALL_MOCO"):
        assert Tiny18_Weights.verify(obj) is MEMBER
        assert resolve_weights(Tiny18_Weights, obj) is MEMBER
    with pytest.raises(ConfigError, match=r"did you mean SENTINEL2_ALL_MOCO"):
        Tiny18_Weights.verify("SENTINEL2_AL_MOCO")
    with pytest.raises(ConfigError, match="load_weights"):
        Tiny18_Weights.verify("runs/a.pth")
    with pytest.raises(ConfigError, match="expected a member of Tiny18_Weights"):
        Tiny18_Weights.verify(3)


class Task(nn.Module):
    def __init__(self, weights: Tiny18_Weights | str | None = None, size: int = 3) -> None:
        super().__init__()
        self.weights = weights


class Strict(nn.Module):
    def __init__(self, weights: Tiny18_Weights | None = None) -> None:
        super().__init__()
        self.weights = weights


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_config_files_name_members() -> None:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Strict, "model")
    config = parser.parse_args(["--model.weights", "SENTINEL2_ALL_MOCO"])
    assert parser.instantiate_classes(config).model.weights is MEMBER
    text = parser.dump(config)
    assert "weights: SENTINEL2_ALL_MOCO" in text
    again = parser.parse_string(text)
    assert parser.instantiate_classes(again).model.weights is MEMBER
    with pytest.raises(Exception, match="SENTINEL2_ALL_MOCO"):
        parser.parse_args(["--model.weights", "NO_SUCH"])
    loose = ArgumentParser(exit_on_error=False)
    loose.add_class_arguments(Task, "model")
    found = loose.parse_args(["--model.weights", "Tiny18_Weights.SENTINEL2_ALL_MOCO"])
    made = loose.instantiate_classes(found).model
    assert Tiny18_Weights.verify(made.weights) is MEMBER


# --- state dicts


def test_the_fields_own_example_runs(tmp_path: pathlib.Path) -> None:
    """timm's model takes a published state dict as it is; the head stays its own."""
    place(tmp_path)
    weights = MEMBER
    model = timm.create_model("resnet18", in_chans=weights.meta["in_chans"], num_classes=10)
    left = model.load_state_dict(weights.get_state_dict(progress=True), strict=False)
    assert set(left.missing_keys) == {"fc.weight", "fc.bias"}
    assert not left.unexpected_keys
    expected = _backbone().state_dict()
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in expected.items())


def test_the_same_over_the_network(loopback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = loopback.put(f"/{NAME}", BODY, cut=[10_000_000])
    monkeypatch.setattr(MEMBER.value, "url", url)
    for _ in range(2):
        state: dict[str, Tensor] = MEMBER.get_state_dict(progress=True, check_hash=True)
    assert state["conv1.weight"].shape == (64, 13, 7, 7)
    assert len(loopback.requests) == 2  # one cut, one that goes on


def test_errors_of_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.models.checkpoint._BACKOFF", 0.01)
    with pytest.raises(DownloadError) as caught:
        MEMBER.get_state_dict()
    assert str(tmp_path / "checkpoints" / NAME) in str(caught.value)
    assert MEMBER.url in str(caught.value)
    path = place(tmp_path, BODY[:-100])
    with pytest.raises(ChecksumError, match=NAME):
        MEMBER.get_state_dict()
    assert path.stat().st_size == len(BODY) - 100


# --- by name


def test_models_and_weights_by_name() -> None:
    assert isinstance(get_model("tinyplain", features=5), nn.Linear)
    assert get_model("TINY18", in_chans=2).conv1.weight.shape[1] == 2
    for name in ("Tiny18", "tiny18", Tiny18):
        assert get_model_weights(name) is Tiny18_Weights
    assert get_weight("Tiny18_Weights.SENTINEL2_ALL_MOCO") is MEMBER
    assert {"Tiny18", "TinyPlain"} <= set(list_models())
    assert list_models() == sorted(list_models())


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: get_model("tiny19"), r"there is no model 'tiny19': did you mean Tiny18"),
        (lambda: get_model_weights("tinyplane"), r"did you mean TinyPlain"),
        (lambda: get_model_weights("TinyPlain"), r"no weights are published for TinyPlain"),
        (lambda: get_weight("Tiny18_Weights.SENTINEL2_AL_MOCO"), r"mean SENTINEL2_ALL_MOCO"),
        (lambda: get_weight("Tiny18_Weigths.SENTINEL2_ALL_MOCO"),
         r"did you mean Tiny18_Weights\.SENTINEL2_ALL_MOCO"),
        (lambda: get_weight("Tiny18_Weights"), r"there are SENTINEL2_ALL_MOCO, SENTINEL2_RGB"),
        (lambda: get_weight("SENTINEL2_ALL_MOCO"), r"give the full name, .*Tiny18_Weights\.SENT"),
        (lambda: get_weight("tiny18_weights.sentinel2_all_moco"),
         r"did you mean Tiny18_Weights\.SENTINEL2_ALL_MOCO"),
    ],
)  # fmt: skip
def test_misspelt_names(ask: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ask()


def test_nearest_never_floods() -> None:
    names = [f"name{i}" for i in range(500)]
    assert "did you mean" in nearest("name1x", names)
    assert len(nearest("quite different", names)) < 500
    assert nearest("a", []) == "there are none"


def test_two_builders_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two models are called 'Tiny18'"):
        register_model()(Tiny18)
