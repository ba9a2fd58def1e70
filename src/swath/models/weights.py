"""Published weights as enum members: where the file is, what it has seen, how to feed it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models import Weights
from torchvision.models import WeightsEnum as TorchvisionWeightsEnum

from swath.errors import ConfigError, nearest
from swath.models.checkpoint import fetch_state_dict

__all__ = ["WeightsEnum", "nearest", "weight"]

_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".bin")


class WeightsEnum(TorchvisionWeightsEnum):
    """Weights of one architecture, one member a checkpoint.

    Members have ``url``, ``meta`` and ``transforms`` (a `Preset`), as in torchvision. They are
    pickled and copied by name: a copy is the member itself.
    """

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member that `obj` means: a member, its name (short or full), or None.

        Raises:
            ConfigError: It is none of this enum; the text says which there are.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if isinstance(obj, str):
            short = obj.removeprefix(f"{cls.__name__}.")
            if short in cls.__members__:
                return cls.__members__[short]
            if os.path.sep in obj or obj.endswith(_SUFFIXES):
                hint = "to load a file, build the model and call load_weights(model, path)"
            else:
                hint = nearest(short, cls.__members__)
            raise ConfigError(f"{cls.__name__} has no member {short!r}: {hint}")
        raise ConfigError(
            f"weights is {obj!r}: expected a member of {cls.__name__}, its name, or None "
            f"({', '.join(cls.__members__)})"
        )

    def __reduce_ex__(self, proto: Any) -> tuple[Any, ...]:
        # By value, as enums are pickled otherwise, the member would not be found again: its
        # transforms are a module, and no two of those are equal.
        return _member, (type(self), self.name)

    def __copy__(self) -> WeightsEnum:
        return self

    def __deepcopy__(self, memo: Any) -> WeightsEnum:
        return self

    def get_state_dict(self, *args: Any, progress: bool = True, **kwargs: Any) -> dict[str, Tensor]:
        """The checkpoint's tensors by name, on the CPU; downloaded at the first call and verified.

        Args:
            *args: Ignored, as torchvision takes them.
            progress: Show a bar on a terminal.
            **kwargs: ``check_hash`` is accepted and always on.

        Raises:
            DownloadError: The file is not there and cannot be downloaded: the text says where to
                put it.
            ChecksumError: The file is not the published one.
            UnreadableFileError: The file is cut short or is no checkpoint.
        """
        return fetch_state_dict(self.url, progress=progress, sha256=self.meta.get("sha256"))

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands it was trained on, in order; empty if it takes any."""
        return tuple(self.meta.get("bands", ()))

    @property
    def sensor(self) -> str | None:
        """What took the images, a name of `swath.sensors`; None if several did."""
        name: str | None = self.meta.get("sensor")
        return name

    @property
    def in_channels(self) -> int | None:
        """Channels of its first layer; None if it takes any number."""
        count: int | None = self.meta.get("in_chans")
        return count


def weight(
    url: str,
    transforms: nn.Module | None = None,
    *,
    model: str,
    dataset: str,
    publication: str,
    repo: str,
    sensor: str | None = None,
    bands: Sequence[str] = (),
    units: str | None = None,
    license: str | None = None,
    **meta: Any,
) -> Weights:
    """A member of a weights enum.

    Args:
        url: Of the file; a hash of eight or more hexadecimal digits before the suffix
            (``name-1c691b4f.pth``) is the beginning of its SHA-256 and is checked.
        transforms: Turns raw pixels into the input; nothing if left out.
        model: Architecture.
        dataset: What it was trained on.
        publication: URL of the paper.
        repo: URL of the authors' code.
        sensor: A name of `swath.sensors`.
        bands: In order; ``in_chans`` follows from them.
        units: What raw pixels must be, in the words of `swath.sensors.UNITS`.
        license: SPDX name, or the provider's own words; None if the provider says nothing.
        **meta: Whatever else is known, ``ssl_method`` for instance.
    """
    known = {
        "dataset": dataset, "model": model, "publication": publication, "repo": repo,
        "license": license, "sensor": sensor, "units": units, **meta,
    }  # fmt: skip
    if bands:
        known["bands"] = list(bands)
        known.setdefault("in_chans", len(bands))
    return Weights(url=url, transforms=transforms or nn.Identity(), meta=known)


def _member(enum: type[WeightsEnum], name: str) -> WeightsEnum:
    return enum.__members__[name]
