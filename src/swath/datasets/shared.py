"""Batches of a `DataLoader`'s worker in memory that is used again.

A worker hands a batch to its parent in shared memory. PyTorch takes fresh memory for each batch,
and for a batch of 90 MB the kernel then makes 22,000 pages, clears them, and takes them away again,
in both processes: several times what it costs to fill the batch. Here a worker keeps its blocks,
the parent maps each of them once, and when the parent's last tensor over a block is gone, the
block is free for another batch.

This needs Linux (``memfd_create`` and ``/proc``). Elsewhere, and where a block cannot be had,
batches travel PyTorch's way.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swath.typing import Sample

__all__ = ["WorkerBatch", "take_block"]

_HEADER = 4096  # one page before the numbers: its first byte says whether the block is in use
_LIMIT = 2 << 30  # bytes of blocks that a worker keeps
_SMALL = 1 << 20  # smaller batches cost little either way


@dataclass
class _Block:
    """A piece of shared memory of this worker."""

    descriptor: int
    map: mmap.mmap
    nbytes: int
    serial: int
    sent: bool = False
    alive: bool = False  # whether an array of this process still refers to it


@dataclass(frozen=True)
class _Piece:
    """A tensor in a block, as it travels: whose block, and where in it."""

    pid: int
    serial: int
    descriptor: int
    nbytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


@dataclass
class _Worker:
    """The blocks of this process, if it is a worker."""

    pid: int
    usable: bool
    blocks: list[_Block] = field(default_factory=list)
    by_address: dict[int, _Block] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0


_worker: _Worker | None = None
_mapped: dict[tuple[int, int], mmap.mmap] = {}
_mapped_lock = threading.Lock()


def _this_worker() -> _Worker:
    global _worker
    if _worker is None or _worker.pid != os.getpid():
        _worker = _Worker(os.getpid(), _parent_can_look())
    return _worker


def _parent_can_look() -> bool:
    """Whether the parent can open this process's descriptors: if it may the other way round."""
    if not hasattr(os, "memfd_create"):
        return False
    try:
        os.listdir(f"/proc/{os.getppid()}/fd")
    except OSError:
        return False
    return True


def take_block(nbytes: int) -> NDArray[np.uint8] | None:
    """Memory of this worker's for `nbytes` of a batch; None where PyTorch's way has to do."""
    worker = _this_worker()
    if not worker.usable or nbytes < _SMALL:
        return None
    with worker.lock:
        for block in worker.blocks:
            if block.nbytes == nbytes and not block.alive and block.map[0] == 0:
                return _hand_out(worker, block)
        if sum(b.nbytes for b in worker.blocks) + nbytes > _LIMIT:
            _drop_unused(worker)
        if sum(b.nbytes for b in worker.blocks) + nbytes > _LIMIT:
            return None
        try:
            descriptor = os.memfd_create("swath-batch")
            os.ftruncate(descriptor, _HEADER + nbytes)
            area = mmap.mmap(descriptor, _HEADER + nbytes)
        except OSError:  # no memory, or no more descriptors
            return None
        worker.count += 1
        block = _Block(descriptor, area, nbytes, worker.count)
        worker.blocks.append(block)
        return _hand_out(worker, block)


def _drop_unused(worker: _Worker) -> None:
    for block in [b for b in worker.blocks if not b.alive and b.map[0] == 0]:
        worker.blocks.remove(block)
        os.close(block.descriptor)


def _hand_out(worker: _Worker, block: _Block) -> NDArray[np.uint8]:
    block.map[0] = 1
    block.sent, block.alive = False, True
    array = np.frombuffer(block.map, np.uint8, block.nbytes, _HEADER)
    address = array.__array_interface__["data"][0]
    worker.by_address[address] = block
    weakref.finalize(array, _local_end, worker, block, address, os.getpid()).atexit = False
    return array


def _local_end(worker: _Worker, block: _Block, address: int, pid: int) -> None:
    """The last array of this worker over a block is gone."""
    if os.getpid() != pid:
        return  # a copy that a fork made
    worker.by_address.pop(address, None)
    if not block.sent:
        block.map[0] = 0
    block.alive = False


class WorkerBatch(dict[str, Any]):
    """A batch that leaves a worker: tensors in its blocks travel as their place in them."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, ({key: _piece(value) for key, value in self.items()},)


def _piece(value: Any) -> Any:
    worker = _worker
    if worker is None or worker.pid != os.getpid() or not isinstance(value, torch.Tensor):
        return value
    block = worker.by_address.get(value.untyped_storage().data_ptr())
    if block is None or block.sent:
        return value  # sent before: two owners in the parent would free it twice
    block.sent = True
    return _Piece(
        worker.pid, block.serial, block.descriptor, block.nbytes,
        value.dtype, tuple(value.shape), value.stride(), int(value.storage_offset()),
    )  # fmt: skip


def _arrive(parts: Mapping[str, Any]) -> Sample:
    """Unpickle a batch in the parent."""
    return {key: _tensor(part) if isinstance(part, _Piece) else part for key, part in parts.items()}


def _tensor(piece: _Piece) -> torch.Tensor:
    key = (piece.pid, piece.serial)
    with _mapped_lock:
        area = _mapped.get(key)
        if area is None:
            _forget_the_dead()
            area = _mapped[key] = _open(piece)
    array = np.frombuffer(area, np.uint8, piece.nbytes, _HEADER)
    weakref.finalize(array, _release, area, os.getpid()).atexit = False
    return (
        torch.from_numpy(array)
        .view(piece.dtype)
        .as_strided(piece.shape, piece.stride, piece.offset)
    )


def _open(piece: _Piece) -> mmap.mmap:
    try:
        descriptor = os.open(f"/proc/{piece.pid}/fd/{piece.descriptor}", os.O_RDWR)
    except OSError as error:
        raise RuntimeError(
            f"the memory of a batch is gone with worker {piece.pid}, which ended before its batch "
            f"was fetched ({error}); look for the reason of its end above"
        ) from error
    try:
        return mmap.mmap(descriptor, _HEADER + piece.nbytes)
    finally:
        os.close(descriptor)


def _release(area: mmap.mmap, pid: int) -> None:
    if os.getpid() == pid:  # not in a worker that was forked while the batch was in use
        area[0] = 0


def _forget_the_dead() -> None:
    """Let go of the blocks of workers that have ended; tensors over them stay valid."""
    for pid in {pid for pid, _ in _mapped}:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            continue
        for key in [k for k in _mapped if k[0] == pid]:
            del _mapped[key]


def _after_fork() -> None:
    global _mapped_lock
    _mapped_lock = threading.Lock()
    _mapped.clear()  # the parent's blocks; a worker has no use for them


os.register_at_fork(after_in_child=_after_fork)
