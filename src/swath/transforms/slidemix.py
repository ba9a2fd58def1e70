"""Sat-SlideMix: more training images by rolling each around."""

from __future__ import annotations

from typing import Any

import torch
from kornia.augmentation import GeometricAugmentationBase2D
from torch import Tensor

from swath.errors import ConfigError
from swath.transforms.base import check_probability

__all__ = ["SatSlideMix"]


class SatSlideMix(GeometricAugmentationBase2D):
    """Images rolled along the rows or columns: what leaves on one side comes in on the other.

    Ground has no up and no centre, so a rolled patch is another plausible patch. The batch becomes
    `gamma` times as long: `gamma` versions of the first image, then of the second, …. Labels (1 a
    pixel) roll with it. As a member of `swath.transforms.Augmentation` it takes the whole batch;
    ``transform`` and ``bounds`` of a rolled image are NaN, since it lies nowhere.
    doi:10.1609/aaai.v39i27.35028.

    Args:
        gamma: Versions of each image.
        beta: Range of the shift, as a share of the side: one number (from 0 to it), or two.
        p: Chance of each version to be rolled.

    Raises:
        ConfigError: `gamma` below 1, or shares outside 0 to 1.
    """

    on_batch = True

    def __init__(
        self,
        gamma: int = 1,
        beta: Tensor | float | tuple[float, float] | list[float] = (0.0, 1.0),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=1.0)
        limits = torch.as_tensor(beta, dtype=torch.float32).flatten().tolist()
        low, high = (0.0, limits[0]) if len(limits) == 1 else (limits[0], limits[-1])
        if gamma < 1 or not isinstance(gamma, int):
            raise ConfigError(f"gamma is {gamma}: expected a whole number from 1 on")
        if len(limits) > 2 or not 0 <= low <= high <= 1:
            raise ConfigError(f"beta is {beta}: expected shares of the side, 0 ≤ low ≤ high ≤ 1")
        self.gamma, self.beta, self.chance = gamma, (low, high), check_probability(p)
        self.flags = {"gamma": gamma}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Shift, axis, direction and whether to roll at all, for each version of each image."""
        count = batch_shape[0] * self.gamma
        low, high = self.beta
        return {
            "beta": low + (high - low) * torch.rand(count),
            "dim": torch.rand(count) < 0.5,
            "direction": torch.rand(count) < 0.5,
            "rolled": torch.rand(count) < self.chance,
        }

    def compute_transformation(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any]
    ) -> Tensor:
        """The identity: no matrix says what rolling does."""
        return self.identity_matrix(input)

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """(B, C, H, W) to (gamma · B, C, H, W)."""
        return self._roll(input, params)

    def apply_transform_mask(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The same for labels."""
        return self._roll(input, params)

    def _roll(self, value: Tensor, params: dict[str, Tensor]) -> Tensor:
        """(B, …, H, W) to (gamma · B, …, H, W)."""
        rolled = []
        for i, image in enumerate(value.repeat_interleave(self.gamma, 0)):
            dim = -2 if bool(params["dim"][i]) else -1
            shift = int(params["beta"][i] * image.shape[dim])
            if not bool(params["rolled"][i]):
                shift = 0
            rolled.append(torch.roll(image, shift if bool(params["direction"][i]) else -shift, dim))
        return torch.stack(rolled)

    def forward(self, input: Any, params: dict[str, Tensor] | None = None, **kwargs: Any) -> Any:
        """A longer batch: of images (B, C, H, W), or of all that a batch holds."""
        if not isinstance(input, dict):
            return super().forward(input, params, **kwargs)
        if "bbox_xyxy" in input:
            raise ConfigError("SatSlideMix would cut boxes in two: it is for images and masks")
        images = [v for k, v in input.items() if k.startswith("image") and _pixels(k, v)]
        drawn = params if params is not None else self.generate_parameters(images[0].shape)
        out: dict[str, Any] = {}
        for key, value in input.items():
            if key.startswith(("image", "mask", "valid")) and _pixels(key, value):
                out[key] = self._roll(value, drawn)
            elif isinstance(value, Tensor):
                out[key] = value.repeat_interleave(self.gamma, 0)
            else:
                out[key] = [v for v in value for _ in range(self.gamma)]
        for key in ("transform", "bounds"):
            if key in out:
                place = out[key].clone()
                place[drawn["rolled"].to(place.device)] = torch.nan
                out[key] = place
        return out


def _pixels(key: str, value: Any) -> bool:
    """Whether a key holds pixels, and not the name of a file or a number a date."""
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor) and v.ndim > 1 for v in value):
        raise ConfigError(f"SatSlideMix got a list of tensors as {key!r}: expected one tensor")
    return isinstance(value, Tensor) and value.ndim >= 3
