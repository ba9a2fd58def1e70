"""EuroSAT RGB from random weights: how far a ResNet comes on 64 x 64 pictures of land use.

    python examples/eurosat.py EuroSAT_RGB.zip --out eurosat --per-class 300 --seeds 0 1 2

The archive holds one folder a class. Every seed draws its own images (``--per-class``), weights
and split, which is stratified by class: 60 % to train, 20 % to validate and 20 % to test. AdamW, a
tenth of the learning rate when the validation loss no longer falls, and then an end; the epoch of
the least validation loss is tested, once. Nothing is chosen by the test part.

Leaves, a folder a seed: scores.json, per_class.csv, confusion.csv and .png, metrics.csv and
curves.png, mistakes.png; and summary.json over the seeds.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import time
from typing import Any

import kornia.augmentation as K
import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, Subset

from swath.datasets import NonGeoClassificationDataset, stack_samples, stratified_split
from swath.fetch import extract_archive
from swath.plot import confusion_figure, labelled_images, save_figure, training_curves
from swath.trainers import ClassificationTask, load_task
from swath.transforms import Augmentation


def main() -> None:
    """Train with each seed, and say the mean."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("archive")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("eurosat"))
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--per-class", type=int, help="images of each class; all if left out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    extract_archive(options.archive, options.out / "images")
    first = next(p for p in sorted((options.out / "images").rglob("*")) if p.suffix == ".jpg")
    data = NonGeoClassificationDataset(first.parents[1])
    found = [train(options, data, seed) for seed in options.seeds]
    accuracies = [run["test_accuracy"] for run in found]
    summary = {
        "model": options.model, "seeds": options.seeds, "accuracies": accuracies,
        "mean": statistics.mean(accuracies),
        "std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
    }  # fmt: skip
    (options.out / "summary.json").write_text(json.dumps(summary, indent=1))
    print(json.dumps(summary, indent=1))


def train(options: argparse.Namespace, data: NonGeoClassificationDataset, seed: int) -> Any:
    """Train and test with one seed, and draw."""
    out = options.out / f"{options.model}-seed{seed}"
    out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    seed_everything(seed)
    chosen = np.arange(len(data))
    if options.per_class:
        rng = np.random.default_rng(seed)
        chosen = np.concatenate(
            [rng.permutation(np.flatnonzero(data.targets == c))[: options.per_class]
             for c in range(len(data.classes))]
        )  # fmt: skip
    parts = stratified_split(data.targets[chosen], (0.6, 0.2, 0.2), seed)
    train, val, test = (Subset(data, chosen[p].tolist()) for p in parts)
    pixels = torch.stack([train[i]["image"] for i in range(0, len(train), 10)])
    task = ClassificationTask(
        options.model, num_classes=len(data.classes), labels=data.classes, lr=1e-3, patience=5,
        mean=pixels.mean((0, 2, 3)).tolist(), std=pixels.std((0, 2, 3)).tolist(),
    )  # fmt: skip
    turns = Augmentation(K.RandomHorizontalFlip(), K.RandomVerticalFlip())

    def augmented(samples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        return turns(stack_samples(samples))

    best = ModelCheckpoint(out, "best", monitor="val_loss", enable_version_counter=False)
    trainer = Trainer(
        max_epochs=options.epochs, logger=CSVLogger(out, name="", version=""), deterministic=True,
        callbacks=[best, EarlyStopping("val_loss", patience=10)], enable_model_summary=False,
        enable_progress_bar=False, log_every_n_steps=10,
    )  # fmt: skip
    trainer.fit(
        task,
        DataLoader(train, 64, shuffle=True, collate_fn=augmented, drop_last=True),
        DataLoader(val, 256, collate_fn=stack_samples),
    )
    epochs = trainer.current_epoch
    seconds = time.monotonic() - start
    found = load_task(best.best_model_path)
    last = DataLoader(test, 256, collate_fn=stack_samples)
    scores = trainer.test(found, last, verbose=False)[0]
    with torch.inference_mode():
        chances = torch.cat([found.eval().predict_step(b, 0)["probabilities"] for b in last])
    truth = torch.tensor(data.targets[test.indices])
    draw(out, data.classes, [test[i]["image"] for i in range(len(test))], truth, chances)
    result = {
        "model": options.model, "seed": seed, "images": len(chosen), "train": len(train),
        "val": len(val), "test": len(test), "epochs": epochs, "seconds": round(seconds),
        **scores,
    }  # fmt: skip
    (out / "scores.json").write_text(json.dumps(result, indent=1))
    print(json.dumps({k: v for k, v in result.items() if "/" not in k}, indent=1), flush=True)
    return result


def draw(
    out: pathlib.Path, classes: list[str], images: list[torch.Tensor], truth: torch.Tensor,
    chances: torch.Tensor,
) -> None:  # fmt: skip
    """What is confused with what, the surest mistakes, and how the training went."""
    sure, guess = chances.max(1)
    wrong = (guess != truth).nonzero()[:, 0]
    worst = wrong[sure[wrong].argsort(descending=True)[:24]].tolist()
    if worst:
        figure = labelled_images(
            [images[i] for i in worst], [truth[i] for i in worst], [guess[i] for i in worst],
            classes=classes, scores=[float(sure[i]) for i in worst],
            suptitle="The surest mistakes: truth, and what it was taken for",
        )  # fmt: skip
        save_figure(figure, out / "mistakes.png")
    counts = torch.zeros(len(classes), len(classes), dtype=torch.long)
    counts.index_put_((truth, guess), torch.ones_like(truth), accumulate=True)
    pd.DataFrame(counts.numpy(), classes, classes).to_csv(out / "confusion.csv")
    hit = counts.diagonal()
    table = pd.DataFrame(
        {"images": counts.sum(1), "recall": hit / counts.sum(1), "precision": hit / counts.sum(0),
         "f1": 2 * hit / (counts.sum(0) + counts.sum(1))}, classes,
    )  # fmt: skip
    table.to_csv(out / "per_class.csv", float_format="%.4f")
    print(table.round(3).to_string(), flush=True)
    save_figure(confusion_figure(counts, classes=classes, title="test"), out / "confusion.png")
    save_figure(training_curves(out / "metrics.csv"), out / "curves.png")


if __name__ == "__main__":
    main()
