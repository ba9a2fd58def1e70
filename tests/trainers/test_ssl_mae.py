"""Masked autoencoders: patches, positions, a small set that is painted again."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from swath.errors import ConfigError, GridError
from swath.trainers import ClassificationTask, MAETask, load_task
from swath.trainers.masked import MaskedAutoencoder, patches_to_image, positions, to_patches

pytestmark = pytest.mark.filterwarnings("ignore")


def images(count: int = 6, bands: int = 4) -> list[dict[str, Tensor]]:
    """Slopes in all directions, on a scale of thousands."""
    g = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    found = []
    for _ in range(count):
        a, b, c = torch.randn(3, bands, 1, 1, generator=g)
        found.append({"image": 1000 + 300 * (a * x + b * y + c), "label": torch.tensor(0)})
    return found


def vit(**options: Any) -> VisionTransformer:
    given = {"img_size": 32, "patch_size": 8, "in_chans": 4, "num_classes": 0, "embed_dim": 48,
             "depth": 2, "num_heads": 3}  # fmt: skip
    return VisionTransformer(**{**given, **options})


def trainer(epochs: int, folder: object) -> Trainer:
    return Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(folder), num_sanity_val_steps=0,
        enable_checkpointing=False,
    )  # fmt: skip


SMALL: dict[str, Any] = {
    "in_channels": 4, "size": 32, "decoder_dim": 48, "decoder_num_heads": 3, "warmup_epochs": 2,
    "mean": [1000.0] * 4, "std": [300.0] * 4,
}  # fmt: skip


def test_patches_and_back() -> None:
    image = torch.arange(2 * 3 * 8 * 12).float().view(2, 3, 8, 12)
    patches = to_patches(image, (4, 6))
    assert patches.shape == (2, 4, 72)
    wanted = image[1, :, 4:8, 0:6].permute(1, 2, 0).reshape(-1)
    assert torch.equal(patches[1, 2], wanted)
    assert torch.equal(patches_to_image(patches, (4, 6), (8, 12)), image)
    with pytest.raises(GridError, match="no whole number of patches"):
        to_patches(image, (5, 6))


def test_positions_are_sines_and_cosines() -> None:
    found = positions((2, 3), 8, prefix=1)
    assert torch.equal(found[0], torch.zeros(8))
    for row in range(2):
        for column in range(3):
            wanted = []
            for place in (column, row):
                rates = [10000 ** -(i / 2) for i in range(2)]
                wanted += [math.sin(place * r) for r in rates]
                wanted += [math.cos(place * r) for r in rates]
            torch.testing.assert_close(found[1 + row * 3 + column], torch.tensor(wanted))
    with pytest.raises(ConfigError, match="multiple of 4"):
        positions((2, 2), 6)


def test_hidden_patches_are_not_seen() -> None:
    torch.manual_seed(0)
    net = MaskedAutoencoder(vit(), 4, 48, 1, 3).eval()
    image = torch.rand(3, 4, 32, 32)
    torch.manual_seed(1)
    found, hidden = net.masked(image, 0.75)
    assert hidden.shape == (3, 16)
    assert hidden.sum(1).tolist() == [12] * 3
    patches = to_patches(image, (8, 8))
    other = patches_to_image(patches.masked_fill(hidden[..., None], 9.0), (8, 8), (32, 32))
    torch.manual_seed(1)
    again, _ = net.masked(other, 0.75)
    torch.testing.assert_close(again, found)
    seen = patches_to_image(patches.masked_fill(~hidden[..., None], 9.0), (8, 8), (32, 32))
    torch.manual_seed(1)
    assert not torch.allclose(net.masked(seen, 0.75)[0], found)


def test_patches_are_put_back_where_they_were() -> None:
    """With nothing but positions to go by, each place gets its own position's answer."""
    torch.manual_seed(0)
    net = MaskedAutoencoder(vit(), 4, 48, 0, 3).eval()
    net.decoder.embed.weight.data.zero_()
    net.decoder.embed.bias.data.zero_()
    net.decoder.mask_token.data.zero_()
    found, _ = net.masked(torch.rand(2, 4, 32, 32), 0.5)
    wanted = net.decoder.pixels(net.decoder.norm(positions((4, 4), 48)))
    torch.testing.assert_close(found, wanted.expand(2, -1, -1))


def test_the_loss_is_that_of_hidden_patches() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 4, 32, 32)
    hidden = torch.rand(2, 16) < 0.5
    found = torch.randn(2, 16, 256)
    for norm in (False, True):
        task = MAETask(vit(), norm_pix_loss=norm, **SMALL)
        total, count = 0.0, 0
        for b in range(2):
            for k in range(16):
                if not hidden[b, k]:
                    continue
                y, x = divmod(k, 4)
                truth = image[b, :, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8].permute(1, 2, 0).flatten()
                if norm:
                    truth = (truth - truth.mean()) / (truth.var() + 1e-6) ** 0.5
                total += float((found[b, k] - truth).square().mean())
                count += 1
        assert float(task.error(found, image, hidden)) == pytest.approx(total / count, 1e-5)


def test_a_small_set_is_painted(tmp_path) -> None:
    torch.manual_seed(0)
    task = MAETask(
        vit(), norm_pix_loss=False, lr=4e-3, weight_decay=0.0, mask_ratio=0.5,
        transform=nn.Identity(), **SMALL,
    )  # fmt: skip
    data, run = images(), trainer(20, tmp_path)
    before = run.validate(task, DataLoader(data, 6), verbose=False)[0]["val_loss"]
    run.fit(task, DataLoader(data * 8, 6), DataLoader(data, 6))
    assert float(run.callback_metrics["val_loss"]) < 0.05 * before
    batch = {"image": torch.stack([s["image"] for s in data])}
    found = task.reconstruct(batch)
    torch.testing.assert_close(found["image"], batch["image"], rtol=1e-4, atol=0.01)
    dark = found["hidden"][:, None].expand_as(found["image"])
    assert torch.equal(found["visible"].isnan(), dark)
    assert torch.equal(found["reconstruction"][~dark], found["image"][~dark])
    error = (found["reconstruction"] - batch["image"])[dark].square().mean().sqrt()
    assert float(error) < 0.25 * float(batch["image"].std())
    figure = task.plot_reconstruction(batch, limit=2, rgb_bands=[2, 1, 0])
    assert len(figure.axes) == 6
    assert figure.axes[1].get_title() == "visible"


@pytest.mark.parametrize("size", [64, 160])
def test_the_backbone_goes_into_a_classifier(size: int, tmp_path) -> None:
    torch.manual_seed(0)
    task = MAETask("test_vit", size=size, decoder_dim=32, decoder_num_heads=2)
    assert not task.backbone.pos_embed.requires_grad  # type: ignore[union-attr]
    run = trainer(1, tmp_path)
    data = [{"image": torch.rand(3, 70, 80)} for _ in range(2)]
    run.fit(task, DataLoader(data, 2), DataLoader(data, 2))
    assert {"val_loss", "val_std"} <= set(run.callback_metrics)
    run.save_checkpoint(tmp_path / "x.ckpt")
    task.save_backbone(tmp_path / "backbone.pth")
    image = torch.rand(2, 3, size, size)
    wanted = task.eval()(image)
    for file in ("backbone.pth", "x.ckpt"):
        heir = ClassificationTask("test_vit", weights=str(tmp_path / file), num_classes=3).eval()
        net: Any = heir.model
        torch.testing.assert_close(net.forward_head(net.forward_features(image), True), wanted)
    torch.testing.assert_close(load_task(tmp_path / "x.ckpt")(image), wanted)
    found = task.predict_step({"image": torch.rand(2, 3, 50, 40), "crs": "EPSG:4326"}, 0)
    assert found["embedding"].shape == (2, 64)
    assert found["crs"] == "EPSG:4326"


def test_the_optimiser_is_the_paper_s() -> None:
    task = MAETask(vit(), schedule="constant", **SMALL)
    group = task.configure_optimizers()["optimizer"].param_groups[0]
    assert group["betas"] == (0.9, 0.95)
    assert group["weight_decay"] == 0.05


@pytest.mark.parametrize(
    "options", [{"reg_tokens": 2}, {"class_token": False, "global_pool": "avg"}]
)
def test_other_tokens_than_patches(options: dict) -> None:
    task = MAETask(vit(**options), **SMALL)
    loss = task.step({"image": torch.rand(2, 4, 32, 32) * 1000}, "train")
    loss.backward()
    without = [n for n, p in task.model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("resnet18", {}, "ResNet: a masked autoencoder needs a ViT"),
        (None, {"mask_ratio": 1.0}, "mask_ratio is 1.0"),
        (None, {"decoder_dim": 50, "decoder_num_heads": 3}, "heads divide"),
    ],
)
def test_bad_arguments(model: str | None, arguments: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MAETask(model or vit(), **{**SMALL, **arguments})
