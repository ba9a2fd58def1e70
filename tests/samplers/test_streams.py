import copy
import itertools
import pickle

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layer import Rows, tile
from torch.utils.data import DistributedSampler

from swath.errors import ConfigError
from swath.samplers import (
    GridGeoSampler,
    PreChippedGeoSampler,
    RandomBatchGeoSampler,
    RandomGeoSampler,
    RandomPatchSampler,
    RandomTimestampSampler,
    SequentialTimestampSampler,
    SpatioTemporalSampler,
)

TIMES = [(f"2020-0{k}-01", f"2020-0{k}-02") for k in range(1, 6)]
COARSE = Rows([tile(0, k) for k in range(5)], TIMES)
# Pixels so small that no two random places are the same.
LAYER = Rows([tile(0, k) for k in range(5)], TIMES, res=(1e-3, 1e-3))


def random_one(**options):
    return RandomGeoSampler(LAYER, 20, 1500, **options)


def random_batch(**options):
    return RandomBatchGeoSampler(LAYER, 20, 3, 300, **options)


def pre_chipped(**options):
    return PreChippedGeoSampler(LAYER, shuffle=True, **options)


MAKERS = [random_one, random_batch, pre_chipped]


def flat(items):
    return [str(item) for item in items]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_ranks_get_disjoint_parts_of_the_same_number(make, ranks):
    parts = []
    for rank in range(ranks):
        sampler = make(rank=rank, num_replicas=ranks)  # no generator: no configuration
        sampler.set_epoch(4)
        parts.append(flat(sampler))
        assert len(parts[-1]) == len(sampler)
    assert len({len(p) for p in parts}) == 1
    together = list(itertools.chain(*parts))
    # Rows that cannot be shared out evenly come again, fewer than there are ranks.
    repeats = len(together) - len(set(together))
    assert repeats < ranks
    alone = make()
    if make is not pre_chipped:
        assert repeats == 0
    else:
        assert len(set(together)) == len(alone)


def test_a_random_epoch_is_the_same_however_many_ranks_share_it():
    def epoch(ranks):
        parts = [
            random_one(rank=rank, num_replicas=ranks, generator=torch.Generator().manual_seed(1))
            for rank in range(ranks)
        ]
        return set(itertools.chain(*map(flat, parts)))

    assert epoch(1) == epoch(2) == epoch(5)


def test_grid_parts_cover_everything():
    whole = flat(GridGeoSampler(COARSE, 33))
    parts = [flat(GridGeoSampler(COARSE, 33, rank=r, num_replicas=4)) for r in range(4)]
    assert len({len(p) for p in parts}) == 1
    assert set(itertools.chain(*parts)) == set(whole)


def test_epochs():
    sampler = random_one(generator=torch.Generator().manual_seed(0))
    sampler.set_epoch(0)
    zero = flat(sampler)
    assert flat(sampler) == zero
    sampler.set_epoch(1)
    assert flat(sampler) != zero
    sampler.set_epoch(0)
    assert flat(sampler) == zero


@settings(max_examples=40, deadline=None)
@given(
    make=st.sampled_from(MAKERS),
    done=st.floats(0, 1),
    ranks=st.integers(1, 3),
    epoch=st.one_of(st.none(), st.integers(0, 3)),
)
def test_a_resumed_run_is_the_uninterrupted_one(make, done, ranks, epoch):
    def fresh():
        return make(rank=ranks - 1, num_replicas=ranks, generator=torch.Generator().manual_seed(11))

    whole = fresh()
    if epoch is not None:
        whole.set_epoch(epoch)
    expected = flat(whole), flat(whole)
    first = fresh()
    if epoch is not None:
        first.set_epoch(epoch)
    used = int(done * len(first))
    items = flat(itertools.islice(iter(first), used))
    state = pickle.loads(pickle.dumps(copy.deepcopy(first.state_dict())))
    second = make(rank=ranks - 1, num_replicas=ranks, generator=torch.Generator())
    second.load_state_dict(state)
    if epoch is not None:
        second.set_epoch(epoch)
    if 0 < used < len(first):
        assert items + flat(second) == expected[0]
        assert flat(second) == expected[1]


def test_position_of_what_was_used_not_of_what_was_prefetched():
    sampler = random_one(generator=torch.Generator().manual_seed(0))
    walk = iter(sampler)
    items = flat(itertools.islice(walk, 40))
    other = random_one(generator=torch.Generator())
    other.load_state_dict(sampler.state_dict(position=24))
    assert flat(other)[:16] == items[24:40]


def test_state_of_another_run_is_refused():
    state = random_one().state_dict()
    with pytest.raises(ConfigError, match="ranks"):
        random_one(rank=0, num_replicas=2).load_state_dict(state)
    with pytest.raises(ConfigError, match="count"):
        RandomGeoSampler(LAYER, 20, 5).load_state_dict(state)
    with pytest.raises(ConfigError, match="lacks"):
        random_one().load_state_dict({})


def test_training_loops_leave_the_samplers_in_place():
    assert isinstance(random_one(), DistributedSampler)
    batches = random_batch()
    assert batches.sampler is batches
    assert batches.batch_size == 3
    # What Lightning does with a batch sampler under distributed training.
    again = type(batches)(**{**vars(batches)["__pl_saved_kwargs"], "sampler": "another"})
    assert len(again) == len(batches)


def test_real_processes_agree_without_any_configuration(tmp_path):
    context = torch.multiprocessing.get_context("fork")  # starts at once
    queue = context.SimpleQueue()
    address = f"file://{tmp_path / 'store'}"
    workers = [context.Process(target=_work, args=(rank, address, queue)) for rank in range(2)]
    for worker in workers:
        worker.start()
    parts = [queue.get() for _ in workers]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(parts[0][0]) == len(parts[1][0]) == 50
    assert not set(parts[0][0]) & set(parts[1][0])
    assert len(set(parts[0][1]) | set(parts[1][1])) == 5  # chips: all of them, one comes twice


def _work(rank, address, queue):
    torch.manual_seed(rank)  # ranks do not even agree on their seed
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    try:
        queue.put((flat(RandomGeoSampler(LAYER, 20, 100)), flat(pre_chipped())))
    finally:
        torch.distributed.destroy_process_group()


def test_space_and_time_resume_and_share():
    layer = Rows([tile(0, 0)] * 5, TIMES)

    def make(**options):
        return SpatioTemporalSampler(
            RandomPatchSampler(layer, size=20, length=12, generator=3),
            RandomTimestampSampler(layer, generator=4),
            **options,
        )

    whole = make()
    assert len(whole) == 12
    expected = flat(whole)
    part = make()
    items = flat(itertools.islice(iter(part), 5))
    rest = make()
    rest.load_state_dict(part.state_dict())
    assert items + flat(rest) == expected
    product = SpatioTemporalSampler(
        RandomPatchSampler(layer, size=20, length=12, generator=3),
        SequentialTimestampSampler(layer, toi=pd.Interval(*map(pd.Timestamp, TIMES[1]))),
    )
    assert len(product) == 12 == len(list(product))
