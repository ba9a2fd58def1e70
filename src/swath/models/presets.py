"""What a checkpoint wants to see: resizing, cropping and normalisation as one module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transform

from swath.errors import BandError, ConfigError

__all__ = ["Preset"]


class Preset(nn.Module):
    """Raw pixels (..., C, H, W) to a network's input.

    Values become ``(x - mean) / std``, then are limited to `clip`, then become
    ``(x - mean2) / std2`` with those of `then`. Resizing (shorter side, bilinear, antialiased, or
    to a fixed height and width) and cropping (centre; smaller images are padded with zeros) come
    before; they are the checkpoint's habit in classification and `normalize` alone leaves them
    out, as segmentation and mapping want it.

    Args:
        mean: One number, or one a band.
        std: One number, or one a band.
        clip: Limits after the first step.
        then: A second (mean, std), such as ImageNet's, for values between 0 and 1.
        resize: Side in pixels, or (height, width).
        crop: Side of the central square in pixels.
        bands: Names of the bands, where `mean` or `std` has one a band; they are told in errors.

    Raises:
        ConfigError: Numbers that contradict each other.
    """

    def __init__(
        self,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        *,
        clip: tuple[float, float] | None = None,
        then: tuple[Sequence[float], Sequence[float]] | None = None,
        resize: int | tuple[int, int] | None = None,
        crop: int | None = None,
        bands: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.mean, self.std = _numbers(mean), _numbers(std)
        self.then = None if then is None else (_numbers(then[0]), _numbers(then[1]))
        self.clip, self.resize, self.crop, self.bands = clip, resize, crop, tuple(bands)
        stds = self.std + (self.then[1] if self.then else ())
        if any(value == 0 for value in stds):
            raise ConfigError(f"a std is 0 in {stds}: a constant band has std 1")
        lengths = {len(n) for n in self._vectors()} - {1}
        if len(lengths) > 1 or (lengths and bands and lengths != {len(bands)}):
            raise ConfigError(
                f"mean, std and bands have {sorted(lengths | {len(bands)} - {0})} members: "
                "expected as many of each, or one"
            )

    def _vectors(self) -> list[tuple[float, ...]]:
        return [self.mean, self.std, *(self.then or ())]

    @property
    def channels(self) -> int | None:
        """Bands that it is for; None if any number will do."""
        lengths = {len(n) for n in self._vectors()} - {1}
        return len(self.bands) or (lengths.pop() if lengths else None)

    def forward(self, x: Any) -> Any:
        """A tensor (..., C, H, W), or a sample whose ``image`` is one, as the network wants it.

        Raises:
            BandError: Another number of bands than the preset is for.
        """
        if isinstance(x, dict):
            return {**x, "image": self(x["image"])}
        return self.normalize(self.frame(x))

    def frame(self, x: Tensor) -> Tensor:
        """Resized and cropped, values as they are."""
        if self.resize is not None:
            size = list(self.resize) if isinstance(self.resize, tuple) else [self.resize]
            lead = x.shape[:-3]
            x = transform.resize(x.reshape(-1, *x.shape[-3:]).float(), size, antialias=True)
            x = x.reshape(*lead, *x.shape[-3:])
        if self.crop is not None:
            x = transform.center_crop(x, [self.crop, self.crop])
        return x

    def normalize(self, x: Tensor) -> Tensor:
        """Normalised, size as it is.

        Raises:
            BandError: Another number of bands than the preset is for.
        """
        found = x.shape[-3] if x.ndim >= 3 else 0
        if x.ndim < 3 or self.channels not in (None, found):
            named = f" ({', '.join(self.bands)})" if self.bands else ""
            raise BandError(
                f"the image has the shape {tuple(x.shape)}: expected (..., C, H, W) with "
                f"C = {self.channels or 'any number'}{named}"
            )
        x = x if x.is_floating_point() else x.float()
        x = (x - self._column(self.mean, x)) / self._column(self.std, x)
        if self.clip is not None:
            x = x.clamp(*self.clip)
        if self.then is not None:
            x = (x - self._column(self.then[0], x)) / self._column(self.then[1], x)
        return x

    def select(self, mixing: Tensor, bands: Sequence[str]) -> Preset:
        """The same for other bands: row i of `mixing` (targets, sources) says what band i is of.

        A target that is a weighted mean of sources gets the weighted mean of their numbers.
        """
        share = mixing.double() / mixing.double().sum(1, keepdim=True).clamp_min(1e-12)

        def mix(numbers: tuple[float, ...]) -> tuple[float, ...]:
            if len(numbers) == 1:
                return numbers
            mixed: list[float] = (share @ torch.tensor(numbers, dtype=torch.float64)).tolist()
            return tuple(mixed)

        then = None if self.then is None else (mix(self.then[0]), mix(self.then[1]))
        return Preset(
            mix(self.mean), mix(self.std), clip=self.clip, then=then, resize=self.resize,
            crop=self.crop, bands=bands,
        )  # fmt: skip

    def _column(self, numbers: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(numbers, dtype=like.dtype, device=like.device).view(-1, 1, 1)

    def extra_repr(self) -> str:
        """What it does, for print."""
        parts = {
            "resize": self.resize, "crop": self.crop, "mean": self.mean, "std": self.std,
            "clip": self.clip, "then": self.then,
        }  # fmt: skip
        return ", ".join(f"{k}={v}" for k, v in parts.items() if v is not None)


def _numbers(value: float | Sequence[float]) -> tuple[float, ...]:
    return (float(value),) if isinstance(value, int | float) else tuple(map(float, value))
