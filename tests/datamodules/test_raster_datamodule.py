from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import torch
from rasterio.transform import from_origin

from swath.datamodules import RasterDataModule
from swath.datamodules.augment import dihedral, encode_labels
from swath.datamodules.survey import survey
from swath.datasets.statistics import ChannelStatistics
from swath.errors import ConfigError, NoOverlapError, SplitError

SIZE = 256


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of 256 × 256 whose first column of 32 is nodata, and labels on another grid."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, (SIZE // 16, SIZE // 16)).repeat(16, 0).repeat(16, 1)
    image = np.stack([100 + 50 * classes, 500 - 50 * classes]) + rng.integers(0, 9, (2, SIZE, SIZE))
    image[:, :, :32] = 0
    (folder / "images").mkdir()
    profile = {"driver": "GTiff", "crs": "EPSG:32614", "width": SIZE, "height": SIZE}
    with rasterio.open(
        folder / "images" / "scene_20200601.tif", "w", count=2, dtype="uint16", nodata=0,
        transform=from_origin(500_000, 4_000_000, 10, 10), **profile,
    ) as file:  # fmt: skip
        file.write(image.astype("uint16"))
    codes = np.array([11, 41, 82], "uint8")[classes]
    codes[:64, 128:] = 0
    with rasterio.open(
        folder / "labels.tif", "w", count=1, dtype="uint8", nodata=0,
        transform=from_origin(500_000, 4_000_000, 10, 10), **profile,
    ) as file:  # fmt: skip
        file.write(codes, 1)
    return folder


def module(world: Path, **changes: object) -> RasterDataModule:
    options = {
        "images": str(world / "images"), "labels": str(world / "labels.tif"),
        "classes": ["water", "forest", "crop"], "values": [11, 41, 82], "patch_size": 32,
        "batch_size": 4, "split": {"method": "blocks", "block_size": 640.0, "seed": 1},
    }  # fmt: skip
    return RasterDataModule(**(options | changes))  # type: ignore[arg-type]


def test_batches_hold_indices_and_ignore_what_is_no_data(world: Path) -> None:
    data = module(world)
    data.setup("fit")
    seen = set()
    for batch in data.train_dataloader():
        assert batch["image"].shape[1:] == (2, 32, 32)
        batch = data.on_after_batch_transfer(batch, 0)
        seen |= set(batch["mask"].unique().tolist())
        assert (batch["mask"][~batch["valid"]] == 255).all()
        known = batch["mask"] != 255
        first = ((batch["image"][:, 0] - 100) / 50).floor().long()
        assert (first[known] == batch["mask"][known]).all()  # image and label lie together
    assert seen == {0, 1, 2, 255}


def test_no_ground_is_on_two_sides(world: Path) -> None:
    data = module(world)
    data.setup("fit")
    parts = [data.train_dataset, data.val_dataset, data.test_dataset]
    grounds = [shapely.union_all(np.asarray(p.index.geometry.values)) for p in parts]
    for i in range(3):
        for j in range(i):
            assert grounds[i].intersection(grounds[j]).area < 1e-6
    boxes = [
        [shapely.box(b[0], b[3], b[1], b[4]) for batch in loader for b in batch["bounds"].tolist()]
        for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    ]
    for i in range(3):
        for j in range(i):
            shared = shapely.union_all(boxes[i]).intersection(shapely.union_all(boxes[j])).area
            assert shared < 1e-6


def test_the_same_seed_gives_the_same_patches(world: Path) -> None:
    runs = []
    for _ in range(2):
        data = module(world)
        data.setup("fit")
        runs.append(torch.cat([b["bounds"] for b in data.train_dataloader()]))
    assert torch.equal(*runs)


def test_predict_reads_all_of_the_images(world: Path) -> None:
    data = module(world)
    data.setup("predict")
    area = sum(len(b["image"]) for b in data.predict_dataloader()) * 32 * 32
    assert area >= SIZE * SIZE


def test_polygons_with_a_background_class(world: Path, tmp_path: Path) -> None:
    import geopandas as gpd

    house = shapely.box(501_000, 3_998_500, 501_200, 3_998_700)
    gpd.GeoDataFrame(geometry=[house], crs=32614).to_crs(4326).to_file(tmp_path / "houses.geojson")
    found = survey(str(world / "images"), str(tmp_path / "houses.geojson"))
    assert [c.name for c in found.classes] == ["background", "houses"]
    data = module(
        world, labels=str(tmp_path / "houses.geojson"), classes=["background", "house"],
        values=["houses"], background="class",
    )  # fmt: skip
    pairs = data.open_pairs()
    sample = pairs[500_900:501_300, 3_998_400:3_998_800, :]
    mask = data.encode({k: v[None] for k, v in sample.items()})["mask"][0]
    assert int((mask == 1).sum()) == 400
    assert int((mask == 0).sum()) == 1200


def test_survey_counts_what_is_there(world: Path) -> None:
    found = survey(str(world / "images"), str(world / "labels.tif"))
    with (
        rasterio.open(world / "labels.tif") as labels,
        rasterio.open(world / "images" / "scene_20200601.tif") as image,
    ):
        codes, pixels = labels.read(1), image.read()
    valid = pixels[0] != 0
    assert found.exact
    assert [c.value for c in found.classes] == [11, 41, 82]
    for c in found.classes:
        share = (codes[valid] == c.value).sum() / (codes[valid] > 0).sum()
        assert c.share == pytest.approx(share)
    assert found.mean == pytest.approx(pixels[:, valid].mean(1))
    assert found.std == pytest.approx(pixels[:, valid].std(1))
    assert found.area == pytest.approx(2.56**2, rel=0.01)


def test_layers_that_do_not_meet_say_where_they_are(world: Path, tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "far.tif", "w", driver="GTiff", crs="EPSG:4326", width=9, height=9, count=1,
        dtype="uint8", transform=from_origin(10, 50, 0.01, 0.01),
    ) as file:  # fmt: skip
        file.write(np.ones((1, 9, 9), "uint8"))
    with pytest.raises(NoOverlapError) as caught:
        survey(str(world / "images"), str(tmp_path / "far.tif"))
    text = str(caught.value)
    assert "longitude -99.0" in text
    assert "longitude 10.0000 to 10.0900, latitude 49.9100 to 50.0000" in text
    assert "km apart" in text


def test_welford_is_numpys_in_any_cut() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(1e6, 1, (2, 60, 50))
    valid = rng.random((60, 50)) > 0.3
    image[0, 5, 5] = np.nan
    running = ChannelStatistics(2)
    for r in range(0, 60, 7):
        running.update(image[:, r : r + 7], valid[r : r + 7])
    for c in range(2):
        values = image[c][valid & np.isfinite(image[c])]
        assert running.mean[c] == pytest.approx(values.mean(), rel=1e-12)
        assert running.std[c] == pytest.approx(values.std(), rel=1e-9)


def test_codes_become_indices() -> None:
    mask = torch.tensor([[82, 11, 0], [41, -32768, 82]])
    assert encode_labels(mask, [11, 82, 41], 255).tolist() == [[1, 0, 255], [2, 255, 1]]


def test_turns_keep_image_and_mask_together() -> None:
    mask = torch.arange(16 * 36).view(16, 6, 6)
    turned = dihedral({"image": mask[:, None].float(), "mask": mask})
    assert torch.equal(turned["image"][:, 0].long(), turned["mask"])
    assert not torch.equal(turned["mask"], mask)
    assert torch.equal(turned["mask"].flatten(1).sort(1)[0], mask.flatten(1))
    wide = torch.rand(16, 1, 4, 6)
    assert dihedral({"image": wide})["image"].shape == wide.shape


def test_contradictions_are_told(world: Path) -> None:
    with pytest.raises(ConfigError, match="3 classes have 2 values"):
        module(world, values=[1, 2])
    with pytest.raises(ConfigError, match="swath init"):
        module(world, classes=None)
    with pytest.raises(ConfigError, match="method is 'luck'"):
        module(world, split={"method": "luck"}).setup("fit")
    with pytest.raises(ConfigError, match="split has blocksize"):
        module(world, split={"blocksize": 3}).setup("fit")
    with pytest.raises((SplitError, ConfigError)):
        module(world, split={"method": "blocks", "block_size": 1e6}).setup("fit")
