"""Samples put together, batches whose memory is used again, and workers."""

import multiprocessing
import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from rasterfiles import Images, Labels, classes, hills, write
from torch.utils.data import DataLoader, default_collate

from swath.datasets import concat_samples, merge_samples, stack_samples, unbind_samples
from swath.datasets.batch import allocate, empty_mask
from swath.datasets.handover import fetch
from swath.errors import BandError, FileMissingError, UnreadableFileError

X, Y = 500000.0, 5000000.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    write(folder / "i" / "a.tif", hills((300, 300), 2), tiled=True, blockxsize=64, blockysize=64)
    write(folder / "i" / "b.tif", hills((300, 300), 2, seed=1), crs=32634, x=31000.0, y=5013000.0)
    write(folder / "l" / "l.tif", classes((300, 300)))
    return folder


@pytest.fixture(scope="module")
def layers(folder):
    return Images(folder / "i", valid_mask=True) & Labels(folder / "l")


def queries(count, size=64, seed=0):
    rng = random.Random(seed)
    corners = [(rng.randrange(2300), rng.randrange(2300)) for _ in range(count)]
    return [(slice(X + c, X + c + size * 10), slice(Y - r - size * 10, Y - r)) for c, r in corners]


def equal(a, b):
    return set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a)


# ---- batches -----------------------------------------------------------------------------------


def test_a_batch_is_its_samples_stacked_and_not_copied(layers):
    asked = queries(5)
    samples = layers.__getitems__(asked)
    batch = stack_samples(samples)
    assert equal(batch, default_collate(list(samples)))
    assert equal(batch, stack_samples([layers[q] for q in asked]))
    assert batch["image"].shape == (5, 2, 64, 64)
    assert batch["mask"].shape == (5, 64, 64)
    assert batch["bounds"].shape == (5, 9)
    assert batch["image"].data_ptr() == samples[0]["image"].data_ptr()
    assert samples[0]["image"].untyped_storage().data_ptr() <= batch["image"].data_ptr()
    assert equal(default_collate(samples), batch)


def test_patches_of_different_size_stay_apart(layers):
    asked = [*queries(2, 64), *queries(2, 48)]
    samples = layers.__getitems__(asked)
    assert [s["image"].shape[-1] for s in samples] == [64, 64, 48, 48]
    batch = stack_samples(samples)
    assert isinstance(batch["image"], list)
    assert batch["bounds"].shape == (4, 9)
    assert list(layers.__getitems__([])) == []


def change_value(samples):
    samples[1]["image"] = samples[1]["image"] + 1


def change_sample(samples):
    samples[2] = {**samples[2], "mask": samples[2]["mask"] * 0}


def drop(samples):
    del samples[0]


def swap(samples):
    samples.reverse()


def append(samples):
    samples.append(samples[0])


def add_key(samples):
    for i, sample in enumerate(samples):
        sample["label"] = torch.tensor(i)


def drop_key(samples):
    for sample in samples:
        del sample["mask"]


def other_key(samples):
    for sample in samples:
        sample["truth"] = sample.pop("mask")


def in_place(samples):
    samples[1]["image"].mul_(2)


def other_data(samples):
    samples[1]["image"].data = torch.zeros(2, 64, 64)


def turned(samples):
    for sample in samples:
        sample["image"].transpose_(1, 2)


def exchanged_keys(samples):
    for sample in samples:
        sample["bounds"], sample["transform"] = sample["transform"], sample["bounds"]


@pytest.mark.parametrize(
    "change",
    [change_value, change_sample, drop, swap, append, add_key, drop_key, other_key, in_place,
     other_data, turned, exchanged_keys],
)  # fmt: skip
def test_a_batch_knows_when_its_samples_were_changed(layers, change):
    samples = layers.__getitems__(queries(4))
    change(samples)
    expected = default_collate([{k: v.clone() for k, v in s.items()} for s in samples])
    assert equal(stack_samples(samples), expected)


def test_a_pickled_batch_is_a_plain_list(layers):
    samples = layers.__getitems__(queries(3))
    again = pickle.loads(pickle.dumps(samples))
    assert type(again) is list
    assert all(equal(a, b) for a, b in zip(again, samples, strict=True))


class Batches(RuleBasedStateMachine):
    """Batches, samples and views that somebody holds on to never change."""

    layers = None

    def __init__(self):
        super().__init__()
        self.held = []

    def keep(self, tensor):
        self.held.append((tensor, tensor.clone()))

    @rule(seed=st.integers(0, 5), count=st.integers(1, 3), size=st.sampled_from([100, 140]))
    def read(self, seed, count, size):
        batch = stack_samples(self.layers.__getitems__(queries(count, size, seed)))
        for tensor in batch.values():
            self.keep(tensor)

    @rule(seed=st.integers(0, 5))
    def read_one_view(self, seed):
        samples = self.layers.__getitems__(queries(3, 100, seed))
        self.keep(samples[1]["image"][1, 3:50:2])

    @rule(seed=st.integers(0, 5))
    def read_an_array(self, seed):
        sample = self.layers[queries(1, 140, seed)[0]]
        self.keep(torch.from_numpy(sample["image"].numpy()[0]))

    @rule(seed=st.integers(0, 5))
    def read_and_forget(self, seed):
        self.layers.__getitems__(queries(2, 100, seed))

    @rule(which=st.randoms(use_true_random=False))
    def let_go(self, which):
        if self.held:
            self.held.pop(which.randrange(len(self.held)))

    @rule()
    def nothing_has_changed(self):
        for tensor, before in self.held:
            assert torch.equal(tensor, before)

    def teardown(self):
        self.nothing_has_changed()


def test_held_batches_never_change(layers):
    Batches.layers = layers
    machine = settings(max_examples=12, stateful_step_count=15, deadline=None)
    Batches.TestCase.settings = machine
    Batches.TestCase().runTest()


def test_memory_is_used_again_when_nobody_holds_it():
    array, tensor = allocate((1 << 18,), np.float32)
    place = array.ctypes.data
    del array
    view = tensor[5:]
    del tensor
    assert allocate((1 << 18,), np.float32)[0].ctypes.data != place
    del view
    seen = {allocate((1 << 18,), np.float32)[0].ctypes.data for _ in range(3)}
    assert place in seen or len(seen) == 1


def _scribble(ready):
    empty_mask((1, 640, 640))[:] = 9
    ready.set()


def test_a_forked_process_has_memory_of_its_own():
    empty_mask((1, 640, 640))  # made and let go: free to be used again, on both sides
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    child = context.Process(target=_scribble, args=(ready,))
    mine = empty_mask((1, 640, 640))
    child.start()
    assert ready.wait(20)
    child.join()
    assert not mine.any()


# ---- workers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_the_same(layers, start):
    asked = queries(10)
    expected = [stack_samples(layers.__getitems__(asked[i : i + 4])) for i in (0, 4, 8)]
    loader = DataLoader(
        layers, batch_size=4, sampler=asked, num_workers=2 if start == "fork" else 1,
        collate_fn=stack_samples, multiprocessing_context=start,
    )  # fmt: skip
    got = list(loader)
    assert len(got) == 3
    assert all(equal(a, b) for a, b in zip(got, expected, strict=True))


def test_two_thousand_rows_are_kilobytes(layers, folder):
    ds = Images(folder / "i")
    rows = np.tile(np.arange(len(ds)), 1000)
    frame = ds.index.iloc[rows].copy()
    frame["filepath"] = [f"scenes/2021/LC08_{i * 7919 % 100000:06d}_B2.TIF" for i in range(2000)]
    ds.index = frame
    body = pickle.dumps(ds)
    assert len(body) < 100_000
    again = pickle.loads(body)
    assert list(again.index["filepath"]) == list(frame["filepath"])
    assert again.index["grid_x"].dtype == np.float64


class _Spawning:
    """What `multiprocessing` sets while it sends a process its arguments."""


def test_a_large_index_goes_to_a_worker_by_a_file(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    ds = Images(folder / "i")
    rng = np.random.default_rng(0)
    frame = ds.index.iloc[np.zeros(9000, int)].copy()
    frame["filepath"] = [f"{v:x}.tif" for v in rng.integers(0, 1 << 60, 9000)]
    ds.index = frame
    whole = len(pickle.dumps(ds))
    multiprocessing.context.set_spawning_popen(_Spawning())
    try:
        bodies = [pickle.dumps(ds) for _ in range(3)]
        small = pickle.dumps(Images(folder / "i"))
    finally:
        multiprocessing.context.set_spawning_popen(None)
    assert whole > 65536
    assert max(map(len, bodies)) < 8000
    files = list((tmp_path / "handover").iterdir())
    assert len(files) == 1  # the same content has the same name
    again = pickle.loads(bodies[0])
    assert list(again.index["filepath"]) == list(frame["filepath"])
    files[0].write_bytes(b"x" + files[0].read_bytes())
    with pytest.raises(UnreadableFileError, match="damaged"):
        pickle.loads(bodies[1])
    files[0].unlink()
    with pytest.raises(FileMissingError, match="start the workers again"):
        pickle.loads(bodies[1])
    assert len(pickle.loads(small)) == 2
    assert fetch(("anything",)) == ("anything",)


def test_memory_does_not_grow(layers):
    import resource

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for i in range(30):
        layers.__getitems__(queries(4, 64, i))
    before = peak()
    for i in range(200):
        layers.__getitems__(queries(4, 64, i))
    assert peak() - before < 8 << 10  # kilobytes


# ---- functions ---------------------------------------------------------------------------------


def test_stacking_keeps_what_has_no_common_shape():
    batch = stack_samples(
        [
            {"image": torch.zeros(3, 4, 4), "bbox_xyxy": torch.zeros(2, 4), "name": "a"},
            {"image": torch.ones(3, 4, 4), "bbox_xyxy": torch.zeros(0, 4), "name": "b"},
        ]
    )
    assert batch["image"].shape == (2, 3, 4, 4)
    assert [len(b) for b in batch["bbox_xyxy"]] == [2, 0]
    assert batch["name"] == ["a", "b"]
    assert stack_samples([]) == {}


def test_unbinding_is_the_way_back():
    samples = [
        {"image": torch.rand(2, 3, 3), "label": torch.tensor(i), "n": str(i)} for i in (1, 2)
    ]
    again = unbind_samples(stack_samples(samples))
    assert len(again) == 2
    for a, b in zip(again, samples, strict=True):
        assert torch.equal(a["image"], b["image"])
        assert a["label"] == b["label"]
        assert a["n"] == b["n"]
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        unbind_samples({"a": torch.zeros(1), "b": torch.zeros(2)})


def test_concatenation_by_channel():
    place = torch.arange(9.0)
    out = concat_samples(
        [
            {"image": torch.zeros(3, 4, 4), "mask": torch.zeros(4, 4).long(), "bounds": place},
            {"image": torch.ones(2, 4, 4), "mask": torch.ones(4, 4).long(), "bounds": place},
            {"mask": torch.ones(2, 4, 4).long(), "label": torch.tensor(3)},
        ]
    )
    assert out["image"].shape == (5, 4, 4)
    assert out["mask"].shape == (4, 4, 4)
    assert out["mask"].dtype == torch.int64
    assert out["bounds"].shape == (9,)
    assert out["label"] == 3
    series = concat_samples(
        [{"image": torch.zeros(6, 3, 4, 4)}, {"image": torch.zeros(6, 1, 4, 4)}]
    )
    assert series["image"].shape == (6, 4, 4, 4)


def test_merging_fills_holes():
    a, b = torch.tensor([[1, 0], [0, 4]]), torch.tensor([[9, 8], [0, 6]])
    assert merge_samples([{"mask": a}, {"mask": b}])["mask"].tolist() == [[1, 8], [0, 4]]
    assert a.tolist() == [[1, 0], [0, 4]]
    known = torch.tensor([[True, True], [False, False]])
    everywhere = torch.ones(2, 2, dtype=torch.bool)
    out = merge_samples([{"mask": a, "valid": known}, {"mask": b, "valid": everywhere}])
    assert out["mask"].tolist() == [[1, 0], [0, 6]]
    assert out["valid"].all()
    boxes = merge_samples(
        [
            {"bbox_xyxy": torch.zeros(2, 4), "label": torch.zeros(2)},
            {"bbox_xyxy": torch.ones(2, 4), "label": torch.ones(2)},
        ]
    )
    assert boxes["bbox_xyxy"].shape == (4, 4)
    assert boxes["label"].tolist() == [0, 0, 1, 1]
    with pytest.raises(BandError, match="image"):
        merge_samples([{"image": torch.zeros(2, 4, 4)}, {"image": torch.zeros(3, 4, 4)}])
