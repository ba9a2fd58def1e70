"""What a task takes over from its data: normalisation and names that nobody has told it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

from swath.errors import BandError

if TYPE_CHECKING:
    from swath.trainers.base import BaseTask

__all__ = ["adopt"]

logger = logging.getLogger(__name__)


def adopt(task: BaseTask, data: Any) -> None:
    """Take over ``normalisation()``, ``classes`` and ``colours`` of a data module that has them.

    What the task was told, or what its published weights were trained with, is left alone. What is
    taken over is saved in checkpoints like everything else, and counts as told from then on: other
    data that the task is tested on must not change what it was trained with.

    Args:
        task: A task that is about to begin.
        data: The trainer's data module, or None.

    Raises:
        BandError: The data have another number of bands than the task.
    """
    if data is None:
        return
    _normalisation(task, data)
    _names(task, data)


def _normalisation(task: BaseTask, data: Any) -> None:
    known = getattr(data, "normalisation", None)
    if not callable(known) or task.told & {"mean", "std"} or task.pretrained.fit is not None:
        return
    mean, std = known()
    channels = len(task.hparams["mean"])
    if len(mean) != channels:
        raise BandError(
            f"{type(data).__name__} gives images of {len(mean)} bands, and {type(task).__name__} "
            f"was made for {channels}: set in_channels={len(mean)}, or choose {channels} of them "
            "with the data module's bands"
        )
    for name, numbers in (("mean", mean), ("std", std)):
        values = [float(v) for v in numbers]
        task.hparams[name] = task.given[name] = values
        setattr(task, name, torch.tensor(values, device=task.mean.device).view(-1, 1, 1))
    task.told |= {"mean", "std"}
    logger.info("mean %s and std %s of %s are used", list(mean), list(std), type(data).__name__)


def _names(task: BaseTask, data: Any) -> None:
    names = list(getattr(data, "classes", None) or ())
    for key in ("labels", "classes"):
        own = task.hparams.get(key)
        count = len(own) if own else task.hparams.get("num_classes") or task.hparams.get(
            "num_labels")  # fmt: skip
        if key not in task.hparams or task.told & {"labels", "classes"} or count != len(names):
            continue
        for same in {"labels", "classes"} & set(task.hparams):  # two names of one option
            task.hparams[same] = task.given[same] = names
        colours = [list(c) for c in getattr(data, "colours", None) or ()]
        if "colors" in task.hparams and "colors" not in task.told and len(colours) == count:
            task.hparams["colors"] = task.given["colors"] = colours
        task.told |= {"labels", "classes"}
        task.configure_metrics()  # by which the scores of each class get its name
        task.to(task.mean.device)
        return
