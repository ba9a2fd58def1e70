"""Published files load as they are: made here with the published names, in all their forms."""

from __future__ import annotations

import json
import logging
import pathlib
from typing import Any

import pytest
import torch
from cases_satlas import small
from model_cases import FULL, LISTINGS, digest
from torch import Tensor

from swath.errors import BandError, ConfigError
from swath.models import get_model_weights, get_weight
from swath.models.satlas import (
    MODELS,
    Backbone,
    Head,
    Model,
    Satlas_Weights,
    SatlasPretrain_weights,
    Weights,
    load_satlas,
    satlaspretrain,
)
from swath.models.satlas.loading import match_names

FACTS = FULL.parent / "satlas.json"
#: What stands before the parts' names in the published files.
FPN, UPSAMPLE = "intermediates.0.fpn.", "intermediates.1.layers."
TRUNKS = {"swin": "backbone.backbone.", "swin_mi": "backbone.backbone.backbone.",
          "resnet": "backbone.resnet."}  # fmt: skip


def heads() -> dict[str, Tensor]:
    """Heads of the pre-training, one of them with an upsampling of its own."""
    found = {f"heads.{i}.layers.{j}.0.weight": torch.zeros(4, 8, 3, 3)
             for i in range(3) for j in range(2)}  # fmt: skip
    for j in range(2):
        found |= {
            f"heads.3.layers.{j}.0.weight": torch.full((8, 8, 3, 3), 9.0),
            f"heads.3.layers.{j}.0.bias": torch.full((8,), 9.0),
            f"heads.3.layers.{j}.2.weight": torch.full((8, 8, 4, 4), 9.0),
            f"heads.3.layers.{j}.2.bias": torch.full((8,), 9.0),
        }
    return found


def as_published(model: Model, trunk: str) -> dict[str, Tensor]:
    """Its tensors under the published names."""
    own = "backbone.resnet." if hasattr(model.backbone, "resnet") else "backbone.backbone."
    if hasattr(getattr(model.backbone, "backbone", None), "backbone"):
        own = "backbone.backbone.backbone."
    parts = {own: trunk, "fpn.fpn.": FPN, "upsample.layers.": UPSAMPLE}
    found: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        mine = next(p for p in parts if name.startswith(p))
        found[parts[mine] + name.removeprefix(mine)] = value.clone()
    return found


def scrambled(kind: str, **arguments: Any) -> Model:
    torch.manual_seed(7)
    model = small(kind, fpn=True, **arguments).eval()
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * 0.1)
    return model


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("trunk", ["", "module.backbone.", "a.b.c.d.", *TRUNKS.values()])
@pytest.mark.parametrize("kind", ["swin", "resnet"])
def test_prefixes_are_found(kind: str, trunk: str, several: bool) -> None:
    source = scrambled(kind)
    file = as_published(source, trunk) | heads()
    target = load_satlas(small(kind, fpn=True, multi_image=several).eval(), file)
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for a, b in zip(target(x), source(x), strict=True):
            torch.testing.assert_close(a, b)
    own = list(target.state_dict().values())
    for a, b in zip(own, source.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_what_is_not_used_is_told(caplog: pytest.LogCaptureFixture) -> None:
    file = as_published(scrambled("swin"), TRUNKS["swin"]) | heads()
    with caplog.at_level(logging.INFO, "swath.models.satlas"):
        load_satlas(small(fpn=True), file)
        assert "14 tensors of the pre-training heads are not used" in caplog.text
        assert "pyramid" not in caplog.text
        load_satlas(small(), file | {"backbone.odd": torch.zeros(1)})
    assert "24 tensors of the feature pyramid are not used" in caplog.text
    assert "1 tensors have no place in the model (backbone.odd)" in caplog.text
    assert [r.levelname for r in caplog.records].count("WARNING") == 1


def test_a_file_may_lack_the_classifier() -> None:
    file = as_published(scrambled("swin"), TRUNKS["swin"])
    for missing in ("head.weight", "head.bias", "norm.weight", "norm.bias"):
        del file[f"backbone.backbone.{missing}"]
    load_satlas(small(fpn=True), file)
    file = as_published(scrambled("resnet"), TRUNKS["resnet"])
    file["backbone.resnet.fc.weight"] = torch.zeros(7, 512)  # of another training
    load_satlas(small("resnet", fpn=True), file)
    del file["backbone.resnet.layer3.0.conv1.weight"]
    with pytest.raises(ConfigError, match=r"1 missing in the file .*layer3.0.conv1"):
        load_satlas(small("resnet", fpn=True), file)


def test_files_of_something_else_are_refused() -> None:
    file = as_published(scrambled("swin"), TRUNKS["swin"])
    with pytest.raises(ConfigError, match="another architecture"):
        load_satlas(small("resnet"), file)
    with pytest.raises(ConfigError, match=r"features.0.0.weight is .*\(8, 3, 4, 4\), expected"):
        load_satlas(small("swin", 9), file)
    bare = {k: v for k, v in file.items() if k.startswith("backbone.")}
    with pytest.raises(ConfigError, match="fpn=False"):
        load_satlas(small("swin", fpn=True), bare)
    net = small("swin", fpn=True)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(ConfigError):
        load_satlas(net, bare)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_a_model_with_a_head_comes_back() -> None:
    """A trained model's own state dict loads with its head, in whichever form it was saved."""
    source = scrambled("swin", head=Head.SEGMENT, num_categories=3)
    target = small("swin", fpn=True, head=Head.SEGMENT, num_categories=3).eval()
    load_satlas(target, source.state_dict())
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(target(x)[0], source(x)[0])
    random = small("swin", fpn=True, head=Head.SEGMENT, num_categories=5)
    load_satlas(random, as_published(scrambled("swin"), TRUNKS["swin"]))


def listed(name: str) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a published model, of the listing's names."""
    with torch.device("meta"):
        record = MODELS[name]
        model = satlaspretrain(
            None, in_chans=record["num_channels"], backbone=record["backbone"], fpn=True,
            multi_image=record["multi_image"],
        )  # fmt: skip
    state = model.state_dict()
    assert digest(state) == LISTINGS[f"satlas_{name}"]
    return [(k, tuple(v.shape)) for k, v in state.items()]


@pytest.mark.parametrize("name", MODELS)
def test_each_published_form_finds_its_place(name: str) -> None:
    """All 22 at their own sizes: every name is used, and none but the heads' is left over."""
    record = MODELS[name]
    kind = "resnet" if record["backbone"].startswith("RES") else "swin"
    trunk = TRUNKS[kind + ("_mi" if kind == "swin" and record["multi_image"] else "")]
    file: dict[str, Tensor] = {}
    for key, shape in listed(name):
        key = key.replace("fpn.fpn.", FPN).replace("upsample.layers.", UPSAMPLE)
        assert key.startswith((trunk, FPN, UPSAMPLE)), key
        file[key] = torch.empty(shape, device="meta")
    extra = {k: v.to("meta") for k, v in heads().items()}
    own = dict(listed(name))
    names = match_names(file | extra, own)
    assert set(names) == set(own)
    assert set(names.values()) == set(file)
    assert all(file[theirs].shape == own[mine] for mine, theirs in names.items())


@pytest.mark.parametrize(
    "name", ["Sentinel2_SwinT_MI_RGB", "Sentinel2_Resnet50_SI_MS", "Sentinel2_Resnet50_MI_RGB"]
)
def test_a_file_on_the_disk(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    record = MODELS[name]
    torch.manual_seed(5)
    source = Model(record["num_channels"], record["multi_image"], record["backbone"], fpn=True)
    kind = "resnet" if record["backbone"].startswith("RES") else "swin"
    file = as_published(source, TRUNKS[kind + ("_mi" if kind == "swin" else "")]) | heads()
    path = tmp_path / "checkpoints" / record["url"].rsplit("/", 1)[1]
    path.parent.mkdir()
    torch.save(file, path)
    door = Weights()
    model = door.get_pretrained_model(name, fpn=True, device="cpu")
    assert model.bands == tuple(record["bands"])
    assert model.weights is Satlas_Weights[name]
    x = torch.rand(1, record["num_channels"], 64, 64)
    with torch.no_grad():
        for a, b in zip(model.eval()(x), source.eval()(x), strict=True):
            torch.testing.assert_close(a, b)
    headed = door.get_pretrained_model(
        model_identifier=name, fpn=True, head=Head.CLASSIFY, num_categories=3, device="cpu"
    )
    outputs, loss = headed(x)
    assert outputs.shape == (1, 3)
    assert loss is None
    turned = door.get_pretrained_model(name, device="cpu", bands=("B02", "B04")).eval()
    assert turned.transforms.bands == ("B02", "B04")
    stem = next(v for k, v in turned.state_dict().items() if v.ndim == 4)
    whole = next(v for k, v in source.state_dict().items() if v.ndim == 4)
    torch.testing.assert_close(stem, whole[:, [2, 0]])


def test_names_and_addresses() -> None:
    assert len(MODELS) == 22
    assert get_model_weights("satlaspretrain") is Satlas_Weights
    assert get_weight("Satlas_Weights.Landsat_SwinB_MI").in_channels == 11
    for name, record in SatlasPretrain_weights.items():
        assert set(record) == {"url", "backbone", "num_channels", "multi_image"}
        assert isinstance(record["backbone"], Backbone)
        assert record["url"].endswith(f"/{name.lower()}.pth")
    if not FACTS.exists():
        pytest.skip("the facts are not at hand")
    for name, fact in json.loads(FACTS.read_text())["models"].items():
        record = MODELS[name]
        assert record["url"] == fact["url"]
        assert record["backbone"].lower() == fact["backbone"]
        assert record["bands"] == fact["bands"]
        for key in ("num_channels", "multi_image", "scale"):
            assert record[key] == fact[key]


def test_errors_of_the_door() -> None:
    door = Weights()
    with pytest.raises(ConfigError, match=r"did you mean .*Sentinel2_SwinB_SI_RGB"):
        door.get_pretrained_model("Sentinel2_SwinB_SI_RBG")
    with pytest.raises(ConfigError, match="MODELS"):
        door.get_pretrained_model(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is of SWINT, not SWINB"):
        satlaspretrain("Sentinel2_SwinT_SI_RGB", backbone="swinb")
    with pytest.raises(BandError, match="trained on 3 bands"):
        satlaspretrain("Sentinel2_SwinT_SI_RGB", in_chans=4)
    with pytest.raises(ConfigError, match="no backbone 'swinx'"):
        Model(backbone="swinx")
    with pytest.raises(ConfigError, match="out_channels"):
        Model(backbone=torch.nn.Conv2d(3, 3, 1))
