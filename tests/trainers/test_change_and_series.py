"""Pairs and series of images: learned, saved, and indifferent to what must not matter."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from swath.errors import ConfigError, GridError
from swath.trainers import (
    ChangeDetectionTask,
    SpatioTemporalPixelwiseRegression,
    SpatioTemporalSegmentation,
    TemporalRegression,
    load_task,
)
from swath.trainers.change import double_stem

pytestmark = pytest.mark.filterwarnings("ignore")


def fit(task, data, epochs: int, batch: int = 4) -> Trainer:
    torch.manual_seed(0)
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, DataLoader(data, batch, shuffle=True), DataLoader(data, batch))
    return trainer


def again(task, trainer: Trainer, tmp_path, image: Tensor) -> None:
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    other = load_task(tmp_path / "x.ckpt")
    with torch.no_grad():
        torch.testing.assert_close(other(image), task.eval()(image))


def pairs(size: int = 32) -> list[dict[str, Tensor]]:
    """A square appears between the dates."""
    g = torch.Generator().manual_seed(0)
    found = []
    for i in range(6):
        first = torch.rand(2, size, size, generator=g) * 0.2
        second = first + torch.rand(2, size, size, generator=g) * 0.05
        mask = torch.zeros(size, size, dtype=torch.long)
        mask[i : i + 14, 4:18] = 1
        second[:, mask == 1] += 1
        found.append({"image": torch.stack([first, second]), "mask": mask})
    return found


@pytest.mark.parametrize("model", ["fcsiamdiff", "unet"])
def test_changes_are_learned(model: str, tmp_path) -> None:
    torch.manual_seed(0)
    task = ChangeDetectionTask(model, "resnet18", in_channels=2, lr=3e-3, pos_weight=[2.0])
    trainer = fit(task, pairs(), 12, batch=3)
    assert float(trainer.callback_metrics["train_iou/change"]) > 0.7
    again(task, trainer, tmp_path, torch.rand(1, 2, 2, 33, 40))


@pytest.mark.parametrize(
    ("model", "backbone"), [("changevit", "vit_tiny_patch16_224"), ("btc", "swin_tiny")]
)
def test_transformers_of_pairs_step(model: str, backbone: str) -> None:
    task = ChangeDetectionTask(model, backbone, in_channels=3)
    batch = {"image": torch.rand(2, 2, 3, 40, 40), "mask": torch.randint(0, 2, (2, 40, 40))}
    task.step(batch, "train").backward()
    found = task.predict_step(batch, 0)["probabilities"]
    assert found.shape == (2, 2, 40, 40)


def test_two_images_by_name_are_a_pair() -> None:
    task = ChangeDetectionTask(nn.Sequential(nn.Flatten(1, 2), nn.Conv2d(4, 1, 1)), in_channels=2)
    image, mask = torch.rand(3, 2, 2, 8, 8), torch.randint(0, 2, (3, 8, 8))
    one = task.step({"image": image, "mask": mask}, "val")
    two = task.step({"image1": image[:, 0], "image2": image[:, 1], "mask": mask}, "val")
    assert float(one) == float(two)
    with pytest.raises(ConfigError, match="expected image"):
        task.step({"image1": image[:, 0], "mask": mask}, "val")
    with pytest.raises(GridError, match=r"expected \(B, 2, C, H, W\)"):
        task(image[:, 0])


def test_a_doubled_stem_sees_two_equal_dates_as_one() -> None:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    net = smp.Unet("resnet18", encoder_weights=None, in_channels=3).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = net(image)
        double_stem(net, 3)
        torch.testing.assert_close(net(torch.cat([image, image], 1)), before, rtol=1e-4, atol=1e-5)


def seasons(size: int = 12) -> list[dict[str, Tensor]]:
    """Classes that only the order of the dates tells apart: rising or falling."""
    g = torch.Generator().manual_seed(0)
    found = []
    for _ in range(8):
        mask = torch.zeros(size, size, dtype=torch.long)
        edge = int(torch.randint(4, 9, (), generator=g))
        mask[:, edge:] = 1
        slope = torch.where(mask == 1, 1.0, -1.0)
        dates = torch.stack([(slope * (t - 1.5))[None] for t in range(4)])
        image = dates + 0.1 * torch.randn(4, 1, size, size, generator=g)
        found.append({"image": image, "mask": mask, "height": slope * 3})
    return found


@pytest.mark.parametrize("model", ["convlstm", "conv3dlstm"])
def test_series_to_classes(model: str, tmp_path) -> None:
    torch.manual_seed(0)
    task = SpatioTemporalSegmentation(model, 1, num_classes=2, lr=0.02, hidden_dim=8)
    trainer = fit(task, seasons(), 12)
    assert float(trainer.callback_metrics["val_accuracy"]) > 0.95
    assert task.hparams["model_options"] == {"hidden_dim": 8}
    again(task, trainer, tmp_path, torch.rand(1, 3, 1, 9, 7))


def test_pooled_models_do_not_mind_the_order() -> None:
    torch.manual_seed(0)
    task = SpatioTemporalSegmentation("unet", 2, num_classes=3, pool="max").eval()
    series = torch.rand(1, 4, 2, 40, 45)
    with torch.no_grad():
        found = task(series)
        assert found.shape == (1, 3, 40, 45)
        torch.testing.assert_close(task(series.flip(1)), found)


def test_series_to_numbers(tmp_path) -> None:
    torch.manual_seed(0)
    data = [{"image": s["image"], "mask": s["height"]} for s in seasons()]
    task = SpatioTemporalPixelwiseRegression("convlstm", 1, lr=0.03, hidden_dim=8)
    trainer = fit(task, data, 25)
    assert float(trainer.callback_metrics["val_r2"]) > 0.9
    again(task, trainer, tmp_path, torch.rand(1, 3, 1, 9, 7))


def test_what_comes_next(tmp_path) -> None:
    torch.manual_seed(0)
    phase = torch.rand(64, 1) * 6.3
    wave = torch.sin(phase + torch.arange(16) * 0.4)
    data = [{"input": w[:12, None], "target": w[12:, None]} for w in wave]
    task = TemporalRegression(
        in_channels=1, out_steps=4, lr=3e-3, n_head=2, d_model=32, d_k=8, n_neurons=[32, 32],
        len_max_seq=12, dropout=0.0,
    )  # fmt: skip
    trainer = fit(task, data, 40, batch=16)
    assert float(trainer.callback_metrics["val_r2"]) > 0.9
    again(task, trainer, tmp_path, torch.rand(2, 12, 1))
    with pytest.raises(GridError, match=r"expected \(B, T, C\)"):
        task(torch.rand(2, 12))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SpatioTemporalSegmentation("convlstm", 1, num_classes=2, width=3), "width"),
        (lambda: SpatioTemporalSegmentation("convlstm2", 1, num_classes=2), "model is 'convlstm2'"),
        (lambda: TemporalRegression("lstm"), "expected 'ltae'"),
        (lambda: TemporalRegression(out_steps=0), "out_steps is 0"),
        (lambda: ChangeDetectionTask("btc", "swin_tiny", weights="nofile.pth"), "nofile"),
    ],
)
def test_bad_arguments(build, message: str) -> None:
    with pytest.raises((ConfigError, OSError), match=message):
        build()


def test_no_option_is_passed_over() -> None:
    task = SpatioTemporalSegmentation("unet", 1, num_classes=2, freeze_backbone=True)
    assert not any(p.requires_grad for p in task.model.network.encoder.parameters())
    assert all(p.requires_grad for p in task.model.network.decoder.parameters())
    one = nn.Conv2d(1, 2, 1)
    for build, message in (
        (lambda: SpatioTemporalSegmentation("convlstm", 1, num_classes=2, freeze_backbone=True),
         "no backbone"),
        (lambda: SpatioTemporalSegmentation(one, 1, num_classes=2, learning=1), "learning"),
        (lambda: ChangeDetectionTask(one, in_channels=1, freeze_backbone=True), "no encoder"),
        (lambda: ChangeDetectionTask("fcn", in_channels=1, freeze_decoder=True), "no decoder"),
        (lambda: TemporalRegression(freeze_backbone=True), "no backbone"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            build()
    with pytest.raises(GridError, match="expected"):
        TemporalRegression().step({"input": torch.rand(2, 12, 1), "target": torch.rand(2)}, "val")
