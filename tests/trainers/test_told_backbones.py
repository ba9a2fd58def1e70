"""Backbones that are told their bands, and SatlasPretrain's, by name in a task."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from learning import learn, scenes, scores
from torch import Tensor

from swath.errors import BandError, ConfigError, FileMissingError
from swath.models import (
    DOFA,
    DOFABase16_Weights,
    Satlas_Weights,
    WeightsEnum,
    registry,
)
from swath.models.registry import ModelEntry, model_entry
from swath.models.satlas import Backbone, Model, backbones
from swath.sensors import find_sensor
from swath.trainers import (
    BaseTask,
    ClassificationTask,
    MultiTask,
    RegressionTask,
    SemanticSegmentationTask,
    load_task,
)

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL: dict[str, Any] = {"embed_dim": 32, "depth": 2, "num_heads": 4}
RGB = ["B02", "B03", "B04"]
#: Model by name, what is small of it, and how its builder is called.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "dofa": ("dofa_base_patch16_224", {"patch_size": 8, "img_size": 32, "dynamic_embed_dim": 32}),
    "copernicus": ("copernicusfm_base", {"patch_size": 8, "img_size": 32, "hyper_dim": 32}),
    "panopticon": ("panopticon_vitb14", {"patch_size": 8, "img_size": 32, "attn_dim": 48}),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registered builders, of fewer and narrower layers."""
    for name, size in KINDS.values():
        e = model_entry(name)
        build = functools.partial(e.build, **SMALL, **size)
        entry = ModelEntry(e.name, build, e.weights, e.tasks, e.bands, e.extra)
        monkeypatch.setitem(registry._ENTRIES, name, entry)
    tiny = {"embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 4],
            "window_size": [4, 4], "stochastic_depth_prob": 0.0}  # fmt: skip
    monkeypatch.setitem(backbones.SWINS, "swint", tiny)
    monkeypatch.setitem(backbones.SWINS, "swinb", {**tiny, "embed_dim": 32})


def saved(task: BaseTask, folder: Path) -> BaseTask:
    """The task after a way through a checkpoint."""
    content = {"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}
    torch.save(content | {"swath_task": type(task).__name__}, folder / "x.ckpt")
    return load_task(folder / "x.ckpt")


@pytest.mark.parametrize("name", [*KINDS, "satlas"])
def test_classes_are_learned_by_name(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = KINDS[name][0] if name in KINDS else "satlaspretrain_swint"
    task = ClassificationTask(
        model, bands=RGB, sensor="sentinel2", num_classes=2, lr=1e-3 if name == "satlas" else 3e-3
    )
    batch = scenes()
    learn(task, batch, 100, enough=0.02)
    assert scores(task, batch)["accuracy"] == 1
    again = saved(task, tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(again(batch["image"]), task(batch["image"]))


@pytest.mark.parametrize("name", [*KINDS, "satlas"])
def test_pixels_have_classes_by_name(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = KINDS[name][0] if name in KINDS else "satlaspretrain_swint"
    task = SemanticSegmentationTask(
        "upernet", backbone, bands=RGB, sensor="sentinel2", num_classes=3, freeze_backbone=True
    )
    assert not any(p.requires_grad for p in task.model.encoder.backbone.parameters())  # type: ignore[union-attr]
    image = torch.rand(1, 3, 40, 50)
    task.eval()
    with torch.no_grad():
        assert task(image).shape == (1, 3, 40, 50)
        torch.testing.assert_close(saved(task, tmp_path)(image), task(image))


@pytest.mark.parametrize("name", KINDS)
def test_bands_are_told_by_wavelength(name: str) -> None:
    """Names, numbers and numbers as text mean the same; another order is another image."""
    torch.manual_seed(0)
    found = []
    image = torch.rand(2, 2, 32, 32)
    red, near = (str(find_sensor("sentinel2").band(b).wavelength) for b in ("B04", "B08"))
    for bands in (["B04", "B08"], [red, near], [near, red]):
        torch.manual_seed(0)
        named = "sentinel2" if bands[0] == "B04" else None
        if name == "copernicus" and named is None:
            continue  # which wants their widths as well
        task = ClassificationTask(KINDS[name][0], bands=bands, sensor=named, num_classes=3).eval()
        with torch.no_grad():
            found.append(task(image))
    if len(found) > 1:
        torch.testing.assert_close(found[0], found[1])
        assert not torch.allclose(found[0], found[2], rtol=0, atol=1e-6)
    with pytest.raises(BandError, match=r"expected bands=\[…\]"):
        ClassificationTask(KINDS[name][0], in_channels=2, num_classes=3)


def test_published_weights_of_dofa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    size = KINDS["dofa"][1] | {"img_size": 64}
    official = DOFA(num_classes=0, **SMALL, **size).state_dict()
    official = {k: v for k, v in official.items() if not k.startswith(("head.", "fc_norm."))}
    official |= {"mask_token": torch.zeros(1, 1, 32), "norm.weight": torch.ones(32),
                 "norm.bias": torch.zeros(32)}  # fmt: skip
    calls: list[str] = []

    def fetched(self: WeightsEnum, *a: Any, **k: Any) -> dict[str, Tensor]:
        calls.append(self.name)
        return dict(official)

    monkeypatch.setattr(WeightsEnum, "get_state_dict", fetched)
    options: dict[str, Any] = {"bands": ["B04", "VV"], "num_classes": 3}
    name = KINDS["dofa"][0]
    task = ClassificationTask(name, "DOFABase16_Weights.DOFA_MAE", **options)
    assert calls == ["DOFA_MAE"]
    assert task.model.wavelengths == pytest.approx((0.665, 3.75), abs=0.002)
    for key, value in task.model.state_dict().items():
        if not key.startswith(("head.", "fc_norm.", "pos_embed")):
            torch.testing.assert_close(value, official[key], msg=key)
    assert task.hparams["weights"] == "DOFABase16_Weights.DOFA_MAE"
    image = torch.rand(1, 2, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(saved(task, tmp_path)(image), task.eval()(image))
    assert len(calls) == 1  # a checkpoint has its own
    member = DOFABase16_Weights.DOFA_MAE
    under = SemanticSegmentationTask("upernet", name, member, **options)
    stem = under.model.encoder.backbone.patch_embed.state_dict()  # type: ignore[union-attr,operator]
    assert all(torch.equal(v, official[f"patch_embed.{k}"]) for k, v in stem.items())
    # a file of the same backbone, as a self-supervised task saves it
    own = {k: v for k, v in task.model.state_dict().items() if not k.startswith("head.")}
    torch.save(own, tmp_path / "own.pth")
    other = RegressionTask(name, weights=tmp_path / "own.pth", bands=["B04", "B08", "VV"])
    key = "blocks.0.attn.qkv.weight"
    torch.testing.assert_close(other.model.state_dict()[key], official[key])
    with pytest.raises(FileMissingError, match=r"none\.pth"):
        RegressionTask(name, weights=tmp_path / "none.pth", bands=["B04"])
    with pytest.raises(ConfigError, match="not of copernicusfm_base"):
        ClassificationTask("copernicusfm_base", member, **options)
    with pytest.raises(ConfigError, match="ImageNet"):
        ClassificationTask(name, True, **options)


def test_published_weights_of_satlas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The weights say which trunk; it stays known when a checkpoint is read without them."""
    torch.manual_seed(0)
    member = Satlas_Weights.Sentinel2_SwinT_MI_MS
    official = Model(9, True, Backbone.SWINT).state_dict()
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, *a, **k: dict(official))
    task = ClassificationTask(
        "satlaspretrain", member, bands=["B08", "B04"], num_classes=2, freeze_backbone=True
    )
    assert task.hparams["model"] == "satlaspretrain_swint"
    stem = task.model.backbone.backbone.backbone.features[0][0].weight  # type: ignore[union-attr,index]
    source = next(v for k, v in official.items() if k.endswith("features.0.0.weight"))
    where = [member.bands.index(b) for b in ("B08", "B04")]
    torch.testing.assert_close(stem, source[:, where])
    assert [n for n, p in task.named_parameters() if p.requires_grad] == [
        "model.head.weight", "model.head.bias"]  # fmt: skip
    image = torch.rand(1, 2, 64, 64) * 200
    with torch.no_grad():
        torch.testing.assert_close(saved(task, tmp_path)(image), task.eval()(image))
    with pytest.raises(ConfigError, match="does not fit satlaspretrain_swinb"):
        ClassificationTask("satlaspretrain_swinb", member, num_classes=2)
    with pytest.raises(ConfigError, match="satlaspretrain_swint"):
        ClassificationTask("satlaspretrain_swinx", num_classes=2)


def test_heads_of_images_share_them() -> None:
    heads = {"scene": {"kind": "classification", "num_classes": 2}}
    for backbone in ("satlaspretrain_swint", KINDS["panopticon"][0]):
        task = MultiTask(backbone=backbone, heads=heads, bands=RGB, sensor="sentinel2")
        assert task(torch.rand(2, 3, 32, 32))["scene"].shape == (2, 2)


def test_only_the_head_of_a_told_model_is_trained() -> None:
    task = ClassificationTask(
        KINDS["copernicus"][0], bands=RGB, sensor="sentinel2", num_classes=2, freeze_backbone=True
    )
    assert {n for n, p in task.model.named_parameters() if p.requires_grad} == {
        "head.weight", "head.bias"}  # fmt: skip
