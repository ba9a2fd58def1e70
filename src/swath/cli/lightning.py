"""LightningCLI with run folders: where a run's files go, and what is said at its end."""

from __future__ import annotations

import contextlib
import glob
import io
import json
import logging
import os
import re
import signal
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from swath.cli.callbacks import PatchWriter, Picture
from swath.cli.check import check_layers, parser_options
from swath.cli.classes import find_class
from swath.cli.layers import read_layers, with_full_names
from swath.cli.rows import RowWriter
from swath.cli.run_folder import RunRecord
from swath.cli.stopped import last_epoch, stopped_by
from swath.cli.trackers import add_trackers
from swath.datamodules import GeoDataModule
from swath.errors import ConfigError
from swath.trainers import BaseTask, SemanticSegmentationTask

__all__ = ["SwathCLI", "run_stage"]


class SwathCLI(LightningCLI):
    """Adds `name` and `runs`, the checkpoints of the best and the last epoch, and a report."""

    def __init__(self, stage: str, argv: Sequence[str]) -> None:
        self.stage = stage
        self.folder = ""
        self.command = (stage, *argv)
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            super().__init__(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                save_config_callback=SaveConfigCallback if stage == "fit" else None,
                save_config_kwargs={"overwrite": True},
                # Swath's samplers know the ranks themselves.
                trainer_defaults={"use_distributed_sampler": False, "enable_model_summary": False},
                parser_kwargs={"exit_on_error": False, stage: {"exit_on_error": False}},
                args=[stage, *argv],
            )
        except SystemExit as stop:
            raise stopped_by(stop, stage, self.folder, interrupt) from None

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options that are the run's and not Lightning's."""
        parser.add_argument("--name", type=str, default="run", help="name of the run")
        parser.add_argument("--runs", type=str, default="runs", help="folder of all runs")
        parser.add_argument(
            "--track", type=str | list[str], default=[], help="tensorboard, mlflow, wandb: also"
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.monitor": None,  # the task's own `best`
                "checkpoint.mode": "auto",
                "checkpoint.filename": "best",
                "checkpoint.save_last": True,
                "checkpoint.enable_version_counter": False,
            }
        )

    def _parse_ckpt_path(self) -> None:
        """Nothing: the config says what the model is.

        Lightning would lay the checkpoint's hyperparameters over it, as if they were options of
        `LightningModule` itself, and refuse every checkpoint.
        """

    def before_instantiate_classes(self) -> None:
        """Choose the run's folder and send everything there."""
        config = self.config[self.stage]
        resumed = config.get("ckpt_path")
        config["runs"] = _folder_of_runs(config["runs"], config["trainer"]["default_root_dir"])
        if self.stage == "fit":
            self.folder = (
                os.path.dirname(resumed) if resumed else new_run(config["runs"], config["name"])
            )
        elif resumed:
            self.folder = os.path.dirname(resumed) or "."
        else:
            self.folder = newest_run(config["runs"], config["name"])
            config["ckpt_path"] = os.path.join(self.folder, "best.ckpt")
        if resumed and not os.path.isfile(resumed):
            raise ConfigError(f"--ckpt_path {resumed} does not exist")
        config["trainer"]["default_root_dir"] = self.folder
        config["checkpoint"]["dirpath"] = self.folder
        best = best_score(config["model"])
        chosen = chosen_score(config["checkpoint"], best)
        config["checkpoint"]["monitor"], config["checkpoint"]["mode"] = chosen
        config["name"] = os.path.basename(os.path.normpath(self.folder))
        if _is_own(config["trainer"]["logger"]):
            # A test must not write over the training's metrics.csv, nor a resumed training.
            config["trainer"]["logger"] = self.stage == "fit" and {
                "class_path": "lightning.pytorch.loggers.CSVLogger",
                "init_args": {
                    "save_dir": self.folder,
                    "name": "",
                    "version": _free_version(self.folder),
                },
            }
        if "verbose" in config:
            config["verbose"] = False  # the report below says it by the classes' names
        if self.stage == "predict":
            config["return_predictions"] = False

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """A trainer with the callbacks of the stage."""
        trainer: Any = super().instantiate_trainer(**kwargs)
        maps = self._maps()
        if self.stage == "predict":
            writer = (
                PatchWriter if maps and isinstance(self.datamodule, GeoDataModule) else RowWriter
            )
            trainer.callbacks.append(writer(os.path.join(self.folder, "predictions")))
        else:
            trainer.callbacks.append(Picture(self.folder))
        # in every stage: Lightning warns of a checkpoint whose callbacks are not there
        given = self.config[self.stage]["checkpoint"]
        trainer.callbacks += last_epoch(trainer.checkpoint_callback, given)
        if self.stage == "fit":
            add_trackers(trainer, self.config["fit"]["track"], self.folder)
        config = self.config[self.stage]
        trainer.callbacks.append(RunRecord(self.folder, self.command, config["seed_everything"]))
        return trainer

    def _maps(self) -> bool:
        """Whether the task gives each pixel of one image a class."""
        task: Any = self.model
        return type(task) is SemanticSegmentationTask and task.hparams["task"] == "multiclass"

    def after_fit(self) -> None:
        """Say where the best model is."""
        best: Any = self.trainer.checkpoint_callback
        if best is not None and best.best_model_path:
            print(f"\nBest epoch: {best.monitor} {float(best.best_model_score):.3f}")
        files = ("config.yaml", "metrics.csv", "best.ckpt", "last.ckpt", "val.png")
        there = [f for f in files if os.path.exists(os.path.join(self.folder, f))]
        print(f"Run: {self.folder} ({', '.join(there)})")
        print("Next: swath test --config " + os.path.join(self.folder, "config.yaml"))

    def after_validate(self) -> None:
        """Say the scores."""
        self._report("val")

    def after_test(self) -> None:
        """Say the scores."""
        self._report("test")

    def after_predict(self) -> None:
        """Say where the files are."""
        print(f"Probabilities: {os.path.join(self.folder, 'predictions')}")

    def _report(self, stage: str) -> None:
        scores = {
            name[len(stage) + 1 :]: float(value)
            for name, value in self.trainer.callback_metrics.items()
            if name.startswith((f"{stage}_", f"{stage}/"))
        }
        path = os.path.join(self.folder, f"{stage}.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(scores, file, indent=2)
        os.replace(path + ".part", path)
        print("\n" + score_table(scores))
        picture = os.path.join(self.folder, f"{stage}.png")
        print(f"Scores: {path}" + (f"   Picture: {picture}" if os.path.exists(picture) else ""))
        if self._maps():
            checkpoint = self.config[self.stage]["ckpt_path"]
            print(f"Next: swath map --checkpoint {checkpoint} --images DIR --out map.tif")


def score_table(scores: dict[str, float]) -> str:
    """Scores as lines of text: the overall ones, then those of each class, a column a score."""
    labels = {
        "accuracy": "overall accuracy",
        "majority": "  of the commonest class alone",
        "miou": "mean IoU",
    }
    overall = [k for k in labels if k in scores]
    overall += [k for k in scores if "/" not in k and k not in labels]
    lines = [f"  {labels.get(key, key):32}{_number(scores[key])}" for key in overall]
    columns = list(dict.fromkeys(k.partition("/")[0] for k in scores if "/" in k))
    if len(columns) > 1:
        lines.append(" " * 34 + "".join(f"{c:>11}" for c in columns))
    for name in dict.fromkeys(k.partition("/")[2] for k in scores if "/" in k):
        cells = [scores.get(f"{column}/{name}", float("nan")) for column in columns]
        wide = "".join(f"{_number(c):>11}" for c in cells)
        lines.append(f"    {name:30}" + (_number(cells[0]) if len(columns) == 1 else wide))
    return "\n".join(lines)


def _number(value: float) -> str:
    if value != value:
        return "  none"
    return f"{value:6.3f}" if abs(value) < 1000 else f"{value:6.4g}"


def best_score(model: Any) -> tuple[str, str]:
    """What a task keeps its best checkpoint by; a module that is no task of Swath: the loss."""
    cls = find_class(model["class_path"], "model")
    return getattr(cls, "best", BaseTask.best)


def chosen_score(given: Any, best: tuple[str, str]) -> tuple[str, str]:
    """Name and direction of the score that decides, from the options and the task."""
    monitor, mode = given["monitor"] or best[0], given["mode"]
    if mode != "auto":
        return monitor, mode
    if monitor == best[0]:
        return best
    less = any(word in monitor for word in ("loss", "rmse", "mse", "mae", "error", "perplexity"))
    return monitor, "min" if less else "max"


def _is_own(logger: Any) -> bool:
    """Whether the logger is not of the user's choice, but nobody's or an earlier run's of ours."""
    if logger is None or isinstance(logger, bool):
        return logger is not False
    options = getattr(logger, "init_args", None) or {}
    return options.get("name") == "" and "CSVLogger" in str(logger.class_path)


def _free_version(folder: str) -> str:
    """Where metrics.csv goes: the folder itself, or for a training that goes on, one below it."""
    if not os.path.exists(os.path.join(folder, "metrics.csv")):
        return ""
    number = 1
    while os.path.exists(os.path.join(folder, f"resumed-{number}")):
        number += 1
    return f"resumed-{number}"


def _folder_of_runs(runs: str, root: str | None) -> str:
    """Lightning's name for the folder of all runs counts as ours, if only that is given.

    A config that a run has left names the run's own folder there.
    """
    given = root is not None and os.path.dirname(os.path.normpath(root)) != os.path.normpath(runs)
    return str(root) if given and runs == "runs" else runs


def new_run(runs: str, name: str) -> str:
    """A folder that no run has used: NAME, or NAME-2, NAME-3… so that no result is written over."""
    for number in range(1, 100_000):
        folder = os.path.join(runs, name if number == 1 else f"{name}-{number}")
        try:
            os.makedirs(folder)
        except FileExistsError:
            if os.listdir(folder):
                continue
        return folder
    raise ConfigError(f"there are 100000 runs called {name!r} in {runs}: choose another --name")


def newest_run(runs: str, name: str) -> str:
    """The latest run of a name that has a best checkpoint."""
    found = glob.glob(os.path.join(glob.escape(runs), glob.escape(name), "best.ckpt"))
    found += glob.glob(os.path.join(glob.escape(runs), glob.escape(name) + "-[0-9]*", "best.ckpt"))
    if not found:
        raise ConfigError(
            f"no run called {name!r} with a best.ckpt is in {runs}: run swath fit first, or give "
            "--ckpt_path"
        )
    return os.path.dirname(max(found, key=os.path.getmtime))


def own_options() -> dict[str, tuple[Any, bool]]:
    """The options that `SwathCLI` adds to Lightning's."""
    parser = LightningArgumentParser()
    cli: Any = SwathCLI
    cli.add_arguments_to_parser(None, parser)
    return parser_options(parser)


def asks(argv: Sequence[str]) -> bool:
    """Whether only help is wanted: the config may then be in any state."""
    return any(a in ("--help", "-h") or a.partition("=")[0].endswith(".help") for a in argv)


def run_stage(stage: str, argv: Sequence[str]) -> int:
    """Run ``fit``, ``validate``, ``test`` or ``predict``."""
    argv = ["--help" if a == "--help-all" else a for a in argv]
    noises = (
        "does not have many workers",
        "Checkpoint directory",
        "callbacks used to create the checkpoint",  # a test keeps no best one
        "srun",
        "log_every_n_steps",
        "args parameter is intended",
        "logs directory .* exists",
        "LeafSpec",
        "number of training batches",
    )
    levels = {
        # Its smaller windows are filled up by the data modules of Swath.
        "swath.samplers.grid": logging.ERROR,
        "lightning.pytorch.utilities.rank_zero": logging.WARNING,
        "lightning.fabric.utilities.seed": logging.WARNING,
    }
    from jsonargparse import ArgumentError

    with warnings.catch_warnings(), _levels(levels):
        for noise in noises:
            warnings.filterwarnings("ignore", message=f".*{noise}.*")
        warnings.filterwarnings("ignore", category=FutureWarning, module="lightning")
        try:
            layers = read_layers(argv)
            if not asks(argv):
                check_layers(stage, layers, own_options())
            full = with_full_names(argv, layers)
            with short_help() if asks(argv) else contextlib.nullcontext():
                SwathCLI(stage, full)
        except ArgumentError as error:
            raise ConfigError(f"{error}; swath {stage} --help lists the options") from error
    return 0


@contextlib.contextmanager
def short_help() -> Iterator[None]:
    """Leave long lists of subclasses (every layer of PyTorch) out of what is printed."""
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        lists = re.compile(r",\s+known\s+subclasses:[^)]*(?=\))")
        print(lists.sub(lambda m: m[0] if m[0].count(",") < 20 else "", text.getvalue()), end="")


@contextlib.contextmanager
def _levels(levels: dict[str, int]) -> Iterator[None]:
    """Other levels for some loggers while a stage runs, for the sake of whoever called it."""
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
