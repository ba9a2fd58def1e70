"""Put a checkpoint into a model: every tensor is used or accounted for."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn
from torchvision.models import WeightsEnum as TorchvisionWeightsEnum

from swath.errors import ConfigError
from swath.models.adapt import BandFit, adapt_kernel
from swath.models.checkpoint import fetch_state_dict, read_state_dict
from swath.models.weights import WeightsEnum, nearest
from swath.typing import Path

__all__ = ["load_weights", "loads", "without_loading"]

logger = logging.getLogger(__name__)
Model = TypeVar("Model", bound=nn.Module)

#: What DataParallel and torch.compile put before every name.
_SHELLS = ("module.", "_orig_mod.")
_loads: contextvars.ContextVar[bool] = contextvars.ContextVar("swath_loads", default=True)


@contextlib.contextmanager
def without_loading() -> Iterator[None]:
    """Factories build the architecture of their weights, and fetch and load nothing."""
    token = _loads.set(False)
    try:
        yield
    finally:
        _loads.reset(token)


def loads() -> bool:
    """Whether factories load their weights: always, but for `without_loading`."""
    return _loads.get()


def load_weights(
    model: Model,
    weights: WeightsEnum | Path | Mapping[str, Tensor],
    *,
    fit: BandFit | None = None,
    stem: str | None = None,
    rename: Mapping[str, str] | None = None,
    absent: Sequence[str] = (),
    unused: Sequence[str] = (),
    prepare: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
    progress: bool = True,
) -> Model:
    """Load tensors into `model`, and say what does not fit.

    Tensors that `absent` and `unused` excuse are named in the log (level INFO); everything else
    has to fit. The prefixes of DataParallel and `torch.compile` are taken off.

    Args:
        model: Anything whose parameters hold numbers (not on the meta device).
        weights: A member of a weights enum or its full name
            (``"ResNet18_Weights.SENTINEL2_ALL_MOCO"``), a member of torchvision's, the path of a
            file, the URL of one, or tensors by name.
        fit: How the checkpoint's bands become the model's (see `swath.models.adapt`).
        stem: Name in the model of the first layer's kernel, which `fit` changes; None for models
            without one, whose bands are told apart by wavelength.
        rename: Regular expressions of the checkpoint's names, and what to put in their place, one
            after the other; an empty replacement drops a prefix.
        absent: Regular expressions of the model's names that the checkpoint need not have (a head
            that is to be trained, buffers that are computed).
        unused: Regular expressions of the checkpoint's names, as `rename` leaves them, that have
            no place in the model.
        prepare: Changes the tensors after `rename`, for what a name alone does not say: a prefix
            that has to be found, positions of another image size.
        progress: Show a bar while downloading, on a terminal.

    Returns:
        `model`.

    Raises:
        ConfigError: Tensors are missing, left over, or of another shape: the file is of another
            architecture, or for other bands. The model is as it was.
        FileMissingError: There is no such file, or it is a folder.
        UnreadableFileError: The file is cut short, would run code, or holds no tensors.
        DownloadError, ChecksumError: As `WeightsEnum.get_state_dict`.
    """
    if not loads():
        return model
    own = {k: v for k, v in model.state_dict().items() if isinstance(v, Tensor)}
    source, tensors = _tensors(weights, progress)
    for shell in _SHELLS:
        if all(k.startswith(shell) for k in tensors) and not any(k.startswith(shell) for k in own):
            tensors = {k.removeprefix(shell): v for k, v in tensors.items()}
    tensors = _renamed(tensors, rename or {}, source)
    if prepare is not None:
        tensors = prepare(tensors)
    left_out = [k for k in tensors if _matches(k, unused)]
    for key in left_out:
        del tensors[key]
    if fit is not None and stem is not None:
        if stem not in tensors:
            raise ConfigError(
                f"{source} has no first layer {stem!r} to fit to the bands "
                f"{', '.join(fit.target)}: {nearest(stem, [*tensors][:8])}"
            )
        tensors[stem] = adapt_kernel(tensors[stem], fit)
    untouched = [k for k in own if k not in tensors]
    # Old checkpoints lack BatchNorm's counter, which only matters for cumulative averages.
    missing = [
        k for k in untouched if not (_matches(k, absent) or k.endswith("num_batches_tracked"))
    ]
    left_over = [k for k in tensors if k not in own]
    shapes = {k: v for k, v in own.items() if k in tensors and tensors[k].shape != v.shape}
    if left_over or missing or shapes:
        name = type(model).__name__
        raise ConfigError(_misfit(name, source, own, tensors, left_over, missing, shapes))
    for key, value in own.items():
        if key in tensors and (problem := _uncopyable(tensors[key], value)):
            raise ConfigError(
                f"{source} cannot be copied into {type(model).__name__}: {key} {problem}"
            )
    # Nothing below fails, so the model is changed as a whole or not at all.
    model.load_state_dict(tensors, strict=False)
    for what, names in (("not in the model", left_out), ("as they were", untouched)):
        if names:
            logger.info("%s: %d tensors %s: %s", source, len(names), what, ", ".join(names))
    return model


def _tensors(weights: Any, progress: bool) -> tuple[str, dict[str, Tensor]]:
    """What to call the source in messages, and its tensors."""
    if isinstance(weights, str) and re.fullmatch(r"\w+_Weights\.\w+", weights):
        from swath.models.registry import get_weight

        if not os.path.exists(weights):
            weights = get_weight(weights)
    if isinstance(weights, WeightsEnum):
        source, found = repr(weights), dict(weights.get_state_dict(progress=progress))
    elif isinstance(weights, TorchvisionWeightsEnum):
        source, found = repr(weights), fetch_state_dict(weights.url, progress=progress)
    elif isinstance(weights, Mapping):
        source, found = "the state dict", dict(weights)
        wrong = {k: v for k, v in found.items() if not isinstance(v, Tensor)}
        if wrong or not found:
            kinds = ", ".join(f"{k!r}: {type(v).__name__}" for k, v in [*wrong.items()][:3])
            raise ConfigError(f"weights is a mapping of {{{kinds}}}: expected tensors by name")
    elif isinstance(weights, str) and re.match(r"https?://", weights, re.IGNORECASE):
        source, found = weights, fetch_state_dict(weights, progress=progress, apart=True)
    elif isinstance(weights, str | os.PathLike):
        path = pathlib.Path(os.fspath(weights)).expanduser()
        source, found = str(path), read_state_dict(path)
    else:
        raise ConfigError(
            f"weights is {weights!r}: expected a member of a weights enum, the path or URL of a "
            "file, or tensors by name"
        )
    return source, found


def _renamed(
    tensors: Mapping[str, Tensor], rename: Mapping[str, str], source: str
) -> dict[str, Tensor]:
    names = list(tensors)
    for pattern, replacement in rename.items():
        names = [re.sub(pattern, replacement, name) for name in names]
    found: dict[str, Tensor] = {}
    for old, new in zip(tensors, names, strict=True):
        if new in found:
            other = list(tensors)[names.index(new)]
            raise ConfigError(
                f"{source}: {other!r} and {old!r} both become {new!r}, and one would be lost: "
                "expected patterns in `rename` that keep names apart"
            )
        found[new] = tensors[old]
    return found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(re.search(p, name) for p in patterns)


def _uncopyable(given: Tensor, own: Tensor) -> str | None:
    if own.is_meta:
        return "is on the meta device: build the model on the CPU, then load"
    if given.is_complex() and not own.is_complex():
        return f"is {given.dtype}, expected {own.dtype}"
    if given.is_floating_point() and not (own.is_floating_point() or own.is_complex()):
        return f"is {given.dtype}, expected {own.dtype}"
    return None


def _misfit(
    kind: str,
    source: str,
    own: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    left_over: list[str],
    missing: list[str],
    shapes: Mapping[str, Tensor],
) -> str:
    parts = [f"{source} ({len(tensors)} tensors) does not fit {kind} ({len(own)} tensors):"]
    differing = [
        f"{k} is {tuple(tensors[k].shape)}, expected {tuple(v.shape)}" for k, v in shapes.items()
    ]
    for what, names in (
        ("missing in the file", missing),
        ("not in the model", left_over),
        ("of another shape", differing),
    ):
        if names:
            shown = "; ".join(names[:3]) + ("; …" if len(names) > 3 else "")
            parts.append(f"{len(names)} {what} ({shown}).")
    parts.append(_remedy(own, tensors, left_over, missing, shapes))
    return " ".join(p for p in parts if p)


def _remedy(
    own: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    left_over: list[str],
    missing: list[str],
    shapes: Mapping[str, Tensor],
) -> str:
    common = [k for k in own if k in tensors]
    if not common:
        for name in own:
            longer = next((k for k in tensors if k.endswith(f".{name}")), None)
            if longer is not None:
                prefix = re.escape(longer.removesuffix(name))
                return f"Its names have a prefix: rename={{r'^{prefix}': ''}} drops it."
        return "Nothing matches: it is a checkpoint of another architecture."
    if shapes and not missing and not left_over:
        first = next(iter(shapes))
        found, expected = tensors[first].shape, shapes[first].shape
        if len(shapes) == 1 and len(found) >= 4 and found[0] == expected[0] and (
            found[2:] == expected[2:]
        ):  # fmt: skip
            return (
                f"It is for {found[1]} channels and the model for {expected[1]}: build the model "
                f"with {found[1]} channels, or name your bands in its factory's bands=(…)."
            )
        return "Build the model with the arguments that the file was trained with."
    if len(common) < len(own) // 2:
        return "It is a checkpoint of another architecture, or its names have to be mapped."
    return ""
