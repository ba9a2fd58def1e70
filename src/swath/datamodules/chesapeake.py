"""Chesapeake Land Cover: train on some states, test on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from swath.datamodules.geo import GeoDataModule
from swath.datamodules.ground import _flips
from swath.datasets import ChesapeakeCVPR
from swath.errors import ConfigError, SplitError
from swath.typing import Sample

__all__ = ["ChesapeakeCVPRDataModule"]

_CODES = 16


class ChesapeakeCVPRDataModule(GeoDataModule):
    """`ChesapeakeCVPR`, a state to train and others to test: ``["de-train"]``, ``["ny-test"]``.

    Images are the newer aerial photographs, divided by 255. Masks hold:

    * `class_set` 7: the codes 1 to 6, and 0 where there is no data;
    * `class_set` 5: the same with all that is impervious (5 and 6) in 4, together with barren land;
    * with `use_prior_labels`: how likely each of 4 classes is, float32 (B, 4, H, W), summing to 1.

    So a task has 7 or 5 classes, and ``ignore_index=0``. In the field, 15 (no data) stays 15, which
    is no class, and the priors are rounded to 0.

    Args:
        train_splits: Splits to train on.
        val_splits: Splits to validate on.
        test_splits: Splits to test on.
        batch_size: Patches in a batch.
        patch_size: Side of a patch in pixels.
        length: Patches in an epoch of training; by default as many as cover the ground once.
        num_workers: Processes that read.
        class_set: 5 or 7.
        use_prior_labels: Give the priors instead of land cover, with `class_set` 5.
        prior_smoothing_constant: Added to the priors, so that none is 0.
        **kwargs: Arguments of `ChesapeakeCVPR`.

    Raises:
        ConfigError: Another `class_set`; priors of 7 classes.
        SplitError: A split is in two stages, or there is no such split.
    """

    def __init__(
        self,
        train_splits: Sequence[str],
        val_splits: Sequence[str],
        test_splits: Sequence[str],
        batch_size: int = 64,
        patch_size: int = 256,
        length: int | None = None,
        num_workers: int = 0,
        class_set: int = 7,
        use_prior_labels: bool = False,
        prior_smoothing_constant: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        if class_set not in (5, 7):
            raise ConfigError(f"class_set is {class_set!r}: expected 5 or 7")
        if use_prior_labels and class_set != 5:
            raise ConfigError("priors are published of 5 classes alone: set class_set=5")
        labels = ChesapeakeCVPR.prior_layer if use_prior_labels else "lc"
        self.layers = ["naip-new", labels]
        kwargs = {"layers": self.layers, **kwargs}
        super().__init__(ChesapeakeCVPR, batch_size, patch_size, length, num_workers, **kwargs)
        self.train_splits = ChesapeakeCVPR.check_splits(train_splits)
        self.val_splits = ChesapeakeCVPR.check_splits(val_splits)
        self.test_splits = ChesapeakeCVPR.check_splits(test_splits)
        parts = [set(self.train_splits), set(self.val_splits), set(self.test_splits)]
        twice = (parts[0] & parts[1]) | (parts[0] & parts[2])
        if twice:
            raise SplitError(
                f"{', '.join(sorted(twice))} is to be trained on and validated or tested on: give "
                "each split to one stage"
            )
        self.class_set = class_set
        self.use_prior_labels = use_prior_labels
        self.prior_smoothing_constant = prior_smoothing_constant
        self.train_aug = _flips()
        self._numbers = torch.arange(_CODES)
        self._numbers[7:] = 0
        if class_set == 5:
            self._numbers[5:7] = 4

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, by number."""
        names = dict(ChesapeakeCVPR.classes_by_value)
        if self.class_set == 7:
            return ("No data", *(names[i] for i in range(1, 7)))
        return ("No data", *(names[i] for i in range(1, 4)), "Barren land and impervious")

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each band, in the files' values."""
        return [0.0] * 4, [255.0] * 4

    def prepare_data(self) -> None:
        """Download where that was asked for: once, in one process."""
        if self.kwargs.get("download"):
            ChesapeakeCVPR(splits=self.train_splits, **self.kwargs)

    def setup(self, stage: str) -> None:
        """Make the datasets that the stage (fit, validate, test, predict) needs."""
        splits = {"train": self.train_splits, "val": self.val_splits, "test": self.test_splits,
                  "predict": self.test_splits}  # fmt: skip
        for part in {"fit": ("train", "val"), "validate": ("val",)}.get(stage, (stage,)):
            setattr(self, f"{part}_dataset", ChesapeakeCVPR(splits=splits[part], **self.kwargs))

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Class numbers or priors; then the stage's own augmentation."""
        if "mask" in batch:
            batch = {**batch, "mask": self._labels(batch["mask"])}
        return super().on_after_batch_transfer(batch, dataloader_idx)

    def _labels(self, mask: torch.Tensor) -> torch.Tensor:
        if self.use_prior_labels:
            likely = mask.float()
            likely = likely / likely.sum(1, keepdim=True).clamp(min=1e-12)
            likely = likely + self.prior_smoothing_constant
            return likely / likely.sum(1, keepdim=True)
        known = torch.where((mask >= 0) & (mask < _CODES), mask, 0)
        return self._numbers.to(mask.device)[known]
