"""Options that every task has: optimisers, schedules, adapters, averages, plain settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.utils.data import DataLoader

from swath.errors import BandError, ConfigError
from swath.trainers import (
    BaseTask,
    ChangeDetectionTask,
    ClassificationTask,
    SemanticSegmentationTask,
    load_task,
)
from swath.trainers.settings import plain

pytestmark = pytest.mark.filterwarnings("ignore")


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def fit(task: BaseTask, epochs: int = 2, **options: object) -> Trainer:
    torch.manual_seed(0)
    data = [{"image": torch.rand(3, 4, 4), "label": torch.tensor(i % 2)} for i in range(8)]
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip
    trainer.fit(task, DataLoader(data, 4), DataLoader(data, 4))
    return trainer


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lars", "lamb"])
def test_every_optimizer_steps(name: str) -> None:
    task = ClassificationTask(net(), num_classes=2, optimizer=name, weight_decay=0.01)
    before = [p.detach().clone() for p in task.parameters()]
    fit(task)
    assert any(not torch.equal(a, b) for a, b in zip(before, task.parameters(), strict=True))
    decays = {g["weight_decay"] for g in task.configure_optimizers()["optimizer"].param_groups}
    assert decays == {0.01, 0.0}


def test_cosine_with_warmup_is_its_formula() -> None:
    task = ClassificationTask(
        net(), num_classes=2, lr=1.0, optimizer="sgd", schedule="cosine", warmup_epochs=3
    )
    rates: list[float] = []
    task.on_train_epoch_start = lambda: rates.append(  # type: ignore[method-assign]
        task.trainer.optimizers[0].param_groups[0]["lr"]
    )
    fit(task, epochs=10)
    expected = [0.25, 0.5, 0.75] + [0.5 * (1 + np.cos(np.pi * i / 7)) for i in range(7)]
    np.testing.assert_allclose(rates, expected, atol=1e-6)


def test_the_average_is_what_is_validated_and_saved(tmp_path) -> None:
    """EMA by hand over the weights that training went through."""
    task = ClassificationTask(net(), num_classes=2, lr=0.1, optimizer="sgd", ema=0.5)
    seen: list[torch.Tensor] = []
    task.on_train_batch_end = lambda *a, **k: seen.append(  # type: ignore[method-assign]
        task.model[3].weight.detach().clone()
    )
    trainer = fit(task, epochs=3)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    average = seen[0]
    for weight in seen[1:]:
        average = 0.5 * average + 0.5 * weight
    torch.testing.assert_close(task.model[3].weight.detach(), average)
    saved = torch.load(tmp_path / "x.ckpt", weights_only=True)["state_dict"]["model.3.weight"]
    torch.testing.assert_close(saved, average)


def test_lora_trains_adapters_and_the_head_alone() -> None:
    pytest.importorskip("peft")
    task = ClassificationTask("vit_tiny_patch16_224", num_classes=2, lora=4)
    trained = {n for n, p in task.named_parameters() if p.requires_grad}
    assert all("lora_" in n or n.startswith(("model.head", "model.norm")) for n in trained)
    assert sum("lora_" in n for n in trained) == 12 * 4 * 2
    assert sum(p.numel() for p in task.parameters() if p.requires_grad) < 400_000
    before = task(torch.rand(1, 3, 32, 32) * 0)
    task.step({"image": torch.rand(2, 3, 32, 32), "label": torch.tensor([0, 1])}, "val").backward()
    assert before.shape == (1, 2)


def test_lora_without_attention() -> None:
    with pytest.raises(ConfigError, match="no attention to adapt"):
        ClassificationTask("resnet18", num_classes=2, lora=4)


def test_compiled_and_checkpointed_models_answer_the_same() -> None:
    torch.manual_seed(0)
    task = ClassificationTask("vit_tiny_patch16_224", num_classes=2, gradient_checkpointing=True)
    assert task.model.grad_checkpointing
    with pytest.raises(ConfigError, match="no gradient checkpointing"):
        ClassificationTask(net(), num_classes=2, gradient_checkpointing=True)


class Mine(ClassificationTask):
    """A task of a user's, with an argument more."""

    def __init__(self, temperature: float = 2.0, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]


def test_a_subclass_saves_its_own_arguments_too() -> None:
    task = Mine(temperature=3, model=net(), num_classes=2, class_weights=torch.ones(2))
    assert task.hparams["temperature"] == 3
    assert task.hparams["class_weights"] == [1.0, 1.0]
    assert task.hparams["model"] is None
    assert task.hparams["optimizer"] == "adamw"
    with pytest.raises(TypeError, match="temprature"):
        Mine(temprature=1, num_classes=2)


def test_plain() -> None:
    assert plain({"a": np.float32(1.5), "b": (1, np.arange(2)), "c": object()}) == {
        "a": 1.5, "b": [1, [0, 1]], "c": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adamax"}, "optimizer is 'adamax'"),
        ({"schedule": "step"}, "schedule is 'step'"),
        ({"warmup_epochs": 2}, "does not go with schedule 'plateau'"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"layer_decay": 0.5}, "layers are known"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    task = ClassificationTask(net(), num_classes=2, **options)
    with pytest.raises(ConfigError, match=message):
        task.configure_optimizers()


def test_bad_options_at_once() -> None:
    for options, message in (({"ema": 2.0}, "ema is 2"), ({"std": [1.0, 0, 1]}, "std is")):
        with pytest.raises(ConfigError, match=message):
            ClassificationTask(net(), in_channels=3, num_classes=2, **options)


def test_numbers_of_numpy_are_saved_as_plain_ones(tmp_path) -> None:
    """A float64 is a float, and yet no checkpoint that is read safely may hold one."""
    std = list(np.array([1.0, 2.0, 3.0]))
    task = ClassificationTask("resnet18", num_classes=2, lr=np.float64(0.1), std=std)
    assert type(task.hparams["lr"]) is float
    assert [type(s) for s in task.hparams["std"]] == [float] * 3
    assert type(plain(np.str_("a"))) is str
    fit(task, epochs=1).save_checkpoint(tmp_path / "x.ckpt")
    load_task(tmp_path / "x.ckpt")


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed", "64-true"])
def test_every_precision_trains(precision: str) -> None:
    trainer = fit(ClassificationTask(net(), num_classes=2), precision=precision)
    assert torch.isfinite(trainer.callback_metrics["val_loss"])


def test_lora_leaves_frozen_what_was() -> None:
    pytest.importorskip("peft")
    task = SemanticSegmentationTask(
        "upernet", "vit_tiny_patch16_224", num_classes=2, lora=2, freeze_decoder=True
    )
    assert not any(p.requires_grad for p in task.model.decoder.parameters())
    assert any("lora_" in n and p.requires_grad for n, p in task.model.named_parameters())


def test_layer_decay_leaves_weight_decay_alone() -> None:
    arguments: dict = {"backbone": "vit_tiny_patch16_224", "num_classes": 2, "layer_decay": 0.7}
    task = SemanticSegmentationTask("upernet", weight_decay=0.1, **arguments)
    for group in task.configure_optimizers()["optimizer"].param_groups:
        if group["weight_decay"]:
            assert all(p.ndim > 1 for p in group["params"])
    own = SemanticSegmentationTask("upernet", **arguments).configure_optimizers()["optimizer"]
    assert {g["weight_decay"] for g in own.param_groups} == {own.defaults["weight_decay"]}


def test_a_mean_of_other_bands_is_told_at_once() -> None:
    with pytest.raises(BandError, match="mean has 2 entries and the image 3 bands"):
        ClassificationTask(net(), num_classes=2, bands=["a", "b", "c"], mean=[1.0, 2.0])


class Counting(ClassificationTask):
    """Watched for more, not for less."""

    monitor, mode = "val_accuracy", "max"


def test_a_plateau_is_looked_for_in_the_task_s_own_direction() -> None:
    found = Counting(net(), num_classes=2).configure_optimizers()["lr_scheduler"]
    assert (found["monitor"], found["scheduler"].mode) == ("val_accuracy", "max")
    assert ClassificationTask(net(), num_classes=2).configure_optimizers()["lr_scheduler"][
        "scheduler"
    ].mode == "min"  # fmt: skip


class Bare(BaseTask):
    """A task of a user's that says nothing of optimisers."""

    def configure_models(self) -> None:
        self.model = nn.Linear(2, 1)


def test_a_task_without_lr_has_the_house_s() -> None:
    group = Bare().configure_optimizers()["optimizer"].param_groups[0]
    assert group["lr"] == 1e-3


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (
            ClassificationTask,
            {"class_weights": [1.0, 2]},
            "class_weights has 2 entries: expected 3",
        ),
        (SemanticSegmentationTask, {"class_weights": [1.0] * 4}, "4 entries: expected 3"),
        (
            ClassificationTask,
            {"task": "multilabel", "loss": "bce", "num_labels": 3, "pos_weight": [1.0, 2]},
            "pos_weight has 2 entries: expected 1 or 3",
        ),
        (
            SemanticSegmentationTask,
            {"task": "binary", "num_classes": 2, "loss": "focal", "class_weights": [1.0, 2, 3]},
            "3 entries: expected 2",
        ),
        (
            ClassificationTask,
            {"loss": {"ce": 1.0, "dice": 1.0}, "class_weights": [1.0, 2]},
            "2 entries: expected 3",
        ),
    ],
)
def test_weights_of_other_classes(task: type[BaseTask], options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        task(**{"model": nn.Conv2d(3, 3, 1), "num_classes": 3, **options})  # type: ignore[call-arg]


FROZEN: dict[str, tuple[type[BaseTask], dict]] = {
    "resnet": (ClassificationTask, {"model": "test_resnet"}),
    "efficientnet": (ClassificationTask, {"model": "test_efficientnet"}),
    "unet": (SemanticSegmentationTask, {"model": "unet", "backbone": "resnet18"}),
    "fpn": (SemanticSegmentationTask, {"model": "fpn", "backbone": "test_efficientnet"}),
    "change": (ChangeDetectionTask, {"model": "fcsiamdiff", "backbone": "resnet18"}),
}


@pytest.mark.parametrize("name", FROZEN)
def test_what_is_frozen_does_not_change_in_training(name: str) -> None:
    """Nor do the statistics of its batch norms, whatever mode the task was in before."""
    kind, options = FROZEN[name]
    shape = (2, 3, 32, 32) if name == "change" else (3, 32, 32)
    count = {} if name == "change" else {"num_classes": 2}
    torch.manual_seed(0)
    task = kind(**options, **count, in_channels=3, freeze_backbone=True).eval()  # type: ignore[call-arg]
    data = [
        {"image": torch.rand(shape) + 3, "mask": torch.ones(32, 32, dtype=torch.long),
         "label": torch.tensor(i % 2)} for i in range(4)
    ]  # fmt: skip
    frozen = {n for n, p in task.named_parameters() if not p.requires_grad}
    frozen |= {
        n for n, _ in task.named_buffers() if n.rpartition(".")[0] + ".weight" in frozen
    }  # statistics of frozen batch norms
    before = {n: v.clone() for n, v in task.state_dict().items()}
    trainer = Trainer(
        max_steps=2, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, DataLoader(data, 2), DataLoader(data, 2))
    after = task.state_dict()
    changed = {n for n, v in after.items() if not torch.equal(v, before[n])}
    assert any("running_mean" in n for n in frozen)
    assert changed & frozen == set()
    assert changed


def test_a_pyramid_on_a_frozen_backbone_is_trained() -> None:
    task = SemanticSegmentationTask("fpn", "test_vit", num_classes=2, freeze_backbone=True)
    parts: dict = {n: p.requires_grad for n, p in task.model.encoder.named_parameters()}  # type: ignore[union-attr,operator]
    assert not any(v for n, v in parts.items() if n.startswith("backbone."))
    assert all(v for n, v in parts.items() if not n.startswith("backbone."))


def test_a_loaded_task_trains_on_in_training_mode(tmp_path) -> None:
    task = ClassificationTask("test_resnet", num_classes=2)
    fit(task, epochs=1).save_checkpoint(tmp_path / "x.ckpt")
    again = load_task(tmp_path / "x.ckpt")
    assert not again.training
    before = again.model.bn1.running_mean.clone()  # type: ignore[union-attr,operator]
    fit(again, epochs=1)
    assert not torch.equal(again.model.bn1.running_mean, before)  # type: ignore[union-attr,arg-type]
