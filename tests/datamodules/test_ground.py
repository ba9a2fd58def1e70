"""Data modules of published layers: no ground on two sides, batches of every stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from lightning.pytorch import Trainer
from rasterio.transform import from_origin

from swath.datamodules import (
    AgriFieldNetDataModule,
    ChesapeakeCVPRDataModule,
    L7IrishDataModule,
    L8BiomeDataModule,
    LandsatCDLDataModule,
    NAIPChesapeakeDataModule,
    Sentinel2CDLDataModule,
)
from swath.datasets import dataset_class, make_miniature, shares_ground
from swath.datasets.folder import NO_LABEL
from swath.errors import ConfigError, SplitError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            make_miniature(dataset_class(name), made[name])
        return made[name]

    return make


def write(path: Path, data: Any, crs: str, origin: tuple[float, float], res: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=data.shape[2], height=data.shape[1], count=len(data),
        dtype=data.dtype, crs=crs, transform=from_origin(*origin, res, res),
    ) as file:  # fmt: skip
        file.write(data)


def parts(module: Any) -> list[Any]:
    module.setup("fit")
    module.setup("test")
    return [module.train_dataset, module.val_dataset, module.test_dataset]


def apart(datasets: list[Any]) -> bool:
    train, val, test = datasets
    return not (shares_ground(train, val) or shares_ground(train, test) or shares_ground(val, test))


@pytest.mark.parametrize(
    ("kind", "name", "bands"),
    [(L7IrishDataModule, "L7Irish", 9), (L8BiomeDataModule, "L8Biome", 11)],
)
def test_scenes_are_cut_into_cells(kind: Any, name: str, bands: int, roots: Any) -> None:
    module = kind(batch_size=2, patch_size=2, length=4, paths=roots(name), checksum=False)
    found = parts(module)
    assert apart(found)
    rows = [len(p) for p in found]
    assert rows[0] > rows[1] > 0
    assert rows[2] > 0
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape == (2, bands, 2, 2)
    assert batch["mask"].shape == (2, 2, 2)
    edge = module.on_after_batch_transfer({"mask": torch.tensor([[NO_LABEL, 3]])}, 0)
    assert edge["mask"].tolist() == [[0, 3]]
    assert module.normalisation() == ([0.0] * bands, [255.0] * bands)
    assert list(module.classes) == ["Fill", "Cloud Shadow", "Clear", "Thin Cloud", "Cloud"]
    again = kind(paths=roots(name), checksum=False)
    assert [len(p) for p in parts(again)] == rows
    module.setup("predict")
    assert len(module.predict_dataset) < sum(rows)


def test_train_in_one_state_and_test_in_six(roots: Any) -> None:
    tests = [f"{state}-test" for state in ("de", "md", "va", "wv", "pa", "ny")]
    module = ChesapeakeCVPRDataModule(
        ["de-train"], ["de-val"], tests, batch_size=2, patch_size=16, length=2,
        root=roots("ChesapeakeCVPR"), checksum=False,
    )  # fmt: skip
    train, val, test = parts(module)
    assert (len(train), len(val), len(test)) == (1, 1, 6)
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape == (2, 4, 16, 16)
    seen = module.on_after_batch_transfer(batch, 0)["mask"]
    assert set(seen.unique().tolist()) <= set(range(7))
    assert len(module.classes) == 7


@pytest.mark.parametrize(("class_set", "numbers"), [(7, [0, 1, 2, 3, 4, 5, 6, 0, 0]),
                                                    (5, [0, 1, 2, 3, 4, 4, 4, 0, 0])])  # fmt: skip
def test_codes_become_class_numbers(class_set: int, numbers: list[int]) -> None:
    module = ChesapeakeCVPRDataModule(["de-train"], ["de-val"], ["ny-test"], class_set=class_set)
    mask = torch.tensor([[[0, 1, 2, 3, 4, 5, 6, 15, NO_LABEL]]])
    assert module.on_after_batch_transfer({"mask": mask}, 0)["mask"].flatten().tolist() == numbers
    assert len(module.classes) == class_set


def test_priors_sum_to_one(roots: Any) -> None:
    module = ChesapeakeCVPRDataModule(
        ["de-train"], ["de-val"], ["ny-test"], batch_size=1, patch_size=8, length=1, class_set=5,
        use_prior_labels=True, root=roots("ChesapeakeCVPR"), checksum=False,
    )  # fmt: skip
    module.setup("fit")
    batch = next(iter(module.train_dataloader()))
    raw = batch["mask"].double()
    likely = module.on_after_batch_transfer(batch, 0)["mask"]
    assert likely.shape == (1, 4, 8, 8)
    expected = raw / raw.sum(1, keepdim=True) + 1e-4
    torch.testing.assert_close(likely.double(), expected / expected.sum(1, keepdim=True))


def test_wrong_splits_and_classes() -> None:
    with pytest.raises(SplitError, match="ny-test"):
        ChesapeakeCVPRDataModule(["de-train"], ["de-val"], ["ny-tset"])
    with pytest.raises(SplitError, match="de-train"):
        ChesapeakeCVPRDataModule(["de-train"], ["de-val"], ["ny-test", "de-train"])
    with pytest.raises(ConfigError, match="5 or 7"):
        ChesapeakeCVPRDataModule(["de-train"], ["de-val"], ["ny-test"], class_set=6)
    with pytest.raises(ConfigError, match="class_set=5"):
        ChesapeakeCVPRDataModule(["de-train"], ["de-val"], ["ny-test"], use_prior_labels=True)
    with pytest.raises(ConfigError, match="naip_"):
        NAIPChesapeakeDataModule(paths="anywhere")
    with pytest.raises(ConfigError, match="ChesapeakeDE"):
        NAIPChesapeakeDataModule(chesapeake_state="dd").kind("chesapeake")


def test_aerial_photographs_and_land_use(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    place: Any = {"crs": "EPSG:26918", "origin": (320_000.0, 4_310_000.0), "res": 1.0}
    image = rng.integers(1, 255, (4, 64, 64)).astype("uint8")
    write(tmp_path / "naip" / "m_3807511_ne_18_060_20181104.tif", image, **place)
    codes = np.full((1, 64, 64), 28, "uint8")
    write(tmp_path / "lulc" / "dc_lulc_2018_2022-Edition.tif", codes, **place)
    module = NAIPChesapeakeDataModule(
        batch_size=1, patch_size=8, length=2, naip_paths=tmp_path / "naip",
        chesapeake_paths=tmp_path / "lulc", chesapeake_state="dc",
    )  # fmt: skip
    assert apart(parts(module))
    widths = [d.bounds[0].stop - d.bounds[0].start for d in parts(module)]
    assert widths == [32, 32, 32]
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape == (1, 4, 8, 8)
    assert batch["mask"].unique().tolist() == [28]
    assert module.normalisation()[1] == [255.0] * 4


def crops(folder: Path) -> None:
    codes = np.tile(np.array([1, 5], "uint8").repeat(8), (16, 1))[None].repeat(2, 0)[:1]
    write(folder / "2023_30m_cdls.tif", codes, "EPSG:32616", (500_000.0, 4_400_000.0), 30.0)


def test_sentinel_2_and_crops(tmp_path: Path) -> None:
    crops(tmp_path / "cdl")
    rng = np.random.default_rng(0)
    for band in ("B04", "B08"):
        write(
            tmp_path / "s2" / f"T16TDL_20230620T163839_{band}_10m.tif",
            rng.integers(1, 5000, (1, 48, 48)).astype("uint16"), "EPSG:32616",
            (500_000.0, 4_400_000.0), 10.0,
        )  # fmt: skip
    module = Sentinel2CDLDataModule(
        batch_size=2, patch_size=4, length=4, sentinel2_paths=tmp_path / "s2",
        sentinel2_bands=["B04", "B08"], cdl_paths=tmp_path / "cdl", cdl_classes=[0, 1, 5],
    )  # fmt: skip
    found = parts(module)
    assert apart(found)
    assert len(found[0]) > 6 * len(found[1])
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape == (2, 2, 4, 4)
    assert set(batch["mask"].unique().tolist()) <= {1, 2}
    assert list(module.classes) == ["Background", "Corn", "Soybeans"]
    assert module.normalisation() == ([0.0] * 2, [10_000.0] * 2)


def test_landsat_and_crops(tmp_path: Path) -> None:
    from swath.trainers import SemanticSegmentationTask

    crops(tmp_path / "cdl")
    for band in ("SR_B4", "SR_B5"):
        write(
            tmp_path / "l9" / f"LC09_L2SP_023032_20230620_20230622_02_T1_{band}.TIF",
            np.full((1, 16, 16), 12_000, "uint16"), "EPSG:32616", (500_000.0, 4_400_000.0), 30.0,
        )  # fmt: skip
    module = LandsatCDLDataModule(
        batch_size=2, patch_size=2, length=2, landsat_satellite="Landsat9",
        landsat_paths=tmp_path / "l9", landsat_bands=["SR_B4", "SR_B5"],
        cdl_paths=tmp_path / "cdl", cdl_classes=[0, 1, 5],
    )  # fmt: skip
    assert apart(parts(module))
    task = SemanticSegmentationTask(
        torch.nn.Conv2d(2, 3, 1), in_channels=2, num_classes=3, ignore_index=0, loss="ce"
    )
    trainer = Trainer(
        fast_dev_run=True, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, datamodule=module)
    trainer.test(task, datamodule=module, verbose=False)
    assert "Corn" in (task.hparams.get("labels") or ()) or "Corn" in task.hparams["classes"]


def test_patches_of_crops_are_dealt_out_whole(tmp_path: Path) -> None:
    kind = dataset_class("AgriFieldNet")
    ids = [f"{i:05x}" for i in range(10)]
    many = type("AgriFieldNet", (kind,), {"examples": tuple({"id": i} for i in ids)})
    make_miniature(many, tmp_path)
    module = AgriFieldNetDataModule(
        batch_size=1, patch_size=32, length=2, paths=tmp_path, bands=["B04", "B03"]
    )
    found = parts(module)
    assert [len(p) for p in found] == [8, 1, 1]
    assert apart(found)
    assert next(iter(module.val_dataloader()))["image"].shape == (1, 2, 32, 32)
    assert module.normalisation() == ([0.0] * 2, [255.0] * 2)
    assert list(module.classes)[:3] == ["No Data", "Wheat", "Mustard"]
