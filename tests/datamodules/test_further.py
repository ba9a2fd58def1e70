"""Data modules of further datasets, from miniatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from swath.datamodules import further
from swath.datasets import make_miniature


@pytest.mark.parametrize("name", further.__all__)
def test_every_stage_gives_batches(name: str, tmp_path: Path) -> None:
    kind = getattr(further, name)
    make_miniature(kind.dataset, tmp_path, count=6)
    sized = {"patch_size": 32} if hasattr(kind, "images_per_batch") else {}
    data = kind(batch_size=2, root=tmp_path, checksum=False, **sized)
    data.setup("fit")
    data.setup("test")
    mean, _ = data.normalisation()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        batch = next(iter(loader))
        assert batch["image"].shape[1] == len(mean)
        assert {"mask", "label", "labels"} & set(batch)
