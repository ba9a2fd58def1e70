"""Ready-made samples in folders: found, read, split and drawn."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import StratifiedShuffleSplit
from torch import Tensor

from swath.datasets import NonGeoClassificationDataset, NonGeoDataset, stratified_split
from swath.errors import DatasetNotFoundError, QueryError, SplitError, UnreadableFileError


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("River", 3), ("Forest", 4)):
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = rng.integers(0, 255, (6, 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{name}_{i}.png")
    (tmp_path / "Forest" / "notes.txt").write_text("no image")
    return tmp_path


def test_classes_are_numbered_by_name(folders) -> None:
    ds = NonGeoClassificationDataset(folders)
    assert ds.classes == ["Forest", "River"]
    assert len(ds) == 7
    assert ds.targets.tolist() == [0] * 4 + [1] * 3
    sample = ds[4]
    expected = np.asarray(Image.open(folders / "River" / "River_0.png")).transpose(2, 0, 1)
    assert sample["image"].dtype == torch.float32
    np.testing.assert_array_equal(sample["image"].numpy(), expected)
    assert int(sample["label"]) == 1
    assert "size: 7" in str(ds)
    with pytest.raises(QueryError, match="no sample 7"):
        ds[7]


def test_rasters_keep_all_bands_and_values(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(0).integers(0, 10000, (13, 4, 6)).astype(np.uint16)
    with rasterio.open(
        tmp_path / "a" / "x.tif", "w", driver="GTiff", width=6, height=4, count=13, dtype="uint16"
    ) as file:
        file.write(pixels)
    np.save(tmp_path / "a" / "y.npy", pixels)
    for sample in NonGeoClassificationDataset(tmp_path):  # type: ignore[attr-defined]
        np.testing.assert_array_equal(sample["image"].numpy(), pixels)


def test_damage_and_emptiness_are_named(folders) -> None:
    broken = folders / "River" / "River_1.png"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(UnreadableFileError, match=r"River_1\.png cannot be read"):
        NonGeoClassificationDataset(folders)[5]
    (folders / "Sea").mkdir()
    with pytest.raises(DatasetNotFoundError, match="no images in Sea"):
        NonGeoClassificationDataset(folders)
    with pytest.raises(DatasetNotFoundError, match="is no folder"):
        NonGeoClassificationDataset(folders / "nowhere")


def test_plot_names_the_class_and_the_mistake(folders, tmp_path) -> None:
    ds = NonGeoClassificationDataset(folders)
    figure = ds.plot({**ds[0], "prediction": torch.tensor(1)}, suptitle="one")
    texts = {t.get_text() for axis in figure.axes for t in [axis.title, *axis.texts]}
    assert {"Forest", "River"} <= texts


class Numbers(NonGeoDataset):
    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"image": torch.full((1, 2, 2), float(index))}

    def __len__(self) -> int:
        return 3


def test_a_dataset_of_one_s_own() -> None:
    assert str(Numbers()) == "Numbers Dataset\n    type: NonGeoDataset\n    size: 3"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(20, 60), min_size=2, max_size=5), st.integers(0, 99),
    st.sampled_from([(0.6, 0.2, 0.2), (0.5, 0.5), (0.8, 0.1, 0.1)]),
)  # fmt: skip
def test_splits_share_nothing_and_keep_the_shares(counts, seed, fractions) -> None:
    targets = np.repeat(np.arange(len(counts)), counts)
    parts = stratified_split(targets, fractions, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(targets)))
    for part, share in zip(parts, fractions, strict=True):
        for label, count in enumerate(counts):
            assert abs((targets[part] == label).sum() - share * count) <= 1
    again = stratified_split(targets, fractions, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def test_split_counts_are_scikit_learn_s() -> None:
    targets = np.repeat([0, 1, 2], [50, 30, 20])
    train, test = stratified_split(targets, (0.8, 0.2))
    theirs = next(StratifiedShuffleSplit(1, test_size=0.2).split(targets, targets))
    for a, b in zip((train, test), theirs, strict=True):
        assert np.bincount(targets[a]).tolist() == np.bincount(targets[b]).tolist()
    with pytest.raises(SplitError, match="sum to 1"):
        stratified_split(targets, (0.5, 0.2))
    with pytest.raises(SplitError, match="leave a part empty"):
        stratified_split([0, 1], (0.9, 0.1))


def test_an_array_of_one_band_is_an_image(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a" / "x.npy", np.ones((4, 5), np.float32))
    assert NonGeoClassificationDataset(tmp_path)[0]["image"].shape == (1, 4, 5)
