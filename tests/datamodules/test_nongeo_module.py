"""Images in folders to a trained classifier, with the augmentations of each stage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import nn

from swath.datamodules import FolderDataModule
from swath.datamodules.geo import stack_padded
from swath.errors import ConfigError
from swath.trainers import ClassificationTask

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for number, name in enumerate(("blue", "green", "red")):
        (tmp_path / name).mkdir()
        for i in range(10):
            pixels = rng.integers(0, 90, (8, 8, 3), dtype=np.uint8)
            pixels[..., 2 - number] += 120
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


class Mark(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, batch):
        self.seen += 1
        return batch


def run(module: FolderDataModule, task: ClassificationTask, epochs: int = 1) -> Trainer:
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=module)
    return trainer


def test_folders_to_a_classifier(folders) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                        nn.Linear(8, 3))  # fmt: skip
    module = FolderDataModule(str(folders), batch_size=6, fractions=(0.6, 0.2, 0.2))
    task = ClassificationTask(net, num_classes=3, lr=0.05, mean=[100.0] * 3, std=[60.0] * 3)
    trainer = run(module, task, 15)
    assert float(trainer.callback_metrics["val_accuracy"]) == 1
    scores = trainer.test(task, datamodule=module, verbose=False)[0]
    assert scores["test_accuracy"] == 1
    found = trainer.predict(task, datamodule=module)
    assert sum(len(part["probabilities"]) for part in found) == 30


def test_each_stage_has_its_augmentation(folders) -> None:
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module = FolderDataModule(str(folders), batch_size=6)
    module.train_aug, module.aug = Mark(), Mark()
    task = ClassificationTask(nn.Sequential(net, nn.Linear(3, 3)), num_classes=3)
    trainer = run(module, task)
    assert (module.train_aug.seen, module.aug.seen) == (3, 1)
    trainer.test(task, datamodule=module, verbose=False)
    assert (module.train_aug.seen, module.aug.seen) == (3, 2)


def test_the_split_is_the_seed_s(folders) -> None:
    def parts(seed: int) -> list[list[int]]:
        module = FolderDataModule(str(folders), seed=seed)
        module.setup("fit")
        return [list(p.indices) for p in (module.train_dataset, module.test_dataset)]

    assert parts(1) == parts(1)
    assert parts(1) != parts(2)
    with pytest.raises(ConfigError, match="expected train, val and test"):
        FolderDataModule(str(folders), fractions=(0.5, 0.5))


@pytest.mark.parametrize(
    ("dtype", "fill"), [(torch.int64, -32768), (torch.float32, torch.nan), (torch.uint8, -32768)]
)
def test_the_edge_of_a_map_has_no_truth(dtype: torch.dtype, fill: float) -> None:
    whole, part = torch.ones(4, 4), torch.ones(4, 3)
    samples = [{"image": m[None], "mask": m.to(dtype)} for m in (whole, part)]
    out = stack_padded(samples, (4, 4))["mask"]
    torch.testing.assert_close(
        out[1, :, 3], torch.full((4,), fill), equal_nan=True, check_dtype=False
    )
