"""What a task that draws no map predicts: a row an image, or the arrays themselves."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

__all__ = ["RowWriter"]

_PLACE = ("bounds", "transform", "crs")


class RowWriter(BasePredictionWriter):
    """Predictions as files that other programs read.

    Numbers an image ((B,) or (B, K), such as the probabilities of classes) become rows of
    ``predictions_<rank>.csv``, with the likeliest class where classes exclude each other; lists of
    boxes become lines of ``predictions_<rank>.jsonl``; whatever has more axes becomes one ``.npy``
    an image, named in its row. A rank's samples are counted in the order in which it reads them.
    """

    def __init__(self, folder: str) -> None:
        super().__init__("batch")
        self.folder = folder
        self._count = 0
        self._begun: set[str] = set()

    def write_on_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, prediction: Any, batch_indices: Any,
        batch: Any, batch_idx: int, dataloader_idx: int,
    ) -> None:  # fmt: skip
        """Write a batch."""
        os.makedirs(self.folder, exist_ok=True)
        rank = trainer.global_rank
        if isinstance(prediction, torch.Tensor):
            prediction = {"prediction": prediction}
        names = _names(pl_module)
        several = pl_module.hparams.get("task") == "multilabel"
        for row in _rows(prediction, names, several):
            row = {"sample": self._count, **row}
            row = {k: self._saved(k, v, rank) for k, v in row.items()}
            self._append(row, rank)
            self._count += 1

    def _saved(self, name: str, value: Any, rank: int) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        path = f"{name}_{rank}_{self._count:06d}.npy"
        np.save(os.path.join(self.folder, path), value)
        return path

    def _append(self, row: dict[str, Any], rank: int) -> None:
        lists = any(isinstance(v, list) for v in row.values())
        path = os.path.join(self.folder, f"predictions_{rank}.{'jsonl' if lists else 'csv'}")
        first = path not in self._begun
        self._begun.add(path)
        with open(path, "w" if first else "a", newline="", encoding="utf-8") as file:
            if lists:
                file.write(json.dumps(row) + "\n")
                return
            writer = csv.DictWriter(file, list(row), extrasaction="ignore")
            if first:
                writer.writeheader()
            writer.writerow(row)


def _names(task: Any) -> list[str]:
    found = task.example_names() if hasattr(task, "example_names") else []
    return [str(name) for name in found]


def _rows(prediction: Any, names: list[str], several: bool) -> list[dict[str, Any]]:
    """What was predicted for each image of a batch."""
    if isinstance(prediction, list | tuple):  # one mapping an image: detections
        return [
            {k: _listed(v) for k, v in one.items() if k not in _PLACE}
            if isinstance(one, Mapping) else {"prediction": _listed(one)}
            for one in prediction
        ]  # fmt: skip
    tensors = {
        k: v.detach().float().cpu().numpy()
        for k, v in prediction.items()
        if isinstance(v, torch.Tensor) and k not in _PLACE
    }
    others = {k: v for k, v in prediction.items() if isinstance(v, list) and k not in _PLACE}
    count = len(next(iter(tensors.values()), next(iter(others.values()), [])))
    rows = []
    for i in range(count):
        row: dict[str, Any] = {}
        for name, values in tensors.items():
            row |= _cells(name, values[i], names, several)
        for name, items in others.items():
            item = items[i]
            inside = item.items() if isinstance(item, Mapping) else [(name, item)]
            row |= {k: _listed(v) for k, v in inside}
        if isinstance(prediction.get("bounds"), torch.Tensor):
            b = prediction["bounds"][i].tolist()
            row |= {"xmin": b[0], "xmax": b[1], "ymin": b[3], "ymax": b[4]}
        rows.append(row)
    return rows


def _cells(name: str, value: Any, names: list[str], several: bool) -> dict[str, Any]:
    if value.ndim == 0:
        return {name: float(value)}
    if value.ndim > 1:
        return {name: value}
    if len(value) == len(names):
        labels = names
    else:
        labels = [str(k) for k in range(len(value))]
    cells: dict[str, Any] = {}
    if name == "probabilities" and not several:
        cells["class"] = labels[int(value.argmax())]
    return cells | {f"{name}/{n}": float(v) for n, v in zip(labels, value, strict=True)}


def _listed(value: Any) -> Any:
    return value.detach().cpu().tolist() if isinstance(value, torch.Tensor) else value
