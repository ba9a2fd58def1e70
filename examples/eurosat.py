"""EuroSAT RGB from random weights: how far a ResNet comes on 64 x 64 pictures of land use.

    python examples/eurosat.py EuroSAT_RGB.zip --out eurosat [--model resnet18] [--per-class 500]

The archive holds one folder a class. The split is stratified by class, 60 % to train, 20 % to
validate and 20 % to test, by a seed of its own; nothing is chosen by the test part. Leaves
scores.json, confusion.png and mistakes.png in --out.
"""

from __future__ import annotations

import argparse
import json
import pathlib

import kornia.augmentation as K
import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, Subset

from swath.datasets import NonGeoClassificationDataset, stack_samples, stratified_split
from swath.fetch import extract_archive
from swath.plot import confusion_figure, labelled_images, save_figure
from swath.trainers import ClassificationTask, load_task
from swath.transforms import Augmentation


def main() -> None:
    """Train, test, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("archive")
    parser.add_argument("--out", default="eurosat")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--per-class", type=int, help="images of each class; all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    out = pathlib.Path(options.out)
    extract_archive(options.archive, out / "images")
    first = next(p for p in sorted((out / "images").rglob("*")) if p.suffix == ".jpg")
    data = NonGeoClassificationDataset(first.parents[1])
    seed_everything(options.seed)

    chosen = np.arange(len(data))
    if options.per_class:
        rng = np.random.default_rng(options.seed)
        chosen = np.concatenate(
            [rng.permutation(np.flatnonzero(data.targets == c))[: options.per_class]
             for c in range(len(data.classes))]
        )  # fmt: skip
    parts = stratified_split(data.targets[chosen], (0.6, 0.2, 0.2), options.seed)
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
        max_epochs=options.epochs, default_root_dir=out, logger=False, deterministic=True,
        callbacks=[best, EarlyStopping("val_loss", patience=10)], enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(
        task,
        DataLoader(train, 64, shuffle=True, collate_fn=augmented, drop_last=True),
        DataLoader(val, 256, collate_fn=stack_samples),
    )
    found = load_task(best.best_model_path)
    scores = trainer.test(found, DataLoader(test, 256, collate_fn=stack_samples), verbose=False)[0]
    chances = torch.cat(
        [found.predict_step(b, 0)["probabilities"].detach()
         for b in DataLoader(test, 256, collate_fn=stack_samples)]
    )  # fmt: skip
    truth = torch.tensor(data.targets[test.indices])
    sure, guess = chances.max(1)
    wrong = (guess != truth).nonzero()[:, 0]
    worst = wrong[sure[wrong].argsort(descending=True)[:24]].tolist()
    save_figure(
        labelled_images(
            [test[i]["image"] for i in worst], [truth[i] for i in worst],
            [guess[i] for i in worst], classes=data.classes, scores=[float(sure[i]) for i in worst],
            suptitle="The surest mistakes: truth, and what it was taken for",
        ),
        out / "mistakes.png",
    )  # fmt: skip
    counts = torch.zeros(len(data.classes), len(data.classes), dtype=torch.long)
    counts.index_put_((truth, guess), torch.ones_like(truth), accumulate=True)
    save_figure(confusion_figure(counts, classes=data.classes), out / "confusion.png")
    result = {
        "model": options.model, "seed": options.seed, "images": len(chosen),
        "train": len(train), "val": len(val), "test": len(test),
        "epochs": trainer.current_epoch, **scores,
    }  # fmt: skip
    (out / "scores.json").write_text(json.dumps(result, indent=1))
    print(json.dumps({k: v for k, v in result.items() if "/" not in k}, indent=1))


if __name__ == "__main__":
    main()
