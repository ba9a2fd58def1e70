"""A stage that a signal ends: what is kept for going on, and the code that schedulers expect."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

__all__ = ["last_epoch", "stopped_by"]


def last_epoch(best: Any, given: Any) -> list[ModelCheckpoint]:
    """What writes last.ckpt at the end of every epoch, in the place of `best`'s ``save_last``.

    Lightning writes that only when the best checkpoint is a new one: a training that was stopped
    would go on from its best epoch, which may lie far back.

    Args:
        best: The checkpoint callback of the best epoch.
        given: The options that it was made with.
    """
    if not isinstance(best, ModelCheckpoint) or best.save_last is not True:
        return []  # none is wanted, or a link to the best
    best.save_last = None
    own = {"monitor": None, "mode": "min", "save_top_k": 1, "filename": "last", "save_last": None}
    return [ModelCheckpoint(**{**dict(given), **own})]


def stopped_by(stop: SystemExit, stage: str, folder: str, handler: Any) -> BaseException:
    """What to raise in the place of Lightning's exit, after saying how to go on.

    Lightning ends with 1 after Ctrl-C, as if something had failed, and with 0 after SIGTERM, as if
    the training had come to its end.

    Args:
        stop: As Lightning raised it.
        stage: ``fit``, ``validate``, ``test`` or ``predict``.
        folder: The run's.
        handler: Of SIGINT before the stage: Lightning leaves it ignored.

    Returns:
        KeyboardInterrupt after SIGINT; an exit with 143 after SIGTERM; otherwise `stop`.
    """
    if isinstance(stop, SIGTERMException):
        found: BaseException = SystemExit(128 + signal.SIGTERM)
        print("\nswath: ended by SIGTERM", file=sys.stderr)
    elif isinstance(stop.__context__, KeyboardInterrupt):
        found = KeyboardInterrupt()
        signal.signal(signal.SIGINT, handler)
    else:
        return stop
    if stage == "fit":
        print("\n" + how_to_go_on(folder), file=sys.stderr, flush=True)
    return found


def how_to_go_on(folder: str) -> str:
    """What is there of a training that was stopped, in words."""
    config, last = (os.path.join(folder, name) for name in ("config.yaml", "last.ckpt"))
    if not os.path.isfile(last):
        return f"Run: {folder} (no epoch was complete: there is no checkpoint)"
    return (
        f"Run: {folder} (last.ckpt is of the last whole epoch)\n"
        f"Go on: swath fit --config {config} --ckpt_path {last}"
    )
