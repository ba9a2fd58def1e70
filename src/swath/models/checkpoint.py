"""Checkpoint files: fetched once, verified, read without running anything that is in them."""

from __future__ import annotations

import os
import pathlib
import pickle
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from swath.errors import ChecksumError, DownloadError, FileMissingError, UnreadableFileError
from swath.fetch import check_integrity, download, file_digest
from swath.typing import Path

__all__ = ["checkpoint_folder", "fetch_checkpoint", "fetch_state_dict", "read_state_dict"]

_HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
#: Where training programs put the tensors, outermost first.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "teacher", "student")


def checkpoint_folder() -> pathlib.Path:
    """Where weights are kept: ``$SWATH_HOME/checkpoints``, else PyTorch's hub folder."""
    home = os.environ.get("SWATH_HOME")
    base = pathlib.Path(home).expanduser() if home else pathlib.Path(torch.hub.get_dir())
    return base / "checkpoints"


def fetch_checkpoint(url: str, *, progress: bool = True, sha256: str | None = None) -> pathlib.Path:
    """The file of `url` in `checkpoint_folder`, downloaded if it is not there, and verified.

    Args:
        url: Of the file; eight or more hexadecimal digits before the suffix
            (``name-1c691b4f.pth``) are the beginning of its SHA-256.
        progress: Show a bar on a terminal.
        sha256: The whole digest, where it is known.

    Raises:
        DownloadError: It is not there and cannot be downloaded: the text says where to put it.
        ChecksumError: The file is not the published one.
    """
    path = checkpoint_folder() / urlsplit(url).path.rsplit("/", 1)[-1]
    try:
        if not path.exists() or (sha256 and not check_integrity(path, sha256=sha256)):
            download(url, path, sha256=sha256, progress=progress)
    except DownloadError as error:
        message = f"{error} Without a network: get the file elsewhere and put it at {path}"
        raise DownloadError(message) from error
    named = _HASH.search(path.name)
    if named and not sha256 and not file_digest(path, progress=progress).startswith(named[1]):
        raise ChecksumError(
            f"{path} has the SHA-256 {file_digest(path, progress=False)[:16]}…, expected "
            f"{named[1]}… as its name says: delete it, and it is downloaded again"
        )
    return path


def fetch_state_dict(
    url: str, *, progress: bool = True, sha256: str | None = None
) -> dict[str, Tensor]:
    """`fetch_checkpoint`, read by `read_state_dict`."""
    return read_state_dict(fetch_checkpoint(url, progress=progress, sha256=sha256))


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a ``.pth``/``.pt``/``.ckpt`` or ``.safetensors`` file, on the CPU.

    Nothing in the file is executed (``weights_only``). A training program's wrapping
    (``state_dict``, ``model``) is taken off.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: The file is cut short, holds more than tensors and plain values, or
            no tensors.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise FileMissingError(f"{path} does not exist: expected a file of weights")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path, device="cpu"))
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        size = path.stat().st_size
        raise UnreadableFileError(
            f"{path} ({size} bytes) is not a readable file of weights: {str(error)[:200]}. It may "
            "be cut short (delete it and fetch it again) or hold more than tensors, which is never "
            "run here"
        ) from error
    while isinstance(found, Mapping):
        inner = next((found[w] for w in _WRAPPERS if isinstance(found.get(w), Mapping)), None)
        if inner is None:
            break
        found = inner
    tensors = (
        {str(k): v for k, v in dict(found).items() if isinstance(v, Tensor)}
        if isinstance(found, Mapping)
        else {}
    )
    if not tensors:
        raise UnreadableFileError(f"{path} holds no tensors by name: expected a state dict")
    return tensors
