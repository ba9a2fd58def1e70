"""Batches of workers: the same numbers as without workers, in memory that is used again safely."""

import gc
import os
import random
import sys

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from torch.utils.data import DataLoader

from swath.datasets import RasterDataset, shared, stack_samples

SIZE = 160


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "a.tif"
    data = np.random.default_rng(0).integers(1, 5000, (3, 600, 600)).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=600, width=600, dtype="uint16",
        crs="EPSG:32633", transform=Affine(10, 0, 500000, 0, -10, 5000000), tiled=True,
    ) as file:  # fmt: skip
        file.write(data)
    return RasterDataset(str(path))


def queries(n, seed=0):
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        x, y = 500000 + 10 * rng.randrange(440), 5000000 - 10 * rng.randrange(160, 600)
        out.append((slice(x, x + 10 * SIZE), slice(y, y + 10 * SIZE)))
    return out


def loader(layer, asked, **options):
    return DataLoader(layer, batch_size=8, sampler=asked, collate_fn=stack_samples, **options)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_same_and_blocks_come_back(layer, context):
    asked = queries(160 if context == "fork" else 64)
    expected = [b["image"].clone() for b in loader(layer, asked)]
    # a spawned worker imports everything again: one is enough
    workers = 2 if context == "fork" else 1
    many = loader(layer, asked, num_workers=workers, multiprocessing_context=context)
    places = set()
    for want, batch in zip(expected, many, strict=True):
        assert type(batch) is dict
        assert torch.equal(batch["image"], want)
        assert batch["bounds"].shape == (8, 9)
        places.add(batch["image"].data_ptr())
    if sys.platform == "linux":
        assert len(places) < len(expected)  # memory was used again


def test_batches_that_are_kept_never_change(layer):
    asked = queries(240, seed=1)
    expected = [b["image"].clone() for b in loader(layer, asked)]
    rng, kept = random.Random(2), {}
    gc.freeze()  # so that each collection looks at what came since
    for epoch in range(2):
        for i, batch in enumerate(loader(layer, asked, num_workers=2)):
            if rng.random() < 0.3:
                kept[epoch, i] = batch["image"][rng.randrange(8) :]  # a view is enough
            del batch
            if kept and rng.random() < 0.2:
                kept.pop(rng.choice(list(kept)))
            gc.collect()
            for (_, k), view in kept.items():
                assert torch.equal(view, expected[k][-len(view) :])
    gc.unfreeze()
    for (_, k), view in kept.items():  # the workers are gone
        assert torch.equal(view, expected[k][-len(view) :])


@pytest.mark.parametrize("workers", [1, 2])
def test_without_shared_blocks_batches_travel_pytorchs_way(layer, monkeypatch, workers):
    monkeypatch.setattr(shared, "_parent_can_look", lambda: False)
    asked = queries(32, seed=4)
    expected = [b["image"].clone() for b in loader(layer, asked)]
    many = loader(layer, asked, num_workers=workers, multiprocessing_context="fork")
    for want, batch in zip(expected, many, strict=True):
        assert torch.equal(batch["image"], want)


def own_collate(samples):
    batch = stack_samples(samples)
    return batch["image"], dict(batch)["bounds"]


class Hoarder(torch.utils.data.Dataset):
    """A dataset whose worker keeps every batch and gives the same one twice."""

    def __init__(self, layer):
        self.layer, self.kept = layer, None

    def __getitems__(self, indices):
        if self.kept is None:
            self.kept = self.layer.__getitems__(indices)
        return self.kept

    def __getitem__(self, index):
        return self.layer[index]


def test_what_users_do_with_batches_in_a_worker(layer):
    asked = queries(48, seed=3)
    expected = [b["image"].clone() for b in loader(layer, asked)]
    plain = DataLoader(layer, batch_size=8, sampler=asked, collate_fn=own_collate, num_workers=1)
    for want, (image, bounds) in zip(expected, plain, strict=True):
        assert torch.equal(image, want)
        assert bounds.shape == (8, 9)
    kept = list(loader(Hoarder(layer), asked, num_workers=1))
    assert all(torch.equal(b["image"], expected[0]) for b in kept)
    many = list(loader(layer, asked, num_workers=1, persistent_workers=True))
    assert all(torch.equal(b["image"], e) for b, e in zip(many, expected, strict=True))


def test_a_block_is_free_when_its_last_array_is_gone():
    nbytes = shared._SMALL
    first = shared.take_block(nbytes)
    if first is None:
        pytest.skip("this system has no shared blocks")
    second = shared.take_block(nbytes)
    place = first.ctypes.data
    assert second.ctypes.data != place
    view = first[100:200].view(np.uint16)
    del first
    assert shared.take_block(nbytes).ctypes.data != place  # a view still lives
    del view
    assert shared.take_block(nbytes).ctypes.data == place


def test_a_block_whose_worker_died_is_an_error_that_says_so():
    piece = shared._Piece(2**22 + 1, 1, 5, 4096, torch.uint8, (1,), (1,), 0)
    with pytest.raises(RuntimeError, match="ended before its batch"):
        shared._tensor(piece)


def test_blocks_are_bounded(monkeypatch):
    monkeypatch.setattr(shared, "_worker", None)
    monkeypatch.setattr(shared, "_LIMIT", 3 * shared._SMALL)
    held = [shared.take_block(shared._SMALL) for _ in range(5)]
    if held[0] is None:
        pytest.skip("this system has no shared blocks")
    assert [h is None for h in held] == [False, False, False, True, True]
    before = len(os.listdir("/proc/self/fd"))
    del held
    for size in range(1, 4):
        assert shared.take_block(size * shared._SMALL) is not None
    assert len(os.listdir("/proc/self/fd")) <= before + 1
