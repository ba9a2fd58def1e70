"""A task of one's own says what a batch's loss is, in one step or in one a stage."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swath.trainers import BaseTask

BATCH = {"image": torch.ones(2, 3), "label": torch.zeros(2, 1)}


class Silent(BaseTask):
    """Forgets to say it."""

    def configure_models(self) -> None:
        self.model = nn.Linear(3, 1)


class OneStep(Silent):
    """One step for all stages."""

    def step(self, batch: Any, stage: str) -> Tensor:
        return (self.model(batch["image"]) - batch["label"]).square().mean()


class TrainingStep(Silent):
    """The field's own way: a step a stage."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.model(batch["image"]).abs().mean()


@pytest.mark.parametrize("name", ["training_step", "validation_step", "test_step"])
def test_a_task_without_a_step_says_what_to_define(name: str) -> None:
    with pytest.raises(NotImplementedError, match=r"Silent .* define step\(.* training_step"):
        getattr(Silent(), name)(BATCH, 0)
    assert getattr(OneStep(), name)(BATCH, 0).ndim == 0


def test_a_step_a_stage_serves_as_well() -> None:
    assert TrainingStep().training_step(BATCH, 0).requires_grad
