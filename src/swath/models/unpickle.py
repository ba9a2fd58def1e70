"""Tensors out of a file of weights, without running or importing anything that it names.

A pickle is a program: it may name any function and call it. PyTorch's restricted reader
(``weights_only=True``) knows tensors and plain values, and refuses every other name. Training
programs put their settings beside the tensors, though, in containers that the reader does not
know (`argparse.Namespace`, OmegaConf, Lightning's ``AttributeDict``, NumPy's scalars). For those,
and no others, the reader is given stand-ins that swallow what they are given: the real classes are
never imported, no method of theirs runs, and the settings come out empty, which does no harm, since
only the tensors are wanted. A name that is not in `CONTAINERS` is refused, whatever it is.
"""

from __future__ import annotations

import pathlib
import pickle
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from swath.errors import FileMissingError, UnreadableFileError
from swath.typing import Path

__all__ = ["CONTAINERS", "read_state_dict"]

#: Where training programs put the tensors, outermost first.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "teacher", "student")
# PyTorch keeps the names that its reader accepts for the whole process.
_lock = threading.Lock()


class _Thing:
    """Stands for any object: takes whatever arguments and state, and keeps nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _Dict:
    """Stands for a subclass of dict: the reader fills only plain ones."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return OrderedDict()


class _List:
    """Stands for a subclass of list, and for deque."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return []


def _names(text: str) -> list[str]:
    """``package.module: A B`` by line to full names."""
    rows = (line.split(":") for line in text.split("\n") if line.strip())
    return [f"{module.strip()}.{name}" for module, names in rows for name in names.split()]


_THINGS = """
argparse: Namespace
types: SimpleNamespace
typing: Any Union Optional
builtins: int float str bool dict list tuple object slice range frozenset
datetime: datetime date time timedelta timezone
decimal: Decimal
fractions: Fraction
uuid: UUID
pathlib: Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath
pathlib._local: Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath
numpy: dtype ndarray bool_ float16 float32 float64 int8 int16 int32 int64 uint8
numpy.core.multiarray: scalar _reconstruct
numpy._core.multiarray: scalar _reconstruct
numpy.dtypes: Float16DType Float32DType Float64DType Int32DType Int64DType BoolDType
omegaconf.base: Metadata ContainerMetadata
omegaconf.dictconfig: DictConfig
omegaconf.listconfig: ListConfig
omegaconf.nodes: AnyNode BooleanNode BytesNode EnumNode FloatNode IntegerNode PathNode StringNode
jsonargparse.namespace: Namespace
jsonargparse._namespace: Namespace
torch.torch_version: TorchVersion
torchvision.models._api: Weights
"""
_DICTS = """
collections: defaultdict
lightning.fabric.utilities.data: AttributeDict
lightning.fabric.utilities.types: AttributeDict
lightning.pytorch.utilities.parsing: AttributeDict
lightning_fabric.utilities.data: AttributeDict
pytorch_lightning.utilities.parsing: AttributeDict
addict.addict: Dict
easydict: EasyDict
yacs.config: CfgNode
mmengine.config.config: ConfigDict
mmcv.utils.config: ConfigDict
"""
_LISTS = """
collections: deque
"""

#: Names that a checkpoint may hold beside tensors and plain values, and what stands for them.
CONTAINERS: dict[str, type] = {
    **dict.fromkeys(_names(_THINGS), _Thing),
    **dict.fromkeys(_names(_DICTS), _Dict),
    **dict.fromkeys(_names(_LISTS), _List),
}


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a ``.pth``/``.pt``/``.ckpt`` or ``.safetensors`` file, on the CPU.

    Nothing in the file is executed or imported. A training program's wrapping (``state_dict``,
    ``model``, …) is taken off; dicts of dicts come out with their names joined by dots. The format
    is told by the file's first bytes, not by its suffix.

    Raises:
        FileMissingError: There is no such file, or it is a folder.
        UnreadableFileError: The file is cut short, would run code, or holds no tensors.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        inside = [p.name for p in sorted(path.iterdir()) if p.suffix in _SUFFIXES][:5]
        hint = f": give one of {', '.join(inside)}" if inside else ""
        raise FileMissingError(f"{path} is a folder, expected a file of weights{hint}")
    if not path.exists():
        raise FileMissingError(f"{path} does not exist: expected a file of weights{_near(path)}")
    with open(path, "rb") as stream:
        head = stream.read(512)
    _refuse(path, head)
    try:
        found = _safetensors(path) if _is_safetensors(head) else _pickled(path)
    except Exception as error:  # damaged bytes fail in every way there is
        raise UnreadableFileError(_explain(path, error)) from error
    tensors = _tensors(found)
    if not tensors:
        kind = type(found).__name__
        raise UnreadableFileError(
            f"{path} holds no tensors by name ({kind}), expected a state dict"
        )
    return tensors


_SUFFIXES = {".pth", ".pt", ".ckpt", ".safetensors", ".bin"}


def _near(path: pathlib.Path) -> str:
    import difflib

    if not path.parent.is_dir():
        return f" (nor is there a folder {path.parent})"
    there = [p.name for p in path.parent.iterdir() if p.suffix in _SUFFIXES]
    near = difflib.get_close_matches(path.name, there, n=1)
    return f": did you mean {path.parent / near[0]}?" if near else ""


def _refuse(path: pathlib.Path, head: bytes) -> None:
    """Files that are something else altogether, and what to do about them."""
    start = head.lstrip()[:64].lower()
    if not head:
        what = "is empty: delete it and fetch it again"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml")):
        what = "is a web page: the provider may ask for a login; open its URL in a browser"
    elif start.startswith(b"version https://git-lfs"):
        what = "is a Git LFS pointer, not the file itself: run `git lfs pull`, or download it"
    elif head[257:262] == b"ustar":
        what = (
            "is a tar archive, as PyTorch wrote them until 2017 (or as a download that was not "
            "unpacked): load it with the program that made it and save its state dict again"
        )
    else:
        return
    raise UnreadableFileError(f"{path} ({path.stat().st_size} bytes) {what}")


def _is_safetensors(head: bytes) -> bool:
    # eight bytes of length, then JSON; a pickle's or zip's ninth byte is no brace
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32


def _safetensors(path: pathlib.Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _pickled(path: pathlib.Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = _forbidden(error)
        if name is not None and name not in CONTAINERS and f"builtins.{name}" not in CONTAINERS:
            raise
    with _lock, torch.serialization.safe_globals([(c, n) for n, c in CONTAINERS.items()]):
        return torch.load(path, map_location="cpu", weights_only=True)


def _forbidden(error: BaseException) -> str | None:
    """The name that PyTorch's reader refused, from its message."""
    found = re.search(r"GLOBAL ([\w.]*\w)", str(error))
    return found[1] if found else None


def _explain(path: pathlib.Path, error: BaseException) -> str:
    size = path.stat().st_size
    name = _forbidden(error)
    if name is not None:
        return (
            f"{path} ({size} bytes) asks for {name} to be imported or called when it is read. "
            "That is refused, and nothing in it was run: expected tensors, plain values and known "
            "settings. If you trust whoever made it, load it with the program that made it and "
            "save model.state_dict(), or a .safetensors file"
        )
    if "TorchScript" in str(error):
        return (
            f"{path} is a TorchScript program, not a file of weights: if you trust it, save "
            "torch.jit.load(path).state_dict()"
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return (
        f"{path} ({size} bytes) is not a readable file of weights: {reason}. It is cut short or "
        "damaged (fetch it again), or of an unknown format: expected what torch.save or "
        "safetensors write"
    )


def _tensors(found: Any) -> dict[str, Tensor]:
    while isinstance(found, Mapping):
        inner = next((found[w] for w in _WRAPPERS if isinstance(found.get(w), Mapping)), None)
        if inner is None:
            break
        found = inner
    if not isinstance(found, Mapping):
        return {}
    flat = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
    return flat or dict(_nested(found))


def _nested(found: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    if prefix.count(".") > 20:  # a dict that holds itself
        return
    for key, value in found.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from _nested(value, f"{prefix}{key}.")
