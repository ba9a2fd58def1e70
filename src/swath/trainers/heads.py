"""Heads of a network that answers several questions: each is a task without a network."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, nearest
from swath.trainers.base import BaseTask
from swath.trainers.classification import ClassificationTask, MultiLabelClassificationTask
from swath.trainers.regression import PixelwiseRegressionTask, RegressionTask
from swath.trainers.segmentation import SemanticSegmentationTask

__all__ = ["KINDS", "Balance", "Head", "build_heads"]

#: Kinds of heads, and the tasks whose loss, scores and answers they have.
KINDS: dict[str, type[BaseTask]] = {
    "classification": ClassificationTask,
    "multilabel": MultiLabelClassificationTask,
    "regression": RegressionTask,
    "segmentation": SemanticSegmentationTask,
    "pixelwise_regression": PixelwiseRegressionTask,
}
#: Options of those tasks that are the network's and the training's, not the head's.
_SHARED = (
    "self", "model", "backbone", "weights", "in_channels", "num_filters", "lr", "patience",
    "freeze_backbone", "freeze_decoder", "crs", "res", "patch_size", "options",
)  # fmt: skip
#: Truth that is unknown, where a head of classes is not told another value.
_UNKNOWN = -100


@dataclass(frozen=True)
class Head:
    """One question.

    Attributes:
        name: In logs, predictions and pictures.
        key: Of its truth in a batch.
        weight: Of its loss, where weights are fixed.
        task: Whose loss, scores and answers it has; its network is empty.
    """

    name: str
    key: str
    weight: float
    task: Any

    @property
    def pixels(self) -> bool:
        """Whether each pixel has an answer, and not each image."""
        return isinstance(self.task, SemanticSegmentationTask | PixelwiseRegressionTask)

    @property
    def classes(self) -> bool:
        """Whether the answers are classes, and not numbers."""
        return not isinstance(self.task, RegressionTask)

    @property
    def outputs(self) -> int:
        """Channels that the network gives for it."""
        return int(self.task.outputs if self.classes else self.task.hparams["num_outputs"])

    @property
    def squared(self) -> bool:
        """Whether its loss grows with the square of the error, as a Gaussian's does."""
        return not self.classes and self.task.given["loss"] in ("mse", "huber")

    def truth(self, batch: Mapping[str, Any]) -> Tensor:
        """Of a batch; NaN of classes becomes the value that does not count.

        Raises:
            ConfigError: The batch has none.
        """
        if self.key not in batch:
            raise ConfigError(
                f"the head {self.name!r} looks for {self.key!r} in a batch of {', '.join(batch)}: "
                "say where its truth is with key: …"
            )
        truth: Tensor = batch[self.key]
        if self.classes and truth.is_floating_point():
            unknown = truth.isnan()
            if bool(unknown.any()):
                truth = truth.masked_fill(unknown, self.task.hparams["ignore_index"])
            if self.task.hparams["task"] != "multilabel":
                truth = truth.long()
        return truth

    def answer(self, found: Tensor) -> Tensor:
        """Probabilities (B, classes, …), or numbers (B, outputs, …)."""
        return self.task.probabilities(found) if self.classes else found  # type: ignore[no-any-return]


def build_heads(config: Mapping[str, Any] | None) -> list[Head]:
    """Heads by name, each a mapping of ``kind`` (one of `KINDS`), ``key``, ``weight``, and options.

    Raises:
        ConfigError: No head; a name, kind or option that cannot be.
    """
    if not isinstance(config, Mapping) or not config:
        raise ConfigError(
            f"heads is {config!r}: expected a name and settings of each, such as "
            "{'cover': {'kind': 'segmentation', 'key': 'mask', 'num_classes': 5}}"
        )
    return [_head(name, options) for name, options in config.items()]


def _head(name: str, config: Any) -> Head:
    if not isinstance(name, str) or not re.fullmatch(r"[\w -]+", name):
        raise ConfigError(f"a head is called {name!r}: expected letters, digits, '_', '-' and ' '")
    if name in ("bounds", "transform", "crs"):
        raise ConfigError(f"a head is called {name!r}, which is where an image lies: rename it")
    if not isinstance(config, Mapping) or "kind" not in config:
        raise ConfigError(
            f"the head {name!r} is {config!r}: expected its kind, one of {', '.join(KINDS)}"
        )
    options = dict(config)
    kind, weight = options.pop("kind"), options.pop("weight", 1.0)
    if kind not in KINDS:
        raise ConfigError(f"the head {name!r} is of the kind {kind!r}: {nearest(kind, KINDS)}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e9:
        raise ConfigError(f"the head {name!r} has the weight {weight!r}: expected a number above 0")
    cls = KINDS[kind]
    key = options.pop("key", None) or ("mask" if _of_pixels(cls) else "label")
    known = {p for base in cls.__mro__ if base is not BaseTask and issubclass(base, BaseTask)
             for p in inspect.signature(base.__init__).parameters} - {*_SHARED}  # fmt: skip
    if "labels" in known and "classes" in options and "classes" not in known:
        options["labels"] = options.pop("classes")  # one word for the names of classes
    for option in options:
        if option not in known:
            raise ConfigError(
                f"the head {name!r} has no option {option!r}: "
                f"{nearest(option, {*known, 'kind', 'key', 'weight'})}"
            )
    if not issubclass(cls, RegressionTask) and options.get("ignore_index") is None:
        options["ignore_index"] = _UNKNOWN
    try:
        build: Any = cls
        task = build(model=nn.Identity(), **options)
    except ConfigError as error:
        raise ConfigError(f"the head {name!r}: {error}") from error
    return Head(name, key, float(weight), task)


def _of_pixels(cls: type[BaseTask]) -> bool:
    return issubclass(cls, SemanticSegmentationTask | PixelwiseRegressionTask)


class Balance(nn.Module):
    """One loss of several: a weighted sum, or weighted by uncertainty that is learned.

    The uncertainty is that of https://arxiv.org/abs/1705.07115, section 3: of each head the
    logarithm ``s`` of its variance, which is learned from 0 on. A head of squared errors has the
    loss ``L exp(-s) / 2 + s / 2``, any other ``L exp(-s) + s / 2``. A head without truth in a batch
    has none.

    Args:
        weights: One a head.
        squared: Of each head, whether its loss is of squared errors.
        uncertainty: Whether weights are learned.
    """

    def __init__(
        self, weights: list[float], squared: list[bool], uncertainty: bool = False
    ) -> None:
        super().__init__()
        self.fixed = list(weights)
        self.scale = [0.5 if s else 1.0 for s in squared]
        zeros = nn.Parameter(torch.zeros(len(weights)))
        self.log_variance: nn.Parameter | None = zeros if uncertainty else None

    def forward(self, losses: list[Tensor], counts: list[int]) -> Tensor:
        """The sum of (heads) losses, of which each is the mean of as many values."""
        if self.log_variance is None:
            parts = [w * loss for w, loss in zip(self.fixed, losses, strict=True)]
        else:
            parts = [
                (scale * loss.float() * (-s).exp() + s / 2) * (count > 0)
                for loss, s, scale, count in zip(
                    losses, self.log_variance, self.scale, counts, strict=True
                )
            ]
        return torch.stack([part.float() for part in parts]).sum()
