"""What makes a run's folder complete: its environment, outcome, tables, curves and confusion."""

from __future__ import annotations

import functools
import glob
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from swath.cli.class_tables import (
    class_rows,
    confusion_text,
    draw_confusion,
    read_confusion,
    table_text,
)
from swath.cli.environment import describe_environment, hide_secrets, now, write_json, write_text

__all__ = ["RunRecord", "class_rows", "confusion_text", "read_confusion"]

logger = logging.getLogger("swath.cli")


class RunRecord(Callback):
    """Writes a run's record, of which every file is whole at any time.

    ``environment.json`` says what runs, with which packages and on what, when, and how it ended:
    ``running`` (or killed without a word), ``finished``, ``interrupted``, ``failed: …``. Training
    keeps ``per_class.csv`` and ``confusion.csv`` (and ``.png``) of its best epoch, that of
    best.ckpt, and draws ``curves.png`` at its end, whatever that is. A test writes
    ``test_environment.json``, ``test_per_class.csv`` and so on beside them. Classes of a task of
    several heads are ``head/class``, and each head has a ``confusion_<head>.csv``.

    Args:
        folder: Of the run.
        command: The command line.
        seed: What the random numbers started from.
    """

    def __init__(self, folder: str, command: Sequence[str] = (), seed: Any = None) -> None:
        self.folder, self.seed = folder, seed
        self.command = hide_secrets(command)
        self.record: dict[str, Any] = {}
        self.best: float | None = None
        self.scores: dict[str, float] = {}
        self._counts: dict[str, tuple[list[str], Any]] = {}
        self._start = 0.0

    def _path(self, trainer: Trainer, name: str) -> str:
        """A file of the stage: the training's and validation's without a prefix."""
        fn = trainer.state.fn
        return os.path.join(self.folder, name if fn == "fit" else f"{_part(trainer)}_{name}")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Say what begins."""
        if not trainer.is_global_zero:
            return
        os.makedirs(self.folder, exist_ok=True)
        path, self._start = self._path(trainer, "environment.json"), time.monotonic()
        self.record = {
            "outcome": "running", "stage": _function(trainer), "start": now(), "end": None,
            "seconds": None, "command": ["swath", *self.command], "seed": self.seed,
            "task": type(pl_module).__name__, "processes": trainer.world_size,
            "device": str(trainer.strategy.root_device), "precision": str(trainer.precision),
            **describe_environment(),
        }  # fmt: skip
        if trainer.state.fn == "fit" and os.path.isfile(path):
            # a training that goes on: what became of it before is not forgotten
            self.record["earlier"] = _earlier(path)
        write_json(path, self.record)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up the best score of the training that goes on."""
        kept = _kept(trainer)
        if kept is not None and kept.best_model_score is not None:
            self.best = float(kept.best_model_score)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the counts before the task forgets them."""
        self._counts = _counts(pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the counts before the task forgets them."""
        self._counts = _counts(pl_module, "test")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the tables of the best epoch."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        kept = _kept(trainer)
        scores = {k: float(v) for k, v in trainer.callback_metrics.items() if v.numel() == 1}
        if trainer.state.fn == "fit" and kept is not None and kept.monitor:
            score = scores.get(kept.monitor, math.nan)
            if not _better(score, self.best, kept.mode):
                return
            self.best = score
            self.record["best"] = {
                "monitor": kept.monitor, "mode": kept.mode, "value": score,
                "epoch": trainer.current_epoch,
            }  # fmt: skip
        self._tables(trainer, pl_module, "val", scores)
        if trainer.state.fn == "fit":
            self._write(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the tables."""
        if trainer.is_global_zero:
            scores = {k: float(v) for k, v in trainer.callback_metrics.items() if v.numel() == 1}
            self._tables(trainer, pl_module, "test", scores)
            self._finish(trainer, "finished")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the last epoch's counts."""
        self._counts = {}

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves and say that it went well."""
        self._finish(trainer, "finished")

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that it went well."""
        self._finish(trainer, "finished")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Say that a validation went well."""
        if self.record.get("outcome") == "running":
            self._finish(trainer, "finished")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Say what went wrong."""
        stopped = isinstance(exception, KeyboardInterrupt) or "SIGTERM" in type(exception).__name__
        said = " ".join(str(exception).split())[:2000]
        failed = f"failed: {type(exception).__name__}: {said}"
        self._finish(trainer, "interrupted" if stopped else failed)

    def _finish(self, trainer: Trainer, outcome: str) -> None:
        if not trainer.is_global_zero or not self.record:
            return
        # The outcome first: nothing that is drawn can keep it back.
        self.record |= {
            "outcome": outcome, "end": now(), "seconds": round(time.monotonic() - self._start, 1),
            "epochs": trainer.current_epoch, "steps": trainer.global_step,
        }  # fmt: skip
        self._write(trainer)
        if trainer.state.fn == "fit":
            self._try("curves.png", lambda: _draw_curves(trainer, self.folder))
            for path in glob.glob(os.path.join(glob.escape(self.folder), "confusion*.csv")):
                self._try("confusion.png", functools.partial(draw_confusion, path))
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        self._try("environment.json", lambda: write_json(
            self._path(trainer, "environment.json"), self.record
        ))  # fmt: skip

    def _tables(self, trainer: Trainer, task: Any, part: str, scores: Mapping[str, float]) -> None:
        rows: list[dict[str, Any]] = []
        for head in _heads(task):
            before = f"{part}/{head}/" if head else f"{part}_"
            own = {k.removeprefix(before): v for k, v in scores.items() if k.startswith(before)}
            found = class_rows(own, self._counts.get(head))
            rows += [{**row, "class": f"{head}/{row['class']}"} for row in found] if head else found
        if rows:
            path = self._path(trainer, "per_class.csv")
            self._try(path, lambda: write_text(path, table_text(rows)))
        for head, (names, matrix) in self._counts.items():
            if matrix.ndim != 2:
                continue
            target = self._path(trainer, f"confusion_{head}.csv" if head else "confusion.csv")
            text = confusion_text(names, matrix)
            self._try(target, functools.partial(write_text, target, text))
            if trainer.state.fn != "fit":
                self._try(target, functools.partial(draw_confusion, target))

    def _try(self, what: str, write: Callable[[], Any]) -> None:
        """Do what must not end a training: a picture that fails is told, and noted."""
        try:
            write()
        except Exception as error:
            said = f"{os.path.basename(what)} was not written: {type(error).__name__}: {error}"
            logger.warning("%s", said)
            self.record.setdefault("warnings", []).append(said)


def _function(trainer: Trainer) -> str:
    """What is done: fit, validate, test or predict."""
    return getattr(trainer.state.fn, "value", "fit")


def _part(trainer: Trainer) -> str:
    return {"validate": "val"}.get(_function(trainer), _function(trainer))


def _kept(trainer: Trainer) -> ModelCheckpoint | None:
    found = trainer.checkpoint_callback
    return found if isinstance(found, ModelCheckpoint) else None


def _better(score: float, best: float | None, mode: str) -> bool:
    if best is None or score != score:  # the first is the best, whatever it is
        return best is None
    return best != best or (score > best if mode == "max" else score < best)


def _earlier(path: str) -> list[Any]:
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError) as error:
        return [{"outcome": f"unreadable: {error}"}]
    before = record.pop("earlier", [])
    record.pop("packages", None)
    return [*before, record]


def _heads(task: Any) -> dict[str, Any]:
    """What counts, by the name of its head; a task without heads is its own, without a name."""
    return {head.name: head.task for head in getattr(task, "heads", ())} or {"": task}


def _counts(task: Any, part: str) -> dict[str, tuple[list[str], Any]]:
    """Names and confusion counts of each head, (K, K) or (L, 2, 2), as far as it counts them."""
    found: dict[str, tuple[list[str], Any]] = {}
    for head, of in _heads(task).items():
        metrics = getattr(of, f"{part}_metrics", None)
        confusion = getattr(metrics, "confusion", None)
        if confusion is not None and confusion.update_called:
            found[head] = list(metrics.names), confusion.compute().cpu().numpy()  # type: ignore[union-attr]
    return found


def _draw_curves(trainer: Trainer, folder: str) -> None:
    from swath.plot import save_figure, training_curves

    for one in trainer.loggers:
        if type(one).__name__ == "CSVLogger":
            one.save()
            path = os.path.join(str(one.log_dir), "metrics.csv")
            if os.path.isfile(path):  # a training that ends before its first epoch has none
                save_figure(training_curves(path), os.path.join(str(one.log_dir), "curves.png"))
