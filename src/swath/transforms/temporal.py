"""Augmentations of time series: dates lost, hidden, or in another order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.transforms.base import check_probability

__all__ = ["RandomTemporalDropout", "RandomTemporalMask", "RandomTemporalShuffle"]

#: Keys of a batch that have one entry a date, (B, T, …), beside the images.
_DATED = ("dates", "timestamps", "timestamp", "doy", "months", "valid", "mask_time")


class _Temporal(nn.Module, ABC):
    """Works on batches whose ``image`` is (B, T, C, H, W), and on such tensors."""

    on_batch = True

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = check_probability(p)

    def forward(self, batch: Any) -> Any:
        """The batch with another series; what came in is not changed.

        Raises:
            ConfigError: The images are no series.
        """
        bare = isinstance(batch, Tensor)
        sample: dict[str, Any] = {"image": batch} if bare else batch
        image: Tensor = sample["image"]
        if image.ndim != 5:
            raise ConfigError(
                f"{type(self).__name__} got images of shape {tuple(image.shape)}: expected a "
                "series (B, T, C, H, W)"
            )
        chosen = torch.rand(len(image), device=image.device) < self.p
        out = self.change(sample, chosen)
        return out["image"] if bare else out

    @abstractmethod
    def change(self, batch: dict[str, Any], chosen: Tensor) -> dict[str, Any]:
        """The batch, with the rows `chosen` (B,) changed."""


class RandomTemporalMask(_Temporal):
    """Dates are blotted out, and stay in the series: their values become `fill`.

    Args:
        share: Chance of each date.
        fill: What the pixels become. After normalisation 0 is the mean.
        keep: Dates that are always left, at the least.
        p: Share of the series.
    """

    def __init__(
        self, share: float = 0.3, fill: float = 0.0, keep: int = 1, p: float = 0.5
    ) -> None:
        super().__init__(p)
        self.share, self.fill, self.keep = check_probability(share), fill, keep

    def change(self, batch: dict[str, Any], chosen: Tensor) -> dict[str, Any]:
        """The batch with dates blotted out."""
        image: Tensor = batch["image"]
        gone = _some(image, self.share, self.keep) & chosen[:, None]
        return {**batch, "image": torch.where(gone[:, :, None, None, None], self.fill, image)}


class RandomTemporalDropout(_Temporal):
    """Dates are taken out: the series gets shorter, the same number of dates for all of a batch.

    Keys with one entry a date (``dates``, ``timestamps``, ``doy``, …) lose the same ones.

    Args:
        share: Share of the dates that go, at most; how many is drawn anew for each batch.
        keep: Dates that are always left, at the least.
        p: Chance that a batch gets shorter.
    """

    def __init__(self, share: float = 0.3, keep: int = 1, p: float = 0.5) -> None:
        super().__init__(p)
        self.share, self.keep = check_probability(share), keep

    def change(self, batch: dict[str, Any], chosen: Tensor) -> dict[str, Any]:
        """The batch with shorter series."""
        image: Tensor = batch["image"]
        b, t = image.shape[:2]
        most = min(int(t * self.share), t - self.keep)
        if not bool(chosen[:1].any()) or most < 1:  # one decision for all: lengths must be the same
            return batch
        left = t - int(torch.randint(1, most + 1, ()))
        order = torch.rand(b, t, device=image.device).argsort(1)[:, :left].sort(1).values
        return _reorder(batch, order)


class RandomTemporalShuffle(_Temporal):
    """Dates in another order, with their dates: for models that must not rely on the order.

    Args:
        p: Share of the series.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, batch: dict[str, Any], chosen: Tensor) -> dict[str, Any]:
        """The batch with series in another order."""
        image: Tensor = batch["image"]
        b, t = image.shape[:2]
        order = torch.rand(b, t, device=image.device).argsort(1)
        straight = torch.arange(t, device=image.device).expand(b, t)
        return _reorder(batch, torch.where(chosen[:, None], order, straight))


def _some(image: Tensor, share: float, keep: int) -> Tensor:
    """(B, T) bool: each date with the chance `share`, never all but fewer than `keep`."""
    noise = torch.rand(image.shape[:2], device=image.device)
    spared = noise.argsort(1, descending=True)[:, :keep]
    return (noise < share).scatter(1, spared, False)


def _reorder(batch: dict[str, Any], order: Tensor) -> dict[str, Any]:
    """Dates picked by `order` (B, T'), of every key that has them."""
    dates = batch["image"].shape[1]
    out = dict(batch)
    for key, value in batch.items():
        if not isinstance(value, Tensor) or value.ndim < 2 or value.shape[1] != dates:
            continue
        if key == "valid" and value.ndim < 4:
            continue  # (B, H, W), and H happens to be the number of dates
        if key in _DATED or (key.startswith("image") and value.ndim == 5):
            index = order.to(value.device).view(*order.shape, *([1] * (value.ndim - 2)))
            out[key] = value.gather(1, index.expand(-1, -1, *value.shape[2:]))
    return out
