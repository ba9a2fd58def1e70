"""Where else a run's metrics and pictures go: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Sequence
from typing import Any

from swath.errors import ConfigError, DependencyNotFoundError

__all__ = ["TRACKERS", "add_trackers"]

#: Name of `--track` -> modules of which one must be there.
TRACKERS = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "mlflow": ("mlflow", "mlflow_skinny"),
    "wandb": ("wandb",),
}


def add_trackers(trainer: Any, names: str | Sequence[str] | None, folder: str) -> None:
    """Give a training's trainer the loggers that are asked for, and metrics.csv in any case.

    TensorBoard needs no asking, where it is installed. A logger that the config has already is
    not made twice. A trainer without any (``logger: false``) stays so.

    Args:
        trainer: Of a training.
        names: Of `TRACKERS`; several as a list, or with commas.
        folder: The run's.

    Raises:
        ConfigError: An unknown name.
        DependencyNotFoundError: A tracker that is not installed.
    """
    names = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names or ())
    unknown = [name for name in names if name not in TRACKERS]
    if unknown:
        raise ConfigError(f"track is {unknown[0]!r}: expected any of {', '.join(TRACKERS)}")
    for name in names:
        if not _installed(name):
            raise DependencyNotFoundError(
                f'track {name!r} needs a package that is not installed: pip install "swath[{name}]"'
            )
    if not trainer.loggers and not names:
        return
    wanted = list(dict.fromkeys(names))
    if _installed("tensorboard") and "tensorboard" not in wanted:
        wanted.append("tensorboard")
    logging.getLogger("tensorboardX").setLevel(logging.WARNING)
    there = {type(one).__name__ for one in trainer.loggers}
    made = [] if "CSVLogger" in there else [_csv(folder)]
    for name in wanted:
        kind, make = _MAKERS[name]
        if kind not in there:
            made.append(make(folder))
    trainer.loggers = [*trainer.loggers, *made]


def _installed(name: str) -> bool:
    return any(importlib.util.find_spec(module) is not None for module in TRACKERS[name])


def _csv(folder: str) -> Any:
    from lightning.pytorch.loggers import CSVLogger

    return CSVLogger(folder, name="", version="")


def _tensorboard(folder: str) -> Any:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False)


def _mlflow(folder: str) -> Any:
    from lightning.pytorch.loggers import MLFlowLogger

    # its own variables say where: MLFLOW_TRACKING_URI, else a folder beside the runs
    where = os.environ.get("MLFLOW_TRACKING_URI")
    beside = os.path.join(os.path.dirname(os.path.abspath(folder)), "mlruns")
    return MLFlowLogger(
        os.environ.get("MLFLOW_EXPERIMENT_NAME", "swath"), os.path.basename(folder),
        tracking_uri=where or f"file:{beside}",
    )  # fmt: skip


def _wandb(folder: str) -> Any:
    from lightning.pytorch.loggers import WandbLogger

    return WandbLogger(
        name=os.path.basename(folder), save_dir=folder,
        project=os.environ.get("WANDB_PROJECT", "swath"),
    )  # fmt: skip


_MAKERS: dict[str, tuple[str, Any]] = {
    "tensorboard": ("TensorBoardLogger", _tensorboard),
    "mlflow": ("MLFlowLogger", _mlflow),
    "wandb": ("WandbLogger", _wandb),
}
