"""A task with several heads: its tables by head, and the map of one of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from swath.cli.gallery import gallery_of
from swath.cli.map import mapped
from swath.cli.map import run as run_map
from swath.cli.run_files import read_run
from swath.cli.run_folder import RunRecord
from swath.errors import ConfigError
from swath.trainers import MultiTask, RegressionTask

pytestmark = pytest.mark.filterwarnings("ignore")
COVER = {"kind": "segmentation", "key": "mask", "classes": ["field", "wood"], "values": [3, 7],
         "colors": [[255, 255, 0], [0, 90, 0]]}  # fmt: skip
SOIL = {"kind": "segmentation", "key": "soil", "num_classes": 3}
SCENE = {"kind": "classification", "key": "label", "labels": ["dry", "wet"]}
HEIGHT = {"kind": "pixelwise_regression", "key": "height"}


def task(**heads: dict[str, Any]) -> MultiTask:
    torch.manual_seed(0)
    return MultiTask(backbone="test_resnet", in_channels=2, bands=["red", "nir"], heads=heads)


def test_tables_have_a_row_a_class_of_each_head(tmp_path: Path) -> None:
    data = [
        {"image": torch.rand(2, 32, 32), "mask": torch.randint(0, 2, (32, 32)),
         "label": torch.tensor(i % 2), "height": torch.rand(32, 32)}
        for i in range(4)
    ]  # fmt: skip
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
        callbacks=[RunRecord(str(tmp_path))],
    )  # fmt: skip
    one = task(cover=COVER, scene=SCENE, height=HEIGHT)
    trainer.fit(one, DataLoader(data, 2), DataLoader(data, 2))
    trainer.test(one, DataLoader(data, 2), verbose=False)
    for part, before in (("val", ""), ("test", "test_")):
        with (tmp_path / f"{before}per_class.csv").open() as file:
            rows = {row["class"]: row for row in csv.DictReader(file)}
        assert {"cover/field", "cover/wood", "scene/dry", "scene/wet"} <= set(rows)
        true = sum(int((d["mask"] == 1).sum()) for d in data)
        assert int(rows["cover/wood"]["truth"]) == true
        assert int(rows["scene/wet"]["truth"]) == 2
        logged = trainer.callback_metrics if part == "test" else {}
        if logged:
            said = float(logged["test/cover/iou/wood"])
            assert float(rows["cover/wood"]["iou"]) == pytest.approx(said, rel=1e-4)
        found = read_run(str(tmp_path))
        names, counts = found.confusions[f"{part} cover"]
        assert names == ["field", "wood"]
        assert sum(counts[1]) == true
        assert f"{before}confusion_scene.png" in found.pictures
    assert {"val cover", "val scene", "test cover", "test scene"} == set(found.confusions)


def test_pictures_are_named_after_their_heads(tmp_path: Path) -> None:
    heads = {"cover": COVER, "tree height": HEIGHT}
    gallery = gallery_of(task(**heads))
    gallery.rows = 2
    batch = {"image": torch.rand(3, 2, 16, 16), "mask": torch.randint(0, 2, (3, 16, 16)),
             "height": torch.rand(3, 16, 16)}  # fmt: skip
    gallery.add(batch, {"cover": torch.rand(3, 2, 16, 16), "tree height": batch["height"][:, None]})
    figures = gallery.figures()
    assert {"_cover", "_tree_height"} <= set(figures)
    words = [axis.get_xlabel() for axis in figures["_tree_height"].axes]
    assert "tree height" in words
    rows = {axis.get_subplotspec().rowspan.start for axis in figures["_cover"].axes if axis.images}
    assert len(rows) == 2
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"val{name}.png", dpi=20)
    run = read_run(str(tmp_path))
    assert {"val_cover.png", "val_tree_height.png"} <= set(run.pictures)
    assert not any("val.png" in words for words in run.missing)


def test_which_head_is_mapped() -> None:
    network, known = mapped(task(scene=SCENE, cover=COVER))
    assert known["classes"] == ["field", "wood"]
    assert (known["values"], known["bands"]) == ([3, 7], ["red", "nir"])
    assert network.eval()(torch.rand(1, 2, 32, 32)).shape == (1, 2, 32, 32)
    both = task(cover=COVER, soil=SOIL, scene=SCENE)
    assert len(mapped(both, "soil")[1]["classes"]) == 3
    for one, head, message in (
        (both, None, "cover, soil, of cover, soil, scene; --head NAME"),
        (both, "soul", "did you mean"),
        (both, "scene", "--head is 'scene'"),
        (task(scene=SCENE, height=HEIGHT), None, "no head that gives each pixel a class"),
        (RegressionTask("test_resnet", in_channels=2), None, "of a RegressionTask"),
        (RegressionTask("test_resnet", in_channels=2), "cover", "has no heads"),
    ):
        with pytest.raises(ConfigError, match=message):
            mapped(one, head)


def test_a_head_becomes_a_map(tmp_path: Path) -> None:
    one = task(cover=COVER, scene=SCENE).eval()
    content = {"state_dict": one.state_dict(), "hyper_parameters": dict(one.hparams)}
    torch.save(content | {"swath_task": "MultiTask"}, tmp_path / "x.ckpt")
    pixels = np.random.default_rng(0).random((2, 64, 64), np.float32)
    with rasterio.open(
        tmp_path / "scene.tif", "w", driver="GTiff", width=64, height=64, count=2,
        dtype="float32", crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 5e6),
    ) as file:  # fmt: skip
        file.write(pixels)
        file.descriptions = ("red", "nir")
    out = tmp_path / "map.tif"
    assert run_map(["--checkpoint", str(tmp_path / "x.ckpt"), "--images",
                    str(tmp_path / "scene.tif"), "--out", str(out), "--window", "64",
                    "--device", "cpu"]) == 0  # fmt: skip
    with torch.no_grad():
        expected = one(torch.from_numpy(pixels)[None])["cover"][0].argmax(0)
    with rasterio.open(out) as file:
        assert np.array_equal(file.read(1), np.array([3, 7])[expected])
