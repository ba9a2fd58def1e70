"""From a checkpoint's file to the task in it."""

from __future__ import annotations

import os
from typing import Any

import torch

from swath.errors import ConfigError, FileMissingError, UnreadableFileError
from swath.trainers.base import BaseTask
from swath.typing import Path

__all__ = ["load_task", "read_checkpoint"]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, with nothing but plain types and tensors let in.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is no checkpoint, or holds objects that would run code.
    """
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise FileMissingError(f"the checkpoint {name} does not exist")
    try:
        content = torch.load(name, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle fails in as many ways as there are bytes
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise UnreadableFileError(f"{name} cannot be read as a checkpoint: {reason}") from error
    if not isinstance(content, dict):
        raise UnreadableFileError(f"{name} holds a {type(content).__name__} and no checkpoint")
    return content


def load_task(path: Path, map_location: str | torch.device = "cpu") -> BaseTask:
    """The task in a checkpoint, in evaluation mode; nothing is downloaded.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is no checkpoint.
        ConfigError: It holds no task of Swath.
    """
    from swath import trainers

    content = read_checkpoint(path)
    hparams = dict(content.get("hyper_parameters") or {})
    name = str(content.get("swath_task"))
    # The file names what is called with what it holds: nothing but a task may be
    kind = getattr(trainers, name, None) if name in trainers.__all__ else None
    known = isinstance(kind, type) and issubclass(kind, BaseTask)
    if kind is None or not known or "state_dict" not in content:
        raise ConfigError(
            f"{os.fspath(path)} holds no task of Swath (it says {name!r}): expected a checkpoint "
            "of swath fit. For a task of your own use its load_from_checkpoint"
        )
    hparams = {k: v for k, v in hparams.items() if not k.startswith("_")}
    for weights in ("weights", "weights_backbone"):  # the checkpoint's own are loaded below
        if weights in hparams:
            hparams[weights] = None
    try:
        task: BaseTask = kind(**hparams)
        task.load_state_dict(content["state_dict"])
    except (TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"{os.fspath(path)} does not make a {name}: {reason}. It may be of another version of "
            "Swath"
        ) from error
    return task.to(map_location).eval()
