"""Pre-training: a tiny set is told apart, and what was learned can be used."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from kornia.augmentation import RandomHorizontalFlip, RandomVerticalFlip
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

import swath.trainers
from swath.errors import BandError, ConfigError
from swath.trainers import (
    BYOLTask,
    ClassificationTask,
    MoCoTask,
    SelfSupervisedTask,
    SimCLRTask,
    load_task,
)
from swath.transforms import Augmentation, RandomExposure

pytestmark = pytest.mark.filterwarnings("ignore")
BANDS = 5


class Small(nn.Sequential):
    def __init__(self, channels: int = BANDS, width: int = 24) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        )  # fmt: skip


def images(count: int = 16, dates: int = 0) -> list[dict[str, Tensor]]:
    """Fields whose bands have levels of their own: each is another place."""
    g = torch.Generator().manual_seed(0)
    found = []
    for i in range(count):
        level = torch.randn(BANDS, 1, 1, generator=g) * 300 + 1000
        noise = torch.randn(max(dates, 1), BANDS, 16, 16, generator=g) * 60
        image = level + noise
        label = torch.tensor(int(level[0] > 1000))
        found.append({"image": image if dates else image[0], "label": label, "number": i})
    return found


def light() -> Augmentation:
    return Augmentation(
        RandomHorizontalFlip(), RandomVerticalFlip(), RandomExposure(0.1, 0.1, p=0.5)
    )


SCALE: dict[str, Any] = {"mean": [1000.0] * BANDS, "std": [300.0] * BANDS, "size": 16}
HEADS: dict[str, Any] = {"hidden_dim": 64, "output_dim": 32}
CASES: dict[str, tuple[type[SelfSupervisedTask], dict[str, Any]]] = {
    "byol": (BYOLTask, {"lr": 3e-3, "target_momentum": 0.9, **HEADS}),
    "moco1": (
        MoCoTask,
        {"version": 1, "lr": 0.1, "memory_bank_size": 8, "moco_momentum": 0.9, **HEADS},
    ),
    "moco2": (
        MoCoTask,
        {"version": 2, "lr": 0.1, "memory_bank_size": 8, "moco_momentum": 0.9, **HEADS},
    ),
    "moco3": (
        MoCoTask,
        {"version": 3, "lr": 3e-3, "moco_momentum": 0.9, "temperature": 0.2,
         "optimizer": "adamw", **HEADS},
    ),
    "simclr1": (SimCLRTask, {"version": 1, "lr": 3e-3, "optimizer": "adamw", **HEADS}),
    "simclr2": (
        SimCLRTask,
        {"version": 2, "lr": 3e-3, "optimizer": "adamw", "memory_bank_size": 8,
         "memory_momentum": 0.9, **HEADS},
    ),
}  # fmt: skip


def make(name: str, **more: Any) -> SelfSupervisedTask:
    kind, options = CASES[name]
    names = ["augmentations"] if kind is SimCLRTask else ["augmentation1", "augmentation2"]
    views = {key: light() for key in names}
    torch.manual_seed(0)
    return kind(Small(), in_channels=BANDS, **{**SCALE, **options, **views, **more})  # type: ignore[call-arg]


def trainer(epochs: int, folder: object, **more: Any) -> Trainer:
    return Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(folder), num_sanity_val_steps=0,
        enable_checkpointing=False, **more,
    )  # fmt: skip


class Losses(Callback):
    def __init__(self) -> None:
        self.train: list[float] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.train.append(float(trainer.callback_metrics["train_loss"]))


@pytest.mark.parametrize("name", list(CASES))
def test_views_of_a_small_set_find_each_other(name: str, tmp_path) -> None:
    task = make(name)
    model: Any = task.model
    data, losses = images(), Losses()
    image = torch.stack([s["image"] for s in data])
    if model.bank is not None:  # random keys would be too easy, the batch's own impossible
        model.enqueue(model.target(task.normalize(image[8:])))
    run = trainer(40, tmp_path, callbacks=[losses])
    run.fit(task, DataLoader(data, 8), DataLoader(data, 16))
    assert losses.train[-1] < 0.6 * losses.train[0], losses.train
    scores = {k: float(v) for k, v in run.callback_metrics.items()}
    assert scores["val_std"] > 0.5
    assert "val_knn_accuracy" in scores
    task.eval()
    with torch.no_grad():
        torch.manual_seed(1)
        one, two = (model.online(view) for view in task.views({"image": image}, "val"))  # type: ignore[operator]
    likeness = nn.functional.normalize(one, dim=1) @ nn.functional.normalize(two, dim=1).T
    assert float((likeness.argmax(1) == torch.arange(16)).float().mean()) > 0.9


def test_two_dates_are_two_views(tmp_path) -> None:
    task = make("simclr1")
    data, run = images(dates=2), trainer(30, tmp_path)
    loader = DataLoader(data, 16)
    before = run.validate(task, loader, verbose=False)[0]["val_loss"]
    run.fit(task, DataLoader(data, 8, shuffle=True), loader)
    assert float(run.callback_metrics["val_loss"]) < 0.6 * before
    assert float(run.callback_metrics["val_recall"]) > 0.9
    found = task.predict_step({"image": torch.rand(3, 2, BANDS, 16, 16), "bounds": 1}, 0)
    assert found["embedding"].shape == (3, 24)
    assert found["bounds"] == 1


@pytest.mark.parametrize("name", ["byol", "moco2", "moco3", "simclr2"])
def test_a_step_of_training_is_the_formula_s(name: str, tmp_path) -> None:
    """After a step the copy has followed, the queue has moved, and only the trained side learned.

    Of two batches with accumulated gradients only the second is a step.
    """
    task = make(name)
    model: Any = task.model
    seen: list[tuple[dict[str, Tensor], dict[str, Tensor], float]] = []
    follow = model.follow

    def spy(momentum: float) -> None:
        before = {n: p.clone() for n, p in model.momentum_encoder.named_parameters()}
        follow(momentum)
        fast = {n: p.clone() for n, p in model.named_parameters()}
        seen.append((before, fast, momentum))

    model.follow = spy
    run = trainer(1, tmp_path, accumulate_grad_batches=2)
    run.fit(task, DataLoader(images(24), 6))
    assert len(seen) == 2
    assert all(p.grad is None for p in model.momentum_encoder.parameters())
    for before, fast, momentum in seen:
        assert 0.9 <= momentum < 1 or (name != "moco2" and momentum == 1)
        for key, value in before.items():
            wanted = momentum * value + (1 - momentum) * fast[key]
            torch.testing.assert_close(fast[f"momentum_encoder.{key}"], wanted)
    if model.bank is not None:
        assert int(model.queue_ptr) == 24 % 8
    changed = [n for n, p in make(name).model.named_parameters() if not torch.equal(p, fast[n])]
    assert any(n.startswith("backbone.") for n in changed)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (BYOLTask, {}),
        (MoCoTask, {"version": 2, "memory_bank_size": 20}),
        (SimCLRTask, {"memory_bank_size": 20}),
    ],
)
def test_the_backbone_goes_into_other_tasks(
    kind: type[SelfSupervisedTask], options: dict, tmp_path
) -> None:
    more = {**HEADS, **options, "in_channels": 4, "size": 32, "bands": ["B02", "B03", "B04", "B08"]}
    torch.manual_seed(0)
    task = kind("test_resnet", **more)  # type: ignore[call-arg]
    run = trainer(1, tmp_path)
    data = [{"image": torch.rand(4, 32, 32)} for _ in range(4)]
    run.fit(task, DataLoader(data, 2))
    run.save_checkpoint(tmp_path / "x.ckpt")
    task.save_backbone(tmp_path / "out" / "backbone.pth")
    state = task.backbone_state_dict()
    image = torch.rand(2, 4, 32, 32)
    wanted = task.eval()(image)
    for file in ("out/backbone.pth", "x.ckpt"):
        next_task = ClassificationTask(
            "test_resnet", weights=str(tmp_path / file), in_channels=4, num_classes=3
        )
        own = next_task.model.state_dict()
        assert all(torch.equal(own[k], v) for k, v in state.items())
        net: Any = next_task.eval().model
        torch.testing.assert_close(net.forward_head(net.forward_features(image), True), wanted)
    again = load_task(tmp_path / "x.ckpt")
    torch.testing.assert_close(again(image), wanted)
    assert again.hparams["bands"] == ["B02", "B03", "B04", "B08"]


def test_published_weights_are_the_start(monkeypatch) -> None:
    from swath.models import ResNet18_Weights, resnet18

    member = ResNet18_Weights.SENTINEL2_ALL_MOCO
    torch.manual_seed(0)
    state = resnet18(in_chans=13, num_classes=0).state_dict()
    monkeypatch.setattr(type(member), "get_state_dict", lambda *a, **k: dict(state))
    task = SimCLRTask(
        "resnet18", weights=member, bands=["B04", "B03", "B02", "B08"], memory_bank_size=0, size=32
    )
    kernel = task.backbone.conv1.weight  # type: ignore[union-attr]
    torch.testing.assert_close(kernel, state["conv1.weight"][:, [3, 2, 1, 7]])
    assert task.views({"image": torch.rand(2, 4, 40, 40) * 5000}, "train")[0].shape[-1] == 32


def test_a_vit_of_fixed_size_sees_smaller_views() -> None:
    task = BYOLTask("vit_tiny_patch16_224", size=32, **HEADS)
    assert task(torch.rand(1, 3, 32, 32)).shape == (1, 192)
    assert task.backbone_state_dict()["pos_embed"].shape == (1, 197, 192)
    fresh = ClassificationTask("vit_tiny_patch16_224", num_classes=2)
    missing = fresh.model.load_state_dict(task.backbone_state_dict(), strict=False).missing_keys
    assert missing == ["head.weight", "head.bias"]


def test_versions_have_their_papers_numbers() -> None:
    one = MoCoTask(Small(3), version=1, size=16, memory_bank_size=8)
    assert one.hparams["temperature"] == 0.07
    assert [type(m).__name__ for m in one.model.projector] == ["Linear"]  # type: ignore[union-attr]
    found = one.configure_optimizers()
    assert type(found["optimizer"]).__name__ == "SGD"
    assert sorted(found["lr_scheduler"]["scheduler"].milestones) == [120, 160]
    group = found["optimizer"].param_groups[0]
    assert (group["lr"], group["momentum"], group["nesterov"]) == (0.03, 0.9, False)
    three = MoCoTask(Small(3), size=16, schedule="constant", warmup_epochs=0)
    assert three.hparams["hidden_dim"] == 4096
    group = three.configure_optimizers()["optimizer"].param_groups[0]
    assert (group["momentum"], group["weight_decay"]) == (0.9, 1e-6)
    assert group["initial_lr" if "initial_lr" in group else "lr"] == 9.6
    assert type(three.configure_optimizers()["optimizer"]).__name__ == "Lars"
    assert three.model.bank is None  # type: ignore[operator]
    assert SimCLRTask(Small(3), version=1, size=16).model.momentum_encoder is None  # type: ignore[union-attr]


def test_a_plateau_is_the_training_s_without_validation(tmp_path) -> None:
    task = make("simclr1", schedule="plateau", warmup_epochs=0)
    run = trainer(2, tmp_path)
    run.fit(task, DataLoader(images(), 8))
    config = run.strategy.lr_scheduler_configs[0]
    assert config.monitor == "train_loss"
    assert "train_loss" in run.callback_metrics


def test_lars_trains_with_a_warmup_that_fits(tmp_path) -> None:
    task = make("simclr1", optimizer="lars", lr=1.0)
    data, run = images(), trainer(4, tmp_path)
    run.fit(task, DataLoader(data, 8))
    assert float(run.callback_metrics["train_loss"]) > 0
    assert run.optimizers[0].param_groups[0]["momentum"] == 0.9
    # ten epochs of warm-up would have been longer than the training
    assert run.optimizers[0].param_groups[0]["lr"] < 0.5


def test_validation_sees_the_same_views_in_every_epoch(tmp_path) -> None:
    task = make("simclr1")
    run = trainer(1, tmp_path)
    loader = DataLoader(images(), 16)
    losses = [run.validate(task, loader, verbose=False)[0]["val_loss"] for _ in range(2)]
    assert losses[0] == losses[1]


def test_short_names() -> None:
    for short in ("BYOL", "MoCo", "SimCLR", "MAE", "IOBench"):
        assert getattr(swath.trainers, short) is getattr(swath.trainers, f"{short}Task")


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "message"),
    [
        (MoCoTask, {"version": 4}, ConfigError, "versions 1, 2 and 3"),
        (SimCLRTask, {"version": 3}, ConfigError, "versions 1 and 2"),
        (MoCoTask, {"memory_bank_size": -1}, ConfigError, "memory_bank_size is -1"),
        (BYOLTask, {"target_momentum": 1.2}, ConfigError, "target_momentum is 1.2"),
        (BYOLTask, {"lora": 4}, ConfigError, "lora"),
        (MoCoTask, {"schedule": [3], "warmup_epochs": 2}, ConfigError, "warm-up goes with"),
        (BYOLTask, {"grayscale_weights": [1.0, 2.0]}, BandError, "grayscale_weights has 2"),
        (BYOLTask, {"weights": True}, ConfigError, "a module of your own"),
        (SimCLRTask, {"learning_rate": 1}, TypeError, "learning_rate"),
    ],
)
def test_bad_arguments(kind: Any, arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        kind(Small(3), size=16, **arguments)


def test_one_image_has_nothing_to_differ_from() -> None:
    with pytest.raises(ConfigError, match="drop_last=True"):
        make("simclr1").training_step({"image": torch.rand(1, BANDS, 16, 16)}, 0)


@pytest.mark.parametrize("name", ["simclr2", "moco3"])
def test_a_rate_that_is_left_out_is_in_proportion_to_the_batch(name: str, tmp_path) -> None:
    """That of 4096 images would let the weights of this network grow a hundredfold and more."""
    kind: Any = {"simclr2": SimCLRTask, "moco3": MoCoTask}[name]
    torch.manual_seed(0)
    task = kind(
        Small(), in_channels=BANDS, size=16, memory_bank_size=0, hidden_dim=32, output_dim=16,
        mean=[1000.0] * BANDS, std=[300.0] * BANDS, warmup_epochs=0, schedule="constant",
    )  # fmt: skip
    before = max(float(p.abs().max()) for p in task.parameters())
    run = trainer(60, tmp_path, accumulate_grad_batches=2)
    run.fit(task, DataLoader(images(), 4))
    wanted = {"simclr2": 0.3 * 8 / 256, "moco3": 9.6 * 8 / 4096}[name]
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(wanted)
    assert max(float(p.abs().max()) for p in task.parameters()) < 3 * before
    assert torch.isfinite(run.callback_metrics["train_loss"])
    adaptive = kind(Small(3), size=16, optimizer="adamw", schedule="constant", warmup_epochs=0)
    assert adaptive.configure_optimizers()["optimizer"].param_groups[0]["lr"] == 1.5e-4
    given = kind(Small(3), size=16, lr=0.5, schedule="constant", warmup_epochs=0)
    assert given.configure_optimizers()["optimizer"].param_groups[0]["lr"] == 0.5
