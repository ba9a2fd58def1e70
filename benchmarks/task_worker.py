"""One training task of one library in this process: fits it, and times steps when it is told to.

    python benchmarks/task_worker.py '{"library": "swath", "task": "classification", …}'

A real Lightning ``Trainer`` fits the task, without logger, checkpoints, progress bar or validation.
Its data loader is this script's: it hands out one batch, the same again and again, and a step is
all that happens until the trainer asks for the next: transfer, hooks, forward, loss, metrics,
logging, backward, optimiser, momentum encoders. The trainer waits while no word comes.

Words are ``step``, ``loader`` (batches of real files, where the job names them) and ``memory``,
which ends; see model_worker.py. The same lines serve both libraries.
"""

import contextlib
import importlib
import itertools
import json
import os
import platform
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import torch
from model_worker import answering, resident
from torch import Tensor, nn

Batch = dict[str, Any]
Feed = Callable[[int, int], Batch]

CLASSES = 10
#: Of an image of the detectors: fewer than ever overlap too little to be dropped.
PROPOSALS = 100


def images(channels: int, *target: str) -> Feed:
    """Batches of an image and ``label``, ``value``, ``mask``, ``heights`` or ``change``."""

    def feed(batch: int, size: int) -> Batch:
        found: Batch = {"image": torch.randn(batch, channels, size, size)}
        for name in target:
            found |= {
                "label": lambda: {"label": torch.randint(0, CLASSES, (batch,))},
                "value": lambda: {"label": torch.randn(batch, 1)},
                "mask": lambda: {"mask": torch.randint(0, CLASSES, (batch, size, size))},
                "heights": lambda: {"mask": torch.randn(batch, size, size)},
            }[name]()
        return found

    return feed


def pairs(batch: int, size: int) -> Batch:
    return {
        "image": torch.randn(batch, 2, 4, size, size),
        "mask": torch.randint(0, 2, (batch, 1, size, size)),
    }


def series(batch: int, size: int) -> Batch:
    return {
        "image": torch.randn(batch, 4, 4, size, size),
        "mask": torch.randint(0, CLASSES, (batch, size, size)),
    }


def heights(batch: int, size: int) -> Batch:
    return {"image": torch.randn(batch, 4, 4, size, size), "mask": torch.rand(batch, size, size)}


def numbers(batch: int, size: int) -> Batch:
    return {"input": torch.randn(batch, 24, 64), "target": torch.randn(batch, 3, 1)}


def objects(batch: int, size: int) -> Batch:
    """Ten boxes an image, filled as masks."""
    corner = torch.randint(0, size // 2, (batch, 10, 2))
    side = torch.randint(8, size // 2, (batch, 10, 2))
    boxes = torch.cat([corner, corner + side], 2)
    masks = torch.zeros(batch, 10, size, size, dtype=torch.uint8)
    for image, number in itertools.product(range(batch), range(10)):
        x0, y0, x1, y1 = boxes[image, number].tolist()
        masks[image, number, y0:y1, x0:x1] = 1
    return {
        "image": torch.rand(batch, 3, size, size), "bbox_xyxy": list(boxes.float()),
        "label": list(torch.randint(1, CLASSES, (batch, 10))), "mask": list(masks),
    }  # fmt: skip


def boxes(batch: int, size: int) -> Batch:
    return {name: value for name, value in objects(batch, size).items() if name != "mask"}


R18 = {"backbone": "resnet18"}
PER_PIXEL = {"in_channels": 4, "num_classes": CLASSES}
BARE = nn.Identity

#: Name of a row: the task, its arguments for both, those that only ours wants to be the same, its
#: batch, and the side of its images where only one will do. ``Identity`` stands for no
#: augmentation.
ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any], Feed, int | None]] = {
    "classification": (
        "Classification", {"model": "resnet18", "in_channels": 13, "num_classes": CLASSES}, {},
        images(13, "label"), None,
    ),
    "regression": ("Regression", {"model": "resnet18"}, {}, images(3, "value"), None),
    "segmentation-unet": (
        "SemanticSegmentation", {"model": "unet", **R18, **PER_PIXEL}, {}, images(4, "mask"), None,
    ),
    "segmentation-deeplabv3+": (
        "SemanticSegmentation", {"model": "deeplabv3+", **R18, **PER_PIXEL}, {},
        images(4, "mask"), None,
    ),
    "pixelwise-regression": (
        "PixelwiseRegression", {"model": "unet", **R18, "in_channels": 4}, {},
        images(4, "heights"), None,
    ),
    "change-fcsiamdiff": (
        "ChangeDetection", {"model": "fcsiamdiff", **R18, "in_channels": 4}, {}, pairs, None,
    ),
    "change-unet": (
        "ChangeDetection", {"model": "unet", **R18, "in_channels": 4}, {}, pairs, None,
    ),
    "detection": (
        "ObjectDetection", {**R18, "num_classes": CLASSES, "trainable_layers": 5}, {}, boxes, None,
    ),
    "instance": (
        "InstanceSegmentation", {"backbone": "resnet50", "num_classes": CLASSES}, {}, objects, None,
    ),
    "byol": ("BYOL", {"model": "resnet18"}, {}, images(3), 224),
    "moco": (
        "MoCo", {"model": "resnet18", "lr": 1e-3}, {"optimizer": "adamw"}, images(3), 224,
    ),
    "moco-bare": (
        "MoCo", {"model": "resnet18", "lr": 1e-3, "augmentation1": BARE, "augmentation2": BARE},
        {"optimizer": "adamw"}, images(3), 224,
    ),
    "simclr-v1": (
        "SimCLR", {"model": "resnet18", "version": 1, "layers": 2, "memory_bank_size": 0,
                   "lr": 1e-3}, {}, images(3), 224,
    ),
    "simclr-v1-bare": (
        "SimCLR", {"model": "resnet18", "version": 1, "layers": 2, "memory_bank_size": 0,
                   "lr": 1e-3, "augmentations": BARE}, {}, images(3), 224,
    ),
    "simclr-v2": (
        "SimCLR", {"model": "resnet18", "memory_bank_size": 4096, "lr": 1e-3}, {}, images(3), 224,
    ),
    "mae": ("MAE", {"model": "vit_small_patch16_224"}, {}, images(3), 224),
    "mae-bare": (
        "MAE", {"model": "vit_small_patch16_224", "transform": BARE}, {}, images(3), 224,
    ),
    "series-convlstm": ("SpatioTemporalSegmentation", PER_PIXEL, {}, series, None),
    "series-conv3dlstm": (
        "SpatioTemporalSegmentation", {"model": "conv3dlstm", **PER_PIXEL}, {}, series, None,
    ),
    "series-heights": (
        "SpatioTemporalPixelwiseRegression", {"in_channels": 4}, {}, heights, None,
    ),
    "numbers-ltae": (
        "TemporalRegression", {"in_channels": 64, "out_steps": 3}, {}, numbers, 0,
    ),
}  # fmt: skip

#: The row of real files: seven bands of Landsat, the Cropland Data Layer's values.
FILES = (
    "SemanticSegmentation", {"model": "unet", **R18, "in_channels": 7, "num_classes": 256}, {},
)  # fmt: skip


class Done(BaseException):
    """Nothing is left to be measured."""


class GPU:
    """Percent of the time that the GPU had something to do, as its driver counts."""

    def __init__(self, wanted: bool) -> None:
        self.percents: list[float] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True) if wanted else None

    def _look(self) -> None:
        asked = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self.ended.wait(0.2):
            with contextlib.suppress(OSError, ValueError, IndexError):
                said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
                self.percents.append(float(said.splitlines()[torch.cuda.current_device()]))

    def __enter__(self) -> "GPU":
        if self.thread:
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        if self.thread:
            self.thread.join()

    @property
    def mean(self) -> float | None:
        """Of what was looked at; None without a GPU."""
        return sum(self.percents) / len(self.percents) if self.percents else None


def build(job: dict[str, Any]) -> Any:
    """The task, its parameters drawn from a seed."""
    tasks = importlib.import_module("swath.trainers" if is_ours(job) else "torchgeo.tasks")
    name, both, ours, *_ = FILES if job["task"] == "files" else ROWS[job["task"]]
    given = {
        k: v() if v is BARE else v for k, v in {**both, **(ours if is_ours(job) else {})}.items()
    }
    torch.manual_seed(0)
    task = getattr(tasks, name)(**given)
    rpn = getattr(task.model, "rpn", None) if job["task"] in ("detection", "instance") else None
    if rpn is not None:
        # A step's time goes with the proposals that overlap too little to be dropped, which is
        # luck: 190 to 510 an image from one step to the next. Always so many are left.
        rpn._post_nms_top_n = {"training": PROPOSALS, "testing": PROPOSALS}
    return task


def is_ours(job: dict[str, Any]) -> bool:
    return bool(job["library"] == "swath")


def real_batches(job: dict[str, Any]) -> Iterator[Batch]:
    """Batches of files without an end, as worker.py reads them."""
    from torch.utils.data import DataLoader

    datasets = importlib.import_module(f"{job['library']}.datasets")
    samplers = importlib.import_module(f"{job['library']}.samplers")
    dataset = datasets.Landsat8(job["images"]) & datasets.CDL(job["labels"])
    sampler = samplers.RandomBatchGeoSampler(
        dataset, size=job["size"], batch_size=job["batch"], length=10**6
    )
    loader = DataLoader(
        dataset, batch_sampler=sampler, num_workers=job["workers"],
        collate_fn=datasets.stack_samples, pin_memory=job["device"] != "cpu",
    )  # fmt: skip
    for batch in loader:
        yield {"image": batch["image"].float(), "mask": batch["mask"].squeeze(1).long()}


def copied(value: Any) -> Any:
    """The same values in tensors of their own: a task may change what it gets."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {name: copied(part) for name, part in value.items()}
    return [copied(part) for part in value]


class Batches:
    """What the trainer takes for a data loader: it hands out batches when there is a word."""

    def __init__(self, job: dict[str, Any], task: Any, answer: Callable[[Batch], None]) -> None:
        self.job, self.task, self.answer = job, task, answer
        self.cuda = job["device"].startswith("cuda")

    def __len__(self) -> int:
        return 10**6  # known, so that the trainer fetches none in advance

    def held(self, most: bool = True) -> int:
        """Bytes in use, or the most so far."""
        if not self.cuda:
            return resident()
        return torch.cuda.max_memory_allocated() if most else torch.cuda.memory_allocated()

    def now(self) -> float:
        """Seconds of the clock, when the device is done."""
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def __iter__(self) -> Iterator[Batch]:
        real = real_batches(self.job) if self.job["task"] == "files" else None
        torch.manual_seed(1)
        same = None if real else ROWS[self.job["task"]][3](self.job["batch"], self.job["size"])
        before = self.held(most=False)
        yield next(real) if real else copied(same)  # not counted
        self.answer(self.about())
        for word in sys.stdin:
            if word.strip() == "memory":
                self.answer({"peak_bytes": {"step": self.held() - before}})
                break
            seconds, cpu, waited = [], [], 0.0
            with GPU(self.cuda) as gpu:
                for _ in range(self.job["repeats"]):
                    batch = copied(same) if real is None else None
                    start, busy = self.now(), time.process_time()
                    if real is not None:
                        batch = next(real)
                        waited += time.perf_counter() - start
                    yield batch
                    seconds.append(self.now() - start)
                    cpu.append(time.process_time() - busy)
            self.answer({"seconds": seconds, "cpu": cpu, "waited": waited, "gpu_percent": gpu.mean})
        raise Done

    def about(self) -> dict[str, Any]:
        """The library, and what is trained."""
        return {
            "parameters": sum(p.numel() for p in self.task.parameters() if p.requires_grad),
            "optimizer": type(self.task.trainer.optimizers[0]).__name__,
            "version": f"{self.job['library']} {version(self.job['library'])}",
            "python": platform.python_version(), "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if self.cuda else None,
        }  # fmt: skip


def main() -> None:
    answer = answering()
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    os.environ["OMP_NUM_THREADS"] = os.environ["SWATH_NUM_THREADS"] = str(job["threads"])
    warnings.filterwarnings("ignore")
    from lightning.pytorch import LightningDataModule, Trainer

    class Data(LightningDataModule):
        # some of the peer's tasks ask their data for these
        target_mean, target_std = torch.zeros(1), torch.ones(1)

        def train_dataloader(self) -> Any:
            return Batches(job, task, answer)

    try:
        task = build(job)
        trainer = Trainer(
            accelerator="gpu" if job["device"].startswith("cuda") else "cpu", devices=1,
            precision=job["precision"], max_epochs=100, limit_val_batches=0, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(task, datamodule=Data())
    except Done:
        return
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {str(error)[:300]}"})


if __name__ == "__main__":
    main()
