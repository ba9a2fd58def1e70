"""How fast batches come, without a network that uses them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from swath.trainers.base import BaseTask

__all__ = ["IOBenchTask"]

logger = logging.getLogger("swath.trainers")


class IOBenchTask(BaseTask):
    """Reads every batch and does nothing with it, to see what the reading costs.

    For each stage it logs ``<stage>_samples_per_second`` (of all processes together),
    ``<stage>_megabytes_per_second``, ``<stage>_wait`` (seconds in which the loop had no batch) and
    ``<stage>_first_batch`` (seconds until the first one came: workers start, files open), and
    keeps them in `report`. ``forward`` gives images as they are. Compare
    ``1 / samples_per_second`` with what a training step of yours costs a sample: while it is less,
    reading is free.

    Args:
        **options: Of `BaseTask`; none makes a difference.
    """

    best = ("val_samples_per_second", "max")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        #: Numbers of each stage's last epoch, by name.
        self.report: dict[str, dict[str, float]] = {}
        self._clocks: dict[str, _Clock] = {}

    def configure_models(self) -> None:
        """One number, so that there is something to optimise."""
        self.model = nn.Identity()
        self.nothing = nn.Parameter(torch.zeros(()))

    def configure_optimizers(self) -> Any:
        """One that changes nothing."""
        return torch.optim.SGD([self.nothing], lr=0.0)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What came in."""
        return args[0]

    def step(self, batch: Any, stage: str) -> Tensor:
        """0."""
        return self.nothing * 0

    def predict_step(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> Mapping[str, Any]:
        """Where the images lie, as far as the batch says."""
        return self.placed(batch) if isinstance(batch, Mapping) else {}

    def _end(self, stage: str) -> None:
        numbers = self._clocks[stage].numbers()
        self.report[stage] = numbers
        logger.info(
            "%s: %d samples in %.1f s, %.1f a second, %.1f MB/s; %.1f s waited, %.1f s of it for "
            "the first batch", stage, numbers["samples"], numbers["seconds"],
            numbers["samples_per_second"], numbers["megabytes_per_second"], numbers["wait"],
            numbers["first_batch"],
        )  # fmt: skip
        for name in ("samples_per_second", "megabytes_per_second", "wait", "first_batch"):
            how = "sum" if name.endswith("second") else "mean"
            self.log(f"{stage}_{name}", numbers[name], sync_dist=True, reduce_fx=how)

    def on_train_epoch_start(self) -> None:
        """Start the clock."""
        self._clocks["train"] = _Clock()

    def on_validation_epoch_start(self) -> None:
        """Start the clock."""
        self._clocks["val"] = _Clock()

    def on_test_epoch_start(self) -> None:
        """Start the clock."""
        self._clocks["test"] = _Clock()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """A batch is there."""
        self._clocks["train"].came(batch)

    def on_validation_batch_start(self, batch: Any, batch_idx: int, d: int = 0) -> None:
        """A batch is there."""
        self._clocks["val"].came(batch)

    def on_test_batch_start(self, batch: Any, batch_idx: int, d: int = 0) -> None:
        """A batch is there."""
        self._clocks["test"].came(batch)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Wait for the next."""
        self._clocks["train"].gone()

    def on_validation_batch_end(self, outputs: Any, batch: Any, batch_idx: int, d: int = 0) -> None:
        """Wait for the next."""
        self._clocks["val"].gone()

    def on_test_batch_end(self, outputs: Any, batch: Any, batch_idx: int, d: int = 0) -> None:
        """Wait for the next."""
        self._clocks["test"].gone()

    def on_train_epoch_end(self) -> None:
        """Report."""
        self._end("train")

    def on_validation_epoch_end(self) -> None:
        """Report; the training's clock stood still meanwhile."""
        self._end("val")
        if "train" in self._clocks:
            self._clocks["train"].stood(time.perf_counter() - self._clocks["val"].begun)

    def on_test_epoch_end(self) -> None:
        """Report."""
        self._end("test")


class _Clock:
    """Time and data of one pass over a loader."""

    def __init__(self) -> None:
        self.begun = self.last = time.perf_counter()
        self.samples, self.bytes, self.wait = 0, 0, 0.0
        self.first: float | None = None

    def came(self, batch: Any) -> None:
        """A batch is there: the time since the last one was done was spent waiting."""
        waited = time.perf_counter() - self.last
        self.wait += waited
        if self.first is None:
            self.first = waited
        tensors = list(_tensors(batch))
        images = batch.get("image") if isinstance(batch, Mapping) else None
        counted = images if images is not None else next((t for t in tensors if t.ndim), ())
        self.samples += len(counted)
        self.bytes += sum(t.numel() * t.element_size() for t in tensors)

    def gone(self) -> None:
        """The batch is done."""
        self.last = time.perf_counter()

    def stood(self, seconds: float) -> None:
        """These were spent on something else."""
        self.begun, self.last = self.begun + seconds, self.last + seconds

    def numbers(self) -> dict[str, float]:
        """What there is to report, by name."""
        seconds = max(self.last - self.begun, 1e-9)
        return {
            "samples": self.samples, "seconds": seconds,
            "samples_per_second": self.samples / seconds,
            "megabytes_per_second": self.bytes / 1e6 / seconds,
            "wait": self.wait, "first_batch": self.first or 0.0,
        }  # fmt: skip


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
