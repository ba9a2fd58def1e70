"""One backbone and several heads: learned together, each scored by itself, the unknown left out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from swath.cli.gallery import gallery_of
from swath.errors import ConfigError, GridError
from swath.trainers import ClassificationTask, MultiTask, SemanticSegmentationTask, load_task
from swath.trainers.heads import Balance

pytestmark = pytest.mark.filterwarnings("ignore")
S = 32
HEADS: dict[str, dict[str, Any]] = {
    "cover": {"kind": "segmentation", "classes": ["field", "water"], "ignore_index": 255},
    "height": {"kind": "pixelwise_regression", "key": "height", "labels": ["metres"]},
    "scene": {"kind": "classification", "classes": ["wet", "dry", "mixed"]},
    "tags": {"kind": "multilabel", "key": "tags", "labels": ["bright", "left"]},
    "share": {"kind": "regression", "key": "share"},
}


def samples(count: int = 12, gaps: bool = True) -> list[dict[str, Tensor]]:
    """Water in the left or right part of a field, whose brightness is its height."""
    g = torch.Generator().manual_seed(0)
    found = []
    for i in range(count):
        kind, left, bright = i % 3, bool(i % 2), i // 2 % 2
        width = (S, 0, S // 2)[kind]
        mask = torch.zeros(S, S, dtype=torch.long)
        mask[:, slice(0, width) if left else slice(S - width, S)] = 1
        level = torch.rand((), generator=g)
        image = torch.stack([mask * 2.0, torch.full((S, S), float(bright)), (level + mask) / 1])
        image = image + 0.05 * torch.randn(3, S, S, generator=g)
        height, label = level + mask, torch.tensor(float(kind))
        share = mask.float().mean()
        if gaps and i % 4 == 1:
            height = torch.full((S, S), torch.nan)
        if gaps and i % 4 == 2:
            label, share = torch.tensor(torch.nan), torch.tensor(torch.nan)
        if gaps and i % 4 == 3:
            mask = torch.full_like(mask, 255)
        found.append({
            "image": image, "mask": mask, "height": height, "label": label, "share": share,
            "tags": torch.tensor([bright, int(left or kind == 1)]),
        })  # fmt: skip
    return found


def make(**options: Any) -> MultiTask:
    torch.manual_seed(0)
    given = {"backbone": "test_resnet", "in_channels": 3, "heads": HEADS, "lr": 5e-3}
    return MultiTask(**(given | options))


def trainer(epochs: int) -> Trainer:
    return Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip


def logs(task: MultiTask) -> dict[str, float]:
    """What the task logs from here on."""
    logged: dict[str, float] = {}
    task.log = lambda name, value, **_: logged.update({name: float(value)})  # type: ignore[method-assign]
    return logged


def batch(**changes: Tensor) -> dict[str, Tensor]:
    rows = samples(4, gaps=False)
    return {k: torch.stack([r[k] for r in rows]) for k in rows[0]} | changes


def test_everything_is_learned_at_once(tmp_path) -> None:
    task = make(model="linknet", weighting="uncertainty", lr=1e-2, schedule="cosine")
    data, run = samples(), trainer(40)
    run.fit(task, DataLoader(data, 6, shuffle=True), DataLoader(data, 12))
    found = {k: float(v) for k, v in run.callback_metrics.items()}
    assert found["val/cover/miou"] > 0.95
    assert found["val/height/r2"] > 0.8
    assert found["val/scene/accuracy"] == 1
    assert found["val/tags/f1"] > 0.9
    assert found["val/share/r2"] > 0.9
    assert task.criterion.log_variance is not None
    assert (task.criterion.log_variance < 0).all()  # all losses fell below 1
    run.save_checkpoint(tmp_path / "x.ckpt")
    torch.load(tmp_path / "x.ckpt", weights_only=True)
    again = load_task(tmp_path / "x.ckpt")
    assert torch.equal(again.criterion.log_variance, task.criterion.log_variance)  # type: ignore[union-attr,arg-type]
    image = torch.rand(2, 3, 40, 45)
    with torch.no_grad():
        for name, value in task.eval()(image).items():
            torch.testing.assert_close(again(image)[name], value)


def test_a_head_is_scored_as_its_task_alone() -> None:
    """The same logits and truth: MultiTask's losses and scores are those of the single tasks."""
    task, data = make(), batch()
    outside = {
        "cover": SemanticSegmentationTask(nn.Identity(), classes=["field", "water"]),
        "scene": ClassificationTask(nn.Identity(), labels=["wet", "dry", "mixed"]),
    }
    logged = logs(task)
    with torch.no_grad():
        found = task.eval()(data["image"])
        total = task.step(data, "val")
    losses = {k: v for k, v in logged.items() if k.endswith("/loss")}
    assert len(losses) == len(HEADS)
    assert float(total) == pytest.approx(sum(losses.values()), rel=1e-5)
    for name, alone in outside.items():
        key = "mask" if name == "cover" else "label"
        loss, _ = alone.judge(found[name], data[key].long(), "val")
        assert logged[f"val/{name}/loss"] == pytest.approx(float(loss), rel=1e-5)
        assert alone.metrics("val") is not None
    task.on_validation_epoch_end()
    for name, alone in outside.items():
        for score, value in alone.metrics("val").compute().items():  # type: ignore[union-attr]
            assert logged[f"val/{name}/{score}"] == pytest.approx(float(value), nan_ok=True)


def test_what_is_unknown_does_not_count() -> None:
    """Truth that is missing changes nothing, whatever the network says there."""
    task = make().eval()
    full, gaps = batch(), batch()
    gaps["label"] = torch.tensor([0.0, math.nan, 2, math.nan])
    gaps["mask"] = full["mask"].clone()
    gaps["mask"][1:] = 255
    gaps["height"] = full["height"].clone()
    gaps["height"][1:] = torch.nan
    alone = {k: v[:1] for k, v in full.items()}
    seen: list[dict[str, float]] = []
    for data in (gaps, alone):
        seen.append(logs(task))
        with torch.no_grad():
            task.step(data, "val")
    for name in ("cover", "height"):
        assert seen[0][f"val/{name}/loss"] == pytest.approx(seen[1][f"val/{name}/loss"], rel=1e-4)
    nothing = batch(label=torch.full((4,), math.nan), mask=torch.full((4, S, S), 255))
    loss = task.step(nothing, "train")
    assert torch.isfinite(loss)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in task.parameters() if p.grad is not None)


def test_epoch_losses_are_means_over_what_is_known() -> None:
    """A batch with one label must not weigh as much as a full one; one without any weighs 0."""
    task = make(heads={"scene": HEADS["scene"]})
    data = samples(6, gaps=False)
    for i in (1, 2, 3):
        data[i]["label"] = torch.tensor(math.nan)
    found = trainer(1).validate(task, DataLoader(data, 2), verbose=False)[0]
    known = [d for d in data if not bool(d["label"].isnan())]
    with torch.no_grad():
        logits = task.eval()(torch.stack([d["image"] for d in known]))["scene"]
    wanted = nn.functional.cross_entropy(logits, torch.stack([d["label"] for d in known]).long())
    assert found["val/scene/loss"] == pytest.approx(float(wanted), rel=1e-5)


def test_uncertainty_is_the_paper_s_formula() -> None:
    """Its minimum over s is at the loss itself: exp(s) = L for squares, 2 L for the others."""
    balance = Balance([1, 1], [True, False], uncertainty=True)
    losses = [torch.tensor(4.0), torch.tensor(0.5)]
    assert float(balance(losses, [3, 3])) == pytest.approx(4 / 2 + 0.5)
    optimizer = torch.optim.LBFGS(balance.parameters(), max_iter=100)

    def closure() -> Tensor:
        optimizer.zero_grad()
        total: Tensor = balance(losses, [1, 1])
        total.backward()
        return total

    optimizer.step(closure)
    assert balance.log_variance is not None
    torch.testing.assert_close(balance.log_variance.exp(), torch.tensor([4.0, 1.0]), rtol=1e-3,
                               atol=0)  # fmt: skip
    balance.zero_grad()
    balance(losses, [1, 0]).backward()
    assert balance.log_variance.grad is not None
    assert float(balance.log_variance.grad[1]) == 0  # no truth, no say


def test_uncertainties_are_trained_and_do_not_decay() -> None:
    task = make(weighting="uncertainty", weight_decay=0.1)
    groups = task.configure_optimizers()["optimizer"].param_groups
    own = [g for g in groups if any(p is task.criterion.log_variance for p in g["params"])]
    assert len(own) == 1
    assert own[0]["weight_decay"] == 0
    trained = {id(p) for g in groups for p in g["params"]}
    assert trained == {id(p) for p in task.parameters() if p.requires_grad}


def test_weights_weigh() -> None:
    heads = {k: dict(HEADS[k]) for k in ("scene", "share")}
    heads["scene"]["weight"] = 0.25
    task = make(heads=heads).eval()
    logged = logs(task)
    total = float(task.step(batch(), "val").detach())
    assert total == pytest.approx(0.25 * logged["val/scene/loss"] + logged["val/share/loss"])
    assert logged["val_loss"] == total


@pytest.mark.parametrize("backbone", ["test_vit", "test_convnext", "swin_v2_t"])
def test_any_backbone_and_size(backbone: str) -> None:
    task = make(backbone=backbone).eval()
    with torch.no_grad():
        found = task(torch.rand(1, 3, 40, 45))
    assert found["cover"].shape == (1, 2, 40, 45)
    assert found["scene"].shape == (1, 3)
    images = make(backbone=backbone, heads={"scene": HEADS["scene"]}).eval()
    with torch.no_grad():
        assert images(torch.rand(1, 3, 64, 64))["scene"].shape == (1, 3)


def test_predictions_are_placed_and_probable() -> None:
    data = batch(bounds=torch.zeros(4, 9), transform=torch.zeros(4, 9))
    task = make().eval()
    with torch.no_grad():
        found = task.predict_step(data, 0)
        only = task.only("cover")(data["image"])
        torch.testing.assert_close(only.softmax(1), found["cover"])
    assert set(found) == {*HEADS, "bounds", "transform"}
    torch.testing.assert_close(found["cover"].sum(1), torch.ones(4, S, S))
    assert found["height"].shape == (4, 1, S, S)
    assert found["share"].shape == (4, 1)
    with pytest.raises(ConfigError, match="did you mean cover"):
        task.only("covers")


class Own(nn.Module):
    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.net = nn.Conv2d(3, outputs, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"scene": self.net(image).mean((2, 3))}


def test_a_module_of_one_s_own() -> None:
    heads = {"scene": HEADS["scene"]}
    assert make(model=Own(), heads=heads)(torch.rand(2, 3, 9, 7))["scene"].shape == (2, 3)
    with pytest.raises(GridError, match="expected 3 outputs an image"):
        make(model=Own(4), heads=heads)(torch.rand(2, 3, 9, 7))
    with pytest.raises(GridError, match="gave nothing for the head 'share'"):
        make(model=Own(), heads={"share": HEADS["share"]})(torch.rand(2, 3, 9, 7))


def test_pictures_of_each_head() -> None:
    task = make().eval()
    gallery = gallery_of(task)
    rows = samples(8)
    data = {k: torch.stack([r[k] for r in rows]) for k in rows[0]}
    with torch.no_grad():
        gallery.add(data, task(data["image"]))
    assert {"_cover", "_height", "_height_scatter", "_scene", "_tags", "_share"} <= set(
        gallery.figures()
    )


def test_the_backbone_alone_is_frozen() -> None:
    task = make(freeze_backbone=True)
    trunk = {id(p) for p in task.model.trunk.parameters()}  # type: ignore[union-attr,operator]
    assert all(p.requires_grad == (id(p) not in trunk) for p in task.model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": None}, "heads is None"),
        ({"heads": {"a": {"num_classes": 2}}}, "expected its kind"),
        ({"heads": {"a": {"kind": "segmentatoin"}}}, "did you mean segmentation"),
        ({"heads": {"a": {"kind": "regression", "num_output": 2}}}, "did you mean num_outputs"),
        ({"heads": {"a": {"kind": "classification"}}}, "the head 'a': .* needs num_classes"),
        ({"heads": {"a": {"kind": "regression", "lr": 1}}}, "no option 'lr'"),
        ({"heads": {"a": {"kind": "regression", "weight": 0}}}, "the weight 0"),
        ({"heads": {"a/b": {"kind": "regression"}}}, "called 'a/b'"),
        ({"heads": {"crs": {"kind": "regression"}}}, "rename it"),
        ({"weighting": "auto"}, "expected 'fixed' or 'uncertainty'"),
        ({"weighting": "uncertainty", "heads": {"a": {"kind": "regression", "weight": 2}}},
         "leave theirs out"),
        ({"model": "unett"}, "did you mean unet"),
        ({"backbone": "resnet81"}, "no model 'resnet81'"),
        ({"model": Own(), "freeze_backbone": True}, "before you pass it"),
    ],
)  # fmt: skip
def test_bad_arguments(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_a_batch_without_truth_says_so() -> None:
    data = {k: v for k, v in batch().items() if k != "height"}
    with pytest.raises(ConfigError, match="the head 'height' looks for 'height' in a batch of"):
        make().step(data, "train")
