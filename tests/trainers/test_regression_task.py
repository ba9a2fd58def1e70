"""Numbers for images and pixels: learned, scored like scikit-learn, the unknown left out."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import Trainer
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from torch import nn
from torch.utils.data import DataLoader

from swath.errors import ConfigError, GridError
from swath.trainers import PixelwiseRegressionTask, RegressionTask, load_task
from swath.trainers.regression import RegressionMetrics

pytestmark = pytest.mark.filterwarnings("ignore")


def fit(task, data, epochs: int) -> Trainer:
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, DataLoader(data, 8, shuffle=True), DataLoader(data, 8))
    return trainer


def test_images_to_numbers() -> None:
    torch.manual_seed(0)
    images = torch.rand(32, 2, 8, 8) * 100 * torch.rand(32, 2, 1, 1)
    data = [
        {"image": i, "label": torch.stack([i[0].mean() / 10, i[1].mean() / 20])} for i in images
    ]
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    task = RegressionTask(net, in_channels=2, num_outputs=2, labels=["wind", "rain"], lr=0.1,
                          mean=[25, 25], std=[15, 15])  # fmt: skip
    trainer = fit(task, data, 60)
    assert float(trainer.callback_metrics["val_r2"]) > 0.99
    assert {"val_rmse/wind", "val_rmse/rain"} <= set(trainer.callback_metrics)
    found = task.predict_step({"image": images[:3], "bounds": torch.zeros(3, 9)}, 0)
    assert found["prediction"].shape == (3, 2)
    assert "bounds" in found


@pytest.mark.parametrize("model", ["fcn", "unet"])
def test_pixels_to_numbers_where_some_are_unknown(model: str, tmp_path) -> None:
    torch.manual_seed(0)
    # smooth, as heights are: a network that sees a neighbourhood can tell them
    images = nn.functional.interpolate(torch.rand(16, 2, 4, 4), (32, 32), mode="bicubic")
    data = []
    for image in images:
        height = image[0] * 3 + 1
        height[:3], height[5, 5] = torch.nan, -9999
        data.append({"image": image, "mask": height})
    task = PixelwiseRegressionTask(
        model,
        "resnet18",
        in_channels=2,
        num_filters=16,
        ignore_value=-9999,
        lr=0.01,
        loss="huber",
        mean=[0.5, 0.5],
        std=[0.3, 0.3],
    )
    trainer = fit(task, data, 80 if model == "fcn" else 2)
    assert torch.isfinite(trainer.callback_metrics["val_rmse"])
    if model == "fcn":
        assert float(trainer.callback_metrics["val_r2"]) > 0.9
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    again, image = load_task(tmp_path / "x.ckpt"), torch.rand(1, 2, 37, 41)
    assert again(image).shape == (1, 1, 37, 41)
    torch.testing.assert_close(again(image), task.eval()(image))


def test_scores_are_scikit_learn_s() -> None:
    g = torch.Generator().manual_seed(0)
    truth, found = torch.randn(40, 2, generator=g) * 7 + 3, torch.randn(40, 2, generator=g)
    metrics = RegressionMetrics(["a", "b"], ignore_value=-1)
    unknown = torch.full((2, 2), -1.0)
    for t, f in ((truth[:9], found[:9]), (truth[9:], found[9:]), (unknown, unknown * 99)):
        metrics.update(f, t)
    metrics.update(torch.ones(1, 2), torch.full((1, 2), torch.nan))
    scores = {k: float(v) for k, v in metrics.compute().items()}
    for i, name in enumerate("ab"):
        t, f = truth[:, i], found[:, i]
        assert scores[f"rmse/{name}"] == pytest.approx(mean_squared_error(t, f) ** 0.5, rel=1e-5)
        assert scores[f"mae/{name}"] == pytest.approx(mean_absolute_error(t, f), rel=1e-5)
        assert scores[f"r2/{name}"] == pytest.approx(r2_score(t, f), rel=1e-4)
        assert scores[f"bias/{name}"] == pytest.approx(float((f - t).mean()), rel=1e-4)


def test_bad_arguments() -> None:
    with pytest.raises(ConfigError, match="num_outputs is 2"):
        RegressionTask("resnet18", num_outputs=2, labels=["a"])
    with pytest.raises(ConfigError, match="loss is 'ce'"):
        RegressionTask("resnet18", loss="ce")
    task = PixelwiseRegressionTask("fcn")
    with pytest.raises(GridError, match="expected"):
        task.step({"image": torch.rand(1, 3, 8, 8), "mask": torch.rand(1, 8, 9)}, "val")


def test_half_precision_rounds_no_truth() -> None:
    """bfloat16 makes -9999 to -9984 and 1234.5 to 1232."""
    data = [
        {"image": torch.rand(3, 8, 8), "mask": torch.where(torch.rand(8, 8) < 0.5, -9999, 1234.5)}
        for _ in range(4)
    ]
    task = PixelwiseRegressionTask("fcn", num_filters=2, lr=1e-9, ignore_value=-9999)
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, precision="bf16-mixed",
    )  # fmt: skip
    trainer.fit(task, DataLoader(data, 2), DataLoader(data, 2))
    assert float(trainer.callback_metrics["val_mae"]) == pytest.approx(1234.5, abs=1.5)


def test_what_is_ignored_is_so_in_the_truth_s_precision() -> None:
    metrics = RegressionMetrics(["a"], ignore_value=-99.9)  # no float32
    metrics.update(torch.ones(2, 1), torch.tensor([[2.0], [-99.9]]))
    assert float(metrics.compute()["mae"]) == 1
