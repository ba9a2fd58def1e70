"""Memory of a batch: allocated once, written in place, never stacked again."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from swath.datasets.shared import take_block
from swath.raster.staging import count_set
from swath.typing import Sample

__all__ = ["SampleBatch", "allocate", "empty_mask", "put_fill_values"]

_POOL_BYTES = 1 << 30
_POOL_MIN = 1 << 16  # below this size the allocator of the C library is as fast


class SampleBatch(list[Sample]):
    """The samples of a batch, and the same numbers already stacked.

    The samples' tensors are views of the batch's, so that numbers changed in place change in both.
    `stack_samples` hands the batch through as long as nobody has put other samples into the list
    or other tensors into a sample; every other collate function sees a plain list of samples.
    """

    def __init__(self, samples: Iterable[Sample], batch: Sample | None = None) -> None:
        super().__init__(samples)
        self._batch = batch
        self._made = [] if batch is None else [(s, [*s.items()]) for s in self]

    @property
    def batch(self) -> Sample | None:
        """The samples stacked; None if they never were, or are no longer what was stacked."""
        batch = self._batch
        if batch is None or len(self) != len(self._made):
            return None
        # `t.data = …` and `t.unsqueeze_(0)` leave the tensor and change its memory or form.
        forms = {
            k: (v.data_ptr(), v.stride(0) * v.element_size(), v.shape[1:], v.stride()[1:])
            for k, v in batch.items()
        }
        for i, (sample, (made, parts)) in enumerate(zip(self, self._made, strict=True)):
            if sample is not made or len(sample) != len(parts):
                return None
            for (key, value), (name, view) in zip(sample.items(), parts, strict=True):
                if value is not view or key != name:
                    return None
                start, step, shape, stride = forms[key]
                if value.data_ptr() != start + i * step:
                    return None
                if value.shape != shape or value.stride() != stride:
                    return None
        return dict(batch)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)  # the batch would send all numbers a second time


class _Pool:
    """Recycles large buffers whose tensors are gone.

    A fresh batch of 90 MB costs the kernel 22,000 page faults, several times what it costs to
    write it. A buffer is free when nothing but the pool refers to it: tensors made by
    `torch.from_numpy` hold a reference for as long as any view of them lives.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buffers: list[NDArray[np.uint8]] = []

    def take(self, nbytes: int) -> NDArray[np.uint8]:
        with self._lock:
            for i in range(len(self._buffers)):
                buffer = self._buffers[i]
                if buffer.nbytes == nbytes and sys.getrefcount(buffer) == _UNUSED:
                    del self._buffers[i]
                    self._buffers.append(buffer)
                    return buffer
            fresh = _pages(nbytes)
            self._buffers.append(fresh)
            total = sum(b.nbytes for b in self._buffers)
            while total > _POOL_BYTES and len(self._buffers) > 1:
                total -= self._buffers.pop(0).nbytes
            return fresh


def _unused_count() -> int:
    """What `sys.getrefcount` says of a buffer that only the pool's list and variable refer to.

    Three in most interpreters (the argument counts too), fewer where a call borrows its argument;
    one reference too many taken for unused would write a new batch over an old one.
    """
    buffers = [np.empty(1, np.uint8)]
    for i in range(len(buffers)):
        buffer = buffers[i]
        return sys.getrefcount(buffer)
    return 0


_UNUSED = _unused_count()


def _pages(nbytes: int) -> NDArray[np.uint8]:
    # Private: the pages of a shared map would be one batch for all workers after a fork.
    area = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages: small ones do
            area.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(area, np.uint8)


_pool = _Pool()


def _after_fork() -> None:
    global _pool
    _pool = _Pool()  # another thread may have held the lock; the parent's buffers are the parent's


os.register_at_fork(after_in_child=_after_fork)


def allocate(shape: tuple[int, ...], dtype: DTypeLike) -> tuple[NDArray[Any], torch.Tensor]:
    """An uninitialised array and a tensor over the same memory.

    In a `DataLoader`'s worker the memory is shared with the parent from the start, so that
    handing the batch over copies nothing.
    """
    kind = np.dtype(dtype)
    nbytes = prod(shape) * kind.itemsize
    if torch.utils.data.get_worker_info() is not None and nbytes > 0:
        block = take_block(nbytes)
        if block is not None:
            array = block.view(kind).reshape(shape)
            return array, torch.from_numpy(array)
        storage: Any = cast(Any, torch.UntypedStorage)._new_shared(nbytes)
        flat = torch.empty(0, dtype=torch.uint8).set_(storage)
        array = flat.numpy().view(kind).reshape(shape)
        return array, flat.view(torch.from_numpy(np.empty(0, kind)).dtype).view(shape)
    if nbytes >= _POOL_MIN:
        array = _pool.take(nbytes).view(kind).reshape(shape)
    else:
        array = np.empty(shape, kind)
    return array, torch.from_numpy(array)


def empty_mask(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Zeros, in recycled memory where they are many."""
    if prod(shape) < _POOL_MIN:
        return np.zeros(shape, np.uint8)
    mask = _pool.take(prod(shape)).reshape(shape)
    mask[:] = 0
    return mask


def put_fill_values(
    arrays: dict[str, NDArray[Any]],
    filled: NDArray[np.uint8],
    values: dict[str, Sequence[float]],
) -> None:
    """Write each channel's fill value where nothing was read: arrays (B, C, H, W)."""
    size = filled.shape[1] * filled.shape[2]
    for i in np.flatnonzero(count_set(filled) < size):
        hole = filled[i] == 0
        for key, array in arrays.items():
            channels = values.get(key, ())
            for c in range(array.shape[1]):
                array[i, c][hole] = channels[c] if c < len(channels) else 0
