"""How many threads share the patches of a batch."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from swath.errors import ConfigError

__all__ = ["executor", "get_num_threads", "set_num_threads"]

_threads: int | None = None
_pool: tuple[int, int, ThreadPoolExecutor] | None = None
_pool_lock = threading.Lock()


def set_num_threads(count: int | None) -> None:
    """Threads that share the patches of a batch in this process; None: one a core.

    The default is one thread a core in a script, and one in a `DataLoader`'s worker.
    """
    global _threads
    if count is not None and count < 1:
        raise ConfigError(f"the number of threads is at least 1, got {count}")
    _threads = count


def get_num_threads() -> int:
    """Threads that share the patches of a batch in this process."""
    if _threads is not None:
        return _threads
    from_env = os.environ.get("SWATH_NUM_THREADS")
    if from_env:
        if not from_env.isdecimal() or int(from_env) < 1:
            raise ConfigError(f"SWATH_NUM_THREADS is a number of at least 1, got {from_env!r}")
        return int(from_env)
    import torch.utils.data

    if torch.utils.data.get_worker_info() is not None:
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def executor(count: int) -> ThreadPoolExecutor:
    """The pool of threads of this process."""
    global _pool
    with _pool_lock:
        if _pool is None or _pool[:2] != (os.getpid(), count):
            _pool = (os.getpid(), count, ThreadPoolExecutor(count, "swath-read"))
        return _pool[2]


def _after_fork() -> None:
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()  # threads do not survive a fork, held locks do


os.register_at_fork(after_in_child=_after_fork)
