"""Published weights as enum members: where the file is, what it has seen, how to feed it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models import Weights
from torchvision.models import WeightsEnum as TorchvisionWeightsEnum

from swath.models.checkpoint import fetch_state_dict

__all__ = ["WeightsEnum", "weight"]


class WeightsEnum(TorchvisionWeightsEnum):
    """Weights of one architecture, one member a checkpoint.

    Members have ``url``, ``meta`` and ``transforms`` (a `Preset`), as in torchvision.
    """

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


def weights_parameter(build: Any) -> type[WeightsEnum] | None:
    """The enum that a factory's ``weights`` argument takes, as registered."""
    return getattr(inspect.unwrap(build), "weights_enum", None)
